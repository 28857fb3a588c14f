//! Attention that stores one tile of scores at a time (Dao et al. 2022, arXiv 2205.14135). An
//! online softmax is updated with each tile of keys (Milakov and Gimelshein 2018, arXiv
//! 1805.02867).

use cubecl::{cmma, prelude::*};
use half::f16;

use super::{FRAGMENT, Float4, Half4, PAD, PackedHalf8, fragment};

/// The width of a head in [`attention_matrix`].
pub(super) const HEAD_WIDTH: usize = 64;

/// The keys of one tile.
pub(super) const KEYS: usize = 64;

/// The planes of a cube.
pub(super) const PLANES: usize = 4;

/// The rows of fragments of a plane.
pub(super) const ROWS: usize = 2;

/// The queries of a cube.
pub(super) const QUERIES: usize = PLANES * ROWS * FRAGMENT;

/// The distance of rows of keys, values or weights in shared memory, in elements.
pub(super) const STRIDE: usize = HEAD_WIDTH + PAD;

/// A row is rescaled only when its maximum has grown by more than this, in natural logarithms.
/// Until then the weights are at most e⁵ and fit half precision.
const RESCALE_THRESHOLD: f32 = 5.0;

/// The sizes of the operands, and the distances of their rows and batches, in elements.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct AttentionShape {
    queries: u32,
    pub(super) keys: u32,
    query_stride: u32,
    key_stride: u32,
    out_stride: u32,
    query_batch: u32,
    key_batch: u32,
    out_batch: u32,
}

