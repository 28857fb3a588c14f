//! Winding of faces: which side of the surface is outside.

use std::cmp::Ordering;

use hunyuan_paint_mesh::{Camera, CanonicalMesh};
use hunyuan_paint_raster::{Coverage, NO_FACE, RasterOptions, Size, View, Viewport, rasterize};
use rayon::prelude::*;

use crate::{BakeError, check, drawn_view::project, grouped::Grouped, welded::Welded};

/// Side, in pixels, of the views in which faces are counted.
const VIEW_SIZE: u32 = 256;

/// Nothing inside a closed surface shows through cracks between its faces.
const WATERTIGHT: RasterOptions =
    RasterOptions { coverage: Coverage::FixedPoint, viewport: Viewport::PixelCenters, depth_key: None };

/// A component with consistent winding is turned only if its inside shows in more than so many
/// times as many pixels as its outside. An open bowl shows both sides alike.
const INSIDE_PER_OUTSIDE: u64 = 2;

/// Azimuths and elevations, in degrees, of the cameras: the sides and the corners of a cube.
const DIRECTIONS: [(f32, f32); 14] = [
    (0.0, 0.0),
    (90.0, 0.0),
    (180.0, 0.0),
    (270.0, 0.0),
    (0.0, 90.0),
    (180.0, -90.0),
    (45.0, 35.0),
    (135.0, 35.0),
    (225.0, 35.0),
    (315.0, 35.0),
    (45.0, -35.0),
    (135.0, -35.0),
    (225.0, -35.0),
    (315.0, -35.0),
];

/// Winds the faces of a mesh so that cameras around it see their outsides, and returns how many
/// faces were flipped.
///
/// Within each connected component, faces that share an edge get the same orientation. The side
/// that more pixels of 14 views show becomes the outside. A component whose winding is consistent
/// stays as it is unless its inside is clearly more visible. Vertices at equal positions count as
/// one, and edges of more than two faces connect nothing.
///
/// Views of faces that are wound the wrong way show their insides: the baker rejects them, and
/// their texels stay blank.
///
/// # Errors
/// If the mesh is empty or inconsistent.
pub fn orient_outward(mesh: &mut CanonicalMesh) -> Result<usize, BakeError> {
    check::mesh(mesh)?;
    let components = Components::new(mesh);
    let visibility = count_pixels(mesh)?;
    let area = |face: usize| {
        let [a, b, c] = mesh.faces[face].map(|vertex| mesh.positions[vertex as usize].as_dvec3());
        (b - a).cross(c - a).length()
    };

    let mut is_flipped = components.is_flipped.clone();
    for faces in components.faces() {
        let is_consistent = faces.iter().all(|&face| !components.is_flipped[face as usize]);
        // What the views show once the component is consistent.
        let [outside, inside] = faces.iter().fold([0, 0], |sum, &face| {
            let [outside, inside] = visibility[face as usize];
            let is_flipped = components.is_flipped[face as usize];
            let [outside, inside] = if is_flipped { [inside, outside] } else { [outside, inside] };
            [sum[0] + outside, sum[1] + inside]
        });
        let area_of = |flipped: bool| -> f64 {
            let those = faces.iter().filter(|&&face| components.is_flipped[face as usize] == flipped);
            those.map(|&face| area(face as usize)).sum()
        };
        let turns = match outside.cmp(&inside) {
            _ if is_consistent => inside > INSIDE_PER_OUTSIDE * outside,
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => area_of(true) > area_of(false),
        };
        if turns {
            faces.iter().for_each(|&face| is_flipped[face as usize] ^= true);
        }
    }
    for (face, _) in mesh.faces.iter_mut().zip(&is_flipped).filter(|(_, flipped)| **flipped) {
        face.swap(1, 2);
    }
    Ok(is_flipped.into_iter().filter(|&flipped| flipped).count())
}

