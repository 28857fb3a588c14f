//! Plain implementations of the single operations in double precision, as the reference for all
//! devices.

/// `a [n, n] · b [n, n]`.
pub(super) fn matmul(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let entry = |i: usize| (0..n).map(|k| a[i / n * n + k] * b[k * n + i % n]).sum();
    (0..n * n).map(entry).collect()
}

/// Returns the softmax of each row of `width` values.
pub(super) fn softmax(x: &[f64], width: usize) -> Vec<f64> {
    let row = |row: &[f64]| {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|x| (x - max).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|x| x / sum).collect::<Vec<_>>()
    };
    x.chunks_exact(width).flat_map(row).collect()
}

/// Returns the group norm without scale and shift, over groups of `group` consecutive values.
pub(super) fn group_norm(x: &[f64], group: usize, epsilon: f64) -> Vec<f64> {
    let normalize = |group: &[f64]| {
        let count = group.len() as f64;
        let mean = group.iter().sum::<f64>() / count;
        let variance = group.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        group.iter().map(|x| (x - mean) / (variance + epsilon).sqrt()).collect::<Vec<_>>()
    };
    x.chunks_exact(group).flat_map(normalize).collect()
}

/// Returns the 3×3 convolution with zero padding: `x [c, s, s]`, `weight [c, c, 3, 3]` → `[c, s,
/// s]`.
pub(super) fn conv3x3(x: &[f64], weight: &[f64], channels: usize, side: usize) -> Vec<f64> {
    let mut out = vec![0.0; channels * side * side];
    for (i, out) in out.iter_mut().enumerate() {
        let (to, y, x_out) = (i / (side * side), i / side % side, i % side);
        for from in 0..channels {
            for (dy, dx) in (0..9).map(|tap| (tap / 3, tap % 3)) {
                // Row and column plus one, because they are unsigned: 0 and s + 1 are padding.
                let (sy, sx) = (y + dy, x_out + dx);
                if (1..=side).contains(&sy) && (1..=side).contains(&sx) {
                    *out += weight[(to * channels + from) * 9 + dy * 3 + dx]
                        * x[(from * side + sy - 1) * side + sx - 1];
                }
            }
        }
    }
    out
}

/// `softmax(q·kᵀ/√d)·v` on `[heads, tokens, width]`.
pub(super) fn attention(q: &[f64], k: &[f64], v: &[f64], tokens: usize, width: usize) -> Vec<f64> {
    let head = tokens * width;
    let scale = (width as f64).sqrt();
    let rows = |((q, k), v): ((&[f64], &[f64]), &[f64])| {
        let mut out = Vec::with_capacity(head);
        for query in q.chunks_exact(width) {
            let dot = |key: &[f64]| query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() / scale;
            let scores: Vec<f64> = k.chunks_exact(width).map(dot).collect();
            let weights = softmax(&scores, tokens);
            out.extend(
                (0..width)
                    .map(|i| weights.iter().zip(v.chunks_exact(width)).map(|(w, v)| w * v[i]).sum::<f64>()),
            );
        }
        out
    };
    q.chunks_exact(head).zip(k.chunks_exact(head)).zip(v.chunks_exact(head)).flat_map(rows).collect()
}
