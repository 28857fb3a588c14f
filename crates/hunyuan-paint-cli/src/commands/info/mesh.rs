//! The report about a mesh.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use glam::{DVec2, DVec3, Vec3};
use hunyuan_paint::mesh::{
    Mesh, MeshError, UnwrapOptions, UvMode, UvQuality, UvSource, prepare_uvs, read_mesh,
};
use serde::Serialize;

use super::{Problem, is_usable, write_problems};
use crate::error::{CliError, chain};

#[derive(Debug, Serialize)]
pub(crate) struct MeshReport {
    kind: &'static str,
    path: PathBuf,
    vertices: usize,
    faces: usize,
    parts: Vec<Part>,
    bounds: Option<Bounds>,
    has_normals: bool,
    uvs: Option<Uvs>,
    defects: Defects,
    /// Whether it can be painted.
    pub(crate) usable: bool,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: String,
    material: String,
    faces: usize,
}

/// The bounding box of finite positions, in the file's units.
#[derive(Debug, Serialize)]
struct Bounds {
    min: [f32; 3],
    max: [f32; 3],
    diagonal: f64,
}

#[derive(Debug, Serialize)]
struct Uvs {
    /// Whether they can be painted on as they are.
    usable: bool,
    overlap: f32,
    unmapped: f32,
    starved: f32,
    stretch: Option<f64>,
}

/// How many of each.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Defects {
    /// Vertices whose position is NaN or infinite.
    non_finite_vertices: usize,
    /// Vertices that no face uses.
    unused_vertices: usize,
    /// Faces without an area.
    degenerate_faces: usize,
    /// Faces with the same three vertices as an earlier face.
    duplicate_faces: usize,
    /// Edges of one face only: the surface is open there. Vertices in one place count as one.
    open_edges: usize,
    /// Edges of three or more faces.
    non_manifold_edges: usize,
}

impl MeshReport {
    pub(crate) fn new(path: &Path) -> Result<Self, CliError> {
        Ok(Self::of(path, &read_mesh(path)?))
    }

    fn of(path: &Path, mesh: &Mesh) -> Self {
        let mut problems = Vec::new();
        let defects = Defects::count(mesh);
        // Painting drops unused vertices first, so that only used ones have to be valid; `prepare_uvs` does both.
        let options = UnwrapOptions::new(1024);
        let keep = prepare_uvs(mesh, UvMode::Keep, &options, |_| ControlFlow::Continue(()));
        let mut uvs = None;
        match keep {
            Ok(prepared) => {
                if let UvSource::Own(quality) = prepared.uv_source {
                    uvs = Some(Uvs {
                        usable: quality.is_usable(),
                        overlap: quality.overlap,
                        unmapped: quality.unmapped,
                        starved: quality.starved,
                        stretch: stretch(&prepared.mesh),
                    });
                }
            }
            Err(MeshError::MissingUvs) => {
                problems.push(Problem::warning("there are no UVs: painting makes new ones"));
            }
            Err(error) if mesh.uvs.is_some() && has_bad_uvs(&error) => {
                problems.push(Problem::warning(format!("{}: painting makes new UVs", message(&error))));
            }
            Err(error) => problems.push(Problem::error(message(&error))),
        }
        problems.extend(uvs.iter().filter(|uvs| !uvs.usable).map(|uvs| {
            Problem::warning(format!(
                "UVs overlap on {:.2}% of the used texture (at most {:.2}%), miss {:.2}% of the surface (at most \
                 {:.2}%) and leave {:.0}% of it too few texels (at most {:.0}%): painting makes new ones",
                100.0 * uvs.overlap,
                100.0 * UvQuality::OVERLAP_MAX,
                100.0 * uvs.unmapped,
                100.0 * UvQuality::UNMAPPED_MAX,
                100.0 * uvs.starved,
                100.0 * UvQuality::STARVED_MAX
            ))
        }));
        problems.extend(mesh.warnings.iter().map(|warning| Problem::warning(warning.to_string())));
        defects.report(&mut problems);
        Self {
            kind: "mesh",
            path: path.to_owned(),
            vertices: mesh.positions.len(),
            faces: mesh.faces.len(),
            parts: mesh
                .parts
                .iter()
                .map(|part| Part {
                    name: part.name.clone(),
                    material: part.material.name.clone(),
                    faces: part.faces.len(),
                })
                .collect(),
            bounds: bounds(&mesh.positions),
            has_normals: mesh.normals.is_some(),
            uvs,
            defects,
            usable: is_usable(&problems),
            problems,
        }
    }
}

