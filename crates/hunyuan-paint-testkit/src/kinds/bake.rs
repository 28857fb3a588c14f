//! `condition_maps` and `bake`: from a mesh to condition maps, and from views to a texture.

use hunyuan_paint_bake::{
    BakeOptions, WeightedMerge, back_project, fill_gaps, fill_vertices, render_condition_maps,
    render_depth_map,
};
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Mesh};
use image::RgbImage;
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

/// Cameras of a case, as parallel lists.
#[derive(Deserialize)]
struct Cameras {
    azimuths: Vec<f32>,
    elevations: Vec<f32>,
}

impl Cameras {
    fn views(&self) -> Vec<Camera> {
        let angles = self.azimuths.iter().zip(&self.elevations);
        angles.map(|(&azimuth, &elevation)| Camera::orthographic(azimuth, elevation)).collect()
    }
}

fn canonical_mesh(case: &Case) -> Result<CanonicalMesh, CaseError> {
    let mesh = Mesh {
        positions: case.vectors::<3>("in.positions")?.into_iter().map(Into::into).collect(),
        faces: case.faces("in.faces")?,
        uvs: Some(case.vectors::<2>("in.uvs")?.into_iter().map(Into::into).collect()),
        ..Mesh::default()
    };
    CanonicalMesh::new(&mesh).map_err(CaseError::under_test)
}

fn image_array(image: RgbImage) -> Array {
    Array::u8(&[image.height() as usize, image.width() as usize, 3], image.into_raw())
}

/// Checks the kind `condition_maps`.
///
/// # Errors
/// If an input is missing or the mesh cannot be rendered.
pub fn check_condition_maps(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(flatten)]
        cameras: Cameras,
        /// Numbers of the views in the names of the recordings.
        views: Vec<usize>,
        resolution: u32,
    }
    let Parameters { cameras, views, resolution } = case.parameters()?;
    let mesh = canonical_mesh(case)?;

    let positions: Vec<f32> = mesh.positions.iter().flat_map(|position| position.to_array()).collect();
    report.compare(case, "out.normalized_positions", &Array::f32(&[mesh.positions.len(), 3], positions))?;
    let uvs: Vec<f32> = mesh.uvs.iter().flat_map(|uv| uv.to_array()).collect();
    report.compare(case, "out.normalized_uvs", &Array::f32(&[mesh.uvs.len(), 2], uvs))?;

    for (camera, view) in cameras.views().iter().zip(views) {
        let maps = render_condition_maps(&mesh, camera, resolution).map_err(CaseError::under_test)?;
        report.compare(case, &format!("out.normal_{view}"), &image_array(maps.normal))?;
        report.compare(case, &format!("out.position_{view}"), &image_array(maps.position))?;
        let depth = render_depth_map(&mesh, camera, resolution).map_err(CaseError::under_test)?;
        let side = resolution as usize;
        report.compare(case, &format!("out.depth_{view}"), &Array::f32(&[side, side, 1], depth))?;
    }
    Ok(())
}

/// Checks the kind `bake`, stage by stage.
///
/// # Errors
/// If an input is missing or the views cannot be baked.
pub fn check_bake(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(flatten)]
        cameras: Cameras,
        view_weights: Vec<f32>,
        texture_size: u32,
        bake_exponent: u32,
    }
    let Parameters { cameras, view_weights, texture_size, bake_exponent } = case.parameters()?;
    let mesh = canonical_mesh(case)?;
    let options = BakeOptions { cosine_exponent: bake_exponent, ..BakeOptions::reference() };
    let side = texture_size as usize;
    let colors = |colors: &[[f32; 3]]| Array::f32(&[side, side, 3], colors.as_flattened().to_vec());

    let mut merge = WeightedMerge::new(texture_size, &options).map_err(CaseError::under_test)?;
    for (view, (camera, weight)) in cameras.views().iter().zip(view_weights).enumerate() {
        let image = rgb_image(case, &format!("in.view_{view}"))?;
        let projected =
            back_project(&mesh, camera, &image, texture_size, &options).map_err(CaseError::under_test)?;
        merge.add(&projected, weight).map_err(CaseError::under_test)?;

        for (output, array) in [
            (format!("out.texture_{view}"), colors(&projected.texture)),
            (format!("out.cosine_{view}"), Array::f32(&[side, side, 1], projected.cosine)),
            (format!("out.boundary_{view}"), Array::f32(&[side, side, 1], projected.boundary)),
        ] {
            if case.get(&output).is_some() {
                report.compare(case, &output, &array)?;
            }
        }
    }

    let merged = merge.finish();
    report.compare(case, "out.merged_texture", &colors(&merged.colors))?;
    report.compare(case, "out.mask", &Array::u8(&[side, side], merged.mask().into_raw()))?;

    let mut texture = merged.clone();
    fill_vertices(&mesh, &mut texture).map_err(CaseError::under_test)?;
    report.compare(case, "out.vertex_inpainted", &colors(&texture.colors))?;
    report.compare(case, "out.vertex_mask", &Array::u8(&[side, side], texture.mask().into_raw()))?;

    // The original flips v each time it returns its mesh. On the CPU, where the cases were
    // recorded, this happens in place instead of in a copy. The recorded fill was the second use in
    // a run, so its vertices sampled mirrored texels. The library does what the original does on a
    // GPU.
    let mut mirrored = mesh;
    mirrored.uvs.iter_mut().for_each(|uv| uv.y = 1.0 - uv.y);
    let mut texture = merged;
    fill_vertices(&mirrored, &mut texture).map_err(CaseError::under_test)?;
    let image = fill_gaps(&texture).map_err(CaseError::under_test)?;
    report.compare(case, "out.inpainted_u8", &image_array(image))
}

fn rgb_image(case: &Case, name: &str) -> Result<RgbImage, CaseError> {
    let (shape, bytes) = case.u8(name)?;
    let wrong_shape = || CaseError::Array {
        name: name.to_owned(),
        expected: "u8 [height, width, 3]".to_owned(),
        found: format!("u8 {shape:?}"),
    };
    let [height, width, 3] = *shape else { return Err(wrong_shape()) };
    RgbImage::from_raw(width as u32, height as u32, bytes.to_vec()).ok_or_else(wrong_shape)
}
