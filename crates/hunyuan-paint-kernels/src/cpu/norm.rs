use rayon::prelude::*;

use super::{math::silu, vectorized};

/// The pixels of one part, which has its own sums.
const CHUNK: usize = 64;

/// The number of pixels of a chunk, and the mean and the sum of squared deviations of each channel.
struct Part {
    count: f64,
    means: Vec<f32>,
    deviations: Vec<f32>,
}

/// Computes the group norm of a map `[batch, pixels, channels]`, optionally followed by SiLU.
pub(crate) fn group_norm(
    map: &[f32],
    [batch, pixels, channels]: [usize; 3],
    [gamma, beta]: [&[f32]; 2],
    groups: usize,
    epsilon: f64,
    with_silu: bool,
) -> Vec<f32> {
    let mut out = vec![0.0; batch * pixels * channels];
    let images = map.chunks(pixels * channels).zip(out.chunks_mut(pixels * channels));
    for (image, out) in images {
        let parts: Vec<Part> =
            image.par_chunks(CHUNK * channels).map(|chunk| vectorized(|| part(chunk, channels))).collect();
        let (factors, offsets) = factors(&parts, [gamma, beta], groups, epsilon);
        let chunks = image.par_chunks(CHUNK * channels).zip(out.par_chunks_mut(CHUNK * channels));
        chunks.for_each(|(chunk, out)| vectorized(|| apply(chunk, out, &factors, &offsets, with_silu)));
    }
    out
}

/// Summarizes a chunk. Differences to its first pixel are summed, which keeps the sums small (Chan
/// et al. 1983).
#[inline(always)]
fn part(chunk: &[f32], channels: usize) -> Part {
    let origin = &chunk[..channels];
    let (mut means, mut deviations) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
    for pixel in chunk.chunks_exact(channels) {
        for (((&value, &origin), sum), squares) in
            pixel.iter().zip(origin).zip(&mut means).zip(&mut deviations)
        {
            let difference = value - origin;
            *sum += difference;
            *squares += difference * difference;
        }
    }
    let count = (chunk.len() / channels) as f32;
    for ((sum, squares), &origin) in means.iter_mut().zip(&mut deviations).zip(origin) {
        *squares -= *sum * *sum / count;
        *sum = origin + *sum / count;
    }
    Part { count: f64::from(count), means, deviations }
}

/// Returns the factor and the offset of each channel.
fn factors(parts: &[Part], [gamma, beta]: [&[f32]; 2], groups: usize, epsilon: f64) -> (Vec<f32>, Vec<f32>) {
    let width = gamma.len() / groups;
    let (mut factors, mut offsets) = (Vec::new(), Vec::new());
    for group in 0..groups {
        let channels = group * width..(group + 1) * width;
        let (mut total, mut sum) = (0.0, 0.0);
        for part in parts {
            total += part.count * width as f64;
            sum += part.count * part.means[channels.clone()].iter().map(|&mean| f64::from(mean)).sum::<f64>();
        }
        let mean = sum / total;
        let mut squares = 0.0;
        for part in parts {
            for channel in channels.clone() {
                let difference = f64::from(part.means[channel]) - mean;
                squares += f64::from(part.deviations[channel]) + part.count * difference * difference;
            }
        }
        let inverse = 1.0 / (squares / total + epsilon).sqrt();
        for channel in channels {
            let factor = f64::from(gamma[channel]) * inverse;
            factors.push(factor as f32);
            offsets.push((f64::from(beta[channel]) - mean * factor) as f32);
        }
    }
    (factors, offsets)
}

#[inline(always)]
fn apply(chunk: &[f32], out: &mut [f32], factors: &[f32], offsets: &[f32], with_silu: bool) {
    let channels = factors.len();
    for (pixel, out) in chunk.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        for (((&value, out), &factor), &offset) in pixel.iter().zip(&mut *out).zip(factors).zip(offsets) {
            *out = value * factor + offset;
        }
        if with_silu {
            out.iter_mut().for_each(|value| *value = silu(*value));
        }
    }
}