/// Whether new UVs mend it.
fn has_bad_uvs(error: &MeshError) -> bool {
    matches!(error, MeshError::UvOutsideTexture { .. } | MeshError::NotFinite { attribute: "UV", .. })
}

fn message(error: &MeshError) -> String {
    std::iter::once(error.to_string()).chain(chain(error)).collect::<Vec<_>>().join(": ")
}

fn bounds(positions: &[Vec3]) -> Option<Bounds> {
    let mut finite = positions.iter().copied().filter(|position| position.is_finite());
    let first = finite.next()?;
    let (min, max) = finite.fold((first, first), |(min, max), p| (min.min(p), max.max(p)));
    let diagonal = (max.as_dvec3() - min.as_dvec3()).length();
    Some(Bounds { min: min.to_array(), max: max.to_array(), diagonal })
}

impl Defects {
    fn count(mesh: &Mesh) -> Self {
        let mut is_used = vec![false; mesh.positions.len()];
        mesh.faces.iter().flatten().for_each(|&vertex| is_used[vertex as usize] = true);
        let mut seen = HashSet::new();
        let is_duplicate = |face: &&[u32; 3]| {
            let mut sorted = **face;
            sorted.sort_unstable();
            !seen.insert(sorted)
        };
        let is_degenerate = |face: &&[u32; 3]| {
            let [a, b, c] = face.map(|i| mesh.positions[i as usize].as_dvec3());
            (b - a).cross(c - a) == DVec3::ZERO
        };
        let edges = edge_uses(mesh);
        Self {
            non_finite_vertices: mesh.positions.iter().filter(|position| !position.is_finite()).count(),
            unused_vertices: is_used.iter().filter(|used| !**used).count(),
            degenerate_faces: mesh.faces.iter().filter(is_degenerate).count(),
            duplicate_faces: mesh.faces.iter().filter(is_duplicate).count(),
            open_edges: edges.values().filter(|uses| **uses == 1).count(),
            non_manifold_edges: edges.values().filter(|uses| **uses > 2).count(),
        }
    }

    fn report(&self, problems: &mut Vec<Problem>) {
        let counts = [
            (self.non_finite_vertices, "vertices are NaN or infinite"),
            (self.unused_vertices, "vertices belong to no face: painting drops them"),
            (self.degenerate_faces, "faces have no area"),
            (self.duplicate_faces, "faces have the vertices of an earlier face"),
            (self.open_edges, "edges belong to one face only: the surface is open"),
            (self.non_manifold_edges, "edges belong to three or more faces"),
        ];
        let found = counts.into_iter().filter(|(count, _)| *count > 0);
        problems.extend(found.map(|(count, what)| Problem::warning(format!("{count} {what}"))));
    }
}

/// Counts the faces at each edge. Vertices with the same position are one, since seams split vertices.
fn edge_uses(mesh: &Mesh) -> HashMap<[u32; 2], u32> {
    let mut first_at = HashMap::new();
    // Adding 0 makes -0 and 0 the same.
    let key = |position: &Vec3| position.to_array().map(|x| (x + 0.0).to_bits());
    let welded: Vec<u32> =
        (0..).zip(&mesh.positions).map(|(i, position)| *first_at.entry(key(position)).or_insert(i)).collect();
    let mut uses = HashMap::new();
    for face in &mesh.faces {
        let [a, b, c] = face.map(|vertex| welded[vertex as usize]);
        for [from, to] in [[a, b], [b, c], [c, a]] {
            if from != to {
                *uses.entry([from.min(to), from.max(to)]).or_insert(0) += 1;
            }
        }
    }
    uses
}

