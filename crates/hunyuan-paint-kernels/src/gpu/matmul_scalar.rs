//! The matrix product of [`matmul`](super::matmul) for GPUs without matrix units, and for single precision: each unit sums
//! 8×4 numbers in its registers.

use cubecl::prelude::*;

use super::{
    Float4,
    matmul::{Epilogue, MapShape, Source},
};

/// Rows of a cube's tile.
pub(super) const ROWS: usize = 128;

/// Columns of a cube's tile.
pub(super) const COLUMNS: usize = 64;

/// Units of a cube: 16×16.
pub(super) const UNITS: usize = 256;

/// How much of the depth is in shared memory at once.
pub(super) const DEPTH: usize = 16;

/// Rows of one unit, 16 apart.
const UNIT_ROWS: usize = 8;

/// Between two rows of the left tile in shared memory, in quads: one more than needed, against bank conflicts.
const STRIDE: usize = DEPTH / 4 + 1;

/// As [`matmul`](super::matmul::matmul) without gates; depth is a multiple of 16. Cubes: columns, rows.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "a kernel has no other way to be told")]
pub(super) fn matmul_scalar<F: Float>(
    lhs: &[Vector<F, Const<4>>],
    rhs: &[Vector<F, Const<4>>],
    bias: &[Vector<F, Const<4>>],
    residual: &[Vector<F, Const<4>>],
    out: &mut [Vector<F, Const<4>>],
    rows: u32,
    columns: u32,
    depth: u32,
    bias_rows: u32,
    map: MapShape,
    #[comptime] source: Source,
    #[comptime] epilogue: Epilogue,
) {
    let lhs_reads = comptime!(ROWS * DEPTH / 4 / UNITS);
    let mut lhs_shared = Shared::<[Float4]>::new_aligned_slice(comptime!(ROWS * STRIDE), 16usize);
    let mut rhs_shared = Shared::<[Float4]>::new_aligned_slice(comptime!(DEPTH * COLUMNS / 4), 16usize);

    // 1. where this unit reads from
    let unit = UNIT_POS;
    let row0 = CUBE_POS_Y * comptime!(ROWS as u32);
    let quad = unit % comptime!(DEPTH as u32 / 4);
    let mut lhs_rows = Array::<u32>::new(lhs_reads);
    let mut lhs_y = Array::<u32>::new(lhs_reads);
    let mut lhs_x = Array::<u32>::new(lhs_reads);
    #[unroll]
    for i in 0..lhs_reads {
        let row = row0 + unit / comptime!(DEPTH as u32 / 4) + comptime!((i * UNITS * 4 / DEPTH) as u32);
        // Rows beyond the last are computed, but never written.
        let row = min(row, rows - 1);
        match comptime!(source) {
            Source::Matrix => {
                lhs_rows[i] = row * depth / 4;
            }
            Source::Map { stride, .. } => {
                let pixels = map.out_height * map.out_width;
                let pixel = row % pixels;
                lhs_rows[i] = row / pixels * map.height * map.width;
                lhs_y[i] = pixel / map.out_width * comptime!(stride);
                lhs_x[i] = pixel % map.out_width * comptime!(stride);
            }
        }
    }
    let rhs_row = unit / comptime!(COLUMNS as u32 / 4);
    let rhs_quad = unit % comptime!(COLUMNS as u32 / 4);
    let column0 = CUBE_POS_X * comptime!(COLUMNS as u32);
    let rhs_column = min(column0 / 4 + rhs_quad, columns / 4 - 1);

    // 2. the product
    let x = unit % 16;
    let y = unit / 16;
    let mut sums = Array::<Float4>::new(UNIT_ROWS);
    #[unroll]
    for i in 0..UNIT_ROWS {
        sums[i] = Float4::new(0.0f32);
    }
    for slice in 0..depth / comptime!(DEPTH as u32) {
        let depth0 = slice * comptime!(DEPTH as u32);
        sync_cube();
        #[unroll]
        for i in 0..lhs_reads {
            let mut value = Float4::new(0.0f32);
            match comptime!(source) {
                Source::Matrix => {
                    value = Float4::cast_from(lhs[(lhs_rows[i] + depth0 / 4 + quad) as usize]);
                }
                Source::Map { padding, doubled, .. } => {
                    let tap = depth0 / map.channels;
                    let channel = depth0 % map.channels + 4 * quad;
                    let doubling = comptime!(if doubled { 2u32 } else { 1 });
                    // Above or to the left of the map the difference wraps around, to beyond its end.
                    let row = lhs_y[i] + tap / 3 - comptime!(padding);
                    let column = lhs_x[i] + tap % 3 - comptime!(padding);
                    if row < map.height * doubling && column < map.width * doubling {
                        let pixel = lhs_rows[i] + row / doubling * map.width + column / doubling;
                        value = Float4::cast_from(lhs[((pixel * map.channels + channel) / 4) as usize]);
                    }
                }
            }
            let row = unit / comptime!(DEPTH as u32 / 4) + comptime!((i * UNITS * 4 / DEPTH) as u32);
            lhs_shared[row as usize * STRIDE + quad as usize] = value;
        }
        rhs_shared[unit as usize] =
            Float4::cast_from(rhs[((depth0 + rhs_row) * (columns / 4) + rhs_column) as usize]);
        sync_cube();
        #[unroll]
        for k in 0..comptime!(DEPTH / 4) {
            let mut factors = Array::<Float4>::new(4usize);
            #[unroll]
            for i in 0..4usize {
                factors[i] = rhs_shared[comptime!((4 * k + i) * COLUMNS / 4) + x as usize];
            }
            #[unroll]
            for i in 0..UNIT_ROWS {
                let row = y as usize + comptime!(16 * i);
                let value = lhs_shared[row * STRIDE + k];
                #[unroll]
                for part in 0..4usize {
                    sums[i] += Float4::new(value.extract(part)) * factors[part];
                }
            }
        }
    }

    // 3. what follows
    let column = column0 + 4 * x;
    #[unroll]
    for i in 0..UNIT_ROWS {
        let row = row0 + y + comptime!(16 * i as u32);
        if row < rows && column < columns {
            let mut value = sums[i];
            if comptime!(epilogue.bias) {
                value += Float4::cast_from(bias[((row / bias_rows * columns + column) / 4) as usize]);
            }
            let to = ((row * columns + column) / 4) as usize;
            if comptime!(epilogue.residual) {
                value += Float4::cast_from(residual[to]);
            }
            out[to] = Vector::cast_from(value);
        }
    }
}
