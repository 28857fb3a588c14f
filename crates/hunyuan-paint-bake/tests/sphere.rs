//! A sphere with known colors, rendered from six sides and baked.

use std::{f32::consts::PI, ops::ControlFlow};

use glam::{Vec2, Vec3};
use hunyuan_paint_bake::{
    BakeError, BakeOptions, BakeProgress, BakeRequest, BakeView, BakedTexture, bake, render_condition_maps,
    render_depth_map, render_textured,
};
use hunyuan_paint_mesh::{Camera, CanonicalMesh, Mesh, MeshError, Projection};
use image::{Rgb, RgbImage};
use rayon::ThreadPoolBuilder;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const TEXTURE_SIZE: u32 = 96;
const VIEWS: [(f32, f32, f32); 6] = [
    (0.0, 0.0, 1.0),
    (90.0, 0.0, 0.1),
    (180.0, 0.0, 0.5),
    (270.0, 0.0, 0.1),
    (0.0, 90.0, 0.05),
    (180.0, -90.0, 0.05),
];

/// Returns a point of the unit sphere: u runs around it, v from the north pole to the south pole.
fn point([u, v]: [f32; 2]) -> Vec3 {
    let (longitude, colatitude) = (u * 2.0 * PI, v * PI);
    Vec3::new(colatitude.sin() * longitude.cos(), colatitude.cos(), colatitude.sin() * longitude.sin())
}

/// A sphere of 24 × 48 quads, wound counterclockwise as seen from outside.
fn sphere() -> Result<CanonicalMesh, MeshError> {
    let (rows, columns) = (24_u32, 48_u32);
    let uvs: Vec<[f32; 2]> = (0..=rows)
        .flat_map(|row| {
            (0..=columns).map(move |column| [column as f32 / columns as f32, row as f32 / rows as f32])
        })
        .collect();
    let faces = (0..rows).flat_map(|row| {
        (0..columns).flat_map(move |column| {
            let (a, b) = (row * (columns + 1) + column, (row + 1) * (columns + 1) + column);
            [[a, a + 1, b], [a + 1, b + 1, b]]
        })
    });
    CanonicalMesh::new(&Mesh {
        positions: uvs.iter().copied().map(point).collect(),
        faces: faces.collect(),
        uvs: Some(uvs.iter().map(|[u, v]| Vec2::new(*u, 1.0 - v)).collect()),
        ..Mesh::default()
    })
}

/// Bakes the position maps, whose colors encode the positions on the sphere.
fn bake_positions(mesh: &CanonicalMesh) -> Result<BakedTexture, BakeError> {
    let maps = VIEWS
        .map(|(azimuth, elevation, weight)| (Camera::orthographic(azimuth, elevation), weight))
        .map(|(camera, weight)| Ok((camera, weight, render_condition_maps(mesh, &camera, 300)?.position)));
    let maps = maps.into_iter().collect::<Result<Vec<_>, BakeError>>()?;
    let views: Vec<BakeView<'_>> =
        maps.iter().map(|&(camera, weight, ref image)| BakeView::new(camera, weight, image)).collect();
    bake(
        &BakeRequest { mesh, views: &views, texture_size: TEXTURE_SIZE, options: &BakeOptions::default() },
        &mut |_| ControlFlow::Continue(()),
    )
}

