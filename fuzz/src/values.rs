//! Numbers, images and cameras.

use hunyuan_paint_mesh::{Camera, Projection};
use image::{ImageBuffer, Pixel};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Floats that provoke errors in arithmetic.
const EXTREMES: [f32; 24] = [
    0.0,
    -0.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    -f32::MIN_POSITIVE,
    1e-45,
    1e-38,
    1e-30,
    1e-15,
    1e-7,
    f32::EPSILON,
    0.999_999_94,
    1.000_000_1,
    32.0,
    -32.0,
    32_767.0,
    16_777_216.0,
    2_147_483_600.0,
    1e15,
    1e30,
];

/// Returns one of the values.
pub fn choice<T: Copy>(u: &mut Unstructured<'_>, values: &[T]) -> Result<T> {
    u.choose(values).copied()
}

/// Returns a number near 0, in sixteenths, so that coordinates often coincide.
pub fn ordinary(u: &mut Unstructured<'_>) -> Result<f32> {
    Ok(f32::from(u.arbitrary::<i8>()?) / 16.0)
}

/// Returns any float, NaN and infinities included.
pub fn number(u: &mut Unstructured<'_>) -> Result<f32> {
    match u.int_in_range(0..=7)? {
        0 => choice(u, &EXTREMES),
        1 => Ok(f32::from_bits(u.arbitrary()?)),
        2 => Ok(f32::from(u.arbitrary::<i16>()?) / 256.0),
        _ => ordinary(u),
    }
}

/// Returns 1 to 64 texels, or an invalid size.
pub fn texture_size(u: &mut Unstructured<'_>) -> Result<u32> {
    match u.arbitrary::<u8>()? {
        0 => choice(u, &[0, 16_385, u32::MAX]),
        byte => Ok(u32::from(byte) % 64 + 1),
    }
}

/// Returns a plausible camera, or one with invalid numbers.
pub fn camera(u: &mut Unstructured<'_>) -> Result<Camera> {
    if u.arbitrary()? {
        return Ok(Camera::orthographic(ordinary(u)? * 45.0, (ordinary(u)? * 15.0).clamp(-90.0, 90.0)));
    }
    let projection = match u.int_in_range(0..=3)? {
        0 => Projection::ORTHOGRAPHIC,
        1 => Projection::PERSPECTIVE,
        2 => Projection::Orthographic { half_extent: number(u)?, near: number(u)?, far: number(u)? },
        _ => Projection::Perspective { vertical_fov: number(u)?, near: number(u)?, far: number(u)? },
    };
    let mut camera = Camera::orthographic(number(u)?, number(u)?);
    camera.distance = number(u)?;
    camera.projection = projection;
    Ok(camera)
}

/// Returns an image of this size that repeats a few bytes.
pub fn image<P: Pixel<Subpixel = u8>>(
    u: &mut Unstructured<'_>,
    width: u32,
    height: u32,
) -> Result<ImageBuffer<P, Vec<u8>>> {
    let count = usize::from(u.arbitrary::<u8>()?);
    let pattern = u.bytes(count.min(u.len()))?;
    let pattern = if pattern.is_empty() { &[0] } else { pattern };
    let length = width as usize * height as usize * usize::from(P::CHANNEL_COUNT);
    let bytes = pattern.iter().copied().cycle().take(length).collect();
    Ok(ImageBuffer::from_raw(width, height, bytes).expect("as many bytes as the size asks for"))
}
