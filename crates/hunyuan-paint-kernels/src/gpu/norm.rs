//! Group norm (Wu and He 2018, arXiv 1803.08494) with SiLU, and layer norm (Ba et al. 2016, arXiv
//! 1607.06450). Sums are always in single precision, and their order depends on the shape alone.

use cubecl::prelude::*;

use super::Float4;

/// The units of a cube.
pub(super) const UNITS: usize = 256;

/// The sizes of a group norm.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct GroupNormShape {
    pixels: u32,
    channels: u32,
    groups: u32,
    /// The pixels of a cube.
    chunk: u32,
    /// The parts of an image, each of which has its own sums.
    parts: u32,
}

/// First pass: computes the mean and the sum of squared deviations of each channel of each part,
/// `[B, parts, C]` each.
///
/// A cube processes a chunk of the pixels of one image, as many at a time as it has units for.
/// Differences to the part's first pixel are summed, which keeps the sums small (Chan et al. 1983).
/// Cubes: chunk, image.
#[cube(launch_unchecked)]
pub(super) fn group_norm_parts<F: Float>(
    map: &[Vector<F, Const<4>>],
    means: &mut [Float4],
    deviations: &mut [Float4],
    shape: GroupNormShape,
) {
    let units = comptime!(UNITS as u32);
    let vec4s = shape.channels / 4;
    let at_once = max(units / vec4s, 1_u32);
    let start = CUBE_POS_X * shape.chunk;
    let end = min(start + shape.chunk, shape.pixels);
    let mut line = 0_u32.runtime();
    let mut vec4 = UNIT_POS;
    if vec4s <= units {
        line = UNIT_POS / vec4s;
        vec4 = UNIT_POS % vec4s;
    }
    if line < at_once {
        while vec4 < vec4s {
            let first = min(start + line, shape.pixels - 1);
            let image = CUBE_POS_Y * shape.pixels;
            let origin = Float4::cast_from(map[((image + first) * vec4s + vec4) as usize]);
            let mut sum = Float4::new(0.0_f32);
            let mut squares = Float4::new(0.0_f32);
            let mut count = 0.0_f32.runtime();
            let mut pixel = start + line;
            while pixel < end {
                let value = Float4::cast_from(map[((image + pixel) * vec4s + vec4) as usize]) - origin;
                sum += value;
                squares += value * value;
                count += 1.0_f32;
                pixel += at_once;
            }
            let inverse = Float4::new(1.0_f32 / max(count, 1.0_f32));
            let part = CUBE_POS_X * at_once + line;
            let to = ((CUBE_POS_Y * shape.parts + part) * vec4s + vec4) as usize;
            means[to] = origin + sum * inverse;
            deviations[to] = squares - sum * sum * inverse;
            vec4 += units;
        }
    }
}

/// Second pass: computes the factor and the offset of each channel of each image, `[B, C]` each.
/// Cubes: group, image.
#[cube(launch_unchecked)]
pub(super) fn group_norm_factors<F: Float>(
    means: &[f32],
    deviations: &[f32],
    gamma: &[F],
    beta: &[F],
    factors: &mut [f32],
    offsets: &mut [f32],
    shape: GroupNormShape,
    epsilon: f32,
) {
    let mut shared = Shared::<[f32]>::new_slice(UNITS);
    let units = comptime!(UNITS as u32);
    let width = shape.channels / shape.groups;
    let channel0 = CUBE_POS_X * width;
    let at_once = max(units / (shape.channels / 4), 1_u32);
    let values = shape.parts * width;
    let total = shape.pixels as f32 * width as f32;

    let mut sum = 0.0_f32.runtime();
    let mut index = UNIT_POS;
    while index < values {
        let part = index / width;
        let from = (CUBE_POS_Y * shape.parts + part) * shape.channels + channel0 + index % width;
        sum += means[from as usize] * count_of(part, at_once, &shape);
        index += units;
    }
    let mean = sum_over_cube(sum, &mut shared, UNITS) / total;

    let mut sum = 0.0_f32.runtime();
    let mut index = UNIT_POS;
    while index < values {
        let part = index / width;
        let from = (CUBE_POS_Y * shape.parts + part) * shape.channels + channel0 + index % width;
        let difference = means[from as usize] - mean;
        sum += deviations[from as usize] + difference * difference * count_of(part, at_once, &shape);
        index += units;
    }
    let variance = sum_over_cube(sum, &mut shared, UNITS) / total;
    let inverse = 1.0_f32 / (variance + epsilon).sqrt();

    let mut index = UNIT_POS;
    while index < width {
        let channel = channel0 + index;
        let factor = f32::cast_from(gamma[channel as usize]) * inverse;
        let to = (CUBE_POS_Y * shape.channels + channel) as usize;
        factors[to] = factor;
        offsets[to] = f32::cast_from(beta[channel as usize]) - mean * factor;
        index += units;
    }
}

