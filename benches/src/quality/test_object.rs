//! Ground truth of an object.

use glam::{Vec2, Vec3};
use hunyuan_paint_mesh::{Camera, CameraView, CanonicalMesh, DEFAULT_VIEWS};
use hunyuan_paint_raster::{NO_FACE, RasterError, texture};
use image::{Rgb, RgbImage};
use rayon::prelude::*;

use super::{
    Sizes,
    color::ColorAt,
    render::{Frame, Picture, Place},
    seams::{SeamPoint, seam_points},
    shapes::fibonacci,
    visibility::{VisibilityTest, outward_normal},
};

/// Number of other cameras.
const CAMERA_COUNT: usize = 20;

/// Samples per pixel and axis in the default views.
const VIEW_SAMPLES: u32 = 4;

/// Samples per pixel and axis in images from the other cameras.
pub(super) const PICTURE_SAMPLES: u32 = 3;

/// Width of the gutter that [`TestObject::paint`] colors around the charts, in texels.
const GUTTER: usize = 8;

/// A texel on the surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Texel {
    /// Row-major index.
    pub(super) index: u32,
    pub(super) truth: [f32; 3],
    /// Whether a default camera sees its center.
    pub(super) seen: bool,
}

/// A point on a seam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct KnownSeam {
    pub(super) uvs: [Vec2; 2],
    pub(super) truth: [f32; 3],
    /// Whether default cameras see it on both of its faces.
    pub(super) seen: bool,
}

/// An object, its color, and what the default cameras see of it.
#[derive(Debug)]
pub struct TestObject {
    /// The object.
    pub mesh: CanonicalMesh,
    color_at: ColorAt,
    pub(super) sizes: Sizes,
    pub(super) texels: Vec<Texel>,
    pub(super) seams: Vec<KnownSeam>,
    pub(super) pictures: Vec<(Camera, Picture)>,
}

impl TestObject {
    /// Computes the ground truth of a mesh whose color is a function of the position.
    ///
    /// # Errors
    /// If the mesh is invalid, or a size is out of range.
    pub fn new(mesh: CanonicalMesh, color_at: ColorAt, sizes: Sizes) -> Result<Self, RasterError> {
        let sights = DEFAULT_VIEWS
            .iter()
            .map(|view| VisibilityTest::new(&mesh, &view.camera))
            .collect::<Result<Vec<_>, _>>()?;
        let corners = |face: usize| mesh.faces[face].map(|vertex| mesh.positions[vertex as usize]);
        let sees = |face: usize, place: Vec3| {
            let normal = outward_normal(corners(face));
            sights.iter().any(|sight| sight.sees(place, normal))
        };

        // 1. Texels.
        let raster = texture::rasterize(&v_up(&mesh), &mesh.faces, sizes.texture)?;
        let texels = (raster.face_index.par_iter().zip(&raster.barycentrics).enumerate())
            .filter(|(_, (face, _))| **face != NO_FACE)
            .map(|(index, (&face, barycentrics))| {
                let face = face as usize;
                let place = combine(corners(face), *barycentrics);
                Texel { index: index as u32, truth: color_at(place), seen: sees(face, place) }
            })
            .collect();

        // 2. Seams.
        let seam = |&SeamPoint { position, uvs, faces }: &SeamPoint| KnownSeam {
            uvs,
            truth: color_at(position),
            seen: faces.iter().all(|&face| sees(face, position)),
        };
        let seams = seam_points(&mesh, sizes.texture).par_iter().map(seam).collect();

        // 3. Pictures.
        let picture = |camera: Camera| {
            let frame = Self::picture_frame(&sizes);
            Ok((camera, Picture::new(&mesh, &camera, &frame, |place| color_at(place.position))?))
        };
        let pictures = other_cameras().into_iter().map(picture).collect::<Result<_, RasterError>>()?;
        Ok(Self { color_at, sizes, texels, seams, pictures, mesh })
    }

    /// Returns what the default cameras see, as a perfect network would paint it.
    ///
    /// # Errors
    /// If a size is out of range.
    pub fn views(&self) -> Result<Vec<RgbImage>, RasterError> {
        let pictures = self.view_pictures(|place| (self.color_at)(place.position))?;
        Ok(pictures.iter().map(Picture::on_white).collect())
    }

    /// Returns what the default cameras see if the object has these colors.
    ///
    /// # Errors
    /// If a size is out of range.
    pub fn view_pictures(
        &self,
        color_at: impl Fn(Place) -> [f32; 3] + Sync,
    ) -> Result<Vec<Picture>, RasterError> {
        let frame = Frame::view(self.sizes.view, self.sizes.render, VIEW_SAMPLES);
        let view = |view: &CameraView| Picture::new(&self.mesh, &view.camera, &frame, &color_at);
        DEFAULT_VIEWS.iter().map(view).collect()
    }

