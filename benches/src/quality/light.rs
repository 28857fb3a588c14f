//! Directional light, as in a photograph of an object.

use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::RasterError;

use super::{render::Place, visibility::VisibilityTest};

/// Direct and ambient light on a surface that faces the light. They add up to a little more than 1,
/// so that bright surfaces facing the light are clipped.
const KEY: f32 = 0.85;
const AMBIENT: f32 = 0.3;

/// A distant light with hard shadows, and ambient light.
#[derive(Debug)]
pub struct Light {
    key: VisibilityTest,
}

impl Light {
    /// Places a light in the direction of a camera.
    ///
    /// # Errors
    /// If the mesh is invalid.
    pub fn new(mesh: &CanonicalMesh, camera: &Camera) -> Result<Self, RasterError> {
        Ok(Self { key: VisibilityTest::new(mesh, camera)? })
    }

    /// Returns the lit color of a diffuse surface, sRGB from 0 to 255 per channel.
    pub fn shine(&self, place: Place, color: [f32; 3]) -> [f32; 3] {
        let lit = self.key.reaches(place.position, place.normal);
        let key = if lit { KEY * place.normal.dot(self.key.back()).max(0.0) } else { 0.0 };
        color.map(|channel| 255.0 * to_srgb((AMBIENT + key) * to_linear(channel / 255.0)))
    }
}

fn to_linear(srgb: f32) -> f32 {
    if srgb <= 0.04045 { srgb / 12.92 } else { ((srgb + 0.055) / 1.055).powf(2.4) }
}

fn to_srgb(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use glam::{Vec2, Vec3};

    use super::*;
    use crate::quality::{shapes::chair, visibility::outward_normal};

    #[test]
    fn there_is_light_on_the_seat_and_shadow_below() -> Result<(), Box<dyn std::error::Error>> {
        let mut mesh = chair();
        mesh.uvs = Some(vec![Vec2::ZERO; mesh.positions.len()]);
        let mesh = CanonicalMesh::new(&mesh)?;
        let light = Light::new(&mesh, &Camera::orthographic(0.0, 80.0))?;
        // Up is −z in canonical space.
        let shades = mesh.faces.iter().map(|face| {
            let corners = face.map(|vertex| mesh.positions[vertex as usize]);
            let position = corners.iter().sum::<Vec3>() / 3.0;
            let place = Place { position, uv: Vec2::ZERO, normal: outward_normal(corners) };
            (place.normal.dot(Vec3::NEG_Z), light.shine(place, [128.0; 3])[0])
        });
        let (mut lit, mut shadowed) = (0, 0);
        for (up, shade) in shades {
            if up < -0.9 {
                assert!(shade < 80.0, "a side that faces down: {shade}");
            } else if up > 0.9 && shade > 125.0 {
                lit += 1;
            } else if up > 0.9 && shade < 80.0 {
                // The rail is below the seat.
                shadowed += 1;
            }
        }
        assert!(lit > 0 && shadowed > 0, "{lit} {shadowed}");
        Ok(())
    }

    #[test]
    fn srgb_round_trips() {
        for value in [0.0, 0.01, 0.04, 0.2, 0.5, 1.0] {
            assert!((to_srgb(to_linear(value)) - value).abs() < 1e-6);
        }
    }
}
