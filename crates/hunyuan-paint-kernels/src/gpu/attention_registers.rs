//! Attention whose weights never leave the registers, on devices that can work on the elements of a cooperative matrix
//! and use a product as a factor (Vulkan's `VK_NV_cooperative_matrix2`).
//!
//! A softmax is the same whatever is subtracted from its scores, as long as nothing overflows. So a row's scores are taken
//! relative to the maximum of the first tile, and that is raised only when a tile's weights have become too large for half
//! precision: which their sum tells. Nearly every tile is done without asking for a maximum.

use cubecl::{cmma, prelude::*};
use half::f16;

use super::{
    FRAGMENT, Float4, Half4, Half8,
    attention::{
        AttentionShape, HEAD, KEYS, PLANES, ROWS, STRIDE, load_queries, load_tile, quad_of, right,
        scale_sums, write_sums, zeros,
    },
};

/// A tile's weights are kept as they are while their sum is below this: then each of them is a number in half precision.
const LIMIT: f32 = 30_000.0;

/// As [`attention_matrix`](super::attention::attention_matrix).
#[cube(launch_unchecked)]
pub(super) fn attention_registers(
    query: &[Half8],
    key: &[Half8],
    value: &[Half8],
    out: &mut [Half4],
    shape: AttentionShape,
    scale: f32,
    #[comptime] masked: bool,
) {
    let score_stride = comptime!(STRIDE / 4);
    let mut keys_shared = Shared::<[Half8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16usize);
    let mut values_shared = Shared::<[Half8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16usize);
    let mut scores_shared =
        Shared::<[Float4]>::new_aligned_slice(comptime!(PLANES * FRAGMENT * STRIDE / 4), 16usize);

    let lane = UNIT_POS_X;
    let scratch = UNIT_POS_Y as usize * comptime!(FRAGMENT * score_stride);
    // Two lanes share a row of scores, and take turns of eight columns.
    let lane_row = lane / 2;
    let lane_start = scratch + lane_row as usize * score_stride + 2 * (lane % 2) as usize;

    let queries = load_queries(query, &mut keys_shared, &shape);
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(ROWS * HEAD / FRAGMENT) {
        sums.push(zeros());
    }
    // What the scores start from: minus the maximum, in every column.
    let mut starts = Sequence::<cmma::Matrix<f32>>::new();
    let mut maximum = Array::<f32>::new(ROWS);
    let mut total = Array::<f32>::new(ROWS);
    #[unroll]
    for m in 0..ROWS {
        starts.push(zeros());
        maximum[m] = 0.0f32;
        total[m] = 0.0f32;
    }

    let tiles = (shape.keys + comptime!(KEYS as u32 - 1)) / comptime!(KEYS as u32);
    for tile in 0..tiles {
        let key0 = tile * comptime!(KEYS as u32);
        let left = shape.keys - key0;
        sync_cube();
        load_tile(key, value, &mut keys_shared, &mut values_shared, key0, &shape);
        sync_cube();

        let mut tries = 0u32.runtime();
        while tries < 2 {
            // 1. the weights, and their sums in every column of a product with ones
            let weights = weigh(&keys_shared, &queries, &starts, left, scale, masked);
            let mut tile_total = Array::<f32>::new(ROWS);
            let mut too_large = tile == 0;
            #[unroll]
            for m in 0..ROWS {
                tile_total[m] = sum_of_row(&weights, &mut scores_shared, scratch, lane_row, m);
                too_large = too_large || tile_total[m] >= LIMIT;
            }
            tries += 1;
            if tries == 1 && plane_any(too_large) {
                // 2. seldom: another maximum, and again
                #[unroll]
                for m in 0..ROWS {
                    sync_plane();
                    #[unroll]
                    for n in 0..comptime!(KEYS / FRAGMENT) {
                        let score = zeros();
                        multiply_keys(&keys_shared, &queries, &score, m, n);
                        let start = scratch + comptime!(n * FRAGMENT / 4);
                        let end = scores_shared.len();
                        cmma::store(
                            &mut scores_shared[start..end],
                            &score,
                            comptime!(STRIDE as u32),
                            cmma::MatrixLayout::RowMajor,
                        );
                    }
                    sync_plane();
                    let mut largest = Float4::new(-1.0e30f32);
                    #[unroll]
                    for i in 0..comptime!(KEYS / 8) {
                        let mut score = scores_shared[lane_start + comptime!(quad_of(i))];
                        if comptime!(masked) {
                            let column = comptime!(4 * quad_of(i) as u32) + lane % 2 * 8;
                            #[unroll]
                            for c in 0..4usize {
                                if column + comptime!(c as u32) >= left {
                                    score.insert(c, -1.0e30f32);
                                }
                            }
                        }
                        largest = max(largest, score);
                    }
                    let mut row_largest = max(
                        max(largest.extract(0usize), largest.extract(1usize)),
                        max(largest.extract(2usize), largest.extract(3usize)),
                    );
                    row_largest = max(row_largest, plane_shuffle_xor(row_largest, 1u32));
                    let mut raised = max(maximum[m], row_largest);
                    if tile == 0 {
                        raised = row_largest;
                    }
                    let factor = ((maximum[m] - raised) * scale).exp();
                    maximum[m] = raised;
                    if tile > 0 {
                        total[m] *= factor;
                        scale_sums(&mut sums, &mut scores_shared, scratch, lane_start, factor, m);
                    }
                    sync_plane();
                    #[unroll]
                    for i in 0..2usize {
                        scores_shared[lane_start + i] = Float4::new(-raised);
                    }
                    sync_plane();
                    let end = scores_shared.len();
                    cmma::load_with_layout(
                        &mut starts[m],
                        &scores_shared[scratch..end],
                        comptime!(STRIDE as u32),
                        cmma::MatrixLayout::RowMajor,
                    );
                }
            } else {
                // 3. sums += weights · values
                tries = 2;
                #[unroll]
                for m in 0..ROWS {
                    total[m] += tile_total[m];
                }
                #[unroll]
                for k in 0..comptime!(KEYS / FRAGMENT) {
                    #[unroll]
                    for n in 0..comptime!(HEAD / FRAGMENT) {
                        let start = comptime!(k * FRAGMENT * (STRIDE / 8) + n * FRAGMENT / 8);
                        let fragment =
                            right(&values_shared[start..values_shared.len()], cmma::MatrixLayout::RowMajor);
                        #[unroll]
                        for m in 0..ROWS {
                            let sum = &sums[comptime!(m * (HEAD / FRAGMENT) + n)];
                            cmma::execute(&weights[comptime!(k * ROWS + m)], &fragment, sum, sum);
                        }
                    }
                }
            }
        }
    }
    write_sums(&sums, &total, &mut scores_shared, out, &shape);
}

