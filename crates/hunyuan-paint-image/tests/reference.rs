//! Preparation of the reference image for the delight model, and the correction of its output.

mod common;

use std::path::PathBuf;

use common::{hash, noise};
use hunyuan_paint_image::{
    CropRule, DEFAULT_BORDER_RATIO, DelightInput, ImageError, ImageWarning, MAX_SIDE, ReferenceImage,
    read_image, recenter, recenter_with, resize_bicubic_rgb,
};
use image::{GrayImage, RgbImage, RgbaImage, imageops};

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
    assert_eq!(recenter_with(&image, DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)?, recentered);
    assert_eq!(recenter(&image, 0.0)?.dimensions(), (19, 19));
    Ok(())
}

/// Returns the path of a file in `tests/field`.
fn field(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "field", name].iter().collect()
}

/// Returns noise without alpha of values up to 127.
fn opaque(width: u32, height: u32) -> RgbImage {
    let values = noise(9, (width * height * 3) as usize);
    RgbImage::from_fn(width, height, |x, y| {
        let i = (y * width + x) as usize * 3;
        [values[i] / 2, values[i + 1] / 2, values[i + 2] / 2].into()
    })
}

#[test]
fn a_square_image_without_alpha_is_unchanged() -> Result<(), ImageError> {
    let image = ReferenceImage::Opaque(opaque(7, 7));
    assert_eq!(image.clone().recenter(DEFAULT_BORDER_RATIO)?, image);
    let input = DelightInput::new(&image, 4)?;
    assert_eq!(input.rgb, resize_bicubic_rgb(&opaque(7, 7), 4, 4)?);
    assert!(input.alpha.iter().all(|&alpha| alpha == 255));
    Ok(())
}

#[test]
fn an_image_without_alpha_is_padded_with_white() -> Result<(), ImageError> {
    for (width, height, left, top) in [(9, 4, 0, 2), (4, 9, 2, 0), (1, 8, 3, 0), (7, 6, 0, 0)] {
        let image = opaque(width, height);
        let side = width.max(height);
        let padded = ReferenceImage::Opaque(image.clone()).recenter(DEFAULT_BORDER_RATIO)?;
        let mut expected = RgbImage::from_pixel(side, side, [255; 3].into());
        imageops::replace(&mut expected, &image, left, top);
        assert_eq!(padded, ReferenceImage::Opaque(expected), "{width} x {height}");
        let input = DelightInput::new(&ReferenceImage::Opaque(image), 16)?;
        assert_eq!(input, DelightInput::new(&padded, 16)?, "padding first makes no difference");
    }
    Ok(())
}

#[test]
fn the_padding_continues_a_backdrop_of_one_color() -> Result<(), ImageError> {
    // A noisy gray backdrop, with an object that reaches 2 of the 80 pixels of the upper and lower
    // edge.
    let values = noise(3, 40 * 20);
    let image = RgbImage::from_fn(40, 20, |x, y| {
        let gray = 100 + values[(y * 40 + x) as usize] % 9;
        if x == 20 { [250, 0, 0].into() } else { [gray; 3].into() }
    });
    let corner = |image: &RgbImage| -> Result<[u8; 3], ImageError> {
        let padded = ReferenceImage::Opaque(image.clone()).recenter(DEFAULT_BORDER_RATIO)?;
        Ok(padded.on_white().get_pixel(0, 0).0)
    };
    let [r, g, b] = corner(&image)?;
    assert!((102..=106).contains(&r) && r == g && r == b, "{r} {g} {b}");
    assert_eq!(corner(&imageops::rotate90(&image))?, [r, g, b]);

    // Two colors that are both frequent, and a gradient from top to bottom.
    let halves = RgbImage::from_fn(40, 20, |x, _| [if x < 30 { 0 } else { 200 }; 3].into());
    assert_eq!(corner(&halves)?, [255; 3]);
    let gradient = RgbImage::from_fn(40, 20, |_, y| [10 * y as u8; 3].into());
    assert_eq!(corner(&gradient)?, [255; 3]);
    Ok(())
}

#[test]
fn a_wide_photo_is_not_squashed() -> Result<(), ImageError> {
    let photo = read_image(field("wide.jpg"))?;
    assert_eq!(photo.dimensions(), (768, 384));
    let warnings = [ImageWarning::NoTransparency, ImageWarning::Padded { width: 768, height: 384 }];
    assert_eq!(photo.warnings(), warnings);
    let padded = photo.clone().recenter(DEFAULT_BORDER_RATIO)?.on_white();
    assert_eq!(padded.dimensions(), (768, 768));
    assert_eq!(padded.get_pixel(0, 0).0, [255; 3]);
    assert_eq!(imageops::crop_imm(&padded, 0, 192, 768, 384).to_image(), photo.on_white());
    Ok(())
}

