//! Compares the GPU rasterizer with the CPU, bit for bit.

mod common;

use std::error::Error;

use common::{Random, Scene, crumbs, scenes, sheet, soup};
use glam::Vec2;
use hunyuan_paint_raster::{
    Coverage, DepthKey, DepthPrior, NO_FACE, RasterError, RasterOptions, Size, View, Viewport,
    VisibilityBuffer,
    gpu::{BinningThresholds, GpuAttributes, GpuDevice, GpuDraw, GpuMesh, GpuRasterizer, RasterPass, wgpu},
    interpolate, rasterize, texture,
};
use hunyuan_paint_test_support::{gpu_or_skip, report};
use pollster::block_on;

type Outcome = Result<(), Box<dyn Error>>;

#[track_caller]
fn gpu() -> Option<GpuDevice> {
    gpu_or_skip("rasterizing on the GPU", block_on(GpuDevice::request()))
}

const SIZES: [Size; 6] = [
    Size::new(1, 1),
    Size::new(4097, 3),
    Size::new(3, 1025),
    Size::new(97, 61),
    Size::square(128),
    Size::new(257, 333),
];

fn fixed(depth_key: DepthKey) -> RasterOptions {
    RasterOptions { coverage: Coverage::FixedPoint, depth_key: Some(depth_key), ..Default::default() }
}

fn supported_keys(device: &GpuDevice) -> Vec<DepthKey> {
    [DepthKey::Packed64, DepthKey::TwoPass32].into_iter().filter(|&key| device.supports(key)).collect()
}

fn draw(
    device: &GpuDevice,
    scene: &Scene,
    view: View<'_>,
    options: RasterOptions,
) -> Result<VisibilityBuffer, RasterError> {
    block_on(async {
        let mesh = GpuMesh::new(device, &scene.faces, scene.positions.len()).await?;
        let mut rasterizer = GpuRasterizer::new(device, options).await?;
        rasterizer.draw(&mesh, &[GpuDraw::new(view)]).await?[0].visibility().await
    })
}

/// Asserts that the images are equal, and reports the first pixel that differs.
fn assert_same(gpu: &VisibilityBuffer, cpu: &VisibilityBuffer, what: &str) {
    let pixel = |buffer: &VisibilityBuffer, i| (buffer.face_index[i] as i32, buffer.barycentrics[i]);
    for i in 0..cpu.face_index.len() {
        assert_eq!(pixel(gpu, i), pixel(cpu, i), "{what}: pixel {i} of {:?}", cpu.size());
    }
    assert_eq!(gpu, cpu, "{what}");
}

#[test]
fn fixed_point_equals_the_cpu_bit_for_bit() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    for depth_key in supported_keys(&device) {
        for viewport in [Viewport::PixelCenters, Viewport::ImageEdges] {
            let options = RasterOptions { viewport, ..fixed(depth_key) };
            let mut rasterizer = block_on(GpuRasterizer::new(&device, options))?;
            for scene in scenes(11) {
                let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
                for size in SIZES {
                    let view = View::new(&scene.positions, size);
                    let cpu = rasterize(&view, &scene.faces, options)?;
                    let drawn = block_on(rasterizer.draw(&mesh, &[GpuDraw::new(view)]))?;
                    let what = format!("{} with {depth_key:?}, {viewport:?}", scene.name);
                    assert_same(&block_on(drawn[0].visibility())?, &cpu, &what);
                }
            }
        }
    }
    Ok(())
}

/// Optimization barriers keep drivers from fusing or reordering float operations. Subnormal numbers
/// are the exception, because GPUs may flush them to zero.
#[test]
fn reference_equals_the_cpu_bit_for_bit_except_for_subnormal_numbers() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let options = RasterOptions::default();
    let mut rasterizer = block_on(GpuRasterizer::new(&device, options))?;
    let (mut pixels, mut differ) = (0, 0);
    for seed in 0..4 {
        for scene in scenes(seed) {
            let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
            for size in SIZES {
                let view = View::new(&scene.positions, size);
                let cpu = rasterize(&view, &scene.faces, options)?;
                let drawn = block_on(rasterizer.draw(&mesh, &[GpuDraw::new(view)]))?;
                let gpu = block_on(drawn[0].visibility())?;
                if scene.has_subnormals() {
                    pixels += cpu.face_index.len();
                    differ += cpu.face_index.iter().zip(&gpu.face_index).filter(|(a, b)| a != b).count();
                } else {
                    assert_same(&gpu, &cpu, scene.name);
                }
            }
        }
    }
    assert!(differ * 100 < pixels, "with subnormal numbers {differ} of {pixels} pixels show another face");
    Ok(())
}

