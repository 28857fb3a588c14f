//! Cameras on a sphere around the mesh in canonical space.

use glam::{DMat4, DVec3, DVec4, Mat4};

/// Projection from view space to clip space.
///
/// View space is right-handed, with y up and the camera looking along −z. NDC depth runs from −1
/// (near) to 1 (far). Images are square.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Projection {
    /// Parallel rays.
    Orthographic {
        /// Half the width and height of the visible square, in canonical-space units.
        half_extent: f32,
        /// Distance to the near plane.
        near: f32,
        /// Distance to the far plane.
        far: f32,
    },
    /// Rays through one point.
    Perspective {
        /// The vertical (and horizontal) field of view in radians.
        vertical_fov: f32,
        /// Distance to the near plane.
        near: f32,
        /// Distance to the far plane.
        far: f32,
    },
}

impl Projection {
    /// Orthographic projection that the models were trained with: ±0.6, depths from 0.1 to 100.
    pub const ORTHOGRAPHIC: Self = Self::Orthographic { half_extent: 0.6, near: 0.1, far: 100.0 };

    /// Perspective projection of the reference: a vertical field of view of 49.13°, depths from 0.01
    /// to 100.
    pub const PERSPECTIVE: Self =
        Self::Perspective { vertical_fov: 49.13_f32.to_radians(), near: 0.01, far: 100.0 };

    /// Returns the projection matrix, for column vectors: `clip = clip_from_view * view`.
    pub fn clip_from_view(&self) -> Mat4 {
        let matrix = match *self {
            Self::Orthographic { half_extent, near, far } => {
                let [half_extent, near, far] = [half_extent, near, far].map(f64::from);
                let depth = far - near;
                DMat4::from_cols(
                    DVec4::new(1.0 / half_extent, 0.0, 0.0, 0.0),
                    DVec4::new(0.0, 1.0 / half_extent, 0.0, 0.0),
                    DVec4::new(0.0, 0.0, -2.0 / depth, 0.0),
                    DVec4::new(0.0, 0.0, -(far + near) / depth, 1.0),
                )
            }
            Self::Perspective { vertical_fov, near, far } => {
                let [vertical_fov, near, far] = [vertical_fov, near, far].map(f64::from);
                let focal = 1.0 / libm::tan(vertical_fov / 2.0);
                let depth = far - near;
                DMat4::from_cols(
                    DVec4::new(focal, 0.0, 0.0, 0.0),
                    DVec4::new(0.0, focal, 0.0, 0.0),
                    DVec4::new(0.0, 0.0, -(far + near) / depth, -1.0),
                    DVec4::new(0.0, 0.0, -2.0 * far * near / depth, 0.0),
                )
            }
        };
        matrix.as_mat4()
    }
}

/// A camera on a sphere around the origin of canonical space that looks at the origin.
///
/// Canonical space mirrors the object, and view space's +y points down on the object.
/// Therefore an image whose first row is at the bottom of NDC (y = −1) shows the object upright and
/// unmirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Angle around the vertical axis, in degrees. For an object with y up, 0 looks from +z and 90
    /// from +x; in canonical space these cameras are on +y and on −x.
    pub azimuth_degrees: f32,
    /// Angle above the horizon, in degrees, −90 to 90. Up is the object's +y, which is −z in
    /// canonical space.
    pub elevation_degrees: f32,
    /// Distance from the origin, in canonical-space units.
    pub distance: f32,
    /// Projection from view space to clip space.
    pub projection: Projection,
}

impl Camera {
    /// Distance that the models were trained with.
    pub const DISTANCE: f32 = 1.45;

    /// Returns a camera like those of the training: at [`Self::DISTANCE`], with
    /// [`Projection::ORTHOGRAPHIC`].
    pub const fn orthographic(azimuth_degrees: f32, elevation_degrees: f32) -> Self {
        let projection = Projection::ORTHOGRAPHIC;
        Self { azimuth_degrees, elevation_degrees, distance: Self::DISTANCE, projection }
    }

    /// Returns the view matrix, for column vectors:
    /// `view = view_from_world * canonical_space_point`.
    ///
    /// It is computed in double precision. At an elevation of ±90°, the rounded cosine is 6e-17
    /// instead of zero, and this remainder alone determines the up direction.
    pub fn view_from_world(&self) -> Mat4 {
        let elevation = -f64::from(self.elevation_degrees).to_radians();
        let azimuth = (f64::from(self.azimuth_degrees) + 90.0).to_radians();
        let direction = DVec3::new(
            libm::cos(elevation) * libm::cos(azimuth),
            libm::cos(elevation) * libm::sin(azimuth),
            libm::sin(elevation),
        );
        let position = direction * f64::from(self.distance);
        let back = unit(position);
        let right = unit((-back).cross(DVec3::Z));
        let up = unit(right.cross(-back));
        DMat4::from_cols(
            DVec4::new(right.x, up.x, back.x, 0.0),
            DVec4::new(right.y, up.y, back.y, 0.0),
            DVec4::new(right.z, up.z, back.z, 0.0),
            DVec4::new(-right.dot(position), -up.dot(position), -back.dot(position), 1.0),
        )
        .as_mat4()
    }

    /// Returns the projection matrix, for column vectors: `clip = clip_from_view * view`.
    pub fn clip_from_view(&self) -> Mat4 {
        self.projection.clip_from_view()
    }
}

/// Normalizes by division, which rounds once; glam's `normalize` multiplies by the rounded
/// reciprocal.
fn unit(v: DVec3) -> DVec3 {
    v / v.length()
}

#[cfg(test)]
mod tests {
    use glam::Vec3;

    use super::*;

    #[test]
    fn the_origin_is_straight_ahead() {
        for (azimuth, elevation) in [(0.0, 0.0), (90.0, 0.0), (200.0, 35.0), (0.0, 90.0), (180.0, -90.0)] {
            let view_from_world = Camera::orthographic(azimuth, elevation).view_from_world();
            let origin = view_from_world.transform_point3(Vec3::ZERO);
            assert!(origin.distance(Vec3::new(0.0, 0.0, -1.45)) < 1e-6, "{origin}");
            assert!((view_from_world.determinant() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn azimuth_zero_looks_down_negative_y() {
        let view_from_world = Camera::orthographic(0.0, 0.0).view_from_world();
        assert!(view_from_world.transform_vector3(Vec3::Z).distance(Vec3::Y) < 1e-6);
        assert!(view_from_world.transform_vector3(Vec3::NEG_X).distance(Vec3::X) < 1e-6);
        assert!(view_from_world.transform_vector3(Vec3::NEG_Y).distance(Vec3::NEG_Z) < 1e-6);
    }

    #[test]
    fn positive_elevation_sees_the_object_from_above() {
        // The object's +y is −z in canonical space: at the top of the object and near the camera.
        let view_from_world = Camera::orthographic(30.0, 60.0).view_from_world();
        let top = view_from_world.transform_point3(Vec3::NEG_Z * 0.5);
        assert!(top.z > -1.45 && top.y < 0.0, "{top}");
    }

    #[test]
    fn projections_map_the_near_and_far_planes() {
        for projection in [Projection::ORTHOGRAPHIC, Projection::PERSPECTIVE] {
            let (Projection::Orthographic { near, far, .. } | Projection::Perspective { near, far, .. }) =
                projection;
            let depth = |z: f32| projection.clip_from_view().project_point3(Vec3::new(0.0, 0.0, -z)).z;
            assert!((depth(near) + 1.0).abs() < 1e-4, "{}", depth(near));
            assert!((depth(far) - 1.0).abs() < 1e-4, "{}", depth(far));
        }
    }
}
