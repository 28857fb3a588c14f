//! The rules of the rasterizer, on small scenes and on random ones.

mod common;

use common::{Random, Scene, soup};
use glam::{DVec2, Vec4};
use hunyuan_paint_raster::{
    Coverage, DepthPrior, NO_FACE, RasterError, RasterOptions, Size, View, Viewport, VisibilityBuffer,
    interpolate,
};
use rayon::ThreadPoolBuilder;

fn rasterize(
    clip_positions: &[Vec4],
    faces: &[[u32; 3]],
    size: Size,
    depth_prior: Option<DepthPrior<'_>>,
) -> Result<VisibilityBuffer, RasterError> {
    let view = View { clip_positions, size, depth_prior };
    hunyuan_paint_raster::rasterize(&view, faces, RasterOptions::default())
}

/// Returns a triangle that covers the whole image, at an NDC depth.
fn sheet(depth: f32) -> [Vec4; 3] {
    [[-1.5, -1.5], [5.0, -1.5], [-1.5, 5.0]].map(|[x, y]| Vec4::new(x, y, depth, 1.0))
}

const FIXED_POINT: RasterOptions =
    RasterOptions { coverage: Coverage::FixedPoint, viewport: Viewport::PixelCenters, depth_key: None };

/// Returns the tolerance for vertex positions, in pixels.
fn snap(options: RasterOptions) -> f64 {
    if options.coverage == Coverage::FixedPoint { 2.0_f64.powi(-8) } else { 1e-4 }
}

#[test]
fn coverage_and_barycentrics_match_double_precision() -> Result<(), RasterError> {
    let size = Size::new(83, 57);
    for options in [RasterOptions::default(), FIXED_POINT] {
        let mut random = Random(1);
        for _ in 0..200 {
            let triangle = [1.0, 2.0, 3.0].map(|w| random.vertex(w));
            let view = View::new(&triangle, size);
            let visibility = hunyuan_paint_raster::rasterize(&view, &[[0, 1, 2]], options)?;
            let [a, b, c] = triangle.map(|clip| {
                let ndc = clip.as_dvec4() / f64::from(clip.w);
                let span = DVec2::new(f64::from(size.width - 1), f64::from(size.height - 1));
                (DVec2::new(ndc.x, ndc.y) * 0.5 + 0.5) * span + 0.5
            });
            let area = (b - a).perp_dot(c - a);
            let edges = [(b, c), (c, a), (a, b)];
            let least_height = edges.map(|(from, to)| area.abs() / (to - from).length());
            let least_height = least_height.into_iter().fold(f64::INFINITY, f64::min);
            if least_height < 0.5 {
                continue;
            }
            let margin = 2.0 * snap(options) / least_height;
            for (pixel, (&face, weights)) in
                visibility.face_index.iter().zip(&visibility.barycentrics).enumerate()
            {
                let (x, y) = (pixel as u32 % size.width, pixel as u32 / size.width);
                let p = DVec2::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
                let expected = edges.map(|(from, to)| (to - from).perp_dot(p - from) / area);
                let inside = expected.into_iter().fold(f64::INFINITY, f64::min);
                if inside.abs() > margin {
                    assert_eq!(face == 0, inside > 0.0, "pixel ({x}, {y}) of {triangle:?}");
                }
                if face == 0 {
                    let scaled: Vec<f64> =
                        expected.iter().zip(triangle).map(|(e, v)| e / f64::from(v.w)).collect();
                    let sum: f64 = scaled.iter().sum();
                    for (weight, expected) in weights.iter().zip(scaled) {
                        assert!((f64::from(*weight) - expected / sum).abs() < 6.0 * margin + 1e-6);
                    }
                    assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                }
            }
        }
    }
    Ok(())
}