/// Attention with cooperative matrices, in half precision, for heads of 64. Scores and sums are in
/// single precision.
///
/// Cubes: query tile, head, batch. Units: lane, plane.
#[cube(launch_unchecked)]
pub(super) fn attention_matrix(
    query: &[PackedHalf8],
    key: &[PackedHalf8],
    value: &[PackedHalf8],
    out: &mut [Half4],
    shape: AttentionShape,
    scale: f32,
) {
    let stride = comptime!(STRIDE / 8);
    let score_stride = comptime!(STRIDE / 4);

    let mut keys_shared = Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16_usize);
    let mut values_shared =
        Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(KEYS * STRIDE / 8), 16_usize);
    let mut scores_shared =
        Shared::<[Float4]>::new_aligned_slice(comptime!(PLANES * FRAGMENT * STRIDE / 4), 16_usize);
    let mut weights_shared =
        Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(PLANES * FRAGMENT * STRIDE / 8), 16_usize);

    let lane = UNIT_POS_X;
    let plane = UNIT_POS_Y as usize;
    let scratch = plane * comptime!(FRAGMENT * score_stride);
    let weight_scratch = plane * comptime!(FRAGMENT * stride);
    // Two lanes share a row of scores, in alternating groups of eight columns.
    let lane_row = lane / 2;
    let lane_start = scratch + lane_row as usize * score_stride + 2 * (lane % 2) as usize;
    let weight_start = weight_scratch + lane_row as usize * stride + (lane % 2) as usize;

    // 1. load the queries into registers
    let queries = load_queries(query, &mut keys_shared, &shape);
    let mut sums = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(ROWS * HEAD_WIDTH / FRAGMENT) {
        sums.push(zeros());
    }
    let mut maximum = Array::<f32>::new(ROWS);
    let mut total = Array::<f32>::new(ROWS);
    #[unroll]
    for m in 0..ROWS {
        maximum[m] = -1.0e30_f32;
        total[m] = 0.0_f32;
    }

    // 2. for each tile of keys
    let tiles = (shape.keys + comptime!(KEYS as u32 - 1)) / comptime!(KEYS as u32);
    for tile in 0..tiles {
        let key0 = tile * comptime!(KEYS as u32);
        sync_cube();
        load_tile(key, value, &mut keys_shared, &mut values_shared, key0, &shape);
        sync_cube();

        // scores = queries · keysᵀ
        let mut scores = Sequence::<cmma::Matrix<f32>>::new();
        #[unroll]
        for _ in 0..comptime!(ROWS * KEYS / FRAGMENT) {
            scores.push(zeros());
        }
        #[unroll]
        for n in 0..comptime!(KEYS / FRAGMENT) {
            #[unroll]
            for k in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
                let start = comptime!(n * FRAGMENT * (STRIDE / 8) + k * FRAGMENT / 8);
                let fragment = right(&keys_shared[start..keys_shared.len()], cmma::MatrixLayout::ColMajor);
                #[unroll]
                for m in 0..ROWS {
                    let score = &scores[comptime!(m * (KEYS / FRAGMENT) + n)];
                    cmma::execute(
                        &queries[comptime!(m * (HEAD_WIDTH / FRAGMENT) + k)],
                        &fragment,
                        score,
                        score,
                    );
                }
            }
        }

        // weights = exp(scores − maximum)
        let mut weights = Sequence::<cmma::Matrix<f16>>::new();
        #[unroll]
        for m in 0..ROWS {
            store_row(&scores, &mut scores_shared, scratch, m, comptime!(KEYS / FRAGMENT));
            sync_plane();
            let mut row_scores = Array::<Float4>::new(comptime!(KEYS / 8));
            let mut largest = Float4::new(-1.0e30_f32);
            #[unroll]
            for i in 0..comptime!(KEYS / 8) {
                let mut score = scores_shared[lane_start + comptime!(vec4_position(i))];
                let column = key0 + comptime!(4 * vec4_position(i) as u32) + lane % 2 * 8;
                if column + 3 >= shape.keys {
                    #[unroll]
                    for c in 0..4_usize {
                        if column + comptime!(c as u32) >= shape.keys {
                            score.insert(c, -1.0e30_f32);
                        }
                    }
                }
                row_scores[i] = score;
                largest = max(largest, score);
            }
            let row_largest = largest_of_row(largest);
            let grown = (row_largest - maximum[m]) * scale > RESCALE_THRESHOLD;
            if plane_any(grown) {
                let mut new_maximum = maximum[m];
                if grown {
                    new_maximum = row_largest;
                }
                let factor = ((maximum[m] - new_maximum) * scale).exp();
                maximum[m] = new_maximum;
                total[m] *= factor;
                scale_sums(&mut sums, &mut scores_shared, scratch, lane_start, factor, m);
            }
            let offset = Float4::new(maximum[m]);
            let mut row_total = Float4::new(0.0_f32);
            #[unroll]
            for i in 0..comptime!(KEYS / 16) {
                let left = ((row_scores[comptime!(2 * i)] - offset) * Float4::new(scale)).exp();
                let right = ((row_scores[comptime!(2 * i + 1)] - offset) * Float4::new(scale)).exp();
                row_total += left + right;
                weights_shared[weight_start + comptime!(2 * i)] =
                    pack(Half4::cast_from(left), Half4::cast_from(right));
            }
            let row_sum = (row_total.extract(0_usize) + row_total.extract(1_usize))
                + (row_total.extract(2_usize) + row_total.extract(3_usize));
            total[m] += row_sum + plane_shuffle_xor(row_sum, 1_u32);
            sync_plane();
            #[unroll]
            for k in 0..comptime!(KEYS / FRAGMENT) {
                let start = weight_scratch + comptime!(k * FRAGMENT / 8);
                let fragment = left(&weights_shared[start..weights_shared.len()]);
                weights.push(fragment);
            }
            sync_plane();
        }

        // sums += weights · values
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
                    cmma::execute(&weights[comptime!(m * (KEYS / FRAGMENT) + k)], &fragment, sum, sum);
                }
            }
        }
    }

    // 3. divide by the totals, and write
    write_sums(&sums, &total, &mut scores_shared, out, &shape);
}