/// Measures how the UVs stretch: the L2 norm of Sander et al. (2001), the root mean square length to which the
/// texture's unit vectors are mapped, scaled so that 1 is a map without any stretch. `None` without UVs or
/// without an area. Faces without an area in the texture are left out.
pub(crate) fn stretch(mesh: &Mesh) -> Option<f64> {
    let uvs = mesh.uvs.as_ref()?;
    let (mut stretched, mut surface_area, mut texture_area) = (0.0, 0.0, 0.0);
    for face in &mesh.faces {
        let [a, b, c] = face.map(|i| mesh.positions[i as usize].as_dvec3());
        let [s, t, u] = face.map(|i| uvs[i as usize].as_dvec2());
        let area = (b - a).cross(c - a).length() / 2.0;
        let (e, g): (DVec2, DVec2) = (t - s, u - s);
        let determinant = e.perp_dot(g);
        if determinant.abs() < 1e-14 || !area.is_finite() {
            continue;
        }
        // The columns of the Jacobian, from texture to surface.
        let along_u = ((b - a) * g.y - (c - a) * e.y) / determinant;
        let along_v = ((c - a) * e.x - (b - a) * g.x) / determinant;
        stretched += area * (along_u.length_squared() + along_v.length_squared()) / 2.0;
        surface_area += area;
        texture_area += determinant.abs() / 2.0;
    }
    let stretch = (stretched / surface_area * (texture_area / surface_area)).sqrt();
    stretch.is_finite().then_some(stretch)
}

impl fmt::Display for MeshReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mesh      {}", self.path.display())?;
        writeln!(f, "faces     {}", self.faces)?;
        writeln!(f, "vertices  {}", self.vertices)?;
        if let Some(Bounds { min, max, diagonal }) = &self.bounds {
            writeln!(f, "bounds    {min:?} to {max:?}, diagonal {diagonal:.4}")?;
        }
        writeln!(f, "normals   {}", if self.has_normals { "yes" } else { "no" })?;
        match &self.uvs {
            Some(uvs) => {
                let usable = if uvs.usable { "usable" } else { "not usable" };
                write!(f, "UVs       {usable}: overlap {:.2}%, ", 100.0 * uvs.overlap)?;
                write!(f, "unmapped {:.2}%", 100.0 * uvs.unmapped)?;
                if let Some(stretch) = uvs.stretch {
                    write!(f, ", stretch {stretch:.3} (1 is none)")?;
                }
                writeln!(f)?;
            }
            None => writeln!(f, "UVs       none that can be used")?,
        }
        writeln!(f, "parts     {}", self.parts.len())?;
        for part in &self.parts {
            let name = if part.name.is_empty() { "(no name)" } else { &part.name };
            let material = if part.material.is_empty() { "(no name)" } else { &part.material };
            writeln!(f, "          {name}: {} faces, material {material}", part.faces)?;
        }
        write_problems(f, &self.problems)
    }
}

#[cfg(test)]
mod tests {
    use glam::Vec2;

    use super::*;

    fn square() -> Mesh {
        let uvs = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]].map(Vec2::from);
        Mesh {
            positions: uvs.iter().map(|uv| uv.extend(0.0)).collect(),
            faces: vec![[0, 1, 2], [0, 2, 3]],
            uvs: Some(uvs.to_vec()),
            ..Mesh::default()
        }
    }

    #[test]
    fn a_uniform_scale_is_no_stretch_and_a_squeeze_is() {
        let mut mesh = square();
        assert!(stretch(&mesh).is_some_and(|stretch| (stretch - 1.0).abs() < 1e-6));
        mesh.positions.iter_mut().for_each(|position| *position *= 7.0);
        assert!(stretch(&mesh).is_some_and(|stretch| (stretch - 1.0).abs() < 1e-6));
        mesh.positions.iter_mut().for_each(|position| position.x *= 4.0);
        // sqrt((4² + 1²) / 2 / 4)
        assert!(stretch(&mesh).is_some_and(|stretch| (stretch - 1.4577).abs() < 1e-3));
    }

    #[test]
    fn defects_are_counted() {
        let mut mesh = square();
        assert_eq!(Defects::count(&mesh), Defects { open_edges: 4, ..Defects::default() });
        mesh.faces.extend([[2, 0, 1], [1, 1, 2]]);
        mesh.positions.push(Vec3::NAN);
        let found = Defects::count(&mesh);
        let expected = Defects {
            non_finite_vertices: 1,
            unused_vertices: 1,
            degenerate_faces: 1,
            duplicate_faces: 1,
            open_edges: 2,
            non_manifold_edges: 2,
        };
        assert_eq!(found, expected);
    }
}
