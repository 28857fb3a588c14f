//! UVs for painting: keeps the mesh's own UVs if they are usable, and computes new ones otherwise.

use std::{collections::HashMap, ops::ControlFlow};

use glam::Vec2;

use crate::{
    Mesh, MeshError, UvQuality,
    charts::{Charts, make_charts},
    progress::{Reporter, UnwrapProgress, UnwrapStage},
    simplify::simplify_with_sources,
    uv_quality::uvs_inside_texture,
};

/// Choice between the mesh's own UVs and new ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UvMode {
    /// The mesh's own UVs if they are good enough (see [`UvQuality`] and
    /// [`UnwrapOptions::overlap_max`]), new ones otherwise.
    #[default]
    Auto,
    /// The mesh's own UVs, even if they overlap.
    Keep,
    /// New UVs.
    Unwrap,
}

/// Options for preparing a mesh and laying out new UVs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnwrapOptions {
    /// Width and height of the texture in texels, 16 to 16384.
    pub texture_size: u32,
    /// Empty texels around each chart; two charts are at least twice this distance apart. Less
    /// than an eighth of [`texture_size`](Self::texture_size).
    pub padding: u32,
    /// Largest [`UvQuality::overlap`], 0 to 1, with which [`UvMode::Auto`] keeps the mesh's own
    /// UVs. [`UvQuality::OVERLAP_MAX`] by default.
    pub overlap_max: f32,
    /// Approximate number of faces, at least 1, to which the mesh is simplified first (see
    /// [`simplify`](crate::simplify)). `None`, the default, does not simplify.
    pub simplify_to: Option<usize>,
}

impl UnwrapOptions {
    /// Returns the options for a square texture of `texture_size` texels a side: one texel of
    /// padding per 512, but at least two, and defaults for the rest.
    pub const fn new(texture_size: u32) -> Self {
        let padding = if texture_size > 1024 { texture_size / 512 } else { 2 };
        Self { texture_size, padding, overlap_max: UvQuality::OVERLAP_MAX, simplify_to: None }
    }

    /// Checks the ranges of all options.
    ///
    /// # Errors
    /// Fails if `texture_size` is not 16 to 16,384, `padding` is an eighth of it or more,
    /// `overlap_max` is not 0 to 1, or `simplify_to` is 0.
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

/// Origin of a prepared mesh's UVs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum UvSource {
    /// The mesh's own UVs were kept; they have this quality.
    Own(UvQuality),
    /// New UVs were made.
    Unwrapped {
        /// Number of charts that the surface was cut into.
        chart_count: usize,
        /// Share of the texture, 0 to 1, that charts cover.
        utilization: f32,
    },
}

/// A mesh with UVs, ready for painting.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedMesh {
    /// The mesh, with UVs.
    ///
    /// Its positions are bit-identical copies of the original positions. Unless the mesh was
    /// simplified, its faces and parts are the original ones in the original order. Vertices at
    /// seams are duplicated: the first copies come first, in the original order, and all other
    /// copies follow. Vertices that no face uses are removed.
    pub mesh: Mesh,
    /// Origin of the UVs.
    pub uv_source: UvSource,
    /// For each vertex, the index of the original vertex that it is a copy of.
    pub source_vertices: Vec<u32>,
}

/// Number of faces above which a warning is logged: more faces do not paint better, only slower.
const MANY_FACES: usize = 1_000_000;