/// Returns the number of pixels of a part.
#[cube]
fn count_of(part: u32, at_once: u32, shape: &GroupNormShape) -> f32 {
    let start = part / at_once * shape.chunk;
    let pixels = min(start + shape.chunk, shape.pixels) - start;
    ((pixels + at_once - 1 - part % at_once) / at_once) as f32
}

/// Returns the sum of the values of a cube's `units` to all of them. The order of additions is the
/// same on every device.
#[cube]
fn sum_over_cube(value: f32, shared: &mut Shared<[f32]>, #[comptime] units: usize) -> f32 {
    sync_cube();
    shared[UNIT_POS as usize] = value;
    let mut half = comptime!(units as u32 / 2).runtime();
    while half > 0 {
        sync_cube();
        if UNIT_POS < half {
            shared[UNIT_POS as usize] += shared[(UNIT_POS + half) as usize];
        }
        half /= 2;
    }
    sync_cube();
    shared[0]
}

/// Third pass: computes `map · factor + offset`, and optionally SiLU. Cubes: vectors of four
/// channels of one image, in two dimensions since devices limit each; image.
#[cube(launch_unchecked)]
pub(super) fn group_norm_apply<F: Float>(
    map: &[Vector<F, Const<4>>],
    factors: &[Float4],
    offsets: &[Float4],
    out: &mut [Vector<F, Const<4>>],
    shape: GroupNormShape,
    #[comptime] silu: bool,
) {
    let vec4s = shape.channels / 4;
    let vec4 = (CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X) * comptime!(UNITS as u32) + UNIT_POS;
    if vec4 < shape.pixels * vec4s {
        let index = (CUBE_POS_Z * shape.pixels * vec4s + vec4) as usize;
        let channel = (CUBE_POS_Z * vec4s + vec4 % vec4s) as usize;
        let mut value = Float4::cast_from(map[index]) * factors[channel] + offsets[channel];
        if comptime!(silu) {
            value = value / (Float4::new(1.0_f32) + (-value).exp());
        }
        out[index] = Vector::cast_from(value);
    }
}

/// Computes the layer norm of a row, `(x − mean) / √(variance + ε) · gamma + beta`. Cubes: rows, in
/// two dimensions.
#[cube(launch_unchecked)]
pub(super) fn layer_norm<F: Float>(
    tokens: &[Vector<F, Const<4>>],
    gamma: &[Vector<F, Const<4>>],
    beta: &[Vector<F, Const<4>>],
    out: &mut [Vector<F, Const<4>>],
    channels: u32,
    rows: u32,
    epsilon: f32,
) {
    let lanes = comptime!(LAYER_NORM_UNITS as u32);
    let vec4s = channels / 4;
    let row = CUBE_POS_Y * CUBE_COUNT_X + CUBE_POS_X;
    if row >= rows {
        terminate!();
    }
    let mut shared = Shared::<[f32]>::new_slice(LAYER_NORM_UNITS);
    let start = row * vec4s;

    let mut sum = Float4::new(0.0_f32);
    let mut vec4 = UNIT_POS;
    while vec4 < vec4s {
        sum += Float4::cast_from(tokens[(start + vec4) as usize]);
        vec4 += lanes;
    }
    let mean = sum_over_row(sum, &mut shared) / channels as f32;

    let mut sum = Float4::new(0.0_f32);
    let mut vec4 = UNIT_POS;
    while vec4 < vec4s {
        let difference = Float4::cast_from(tokens[(start + vec4) as usize]) - Float4::new(mean);
        sum += difference * difference;
        vec4 += lanes;
    }
    let variance = sum_over_row(sum, &mut shared) / channels as f32;
    let inverse = Float4::new(1.0_f32 / (variance + epsilon).sqrt());

    let mut vec4 = UNIT_POS;
    while vec4 < vec4s {
        let value = (Float4::cast_from(tokens[(start + vec4) as usize]) - Float4::new(mean)) * inverse;
        let scaled = value * Float4::cast_from(gamma[vec4 as usize]) + Float4::cast_from(beta[vec4 as usize]);
        out[(start + vec4) as usize] = Vector::cast_from(scaled);
        vec4 += lanes;
    }
}

/// The units of a cube of [`layer_norm`].
pub(super) const LAYER_NORM_UNITS: usize = 64;

/// Returns the sum of the vectors of a cube of [`layer_norm`] and of their elements.
#[cube]
fn sum_over_row(value: Float4, shared: &mut Shared<[f32]>) -> f32 {
    let sum =
        (value.extract(0_usize) + value.extract(1_usize)) + (value.extract(2_usize) + value.extract(3_usize));
    sum_over_cube(sum, shared, LAYER_NORM_UNITS)
}