#[test]
fn both_depth_keys_give_the_same_image() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    if !device.supports(DepthKey::Packed64) {
        report(&format!(
            "SKIPPED: both_depth_keys_give_the_same_image: no 64-bit atomics: {}",
            device.description()
        ));
        return Ok(());
    }
    for coverage in [Coverage::Reference, Coverage::FixedPoint] {
        let with = |key| RasterOptions { coverage, depth_key: Some(key), ..Default::default() };
        for scene in scenes(5) {
            let view = View::new(&scene.positions, Size::new(301, 203));
            let packed = draw(&device, &scene, view, with(DepthKey::Packed64))?;
            let two_pass = draw(&device, &scene, view, with(DepthKey::TwoPass32))?;
            assert_same(&packed, &two_pass, &format!("{} with {coverage:?}", scene.name));
        }
    }
    Ok(())
}

#[test]
fn repeated_draws_and_recycled_buffers_give_the_same_image() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    for coverage in [Coverage::Reference, Coverage::FixedPoint] {
        let options = RasterOptions { coverage, ..Default::default() };
        let scene = soup(400, 3);
        let view = View::new(&scene.positions, Size::new(200, 150));
        let first = draw(&device, &scene, view, options)?;
        for _ in 0..3 {
            assert_same(&draw(&device, &scene, view, options)?, &first, "again");
        }

        // Drawing into the recycled buffers of another view.
        let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
        let mut rasterizer = block_on(GpuRasterizer::new(&device, options))?;
        let nearer: Vec<_> =
            scene.positions.iter().map(|v| glam::Vec4::new(v.x * 2.0, v.y, v.z, v.w)).collect();
        for positions in [&nearer, &scene.positions] {
            let view = View::new(positions, Size::new(200, 150));
            for drawn in block_on(rasterizer.draw(&mesh, &[GpuDraw::new(view)]))? {
                assert_same(
                    &block_on(drawn.visibility())?,
                    &rasterize(&view, &scene.faces, options)?,
                    "recycled",
                );
                rasterizer.recycle(drawn);
            }
        }
    }
    Ok(())
}

/// Small buffers cut the image into bands and the mesh into chunks.
#[test]
fn bands_and_chunks_give_the_same_image() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let sheet = sheet(30, 2);
    let crumbs = crumbs("crumbs", 700, 0.3, 8);
    let soup = soup(300, 4);
    // 300 KB cut the image into three bands. 20 KB also cut the vertices of the crumbs into chunks.
    for limit in [300_000, 20_000] {
        let small = device.clone().with_binding_limit(limit);
        for depth_key in supported_keys(&device) {
            for scene in [&sheet, &crumbs, &soup] {
                let depth: Vec<f32> = (0..331 * 200).map(|i| (i % 331) as f32 / 400.0 - 0.6).collect();
                let prior = DepthPrior { depth: &depth, occlusion_truncation: 1e-4 };
                let view =
                    View { depth_prior: Some(prior), ..View::new(&scene.positions, Size::new(331, 200)) };
                for coverage in [Coverage::FixedPoint, Coverage::Reference] {
                    let options = RasterOptions { coverage, ..fixed(depth_key) };
                    let whole = draw(&device, scene, view, options)?;
                    let parts = draw(&small, scene, view, options)?;
                    assert_same(&parts, &whole, scene.name);
                    assert_same(&parts, &rasterize(&view, &scene.faces, options)?, scene.name);
                }
            }
        }
    }
    Ok(())
}

/// Moves the thresholds, so that each of the three draw passes draws as many faces as it can.
#[test]
fn every_bin_draws_every_face_alike() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    for coverage in [Coverage::Reference, Coverage::FixedPoint] {
        let options = RasterOptions { coverage, ..Default::default() };
        for scene in scenes(21) {
            let view = View::new(&scene.positions, Size::new(260, 190));
            let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
            let drawn_by = |small_pixels, medium_side| {
                block_on(async {
                    let rasterizer = GpuRasterizer::new(&device, options).await?;
                    let mut rasterizer =
                        rasterizer.with_binning_thresholds(BinningThresholds { small_pixels, medium_side });
                    rasterizer.draw(&mesh, &[GpuDraw::new(view)]).await?[0].visibility().await
                })
            };
            let by_all = drawn_by(40, 60)?;
            for (small_pixels, medium_side) in [(u32::MAX, u32::MAX), (0, u32::MAX), (0, 0)] {
                let what = format!("{} with {coverage:?}, {small_pixels}, {medium_side}", scene.name);
                assert_same(&drawn_by(small_pixels, medium_side)?, &by_all, &what);
            }
        }
    }
    Ok(())
}