#[test]
fn a_cutout_that_is_not_square_is_padded_with_transparency() -> Result<(), ImageError> {
    let input =
        DelightInput::new(&ReferenceImage::Cutout(RgbaImage::from_pixel(8, 4, [9, 9, 9, 255].into())), 8)?;
    let expected = GrayImage::from_fn(8, 8, |_, y| [if (3..5).contains(&y) { 255 } else { 0 }].into());
    assert_eq!(input.alpha, expected);
    Ok(())
}

#[test]
fn empty_images_are_rejected_by_the_delight_input() -> Result<(), ImageError> {
    for (width, height) in [(0, 0), (0, 5), (5, 0)] {
        let image = ReferenceImage::Opaque(RgbImage::new(width, height)).recenter(DEFAULT_BORDER_RATIO)?;
        assert!(matches!(DelightInput::new(&image, 8), Err(ImageError::Size { .. })));
        assert_eq!(image.warnings(), []);
        let image = ReferenceImage::Cutout(RgbaImage::new(width, height));
        assert!(matches!(DelightInput::new(&image, 8), Err(ImageError::Size { .. })));
        assert_eq!(image.warnings(), []);
    }
    let long = ReferenceImage::Opaque(RgbImage::new(MAX_SIDE + 1, 1));
    assert!(matches!(DelightInput::new(&long, 8), Err(ImageError::Size { .. })));
    assert!(matches!(long.recenter(DEFAULT_BORDER_RATIO), Err(ImageError::Size { .. })));
    Ok(())
}

/// Returns a disk of radius 30 around (100, 100) on 200 x 200 transparent pixels.
fn disk() -> RgbaImage {
    let values = noise(7, 200 * 200);
    RgbaImage::from_fn(200, 200, |x, y| {
        let inside = x.abs_diff(100).pow(2) + y.abs_diff(100).pow(2) <= 900;
        [values[(y * 200 + x) as usize], 20, 30, if inside { 255 } else { 0 }].into()
    })
}

/// Returns a disk with a rectangle of `alpha` from `corner`, `size` pixels wide and high.
fn disk_and(alpha: u8, corner: (u32, u32), size: (u32, u32)) -> RgbaImage {
    let mut image = disk();
    for y in corner.1..corner.1 + size.1 {
        for x in corner.0..corner.0 + size.0 {
            image.put_pixel(x, y, [1, 2, 3, alpha].into());
        }
    }
    image
}

/// Asserts that an image is cropped as the original pipeline crops it, without a warning.
fn assert_as_the_original(image: &RgbaImage, what: &str) -> Result<(), ImageError> {
    let original = recenter_with(image, DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)?;
    assert_eq!(recenter(image, DEFAULT_BORDER_RATIO)?, original, "{what}");
    assert_eq!(ReferenceImage::Cutout(image.clone()).warnings(), [], "{what}");
    Ok(())
}

#[test]
fn specks_away_from_the_object_are_ignored() -> Result<(), ImageError> {
    let clean = recenter_with(&disk(), DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)?;
    let specks = [
        ("a faint pixel", disk_and(1, (0, 0), (1, 1))),
        ("a faint pixel in the last corner", disk_and(127, (199, 199), (1, 1))),
        ("an opaque pixel", disk_and(255, (3, 90), (1, 1))),
        ("an opaque speck", disk_and(255, (190, 3), (1, 2))),
        ("a faint patch", disk_and(20, (0, 150), (200, 50))),
        ("a faint frame beside the object", disk_and(5, (100, 0), (5, 68))),
    ];
    for (what, image) in specks {
        assert_eq!(recenter(&image, DEFAULT_BORDER_RATIO)?, clean, "{what}");
        let image = ReferenceImage::Cutout(image);
        assert_eq!(image.warnings(), [ImageWarning::SpecksIgnored { count: 1 }], "{what}");
        let original = image.recenter_with(DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)?;
        assert!(original.dimensions() > (clean.width(), 0), "{what}");
    }
    Ok(())
}

