//! The matrix product of [`matmul`](super::matmul) for GPUs without matrix units, and for single
//! precision. Each unit sums 8×4 elements in registers.

use cubecl::prelude::*;

use super::{
    Float4,
    matmul::{Epilogue, MapShape, Source, locate_row},
};

/// The rows of a cube's tile.
pub(super) const ROWS: usize = 128;

/// The columns of a cube's tile.
pub(super) const COLUMNS: usize = 64;

/// The units of a cube: 16×16.
pub(super) const UNITS: usize = 256;

/// The part of the depth that is in shared memory at once.
pub(super) const DEPTH: usize = 16;

/// The rows of a unit, which are 16 apart.
const UNIT_ROWS: usize = 8;

/// The distance of rows of the left tile in shared memory, in vectors of four. One more than needed
/// avoids bank conflicts.
const STRIDE: usize = DEPTH / 4 + 1;

/// The operation of [`matmul`](super::matmul::matmul) without gates. The depth is a multiple of 16,
/// the number of columns one of 4. Cubes: columns, rows.
#[cube(launch_unchecked)]
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
    let mut lhs_shared = Shared::<[Float4]>::new_aligned_slice(comptime!(ROWS * STRIDE), 16_usize);
    let mut rhs_shared = Shared::<[Float4]>::new_aligned_slice(comptime!(DEPTH * COLUMNS / 4), 16_usize);

    // 1. find the elements that this unit reads
    let unit = UNIT_POS;
    let row0 = CUBE_POS_Y * comptime!(ROWS as u32);
    let vec4 = unit % comptime!(DEPTH as u32 / 4);
    let mut lhs_rows = Array::<u32>::new(lhs_reads);
    let mut lhs_y = Array::<u32>::new(lhs_reads);
    let mut lhs_x = Array::<u32>::new(lhs_reads);
    #[unroll]
    for i in 0..lhs_reads {
        let row = row0 + unit / comptime!(DEPTH as u32 / 4) + comptime!((i * UNITS * 4 / DEPTH) as u32);
        locate_row(&mut lhs_rows, &mut lhs_y, &mut lhs_x, i, row, rows, depth, &map, source, 4_u32);
    }
    let rhs_row = unit / comptime!(COLUMNS as u32 / 4);
    let rhs_vec4 = unit % comptime!(COLUMNS as u32 / 4);
    let column0 = CUBE_POS_X * comptime!(COLUMNS as u32);
    let rhs_column = min(column0 / 4 + rhs_vec4, columns / 4 - 1);

    // 2. multiply slice by slice of the depth
    let x = unit % 16;
    let y = unit / 16;
    let mut sums = Array::<Float4>::new(UNIT_ROWS);
    #[unroll]
    for i in 0..UNIT_ROWS {
        sums[i] = Float4::new(0.0_f32);
    }
    for slice in 0..depth / comptime!(DEPTH as u32) {
        let depth0 = slice * comptime!(DEPTH as u32);
        sync_cube();
        #[unroll]
        for i in 0..lhs_reads {
            let mut value = Float4::new(0.0_f32);
            match comptime!(source) {
                Source::Matrix => {
                    value = Float4::cast_from(lhs[(lhs_rows[i] + depth0 / 4 + vec4) as usize]);
                }
                Source::Map { padding, upsample2x, .. } => {
                    let tap = depth0 / map.channels;
                    let channel = depth0 % map.channels + 4 * vec4;
                    let scale = comptime!(if upsample2x { 2_u32 } else { 1 });
                    // Above or to the left of the map, the difference wraps around to beyond its
                    // end.
                    let row = lhs_y[i] + tap / 3 - comptime!(padding);
                    let column = lhs_x[i] + tap % 3 - comptime!(padding);
                    if row < map.height * scale && column < map.width * scale {
                        let pixel = lhs_rows[i] + row / scale * map.width + column / scale;
                        value = Float4::cast_from(lhs[((pixel * map.channels + channel) / 4) as usize]);
                    }
                }
            }
            let row = unit / comptime!(DEPTH as u32 / 4) + comptime!((i * UNITS * 4 / DEPTH) as u32);
            lhs_shared[row as usize * STRIDE + vec4 as usize] = value;
        }
        rhs_shared[unit as usize] =
            Float4::cast_from(rhs[((depth0 + rhs_row) * (columns / 4) + rhs_column) as usize]);
        sync_cube();
        #[unroll]
        for k in 0..comptime!(DEPTH / 4) {
            let mut factors = Array::<Float4>::new(4_usize);
            #[unroll]
            for i in 0..4_usize {
                factors[i] = rhs_shared[comptime!((4 * k + i) * COLUMNS / 4) + x as usize];
            }
            #[unroll]
            for i in 0..UNIT_ROWS {
                let row = y as usize + comptime!(16 * i);
                let value = lhs_shared[row * STRIDE + k];
                #[unroll]
                for part in 0..4_usize {
                    sums[i] += Float4::new(value.extract(part)) * factors[part];
                }
            }
        }
    }

    // 3. apply the epilogue and write
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