    /// Returns the color at a position in canonical space, 0 to 255 per channel.
    pub fn color_at(&self, place: Vec3) -> [f32; 3] {
        (self.color_at)(place)
    }

    /// Returns the best possible texture: each surface texel has the color of its center, and the
    /// gutter has the color at the plane of the nearest face.
    ///
    /// # Errors
    /// If the texture size is out of range.
    pub fn paint(&self) -> Result<RgbImage, RasterError> {
        let size = self.sizes.texture as usize;
        let raster = texture::rasterize(&v_up(&self.mesh), &self.mesh.faces, self.sizes.texture)?;
        let mut faces = raster.face_index;
        for _ in 0..GUTTER {
            faces = grown(&faces, size);
        }
        let mut image = RgbImage::from_pixel(self.sizes.texture, self.sizes.texture, Rgb([128; 3]));
        image.as_chunks_mut().0.par_iter_mut().enumerate().for_each(|(index, color)| {
            let center = Vec2::new((index % size) as f32 + 0.5, (index / size) as f32 + 0.5) / size as f32;
            if let Some(place) = self.place_on(faces[index], center) {
                *color = (self.color_at)(place).map(|channel| channel.round() as u8);
            }
        });
        Ok(image)
    }

    /// Returns the share of the surface texels that the default cameras see, 0 to 1.
    pub fn seen_share(&self) -> f64 {
        let seen = self.texels.iter().filter(|texel| texel.seen).count();
        seen as f64 / self.texels.len().max(1) as f64
    }

    /// Returns the images of the ground truth from the other cameras.
    pub fn pictures(&self) -> impl Iterator<Item = &Picture> {
        self.pictures.iter().map(|(_, picture)| picture)
    }

    /// Returns the pixel grid of images from the other cameras.
    pub(super) fn picture_frame(sizes: &Sizes) -> Frame {
        Frame { size: sizes.picture, samples: PICTURE_SAMPLES, scale: 1.0 }
    }

    /// Returns the position of a texture point on the plane of a face, extrapolated beyond its
    /// edges, or `None` if there is no such face or it has no area in the texture.
    fn place_on(&self, face: u32, uv: Vec2) -> Option<Vec3> {
        let vertices = self.mesh.faces.get(face as usize)?;
        let [a, b, c] = vertices.map(|vertex| self.mesh.uvs[vertex as usize].as_dvec2());
        let area = (b - a).perp_dot(c - a);
        let uv = uv.as_dvec2() - a;
        let (beta, gamma) = (uv.perp_dot(c - a) / area, (b - a).perp_dot(uv) / area);
        let weights = [1.0 - beta - gamma, beta, gamma].map(|weight| weight as f32);
        let place = combine(vertices.map(|vertex| self.mesh.positions[vertex as usize]), weights);
        place.is_finite().then_some(place)
    }
}

/// Returns UVs with v up, as the texture rasterizer expects them.
fn v_up(mesh: &CanonicalMesh) -> Vec<Vec2> {
    mesh.uvs.iter().map(|uv| Vec2::new(uv.x, 1.0 - uv.y)).collect()
}

fn combine(corners: [Vec3; 3], weights: [f32; 3]) -> Vec3 {
    corners.iter().zip(weights).map(|(corner, weight)| corner * weight).sum()
}

/// Assigns to each texel without a face the face of a neighbor, if one has any.
fn grown(faces: &[u32], size: usize) -> Vec<u32> {
    let grow = |index: usize| {
        let (x, y) = (index % size, index / size);
        let neighbors = [
            (x > 0).then(|| index - 1),
            (x + 1 < size).then(|| index + 1),
            (y > 0).then(|| index - size),
            (y + 1 < size).then(|| index + size),
        ];
        // `NO_FACE` is the largest index.
        neighbors.into_iter().flatten().map(|neighbor| faces[neighbor]).min().unwrap_or(NO_FACE)
    };
    (0..faces.len())
        .into_par_iter()
        .map(|index| if faces[index] == NO_FACE { grow(index) } else { faces[index] })
        .collect()
}

/// Returns cameras all around the object, none near a default one.
pub(super) fn other_cameras() -> Vec<Camera> {
    let camera = |direction: Vec3| {
        Camera::orthographic(direction.z.atan2(direction.x).to_degrees(), direction.y.asin().to_degrees())
    };
    fibonacci(CAMERA_COUNT).map(camera).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_cameras_differ_from_the_default_ones() {
        let back = |camera: &Camera| camera.view_from_world().row(2).truncate();
        for camera in other_cameras() {
            for view in DEFAULT_VIEWS {
                let angle = back(&camera).angle_between(back(&view.camera)).to_degrees();
                assert!(angle > 15.0, "{camera:?} is {angle}° from {view:?}");
            }
        }
    }
}
