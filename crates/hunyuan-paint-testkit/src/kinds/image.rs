//! `resize`, `canny_erode`, `inpaint_ns` and `reference_image_prep`: the image operations.

use hunyuan_paint_image::{
    CropRule, DEFAULT_BORDER_RATIO, DelightInput, ReferenceImage, canny, erode_3x3, inpaint_navier_stokes,
    inpaint_navier_stokes_gray, resize_bicubic_gray, resize_bicubic_rgb, resize_bicubic_rgba,
};
use image::{GrayImage, ImageBuffer, Pixel, RgbImage, RgbaImage};
use serde::Deserialize;

use crate::{
    case::{Array, Case, CaseError},
    report::Report,
};

/// Checks that `out.<mode>_<i>` is `in.<mode>_<i>` resized.
///
/// # Errors
/// If an input is missing or malformed, or the resize fails.
pub fn check_resize(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    for output in case.names("out.") {
        let input = output.replacen("out.", "in.", 1);
        let (width, height) = target_size(case, &output)?;
        let (_, channels) = size_and_channels(case, &input)?;
        let resized = match channels {
            1 => resize_bicubic_gray(&read(case, &input)?, width, height).map(GrayImage::into_raw),
            3 => resize_bicubic_rgb(&read(case, &input)?, width, height).map(RgbImage::into_raw),
            _ => resize_bicubic_rgba(&read(case, &input)?, width, height).map(RgbaImage::into_raw),
        };
        let bytes = resized.map_err(CaseError::under_test)?;
        report.compare(case, &output, &like(case, &output, channels, (width, height), bytes)?)?;
    }
    Ok(())
}

/// Checks that `out.canny_<low>_<high>_<i>` are the edges of `in.canny_<i>`, and
/// `out.erode_3x3_<i>` is `in.erode_<i>` eroded.
///
/// # Errors
/// If an input is missing or malformed.
pub fn check_canny_erode(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    for output in case.names("out.") {
        let parts: Vec<&str> = output.split('_').collect();
        let image = match parts[..] {
            ["out.canny", low, high, i] => {
                let (Ok(low), Ok(high)) = (low.parse(), high.parse()) else {
                    report.push_error(&output, "thresholds that are no integers");
                    continue;
                };
                canny(&read(case, &format!("in.canny_{i}"))?, low, high)
            }
            ["out.erode", "3x3", i] => erode_3x3(&read(case, &format!("in.erode_{i}"))?),
            _ => {
                report.push_error(&output, "unknown output");
                continue;
            }
        };
        let size = image.dimensions();
        report.compare(case, &output, &like(case, &output, 1, size, image.into_raw())?)?;
    }
    Ok(())
}

/// Checks that `out.ns_r<radius>_<i>` is `in.image_<i>` inpainted where `in.mask_<i>` is not 0.
///
/// # Errors
/// If an input is missing or malformed, or the inpainting fails.
pub fn check_inpaint_ns(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    for output in case.names("out.") {
        let name = output.strip_prefix("out.ns_r").and_then(|rest| rest.split_once('_'));
        let Some((Ok(radius), i)) = name.map(|(radius, i)| (radius.parse(), i)) else {
            report.push_error(&output, "unknown output");
            continue;
        };
        let input = format!("in.image_{i}");
        let mask = read(case, &format!("in.mask_{i}"))?;
        let (size, channels) = size_and_channels(case, &input)?;
        let filled = match channels {
            1 => inpaint_navier_stokes_gray(&read(case, &input)?, &mask, radius).map(GrayImage::into_raw),
            _ => inpaint_navier_stokes(&read(case, &input)?, &mask, radius).map(RgbImage::into_raw),
        };
        let bytes = filled.map_err(CaseError::under_test)?;
        report.compare(case, &output, &like(case, &output, channels, size, bytes)?)?;
    }
    Ok(())
}

