//! Resizing, compared with recorded hashes of the results of Pillow 13.0.0.

mod common;

use common::{hash, noise};
use hunyuan_paint_image::{
    ImageError, MAX_SIDE, resize_bicubic_gray, resize_bicubic_rgb, resize_bicubic_rgba,
};
use image::{GrayImage, ImageBuffer, Pixel, RgbaImage};

/// Width and height in pixels.
type Size = (u32, u32);

/// Size of the source, size of the target, and the hashes of gray, RGB and RGBA.
const RECORDED: [(Size, Size, [u64; 3]); 10] = [
    ((16, 16), (64, 64), [0xe8a8_ea8c_e9c4_0920, 0xe9db_325d_8577_afe3, 0xe62f_52de_d9ea_27c8]),
    ((64, 48), (20, 15), [0xd630_c4ec_391a_47d1, 0x1c76_902e_ff16_1b3a, 0xd385_d9b4_f633_e55e]),
    ((33, 7), (33, 21), [0x142d_83f5_ba7d_034c, 0xa068_393e_d282_6424, 0xd831_6a2b_da16_2ffc]),
    ((13, 40), (29, 40), [0xe361_8b80_0468_f9d4, 0x3a4a_ca05_42cf_f5c1, 0x6943_c078_4303_1ebd]),
    // Resampled along the columns first.
    ((9, 61), (30, 11), [0x53b0_05cd_18ca_0387, 0x47a7_e06e_f5d7_64a3, 0xc6dc_ba30_6264_aaf9]),
    ((40, 41), (37, 13), [0x6448_e50b_44f9_e3bd, 0x2758_2728_6adc_e273, 0x16ee_549f_5fb3_5894]),
    ((1, 1), (5, 3), [0x5709_395d_db8d_0bc8, 0x9eff_3095_6978_876c, 0x0952_9471_872f_199e]),
    ((5, 3), (1, 1), [0xaf64_4a4c_8602_a776, 0x07c4_5a19_172d_43ca, 0xca36_031a_df86_d191]),
    ((17, 1), (4, 9), [0x3e10_4623_b105_7258, 0xa4e1_c455_c9ec_3903, 0x5b12_a143_be59_dd6e]),
    ((2, 120), (3, 1), [0x9167_4d19_64dd_34db, 0x6ff8_977a_533d_b831, 0x58cf_c641_ee04_c825]),
];

fn noise_image<P: Pixel<Subpixel = u8>>((width, height): Size) -> ImageBuffer<P, Vec<u8>> {
    let mut image = ImageBuffer::new(width, height);
    let count = (width * height) as usize * usize::from(P::CHANNEL_COUNT);
    image.copy_from_slice(&noise(width * 1000 + height, count));
    image
}

#[test]
fn resizing_matches_pillow() -> Result<(), ImageError> {
    for (source, (width, height), expected) in RECORDED {
        let hashes = [
            hash(&resize_bicubic_gray(&noise_image(source), width, height)?),
            hash(&resize_bicubic_rgb(&noise_image(source), width, height)?),
            hash(&resize_bicubic_rgba(&noise_image(source), width, height)?),
        ];
        assert_eq!(hashes, expected, "{source:?} to {width} x {height}");
    }
    Ok(())
}

#[test]
fn overshoot_is_clamped() -> Result<(), ImageError> {
    let step = GrayImage::from_fn(2, 1, |x, _| [255 * x as u8].into());
    assert_eq!(resize_bicubic_gray(&step, 6, 1)?.into_raw(), [0, 0, 76, 179, 255, 255]);
    let bars = GrayImage::from_fn(8, 1, |x, _| [[0, 0, 0, 255, 255, 255, 0, 255][x as usize]].into());
    assert_eq!(resize_bicubic_gray(&bars, 3, 1)?.into_raw(), [4, 210, 159]);
    Ok(())
}

#[test]
fn transparent_colors_do_not_bleed() -> Result<(), ImageError> {
    let pixels = [[200, 100, 50, 255], [10, 20, 30, 0], [90, 80, 70, 3]];
    let image = RgbaImage::from_fn(3, 1, |x, _| pixels[x as usize].into());
    let resized = resize_bicubic_rgba(&image, 5, 1)?;
    let expected = [[215, 108, 54, 255], [200, 100, 49, 165], [0; 4], [0; 4], [85, 85, 85, 3]];
    assert_eq!(resized.into_raw(), expected.as_flattened());
    assert_eq!(resize_bicubic_rgba(&image, 3, 1)?, image, "the same size is a copy");
    Ok(())
}

#[test]
fn sizes_out_of_range_are_rejected() {
    let image = GrayImage::new(4, 4);
    for (width, height) in [(0, 4), (4, 0), (MAX_SIDE + 1, 4), (4, u32::MAX)] {
        let error = resize_bicubic_gray(&image, width, height);
        assert!(matches!(error, Err(ImageError::Size { .. })), "{width} x {height}");
    }
    assert!(resize_bicubic_gray(&GrayImage::new(0, 0), 4, 4).is_err());
}