#[test]
fn baking_position_maps_reproduces_the_positions() -> TestResult {
    let baked = bake_positions(&sphere()?)?;
    let mut covered_count = 0;
    for (x, y, color) in baked.image.enumerate_pixels() {
        let Vec3 { x: px, y: py, z: pz } =
            point([x, y].map(|texel| texel as f32 / (TEXTURE_SIZE - 1) as f32));
        // From object space to canonical space, and to the colors of the position map.
        let expected = [0.5 + px / 2.0, 0.5 - pz / 2.0, 0.5 + py / 2.0].map(|c| c * 255.0);
        let is_covered = baked.coverage.get_pixel(x, y).0[0] != 0;
        covered_count += usize::from(is_covered);
        // A texel spans up to 8 levels of a channel.
        let bound = if is_covered { 6.0 } else { 24.0 };
        for (found, expected) in color.0.into_iter().zip(expected) {
            let error = (f32::from(found) - expected).abs();
            assert!(error < bound, "texel ({x}, {y}), covered: {is_covered}: {found} instead of {expected}");
        }
    }
    let fraction = covered_count as f32 / (TEXTURE_SIZE * TEXTURE_SIZE) as f32;
    assert!(fraction > 0.9, "only {fraction} of the texture is covered");
    Ok(())
}

#[test]
fn rendering_the_texture_reproduces_the_view() -> TestResult {
    let mesh = sphere()?;
    let texture = bake_positions(&mesh)?.image;
    let camera = Camera::orthographic(0.0, 0.0);
    let view = render_condition_maps(&mesh, &camera, 128)?.position;
    let render = render_textured(&mesh, &texture, &camera, 128)?;
    let errors = render.iter().zip(view.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)));
    let mean_error = errors.sum::<u64>() as f64 / render.len() as f64;
    assert!(mean_error < 2.0, "{mean_error}");
    Ok(())
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() -> TestResult {
    let mesh = sphere()?;
    let with_threads = |threads| -> Result<BakedTexture, Box<dyn std::error::Error>> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(pool.install(|| bake_positions(&mesh))?)
    };
    let one = with_threads(1)?;
    assert_eq!(one, with_threads(2)?);
    assert_eq!(one, with_threads(7)?);
    Ok(())
}

#[test]
fn condition_maps_at_azimuth_0_show_the_side_at_positive_y() -> TestResult {
    let (mesh, camera) = (sphere()?, Camera::orthographic(0.0, 0.0));
    let maps = render_condition_maps(&mesh, &camera, 65)?;
    let depth = render_depth_map(&mesh, &camera, 65)?;
    let center = 32 * 65 + 32;
    // At azimuth 0, the camera lies on the +y axis of canonical space. Normals there point toward
    // −y, and the position map negates positions, so both are dark.
    assert!(maps.normal.get_pixel(32, 32).0[1] < 5);
    assert!(maps.position.get_pixel(32, 32).0[1] < 5);
    assert!(depth[center] > 0.99);
    assert_eq!(maps.normal.get_pixel(0, 0), &Rgb([255; 3]));
    assert_eq!(maps.position.get_pixel(0, 0), &Rgb([255; 3]));
    assert_eq!(depth[0], 0.0);
    Ok(())
}

