use rayon::prelude::*;

use super::gemm::{Layout, Parallelism, multiply};

/// The sizes of a convolution. Maps are `[B, H, W, C]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvShape {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) out_channels: usize,
    pub(crate) stride: usize,
    /// Zeros above and on the left.
    pub(crate) before: usize,
    /// Whether every pixel is repeated to 2×2 before.
    pub(crate) doubled: bool,
    /// Height and width of the result.
    pub(crate) out: [usize; 2],
}

/// A 3×3 convolution with `weight [3, 3, C, C']`: the map with zeros around it, multiplied by the weights of each of
/// the nine taps from another start, which unfolds nothing in memory. `bias` is `[C']` or `[B, C']`.
pub(crate) fn conv3x3(
    map: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    shape: &ConvShape,
) -> Vec<f32> {
    let ConvShape { batch, channels, out_channels, stride, out: [out_height, out_width], .. } = *shape;
    let pitch = (out_width - 1) * stride + 3;
    // The last row's taps reach beyond its end by the pitch that they do not use.
    let padded_rows = (out_height - 1) * stride + 3;
    let mut padded = vec![0.0; (padded_rows * pitch + 2) * channels];
    // With a stride, rows of the result are multiplied one by one; without one, all at once, and what stands between
    // them for nothing.
    let (products, rows) =
        if stride == 1 { (1, (out_height - 1) * pitch + out_width) } else { (out_height, out_width) };
    let mut sums = vec![0.0; products * rows * out_channels];
    let mut out = vec![0.0; batch * out_height * out_width * out_channels];
    for image in 0..batch {
        pad(map, &mut padded[..padded_rows * pitch * channels], pitch, image, shape);
        let multiply_taps = |product: usize, sums: &mut [f32], parallelism| {
            for tap in 0..9 {
                let start = ((product * stride + tap / 3) * pitch + tap % 3) * channels;
                multiply(
                    (&padded[start..], Layout::of_rows(rows, channels, stride * channels)),
                    (
                        &weight[tap * channels * out_channels..],
                        Layout::of_rows(channels, out_channels, out_channels),
                    ),
                    (sums, Layout::of_rows(rows, out_channels, out_channels)),
                    tap > 0,
                    parallelism,
                );
            }
        };
        if products == 1 {
            multiply_taps(0, &mut sums, Parallelism::Rayon(0));
        } else {
            let rows = sums.par_chunks_mut(rows * out_channels).enumerate();
            rows.for_each(|(product, sums)| multiply_taps(product, sums, Parallelism::None));
        }
        let bias = bias.map(|bias| {
            let first = if bias.len() > out_channels { image * out_channels } else { 0 };
            &bias[first..first + out_channels]
        });
        let sums_pitch = if stride == 1 { pitch } else { out_width } * out_channels;
        let row_length = out_width * out_channels;
        let first = image * out_height * row_length;
        let out = &mut out[first..first + out_height * row_length];
        out.par_chunks_mut(row_length).enumerate().for_each(|(y, out)| {
            out.copy_from_slice(&sums[y * sums_pitch..][..row_length]);
            if let Some(bias) = bias {
                for pixel in out.chunks_mut(out_channels) {
                    pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
                }
            }
            if let Some(residual) = residual {
                let residual = &residual[first + y * row_length..];
                out.iter_mut().zip(residual).for_each(|(value, residual)| *value += residual);
            }
        });
    }
    out
}

/// One image with zeros around it; those on the left, above and beyond stay from before.
fn pad(map: &[f32], padded: &mut [f32], pitch: usize, image: usize, shape: &ConvShape) {
    let ConvShape { height, width, channels, before, doubled, .. } = *shape;
    let map = &map[image * height * width * channels..][..height * width * channels];
    let repeat = if doubled { 2 } else { 1 };
    let rows = padded.par_chunks_mut(pitch * channels).skip(before);
    rows.take(repeat * height).enumerate().for_each(|(y, padded)| {
        let row = &map[y / repeat * width * channels..][..width * channels];
        let room = pitch - before;
        let to = &mut padded[before * channels..];
        if !doubled {
            let length = width.min(room) * channels;
            to[..length].copy_from_slice(&row[..length]);
            return;
        }
        for (x, to) in to.chunks_exact_mut(channels).take(2 * width).enumerate() {
            to.copy_from_slice(&row[x / 2 * channels..][..channels]);
        }
    });
}
