use std::path::Path;

use hunyuan_paint::{
    ignore_progress,
    stages::{prepare_surface, render_conditions},
};
use hunyuan_paint_bake::Cpu;
use hunyuan_paint_image::{DEFAULT_BORDER_RATIO, DelightInput, read_image};
use hunyuan_paint_mesh::{DEFAULT_VIEWS, UnwrapOptions, UvMode, read_mesh, view_index};
use image::RgbImage;

use crate::case::CaseError;

/// Texture size of the unwrap. The condition maps do not depend on it.
const TEXTURE_SIZE: u32 = 512;

/// Inputs of a run, made on the CPU so that they are the same for all devices.
#[derive(Debug)]
pub struct Scene {
    /// Reference image of the object on white, lit.
    pub reference: RgbImage,
    /// Normal maps of the six default cameras.
    pub normal_maps: Vec<RgbImage>,
    /// Position maps of the six default cameras.
    pub position_maps: Vec<RgbImage>,
    /// View indices of the six default cameras.
    pub view_indices: Vec<u32>,
}

impl Scene {
    /// Reads a mesh and an image of it, and renders maps of `size`² pixels.
    ///
    /// # Errors
    /// If a file cannot be read, or the maps cannot be rendered.
    pub fn read(mesh: &Path, image: &Path, size: u32) -> Result<Self, CaseError> {
        let mesh = read_mesh(mesh).map_err(CaseError::under_test)?;
        let centered = read_image(image)
            .and_then(|image| image.recenter(DEFAULT_BORDER_RATIO))
            .map_err(CaseError::under_test)?;
        let reference = DelightInput::new(&centered, size).map_err(CaseError::under_test)?.rgb;
        let surface =
            prepare_surface(&mesh, UvMode::Auto, &UnwrapOptions::new(TEXTURE_SIZE), &mut ignore_progress)
                .map_err(CaseError::under_test)?;
        // Rendered larger and scaled down, as in the pipeline.
        let conditions =
            render_conditions(&mut Cpu, &surface, &DEFAULT_VIEWS, 4 * size, size, &mut ignore_progress)
                .map_err(CaseError::under_test)?;
        let cameras = DEFAULT_VIEWS.map(|view| view.camera);
        let view_indices = cameras
            .map(|camera| view_index(camera.azimuth_degrees, camera.elevation_degrees) as u32)
            .to_vec();
        let maps = conditions.views.into_iter().map(|view| (view.normal, view.position));
        let (normal_maps, position_maps) = maps.unzip();
        Ok(Self { reference, normal_maps, position_maps, view_indices })
    }
}
