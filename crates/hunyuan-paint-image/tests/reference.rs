//! Preparation of the reference image for the delight model, and the correction of its output.

mod common;

use common::{hash, noise};
use hunyuan_paint_image::{
    DEFAULT_BORDER_RATIO, DelightInput, ImageError, MAX_SIDE, ReferenceImage, recenter,
};
use image::{GrayImage, RgbImage, RgbaImage};

/// Returns noise that is transparent except for an object of 19 x 11 pixels at (6, 4).
fn cutout() -> RgbaImage {
    let values = noise(5, 30 * 20 * 4);
    RgbaImage::from_fn(30, 20, |x, y| {
        let i = (y * 30 + x) as usize * 4;
        let inside = (6..25).contains(&x) && (4..15).contains(&y);
        let alpha = if inside { values[i + 3].max(1) } else { 0 };
        [values[i], values[i + 1], values[i + 2], alpha].into()
    })
}

#[test]
fn the_object_is_centered_with_a_border() -> Result<(), ImageError> {
    let image = cutout();
    let recentered = recenter(&image, DEFAULT_BORDER_RATIO)?;
    // Borders of floor(3.8) and floor(2.2): 19 + 6 = 25 wide, 11 + 4 = 15 high.
    assert_eq!(recentered.dimensions(), (25, 25));
    assert_eq!(recentered.get_pixel(3, 7), image.get_pixel(6, 4));
    assert_eq!(recentered.get_pixel(2, 7).0, [255, 255, 255, 0]);
    assert_eq!(hash(&recentered), 0xe4b9_43fc_5b53_e751, "recorded with Pillow");
    assert_eq!(recenter(&image, 0.0)?.dimensions(), (19, 19));
    Ok(())
}

#[test]
fn an_image_without_alpha_is_not_recentered() -> Result<(), ImageError> {
    let image = ReferenceImage::Opaque(RgbImage::from_pixel(5, 9, [255; 3].into()));
    assert_eq!(image.clone().recenter(DEFAULT_BORDER_RATIO)?, image);
    let input = DelightInput::new(&image, 4)?;
    assert!(input.alpha.iter().all(|&alpha| alpha == 255));
    Ok(())
}

#[test]
fn images_that_cannot_be_recentered_are_rejected() {
    let transparent = RgbaImage::from_pixel(5, 5, [1, 2, 3, 0].into());
    assert!(matches!(recenter(&transparent, 0.2), Err(ImageError::FullyTransparent { width: 5, height: 5 })));
    assert!(matches!(recenter(&RgbaImage::new(0, 0), 0.2), Err(ImageError::FullyTransparent { .. })));
    for ratio in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(recenter(&cutout(), ratio), Err(ImageError::BorderRatio { .. })));
    }
    assert!(matches!(recenter(&cutout(), 1e300), Err(ImageError::Size { .. })));
}

#[test]
fn the_delight_input_is_white_around_the_eroded_object() -> Result<(), ImageError> {
    let recentered = ReferenceImage::Cutout(cutout()).recenter(DEFAULT_BORDER_RATIO)?;
    let input = DelightInput::new(&recentered, 32)?;
    assert_eq!(hash(&input.rgb), 0xf7b0_b2a6_f770_8414, "recorded with Pillow and OpenCV");
    assert_eq!(hash(&input.alpha), 0x7c51_90c9_3cbd_63a2, "recorded with Pillow and OpenCV");
    for size in [0, MAX_SIDE + 1] {
        assert!(matches!(DelightInput::new(&recentered, size), Err(ImageError::Size { .. })));
    }
    Ok(())
}

/// Returns a gradient that is opaque except for its last row.
fn gradient() -> DelightInput {
    DelightInput {
        rgb: RgbImage::from_fn(8, 8, |x, y| {
            [60 + 10 * x as u8, 200 - 9 * y as u8, 90 + 5 * (x + y) as u8].into()
        }),
        alpha: GrayImage::from_fn(8, 8, |_, y| [if y == 7 { 0 } else { 255 }].into()),
    }
}

fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn lost_contrast_is_restored() -> Result<(), ImageError> {
    let input = gradient();
    // Half the contrast, around approximately the mean. The correction leaves up to 5% of the error
    // of the mean.
    let mut dull = input.rgb.clone();
    for pixel in dull.pixels_mut() {
        let [r, g, b] = pixel.0;
        pixel.0 = [r.midpoint(95), g.midpoint(173), b.midpoint(125)];
    }
    let finished = input.finish(&dull)?;
    let mut expected = input.rgb.clone();
    for x in 0..8 {
        expected.put_pixel(x, 7, [255; 3].into());
    }
    assert!(largest_difference(&dull, &expected) > 15);
    assert!(largest_difference(&finished, &expected) <= 11);
    Ok(())
}

#[test]
fn finish_uncorrected_keeps_the_colors() -> Result<(), ImageError> {
    let input = gradient();
    let output = RgbImage::from_fn(8, 8, |x, y| [20 * x as u8, 100, 7 * y as u8].into());
    let finished = input.finish_uncorrected(&output)?;
    let kept = RgbImage::from_fn(8, 8, |x, y| if y == 7 { [255; 3].into() } else { *output.get_pixel(x, y) });
    assert!(largest_difference(&finished, &kept) <= 1, "truncation changes values by up to 1");
    assert!(largest_difference(&input.finish(&output)?, &kept) > 10);
    Ok(())
}

#[test]
fn a_correction_that_increases_the_error_is_skipped() -> Result<(), ImageError> {
    let input = gradient();
    // A negative with low contrast and about the same mean: more contrast would increase the error.
    let mut output = input.rgb.clone();
    for pixel in output.pixels_mut() {
        let [r, g, b] = pixel.0;
        pixel.0 = [104 - r / 10, 190 - g / 10, 136 - b / 10];
    }
    let finished = input.finish(&output)?;
    let kept = RgbImage::from_fn(8, 8, |x, y| if y == 7 { [255; 3].into() } else { *output.get_pixel(x, y) });
    assert!(largest_difference(&finished, &kept) <= 1, "truncation changes values by up to 1");
    Ok(())
}

#[test]
fn undefined_corrections_are_skipped() -> Result<(), ImageError> {
    let rgb = RgbImage::from_pixel(3, 3, [10, 20, 30].into());
    let output = RgbImage::from_pixel(3, 3, [40, 50, 60].into());
    let flat = DelightInput { rgb: rgb.clone(), alpha: GrayImage::from_pixel(3, 3, [255].into()) };
    assert!(largest_difference(&flat.finish(&output)?, &output) <= 1);
    let invisible = DelightInput { rgb, alpha: GrayImage::new(3, 3) };
    assert_eq!(invisible.finish(&output)?, RgbImage::from_pixel(3, 3, [255; 3].into()));
    Ok(())
}

#[test]
fn an_output_of_another_size_is_rejected() {
    let error = gradient().finish(&RgbImage::new(8, 7));
    assert!(matches!(error, Err(ImageError::SizeMismatch { .. })));
}