/// Draws each face of a sheet by itself: exactly one face covers each pixel.
#[test]
fn fixed_point_is_watertight() -> Result<(), RasterError> {
    for seed in 0..3 {
        let Scene { positions, faces, .. } = common::sheet(14, seed);
        for size in [Size::square(64), Size::new(15, 101)] {
            let count = |options: RasterOptions| -> Result<Vec<u32>, RasterError> {
                let mut covered = vec![0; size.pixel_count()];
                for face in &faces {
                    let view = View::new(&positions, size);
                    let visibility = hunyuan_paint_raster::rasterize(&view, &[*face], options)?;
                    for (count, face) in covered.iter_mut().zip(visibility.face_index) {
                        *count += u32::from(face != NO_FACE);
                    }
                }
                Ok(covered)
            };
            assert!(count(FIXED_POINT)?.iter().all(|&count| count == 1));
            let at_edges = RasterOptions { viewport: Viewport::ImageEdges, ..FIXED_POINT };
            assert!(count(at_edges)?.iter().all(|&count| count == 1));
        }
    }
    // These vertices lie on pixel centers, so that every edge passes through pixel centers.
    let vertices: Vec<Vec4> = (0..25_u16)
        .map(|i| Vec4::new(f32::from(i % 5) / 2.0 - 1.0, f32::from(i / 5) / 2.0 - 1.0, 0.0, 1.0))
        .collect();
    let faces: Vec<[u32; 3]> =
        (0..20).filter(|i| i % 5 < 4).flat_map(|i| [[i, i + 1, i + 5], [i + 1, i + 6, i + 5]]).collect();
    let mut covered = [0; 81];
    for face in faces {
        let view = View::new(&vertices, Size::square(9));
        let visibility = hunyuan_paint_raster::rasterize(&view, &[face], FIXED_POINT)?;
        for (count, face) in covered.iter_mut().zip(visibility.face_index) {
            *count += u32::from(face != NO_FACE);
        }
    }
    // The pixels of the last column and row lie on right and bottom edges, which do not cover them.
    let expected: Vec<u32> = (0..81).map(|i| u32::from(i % 9 < 8 && i / 9 < 8)).collect();
    assert_eq!(covered.to_vec(), expected);
    Ok(())
}

#[test]
fn fixed_point_leaves_out_faces_with_far_or_invalid_vertices() -> Result<(), RasterError> {
    let size = Size::square(4);
    let draw = |vertex: Vec4| {
        let positions = [vertex, Vec4::new(3.1, -1.0, 0.0, 1.0), Vec4::new(-1.0, 3.1, 0.0, 1.0)];
        hunyuan_paint_raster::rasterize(&View::new(&positions, size), &[[0, 1, 2]], FIXED_POINT)
    };
    assert_eq!(draw(Vec4::new(-31.9, -31.9, 0.0, 1.0))?.face_index, [0; 16]);
    let specials = [f32::NAN, f32::INFINITY, 32.0, 1e30];
    for special in specials {
        for vertex in [Vec4::new(-special, -1.0, 0.0, 1.0), Vec4::new(-1.0, -1.0, special, 1.0)] {
            assert_eq!(draw(vertex)?.face_index, [NO_FACE; 16]);
        }
    }
    for w in [0.0, -1.0, 1e-40, f32::NAN, f32::INFINITY] {
        assert_eq!(draw(Vec4::new(-1.0, -1.0, 0.0, w))?.face_index, [NO_FACE; 16]);
    }
    Ok(())
}

#[test]
fn the_image_edges_viewport_maps_ndc_to_the_outer_edges() -> Result<(), RasterError> {
    let corners = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]];
    let positions = corners.map(|[x, y]| Vec4::new(x, y, 0.0, 1.0));
    for coverage in [Coverage::Reference, Coverage::FixedPoint] {
        let options = RasterOptions { coverage, viewport: Viewport::ImageEdges, depth_key: None };
        let view = View::new(&positions, Size::new(5, 3));
        let visibility = hunyuan_paint_raster::rasterize(&view, &[[0, 1, 2], [1, 3, 2]], options)?;
        assert!(!visibility.face_index.contains(&NO_FACE));
        // The center of the first pixel is half a pixel from the corner.
        let [x, y] = interpolate(&corners, &[[0, 1, 2], [1, 3, 2]], &visibility)?[0];
        assert!((x + 0.8).abs() < 1e-6 && (y + 2.0 / 3.0).abs() < 0.01, "{x}, {y}");
    }
    Ok(())
}