#[test]
fn progress_reports_each_stage_and_can_cancel() -> TestResult {
    let mesh = sphere()?;
    let image = RgbImage::from_pixel(64, 64, Rgb([9, 99, 199]));
    let view = BakeView::new(Camera::orthographic(0.0, 0.0), 1.0, &image);
    let mut stages = Vec::new();
    let mut note = |stage| {
        stages.push(stage);
        if stage == BakeProgress::FillGutter { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let result = bake(
        &BakeRequest {
            mesh: &mesh,
            views: &[view, view],
            texture_size: 32,
            options: &BakeOptions::default(),
        },
        &mut note,
    );
    assert!(matches!(result, Err(BakeError::Cancelled)));
    let view = |view| BakeProgress::View { view, view_count: 2 };
    assert_eq!(stages, [view(0), view(1), BakeProgress::FillSurface, BakeProgress::FillGutter]);
    Ok(())
}

#[test]
fn invalid_input_is_rejected() -> TestResult {
    let mesh = sphere()?;
    let image = RgbImage::new(8, 8);
    let view = BakeView::new(Camera::orthographic(0.0, 0.0), 1.0, &image);
    let options = BakeOptions::default();
    let run = |mesh: &CanonicalMesh, views: &[BakeView<'_>], texture_size, options: &BakeOptions| {
        bake(&BakeRequest { mesh, views, texture_size, options }, &mut |_| ControlFlow::Continue(()))
            .map(|_| ())
    };

    assert!(matches!(run(&mesh, &[], 16, &options), Err(BakeError::NoViews)));
    assert!(matches!(run(&mesh, &[view], 0, &options), Err(BakeError::Size { what: "texture", .. })));
    assert!(matches!(run(&mesh, &[view], 16_385, &options), Err(BakeError::Size { what: "texture", .. })));
    let empty = BakeView { image: &RgbImage::new(0, 3), ..view };
    assert!(matches!(run(&mesh, &[view, empty], 16, &options), Err(BakeError::Size { what: "view", .. })));
    let unweighted = BakeView { weight: f32::NAN, ..view };
    assert!(matches!(run(&mesh, &[view, unweighted], 16, &options), Err(BakeError::Weight { view: 1, .. })));
    let steep = BakeOptions { view_angle_max_degrees: 91.0, ..options };
    assert!(matches!(run(&mesh, &[view], 16, &steep), Err(BakeError::Option { .. })));
    let flat = BakeOptions { cosine_exponent: 0, ..options };
    assert!(matches!(run(&mesh, &[view], 16, &flat), Err(BakeError::Option { .. })));

    let no_faces = CanonicalMesh { faces: Vec::new(), ..mesh.clone() };
    assert!(matches!(run(&no_faces, &[view], 16, &options), Err(BakeError::NoFaces)));
    let no_uvs = CanonicalMesh { uvs: Vec::new(), ..mesh.clone() };
    assert!(matches!(run(&no_uvs, &[view], 16, &options), Err(BakeError::UvCount { uv_count: 0, .. })));
    let mut dangling = mesh.clone();
    dangling.faces[5][1] = u32::MAX;
    let result = run(&dangling, &[view], 16, &options);
    assert!(matches!(result, Err(BakeError::VertexOutOfRange { face: 5, vertex: u32::MAX, .. })));
    let mut infinite = mesh.clone();
    infinite.positions[3].y = f32::INFINITY;
    let result = run(&infinite, &[view], 16, &options);
    assert!(matches!(result, Err(BakeError::NotFinite { attribute: "position", vertex: 3 })));

    // Views of weight 0, and views that see nothing, cover no texel.
    let weightless = BakeView { weight: 0.0, ..view };
    let result = run(&mesh, &[weightless], 16, &options);
    assert!(matches!(result, Err(BakeError::NothingPainted { view_count: 1 })));
    let nowhere = BakeView { camera: Camera { distance: f32::NAN, ..view.camera }, ..view };
    assert!(matches!(run(&mesh, &[nowhere], 16, &options), Err(BakeError::NothingPainted { .. })));
    Ok(())
}

#[test]
fn extreme_cameras_and_small_sizes_do_not_panic() -> TestResult {
    let mesh = sphere()?;
    for size in [1, 2, 3, 300] {
        let image = RgbImage::from_pixel(size, size + 1, Rgb([200; 3]));
        for distance in [0.0, 0.3, 1.45, -1.0, 1e30, f32::INFINITY] {
            for projection in [Projection::ORTHOGRAPHIC, Projection::PERSPECTIVE] {
                let camera = Camera { distance, projection, ..Camera::orthographic(20.0, 10.0) };
                let view = BakeView::new(camera, 1.0, &image);
                for texture_size in [1, 2, 17] {
                    let options = BakeOptions::default();
                    match bake(
                        &BakeRequest { mesh: &mesh, views: &[view], texture_size, options: &options },
                        &mut |_| ControlFlow::Continue(()),
                    ) {
                        Ok(baked) => assert_eq!(baked.image.width(), texture_size),
                        Err(error) => assert!(matches!(error, BakeError::NothingPainted { .. }), "{error}"),
                    }
                }
                render_condition_maps(&mesh, &camera, size)?;
            }
        }
    }
    Ok(())
}
