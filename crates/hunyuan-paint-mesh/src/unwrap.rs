//! UVs for painting: the mesh's own where they serve, new ones otherwise.

use std::ops::ControlFlow;

use glam::Vec2;

use crate::{Mesh, MeshError, UvQuality, uv_quality::uvs_inside_texture};

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

/// How new UVs are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnwrapOptions {
    /// Width and height of the texture in texels, 16 to 16384.
    pub texture_size: u32,
    /// Empty texels around each chart: charts are twice as far apart. Less than an eighth of the texture.
    pub padding: u32,
}

impl UnwrapOptions {
    /// Options for a square texture of that size, with one texel of padding for every 512, but at least two.
    pub const fn new(texture_size: u32) -> Self {
        let padding = if texture_size > 1024 { texture_size / 512 } else { 2 };
        Self { texture_size, padding }
    }

    fn validate(&self) -> Result<(), MeshError> {
        if !(16..=16384).contains(&self.texture_size) {
            let (parameter, found) = ("texture_size", self.texture_size.to_string());
            return Err(MeshError::Parameter { parameter, expected: "16 to 16384", found });
        }
        if self.padding >= self.texture_size / 8 {
            let (parameter, found) = ("padding", self.padding.to_string());
            return Err(MeshError::Parameter { parameter, expected: "less than texture_size / 8", found });
        }
        Ok(())
    }
}

/// A stage of unwrapping, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnwrapStage {
    /// The surface is cut into charts.
    Segmenting,
    /// The charts are flattened; counts faces.
    Flattening,
    /// The charts are placed in the texture; counts attempts, of which nobody knows how many it will take.
    Packing,
    /// The mesh is put together.
    Output,
}

/// How far unwrapping has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnwrapProgress {
    /// What is being done.
    pub stage: UnwrapStage,
    /// Units of work done in this stage.
    pub done: usize,
    /// Units of work in this stage, if known.
    pub total: Option<usize>,
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
    /// The mesh, with UVs. Its faces are the original ones in their order, its positions bit-identical copies;
    /// vertices at seams occur several times.
    pub mesh: Mesh,
    /// Where the UVs come from.
    pub uv_source: UvSource,
    /// For each vertex the original one that it is a copy of.
    pub source_vertices: Vec<u32>,
}

/// Gives a mesh UVs that can be painted on.
///
/// The result is the same for any number of threads, and on every platform unless the feature `direct-solver`
/// is on. `progress` is called while new UVs
/// are made, maybe from other threads but never twice at a time; `Break` ends the work.
///
/// # Errors
/// If the mesh or the options are not valid, `Keep` finds UVs missing, not finite or outside 0 to 1, the
/// unwrapper fails, or `progress` asks to stop ([`MeshError::Cancelled`]).
pub fn prepare_uvs(
    mesh: &Mesh,
    mode: UvMode,
    options: &UnwrapOptions,
    progress: impl Fn(UnwrapProgress) -> ControlFlow<()> + Sync,
) -> Result<PreparedMesh, MeshError> {
    mesh.validate()?;
    options.validate()?;
    let own = match (mode, uvs_inside_texture(mesh)) {
        (UvMode::Unwrap, _) | (UvMode::Auto, Err(_)) => None,
        (UvMode::Keep, Err(error)) => return Err(error),
        (_, Ok(uvs)) => Some((UvQuality::measure(mesh, &uvs), uvs)),
    };
    match own {
        Some((quality, uvs)) if mode == UvMode::Keep || quality.is_usable() => Ok(PreparedMesh {
            mesh: Mesh { uvs: Some(uvs), ..mesh.clone() },
            uv_source: UvSource::Own(quality),
            source_vertices: (0..mesh.positions.len() as u32).collect(),
        }),
        _ => unwrap(mesh, options, progress),
    }
}