#[test]
fn attributes_mask_and_depth_range_of_a_batch_equal_the_cpu() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    // Neither the vertices nor the faces of the sheet fit into 9,000 bytes.
    for limit in [u64::MAX, 40_000, 9_000] {
        let device = device.clone().with_binding_limit(limit);
        let scene = sheet(25, 6);
        let attributes: Vec<[f32; 6]> =
            scene.positions.iter().map(|v| [v.x, v.y, v.z, v.w, v.x * v.y, 1.0]).collect();
        let turned: Vec<_> = scene.positions.iter().map(|v| glam::Vec4::new(v.y, v.x, -v.z, v.w)).collect();
        let sizes = [Size::new(120, 80), Size::square(64), Size::new(33, 190)];
        let views = [
            View::new(&scene.positions, sizes[0]),
            View::new(&turned, sizes[1]),
            View::new(&scene.positions, sizes[2]),
        ];
        let options = fixed(DepthKey::TwoPass32);
        let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
        let uploaded = block_on(GpuAttributes::new(&device, &mesh, &attributes))?;
        let mut rasterizer = block_on(GpuRasterizer::new(&device, options))?;
        let draws = views.map(|view| GpuDraw { view, attributes: Some(&uploaded), mask: true });
        let drawn = block_on(rasterizer.draw(&mesh, &draws))?;
        for (view, drawn) in views.iter().zip(&drawn) {
            let cpu = rasterize(view, &scene.faces, options)?;
            assert_same(&block_on(drawn.visibility())?, &cpu, "batch");
            assert_eq!(block_on(drawn.depth_range())?, cpu.depth_range);
            let mask = block_on(drawn.mask())?;
            assert!(mask.iter().zip(&cpu.face_index).all(|(&mask, &face)| mask == (face != NO_FACE)));
            let expected = interpolate(&attributes, &scene.faces, &cpu)?;
            let pixels = block_on(drawn.attributes())?;
            assert_eq!(pixels.len(), 6 * expected.len());
            assert_eq!(pixels, expected.as_flattened());
        }
    }
    Ok(())
}

#[test]
fn textures_equal_the_cpu_bit_for_bit() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let mut rasterizer = block_on(GpuRasterizer::new(&device, texture::OPTIONS))?;
    for scene in scenes(31) {
        let uvs: Vec<Vec2> = scene.positions.iter().map(|v| 0.5 + 0.5 * Vec2::new(v.x, v.y)).collect();
        let mesh = block_on(GpuMesh::new(&device, &scene.faces, uvs.len()))?;
        for resolution in [1, 64, 255] {
            let cpu = texture::rasterize(&uvs, &scene.faces, resolution)?;
            let positions = texture::clip_positions(&uvs);
            let view = View::new(&positions, Size::square(resolution));
            let drawn = block_on(rasterizer.draw(&mesh, &[GpuDraw { mask: true, ..GpuDraw::new(view) }]))?;
            assert_same(&block_on(drawn[0].visibility())?, &cpu, scene.name);
            assert_eq!(block_on(drawn[0].mask())?, texture::mask(&cpu));
        }
    }
    Ok(())
}

#[test]
fn the_default_depth_key_is_the_fastest_supported_one() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let rasterizer = block_on(GpuRasterizer::new(&device, RasterOptions::default()))?;
    assert_eq!(rasterizer.depth_key(), device.best_depth_key());
    assert!(device.supports(rasterizer.depth_key()));
    Ok(())
}

/// Images of that size need more workgroups than one dimension of a dispatch allows.
#[test]
fn dispatches_of_large_images_wrap_into_a_second_dimension() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let scene = sheet(3, 1);
    for size in [Size::new(Size::LIMIT, 1), Size::new(Size::LIMIT, 1040)] {
        let options = fixed(DepthKey::TwoPass32);
        let view = View::new(&scene.positions, size);
        let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
        let mut rasterizer = block_on(GpuRasterizer::new(&device, options))?;
        let drawn = block_on(rasterizer.draw(&mesh, &[GpuDraw { mask: true, ..GpuDraw::new(view) }]))?;
        let cpu = rasterize(&view, &scene.faces, options)?;
        assert_same(&block_on(drawn[0].visibility())?, &cpu, "wide");
        assert_eq!(block_on(drawn[0].mask())?, texture::mask(&cpu));
    }
    Ok(())
}

