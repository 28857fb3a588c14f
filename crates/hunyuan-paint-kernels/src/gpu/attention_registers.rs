//! Attention that keeps its weights in registers. It needs devices that can compute on the elements
//! of a cooperative matrix and use a product as a factor (Vulkan's `VK_NV_cooperative_matrix2`).
//!
//! Subtracting any number from the scores of a row leaves their softmax unchanged, as long as
//! nothing overflows. So the scores of a row are relative to the maximum of its first tile. The
//! maximum is raised only when the sum of a tile's weights shows that they have become too large
//! for half precision. Most tiles never compute a maximum.

use cubecl::{cmma, prelude::*};
use half::f16;

use super::{
    FRAGMENT, Float4, Half4, PackedHalf8,
    attention::{
        AttentionShape, HEAD_WIDTH, KEYS, PLANES, ROWS, STRIDE, largest_of_row, load_queries, load_tile,
        right, scale_sums, vec4_position, write_sums, zeros,
    },
};

/// A row is not rescaled while the sum of a tile's weights is below this: then each weight fits
/// half precision.
const F16_SUM_LIMIT: f32 = 30_000.0;

/// The operation of [`attention_matrix`](super::attention::attention_matrix). `masked` says that
/// the last tile of keys is incomplete.
#[cube(launch_unchecked)]
pub(super) fn attention_registers(
    query: &[PackedHalf8],
    key: &[PackedHalf8],
    value: &[PackedHalf8],
    out: &mut [Half4],
    shape: AttentionShape,
    scale: f32,
    #[comptime] masked: bool,
) {
    let score_stride = comptime!(STRIDE / 4);
    let mut keys_shared = Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16_usize);
    let mut values_shared =
        Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16_usize);
    let mut scores_shared =
        Shared::<[Float4]>::new_aligned_slice(comptime!(PLANES * FRAGMENT * STRIDE / 4), 16_usize);

    let lane = UNIT_POS_X;
    let scratch = UNIT_POS_Y as usize * comptime!(FRAGMENT * score_stride);
    // Two lanes share a row of scores, in alternating groups of eight columns.
    let lane_row = lane / 2;
    let lane_start = scratch + lane_row as usize * score_stride + 2 * (lane % 2) as usize;

    let queries = load_queries(query, &mut keys_shared, &shape);
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(ROWS * HEAD_WIDTH / FRAGMENT) {
        sums.push(zeros());
    }
    // The initial scores: minus the maximum, in every column.
    let mut starts = Sequence::<cmma::Matrix<f32>>::new();
    let mut maximum = Array::<f32>::new(ROWS);
    let mut total = Array::<f32>::new(ROWS);
    #[unroll]
    for m in 0..ROWS {
        starts.push(zeros());
        maximum[m] = 0.0_f32;
        total[m] = 0.0_f32;
    }

    let tiles = (shape.keys + comptime!(KEYS as u32 - 1)) / comptime!(KEYS as u32);
    for tile in 0..tiles {
        let key0 = tile * comptime!(KEYS as u32);
        let left = shape.keys - key0;
        sync_cube();
        load_tile(key, value, &mut keys_shared, &mut values_shared, key0, &shape);
        sync_cube();

        let mut tries = 0_u32.runtime();
        while tries < 2 {
            // 1. compute the weights, and their sums by a product with ones
            let weights = weigh(&keys_shared, &queries, &starts, left, scale, masked);
            let mut tile_total = Array::<f32>::new(ROWS);
            let mut too_large = tile == 0;
            #[unroll]
            for m in 0..ROWS {
                tile_total[m] = sum_of_row(&weights, &mut scores_shared, scratch, lane_row, m);
                too_large = too_large || tile_total[m] >= F16_SUM_LIMIT;
            }
            tries += 1;
            if tries == 1 && plane_any(too_large) {
                // 2. rarely: raise the maximum, and try again
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
                    let mut largest = Float4::new(-1.0e30_f32);
                    #[unroll]
                    for i in 0..comptime!(KEYS / 8) {
                        let mut score = scores_shared[lane_start + comptime!(vec4_position(i))];
                        if comptime!(masked) {
                            let column = comptime!(4 * vec4_position(i) as u32) + lane % 2 * 8;
                            #[unroll]
                            for c in 0..4_usize {
                                if column + comptime!(c as u32) >= left {
                                    score.insert(c, -1.0e30_f32);
                                }
                            }
                        }
                        largest = max(largest, score);
                    }
                    let row_largest = largest_of_row(largest);
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
                    for i in 0..2_usize {
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
                    for n in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
                        let start = comptime!(k * FRAGMENT * (STRIDE / 8) + n * FRAGMENT / 8);
                        let fragment =
                            right(&values_shared[start..values_shared.len()], cmma::MatrixLayout::RowMajor);
                        #[unroll]
                        for m in 0..ROWS {
                            let sum = &sums[comptime!(m * (HEAD_WIDTH / FRAGMENT) + n)];
                            cmma::execute(&weights[comptime!(k * ROWS + m)], &fragment, sum, sum);
                        }
                    }
                }
            }
        }
    }
    write_sums(&sums, &total, &mut scores_shared, out, &shape);
}

