//! Compares the GPU with the CPU, bit by bit. Without a GPU, the tests fail, unless
//! `HUNYUAN_PAINT_REQUIRE_GPU=0` allows to skip them.

use std::{error::Error, f32::consts::PI, ops::ControlFlow};

use glam::{Vec2, Vec3};
use hunyuan_paint_bake::{
    Backend, BakeError, BakeOptions, BakeRequest, BakeView, ConditionMaps, Cpu, ReliableDepth, RenderRequest,
    Transfer, bake, bake_with, draw_charts, gather, gpu::GpuBaker, render_condition_maps,
};
use hunyuan_paint_image::{canny, resize_bicubic_rgb};
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Mesh, Projection};
use hunyuan_paint_raster::{NO_FACE, Size, gpu::GpuDevice};
use hunyuan_paint_test_support::gpu_or_skip;
use image::{GrayImage, RgbImage};
use pollster::block_on;
use rayon::ThreadPoolBuilder;

type Outcome = Result<(), Box<dyn Error>>;

#[track_caller]
fn gpu() -> Option<GpuDevice> {
    gpu_or_skip("baking on the GPU", block_on(GpuDevice::request()))
}

/// A pseudorandom number generator (`SplitMix64`).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 to 1, without 1.
    fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    fn image(&mut self, width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |_, _| image::Rgb(std::array::from_fn(|_| self.bits() as u8)))
    }
}