#[test]
fn timing_returns_every_repetition_and_every_pass() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let scene = sheet(3, 1);
    let mesh = block_on(GpuMesh::new(&device, &scene.faces, scene.positions.len()))?;
    let mut rasterizer = block_on(GpuRasterizer::new(&device, RasterOptions::default()))?;
    assert!(block_on(rasterizer.draw(&mesh, &[]))?.is_empty());
    let draw = GpuDraw::new(View::new(&scene.positions, Size::square(8)));
    if !device.has_timestamps() {
        assert!(block_on(rasterizer.time(&mesh, &draw, 1)).is_err());
        return Ok(());
    }
    for repetitions in [0, 1, 1100] {
        let times = block_on(rasterizer.time(&mesh, &draw, repetitions))?;
        assert_eq!(times.len(), repetitions as usize);
    }
    let passes: Vec<RasterPass> =
        block_on(rasterizer.time_stages(&mesh, &draw))?.into_iter().map(|(pass, _)| pass).collect();
    assert_eq!((passes.first(), passes.last()), (Some(&RasterPass::Project), Some(&RasterPass::Resolve)));
    Ok(())
}

#[test]
fn invalid_input_is_rejected() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let scene = soup(2, 1);
    let vertex_count = scene.positions.len();
    let out_of_range = block_on(GpuMesh::new(&device, &[[0, 1, 6]], vertex_count));
    let expected = RasterError::VertexOutOfRange { face: 0, vertex: 6, vertex_count };
    assert_eq!(out_of_range.err(), Some(expected));

    let mesh = block_on(GpuMesh::new(&device, &scene.faces, vertex_count))?;
    let mut rasterizer = block_on(GpuRasterizer::new(&device, RasterOptions::default()))?;
    let mut error_of = |view| block_on(rasterizer.draw(&mesh, &[GpuDraw::new(view)])).err();
    let too_few = View::new(&scene.positions[1..], Size::square(4));
    let expected = RasterError::BufferLength { buffer: "clip positions", expected: 6, found: 5 };
    assert_eq!(error_of(too_few), Some(expected));
    let no_pixels = View::new(&scene.positions, Size::new(0, 4));
    assert!(matches!(error_of(no_pixels), Some(RasterError::Size { .. })));
    let prior = DepthPrior { depth: &[0.0; 3], occlusion_truncation: 0.0 };
    let short_prior = View { depth_prior: Some(prior), ..View::new(&scene.positions, Size::square(2)) };
    assert!(matches!(error_of(short_prior), Some(RasterError::BufferLength { .. })));

    let attributes = block_on(GpuAttributes::new(&device, &mesh, &[[1.0_f32]; 5]));
    assert!(matches!(attributes, Err(RasterError::BufferLength { buffer: "attributes", .. })));

    let other_mesh = block_on(GpuMesh::new(&device, &scene.faces, vertex_count))?;
    let others = block_on(GpuAttributes::new(&device, &other_mesh, &vec![[1.0_f32]; vertex_count]))?;
    let view = View::new(&scene.positions, Size::square(4));
    let draw = GpuDraw { attributes: Some(&others), ..GpuDraw::new(view) };
    let foreign = RasterError::Foreign { resource: "attributes", owner: "mesh" };
    assert_eq!(block_on(rasterizer.draw(&mesh, &[draw])).err(), Some(foreign));
    let other_device = block_on(GpuDevice::request())?;
    let elsewhere = block_on(GpuMesh::new(&other_device, &scene.faces, vertex_count))?;
    let foreign = RasterError::Foreign { resource: "faces", owner: "device" };
    assert_eq!(block_on(rasterizer.draw(&elsewhere, &[GpuDraw::new(view)])).err(), Some(foreign));

    let tiny = device.clone().with_binding_limit(1000);
    let mut rasterizer = block_on(GpuRasterizer::new(&tiny, RasterOptions::default()))?;
    let view = View::new(&scene.positions, Size::square(100));
    let too_large = block_on(rasterizer.draw(&mesh, &[GpuDraw::new(view)])).err();
    assert_eq!(too_large, Some(RasterError::RowTooLarge { found: 1200, limit: 1000 }));
    Ok(())
}