#[test]
fn the_specks_of_a_matte_are_ignored() -> Result<(), Box<dyn std::error::Error>> {
    let image = read_image(field("specks.png"))?;
    assert_eq!(image.warnings(), [ImageWarning::SpecksIgnored { count: 2 }]);
    let ReferenceImage::Cutout(mut clean) = image.clone() else {
        return Err("the alpha is lost".into());
    };
    for corner in [1, 1022] {
        clean.put_pixel(corner, corner, [0; 4].into());
    }
    assert_as_the_original(&clean, "without the specks")?;
    let expected = recenter(&clean, DEFAULT_BORDER_RATIO)?;
    assert_eq!(image.recenter(DEFAULT_BORDER_RATIO)?, ReferenceImage::Cutout(expected));
    Ok(())
}

#[test]
fn cutouts_without_specks_are_cropped_as_by_the_original() -> Result<(), ImageError> {
    assert_as_the_original(&disk(), "a disk")?;
    assert_as_the_original(&disk_and(255, (5, 5), (2, 2)), "a small separate part")?;
    assert_as_the_original(&disk_and(200, (160, 70), (30, 60)), "two parts")?;
    assert_as_the_original(&disk_and(3, (0, 100), (80, 1)), "a faint part that touches the object")?;
    assert_as_the_original(&disk_and(9, (132, 100), (1, 1)), "a faint pixel beside the object")?;
    assert_as_the_original(&disk_and(1, (130, 101), (1, 1)), "a faint diagonal neighbor")?;
    assert_as_the_original(&cutout(), "noise")?;

    let soft = RgbaImage::from_fn(120, 100, |x, y| {
        let distance = (x.abs_diff(60).pow(2) + y.abs_diff(50).pow(2)).isqrt() as u8;
        [9, 9, 9, 255_u8.saturating_sub(distance.saturating_mul(6))].into()
    });
    assert_as_the_original(&soft, "a soft edge")?;
    let faint = RgbaImage::from_fn(40, 40, |x, y| [9, 9, 9, if (x * y) % 50 == 49 { 127 } else { 0 }].into());
    assert_as_the_original(&faint, "no clearly opaque pixel")?;
    let scattered =
        RgbaImage::from_fn(90, 90, |x, y| [9, 9, 9, if (x * y) % 7 == 6 { 255 } else { 0 }].into());
    assert_as_the_original(&scattered, "many equal parts")?;
    Ok(())
}

#[test]
fn parts_that_join_in_later_rows_are_one() -> Result<(), ImageError> {
    // A comb of faint teeth on an opaque bar, and a spiral of faint pixels around an opaque one.
    let comb = RgbaImage::from_fn(101, 60, |x, y| {
        [
            9,
            9,
            9,
            if y == 59 {
                255
            } else if x % 4 == 0 {
                2
            } else {
                0
            },
        ]
        .into()
    });
    assert_as_the_original(&comb, "a comb")?;
    assert_as_the_original(&imageops::rotate90(&comb), "a comb on its side")?;
    assert_as_the_original(&imageops::rotate180(&comb), "a comb upside down")?;
    let zigzag = RgbaImage::from_fn(64, 64, |x, y| {
        let on_line = (x + y) % 16 == 0 || x.abs_diff(y) % 16 == 0;
        [
            9,
            9,
            9,
            if (x, y) == (32, 32) {
                255
            } else if on_line {
                1
            } else {
                0
            },
        ]
        .into()
    });
    assert_as_the_original(&zigzag, "a net of diagonals")?;
    Ok(())
}

#[test]
fn an_alpha_of_255_everywhere_is_a_warning_only() -> Result<(), ImageError> {
    let image = RgbaImage::from_pixel(40, 20, [7, 8, 9, 255].into());
    let cutout = ReferenceImage::Cutout(image.clone());
    assert_eq!(cutout.warnings(), [ImageWarning::NoTransparency]);
    let expected = recenter_with(&image, DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)?;
    assert_eq!(cutout.recenter(DEFAULT_BORDER_RATIO)?, ReferenceImage::Cutout(expected));
    assert_eq!(ReferenceImage::Opaque(opaque(5, 5)).warnings(), [ImageWarning::NoTransparency]);
    Ok(())
}

#[test]
fn warnings_are_sentences_without_a_full_stop() {
    let warnings = [
        ImageWarning::Padded { width: 3, height: 2 },
        ImageWarning::NoTransparency,
        ImageWarning::SpecksIgnored { count: 1 },
        ImageWarning::SpecksIgnored { count: 2 },
    ];
    for warning in warnings {
        let text = warning.to_string();
        assert!(text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
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
