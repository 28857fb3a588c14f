//! Procedural closed surfaces, most of them with areas that no camera sees.

use std::f32::consts::{PI, TAU};

use glam::{Mat3, Vec2, Vec3};
use hunyuan_paint_mesh::Mesh;

use crate::{bumpy_sphere, direction, sphere};

/// Returns all objects with their names, from 12 to 65,000 faces.
pub fn all() -> Vec<(&'static str, Mesh)> {
    vec![
        ("sphere", bumpy_sphere(80, 80)),
        ("cup", cup()),
        ("knot", knot()),
        ("box", cuboid()),
        ("chair", chair()),
        ("star", star()),
        ("comb", comb()),
        ("pipes", pipes()),
    ]
}

/// Returns a deep cup with a thick wall and a rounded rim.
pub fn cup() -> Mesh {
    let rim = (1..8).map(|i| {
        let angle = PI * i as f32 / 8.0;
        Vec2::new(0.66 + 0.08 * angle.cos(), 0.9 + 0.08 * angle.sin())
    });
    let outside = [Vec2::new(0.0, -1.0), Vec2::new(0.5, -1.0), Vec2::new(0.55, -0.95), Vec2::new(0.74, 0.9)];
    let inside = [Vec2::new(0.58, 0.9), Vec2::new(0.42, -0.8), Vec2::new(0.36, -0.86), Vec2::new(0.0, -0.86)];
    let corners: Vec<Vec2> = outside.into_iter().chain(rim).chain(inside).collect();
    let profile = resample(&corners, 0.05);
    let rings = profile.len() - 1;
    // The first and the last ring are points on the axis.
    let inner: Vec<Vec2> = profile[1..rings].to_vec();
    let mut mesh = sweep(inner.len(), 128, false, |ring, turn| revolve(inner[ring], turn));
    cap(&mut mesh, 128, profile[0].y, profile[rings].y);
    mesh
}

/// Returns a tube along a trefoil knot, which passes close to itself.
pub fn knot() -> Mesh {
    let center = |t: f32| {
        let (around, through) = (2.0 * t, 3.0 * t);
        let radius = 1.0 + 0.42 * through.cos();
        Vec3::new(radius * around.cos(), 0.42 * through.sin(), radius * around.sin())
    };
    sweep(400, 40, true, |ring, turn| {
        let t = TAU * ring as f32 / 400.0;
        let tangent = (center(t + 0.01) - center(t - 0.01)).normalize();
        let core = Vec3::new((2.0 * t).cos(), 0.0, (2.0 * t).sin());
        let normal = (center(t) - core).reject_from_normalized(tangent).normalize();
        let angle = TAU * turn;
        center(t) + 0.19 * (angle.cos() * normal + angle.sin() * normal.cross(tangent))
    })
}

/// Returns a box of three different side lengths. Each default camera sees two of its twelve faces,
/// head-on, so that the depth of a view is constant; all faces are seen.
pub fn cuboid() -> Mesh {
    blocks([&[-0.9, 0.9], &[-0.6, 0.6], &[-0.7, 0.7]], |_| true)
}

/// Returns a chair of fewer than 200 faces, with hard edges.
pub fn chair() -> Mesh {
    let width = [-0.5, -0.36, 0.36, 0.5];
    let height = [-1.0, -0.5, -0.4, -0.1, 0.0, 0.6, 0.9];
    let depth = [-0.5, -0.36, 0.36, 0.5];
    blocks([&width, &height, &depth], |[x, y, z]| {
        let corner = x != 1 && z != 1;
        match y {
            // The legs, and a rail between them on one side.
            0 | 2 => corner,
            1 => corner || (x == 0 && z == 1),
            3 => true,
            // The posts of the back, and its board.
            4 => corner && z == 0,
            _ => z == 0,
        }
    })
}