/// Loads the queries of a plane as fragments, by way of `shared`.
#[cube]
pub(super) fn load_queries(
    query: &[PackedHalf8],
    shared: &mut Shared<[PackedHalf8]>,
    shape: &AttentionShape,
) -> Sequence<cmma::Matrix<f16>> {
    let vec8s = comptime!(HEAD_WIDTH as u32 / 8);
    let stride = comptime!(STRIDE / 8);
    let lane = UNIT_POS_X;
    let scratch = UNIT_POS_Y as usize * comptime!(FRAGMENT * stride);
    let base = CUBE_POS_Z * shape.query_batch + CUBE_POS_Y * comptime!(HEAD_WIDTH as u32);
    let query0 = first_query();
    let mut queries = Sequence::<cmma::Matrix<f16>>::new();
    #[unroll]
    for m in 0..ROWS {
        sync_plane();
        #[unroll]
        for i in 0..comptime!(FRAGMENT * HEAD_WIDTH / 8 / 32) {
            let index = lane + comptime!(32 * i as u32);
            let within = index / vec8s;
            let vec8 = index % vec8s;
            // Rows beyond the last one are computed, but not written.
            let row = min(query0 + comptime!((m * FRAGMENT) as u32) + within, shape.queries - 1);
            let from = (base + row * shape.query_stride) / 8 + vec8;
            shared[scratch + within as usize * stride + vec8 as usize] = query[from as usize];
        }
        sync_plane();
        #[unroll]
        for k in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
            let start = scratch + comptime!(k * FRAGMENT / 8);
            queries.push(left(&shared[start..shared.len()]));
        }
    }
    queries
}

/// Returns the first query of a plane.
#[cube]
fn first_query() -> u32 {
    CUBE_POS_X * comptime!(QUERIES as u32) + UNIT_POS_Y * comptime!((ROWS * FRAGMENT) as u32)
}

/// Loads a tile of keys, from `key0` on, and their values into shared memory.
#[cube]
pub(super) fn load_tile(
    key: &[PackedHalf8],
    value: &[PackedHalf8],
    keys: &mut Shared<[PackedHalf8]>,
    values: &mut Shared<[PackedHalf8]>,
    key0: u32,
    shape: &AttentionShape,
) {
    let units = comptime!(32 * PLANES);
    let vec8s = comptime!(HEAD_WIDTH as u32 / 8);
    let base = CUBE_POS_Z * shape.key_batch + CUBE_POS_Y * comptime!(HEAD_WIDTH as u32);
    #[unroll]
    for i in 0..comptime!(KEYS * HEAD_WIDTH / 8 / units) {
        let index = UNIT_POS + comptime!((i * units) as u32);
        let row = index / vec8s;
        let vec8 = index % vec8s;
        let to = row as usize * comptime!(STRIDE / 8) + vec8 as usize;
        // Keys beyond the last one get weight 0, but their values must be finite.
        let from_row = min(key0 + row, shape.keys - 1);
        let from = ((base + from_row * shape.key_stride) / 8 + vec8) as usize;
        keys[to] = key[from];
        values[to] = value[from];
    }
}

/// Stores row `m` of fragments, which has `columns` fragments, in shared memory.
#[cube]
fn store_row(
    fragments: &Sequence<cmma::Matrix<f32>>,
    shared: &mut Shared<[Float4]>,
    scratch: usize,
    #[comptime] m: usize,
    #[comptime] columns: usize,
) {
    #[unroll]
    for n in 0..columns {
        let start = scratch + comptime!(n * FRAGMENT / 4);
        let end = shared.len();
        cmma::store(
            &mut shared[start..end],
            &fragments[comptime!(m * columns + n)],
            comptime!(STRIDE as u32),
            cmma::MatrixLayout::RowMajor,
        );
    }
}

/// Returns the largest number of a row from the largest ones of each of its two lanes.
#[cube]
pub(super) fn largest_of_row(largest: Float4) -> f32 {
    let lane_largest = max(
        max(largest.extract(0_usize), largest.extract(1_usize)),
        max(largest.extract(2_usize), largest.extract(3_usize)),
    );
    max(lane_largest, plane_shuffle_xor(lane_largest, 1_u32))
}

