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

/// The maps do not depend on it; the unwrap, which they come after, does.
const TEXTURE_SIZE: u32 = 512;

/// What a run paints: made on the CPU, so that it is the same for all devices.
#[derive(Debug)]
pub struct Scene {
    /// The object on white, lit.
    pub reference: RgbImage,
    /// What the six default cameras see of the normals.
    pub normal_maps: Vec<RgbImage>,
    /// What they see of the positions.
    pub position_maps: Vec<RgbImage>,
    /// The trained views of these cameras.
    pub view_indices: Vec<u32>,
}

impl Scene {
    /// A mesh, and an image of it, at `size` pixels squared.
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
        // Drawn larger and scaled down, as a painting does.
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