#[test]
fn the_depth_range_is_that_of_the_visible_surface() -> Result<(), RasterError> {
    let vertices: Vec<Vec4> = [-0.5, 0.5].into_iter().flat_map(sheet).collect();
    for options in [RasterOptions::default(), FIXED_POINT] {
        let range = |faces: &[[u32; 3]]| -> Result<_, RasterError> {
            let view = View::new(&vertices, Size::square(3));
            Ok(hunyuan_paint_raster::rasterize(&view, faces, options)?.depth_range)
        };
        let visible = range(&[[0, 1, 2], [3, 4, 5]])?;
        assert!(visible.is_some_and(|range| range.iter().all(|z| (z + 0.5).abs() < 1e-5)), "{visible:?}");
        assert_eq!(range(&[])?, None);
    }
    Ok(())
}

#[test]
fn the_nearest_face_wins_and_at_equal_depth_the_lower_index() -> Result<(), RasterError> {
    let vertices: Vec<Vec4> = [0.5, -0.25, -0.25].into_iter().flat_map(sheet).collect();
    let size = Size::new(5, 3);
    let visibility = rasterize(&vertices, &[[0, 1, 2], [6, 7, 8], [3, 4, 5]], size, None)?;
    assert_eq!(visibility.face_index, [1; 15]);
    // Depths that differ by less than a step count as equal.
    let vertices: Vec<Vec4> = [0.1, 0.1 - 2e-6].into_iter().flat_map(sheet).collect();
    let visibility = rasterize(&vertices, &[[0, 1, 2], [3, 4, 5]], size, None)?;
    assert_eq!(visibility.face_index, [0; 15]);
    Ok(())
}

#[test]
fn a_depth_prior_peels_the_layer_in_front() -> Result<(), RasterError> {
    let vertices: Vec<Vec4> = [-0.5, 0.5].into_iter().flat_map(sheet).collect();
    let faces = [[0, 1, 2], [3, 4, 5]];
    let size = Size::square(4);
    let depth = [-0.5; 16];
    let prior = |occlusion_truncation| Some(DepthPrior { depth: &depth, occlusion_truncation });
    assert_eq!(rasterize(&vertices, &faces, size, prior(1e-4))?.face_index, [1; 16]);
    assert_eq!(rasterize(&vertices, &faces, size, prior(-1e-4))?.face_index, [0; 16]);
    assert_eq!(rasterize(&vertices, &faces, size, prior(0.9))?.face_index, [NO_FACE; 16]);
    Ok(())
}

#[test]
fn edges_belong_to_the_face_and_rows_are_not_flipped() -> Result<(), RasterError> {
    // The vertices lie on the centers of three corner pixels.
    let vertices = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]].map(|[x, y]| Vec4::new(x, y, 0.0, 1.0));
    let visibility = rasterize(&vertices, &[[0, 1, 2]], Size::square(3), None)?;
    let n = NO_FACE;
    assert_eq!(visibility.face_index, [0, 0, 0, 0, 0, n, 0, n, n]);
    assert_eq!(visibility.barycentrics[6], [0.0, 0.0, 1.0]);
    Ok(())
}

#[test]
fn attributes_are_interpolated_perspective_correctly() -> Result<(), RasterError> {
    let Scene { positions: vertices, faces, .. } = soup(20, 7);
    let visibility = rasterize(&vertices, &faces, Size::square(40), None)?;
    let attributes: Vec<[f32; 2]> = vertices.iter().map(|v| [v.x, v.w]).collect();
    let pixels = interpolate(&attributes, &faces, &visibility)?;
    // With perspective-correct weights, x / w is the NDC coordinate of the pixel.
    for (pixel, [x, w]) in pixels.into_iter().enumerate() {
        if visibility.face_index[pixel] == NO_FACE {
            assert_eq!([x, w], [0.0, 0.0]);
        } else {
            let column = (x / w * 0.5 + 0.5) * 39.0;
            assert!((column - (pixel % 40) as f32).abs() < 1e-2);
        }
    }
    Ok(())
}

