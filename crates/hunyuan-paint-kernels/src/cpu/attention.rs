use rayon::prelude::*;

use super::{
    gemm::{Layout, Parallelism, multiply},
    math::exp,
    vectorized,
};

/// The queries of one task.
const QUERIES: usize = 64;

/// The keys of one tile.
const KEYS: usize = 256;

/// Computes attention with an online softmax, as on a GPU: `query [batch, queries, channels]`,
/// `key` and `value [batch or 1, keys, channels]`.
pub(crate) fn attention(
    [query, key, value]: [&[f32]; 3],
    [batch, queries, channels]: [usize; 3],
    [key_batch, keys]: [usize; 2],
    heads: usize,
) -> Vec<f32> {
    let mut out = vec![0.0; batch * queries * channels];
    let blocks: Vec<(usize, usize, &mut [f32])> = out
        .chunks_mut(queries * channels)
        .enumerate()
        .flat_map(|(image, out)| {
            let blocks = out.chunks_mut(QUERIES * channels).enumerate();
            blocks.map(move |(block, out)| (image, block * QUERIES, out))
        })
        .collect();
    blocks.into_par_iter().for_each_init(Scratch::default, |scratch, (image, first, out)| {
        let from = (image * queries + first) * channels;
        let query = &query[from..from + out.len()];
        let from = if key_batch == 1 { 0 } else { image * keys * channels };
        let (key, value) = (&key[from..][..keys * channels], &value[from..][..keys * channels]);
        for head in 0..heads {
            scratch.attend([query, key, value], [channels, keys, channels / heads, head], out);
        }
    });
    out
}

/// The buffers for one block of queries and one head.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    sums: Vec<f32>,
    maxima: Vec<f32>,
    totals: Vec<f32>,
}

impl Scratch {
    fn attend(
        &mut self,
        [query, key, value]: [&[f32]; 3],
        [channels, keys, width, head]: [usize; 4],
        out: &mut [f32],
    ) {
        let rows = out.len() / channels;
        let scale = 1.0 / (width as f32).sqrt();
        let column = head * width;
        self.maxima.clear();
        self.maxima.resize(rows, f32::NEG_INFINITY);
        self.totals.clear();
        self.totals.resize(rows, 0.0);
        self.sums.clear();
        self.sums.resize(rows * width, 0.0);
        for first in (0..keys).step_by(KEYS) {
            let count = KEYS.min(keys - first);
            self.scores.resize(rows * KEYS, 0.0);
            let from = first * channels + column;
            let of_keys = Layout::of_rows(count, width, channels);
            multiply(
                (&query[column..], Layout::of_rows(rows, width, channels)),
                (&key[from..], of_keys.transpose()),
                (&mut self.scores, Layout::of_rows(rows, count, KEYS)),
                false,
                Parallelism::None,
            );
            vectorized(
                #[inline(always)]
                || self.weigh(count, width, scale),
            );
            multiply(
                (&self.scores, Layout::of_rows(rows, count, KEYS)),
                (&value[from..], of_keys),
                (&mut self.sums, Layout::of_rows(rows, width, width)),
                true,
                Parallelism::None,
            );
        }
        for (row, out) in out.chunks_mut(channels).enumerate() {
            let factor = 1.0 / self.totals[row];
            let sums = &self.sums[row * width..(row + 1) * width];
            for (out, sum) in out[column..column + width].iter_mut().zip(sums) {
                *out = sum * factor;
            }
        }
    }

    /// Turns scores into weights, and rescales earlier sums to the new maxima.
    #[inline(always)]
    fn weigh(&mut self, count: usize, width: usize, scale: f32) {
        let rows = self.scores.chunks_mut(KEYS).zip(self.sums.chunks_mut(width));
        for ((scores, sums), (maximum, total)) in rows.zip(self.maxima.iter_mut().zip(&mut self.totals)) {
            let scores = &mut scores[..count];
            let largest = lanes(scores, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
            if largest > *maximum {
                let factor = exp((*maximum - largest) * scale);
                *total *= factor;
                sums.iter_mut().for_each(|sum| *sum *= factor);
                *maximum = largest;
            }
            let offset = *maximum;
            scores.iter_mut().for_each(|score| *score = exp((*score - offset) * scale));
            *total += lanes(scores, 0.0, |a, b| a + b);
        }
    }
}

/// Folds the values into sixteen lanes, then folds the lanes.
#[inline(always)]
fn lanes(values: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let mut chunks = values.chunks_exact(16);
    for chunk in &mut chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = fold(*lane, value);
        }
    }
    let rest = chunks.remainder().iter().fold(start, |folded, &value| fold(folded, value));
    lanes.into_iter().fold(rest, fold)
}