/// Multiplies row `m` of fragments by each lane's factor for its row.
#[cube]
pub(super) fn scale_sums(
    sums: &mut Sequence<cmma::Matrix<f32>>,
    shared: &mut Shared<[Float4]>,
    scratch: usize,
    lane_start: usize,
    factor: f32,
    #[comptime] m: usize,
) {
    sync_plane();
    store_row(&*sums, shared, scratch, m, comptime!(HEAD_WIDTH / FRAGMENT));
    sync_plane();
    #[unroll]
    for i in 0..comptime!(HEAD_WIDTH / 8) {
        shared[lane_start + comptime!(vec4_position(i))] *= Float4::new(factor);
    }
    sync_plane();
    #[unroll]
    for n in 0..comptime!(HEAD_WIDTH / FRAGMENT) {
        let start = scratch + comptime!(n * FRAGMENT / 4);
        let end = shared.len();
        cmma::load_with_layout(
            &mut sums[comptime!(m * (HEAD_WIDTH / FRAGMENT) + n)],
            &shared[start..end],
            comptime!(STRIDE as u32),
            cmma::MatrixLayout::RowMajor,
        );
    }
}

/// Divides the sums by the totals of the weights, and writes them.
#[cube]
pub(super) fn write_sums(
    sums: &Sequence<cmma::Matrix<f32>>,
    total: &Array<f32>,
    shared: &mut Shared<[Float4]>,
    out: &mut [Half4],
    shape: &AttentionShape,
) {
    let lane = UNIT_POS_X;
    let stride = comptime!(STRIDE / 4);
    let scratch = UNIT_POS_Y as usize * comptime!(FRAGMENT * stride);
    let lane_start = scratch + (lane / 2) as usize * stride + 2 * (lane % 2) as usize;
    #[unroll]
    for m in 0..ROWS {
        sync_plane();
        store_row(sums, shared, scratch, m, comptime!(HEAD_WIDTH / FRAGMENT));
        sync_plane();
        let row = first_query() + comptime!((m * FRAGMENT) as u32) + lane / 2;
        if row < shape.queries {
            let head = CUBE_POS_Y * comptime!(HEAD_WIDTH as u32);
            let to = (CUBE_POS_Z * shape.out_batch + row * shape.out_stride + head) / 4 + lane % 2 * 2;
            let factor = Float4::new(1.0_f32 / total[m]);
            #[unroll]
            for i in 0..comptime!(HEAD_WIDTH / 8) {
                let sum = shared[lane_start + comptime!(vec4_position(i))];
                out[(to + comptime!(vec4_position(i) as u32)) as usize] = Half4::cast_from(sum * factor);
            }
        }
    }
}

/// Returns an accumulator of zeros.
#[cube]
pub(super) fn zeros() -> cmma::Matrix<f32> {
    cmma::Matrix::<f32>::from_value(
        cmma::MatrixIdent::Accumulator,
        FRAGMENT,
        FRAGMENT,
        FRAGMENT,
        cmma::MatrixLayout::Undefined,
        0.0,
    )
}

/// Loads the left factor of a product.
#[cube]
fn left(rows: &[PackedHalf8]) -> cmma::Matrix<f16> {
    fragment(rows, cmma::MatrixIdent::A, cmma::MatrixLayout::RowMajor, STRIDE)
}

/// Loads the right factor of a product.
#[cube]
pub(super) fn right(rows: &[PackedHalf8], #[comptime] layout: cmma::MatrixLayout) -> cmma::Matrix<f16> {
    fragment(rows, cmma::MatrixIdent::B, layout, STRIDE)
}

/// Returns the position in a row of the `i`th vector that the first of the row's two lanes reads.
pub(super) const fn vec4_position(i: usize) -> usize {
    i / 2 * 4 + i % 2
}

/// Joins two vectors of four elements.
#[cube]
fn pack(left: Half4, right: Half4) -> PackedHalf8 {
    let left = Vector::<u32, Const<2>>::reinterpret(left);
    let right = Vector::<u32, Const<2>>::reinterpret(right);
    let mut packed = PackedHalf8::new(left.extract(0_usize));
    packed.insert(1_usize, left.extract(1_usize));
    packed.insert(2_usize, right.extract(0_usize));
    packed.insert(3_usize, right.extract(1_usize));
    packed
}

/// The keys of one tile of [`attention_scalar`].
const SCALAR_KEYS: usize = 32;

