//! UVs for painting: the mesh's own where they serve, new ones otherwise.

use std::{collections::HashMap, ops::ControlFlow};

use glam::Vec2;

use crate::{
    Mesh, MeshError, UvQuality,
    charts::{Charts, make_charts},
    progress::{Reporter, UnwrapProgress, UnwrapStage},
    simplify::simplify_with_sources,
    uv_quality::uvs_inside_texture,
};

/// Where the UVs come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UvMode {
    /// The mesh's own if they are usable (see [`UvQuality::is_usable`]), new ones otherwise.
    #[default]
    Auto,
    /// The mesh's own, even if they overlap.
    Keep,
    /// New ones.
    Unwrap,
}

/// How a mesh is prepared, and new UVs laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnwrapOptions {
    /// Width and height of the texture in texels, 16 to 16384.
    pub texture_size: u32,
    /// Empty texels around each chart: charts are twice as far apart. Less than an eighth of the texture.
    pub padding: u32,
    /// The overlap, 0 to 1, up to which [`UvMode::Auto`] keeps a mesh's own UVs ([`UvQuality::overlap`]); by default
    /// [`UvQuality::OVERLAP_MAX`].
    pub overlap_max: f32,
    /// Simplifies the mesh to about so many faces first (see [`simplify`](crate::simplify)), at least 1; by default
    /// it stays as it is.
    pub simplify_to: Option<usize>,
}

impl UnwrapOptions {
    /// Options for a square texture of that size, with one texel of padding for every 512, but at least two.
    pub const fn new(texture_size: u32) -> Self {
        let padding = if texture_size > 1024 { texture_size / 512 } else { 2 };
        Self { texture_size, padding, overlap_max: UvQuality::OVERLAP_MAX, simplify_to: None }
    }

    /// Checks the ranges of all options.
    ///
    /// # Errors
    /// If the texture has not 16 to 16,384 texels a side, the padding takes an eighth of it, the overlap is not 0 to 1, or
    /// no face would remain.
    pub fn validate(&self) -> Result<(), MeshError> {
        if !(16..=16384).contains(&self.texture_size) {
            let (parameter, found) = ("texture_size", self.texture_size.to_string());
            return Err(MeshError::Parameter { parameter, expected: "16 to 16384", found });
        }
        if self.padding >= self.texture_size / 8 {
            let (parameter, found) = ("padding", self.padding.to_string());
            return Err(MeshError::Parameter { parameter, expected: "less than texture_size / 8", found });
        }
        if !(0.0..=1.0).contains(&self.overlap_max) {
            let (parameter, found) = ("overlap_max", self.overlap_max.to_string());
            return Err(MeshError::Parameter { parameter, expected: "0 to 1", found });
        }
        if self.simplify_to == Some(0) {
            let (parameter, found) = ("simplify_to", "0".to_owned());
            return Err(MeshError::Parameter { parameter, expected: "at least 1", found });
        }
        Ok(())
    }
}

/// Where a prepared mesh's UVs come from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum UvSource {
    /// They are the mesh's own.
    Own(UvQuality),
    /// They are new.
    Unwrapped {
        /// Number of pieces that the surface was cut into.
        chart_count: usize,
        /// The share of the texture, 0 to 1, that lies on the surface.
        utilization: f32,
    },
}

/// A mesh that is ready to be painted on.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedMesh {
    /// The mesh, with UVs. Its positions are bit-identical copies of the original ones; its faces are the original
    /// ones in their order unless it was simplified, and so are its parts. Vertices at seams occur several times:
    /// the first copies come first, in the original order, all others after them. Vertices that no face names
    /// are left out.
    pub mesh: Mesh,
    /// Where the UVs come from.
    pub uv_source: UvSource,
    /// For each vertex the original one that it is a copy of.
    pub source_vertices: Vec<u32>,
}

/// Meshes with more faces are painted no better than with fewer, and slower.
const MANY_FACES: usize = 1_000_000;

