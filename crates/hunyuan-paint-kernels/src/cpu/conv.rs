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
    /// The rows of padding above the map, and columns to its left.
    pub(crate) leading: usize,
    /// Repeats every pixel of the map to 2×2.
    pub(crate) upsample2x: bool,
    /// The height and width of the result.
    pub(crate) out: [usize; 2],
}

/// The elements of the sums of a band of rows, few enough for a core's cache.
const BAND: usize = 1 << 18;

/// Below this number of pixels, work is divided within products instead of among bands.
const SMALL: usize = 2048;

/// Computes a 3×3 convolution with `weight [3, 3, C, C']`. `bias` is `[C']` or `[B, C']`.
///
/// Padded rows of the map are multiplied by the weight of each of the nine taps, with an offset for
/// each tap. So the unfolded map is never stored.
pub(crate) fn conv3x3(
    map: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    residual: Option<&[f32]>,
    shape: &ConvShape,
) -> Vec<f32> {
    let ConvShape { batch, height, width, channels, out_channels, out: [out_height, out_width], .. } = *shape;
    let row_length = out_width * out_channels;
    let is_small = out_height * out_width < SMALL;
    let rows = if is_small { out_height } else { (BAND / row_length).clamp(1, out_height) };
    let parallelism = if is_small { Parallelism::Rayon(0) } else { Parallelism::None };

    let mut out = vec![0.0; batch * out_height * row_length];
    let images = out.par_chunks_mut(out_height * row_length).enumerate();
    let bands = images.flat_map(|(image, out)| {
        let bands = out.par_chunks_mut(rows * row_length).enumerate();
        bands.map(move |(band, out)| (image, band * rows, out))
    });
    bands.for_each_init(Scratch::default, |scratch, (image, first, out)| {
        let map = &map[image * height * width * channels..][..height * width * channels];
        scratch.convolve(map, weight, first, out.len() / row_length, shape, parallelism);
        let bias = bias.map(|bias| {
            let first = if bias.len() > out_channels { image * out_channels } else { 0 };
            &bias[first..first + out_channels]
        });
        let residual = residual.map(|residual| &residual[(image * out_height + first) * row_length..]);
        scratch.write(bias, residual, out, shape);
    });
    out
}

/// The buffers for one band of rows.
#[derive(Default)]
struct Scratch {
    padded: Vec<f32>,
    sums: Vec<f32>,
}

impl Scratch {
    /// Computes `rows` rows of the result from `first` on, with a pitch of
    /// [`ConvShape::sums_pitch`] pixels.
    fn convolve(
        &mut self,
        map: &[f32],
        weight: &[f32],
        first: usize,
        rows: usize,
        shape: &ConvShape,
        parallelism: Parallelism,
    ) {
        let ConvShape { channels, out_channels, stride, out: [_, out_width], .. } = *shape;
        let pitch = shape.pitch();
        self.pad(map, first * stride, (rows - 1) * stride + 3, shape);
        // With stride 1, all rows of the result are one product, including the unused pixels
        // between rows. Otherwise each row is a product.
        let (products, pixels) =
            if stride == 1 { (1, (rows - 1) * pitch + out_width) } else { (rows, out_width) };
        self.sums.resize(rows * shape.sums_pitch() * out_channels, 0.0);
        for product in 0..products {
            let sums = &mut self.sums[product * pixels * out_channels..];
            for tap in 0..9 {
                let start = ((product * stride + tap / 3) * pitch + tap % 3) * channels;
                multiply(
                    (&self.padded[start..], Layout::of_rows(pixels, channels, stride * channels)),
                    (
                        &weight[tap * channels * out_channels..],
                        Layout::of_rows(channels, out_channels, out_channels),
                    ),
                    (sums, Layout::of_rows(pixels, out_channels, out_channels)),
                    tap > 0,
                    parallelism,
                );
            }
        }
    }

    /// Copies `rows` rows of the padded map, from row `first` on.
    fn pad(&mut self, map: &[f32], first: usize, rows: usize, shape: &ConvShape) {
        let ConvShape { height, width, channels, leading, upsample2x, .. } = *shape;
        let pitch = shape.pitch();
        let repeat = if upsample2x { 2 } else { 1 };
        self.padded.clear();
        // The taps of the last row read beyond its end. Their results are not used.
        self.padded.resize((rows * pitch + 2) * channels, 0.0);
        for (row, padded) in self.padded.chunks_exact_mut(pitch * channels).enumerate() {
            let Some(y) = (first + row).checked_sub(leading).filter(|&y| y < repeat * height) else {
                continue;
            };
            let from = &map[y / repeat * width * channels..][..width * channels];
            let to = &mut padded[leading * channels..];
            if upsample2x {
                for (x, to) in to.chunks_exact_mut(channels).take(2 * width).enumerate() {
                    to.copy_from_slice(&from[x / 2 * channels..][..channels]);
                }
            } else {
                let length = from.len().min(to.len());
                to[..length].copy_from_slice(&from[..length]);
            }
        }
    }

    fn write(&self, bias: Option<&[f32]>, residual: Option<&[f32]>, out: &mut [f32], shape: &ConvShape) {
        let ConvShape { out_channels, out: [_, out_width], .. } = *shape;
        let row_length = out_width * out_channels;
        let sums = self.sums.chunks(shape.sums_pitch() * out_channels);
        for (row, (out, sums)) in out.chunks_mut(row_length).zip(sums).enumerate() {
            out.copy_from_slice(&sums[..row_length]);
            if let Some(bias) = bias {
                for pixel in out.chunks_mut(out_channels) {
                    pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
                }
            }
            if let Some(residual) = residual {
                let residual = &residual[row * row_length..];
                out.iter_mut().zip(residual).for_each(|(value, residual)| *value += residual);
            }
        }
    }
}

impl ConvShape {
    /// Returns the pixels from one row of the padded map to the next.
    fn pitch(&self) -> usize {
        (self.out[1] - 1) * self.stride + 3
    }

    /// Returns the pixels from one row of the sums to the next.
    fn sums_pitch(&self) -> usize {
        if self.stride == 1 { self.pitch() } else { self.out[1] }
    }
}
