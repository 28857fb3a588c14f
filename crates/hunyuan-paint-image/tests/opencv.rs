//! Edges, erosion and inpainting, compared with recorded hashes of the results of OpenCV 4.11.0.

mod common;

use common::{block_mask, blocks, hash, noise};
use hunyuan_paint_image::{
    ImageError, canny, erode_3x3, inpaint_navier_stokes, inpaint_navier_stokes_gray, resize_bicubic_gray,
};
use image::{GrayImage, RgbImage};

#[test]
fn edges_and_erosion_match_opencv() {
    for ((width, height), block, (low, high), edges, eroded) in [
        ((40, 30), 1, (100, 400), 0xa507_c9e4_aed9_c180, 0xa915_7f4b_b42c_0ee1),
        ((41, 37), 3, (30, 80), 0xa831_adad_4d0a_fd30, 0xa1c0_80c8_99b7_d956),
        ((64, 50), 7, (80, 150), 0x9ca0_e618_32cd_517f, 0x39ce_2582_edf6_cedc),
        ((64, 50), 7, (300, 600), 0x8e1e_73fb_3d3b_4717, 0x39ce_2582_edf6_cedc),
        ((1, 30), 1, (30, 80), 0x0d86_72d1_6f93_62db, 0xf916_5cf0_bd9d_50f4),
        ((30, 1), 2, (30, 80), 0x8a27_bc24_51c1_d398, 0x8be6_67d0_1de0_ee2a),
        ((2, 2), 1, (10, 20), 0x4a3d_077f_9b55_736b, 0x7136_b9a6_838f_f375),
    ] {
        let image = blocks(width * 100 + height + block, width, height, block);
        let found = (hash(&canny(&image, low, high)), hash(&erode_3x3(&image)));
        assert_eq!(found, (edges, eroded), "{width} x {height}, blocks of {block}");
        assert_eq!(canny(&image, high, low), canny(&image, low, high));
    }
}

#[test]
fn a_step_has_one_line_of_edges() {
    let step = GrayImage::from_fn(6, 3, |x, _| [if x < 3 { 0 } else { 100 }].into());
    let edges = canny(&step, 30, 80);
    assert_eq!(edges.into_raw(), [0, 0, 255, 0, 0, 0].repeat(3));
    assert_eq!(canny(&step, 30, 400), GrayImage::new(6, 3), "the magnitude, 400, is not above 400");
}

#[test]
fn samples_outside_the_image_do_not_erode() {
    let mut image = GrayImage::from_pixel(4, 3, [9].into());
    image.put_pixel(3, 0, [2].into());
    assert_eq!(erode_3x3(&image).into_raw(), [9, 9, 2, 2, 9, 9, 2, 2, 9, 9, 9, 9]);
}

#[test]
fn empty_images_stay_empty() {
    for (width, height) in [(0, 0), (0, 5), (5, 0)] {
        let image = GrayImage::new(width, height);
        assert_eq!(canny(&image, 30, 80), image);
        assert_eq!(erode_3x3(&image), image);
    }
}