/// Gives a mesh UVs that can be painted on; simplifies it before that if so asked.
///
/// New UVs are the same for any number of threads and on every platform (simplification is not, see
/// [`simplify`](crate::simplify)). `progress` is called while they are made, maybe from other threads but never
/// twice at a time; `Break` ends the work.
///
/// # Errors
/// If the options are not valid, or the mesh is not (see [`Mesh::validate`]; vertices that no face names do not
/// matter), `Keep` finds UVs missing, not finite or outside 0 to 1, the unwrapper fails, or `progress` asks to stop
/// ([`MeshError::Cancelled`]).
pub fn prepare_uvs(
    mesh: &Mesh,
    mode: UvMode,
    options: &UnwrapOptions,
    progress: impl Fn(UnwrapProgress) -> ControlFlow<()> + Sync,
) -> Result<PreparedMesh, MeshError> {
    options.validate()?;
    mesh.validate_structure()?;
    let mut mesh = mesh.clone();
    // First of all: a stray vertex would count for the extent.
    let mut source_vertices = mesh.drop_unused_vertices();
    mesh.validate()?;
    if let Some(target) = options.simplify_to {
        let (simple, kept) = simplify_with_sources(&mesh, target)?;
        source_vertices = kept.into_iter().map(|i| source_vertices[i as usize]).collect();
        mesh = simple;
    }
    if mesh.faces.len() > MANY_FACES {
        let faces = mesh.faces.len();
        tracing::warn!(
            faces,
            "a mesh of so many faces takes long to paint; UnwrapOptions::simplify_to reduces it"
        );
    }
    let own = match (mode, uvs_inside_texture(&mesh)) {
        (UvMode::Unwrap, _) | (UvMode::Auto, Err(_)) => None,
        (UvMode::Keep, Err(error)) => return Err(error),
        (_, Ok(uvs)) => Some((UvQuality::measure(&mesh, &uvs), uvs)),
    };
    match own {
        Some((quality, uvs)) if mode == UvMode::Keep || quality.is_within(options.overlap_max) => {
            let mesh = Mesh { uvs: Some(uvs), ..mesh };
            Ok(PreparedMesh { mesh, uv_source: UvSource::Own(quality), source_vertices })
        }
        _ => {
            let mut prepared = unwrap(&mesh, options, progress)?;
            prepared.source_vertices.iter_mut().for_each(|i| *i = source_vertices[*i as usize]);
            Ok(prepared)
        }
    }
}

fn unwrap(
    mesh: &Mesh,
    options: &UnwrapOptions,
    progress: impl Fn(UnwrapProgress) -> ControlFlow<()> + Sync,
) -> Result<PreparedMesh, MeshError> {
    let reporter = Reporter::new(&progress);
    let charts = make_charts(mesh, &reporter)?;
    let atlas = pack(mesh, &charts, options, &reporter)?;
    let Some(output) = atlas.meshes.first() else { return Err(MeshError::NoFaces) };

    // A page is cropped to the height that it needs; the texture is square. Should the charts need several
    // pages, these are laid side by side.
    let columns = (1..).find(|n| n * n >= atlas.page_count).unwrap_or(1);
    let page_scale = Vec2::new(atlas.width as f32, atlas.height as f32) / options.texture_size as f32;
    let texture_uv = |vertex: &uvunwrap::OutputVertex| {
        let page = vertex.page.unwrap_or(0);
        let corner = Vec2::new((page % columns) as f32, (page / columns) as f32);
        ((corner + Vec2::from_array(vertex.uv) * page_scale) / columns as f32).clamp(Vec2::ZERO, Vec2::ONE)
    };
    let uvs: Vec<Vec2> = output.vertices.iter().map(texture_uv).collect();
    let sources: Vec<u32> =
        output.vertices.iter().map(|vertex| charts.source_vertices[vertex.xref as usize]).collect();
    let page_share = page_scale.x * page_scale.y * atlas.page_count as f32 / (columns * columns) as f32;
    let (mesh, source_vertices) = with_uvs(mesh, output.indices.as_chunks::<3>().0, &sources, &uvs);
    Ok(PreparedMesh {
        mesh,
        uv_source: UvSource::Unwrapped {
            chart_count: atlas.chart_count as usize,
            utilization: atlas.utilization * page_share,
        },
        source_vertices,
    })
}

/// The most charts, and the largest texture, for which charts are packed by shape.
const SHAPED_CHARTS_MAX: usize = 128;
const SHAPED_SIZE_MAX: u32 = 4096;

