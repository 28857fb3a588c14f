//! Unlit images of an object.

use glam::{Vec2, Vec3, Vec4};
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Projection};
use hunyuan_paint_raster::{
    Coverage, RasterError, RasterOptions, Size, View, Viewport, VisibilityBuffer, interpolate_at, rasterize,
};
use image::{RgbImage, RgbaImage};
use rayon::prelude::*;

use super::visibility::outward_normal;

/// The pixel grid of a square image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Pixels per side.
    pub size: u32,
    /// Samples per pixel and axis: a pixel is the mean of `samples` × `samples` samples.
    pub samples: u32,
    /// Share of the image that NDC −1…1 spans.
    pub scale: f32,
}

impl Frame {
    /// Returns the grid of a view of `size` pixels as the pipeline makes it: rendered with
    /// `render_size` pixels, with −1 and 1 at the centers of the outermost ones, and scaled down.
    pub fn view(size: u32, render_size: u32, samples: u32) -> Self {
        Self { size, samples, scale: (render_size - 1) as f32 / render_size as f32 }
    }

    pub(super) fn rasterize(
        &self,
        mesh: &CanonicalMesh,
        camera: &Camera,
    ) -> Result<VisibilityBuffer, RasterError> {
        let clip_from_world = camera.clip_from_view() * camera.view_from_world();
        let scale = Vec4::new(self.scale, self.scale, 1.0, 1.0);
        let clip_positions: Vec<Vec4> =
            mesh.positions.iter().map(|p| clip_from_world * p.extend(1.0) * scale).collect();
        let options = RasterOptions {
            coverage: Coverage::FixedPoint,
            viewport: Viewport::ImageEdges,
            ..Default::default()
        };
        rasterize(&View::new(&clip_positions, Size::square(self.size * self.samples)), &mesh.faces, options)
    }
}

/// A point of the surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Position in canonical space.
    pub position: Vec3,
    /// UV of canonical space: v grows downwards.
    pub uv: Vec2,
    /// Outward unit normal of the face, in canonical space.
    pub normal: Vec3,
}

/// A rendered image.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Mean color of the object in each pixel, 0 to 255; zeros on the background.
    pub colors: Vec<[f32; 3]>,
    /// Share of each pixel that the object covers, 0 to 1.
    pub coverage: Vec<f32>,
    /// Pixels per side.
    pub size: u32,
}

impl Picture {
    /// Renders the object from a camera.
    ///
    /// # Errors
    /// If the mesh is invalid, or `size` · `samples` is too large.
    pub fn new(
        mesh: &CanonicalMesh,
        camera: &Camera,
        frame: &Frame,
        color_at: impl Fn(Place) -> [f32; 3] + Sync,
    ) -> Result<Self, RasterError> {
        let visibility = frame.rasterize(mesh, &tight(camera))?;
        let attributes: Vec<[f32; 5]> = (mesh.positions.iter().zip(&mesh.uvs))
            .map(|(position, uv)| [position.x, position.y, position.z, uv.x, uv.y])
            .collect();
        let (size, samples) = (frame.size as usize, frame.samples as usize);
        let pixel = |pixel: usize| {
            let (x, y) = (pixel % size * samples, pixel / size * samples);
            let mut sum = Vec3::ZERO;
            let mut covered = 0.0;
            for sample in 0..samples * samples {
                let sample = (y + sample / samples) * size * samples + x + sample % samples;
                if let Some([x, y, z, u, v]) = interpolate_at(&attributes, &mesh.faces, &visibility, sample) {
                    let face = mesh.faces[visibility.face_index[sample] as usize];
                    let normal = outward_normal(face.map(|vertex| mesh.positions[vertex as usize]));
                    let place = Place { position: Vec3::new(x, y, z), uv: Vec2::new(u, v), normal };
                    sum += Vec3::from(color_at(place));
                    covered += 1.0;
                }
            }
            ((sum / f32::max(covered, 1.0)).to_array(), covered / (samples * samples) as f32)
        };
        let (colors, coverage) = (0..size * size).into_par_iter().map(pixel).unzip();
        Ok(Self { colors, coverage, size: frame.size })
    }