/// Adds row of fragments `m` of the queries times column `n` of the keys to `score`.
#[cube]
fn multiply_keys(
    keys: &Shared<[Half8]>,
    queries: &Sequence<cmma::Matrix<f16>>,
    score: &cmma::Matrix<f32>,
    #[comptime] m: usize,
    #[comptime] n: usize,
) {
    #[unroll]
    for k in 0..comptime!(HEAD / FRAGMENT) {
        let start = comptime!(n * FRAGMENT * (STRIDE / 8) + k * FRAGMENT / 8);
        let fragment = right(&keys[start..keys.len()], cmma::MatrixLayout::ColMajor);
        cmma::execute(&queries[comptime!(m * (HEAD / FRAGMENT) + k)], &fragment, score, score);
    }
}

/// `weights = exp((starts + queries · keysᵀ) · scale)`, and nothing for keys from `left` on.
#[cube]
fn weigh(
    keys: &Shared<[Half8]>,
    queries: &Sequence<cmma::Matrix<f16>>,
    starts: &Sequence<cmma::Matrix<f32>>,
    left: u32,
    scale: f32,
    #[comptime] masked: bool,
) -> Sequence<cmma::Matrix<f16>> {
    // By keys, then by rows.
    let mut weights = Sequence::<cmma::Matrix<f16>>::new();
    #[unroll]
    for n in 0..comptime!(KEYS / FRAGMENT) {
        let mut scores = Sequence::<cmma::Matrix<f32>>::new();
        #[unroll]
        for _ in 0..ROWS {
            scores.push(zeros());
        }
        #[unroll]
        for k in 0..comptime!(HEAD / FRAGMENT) {
            let start = comptime!(n * FRAGMENT * (STRIDE / 8) + k * FRAGMENT / 8);
            let fragment = right(&keys[start..keys.len()], cmma::MatrixLayout::ColMajor);
            #[unroll]
            for m in 0..ROWS {
                let query = &queries[comptime!(m * (HEAD / FRAGMENT) + k)];
                if comptime!(k == 0) {
                    cmma::execute(query, &fragment, &starts[m], &scores[m]);
                } else {
                    cmma::execute(query, &fragment, &scores[m], &scores[m]);
                }
            }
        }
        #[unroll]
        for m in 0..ROWS {
            let score = &scores[m];
            if comptime!(masked) {
                cmma::execute_elementwise_op(score, score, |_row, column, element| {
                    let weight = (element * scale).exp();
                    select(column + comptime!((n * FRAGMENT) as u32) < left, weight, 0.0f32)
                });
            } else {
                cmma::execute_elementwise_op(score, score, |_row, _column, element| (element * scale).exp());
            }
            weights.push(as_factor(&scores[m]));
        }
    }
    weights
}

/// The sum of the weights in a lane's row of row of fragments `m`.
#[cube]
fn sum_of_row(
    weights: &Sequence<cmma::Matrix<f16>>,
    shared: &mut Shared<[Float4]>,
    scratch: usize,
    lane_row: u32,
    #[comptime] m: usize,
) -> f32 {
    let ones = cmma::Matrix::<f16>::from_value(
        cmma::MatrixIdent::B,
        FRAGMENT,
        FRAGMENT,
        FRAGMENT,
        cmma::MatrixLayout::RowMajor,
        f16::from_int(1),
    );
    let sum = zeros();
    #[unroll]
    for k in 0..comptime!(KEYS / FRAGMENT) {
        cmma::execute(&weights[comptime!(k * ROWS + m)], &ones, &sum, &sum);
    }
    let end = shared.len();
    sync_plane();
    cmma::store(&mut shared[scratch..end], &sum, comptime!(STRIDE as u32), cmma::MatrixLayout::RowMajor);
    sync_plane();
    shared[scratch + lane_row as usize * comptime!(STRIDE / 4)].extract(0usize)
}

/// A product as the left factor of another, in half precision.
fn as_factor(_product: &cmma::Matrix<f32>) -> cmma::Matrix<f16> {
    cubecl::unexpanded!()
}

/// What the kernel's [`as_factor`] becomes: CubeCL's own function cannot be called with what it asks for.
mod as_factor {
    use cubecl::{
        cmma::{self, MatrixExpand, MatrixIdent, Plane},
        ir::Scope,
    };
    use half::f16;

    pub(super) fn expand(scope: &Scope, product: &MatrixExpand<f32, Plane>) -> MatrixExpand<f16, Plane> {
        cmma::cast_with_ident::expand(scope, product.clone(), MatrixIdent::A)
    }
}
