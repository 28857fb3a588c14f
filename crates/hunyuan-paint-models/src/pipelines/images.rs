//! Conversion between images of bytes and tensors of −1…1.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;

use crate::ModelError;

/// Converts images of one size, whose sides are multiples of `factor`, to a tensor `[N, 3, H, W]`.
/// Byte 0 becomes −1, byte 255 becomes 1.
pub(super) fn to_tensor(
    input: &'static str,
    images: &[RgbImage],
    factor: usize,
    device: &Device,
) -> Result<Tensor<4>, ModelError> {
    let Some(first) = images.first() else {
        return Err(ModelError::input(input, "at least one image", "none"));
    };
    let (width, height) = first.dimensions();
    if let Some(other) = images.iter().find(|image| image.dimensions() != (width, height)) {
        let (w, h) = other.dimensions();
        return Err(ModelError::input(
            input,
            format!("{width} x {height}, as the first"),
            format!("{w} x {h}"),
        ));
    }
    let fits = |side: u32| side > 0 && (side as usize).is_multiple_of(factor);
    if !fits(width) || !fits(height) {
        let expected = format!("sides that are multiples of {factor}");
        return Err(ModelError::input(input, expected, format!("{width} x {height}")));
    }
    let mut values = Vec::with_capacity(images.len() * 3 * (width * height) as usize);
    for image in images {
        for channel in 0..3 {
            values.extend(image.pixels().map(|pixel| 2.0 * (f32::from(pixel[channel]) / 255.0) - 1.0));
        }
    }
    let shape = [images.len(), 3, height as usize, width as usize];
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Converts a tensor `[N, 3, H, W]` to images. −1 becomes byte 0, 1 becomes byte 255, values
/// outside are clamped, and halves are rounded to the even byte. Returns `None` if a number is not
/// finite.
pub(super) fn from_tensor(images: Tensor<4>) -> Result<Option<Vec<RgbImage>>, ModelError> {
    let dims = images.dims();
    let [_, channels, height, width] = dims;
    let wrong = || ModelError::input("decoded images", "three channels of numbers", format!("{dims:?}"));
    if channels != 3 {
        return Err(wrong());
    }
    let data = images.try_into_data().map_err(ModelError::device)?;
    let values: Vec<f32> = data.convert::<f32>().try_into_vec().map_err(ModelError::device)?;
    // A lost device may return no data and report success.
    if values.len() != dims.iter().product::<usize>() {
        return Err(ModelError::device(format!("{} numbers instead of {dims:?}", values.len())));
    }
    if !values.iter().all(|value| value.is_finite()) {
        return Ok(None);
    }
    let plane = height * width;
    let byte = |x: f32| ((x / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    values
        .chunks_exact(3 * plane)
        .map(|image| {
            let bytes = (0..plane).flat_map(|i| (0..3).map(move |c| byte(image[c * plane + i]))).collect();
            RgbImage::from_raw(width as u32, height as u32, bytes).ok_or_else(wrong)
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_a_round_trip() -> Result<(), ModelError> {
        let image = RgbImage::from_fn(16, 16, |x, y| image::Rgb([(16 * y + x) as u8, x as u8, y as u8]));
        let tensor = to_tensor("images", &[image.clone(), image.clone()], 8, &Device::flex())?;
        assert_eq!(tensor.dims(), [2, 3, 16, 16]);
        assert_eq!(from_tensor(tensor)?, Some(vec![image.clone(), image]));
        Ok(())
    }

    #[test]
    fn non_finite_values_are_rejected() -> Result<(), ModelError> {
        let tensor =
            Tensor::from_data(TensorData::new(vec![f32::INFINITY; 3], [1, 3, 1, 1]), &Device::flex());
        assert_eq!(from_tensor(tensor)?, None);
        Ok(())
    }

    #[test]
    fn images_of_two_sizes_are_refused() {
        let images = [RgbImage::new(4, 4), RgbImage::new(4, 5)];
        assert!(matches!(to_tensor("images", &images, 1, &Device::flex()), Err(ModelError::Input { .. })));
    }
}
