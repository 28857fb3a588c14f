//! Color lookup of each texel in the views.

use std::mem;

use hunyuan_paint_mesh::CanonicalMesh;
use hunyuan_paint_raster::{
    Size, View, VisibilityBuffer,
    gpu::{GpuDraw, GpuMesh, GpuView, wgpu},
};
use image::{GrayImage, RgbImage};
use rayon::prelude::*;

use super::{GpuBaker, passes::params, reliable_depth, resize, work::Work};
use crate::{
    BakeError, BakeOptions, BakeView, BakedTexture, check,
    gather::{image_scale, lookup_size},
    reliable_depth::DEPTH_RANGE_MIN,
    texels::{chart_positions, point_attributes, texel_side},
    visibility_test::ViewProjection,
};

/// The drawn charts of a texture.
struct Charts {
    /// The face of each texel, `NO_FACE` in the gutter.
    face_index: wgpu::Buffer,
    /// Three floats per texel.
    barycentrics: wgpu::Buffer,
    /// The faces of the mesh.
    faces: wgpu::Buffer,
    /// The number of texels with a face: one word.
    texel_count: wgpu::Buffer,
    /// The rasterizer's output, without the texels that only touch a chart.
    view: GpuView,
}

impl GpuBaker {
    /// Colors the texels that a view sees. Texels that no view sees stay black and uncovered.
    ///
    /// The result has the same bits as [`gather`](crate::gather()) with the charts of
    /// [`draw_charts`](crate::draw_charts). The largest buffer of the texture takes 24 bytes per
    /// texel.
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, there are no views, a weight, an option or a size is
    /// out of range, the length of a depth does not match its size, a view or the texture is larger
    /// than the device can bind, or the device is lost or out of memory.
    pub async fn gather_async(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
    ) -> Result<BakedTexture, BakeError> {
        check::mesh(mesh)?;
        check::views(views)?;
        options.validate()?;
        let texel_count = check::size("texture", texture_size, texture_size)?.pixel_count() as u32;
        for view in views {
            let size = view_size(view, options);
            let pixel_count = check::size("depth", size.width, size.height)?.pixel_count();
            if let Some(depth) = view.depth {
                check::length("depth", pixel_count, depth.z_view.len())?;
            }
        }

        let faces = GpuMesh::new(&self.device, &mesh.faces, mesh.positions.len()).await?;
        let charts = self.plan_charts(mesh, &faces, texture_size).await?;
        let [points, totals] = self
            .submit(|work| {
                let vertices =
                    work.upload("points of vertices", bytemuck::cast_slice(&point_attributes(mesh)))?;
                let points = work.buffer("points", u64::from(texel_count) * 24)?;
                let totals = work.buffer("totals", u64::from(texel_count) * 16)?;
                work.clear(&totals);
                let buffers = [&charts.face_index, &charts.barycentrics, &charts.faces, &vertices, &points];
                work.dispatch(&params::TexelPoints { texel_count }, &buffers, texel_count)?;
                Ok([points, totals])
            })
            .await?;
        // The host needs the mean size of a texel to choose the size of the images.
        let mut read = Vec::new();
        self.device.read(&charts.texel_count, 4, &mut read).await?;
        let drawn_texels: Vec<u32> = bytemuck::pod_collect_to_vec(&read);
        let texel_side = texel_side(mesh, drawn_texels.iter().sum::<u32>() as usize);
        self.charts.recycle(charts.view);

        let texels = Texels { count: texel_count, points: &points, totals: &totals };
        for view in views {
            let size = view_size(view, options);
            let projection = ViewProjection::new(&view.camera, size, options);
            if !projection.clip_rows.iter().chain([&projection.z_row]).all(|row| row.is_finite()) {
                // A camera whose projection is not finite sees nothing.
                continue;
            }
            let lookup = Lookup {
                projection,
                view_size: size,
                image_size: lookup_size(view, size, texel_side),
                options,
            };
            match view.depth {
                Some(depth) => {
                    self.submit(|work| {
                        let depth = work.upload("depth", bytemuck::cast_slice(&depth.z_view))?;
                        plan(work, view, &lookup, &depth, &texels)
                    })
                    .await?;
                }
                None => {
                    let drawn = self.draw_depth(mesh, &faces, &view.camera, size).await?;
                    self.submit(|work| {
                        let depth =
                            reliable_depth::plan(work, Work::whole(&drawn)?, size, 1, 0, DEPTH_RANGE_MIN)?;
                        plan(work, view, &lookup, &depth, &texels)
                    })
                    .await?;
                    self.views.recycle(drawn);
                }
            }
        }
        let texels = self
            .submit(|work| {
                let texels = work.buffer("texels", u64::from(texel_count) * 4)?;
                work.dispatch(&params::Normalize { texel_count }, &[&totals, &texels], texel_count)?;
                Ok(texels)
            })
            .await?;
        let mut texture = BakedTexture {
            image: RgbImage::new(texture_size, texture_size),
            coverage: GrayImage::new(texture_size, texture_size),
        };
        let mut colors = texture.image.as_chunks_mut::<3>().0;
        let mut coverage: &mut [u8] = &mut texture.coverage;
        self.device
            .read_with(&texels, u64::from(texel_count) * 4, |words| {
                let words = words.as_chunks::<4>().0;
                let (colors_here, colors_left) = mem::take(&mut colors).split_at_mut(words.len());
                let (coverage_here, coverage_left) = mem::take(&mut coverage).split_at_mut(words.len());
                (colors, coverage) = (colors_left, coverage_left);
                (words.par_iter().zip(colors_here).zip(coverage_here))
                    .with_min_len(1 << 14)
                    .for_each(|((&[r, g, b, a], color), covered)| (*color, *covered) = ([r, g, b], a));
            })
            .await?;
        Ok(texture)
    }