/// The shaders rely on correctly rounded quotients, roots, products and sums (IEEE 754).
#[test]
fn float_operations_are_correctly_rounded() -> Outcome {
    let Some(device) = gpu() else { return Ok(()) };
    let entry = "
        @compute @workgroup_size(64)
        fn operate(@builtin(global_invocation_id) id: vec3<u32>) {
            let a = bitcast<f32>(clip_positions[id.x].x);
            let b = bitcast<f32>(clip_positions[id.x].y);
            let c = bitcast<f32>(clip_positions[id.x].z);
            let product = no_contract(a * b) + c;
            let sum = no_contract(a + b);
            let from_b = no_contract(sum - a);
            let lost = (a - no_contract(sum - from_b)) + (b - from_b);
            let third = select(divide(1.0, b), square_root(abs(b)), id.x % 2u == 1u);
            vertices[id.x] = bitcast<vec4<u32>>(vec4<f32>(divide(a, b), third, product, lost));
        }";
    let source = RasterPass::Project.source(Coverage::Reference, DepthKey::TwoPass32) + entry;
    let (gpu, queue) = (device.wgpu_device(), device.wgpu_queue());
    let module = gpu.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let pipeline = gpu.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("operate"),
        compilation_options: Default::default(),
        cache: None,
    });

    const COUNT: usize = 1 << 16;
    let mut random = Random(9);
    let mut number = || {
        let magnitude = random.between(1.0, 2.0) * random.between(-12.0, 13.0).floor().exp2();
        if random.next() < 0.5 { magnitude } else { -magnitude }
    };
    let mut numbers: Vec<[f32; 4]> = (0..COUNT).map(|_| [number(), number(), number(), 0.0]).collect();
    // These quotients are as close to a rounding midpoint as possible: x = (n · y ± 1) / 2²⁴ with
    // odd y, and n the inverse of y modulo 2²⁴ (or its negative), which makes x an integer.
    for [x, y, ..] in numbers.iter_mut().take(COUNT / 2) {
        let odd = u64::from(y.to_bits() & 0x7F_FFFF) | 0x80_0001;
        let inverse = (0..5)
            .fold(odd, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))));
        let above = x.to_bits() % 2 == 0;
        let modulus = 1 << 24;
        let n = if above { inverse % modulus } else { modulus - inverse % modulus } + modulus;
        let product = n * odd;
        let whole = if above { product - 1 } else { product + 1 } >> 24;
        [*x, *y] = [whole as f32, odd as f32];
    }
    let bytes: Vec<u8> = numbers.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    let buffer = |size: usize, usage| {
        gpu.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: size as u64,
            usage: usage | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    };
    let params = buffer(80, wgpu::BufferUsages::UNIFORM);
    let input = buffer(bytes.len(), wgpu::BufferUsages::STORAGE);
    let output = buffer(bytes.len(), wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let read = buffer(bytes.len(), wgpu::BufferUsages::MAP_READ);
    queue.write_buffer(&input, 0, &bytes);
    let entries: Vec<_> = [&params, &input, &output]
        .into_iter()
        .zip(0..)
        .map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect();
    let layout = pipeline.get_bind_group_layout(0);
    let group =
        gpu.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    let mut encoder = gpu.create_command_encoder(&Default::default());
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.dispatch_workgroups(COUNT as u32 / 64, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&output, 0, &read, 0, bytes.len() as u64);
    queue.submit([encoder.finish()]);
    read.slice(..).map_async(wgpu::MapMode::Read, |_| ());
    gpu.poll(wgpu::PollType::wait_indefinitely())?;
    let mapped = read.slice(..).get_mapped_range()?;
    let results: Vec<f32> =
        mapped.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();

    let mut wrong = [0; 4];
    let mut first_wrong = None;
    for (i, ([a, b, c, _], found)) in numbers.into_iter().zip(results.chunks_exact(4)).enumerate() {
        let third = if i % 2 == 1 { b.abs().sqrt() } else { 1.0 / b };
        let sum = a + b;
        let lost = (f64::from(a) + f64::from(b) - f64::from(sum)) as f32;
        for (i, expected) in [a / b, third, a * b + c, lost].into_iter().enumerate() {
            if found[i] != expected {
                first_wrong.get_or_insert((i, [a, b, c], found[i], expected));
                wrong[i] += 1;
            }
        }
    }
    assert_eq!(
        wrong, [0; 4],
        "of {COUNT} each: a / b, 1 / b or √|b|, a · b + c, the rounding error of a + b; the first wrong one \
         (operation, operands, found, expected): {first_wrong:?}"
    );
    Ok(())
}