/// The queries of a cube of [`attention_scalar`].
pub(super) const SCALAR_QUERIES: usize = 64;

/// Returns the shared memory that [`attention_scalar`] needs, in bytes: one tile of keys and one of
/// values.
pub(super) const fn scalar_shared_memory(head_width: usize) -> usize {
    2 * SCALAR_KEYS * head_width * size_of::<f32>()
}

/// Attention for any GPU and both precisions, with one unit per query. Everything is computed in
/// single precision.
///
/// Cubes: query tile, head, batch.
#[cube(launch_unchecked)]
pub(super) fn attention_scalar<F: Float>(
    query: &[Vector<F, Const<4>>],
    key: &[Vector<F, Const<4>>],
    value: &[Vector<F, Const<4>>],
    out: &mut [Vector<F, Const<4>>],
    shape: AttentionShape,
    scale: f32,
    #[comptime] head_width: usize,
) {
    let vec4s = comptime!(head_width / 4);
    let tile_vec4s = comptime!(SCALAR_KEYS * vec4s);
    let mut keys_shared = Shared::<[Float4]>::new_aligned_slice(tile_vec4s, 16_usize);
    let mut values_shared = Shared::<[Float4]>::new_aligned_slice(tile_vec4s, 16_usize);

    let head = CUBE_POS_Y * comptime!(head_width as u32);
    let row = CUBE_POS_X * comptime!(SCALAR_QUERIES as u32) + UNIT_POS;
    let query_row = min(row, shape.queries - 1);
    let query_from = (CUBE_POS_Z * shape.query_batch + query_row * shape.query_stride + head) / 4;
    let key_base = CUBE_POS_Z * shape.key_batch + head;

    let mut queries = Array::<Float4>::new(vec4s);
    let mut sums = Array::<Float4>::new(vec4s);
    #[unroll]
    for i in 0..vec4s {
        queries[i] = Float4::cast_from(query[query_from as usize + i]) * Float4::new(scale);
        sums[i] = Float4::new(0.0_f32);
    }
    let mut maximum = (-1.0e30_f32).runtime();
    let mut total = 0.0_f32.runtime();

    let tiles = (shape.keys + comptime!(SCALAR_KEYS as u32 - 1)) / comptime!(SCALAR_KEYS as u32);
    for tile in 0..tiles {
        let key0 = tile * comptime!(SCALAR_KEYS as u32);
        sync_cube();
        let mut index = UNIT_POS;
        while index < comptime!(tile_vec4s as u32) {
            let from_row = min(key0 + index / comptime!(vec4s as u32), shape.keys - 1);
            let from = (key_base + from_row * shape.key_stride) / 4 + index % comptime!(vec4s as u32);
            keys_shared[index as usize] = Float4::cast_from(key[from as usize]);
            values_shared[index as usize] = Float4::cast_from(value[from as usize]);
            index += comptime!(SCALAR_QUERIES as u32);
        }
        sync_cube();
        let keys = min(shape.keys - key0, comptime!(SCALAR_KEYS as u32));
        for k in 0..keys {
            let start = k as usize * vec4s;
            let mut products = Float4::new(0.0_f32);
            #[unroll]
            for i in 0..vec4s {
                products += queries[i] * keys_shared[start + i];
            }
            let score = (products.extract(0_usize) + products.extract(1_usize))
                + (products.extract(2_usize) + products.extract(3_usize));
            if score > maximum {
                let factor = (maximum - score).exp();
                maximum = score;
                total *= factor;
                #[unroll]
                for i in 0..vec4s {
                    sums[i] *= Float4::new(factor);
                }
            }
            let weight = (score - maximum).exp();
            total += weight;
            #[unroll]
            for i in 0..vec4s {
                sums[i] += Float4::new(weight) * values_shared[start + i];
            }
        }
    }

    if row < shape.queries {
        let to = (CUBE_POS_Z * shape.out_batch + row * shape.out_stride + head) / 4;
        #[unroll]
        for i in 0..vec4s {
            out[to as usize + i] = Vector::cast_from(sums[i] * Float4::new(1.0_f32 / total));
        }
    }
}