#[test]
fn inpainting_matches_opencv() -> Result<(), ImageError> {
    for ((width, height), block, threshold, radius, rgb, gray) in [
        ((40, 30), 6, 100, 3, 0x4de1_cb3b_a345_f367, 0x1428_cc09_3ec0_1484),
        ((40, 30), 1, 120, 3, 0x9301_67dd_3d4f_4a6f, 0xf0fb_2472_8e3d_d2b1),
        ((64, 48), 16, 200, 3, 0x5154_27d0_2b75_9f6c, 0x24e0_a8b0_d0cd_df28),
        ((31, 33), 9, 230, 5, 0xf750_fefc_7991_11ee, 0xf5a7_64c1_a621_acdb),
        ((24, 20), 4, 128, 1, 0xfae2_f741_2d64_e005, 0x9437_e407_9729_8e7f),
        ((2, 9), 1, 128, 3, 0xf873_3105_ce5b_0351, 0x93a0_5c6d_3a73_f1f0),
        ((9, 2), 2, 128, 3, 0x663c_032b_7664_8cf8, 0x0368_0946_08af_4a4d),
    ] {
        let mask = block_mask(width + height, width, height, block, threshold);
        let mut image = RgbImage::new(width, height);
        image.copy_from_slice(&noise(width * 7 + height, (width * height * 3) as usize));
        let filled = inpaint_navier_stokes(&image, &mask, radius)?;
        assert_eq!(hash(&filled), rgb, "RGB {width} x {height}, blocks of {block}");

        let image = blocks(width * 9 + height, width, height, 3);
        let filled = inpaint_navier_stokes_gray(&image, &mask, radius)?;
        assert_eq!(hash(&filled), gray, "gray {width} x {height}, blocks of {block}");
    }
    Ok(())
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mask = block_mask(7, 200, 160, 20, 128);
    let image = RgbImage::from_fn(200, 160, |x, y| [(x * y) as u8, (3 * x) as u8, (x ^ y) as u8].into());
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok()?;
        pool.install(|| Some((canny(&mask, 30, 80), inpaint_navier_stokes(&image, &mask, 3).ok()?)))
    };
    assert!(run(1).is_some());
    assert_eq!(run(1), run(4));
}

#[test]
fn an_empty_or_full_mask_copies_the_image() -> Result<(), ImageError> {
    let image = blocks(1, 12, 10, 2);
    for value in [0, 255] {
        let mask = GrayImage::from_pixel(12, 10, [value].into());
        assert_eq!(inpaint_navier_stokes_gray(&image, &mask, 3)?, image);
    }
    Ok(())
}

#[test]
fn only_masked_pixels_change_for_any_radius() -> Result<(), ImageError> {
    for (width, height) in [(1, 1), (1, 7), (7, 1), (2, 2)] {
        let image = blocks(3, width, height, 1);
        let mask = GrayImage::from_fn(width, height, |x, y| [u8::from((x + y) % 3 == 1)].into());
        for radius in [0, 3, 100, u32::MAX] {
            let filled = inpaint_navier_stokes_gray(&image, &mask, radius)?;
            for ((before, after), masked) in image.iter().zip(filled.iter()).zip(mask.iter()) {
                assert!(before == after || *masked != 0);
            }
        }
    }
    Ok(())
}

#[test]
fn extra_bytes_of_the_buffer_are_ignored() -> Result<(), ImageError> {
    let image = blocks(4, 12, 10, 3);
    let mask = block_mask(9, 12, 10, 4, 100);
    let lengthened = |image: &GrayImage| {
        let bytes = [image.as_raw().as_slice(), &[77; 100]].concat();
        GrayImage::from_raw(12, 10, bytes).unwrap_or_default()
    };
    let (long_image, long_mask) = (lengthened(&image), lengthened(&mask));
    assert_eq!(canny(&long_image, 30, 80), canny(&image, 30, 80));
    assert_eq!(erode_3x3(&long_image), erode_3x3(&image));
    let filled = inpaint_navier_stokes_gray(&image, &mask, 3)?;
    assert_eq!(inpaint_navier_stokes_gray(&long_image, &long_mask, 3)?, filled);
    assert_eq!(resize_bicubic_gray(&long_image, 5, 7)?, resize_bicubic_gray(&image, 5, 7)?);
    Ok(())
}

#[test]
fn a_mask_of_another_size_is_rejected() {
    let error = inpaint_navier_stokes(&RgbImage::new(4, 3), &GrayImage::new(3, 4), 3);
    assert!(matches!(error, Err(ImageError::SizeMismatch { .. })));
    assert!(inpaint_navier_stokes(&RgbImage::new(0, 0), &GrayImage::new(0, 0), 3).is_err());
}
