//! Visibility of surface points from a camera, by a depth map.

use glam::{Mat4, Vec3};
use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{RasterError, interpolate_at};

use super::render::{Frame, tight};

/// Pixels per side of the depth map.
const SIZE: u32 = 2048;

/// Angle between normal and view direction beyond which a surface counts as unseen.
const ANGLE_MAX_DEGREES: f32 = 75.0;

/// What a camera sees, or what a distant light reaches.
#[derive(Debug)]
pub(super) struct VisibilityTest {
    clip_from_world: Mat4,
    /// Direction towards the camera, in canonical space.
    back: Vec3,
    /// View-space z (increasing towards the camera) of each pixel; minus infinity on the
    /// background.
    z: Vec<f32>,
    view_from_world: Mat4,
    /// Side of a pixel in units of canonical space.
    pixel: f32,
}

impl VisibilityTest {
    pub(super) fn new(mesh: &CanonicalMesh, camera: &Camera) -> Result<Self, RasterError> {
        let camera = tight(camera);
        let view_from_world = camera.view_from_world();
        let clip_from_world = camera.clip_from_view() * view_from_world;
        let z_view = |p: &Vec3| [view_from_world.transform_point3(*p).z];
        let z_view: Vec<[f32; 1]> = mesh.positions.iter().map(z_view).collect();
        let visibility = Frame { size: SIZE, samples: 1, scale: 1.0 }.rasterize(mesh, &camera)?;
        let z = (0..visibility.face_index.len())
            .map(|pixel| interpolate_at(&z_view, &mesh.faces, &visibility, pixel))
            .map(|z| z.map_or(f32::NEG_INFINITY, |[z]| z))
            .collect();
        let back = view_from_world.row(2).truncate();
        let pixel = 2.0 / (clip_from_world.row(0).truncate().length() * SIZE as f32);
        Ok(Self { clip_from_world, back, z, view_from_world, pixel })
    }

    /// Returns the direction towards the camera, in canonical space.
    pub(super) fn back(&self) -> Vec3 {
        self.back
    }

    /// Returns whether the camera sees a surface point with this outward normal, at an angle of at
    /// most 75°.
    pub(super) fn sees(&self, place: Vec3, normal: Vec3) -> bool {
        normal.dot(self.back) >= ANGLE_MAX_DEGREES.to_radians().cos() && self.reaches(place, normal)
    }

    /// Returns whether nothing lies between the camera and a surface point that faces it.
    ///
    /// The depth map is read at the nearest pixel, which is up to 0.7 pixels away. The surface may
    /// rise by 0.7 pixels times its slope over that distance. The tolerance is one pixel times the
    /// slope, and one more pixel.
    pub(super) fn reaches(&self, place: Vec3, normal: Vec3) -> bool {
        let cosine = normal.dot(self.back);
        if cosine <= 0.0 {
            return false;
        }
        let clip = self.clip_from_world.transform_point3(place);
        let [x, y] = [clip.x, clip.y].map(|c| ((c + 1.0) * 0.5 * SIZE as f32) as i64);
        let sides = 0..i64::from(SIZE);
        if !sides.contains(&x) || !sides.contains(&y) {
            return false;
        }
        let slope = (1.0 - cosine * cosine).max(0.0).sqrt() / cosine;
        let z = self.view_from_world.transform_point3(place).z;
        self.z[y as usize * SIZE as usize + x as usize] <= z + self.pixel * (1.0 + slope)
    }
}

/// Returns the outward unit normal of a face, or zero for a face without area. Faces of canonical
/// space wind so that their own normals point inwards.
pub(super) fn outward_normal([a, b, c]: [Vec3; 3]) -> Vec3 {
    (c - a).cross(b - a).normalize_or_zero()
}

#[cfg(test)]
mod tests {
    use glam::Vec2;

    use super::*;

    #[test]
    fn hidden_and_back_facing_points_are_not_seen() -> Result<(), RasterError> {
        // Two plates across the y axis, along which the front camera looks; the far one extends
        // farther to +x.
        let plate = |y: f32, x: f32| [(-0.3, -0.3), (x, -0.3), (-0.3, 0.5)].map(|(x, z)| Vec3::new(x, y, z));
        let mesh = CanonicalMesh {
            positions: [plate(0.2, 0.0), plate(0.1, 0.5)].concat(),
            faces: vec![[0, 1, 2], [3, 4, 5]],
            uvs: vec![Vec2::ZERO; 6],
        };
        let front = VisibilityTest::new(&mesh, &Camera::orthographic(0.0, 0.0))?;
        let near = Vec3::new(-0.2, 0.2, -0.2);
        assert!(front.sees(near, Vec3::Y));
        assert!(!front.sees(near.with_y(0.1), Vec3::Y));
        assert!(front.sees(Vec3::new(0.2, 0.1, -0.2), Vec3::Y));
        assert!(!front.sees(near, Vec3::NEG_Y));
        let at = |degrees: f32| Vec3::new(0.0, degrees.to_radians().cos(), degrees.to_radians().sin());
        assert_eq!(
            [70.0, 74.0, 76.0, 89.0].map(|angle| front.sees(near, at(angle))),
            [true, true, false, false]
        );
        Ok(())
    }
}