/// Checks the image of each step, from `in.rgba_<i>` and the recorded output of the model,
/// `in.delight_output_<i>`.
///
/// # Errors
/// If an input is missing or malformed, or a step fails.
pub fn check_reference_image_prep(case: &Case, report: &mut Report) -> Result<(), CaseError> {
    #[derive(Deserialize)]
    struct Parameters {
        size: u32,
    }
    let Parameters { size } = case.parameters()?;
    for output in case.names("out.") {
        let Some((step, i)) = output.trim_start_matches("out.").rsplit_once('_') else {
            report.push_error(&output, "unknown output");
            continue;
        };
        let recentered = ReferenceImage::Cutout(read(case, &format!("in.rgba_{i}"))?)
            .recenter_with(DEFAULT_BORDER_RATIO, CropRule::AnyAlpha)
            .map_err(CaseError::under_test)?;
        let delight_input = || DelightInput::new(&recentered, size).map_err(CaseError::under_test);
        let (channels, dimensions, bytes) = match step {
            "recentered" => match recentered {
                ReferenceImage::Cutout(image) => (4, image.dimensions(), image.into_raw()),
                _ => {
                    report.push_error(&output, "the alpha is lost");
                    continue;
                }
            },
            "delight_input" => (3, (size, size), delight_input()?.rgb.into_raw()),
            "delight_alpha" => (1, (size, size), delight_input()?.alpha.into_raw()),
            "delight_final" => {
                let model_output = read(case, &format!("in.delight_output_{i}"))?;
                let image = delight_input()?.finish(&model_output).map_err(CaseError::under_test)?;
                (3, image.dimensions(), image.into_raw())
            }
            _ => {
                report.push_error(&output, "unknown output");
                continue;
            }
        };
        report.compare(case, &output, &like(case, &output, channels, dimensions, bytes)?)?;
    }
    Ok(())
}

/// Converts an array `[H, W, C]`, or `[H, W]` for one channel, to an image of the caller's type.
fn read<P>(case: &Case, name: &str) -> Result<ImageBuffer<P, Vec<u8>>, CaseError>
where
    P: Pixel<Subpixel = u8>,
{
    let ((width, height), channels) = size_and_channels(case, name)?;
    let (_, bytes) = case.u8(name)?;
    let image = ImageBuffer::from_raw(width, height, bytes.to_vec());
    match image {
        Some(image) if channels == usize::from(P::CHANNEL_COUNT) => Ok(image),
        _ => Err(wrong_shape(case, name, &format!("an image of {} channels", P::CHANNEL_COUNT))),
    }
}

fn size_and_channels(case: &Case, name: &str) -> Result<((u32, u32), usize), CaseError> {
    let (shape, _) = case.u8(name)?;
    let (height, width, channels) = match *shape {
        [height, width] => (height, width, 1),
        [height, width, channels @ (1 | 3 | 4)] => (height, width, channels),
        _ => return Err(wrong_shape(case, name, "an image [H, W] or [H, W, C]")),
    };
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(width), Ok(height)) => Ok(((width, height), channels)),
        _ => Err(wrong_shape(case, name, "an image of a usual size")),
    }
}

fn target_size(case: &Case, output: &str) -> Result<(u32, u32), CaseError> {
    Ok(size_and_channels(case, output)?.0)
}

/// Returns the bytes of an image as an array. A gray image gets as many dimensions as the
/// recording.
fn like(
    case: &Case,
    output: &str,
    channels: usize,
    (width, height): (u32, u32),
    bytes: Vec<u8>,
) -> Result<Array, CaseError> {
    let mut shape = vec![height as usize, width as usize];
    if channels != 1 || case.array(output)?.shape.len() == 3 {
        shape.push(channels);
    }
    Ok(Array::u8(&shape, bytes))
}

fn wrong_shape(case: &Case, name: &str, expected: &str) -> CaseError {
    let found = case.get(name).map_or_else(|| "none".to_owned(), |array| format!("{:?}", array.shape));
    CaseError::Array { name: name.to_owned(), expected: expected.to_owned(), found }
}