    /// Draws the charts of the texture, with the same bits as [`draw_charts`](crate::draw_charts).
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, the size is out of range, the texture is larger than
    /// the device can bind, or the device is lost or out of memory.
    pub async fn draw_charts(
        &mut self,
        mesh: &CanonicalMesh,
        texture_size: u32,
    ) -> Result<VisibilityBuffer, BakeError> {
        check::mesh(mesh)?;
        let texel_count = check::size("texture", texture_size, texture_size)?.pixel_count() as u64;
        let faces = GpuMesh::new(&self.device, &mesh.faces, mesh.positions.len()).await?;
        let charts = self.plan_charts(mesh, &faces, texture_size).await?;
        let (mut face_index, mut barycentrics) = (Vec::new(), Vec::new());
        self.device.read(&charts.face_index, texel_count * 4, &mut face_index).await?;
        self.device.read(&charts.barycentrics, texel_count * 12, &mut barycentrics).await?;
        let depth_range = charts.view.depth_range().await?;
        self.charts.recycle(charts.view);
        Ok(VisibilityBuffer {
            face_index: bytemuck::pod_collect_to_vec(&face_index),
            barycentrics: bytemuck::pod_collect_to_vec(&barycentrics),
            depth_range,
            width: texture_size,
            height: texture_size,
        })
    }

    /// Draws the charts and submits the pass that extends them to the texels that they touch.
    async fn plan_charts(
        &mut self,
        mesh: &CanonicalMesh,
        faces: &GpuMesh,
        texture_size: u32,
    ) -> Result<Charts, BakeError> {
        let size = Size::square(texture_size);
        self.work.check_view(size, 0)?;
        let texel_count = size.pixel_count() as u32;
        let positions = chart_positions(mesh);
        let draw = GpuDraw::new(View::new(&positions, size));
        let view = Work::only(self.charts.draw(faces, &[draw]).await?)?;
        self.submit(|work| {
            let drawn = Work::whole(&view)?;
            let faces = work.upload("faces", bytemuck::cast_slice(&mesh.faces))?;
            let uvs = work.upload("UVs", bytemuck::cast_slice(&mesh.uvs))?;
            let face_index = work.buffer("charts", u64::from(texel_count) * 4)?;
            let barycentrics = work.buffer("barycentrics of charts", u64::from(texel_count) * 12)?;
            let count = work.buffer("texel count", 4)?;
            work.clear(&count);
            let buffers =
                [&drawn.face_index, &drawn.barycentrics, &faces, &uvs, &face_index, &barycentrics, &count];
            work.dispatch(&params::Charts { texture_size }, &buffers, texel_count)?;
            Ok(Charts { face_index, barycentrics, faces, texel_count: count, view })
        })
        .await
    }
}

/// The buffers of the texels.
struct Texels<'a> {
    count: u32,
    /// The position and the normal of the surface point of each texel.
    points: &'a wgpu::Buffer,
    /// Sums over the views: color times blend weight (3 floats), and blend weight.
    totals: &'a wgpu::Buffer,
}

/// The parameters of the lookup in a view.
struct Lookup<'a> {
    projection: ViewProjection,
    /// The size of the view's depth.
    view_size: Size,
    /// The size to which the image is scaled before the lookup.
    image_size: Size,
    options: &'a BakeOptions,
}

/// Returns the size of a view's depth: that of the given depth, or the one to draw it at.
fn view_size(view: &BakeView<'_>, options: &BakeOptions) -> Size {
    view.depth.map_or_else(|| options.depth_size_of(view), |depth| depth.size)
}

/// Appends the steps that unpack and scale a view's image and look up the texels in it.
fn plan(
    work: &mut Work,
    view: &BakeView<'_>,
    lookup: &Lookup<'_>,
    depth: &wgpu::Buffer,
    texels: &Texels<'_>,
) -> Result<(), BakeError> {
    let size = Size::new(view.image.width(), view.image.height());
    let pixel_count = size.pixel_count() as u32;
    let bytes = work.upload("image", &view.image.as_raw()[..3 * pixel_count as usize])?;
    let mut pixels = work.buffer("pixels", 4 * u64::from(pixel_count))?;
    work.dispatch(&params::Unpack { pixel_count }, &[&bytes, &pixels], pixel_count)?;
    if lookup.image_size != size {
        pixels = resize::plan(work, &pixels, size, lookup.image_size)?;
    }
    let ViewProjection { clip_rows: [clip_x, clip_y, clip_w], z_row, span, .. } = lookup.projection;
    let params = params::Gather {
        clip_x: clip_x.to_array(),
        clip_y: clip_y.to_array(),
        clip_w: clip_w.to_array(),
        z_view: z_row.to_array(),
        span,
        image_scale: image_scale(lookup.image_size, lookup.view_size),
        view_size: [lookup.view_size.width, lookup.view_size.height],
        image_size: [lookup.image_size.width, lookup.image_size.height],
        tolerance: lookup.projection.tolerance,
        cosine_squared_min: lookup.projection.cosine_squared_min,
        weight: view.weight,
        exponent: lookup.options.cosine_exponent,
        texel_count: texels.count,
    };
    work.dispatch(&params, &[texels.points, depth, &pixels, texels.totals], texels.count)
}