/// Prepares a mesh for painting: simplifies it if requested, and gives it usable UVs.
///
/// New UVs do not depend on the number of threads or the platform. Simplification may depend on the
/// platform (see [`simplify`](crate::simplify)). While new UVs are made, `progress` is called,
/// possibly from other threads but never concurrently. It cancels the work by returning `Break`.
///
/// # Errors
/// Fails if the options or the mesh are invalid (see [`UnwrapOptions::validate`] and
/// [`Mesh::validate`]; vertices that no face uses are ignored), if [`UvMode::Keep`] finds UVs that
/// are missing, not finite or outside 0 to 1, if the unwrapper fails, or if `progress` cancels the
/// work ([`MeshError::Cancelled`]).
pub fn prepare_uvs(
    mesh: &Mesh,
    mode: UvMode,
    options: &UnwrapOptions,
    progress: impl Fn(UnwrapProgress) -> ControlFlow<()> + Sync,
) -> Result<PreparedMesh, MeshError> {
    options.validate()?;
    mesh.validate_structure()?;
    let mut mesh = mesh.clone();
    // This comes first because unused vertices could enlarge the bounding box.
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
            "a mesh with this many faces takes long to paint; UnwrapOptions::simplify_to reduces it"
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

    // uvunwrap crops each page to the height that its charts need, whereas the texture is square.
    // Several pages are arranged in a square grid.
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

/// Largest number of charts that are packed by shape.
const SHAPED_CHARTS_MAX: usize = 128;
/// Largest texture size, in texels, for which charts are packed by shape.
const SHAPED_SIZE_MAX: u32 = 4096;

/// Packs the charts into the texture with uvunwrap, which first checks them and unwraps flawed ones
/// itself.
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
    // Packing by shape leaves up to a fifth less of the texture empty, but takes minutes for a few
    // thousand charts.
    let by_shape = charts.count <= SHAPED_CHARTS_MAX && options.texture_size <= SHAPED_SIZE_MAX;
    let unwrap_options = uvunwrap::Options {
        density: uvunwrap::Density::Auto { page_size: options.texture_size },
        padding: options.padding,
        packing: if by_shape { uvunwrap::Packing::Shape } else { uvunwrap::Packing::Fast },
        ..uvunwrap::Options::default()
    };
    let report = |progress: uvunwrap::Progress| {
        let reported = match progress.stage {
            // `make_charts` has reported all faces already, so that uvunwrap's checks add none.
            uvunwrap::Stage::Segmenting | uvunwrap::Stage::Parameterizing => {
                reporter.advance(UnwrapStage::Flattening, 0, Some(mesh.faces.len()))
            }
            uvunwrap::Stage::Packing => reporter.advance(UnwrapStage::Packing, 1, None),
            _ => reporter.advance(UnwrapStage::Output, 1, progress.total),
        };
        reported.is_ok()
    };
    uvunwrap::generate_with_progress(&[input], &unwrap_options, report).map_err(|source| {
        if source == uvunwrap::Error::Cancelled { MeshError::Cancelled } else { MeshError::Unwrap { source } }
    })
}

/// Returns the mesh with UVs, and for each of its vertices the index of the original vertex.
///
/// `faces` index `sources` and `uvs`, which hold the original vertex and the UV of each unwrapped
/// vertex. The first copy of a vertex keeps the original index; further copies, at seams, are
/// appended.
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
        // The new UVs are good enough for a second run to keep them unchanged.
        let again = prepare_uvs(&prepared.mesh, UvMode::Auto, &options, go_on)?;
        let UvSource::Own(quality) = again.uv_source else { return Err(MeshError::MissingUvs) };
        assert!(quality.overlap < 0.001 && quality.unmapped == 0.0, "{quality:?}");
        assert_eq!(again.mesh, prepared.mesh);
        Ok(())
    }

    #[test]
    fn new_uvs_do_not_depend_on_the_number_of_threads() {
        let mesh = bumpy_sphere(24, 16);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
            pool.install(|| prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(256), go_on).ok())
        };
        assert!(run(1).is_some());
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn keep_retains_overlapping_uvs_and_auto_replaces_them() -> Result<(), MeshError> {
        let mut mesh = bumpy_sphere(24, 16);
        // A projection along z: the upper and lower half overlap.
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
    fn disconnected_triangles_are_packed_without_overlap() -> Result<(), MeshError> {
        let sphere = bumpy_sphere(40, 30);
        let corners: Vec<u32> = sphere.faces.as_flattened().to_vec();
        let faces = (0..corners.len() as u32).collect::<Vec<_>>().as_chunks::<3>().0.to_vec();
        let mut soup = sphere.with_vertices(&corners, faces);
        // Every triangle is moved, so that no vertices can be welded.
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
            // No report follows the one that was answered with `Break`.
            let heard = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
            assert_eq!(heard.iter().filter(|p| p.stage == stage).count(), 1, "{stage:?}");
        }
        Ok(())
    }

    #[test]
    fn auto_keeps_overlap_up_to_overlap_max() -> Result<(), MeshError> {
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