/// Counts for each face the pixels of all views that show its outside and its inside.
fn count_pixels(mesh: &CanonicalMesh) -> Result<Vec<[u64; 2]>, BakeError> {
    let mut counts = vec![[0; 2]; mesh.faces.len()];
    for (azimuth, elevation) in DIRECTIONS {
        let camera = Camera::orthographic(azimuth, elevation);
        let (positions_view, positions_clip) = project(&mesh.positions, &camera);
        let view = View::new(&positions_clip, Size::square(VIEW_SIZE));
        let visible = rasterize(&view, &mesh.faces, WATERTIGHT)?;
        for &face in visible.face_index.iter().filter(|&&face| face != NO_FACE) {
            let [a, b, c] = mesh.faces[face as usize].map(|vertex| positions_view[vertex as usize]);
            // Normals of canonical space point inward: away from a camera that sees the outside.
            let is_outside = (b - a).cross(c - a).z < 0.0;
            counts[face as usize][usize::from(!is_outside)] += 1;
        }
    }
    Ok(counts)
}

/// Connected components of faces, with a consistent orientation.
struct Components {
    /// The faces, component by component.
    order: Vec<u32>,
    /// The first place in `order` of each component, and the end.
    starts: Vec<usize>,
    /// For each face whether it is wound the other way than the first face of its component.
    is_flipped: Vec<bool>,
}

impl Components {
    fn new(mesh: &CanonicalMesh) -> Self {
        let neighbors = neighbors(mesh);
        let mut components = Self {
            order: Vec::with_capacity(mesh.faces.len()),
            starts: vec![0],
            is_flipped: vec![false; mesh.faces.len()],
        };
        let mut is_visited = vec![false; mesh.faces.len()];
        for first in 0..mesh.faces.len() as u32 {
            if is_visited[first as usize] {
                continue;
            }
            is_visited[first as usize] = true;
            let mut next = components.order.len();
            components.order.push(first);
            while let Some(&face) = components.order.get(next) {
                next += 1;
                for &(neighbor, is_opposed) in neighbors.group(face as usize) {
                    if !is_visited[neighbor as usize] {
                        is_visited[neighbor as usize] = true;
                        components.is_flipped[neighbor as usize] =
                            components.is_flipped[face as usize] ^ is_opposed;
                        components.order.push(neighbor);
                    }
                }
            }
            components.starts.push(components.order.len());
        }
        components
    }

    /// Returns the faces of each component.
    fn faces(&self) -> impl Iterator<Item = &[u32]> {
        self.starts.windows(2).map(|ends| &self.order[ends[0]..ends[1]])
    }
}

/// Returns for each face the faces across its edges, and whether they are wound against it.
fn neighbors(mesh: &CanonicalMesh) -> Grouped<(u32, bool)> {
    let Welded { position, .. } = Welded::new(mesh);
    // The ends of an edge in ascending order, the face, and whether it runs the other way.
    let mut edges: Vec<([u32; 2], u32, bool)> = (0..)
        .zip(&mesh.faces)
        .flat_map(|(face, &[a, b, c])| {
            [[a, b], [b, c], [c, a]].map(|ends| {
                let [a, b] = ends.map(|vertex| position[vertex as usize]);
                ([a.min(b), a.max(b)], face, a > b)
            })
        })
        .filter(|([a, b], ..)| a != b)
        .collect();
    edges.par_sort_unstable();
    let mut links: Vec<(usize, (u32, bool))> = edges
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|sides| match *sides {
            // Neighbors with the same winding run along their edge in opposite directions.
            [(_, a, runs_back), (_, b, also)] if a != b => Some((a, b, runs_back == also)),
            _ => None,
        })
        .flat_map(|(a, b, is_opposed)| [(a as usize, (b, is_opposed)), (b as usize, (a, is_opposed))])
        .collect();
    links.par_sort_unstable();
    Grouped::new(mesh.faces.len(), links.into_iter())
}