fn unwrap(
    mesh: &Mesh,
    options: &UnwrapOptions,
    progress: impl Fn(UnwrapProgress) -> ControlFlow<()> + Sync,
) -> Result<PreparedMesh, MeshError> {
    let positions: Vec<[f32; 3]> = mesh.positions.iter().map(|p| p.to_array()).collect();
    let input = uvunwrap::MeshInput::new(&positions, mesh.faces.as_flattened());
    let texture_size = options.texture_size;
    let unwrap_options = uvunwrap::Options {
        density: uvunwrap::Density::Auto { page_size: texture_size },
        padding: options.padding,
        // Its other way of packing gains a tenth of density and takes minutes for some thousand charts.
        packing: uvunwrap::Packing::Fast,
        ..uvunwrap::Options::default()
    };
    let report = |p: uvunwrap::Progress| progress(own_progress(p)).is_continue();
    let atlas = uvunwrap::generate_with_progress(&[input], &unwrap_options, report).map_err(|source| {
        if source == uvunwrap::Error::Cancelled { MeshError::Cancelled } else { MeshError::Unwrap { source } }
    })?;
    let Some(output) = atlas.meshes.first() else { return Err(MeshError::NoFaces) };

    // A page is cropped to the height that it needs; the texture is square. Should the charts need several
    // pages, these are laid side by side.
    let columns = (1..).find(|n| n * n >= atlas.page_count).unwrap_or(1);
    let page_scale = Vec2::new(atlas.width as f32, atlas.height as f32) / texture_size as f32;
    let texture_uv = |vertex: &uvunwrap::OutputVertex| {
        let page = vertex.page.unwrap_or(0);
        let corner = Vec2::new((page % columns) as f32, (page / columns) as f32);
        ((corner + Vec2::from_array(vertex.uv) * page_scale) / columns as f32).clamp(Vec2::ZERO, Vec2::ONE)
    };
    let source_vertices: Vec<u32> = output.vertices.iter().map(|vertex| vertex.xref).collect();
    let faces = output.indices.as_chunks::<3>().0.to_vec();
    let unwrapped = Mesh {
        uvs: Some(output.vertices.iter().map(texture_uv).collect()),
        ..mesh.with_vertices(&source_vertices, faces)
    };
    let page_share = page_scale.x * page_scale.y * atlas.page_count as f32 / (columns * columns) as f32;
    Ok(PreparedMesh {
        mesh: unwrapped,
        uv_source: UvSource::Unwrapped {
            chart_count: atlas.chart_count as usize,
            utilization: atlas.utilization * page_share,
        },
        source_vertices,
    })
}

fn own_progress(progress: uvunwrap::Progress) -> UnwrapProgress {
    let stage = match progress.stage {
        uvunwrap::Stage::Segmenting => UnwrapStage::Segmenting,
        uvunwrap::Stage::Parameterizing => UnwrapStage::Flattening,
        uvunwrap::Stage::Packing => UnwrapStage::Packing,
        _ => UnwrapStage::Output,
    };
    UnwrapProgress { stage, done: progress.done, total: progress.total }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        let options = UnwrapOptions { texture_size: 64, padding: 2 };
        let prepared = prepare_uvs(&soup, UvMode::Auto, &options, go_on)?;
        let uvs = prepared.mesh.uvs.as_deref().unwrap_or_default();
        assert!(uvs.iter().all(|uv| uv.min_element() >= 0.0 && uv.max_element() <= 1.0));
        assert!(UvQuality::measure(&prepared.mesh, uvs).overlap < 0.001);
        Ok(())
    }

    #[test]
    fn progress_is_reported_and_can_cancel() {
        let mesh = bumpy_sphere(24, 16);
        let calls = AtomicUsize::new(0);
        let stop_at_packing = |progress: UnwrapProgress| {
            calls.fetch_add(1, Ordering::Relaxed);
            if progress.stage == UnwrapStage::Packing { ControlFlow::Break(()) } else { go_on(progress) }
        };
        let result = prepare_uvs(&mesh, UvMode::Unwrap, &UnwrapOptions::new(256), stop_at_packing);
        assert!(matches!(result, Err(MeshError::Cancelled)));
        assert!(calls.load(Ordering::Relaxed) > 1);
    }

    #[test]
    fn options_out_of_range_are_errors() {
        let mesh = bumpy_sphere(8, 6);
        for (texture_size, padding) in [(0, 0), (15, 0), (20000, 2), (64, 8), (64, u32::MAX)] {
            let options = UnwrapOptions { texture_size, padding };
            let result = prepare_uvs(&mesh, UvMode::Auto, &options, go_on);
            assert!(matches!(result, Err(MeshError::Parameter { .. })), "{options:?}");
        }
        let missing = prepare_uvs(&mesh, UvMode::Keep, &UnwrapOptions::new(64), go_on);
        assert!(matches!(missing, Err(MeshError::MissingUvs)));
    }
}