/// Returns a dented ball with spherical UVs.
fn ball() -> Result<CanonicalMesh, Box<dyn Error>> {
    let (rows, columns) = (24_u32, 40_u32);
    let uvs: Vec<Vec2> = (0..=rows)
        .flat_map(|row| {
            (0..=columns)
                .map(move |column| Vec2::new(column as f32 / columns as f32, 1.0 - row as f32 / rows as f32))
        })
        .collect();
    let position = |uv: &Vec2| {
        let (longitude, colatitude) = (uv.x * 2.0 * PI, (1.0 - uv.y) * PI);
        let radius = 1.0 + 0.2 * (5.0 * longitude).sin() * colatitude.sin();
        radius
            * Vec3::new(
                colatitude.sin() * longitude.cos(),
                colatitude.cos(),
                colatitude.sin() * longitude.sin(),
            )
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

/// Returns random triangles, which occlude each other, with random UVs.
fn soup(face_count: u32, seed: u64) -> Result<CanonicalMesh, Box<dyn Error>> {
    let mut random = Random(seed);
    let vertices = 0..3 * face_count;
    let positions: Vec<Vec3> =
        vertices.clone().map(|_| Vec3::new(random.unit(), random.unit(), random.unit())).collect();
    let uvs = vertices.map(|_| Vec2::new(random.unit(), random.unit())).collect();
    let faces = (0..face_count).map(|face| [3 * face, 3 * face + 1, 3 * face + 2]).collect();
    Ok(CanonicalMesh::new(&Mesh { positions, faces, uvs: Some(uvs), ..Mesh::default() })?)
}

/// Returns a box. Seen straight on, the depth of its flat sides varies only by rounding errors.
fn cuboid() -> Result<CanonicalMesh, Box<dyn Error>> {
    let corners = |side: usize| {
        [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[a, b]: [f32; 2]| {
            let (axis, sign) = (side / 2, if side.is_multiple_of(2) { 1.0 } else { -1.0 });
            let mut position = [0.0; 3];
            (position[axis], position[(axis + 1) % 3], position[(axis + 2) % 3]) =
                (sign, sign * a * 0.8, b * 0.6);
            let uv = (Vec2::new(side as f32 + 0.5, 0.5) + 0.45 * Vec2::new(a, b)) / Vec2::new(6.0, 1.0);
            (Vec3::from(position), uv)
        })
    };
    let (positions, uvs) = (0..6).flat_map(corners).unzip();
    let faces =
        (0..6).flat_map(|side| [[0, 1, 2], [0, 2, 3]].map(|face| face.map(|corner| 4 * side + corner)));
    Ok(CanonicalMesh::new(&Mesh { positions, faces: faces.collect(), uvs: Some(uvs), ..Mesh::default() })?)
}

fn meshes() -> Result<[CanonicalMesh; 3], Box<dyn Error>> {
    Ok([ball()?, soup(40, 3)?, cuboid()?])
}

/// Returns orthographic cameras around and above the mesh, and perspective cameras outside and
/// inside it.
fn cameras() -> Vec<Camera> {
    let perspective = |azimuth_degrees, elevation_degrees, distance| Camera {
        azimuth_degrees,
        elevation_degrees,
        distance,
        projection: Projection::PERSPECTIVE,
    };
    vec![
        Camera::orthographic(0.0, 0.0),
        Camera::orthographic(90.0, 0.0),
        Camera::orthographic(217.0, -31.0),
        Camera::orthographic(0.0, 90.0),
        perspective(33.0, 20.0, 1.45),
        perspective(180.0, -10.0, 0.7),
        perspective(120.0, 5.0, 0.2),
    ]
}

#[test]
fn condition_maps_equal_those_of_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut baker = block_on(GpuBaker::new(&device))?;
    for mesh in meshes()? {
        for (render_size, view_size) in [(256, 64), (129, 50), (64, 64), (40, 97), (1, 1), (7, 1)] {
            let cameras = cameras();
            let found = block_on(baker.condition_maps(&mesh, &cameras, render_size, view_size))?;
            assert_eq!(found.len(), cameras.len());
            for (camera, found) in cameras.iter().zip(found) {
                let maps = render_condition_maps(&mesh, camera, render_size)?;
                let expected = ConditionMaps {
                    normal: resize_bicubic_rgb(&maps.normal, view_size, view_size)?,
                    position: resize_bicubic_rgb(&maps.position, view_size, view_size)?,
                };
                assert!(found == expected, "{render_size} to {view_size}, {camera:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn canny_edges_equal_those_of_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut baker = block_on(GpuBaker::new(&device))?;
    let mut random = Random(5);
    let (mut pixels, mut edges) = (0, 0);
    for (width, height) in [(1, 1), (1, 9), (17, 1), (2, 2), (65, 33), (200, 150), (257, 255)] {
        for smoothness in [1, 3, 9, 40] {
            let mut image = GrayImage::from_fn(width, height, |x, y| {
                let wave = (x * x / smoothness + y * 7 + (x * y) / smoothness) as u8;
                image::Luma([wave])
            });
            for pixel in image.iter_mut().filter(|_| smoothness < 5) {
                *pixel = pixel.wrapping_add((random.bits() % (250 / u64::from(smoothness))) as u8);
            }
            for [low, high] in [[30, 80], [80, 30], [0, 0], [10, 600], [0, 1500], [200, 2040]] {
                let found = block_on(baker.canny(&image, low, high))?;
                let expected = canny(&image, low, high);
                assert!(found == expected, "{width}x{height}, {smoothness}, {low}, {high}");
                pixels += found.len();
                edges += found.iter().filter(|&&edge| edge != 0).count();
            }
        }
    }
    assert!(edges * 20 > pixels && edges * 2 < pixels, "{edges} edges in {pixels} pixels");
    Ok(())
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn reliable_depth_equals_that_of_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut baker = block_on(GpuBaker::new(&device))?;
    let mut reliable = 0;
    for mesh in meshes()? {
        for [width, height] in [[256, 256], [300, 170], [1, 1], [2, 33], [600, 5], [129, 514]] {
            for camera in cameras() {
                let expected = ReliableDepth::render(&mesh, &camera, width, height)?;
                let found = block_on(baker.reliable_depth(&mesh, &camera, width, height))?;
                assert_eq!(found.size, expected.size);
                reliable += expected.z_view.iter().filter(|z| z.is_finite()).count();
                assert!(bits(&found.z_view) == bits(&expected.z_view), "{width}x{height}, {camera:?}");
            }
        }
    }
    assert!(reliable > 100_000, "{reliable}");
    Ok(())
}

#[test]
fn charts_equal_those_of_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut baker = block_on(GpuBaker::new(&device))?;
    for mesh in meshes()? {
        for texture_size in [1, 2, 37, 128, 255] {
            let expected = draw_charts(&mesh, texture_size)?;
            let found = block_on(baker.draw_charts(&mesh, texture_size))?;
            assert_eq!(found.face_index, expected.face_index);
            let [found_weights, expected_weights] =
                [&found, &expected].map(|charts| bits(charts.barycentrics.as_flattened()));
            assert!(found_weights == expected_weights, "{texture_size}");
            assert_eq!(found.depth_range, expected.depth_range);
        }
    }
    Ok(())
}

#[test]
fn gathered_textures_equal_those_of_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut baker = block_on(GpuBaker::new(&device))?;
    let mut random = Random(23);
    for mesh in meshes()? {
        for (sizes, depth_size, texture_size, view_angle_max_degrees, cosine_exponent) in [
            ([[256, 256], [256, 256]], None, 128, 75.0, 4),
            // Images that are scaled down, rows first or columns first; the depth has another size.
            ([[300, 200], [64, 256]], Some(97), 61, 90.0, 1),
            ([[300, 70], [201, 198]], None, 33, 75.0, 6),
            ([[97, 130], [1, 1]], Some(128), 255, 50.0, 3),
            ([[64, 64], [50, 51]], None, 1, 75.0, 4),
        ] {
            let images = sizes.map(|[width, height]| random.image(width, height));
            let mut views: Vec<BakeView<'_>> = (cameras().into_iter())
                .zip(images.iter().cycle())
                .zip([1.0, 0.1, 0.5, 0.3].into_iter().cycle())
                .map(|((camera, image), weight)| BakeView::new(camera, weight, image))
                .collect();
            // A view that sees nothing, and a view with a given depth.
            let distance = f32::INFINITY;
            views.push(BakeView { camera: Camera { distance, ..views[0].camera }, ..views[0] });
            let depth = ReliableDepth::render(&mesh, &views[1].camera, 80, 90)?;
            views[1].depth = Some(&depth);
            let options =
                BakeOptions { view_angle_max_degrees, cosine_exponent, depth_size, ..BakeOptions::default() };
            let found = block_on(baker.gather_async(&mesh, &views, texture_size, &options))?;
            for threads in [1, 2, 7] {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
                let expected = pool.install(|| {
                    let depths = views.iter().map(|view| match (view.depth, depth_size) {
                        (Some(depth), _) => Ok(depth.clone()),
                        (None, Some(side)) => ReliableDepth::render(&mesh, &view.camera, side, side),
                        (None, None) => {
                            let (width, height) = view.image.dimensions();
                            ReliableDepth::render(&mesh, &view.camera, width, height)
                        }
                    });
                    let depths = depths.collect::<Result<Vec<_>, BakeError>>()?;
                    gather(&mesh, &draw_charts(&mesh, texture_size)?, &views, &depths, &options)
                })?;
                let what = format!("{sizes:?} to {texture_size}");
                let differ = found.coverage.iter().zip(expected.coverage.iter()).position(|(a, b)| a != b);
                assert_eq!(differ, None, "coverage: {what}");
                let differ = found.image.pixels().zip(expected.image.pixels()).position(|(a, b)| a != b);
                assert_eq!(differ, None, "image: {what}");
            }
            let covered = found.coverage.iter().filter(|&&byte| byte != 0).count();
            let drawn = draw_charts(&mesh, texture_size)?;
            let drawn = drawn.face_index.iter().filter(|&&face| face != NO_FACE).count();
            assert!(texture_size == 1 || covered * 20 > drawn, "{covered} of {drawn}");
        }
    }
    Ok(())
}

#[test]
fn invalid_input_is_rejected() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mesh = ball()?;
    let mut baker = block_on(GpuBaker::new(&device))?;
    let camera = Camera::orthographic(0.0, 0.0);
    let image = RgbImage::new(64, 64);
    let view = BakeView::new(camera, 1.0, &image);
    let options = BakeOptions::default();
    let maps = block_on(baker.condition_maps(&mesh, &[camera], 0, 4));
    assert!(matches!(maps, Err(BakeError::Size { what: "condition map", .. })));
    assert!(block_on(baker.condition_maps(&mesh, &[], 4, 4))?.is_empty());
    let none = block_on(baker.gather_async(&mesh, &[], 16, &options));
    assert!(matches!(none, Err(BakeError::NoViews)));
    let unweighted = BakeView { weight: f32::NAN, ..view };
    let bad = block_on(baker.gather_async(&mesh, &[view, unweighted], 16, &options));
    assert!(matches!(bad, Err(BakeError::Weight { view: 1, .. })));

    let mut small = block_on(GpuBaker::new(&device.clone().with_binding_limit(47_000)))?;
    let too_large = block_on(small.gather_async(&mesh, &[view], 8, &options));
    assert!(matches!(too_large, Err(BakeError::TooLargeForGpu { found: 49_152, limit: 47_000, .. })));
    let small_image = RgbImage::new(16, 16);
    let small_view = BakeView { image: &small_image, ..view };
    let too_large = block_on(small.gather_async(&mesh, &[small_view], 100, &options));
    assert!(matches!(too_large, Err(BakeError::TooLargeForGpu { found: 120_000, limit: 47_000, .. })));
    let too_large = block_on(small.canny(&GrayImage::new(200, 100), 1, 2));
    assert!(matches!(too_large, Err(BakeError::TooLargeForGpu { found: 80_000, limit: 47_000, .. })));
    let short = ReliableDepth { z_view: vec![0.0; 3], size: Size::square(2) };
    let with_short = BakeView { depth: Some(&short), ..small_view };
    let bad = block_on(small.gather_async(&mesh, &[small_view, with_short], 8, &options));
    assert!(matches!(bad, Err(BakeError::BufferLength { buffer: "depth", expected: 4, found: 3 })));
    // A failed call leaves no appended steps behind.
    let fits = block_on(small.gather_async(&mesh, &[small_view], 16, &options))?;
    let depth = ReliableDepth::render(&mesh, &camera, 16, 16)?;
    let charts = draw_charts(&mesh, 16)?;
    assert_eq!(fits, gather(&mesh, &charts, &[small_view], &[depth], &options)?);
    Ok(())
}

#[test]
fn the_cpu_takes_over_when_the_device_is_too_small() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let [mesh, ..] = &meshes()?[..] else { return Ok(()) };
    let mut random = Random(5);
    let images: Vec<RgbImage> = (0..2).map(|_| random.image(96, 96)).collect();
    let views = [
        BakeView::new(Camera::orthographic(0.0, 0.0), 1.0, &images[0]),
        BakeView::new(Camera::orthographic(90.0, 0.0), 0.5, &images[1]),
    ];
    let cameras = views.map(|view| view.camera);
    let expected_maps = Cpu.render_views(
        &RenderRequest { mesh, cameras: &cameras, render_size: 128, view_size: 64 },
        &mut |_| ControlFlow::Continue(()),
    )?;
    for limit in [u64::MAX, 50_000] {
        let mut baker = block_on(GpuBaker::new(&device.clone().with_binding_limit(limit)))?;
        let maps = baker.render_views(
            &RenderRequest { mesh, cameras: &cameras, render_size: 128, view_size: 64 },
            &mut |_| ControlFlow::Continue(()),
        )?;
        let same = maps.iter().zip(&expected_maps).all(|(found, expected)| found.maps == expected.maps);
        assert!(same && maps.len() == 2, "maps, limit {limit}");
        for transfer in [Transfer::Gather, Transfer::Reference] {
            let options = BakeOptions { transfer, ..BakeOptions::default() };
            let go_on = &mut |_| ControlFlow::Continue(());
            let expected =
                bake(&BakeRequest { mesh, views: &views, texture_size: 80, options: &options }, go_on)?;
            let found = bake_with(
                &mut baker,
                &BakeRequest { mesh, views: &views, texture_size: 80, options: &options },
                go_on,
            )?;
            assert!(found == expected, "{transfer:?}, limit {limit}");
        }
    }
    Ok(())
}

#[test]
fn a_device_lost_in_mid_job_is_replaced_by_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mesh = ball()?;
    let mut random = Random(6);
    let images: Vec<RgbImage> = (0..2).map(|_| random.image(64, 64)).collect();
    let cameras = [0.0, 90.0].map(|azimuth| Camera::orthographic(azimuth, 0.0));
    let views = [BakeView::new(cameras[0], 1.0, &images[0]), BakeView::new(cameras[1], 0.5, &images[1])];
    let options = BakeOptions::default();
    let render = RenderRequest { mesh: &mesh, cameras: &cameras, render_size: 96, view_size: 48 };
    let request = BakeRequest { mesh: &mesh, views: &views, texture_size: 64, options: &options };
    let go_on = &mut |_| ControlFlow::Continue(());
    let expected_maps = Cpu.render_views(&render, go_on)?;
    let expected = bake(&request, &mut |_| ControlFlow::Continue(()))?;

    let mut baker = block_on(GpuBaker::new(&device))?;
    baker.render_views(&render, go_on)?;
    assert!(!baker.is_lost());
    let baked = bake_with(&mut baker, &request, &mut |_| {
        device.wgpu_device().destroy();
        ControlFlow::Continue(())
    })?;
    assert!(baked == expected);
    assert!(baker.is_lost());
    let maps = baker.render_views(&render, go_on)?;
    assert!(maps.iter().zip(&expected_maps).all(|(found, expected)| found.maps == expected.maps));
    Ok(())
}