#[test]
fn the_number_of_threads_does_not_change_the_image() -> Result<(), Box<dyn std::error::Error>> {
    let Scene { positions, faces, .. } = soup(300, 7);
    for options in [RasterOptions::default(), FIXED_POINT] {
        let render = |threads| -> Result<VisibilityBuffer, Box<dyn std::error::Error>> {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
            let view = View::new(&positions, Size::new(131, 203));
            Ok(pool.install(|| hunyuan_paint_raster::rasterize(&view, &faces, options))?)
        };
        let one = render(1)?;
        assert!(one.face_index.contains(&NO_FACE));
        assert_eq!(one, render(2)?);
        assert_eq!(one, render(7)?);
    }
    Ok(())
}

#[test]
fn extreme_floats_do_not_panic_and_faces_with_w_of_zero_are_invisible() -> Result<(), RasterError> {
    let specials = [0.0, -0.0, 1e-45, 1e30, -1e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let mut random = Random(3);
    let mut pick = || specials[(random.next() * specials.len() as f32) as usize];
    for _ in 0..300 {
        let mut vertices = sheet(0.0);
        for vertex in &mut vertices {
            *vertex = Vec4::new(pick(), pick(), pick(), pick());
        }
        let visibility = rasterize(&vertices, &[[0, 1, 2]], Size::square(8), None)?;
        assert_eq!(visibility.face_index.len(), 64);
        let mut one_bad = sheet(0.0);
        one_bad[1] = Vec4::new(pick(), 1.0, 0.0, 0.0);
        let visibility = rasterize(&one_bad, &[[0, 1, 2]], Size::square(8), None)?;
        assert_eq!(visibility.face_index, [NO_FACE; 64]);
    }
    Ok(())
}

#[test]
fn invalid_input_is_rejected() -> Result<(), RasterError> {
    let vertices = sheet(0.0);
    let size = Size::square(4);
    for (width, height) in [(0, 4), (4, 0), (16_385, 1), (1, u32::MAX)] {
        let result = rasterize(&vertices, &[[0, 1, 2]], Size::new(width, height), None);
        assert_eq!(result, Err(RasterError::Size { width, height, limit: 16_384 }));
    }
    let out_of_range = RasterError::VertexOutOfRange { face: 1, vertex: 3, vertex_count: 3 };
    assert_eq!(rasterize(&vertices, &[[0, 1, 2], [0, 3, 1]], size, None), Err(out_of_range.clone()));
    let prior = DepthPrior { depth: &[0.0; 15], occlusion_truncation: 0.0 };
    let length = RasterError::BufferLength { buffer: "depth prior", expected: 16, found: 15 };
    assert_eq!(rasterize(&vertices, &[[0, 1, 2]], size, Some(prior)), Err(length));

    let visibility = rasterize(&vertices, &[[0, 1, 2]], size, None)?;
    let attributes = [[1.0_f32]; 3];
    assert_eq!(interpolate(&attributes, &[[0, 1, 2], [0, 3, 1]], &visibility), Err(out_of_range));
    let no_faces = RasterError::FaceOutOfRange { pixel: 0, face: 0, face_count: 0 };
    assert_eq!(interpolate(&attributes, &[], &visibility), Err(no_faces));
    Ok(())
}

#[test]
fn a_mesh_without_faces_gives_a_background_image() -> Result<(), RasterError> {
    let visibility = rasterize(&[], &[], Size::new(3, 2), None)?;
    assert_eq!(visibility.face_index, [NO_FACE; 6]);
    assert_eq!(visibility.barycentrics, [[0.0; 3]; 6]);
    Ok(())
}