/// Returns a ball with spikes and deep valleys between them.
pub fn star() -> Mesh {
    let spikes: Vec<Vec3> = fibonacci(26).collect();
    sphere(180, 182, |polar, azimuth| {
        let direction = direction(polar, azimuth);
        let along = spikes.iter().map(|spike| spike.dot(direction)).fold(-1.0, f32::max);
        0.32 + 0.68 * (18.0 * (along - 1.0)).exp()
    })
}

/// Returns a comb: eleven thin teeth on a back, with deep slots between them, slightly turned.
pub fn comb() -> Mesh {
    let cuts = |count: usize, from: f32, to: f32| {
        (0..=count).map(move |i| from + (to - from) * i as f32 / count as f32).collect::<Vec<f32>>()
    };
    let (width, height, depth) = (cuts(42, -1.0, 1.0), cuts(20, -0.5, 0.5), cuts(12, -0.35, 0.35));
    let mut comb = blocks([&width, &height, &depth], |[x, y, _]| y < 3 || x % 4 < 2);
    let slant = Mat3::from_rotation_x(0.15) * Mat3::from_rotation_y(0.2);
    comb.positions.iter_mut().for_each(|position| *position = slant * *position);
    comb
}

/// Returns seven thick-walled pipes side by side, open at both ends, oblique to all axes.
pub fn pipes() -> Mesh {
    let slant = Mat3::from_rotation_x(0.5) * Mat3::from_rotation_z(0.4);
    let corners = [(0.26, -1.0), (0.26, 1.0), (0.18, 1.0), (0.18, -1.0), (0.26, -1.0)];
    let mut profile = resample(&corners.map(Vec2::from), 0.1);
    profile.pop();
    let mut pipes = Mesh::default();
    for pipe in 0..7 {
        let place = match pipe {
            0 => Vec3::ZERO,
            _ => {
                let angle = TAU * pipe as f32 / 6.0;
                Vec3::new(0.56 * angle.cos(), 0.08 * pipe as f32 - 0.3, 0.56 * angle.sin())
            }
        };
        let point = |ring: usize, turn| slant * (place + revolve(profile[ring], turn));
        let mesh = sweep(profile.len(), 48, true, point);
        append(&mut pipes, mesh);
    }
    pipes
}

/// Returns directions spread evenly over the sphere.
pub fn fibonacci(count: usize) -> impl Iterator<Item = Vec3> {
    let golden_angle = PI * (3.0 - 5.0_f32.sqrt());
    (0..count).map(move |i| {
        let y = 1.0 - (2 * i + 1) as f32 / count as f32;
        let radius = (1.0 - y * y).sqrt();
        let angle = golden_angle * i as f32;
        Vec3::new(radius * angle.cos(), y, radius * angle.sin())
    })
}

/// Revolves a point (radius, height) of a profile about the y axis; 1 is a full turn.
fn revolve(point: Vec2, turn: f32) -> Vec3 {
    let angle = TAU * turn;
    Vec3::new(point.x * angle.cos(), point.y, point.x * angle.sin())
}

/// Returns points along a polyline, its corners included, no farther apart than `spacing`.
fn resample(corners: &[Vec2], spacing: f32) -> Vec<Vec2> {
    let mut points = corners[..1].to_vec();
    for pair in corners.windows(2) {
        let count = (pair[0].distance(pair[1]) / spacing).ceil().max(1.0) as usize;
        points.extend((1..=count).map(|i| pair[0].lerp(pair[1], i as f32 / count as f32)));
    }
    points
}

/// Joins rings of points to a tube, and to a torus if `closed`. For a revolved profile that runs
/// upwards the triangles face away from the axis.
fn sweep(ring_count: usize, segments: usize, closed: bool, point: impl Fn(usize, f32) -> Vec3) -> Mesh {
    let turn = |segment: usize| segment as f32 / segments as f32;
    let positions = (0..ring_count)
        .flat_map(|ring| (0..segments).map(move |segment| (ring, segment)))
        .map(|(ring, segment)| point(ring, turn(segment)))
        .collect();
    let vertex = |ring: usize, segment: usize| (ring % ring_count * segments + segment % segments) as u32;
    let joined = if closed { ring_count } else { ring_count - 1 };
    let mut faces = Vec::new();
    for ring in 0..joined {
        for segment in 0..segments {
            let [a, b] = [vertex(ring, segment), vertex(ring, segment + 1)];
            let [c, d] = [vertex(ring + 1, segment), vertex(ring + 1, segment + 1)];
            faces.extend([[a, c, b], [b, c, d]]);
        }
    }
    Mesh { positions, faces, ..Mesh::default() }
}