/// Lets uvunwrap check the charts, unwrap in its own way what has flaws, and place everything in the texture.
fn pack(
    mesh: &Mesh,
    charts: &Charts,
    options: &UnwrapOptions,
    reporter: &Reporter<'_>,
) -> Result<uvunwrap::Atlas, MeshError> {
    let position = |&source: &u32| mesh.positions[source as usize].to_array();
    let positions: Vec<[f32; 3]> = charts.source_vertices.iter().map(position).collect();
    let uvs: Vec<[f32; 2]> = charts.uvs.iter().map(|uv| uv.to_array()).collect();
    let input = uvunwrap::MeshInput {
        existing_uvs: Some(&uvs),
        face_materials: Some(&charts.chart_of_face),
        ..uvunwrap::MeshInput::new(&positions, charts.faces.as_flattened())
    };
    // Packing by shape leaves up to a fifth less of the texture empty, but takes minutes for some thousand charts.
    let by_shape = charts.count <= SHAPED_CHARTS_MAX && options.texture_size <= SHAPED_SIZE_MAX;
    let unwrap_options = uvunwrap::Options {
        density: uvunwrap::Density::Auto { page_size: options.texture_size },
        padding: options.padding,
        packing: if by_shape { uvunwrap::Packing::Shape } else { uvunwrap::Packing::Fast },
        ..uvunwrap::Options::default()
    };
    let report = |progress: uvunwrap::Progress| {
        let go_on = match progress.stage {
            // All faces have been counted; what is checked again is not news.
            uvunwrap::Stage::Segmenting | uvunwrap::Stage::Parameterizing => {
                reporter.advance(UnwrapStage::Flattening, 0, Some(mesh.faces.len()))
            }
            uvunwrap::Stage::Packing => reporter.advance(UnwrapStage::Packing, 1, None),
            _ => reporter.advance(UnwrapStage::Output, 1, progress.total),
        };
        go_on.is_ok()
    };
    uvunwrap::generate_with_progress(&[input], &unwrap_options, report).map_err(|source| {
        if source == uvunwrap::Error::Cancelled { MeshError::Cancelled } else { MeshError::Unwrap { source } }
    })
}