/// Adds the product of row `m` of fragments of the queries and column `n` of the keys to `score`.
#[cube]
fn multiply_keys(
    keys: &Shared<[PackedHalf8]>,
    queries: &Sequence<cmma::Matrix<f16>>,
    score: &cmma::Matrix<f32>,
    #[comptime] m: usize,
    #[comptime] n: usize,
) {
    #[unroll]
    for k in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
        let start = comptime!(n * FRAGMENT * (STRIDE / 8) + k * FRAGMENT / 8);
        let fragment = right(&keys[start..keys.len()], cmma::MatrixLayout::ColMajor);
        cmma::execute(&queries[comptime!(m * (HEAD_WIDTH / FRAGMENT) + k)], &fragment, score, score);
    }
}

/// Returns `exp((starts + queries · keysᵀ) · scale)`, and 0 for keys from `left` on.
#[cube]
fn weigh(
    keys: &Shared<[PackedHalf8]>,
    queries: &Sequence<cmma::Matrix<f16>>,
    starts: &Sequence<cmma::Matrix<f32>>,
    left: u32,
    scale: f32,
    #[comptime] masked: bool,
) -> Sequence<cmma::Matrix<f16>> {
    // Ordered by keys, then by rows.
    let mut weights = Sequence::<cmma::Matrix<f16>>::new();
    #[unroll]
    for n in 0..comptime!(KEYS / FRAGMENT) {
        let mut scores = Sequence::<cmma::Matrix<f32>>::new();
        #[unroll]
        for _ in 0..ROWS {
            scores.push(zeros());
        }
        #[unroll]
        for k in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
            let start = comptime!(n * FRAGMENT * (STRIDE / 8) + k * FRAGMENT / 8);
            let fragment = right(&keys[start..keys.len()], cmma::MatrixLayout::ColMajor);
            #[unroll]
            for m in 0..ROWS {
                let query = &queries[comptime!(m * (HEAD_WIDTH / FRAGMENT) + k)];
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
                    select(column + comptime!((n * FRAGMENT) as u32) < left, weight, 0.0_f32)
                });
            } else {
                cmma::execute_elementwise_op(score, score, |_row, _column, element| (element * scale).exp());
            }
            weights.push(as_factor(&scores[m]));
        }
    }
    weights
}

/// Returns the sum of the weights in a lane's row of row `m` of fragments.
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
    shared[scratch + lane_row as usize * comptime!(STRIDE / 4)].extract(0_usize)
}

/// Converts a product to the left factor of another one, in half precision.
fn as_factor(_product: &cmma::Matrix<f32>) -> cmma::Matrix<f16> {
    cubecl::unexpanded!()
}

/// The expansion of [`as_factor`] in kernels. CubeCL's own function cannot be called with the types
/// that it needs.
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