    /// Returns the image as bytes with straight alpha, which is the coverage.
    pub fn cut_out(&self) -> RgbaImage {
        let mut image = RgbaImage::new(self.size, self.size);
        for ((pixel, color), coverage) in image.pixels_mut().zip(&self.colors).zip(&self.coverage) {
            let [r, g, b] = color.map(|channel| channel.round() as u8);
            pixel.0 = [r, g, b, (255.0 * coverage).round() as u8];
        }
        image
    }

    /// Returns the image as bytes on white.
    pub fn on_white(&self) -> RgbImage {
        let mut image = RgbImage::new(self.size, self.size);
        for ((pixel, color), coverage) in image.pixels_mut().zip(&self.colors).zip(&self.coverage) {
            pixel.0 = color.map(|channel| (255.0 + (channel - 255.0) * coverage).round() as u8);
        }
        image
    }
}

/// Returns the camera with near and far planes close to the object, for precise depth.
pub(super) fn tight(camera: &Camera) -> Camera {
    let radius = 0.6;
    let projection = match camera.projection {
        Projection::Orthographic { half_extent, .. } => Projection::Orthographic {
            half_extent,
            near: camera.distance - radius,
            far: camera.distance + radius,
        },
        other => other,
    };
    Camera { projection, ..*camera }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::shapes::cuboid;

    #[test]
    fn views_are_upright_and_not_mirrored() -> Result<(), Box<dyn std::error::Error>> {
        let mut mesh = cuboid();
        mesh.uvs = Some(vec![Vec2::ZERO; mesh.positions.len()]);
        let mesh = CanonicalMesh::new(&mesh)?;
        // Canonical space has the object's x and y as −x and −z.
        let is_right = |place: Place| [f32::from(u8::from(place.position.x < 0.0)) * 255.0; 3];
        let is_up = |place: Place| [f32::from(u8::from(place.position.z < 0.0)) * 255.0; 3];
        let frame = Frame::view(64, 256, 2);
        // From the front, +x is on the right; from the back, on the left. +y is at the top.
        for (azimuth, [left, right]) in [(0.0, [0, 255]), (180.0, [255, 0])] {
            let camera = Camera::orthographic(azimuth, 0.0);
            let picture = Picture::new(&mesh, &camera, &frame, is_right)?.on_white();
            assert_eq!([20, 44].map(|x| picture.get_pixel(x, 32).0[0]), [left, right]);
            let picture = Picture::new(&mesh, &camera, &frame, is_up)?.on_white();
            assert_eq!([2, 24, 40].map(|y| picture.get_pixel(32, y).0[0]), [255, 255, 0]);
        }
        Ok(())
    }

    #[test]
    fn a_view_is_a_smaller_copy_of_the_render() -> Result<(), Box<dyn std::error::Error>> {
        let mut mesh = cuboid();
        mesh.uvs = Some(vec![Vec2::ZERO; mesh.positions.len()]);
        let mesh = CanonicalMesh::new(&mesh)?;
        let camera = Camera::orthographic(30.0, 20.0);
        let color_at = |place: Place| (place.position * 200.0 + 128.0).to_array();
        // One sample per pixel of the render, with −1 and 1 at the centers of the outermost pixels.
        let picture = Picture::new(&mesh, &camera, &Frame::view(64, 64, 1), color_at)?;
        let maps = hunyuan_paint_bake::render_condition_maps(&mesh, &camera, 64)?;
        let mut compared = 0;
        for (pixel, color) in picture.colors.iter().enumerate() {
            let map = maps.position.as_chunks::<3>().0[pixel];
            if picture.coverage[pixel] == 1.0 && map != [255; 3] {
                for (color, byte) in color.iter().zip(map) {
                    let position = (0.5 - (f32::from(byte) + 0.5) / 255.0) * CanonicalMesh::DIAMETER;
                    assert!(((color - 128.0) / 200.0 - position).abs() < 0.004, "{color} {byte}");
                }
                compared += 1;
            }
        }
        assert!(compared > 500, "{compared}");
        Ok(())
    }
}
