//! `hunyuan-paint render`: a mesh from all sides.

use std::{fmt, path::PathBuf};

use clap::ValueEnum;
use glam::{Vec2, Vec3};
use hunyuan_paint::{
    bake::{ConditionMaps, render_condition_maps, render_textured},
    imaging::resize_bicubic_rgb,
    mesh::{Camera, CanonicalMesh, Mesh, read_mesh},
    preview::contact_sheet,
};
use image::{Rgb, RgbImage};
use serde::Serialize;

use crate::{
    cancel,
    console::Console,
    error::CliError,
    inputs::read_rgb,
    output::{check_folder, create_folder, write_png},
};

#[derive(Debug, clap::Args)]
pub(crate) struct RenderArguments {
    /// The mesh: GLB, glTF, OBJ, PLY or STL.
    mesh: PathBuf,
    /// Folder of the results: a PNG for each view, and the contact sheet sheet.png.
    #[arg(long, short)]
    output: PathBuf,
    /// The texture of the mesh's own UVs. Without one, the shape is shown in gray.
    #[arg(long)]
    texture: Option<PathBuf>,
    /// How many views, evenly around the vertical axis.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=120))]
    count: u32,
    /// Angle of the first view around the vertical axis, in degrees; 0 is the front.
    #[arg(long, default_value_t = 30.0, allow_negative_numbers = true, value_parser = parse_angle)]
    azimuth: f32,
    /// Angle of all views above the horizon, in degrees.
    #[arg(long, default_value_t = 15.0, allow_negative_numbers = true, value_parser = parse_elevation)]
    elevation: f32,
    /// Side of each view in pixels.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=16384))]
    size: u32,
    /// Side of each cell of the contact sheet in pixels.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=512))]
    cell: u32,
    /// Also write the maps that the paint model is given: normal, position.
    #[arg(long, value_enum, value_delimiter = ',')]
    maps: Vec<Map>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Map {
    Normal,
    Position,
}

/// Views in one row of the contact sheet.
const COLUMNS: usize = 8;

#[derive(Serialize)]
struct Rendered {
    views: Vec<PathBuf>,
    normal_maps: Vec<PathBuf>,
    position_maps: Vec<PathBuf>,
    sheet: PathBuf,
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maps = self.normal_maps.len() + self.position_maps.len();
        write!(f, "{} views and {maps} maps; contact sheet {}", self.views.len(), self.sheet.display())
    }
}

fn parse_angle(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(degrees) if degrees.is_finite() && degrees.abs() <= 3600.0 => Ok(degrees),
        _ => Err("expected degrees".into()),
    }
}

fn parse_elevation(text: &str) -> Result<f32, String> {
    parse_angle(text)
        .ok()
        .filter(|degrees| degrees.abs() <= 90.0)
        .ok_or_else(|| "expected -90 to 90 degrees".into())
}

pub(crate) fn run(arguments: &RenderArguments, console: Console) -> Result<(), CliError> {
    check_folder(&arguments.output)?;
    let texture = arguments.texture.as_deref().map(read_rgb).transpose()?;
    let mut mesh = read_mesh(&arguments.mesh)?;
    if texture.is_none() {
        // The canonical space needs UVs, the shape does not.
        mesh = Mesh { uvs: Some(vec![Vec2::ZERO; mesh.positions.len()]), ..mesh };
    }
    let mesh = CanonicalMesh::new(&mesh).map_err(|error| CliError::input(&arguments.mesh, error))?;

    create_folder(&arguments.output)?;
    let wants = |map| arguments.maps.contains(&map);
    let [mut views, mut normal_maps, mut position_maps] = ["view", "normal", "position"].map(Strip::new);
    for index in 0..arguments.count {
        cancel::check()?;
        let azimuth = arguments.azimuth + 360.0 * index as f32 / arguments.count as f32;
        let camera = Camera::orthographic(azimuth, arguments.elevation);
        let needs_maps = texture.is_none() || !arguments.maps.is_empty();
        let maps = needs_maps.then(|| render_condition_maps(&mesh, &camera, arguments.size)).transpose()?;
        if let Some(texture) = &texture {
            views.add(&render_textured(&mesh, texture, &camera, arguments.size)?, arguments)?;
        }
        let Some(maps) = maps else { continue };
        if texture.is_none() {
            views.add(&shaded(&maps, &camera), arguments)?;
        }
        if wants(Map::Normal) {
            normal_maps.add(&maps.normal, arguments)?;
        }
        if wants(Map::Position) {
            position_maps.add(&maps.position, arguments)?;
        }
    }
    let sheet = arguments.output.join("sheet.png");
    let rows: Vec<Vec<&RgbImage>> = [&views, &normal_maps, &position_maps]
        .into_iter()
        .flat_map(|strip| strip.cells.chunks(COLUMNS))
        .map(|row| row.iter().collect())
        .collect();
    write_png(&sheet, &contact_sheet(&rows, arguments.cell)?)?;
    console.print(&Rendered {
        views: views.files,
        normal_maps: normal_maps.files,
        position_maps: position_maps.files,
        sheet,
    })
}

/// Images of one kind: written at once, and kept as small as the contact sheet shows them.
struct Strip {
    name: &'static str,
    files: Vec<PathBuf>,
    cells: Vec<RgbImage>,
}

impl Strip {
    fn new(name: &'static str) -> Self {
        Self { name, files: Vec::new(), cells: Vec::new() }
    }

    fn add(&mut self, image: &RgbImage, arguments: &RenderArguments) -> Result<(), CliError> {
        let path = arguments.output.join(format!("{}_{}.png", self.name, self.files.len()));
        write_png(&path, image)?;
        self.files.push(path);
        self.cells.push(resize_bicubic_rgb(image, arguments.cell, arguments.cell)?);
        Ok(())
    }
}

/// Returns the shape in gray, lit from the camera on both sides of its faces, on white.
fn shaded(maps: &ConditionMaps, camera: &Camera) -> RgbImage {
    let view_from_world = camera.view_from_world();
    // The third row of the rotation: the direction to the camera in canonical space.
    let to_camera = Vec3::new(view_from_world.x_axis.z, view_from_world.y_axis.z, view_from_world.z_axis.z);
    let mut image = maps.normal.clone();
    for Rgb(color) in image.pixels_mut() {
        let normal = Vec3::from_array(color.map(|byte| f32::from(byte) / 127.5 - 1.0));
        // White is the background: no normal is as long.
        *color = if normal.length_squared() > 2.0 {
            [255; 3]
        } else {
            [(60.0 + 170.0 * normal.normalize_or_zero().dot(to_camera).abs()) as u8; 3]
        };
    }
    image
}
