//! Measures condition maps and baking on the GPU, including host work and transfers, and checks
//! that the CPU gives the same result.
//!
//! Usage: `gpu_times [RENDER_SIZE] [TEXTURE_SIZE] [MESH_ROWS]`. Sizes are in pixels a side (2048 by
//! default); the mesh has `MESH_ROWS` rows of quads (150 by default).

#![expect(clippy::print_stdout, reason = "the measurements are the output")]

use std::{
    env,
    error::Error,
    f32::consts::PI,
    time::{Duration, Instant},
};

use glam::{Vec2, Vec3};
use hunyuan_paint_bake::{
    BakeOptions, BakeView, ReliableDepth, draw_charts, gather, gpu::GpuBaker, render_condition_maps,
};
use hunyuan_paint_image::resize_bicubic_rgb;
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Mesh};
use hunyuan_paint_raster::gpu::GpuDevice;
use image::{Rgb, RgbImage};
use pollster::block_on;

/// Runs per measurement; the median is printed.
const REPETITIONS: usize = 11;

/// Azimuth and elevation in degrees, and weight, of the original's cameras.
const VIEWS: [(f32, f32, f32); 6] = [
    (0.0, 0.0, 1.0),
    (90.0, 0.0, 0.1),
    (180.0, 0.0, 0.5),
    (270.0, 0.0, 0.1),
    (0.0, 90.0, 0.05),
    (180.0, -90.0, 0.05),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1).map(|argument| argument.parse::<u32>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (size, texture_size, rows) = (next(2048)?, next(2048)?, next(150)?);
    let view_size = (size / 4).max(1);
    let mesh = ball(rows)?;
    let device = block_on(GpuDevice::request())?;
    println!(
        "{}; {} faces, views of {size} pixels, texture of {texture_size} texels a side",
        device.description(),
        mesh.faces.len()
    );
    let start = Instant::now();
    let mut baker = block_on(GpuBaker::new(&device))?;
    println!("compiling: {:.1?}", start.elapsed());

    let options = BakeOptions::default();
    let cameras = VIEWS.map(|(azimuth, elevation, _)| Camera::orthographic(azimuth, elevation));
    let images_of = |size| (0..6).map(|seed| pattern(size, seed)).collect::<Vec<_>>();
    let (large, small) = (images_of(size), images_of(view_size));
    let views_of = |images| -> Vec<BakeView<'_>> {
        let images: &[RgbImage] = images;
        let views = cameras.into_iter().zip(VIEWS).zip(images);
        views.map(|((camera, (.., weight)), image)| BakeView::new(camera, weight, image)).collect()
    };
    let (large, small) = (views_of(&large), views_of(&small));

    let maps =
        timed("condition maps", || Ok(block_on(baker.condition_maps(&mesh, &cameras, size, view_size))?))?;
    let texture = timed("gather, images as wide as the depth", || {
        Ok(block_on(baker.gather_async(&mesh, &large, texture_size, &options))?)
    })?;
    timed("gather, images a quarter as wide as the depth", || {
        let options = BakeOptions { depth_size: Some(size), ..options };
        Ok(block_on(baker.gather_async(&mesh, &small, texture_size, &options))?)
    })?;

    let start = Instant::now();
    for (camera, found) in cameras.iter().zip(&maps) {
        let mut expected = render_condition_maps(&mesh, camera, size)?;
        for map in [&mut expected.normal, &mut expected.position] {
            *map = resize_bicubic_rgb(map, view_size, view_size)?;
        }
        assert!(expected == *found, "condition maps of the GPU and the CPU differ");
    }
    println!("condition maps on the CPU, equal: {:.1?}", start.elapsed());
    let start = Instant::now();
    let depths = cameras.map(|camera| ReliableDepth::render(&mesh, &camera, size, size));
    let depths = depths.into_iter().collect::<Result<Vec<_>, _>>()?;
    let expected = gather(&mesh, &draw_charts(&mesh, texture_size)?, &large, &depths, &options)?;
    assert!(expected == texture, "gathered textures of the GPU and the CPU differ");
    println!("gather on the CPU, equal: {:.1?}", start.elapsed());
    Ok(())
}

/// Runs `work` [`REPETITIONS`] times, prints the median, shortest and first time, and returns the
/// last result.
fn timed<T>(what: &str, mut work: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let mut times: Vec<Duration> = Vec::new();
    loop {
        let start = Instant::now();
        let result = work()?;
        times.push(start.elapsed());
        if times.len() == REPETITIONS {
            let first = times[0];
            times.sort();
            println!("{what}: {:.1?} (shortest {:.1?}, first {first:.1?})", times[REPETITIONS / 2], times[0]);
            return Ok(result);
        }
    }
}

/// Returns a dented ball of `rows` × 2 `rows` quads with spherical UVs.
fn ball(rows: u32) -> Result<CanonicalMesh, Box<dyn Error>> {
    let columns = 2 * rows;
    let uv = |row, column| Vec2::new(column as f32 / columns as f32, 1.0 - row as f32 / rows as f32);
    let uvs: Vec<Vec2> =
        (0..=rows).flat_map(|row| (0..=columns).map(move |column| uv(row, column))).collect();
    let position = |uv: &Vec2| {
        let (longitude, colatitude) = (uv.x * 2.0 * PI, (1.0 - uv.y) * PI);
        let radius = 1.0 + 0.2 * (5.0 * longitude).sin() * colatitude.sin();
        let [x, z] = [longitude.cos(), longitude.sin()].map(|part| part * colatitude.sin());
        radius * Vec3::new(x, colatitude.cos(), z)
    };
    let faces = (0..rows).flat_map(|row| {
        (0..columns).flat_map(move |column| {
            let (a, b) = (row * (columns + 1) + column, (row + 1) * (columns + 1) + column);
            [[a, a + 1, b], [a + 1, b + 1, b]]
        })
    });
    let positions = uvs.iter().map(position).collect();
    Ok(CanonicalMesh::new(&Mesh { positions, faces: faces.collect(), uvs: Some(uvs), ..Mesh::default() })?)
}

/// Returns an image with fine and coarse structure.
fn pattern(size: u32, seed: u32) -> RgbImage {
    RgbImage::from_fn(size, size, |x, y| Rgb([x * seed, y + x * y / 300, (x ^ y) / 3].map(|v| v as u8)))
}
