//! Views scattered into the texture, and merged there.

use hunyuan_paint_mesh::{CanonicalMesh, vertex_normals};
use hunyuan_paint_raster::{
    Size, View,
    gpu::{GpuAttributes, GpuDraw, GpuMesh, GpuView, wgpu},
};

use super::{GpuBaker, reliable_depth, stages::BakePass, work::Work};
use crate::{BakeError, BakeOptions, BakeView, PartialTexture, check, splat::weight_bits, view::project};

/// Numbers of a vertex: UV, view-space normal, view-space z.
const CHANNELS: u32 = 6;

/// Words of a texel's sums.
const SUM_WORDS: u64 = 10;

/// What becomes of the views.
struct Target<'a> {
    texture_size: u32,
    options: &'a BakeOptions,
    /// Color times trust, and trust, of each texel.
    totals: wgpu::Buffer,
    /// For each view how many texels it sees, and of how many of those have been painted.
    counts: wgpu::Buffer,
}

impl GpuBaker {
    /// Puts the pixels of each view where its camera sees them in the texture, and merges the views by trust: what
    /// [`back_project`](crate::back_project) and [`WeightedMerge`](crate::WeightedMerge) do, to the bit, as long as no
    /// weight times a color overflows.
    ///
    /// # Errors
    /// If the mesh is empty or inconsistent, there are no views, a weight, an option or a size is out of range, a
    /// view or the texture is larger than the device can bind, or it is lost or has no room. (The texture takes 40
    /// bytes a texel.)
    pub async fn project_and_merge(
        &mut self,
        mesh: &CanonicalMesh,
        views: &[BakeView<'_>],
        texture_size: u32,
        options: &BakeOptions,
    ) -> Result<PartialTexture, BakeError> {
        check::mesh(mesh)?;
        check::views(views)?;
        options.validate()?;
        let texel_count = check::size("texture", texture_size, texture_size)?.pixel_count() as u32;
        let texel_bytes = u64::from(texel_count) * 16;

        let faces = GpuMesh::new(&self.device, &mesh.faces, mesh.positions.len()).await?;
        let target = self
            .submit(|work| {
                let totals = work.buffer("totals", texel_bytes)?;
                let counts = work.buffer("counts", 8 * views.len() as u64)?;
                work.clear(&totals);
                work.clear(&counts);
                Ok(Target { texture_size, options, totals, counts })
            })
            .await?;
        for (index, view) in views.iter().enumerate() {
            let size = Size::new(view.image.width(), view.image.height());
            self.work.check_view(size, CHANNELS.into())?;
            let (positions_view, clip_positions) = project(&mesh.positions, &view.camera);
            let normals_view = vertex_normals(&positions_view, &mesh.faces);
            let attributes: Vec<[f32; CHANNELS as usize]> = (mesh.uvs.iter().zip(&normals_view))
                .zip(&positions_view)
                .map(|((uv, normal), position)| [uv.x, uv.y, normal.x, normal.y, normal.z, position.z])
                .collect();
            let attributes = GpuAttributes::new(&self.device, &faces, &attributes).await?;
            let draw =
                GpuDraw { attributes: Some(&attributes), ..GpuDraw::new(View::new(&clip_positions, size)) };
            for drawn in self.views.draw(&faces, &[draw]).await? {
                self.submit(|work| plan(work, &drawn, view, index as u32, &target)).await?;
                self.views.recycle(drawn);
            }
        }
        let finish =
            |work: &mut Work| work.dispatch(BakePass::Finish, &[texel_count], &[&target.totals], texel_count);
        self.submit(finish).await?;

        let mut colors = Vec::with_capacity(texel_count as usize);
        let mut painted = Vec::with_capacity(texel_count as usize);
        self.device
            .read_with(&target.totals, texel_bytes, |texels| {
                let texels = texels.as_chunks::<16>().0.iter().map(|&texel| bytemuck::cast(texel));
                let texels = texels.map(|[r, g, b, is_painted]: [f32; 4]| ([r, g, b], is_painted != 0.0));
                texels.for_each(|(color, is_painted)| {
                    colors.push(color);
                    painted.push(is_painted);
                });
            })
            .await?;
        Ok(PartialTexture { colors, coverage: painted, texture_size })
    }
}

/// Appends how a drawn view is scattered into the texture and merged with those before.
fn plan(
    work: &mut Work,
    drawn: &GpuView,
    view: &BakeView<'_>,
    index: u32,
    target: &Target<'_>,
) -> Result<(), BakeError> {
    let Target { texture_size, options, totals, counts } = target;
    let size = Size::new(view.image.width(), view.image.height());
    let pixel_count = size.pixel_count() as u32;
    let texel_count = texture_size * texture_size;
    let drawn = Work::whole(drawn)?;
    let depth = reliable_depth::plan(work, drawn, size, CHANNELS, CHANNELS - 1, 0.0)?;

    let image = work.upload("image", &view.image.as_raw()[..3 * pixel_count as usize])?;
    let sums = work.buffer("sums", u64::from(texel_count) * 4 * SUM_WORDS)?;
    work.clear(&sums);
    let params =
        [pixel_count, *texture_size, weight_bits(size.pixel_count()), options.cosine_min().to_bits()];
    work.dispatch(BakePass::Splat, &params, &[&depth, Work::attributes(drawn)?, &image, &sums], pixel_count)?;

    let means = work.buffer("means", u64::from(texel_count) * 16)?;
    let params = [texel_count, view.weight.to_bits(), options.cosine_exponent, index];
    work.dispatch(BakePass::Mean, &params, &[&sums, totals, &means, counts], texel_count)?;
    work.dispatch(BakePass::Merge, &[texel_count, index], &[&means, counts, totals], texel_count)
}
