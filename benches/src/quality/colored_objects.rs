//! Objects with plausible colors: parts, belts, gradients. None is in the training data of the demo
//! checkpoint.

use glam::{Mat3, Vec3};
use hunyuan_paint_mesh::Mesh;

use super::{color::ColorAt, shapes};
use crate::bumpy_sphere;

/// An object and its color.
#[derive(Debug)]
pub struct ColoredObject {
    /// Name in the tables.
    pub name: &'static str,
    /// Its surface.
    pub mesh: Mesh,
    /// Its color by position.
    pub color_at: ColorAt,
}

/// Returns all colored objects.
pub fn all() -> Vec<ColoredObject> {
    let object = |name, mesh, color_at| ColoredObject { name, mesh, color_at };
    vec![
        object("ball", bumpy_sphere(80, 80), ball),
        object("cup", shapes::cup(), cup),
        object("knot", shapes::knot(), knot),
        object("crate", shapes::cuboid(), crate_of_planks),
        object("chair", shapes::chair(), chair),
        object("star", shapes::star(), star),
        object("comb", shapes::comb(), comb),
        object("pipes", shapes::pipes(), pipes),
    ]
}

/// Converts canonical space to the object's axes (x right, y up, z to the front), at the same
/// scale: every point is within 0.575 of the center.
fn on_object(place: Vec3) -> Vec3 {
    Vec3::new(-place.x, -place.z, place.y)
}

const CREAM: [f32; 3] = [243.0, 229.0, 200.0];
const NAVY: [f32; 3] = [38.0, 56.0, 110.0];
const RED: [f32; 3] = [196.0, 48.0, 44.0];
const YELLOW: [f32; 3] = [238.0, 190.0, 52.0];
const TEAL: [f32; 3] = [40.0, 140.0, 140.0];
const BROWN: [f32; 3] = [110.0, 72.0, 44.0];
const TAN: [f32; 3] = [184.0, 138.0, 92.0];
const GREEN: [f32; 3] = [80.0, 140.0, 70.0];

fn ball(place: Vec3) -> [f32; 3] {
    match on_object(place).y {
        y if y.abs() < 0.08 => RED,
        y if y > 0.0 => CREAM,
        _ => NAVY,
    }
}

/// Colors a cup: white inside, with a belt around it.
fn cup(place: Vec3) -> [f32; 3] {
    let p = on_object(place);
    // The radius at the middle of the wall. The cup is wider at the top.
    let wall = 0.265 + 0.097 * p.y;
    let is_inside = p.x.hypot(p.z) < wall && p.y > -0.42;
    match p.y {
        _ if is_inside => CREAM,
        y if (0.0..0.15).contains(&y) => NAVY,
        _ => YELLOW,
    }
}

/// Blends from one color to another and back, around the object.
fn knot(place: Vec3) -> [f32; 3] {
    let p = on_object(place);
    let share = 0.5 + 0.5 * p.x / p.x.hypot(p.z).max(1e-3);
    std::array::from_fn(|i| YELLOW[i] + share * (TEAL[i] - YELLOW[i]))
}

fn crate_of_planks(place: Vec3) -> [f32; 3] {
    let plank = (on_object(place).y / 0.1).floor() as i32;
    if plank.rem_euclid(2) == 0 { TAN } else { BROWN }
}

/// Colors a chair: seat and board differ from legs and posts.
fn chair(place: Vec3) -> [f32; 3] {
    let y = on_object(place).y;
    if (-0.03..0.026).contains(&y) || y > 0.3 { RED } else { BROWN }
}

fn star(place: Vec3) -> [f32; 3] {
    if place.length() < 0.3 { YELLOW } else { RED }
}

/// Colors the teeth and the back of a comb.
fn comb(place: Vec3) -> [f32; 3] {
    if on_object(place).y < -0.16 { BROWN } else { CREAM }
}

/// Colors both ends differently from the middle.
fn pipes(place: Vec3) -> [f32; 3] {
    let slant = Mat3::from_rotation_x(0.5) * Mat3::from_rotation_z(0.4);
    let along = (slant.transpose() * on_object(place)).y;
    if along.abs() > 0.3 { TAN } else { GREEN }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, error::Error};

    use glam::Vec2;
    use hunyuan_paint_mesh::CanonicalMesh;

    use super::*;

    #[test]
    fn each_object_shows_its_colors() -> Result<(), Box<dyn Error>> {
        for ColoredObject { name, mut mesh, color_at } in all() {
            mesh.uvs = Some(vec![Vec2::ZERO; mesh.positions.len()]);
            let mesh = CanonicalMesh::new(&mesh)?;
            let middle = |face: &[u32; 3]| {
                face.map(|vertex| mesh.positions[vertex as usize]).iter().sum::<Vec3>() / 3.0
            };
            let colors: BTreeSet<[u8; 3]> =
                mesh.faces.iter().map(|face| color_at(middle(face)).map(|channel| channel as u8)).collect();
            assert!(colors.len() > 1, "{name} has one color only");
        }
        Ok(())
    }
}
