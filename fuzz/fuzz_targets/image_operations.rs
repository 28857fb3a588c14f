//! Image operations: resizing, edges, inpainting, and the processing of the reference before and
//! after the delight model.
#![no_main]

use hunyuan_paint_fuzz::{choice, image, number};
use hunyuan_paint_image::{
    DelightInput, ReferenceImage, canny, erode_3x3, inpaint_navier_stokes, recenter, resize_bicubic_gray,
    resize_bicubic_rgb,
};
use image::{GrayImage, RgbImage, RgbaImage};
use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};

fuzz_target!(|bytes: &[u8]| {
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let (width, height) = (side(u)?, side(u)?);
    match u.int_in_range(0..=5)? {
        0 => {
            let (new_width, new_height) = (side(u)?, side(u)?);
            let result = resize_bicubic_rgb(&image(u, width, height)?, new_width, new_height);
            assert_eq!(result.is_err(), [width, height, new_width, new_height].contains(&0));
        }
        1 => {
            let _ = resize_bicubic_gray(&image(u, width, height)?, choice(u, &[0, 1, 40, 16_385])?, side(u)?);
        }
        2 => {
            let gray: GrayImage = image(u, width, height)?;
            assert_eq!(canny(&gray, u.arbitrary()?, u.arbitrary()?).dimensions(), (width, height));
            assert_eq!(erode_3x3(&gray).dimensions(), (width, height));
        }
        3 => {
            let (rgb, mask): (RgbImage, GrayImage) = (image(u, width, height)?, image(u, width, height)?);
            let _ = inpaint_navier_stokes(&rgb, &mask, u.int_in_range(0..=12)?);
        }
        4 => {
            let rgba: RgbaImage = image(u, width, height)?;
            let ratio = number(u)?;
            // Larger borders are valid, but the image becomes too large to be fast.
            if !(8.0..f32::INFINITY).contains(&ratio) {
                let _ = recenter(&rgba, f64::from(ratio));
            }
        }
        _ => {
            let reference = match u.arbitrary()? {
                true => ReferenceImage::from(image::DynamicImage::from(image::<image::Rgba<u8>>(
                    u, width, height,
                )?)),
                false => ReferenceImage::from(image::DynamicImage::from(image::<image::Rgb<u8>>(
                    u, width, height,
                )?)),
            };
            let size = side(u)?;
            let Ok(input) = DelightInput::new(&reference, size) else { return Ok(()) };
            let output: RgbImage = image(u, size, size)?;
            input.finish(&output).expect("the output has the input's size");
            input.finish_uncorrected(&output).expect("the output has the input's size");
        }
    }
    Ok(())
}

fn side(u: &mut Unstructured<'_>) -> Result<u32> {
    u.int_in_range(0..=48)
}