/// The mesh with UVs at the corners of its faces, and for each of its vertices the original one. `sources` and
/// `uvs` belong to the vertices that `faces` name.
///
/// The first copy of a vertex keeps its number; those that seams ask for follow at the end.
fn with_uvs(mesh: &Mesh, faces: &[[u32; 3]], sources: &[u32], uvs: &[Vec2]) -> (Mesh, Vec<u32>) {
    let vertex_count = mesh.positions.len();
    let mut source_vertices: Vec<u32> = (0..vertex_count as u32).collect();
    let mut new_uvs: Vec<Option<Vec2>> = vec![None; vertex_count];
    let mut copies: HashMap<(u32, [u32; 2]), u32> = HashMap::new();
    let mut number = |vertex: u32| {
        let (source, uv) = (sources[vertex as usize], uvs[vertex as usize]);
        let first = new_uvs[source as usize].get_or_insert(uv);
        if *first == uv {
            return source;
        }
        *copies.entry((source, uv.to_array().map(f32::to_bits))).or_insert_with(|| {
            source_vertices.push(source);
            new_uvs.push(Some(uv));
            new_uvs.len() as u32 - 1
        })
    };
    let faces = faces.iter().map(|face| face.map(&mut number)).collect();
    let uvs = new_uvs.into_iter().map(Option::unwrap_or_default).collect();
    (Mesh { uvs: Some(uvs), ..mesh.with_vertices(&source_vertices, faces) }, source_vertices)
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::test_meshes::bumpy_sphere;

    fn go_on(_: UnwrapProgress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn unwrapping_keeps_the_surface_and_overlaps_nowhere() -> Result<(), MeshError> {
        let mesh = bumpy_sphere(40, 30);
        let options = UnwrapOptions::new(512);
        let prepared = prepare_uvs(&mesh, UvMode::Auto, &options, go_on)?;
        assert_eq!(prepared.mesh.faces.len(), mesh.faces.len());
        for (face, original) in prepared.mesh.faces.iter().zip(&mesh.faces) {
            assert_eq!(face.map(|i| prepared.source_vertices[i as usize]), *original);
        }
        for (position, &source) in prepared.mesh.positions.iter().zip(&prepared.source_vertices) {
            assert_eq!(
                position.to_array().map(f32::to_bits),
                mesh.positions[source as usize].to_array().map(f32::to_bits)
            );
        }
        // What was made is good enough to be kept, and kept as it is.
        let again = prepare_uvs(&prepared.mesh, UvMode::Auto, &options, go_on)?;
        let UvSource::Own(quality) = again.uv_source else { return Err(MeshError::MissingUvs) };
        assert!(quality.overlap < 0.001 && quality.unmapped == 0.0, "{quality:?}");
        assert_eq!(again.mesh, prepared.mesh);
        Ok(())
    }

    #[test]
    fn two_runs_agree_to_the_bit() -> Result<(), MeshError> {
        let mesh = bumpy_sphere(24, 16);
        let run = || prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(256), go_on);
        assert_eq!(run()?, run()?);
        Ok(())
    }

    #[test]
    fn modes_differ_on_overlapping_uvs() -> Result<(), MeshError> {
        let mut mesh = bumpy_sphere(24, 16);
        // Seen from above, the two halves lie on one another.
        mesh.uvs = Some(mesh.positions.iter().map(|p| p.truncate() / 3.0 + 0.5).collect());
        let options = UnwrapOptions::new(256);
        let kept = prepare_uvs(&mesh, UvMode::Keep, &options, go_on)?;
        assert!(matches!(kept.uv_source, UvSource::Own(quality) if quality.overlap > 0.5));
        assert_eq!(kept.mesh, mesh);
        let renewed = prepare_uvs(&mesh, UvMode::Auto, &options, go_on)?;
        assert!(matches!(renewed.uv_source, UvSource::Unwrapped { chart_count: 1.., .. }));
        Ok(())
    }

    #[test]
    fn loose_triangles_all_find_a_place() -> Result<(), MeshError> {
        let sphere = bumpy_sphere(40, 30);
        let corners: Vec<u32> = sphere.faces.as_flattened().to_vec();
        let faces = (0..corners.len() as u32).collect::<Vec<_>>().as_chunks::<3>().0.to_vec();
        let mut soup = sphere.with_vertices(&corners, faces);
        // Pulled apart, so that nothing can be welded.
        for (i, position) in soup.positions.iter_mut().enumerate() {
            position.z += (i / 3) as f32;
        }
        let options = UnwrapOptions::new(64);
        let prepared = prepare_uvs(&soup, UvMode::Auto, &options, go_on)?;
        let uvs = prepared.mesh.uvs.as_deref().unwrap_or_default();
        assert!(uvs.iter().all(|uv| uv.min_element() >= 0.0 && uv.max_element() <= 1.0));
        assert!(UvQuality::measure(&prepared.mesh, uvs).overlap < 0.001);
        Ok(())
    }

    #[test]
    fn progress_never_goes_back_and_every_stage_can_be_cancelled() -> Result<(), MeshError> {
        let mesh = bumpy_sphere(24, 16);
        let reports = Mutex::new(Vec::new());
        let run = |stop_at: Option<UnwrapStage>| {
            let note = |progress: UnwrapProgress| {
                reports.lock().unwrap_or_else(PoisonError::into_inner).push(progress);
                if Some(progress.stage) == stop_at { ControlFlow::Break(()) } else { go_on(progress) }
            };
            prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(256), note)
        };
        run(None)?;
        let all = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
        let stages =
            [UnwrapStage::Segmenting, UnwrapStage::Flattening, UnwrapStage::Packing, UnwrapStage::Output];
        let order = |p: &UnwrapProgress| (stages.iter().position(|stage| *stage == p.stage), p.done);
        assert!(all.is_sorted_by_key(order));
        for stage in stages {
            assert!(all.iter().any(|p| p.stage == stage && p.total.is_none_or(|total| p.done == total)));
            reports.lock().unwrap_or_else(PoisonError::into_inner).clear();
            assert!(matches!(run(Some(stage)), Err(MeshError::Cancelled)), "{stage:?}");
            // Nothing is heard after that.
            let heard = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
            assert_eq!(heard.iter().filter(|p| p.stage == stage).count(), 1, "{stage:?}");
        }
        Ok(())
    }

    #[test]
    fn more_overlap_is_kept_if_so_asked() -> Result<(), MeshError> {
        let mut mesh = bumpy_sphere(24, 16);
        mesh.uvs = Some(mesh.positions.iter().map(|p| p.truncate() / 3.0 + 0.5).collect());
        let options = UnwrapOptions { overlap_max: 1.0, ..UnwrapOptions::new(256) };
        let kept = prepare_uvs(&mesh, UvMode::Auto, &options, go_on)?;
        assert!(matches!(kept.uv_source, UvSource::Own(quality) if !quality.is_usable()));
        Ok(())
    }

    #[test]
    fn options_out_of_range_are_errors() {
        let mesh = bumpy_sphere(8, 6);
        for (texture_size, padding) in [(0, 0), (15, 0), (20000, 2), (64, 8), (64, u32::MAX)] {
            let options = UnwrapOptions { padding, ..UnwrapOptions::new(texture_size) };
            let result = prepare_uvs(&mesh, UvMode::Auto, &options, go_on);
            assert!(matches!(result, Err(MeshError::Parameter { .. })), "{options:?}");
        }
        let good = UnwrapOptions::new(64);
        for options in [
            UnwrapOptions { overlap_max: f32::NAN, ..good },
            UnwrapOptions { overlap_max: -0.1, ..good },
            UnwrapOptions { simplify_to: Some(0), ..good },
        ] {
            let result = prepare_uvs(&mesh, UvMode::Auto, &options, go_on);
            assert!(matches!(result, Err(MeshError::Parameter { .. })), "{options:?}");
        }
        let missing = prepare_uvs(&mesh, UvMode::Keep, &UnwrapOptions::new(64), go_on);
        assert!(matches!(missing, Err(MeshError::MissingUvs)));
    }
}
