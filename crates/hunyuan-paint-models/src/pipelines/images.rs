//! Between images of bytes and tensors of −1…1.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;

use crate::ModelError;

/// Images of one size, whose sides are multiples of `factor`, to `[N, 3, H, W]`: byte 0 to −1 and byte 255 to 1.
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

/// `[N, 3, H, W]` to images: −1 to byte 0 and 1 to byte 255, clamped, halves to the even byte.
pub(super) fn from_tensor(images: Tensor<4>) -> Result<Vec<RgbImage>, ModelError> {
    let dims = images.dims();
    let [_, channels, height, width] = dims;
    let wrong = || ModelError::input("decoded images", "three channels of numbers", format!("{dims:?}"));
    if channels != 3 {
        return Err(wrong());
    }
    let values: Vec<f32> = images.into_data().convert::<f32>().try_into_vec().map_err(|_| wrong())?;
    let plane = height * width;
    let byte = |x: f32| ((x / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    values
        .chunks_exact(3 * plane)
        .map(|image| {
            let bytes = (0..plane).flat_map(|i| (0..3).map(move |c| byte(image[c * plane + i]))).collect();
            RgbImage::from_raw(width as u32, height as u32, bytes).ok_or_else(wrong)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_the_way_there_and_back() -> Result<(), ModelError> {
        let image = RgbImage::from_fn(16, 16, |x, y| image::Rgb([(16 * y + x) as u8, x as u8, y as u8]));
        let tensor = to_tensor("images", &[image.clone(), image.clone()], 8, &Device::flex())?;
        assert_eq!(tensor.dims(), [2, 3, 16, 16]);
        assert_eq!(from_tensor(tensor)?, [image.clone(), image]);
        Ok(())
    }

    #[test]
    fn images_of_two_sizes_are_refused() {
        let images = [RgbImage::new(4, 4), RgbImage::new(4, 5)];
        assert!(matches!(to_tensor("images", &images, 1, &Device::flex()), Err(ModelError::Input { .. })));
    }
}