/// Closes both ends of a revolved tube at points on the y axis.
fn cap(mesh: &mut Mesh, segments: u32, first_height: f32, last_height: f32) {
    let first = mesh.positions.len() as u32;
    let last_ring = first - segments;
    mesh.positions.extend([Vec3::Y * first_height, Vec3::Y * last_height]);
    for segment in 0..segments {
        let next = (segment + 1) % segments;
        mesh.faces.push([first, segment, next]);
        mesh.faces.push([first + 1, last_ring + next, last_ring + segment]);
    }
}

fn append(mesh: &mut Mesh, other: Mesh) {
    let offset = mesh.positions.len() as u32;
    mesh.positions.extend(other.positions);
    mesh.faces.extend(other.faces.iter().map(|face| face.map(|vertex| vertex + offset)));
}

/// Returns the surface of the solid cells of a grid with the given cuts along each axis.
fn blocks(cuts: [&[f32]; 3], is_solid: impl Fn([usize; 3]) -> bool) -> Mesh {
    let cells = cuts.map(|cuts| cuts.len() - 1);
    let mut mesh = Mesh::default();
    let mut vertices = std::collections::BTreeMap::new();
    let mut vertex = |mesh: &mut Mesh, corner: [usize; 3]| {
        *vertices.entry(corner).or_insert_with(|| {
            let [x, y, z] = [0, 1, 2].map(|axis| cuts[axis][corner[axis]]);
            mesh.positions.push(Vec3::new(x, y, z));
            mesh.positions.len() as u32 - 1
        })
    };
    let all_cells = (0..cells[0])
        .flat_map(|x| (0..cells[1]).flat_map(move |y| (0..cells[2]).map(move |z| [x, y, z])))
        .filter(|&cell| is_solid(cell));
    for cell in all_cells {
        for axis in 0..3 {
            for side in [0, 1] {
                let mut beyond = cell;
                beyond[axis] = (cell[axis] + 2 * side).wrapping_sub(1);
                if beyond[axis] < cells[axis] && is_solid(beyond) {
                    continue;
                }
                // Counter-clockwise as seen from the positive end of the axis.
                let mut quad = [[0, 0], [1, 0], [1, 1], [0, 1]].map(|[second, third]| {
                    let mut corner = cell;
                    corner[axis] += side;
                    corner[(axis + 1) % 3] += second;
                    corner[(axis + 2) % 3] += third;
                    vertex(&mut mesh, corner)
                });
                if side == 0 {
                    quad.reverse();
                }
                let [a, b, c, d] = quad;
                mesh.faces.extend([[a, b, c], [a, c, d]]);
            }
        }
    }
    mesh
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_shapes_are_closed_and_wind_outwards() {
        for (name, mesh) in all() {
            let mut edges: BTreeMap<[u32; 2], i32> = BTreeMap::new();
            let mut volume = 0.0;
            for &[a, b, c] in &mesh.faces {
                for [from, to] in [[a, b], [b, c], [c, a]] {
                    *edges.entry([from.min(to), from.max(to)]).or_default() +=
                        if from < to { 1 } else { 1000 };
                }
                let [a, b, c] = [a, b, c].map(|i| mesh.positions[i as usize].as_dvec3());
                volume += a.dot(b.cross(c)) / 6.0;
            }
            assert!(edges.values().all(|&uses| uses == 1001), "{name} has an edge without a partner");
            assert!(volume > 0.01, "{name} is inside out: {volume}");
            assert!((12..70_000).contains(&mesh.faces.len()), "{name}: {} faces", mesh.faces.len());
        }
        assert!(chair().faces.len() < 200);
    }
}
