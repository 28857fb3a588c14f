//! The matrix product for linear layers and convolutions. It multiplies tiles in shared memory by
//! cooperative matrices, and applies bias, residual and gated GELU before it writes the result.
//!
//! A convolution is the product of its unfolded input and its weight. The input is unfolded while
//! tiles are read ("implicit GEMM", Chetlur et al. 2014, arXiv 1410.0759), so the unfolded input is
//! never stored.

use cubecl::{cmma, prelude::*};
use half::f16;

use super::{FRAGMENT, Float4, Half4, PAD, PackedHalf8, fragment};

/// The part of the depth that is in shared memory at once.
pub(super) const DEPTH: usize = 32;

/// The division of a cube's part of the product into planes, and of a plane's part into fragments
/// of 16×16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// The planes along the rows.
    planes_m: usize,
    /// The planes along the columns.
    planes_n: usize,
    /// The fragments of a plane along the rows.
    fragments_m: usize,
    /// The fragments of a plane along the columns.
    fragments_n: usize,
}

impl Tile {
    /// Creates a tile from numbers of planes and fragments.
    pub(super) const fn new(
        planes_m: usize,
        planes_n: usize,
        fragments_m: usize,
        fragments_n: usize,
    ) -> Self {
        Self { planes_m, planes_n, fragments_m, fragments_n }
    }

    /// Returns the rows of the product that a cube computes.
    pub(super) const fn rows(&self) -> usize {
        self.planes_m * self.fragments_m * FRAGMENT
    }

    /// Returns the columns of the product that a cube computes.
    pub(super) const fn columns(&self) -> usize {
        self.planes_n * self.fragments_n * FRAGMENT
    }

    /// Returns the columns of the result that a cube writes.
    pub(super) const fn out_columns(&self, gated: bool) -> usize {
        if gated { self.columns() / 2 } else { self.columns() }
    }

    /// Returns the planes of a cube.
    pub(super) const fn planes(&self) -> usize {
        self.planes_m * self.planes_n
    }
}

/// The source of the rows of the left matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A matrix `[rows, depth]`.
    Matrix,
    /// The 3×3 neighborhoods of a map `[B, H, W, C]`, padded with zeros.
    Map {
        /// The step between neighborhoods, in pixels.
        stride: u32,
        /// The rows of padding above the map, and columns to its left.
        padding: u32,
        /// Repeats every pixel of the map to 2×2.
        upsample2x: bool,
    },
}

/// The operations on the product before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Epilogue {
    /// Adds `bias`.
    pub(super) bias: bool,
    /// Adds `residual`.
    pub(super) residual: bool,
    /// The right matrix has twice the columns: values, then gates. Writes value · GELU(gate).
    pub(super) gated: bool,
}

/// The sizes of a [`Source::Map`]; otherwise unused.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct MapShape {
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) channels: u32,
    pub(super) out_height: u32,
    pub(super) out_width: u32,
}

/// Computes `out [rows, columns] = lhs [rows, depth] · rhs [depth, columns]` and the epilogue.
///
/// `bias [n, columns]` has one row for each `bias_rows` rows of the product. `residual` has the
/// result's shape. The depth is a multiple of 32, the number of columns one of 8. Cubes: columns,
/// rows. Units: lane, plane.
#[cube(launch_unchecked)]
pub(super) fn matmul(
    lhs: &[PackedHalf8],
    rhs: &[PackedHalf8],
    bias: &[Half4],
    residual: &[Half4],
    out: &mut [Half4],
    rows: u32,
    columns: u32,
    depth: u32,
    bias_rows: u32,
    map: MapShape,
    #[comptime] tile: Tile,
    #[comptime] source: Source,
    #[comptime] epilogue: Epilogue,
) {
    let units = comptime!(32 * tile.planes());
    let tile_rows = comptime!(tile.rows());
    let tile_columns = comptime!(tile.columns());
    let lhs_stride = comptime!((DEPTH + PAD) / 8);
    let rhs_stride = comptime!((tile_columns + PAD) / 8);
    let lhs_stage = comptime!(tile_rows * lhs_stride);
    let stage = comptime!(lhs_stage + DEPTH * rhs_stride);
    let lhs_reads = comptime!(tile_rows * DEPTH / 8 / units);
    let rhs_vec8s = comptime!(DEPTH * tile_columns / 8);
    let rhs_reads = comptime!(rhs_vec8s.div_ceil(units));

    let mut shared = Shared::<[PackedHalf8]>::new_aligned_slice(comptime!(2 * stage), 16_usize);

    let unit = UNIT_POS;
    let plane = UNIT_POS_Y;
    let row0 = CUBE_POS_Y * comptime!(tile_rows as u32);

    // 1. find the elements that this unit reads
    let lhs_vec8 = unit % comptime!(DEPTH as u32 / 8);
    let mut lhs_rows = Array::<u32>::new(lhs_reads);
    let mut lhs_y = Array::<u32>::new(lhs_reads);
    let mut lhs_x = Array::<u32>::new(lhs_reads);
    #[unroll]
    for i in 0..lhs_reads {
        let row = row0 + unit / comptime!(DEPTH as u32 / 8) + comptime!((i * units * 8 / DEPTH) as u32);
        locate_row(&mut lhs_rows, &mut lhs_y, &mut lhs_x, i, row, rows, depth, &map, source, 8_u32);
    }
    let mut rhs_columns = Array::<u32>::new(rhs_reads);
    #[unroll]
    for i in 0..rhs_reads {
        let vec8 = (unit + comptime!((i * units) as u32)) % comptime!(tile_columns as u32 / 8);
        let column = rhs_column(8 * vec8, columns, tile, epilogue);
        rhs_columns[i] = column / 8;
    }
    let mut rhs_width = columns / 8;
    if comptime!(epilogue.gated) {
        rhs_width = columns / 4;
    }

    // 2. multiply slice by slice of the depth, while the next slice is read
    let mut accumulators = Sequence::<cmma::Matrix<f32>>::new();
    #[unroll]
    for _ in 0..comptime!(tile.fragments_m * tile.fragments_n) {
        accumulators.push(cmma::Matrix::<f32>::from_value(
            cmma::MatrixIdent::Accumulator,
            FRAGMENT,
            FRAGMENT,
            FRAGMENT,
            cmma::MatrixLayout::Undefined,
            0.0,
        ));
    }
    let mut lhs_next = Array::<PackedHalf8>::new(lhs_reads);
    let mut rhs_next = Array::<PackedHalf8>::new(rhs_reads);
    let slices = depth / comptime!(DEPTH as u32);
    for slice in 0..slices + 1 {
        if slice < slices {
            let depth0 = slice * comptime!(DEPTH as u32);
            read_lhs(lhs, &mut lhs_next, &lhs_rows, &lhs_y, &lhs_x, lhs_vec8, depth0, &map, source);
            #[unroll]
            for i in 0..rhs_reads {
                // If the division is uneven, the last units read a row again and do not store it.
                let row = (unit + comptime!((i * units) as u32)) / comptime!(tile_columns as u32 / 8);
                let row = min(row, comptime!(DEPTH as u32 - 1));
                rhs_next[i] = rhs[((depth0 + row) * rhs_width + rhs_columns[i]) as usize];
            }
        }
        if slice > 0 {
            let start = ((slice + 1) % 2) as usize * stage;
            let middle = start + lhs_stage;
            multiply(&shared[start..middle], &shared[middle..start + stage], &mut accumulators, plane, tile);
        }
        if slice < slices {
            let start = (slice % 2) as usize * stage;
            #[unroll]
            for i in 0..lhs_reads {
                let row = unit / comptime!(DEPTH as u32 / 8) + comptime!((i * units * 8 / DEPTH) as u32);
                shared[start + row as usize * lhs_stride + lhs_vec8 as usize] = lhs_next[i];
            }
            #[unroll]
            for i in 0..rhs_reads {
                let index = unit + comptime!((i * units) as u32);
                let row = index / comptime!(tile_columns as u32 / 8);
                let vec8 = index % comptime!(tile_columns as u32 / 8);
                let to = start + lhs_stage + row as usize * rhs_stride + vec8 as usize;
                if comptime!((i + 1) * units <= rhs_vec8s) || index < comptime!(rhs_vec8s as u32) {
                    shared[to] = rhs_next[i];
                }
            }
        }
        sync_cube();
    }

    // 3. apply the epilogue, reusing the shared memory, and write
    write(
        &mut shared,
        &accumulators,
        bias,
        residual,
        out,
        rows,
        columns,
        bias_rows,
        row0,
        plane,
        tile,
        epilogue,
    );
}

/// Finds what row `i` of a unit's reads starts from. For a matrix, `rows` gets the row's start in
/// vectors of `line` elements. For a map, it gets the first pixel of the image, and `y` and `x` the
/// neighborhood's corner in the padded map.
#[cube]
pub(super) fn locate_row(
    rows: &mut Array<u32>,
    y: &mut Array<u32>,
    x: &mut Array<u32>,
    #[comptime] i: usize,
    row: u32,
    row_count: u32,
    depth: u32,
    map: &MapShape,
    #[comptime] source: Source,
    #[comptime] line: u32,
) {
    // Rows beyond the last one are computed, but not written.
    let row = min(row, row_count - 1);
    match comptime!(source) {
        Source::Matrix => {
            rows[i] = row * depth / line;
        }
        Source::Map { stride, .. } => {
            let pixels = map.out_height * map.out_width;
            let pixel = row % pixels;
            rows[i] = row / pixels * map.height * map.width;
            y[i] = pixel / map.out_width * comptime!(stride);
            x[i] = pixel % map.out_width * comptime!(stride);
        }
    }
}

/// Returns the column of the right matrix for column `column` of this cube's tile. With gates, the
/// fragments of each plane are half values and half gates.
#[cube]
fn rhs_column(column: u32, columns: u32, #[comptime] tile: Tile, #[comptime] epilogue: Epilogue) -> u32 {
    if comptime!(epilogue.gated) {
        let width = comptime!((tile.fragments_n * FRAGMENT) as u32);
        let half = comptime!(width / 2);
        let within = column % width;
        let tile0 = CUBE_POS_X * comptime!(tile.columns() as u32 / 2);
        let value = min(tile0 + column / width * half + within % half, columns - 8);
        value + within / half * columns
    } else {
        min(CUBE_POS_X * comptime!(tile.columns() as u32) + column, columns - 8)
    }
}

/// Reads a unit's elements of one slice of the left matrix.
#[cube]
fn read_lhs(
    lhs: &[PackedHalf8],
    next: &mut Array<PackedHalf8>,
    rows: &Array<u32>,
    y: &Array<u32>,
    x: &Array<u32>,
    vec8: u32,
    depth0: u32,
    map: &MapShape,
    #[comptime] source: Source,
) {
    let reads = next.len();
    match comptime!(source) {
        Source::Matrix =>
        {
            #[unroll]
            for i in 0..reads {
                next[i] = lhs[(rows[i] + depth0 / 8 + vec8) as usize];
            }
        }
        Source::Map { padding, upsample2x, .. } => {
            let tap = depth0 / map.channels;
            let channel = depth0 % map.channels + 8 * vec8;
            let (down, right) = (tap / 3, tap % 3);
            let scale = comptime!(if upsample2x { 2_u32 } else { 1 });
            #[unroll]
            for i in 0..reads {
                // Above or to the left of the map, the difference wraps around to beyond its end.
                let row = y[i] + down - comptime!(padding);
                let column = x[i] + right - comptime!(padding);
                let mut value = PackedHalf8::new(0_u32);
                if row < map.height * scale && column < map.width * scale {
                    let pixel = rows[i] + row / scale * map.width + column / scale;
                    value = lhs[((pixel * map.channels + channel) / 8) as usize];
                }
                next[i] = value;
            }
        }
    }
}

/// Adds the product of one slice to the accumulators of a plane.
#[cube]
fn multiply(
    lhs: &[PackedHalf8],
    rhs: &[PackedHalf8],
    accumulators: &mut Sequence<cmma::Matrix<f32>>,
    plane: u32,
    #[comptime] tile: Tile,
) {
    let lhs_stride = comptime!(DEPTH + PAD);
    let rhs_stride = comptime!(tile.columns() + PAD);
    let plane_m = (plane / comptime!(tile.planes_n as u32)) as usize;
    let plane_n = (plane % comptime!(tile.planes_n as u32)) as usize;
    #[unroll]
    for k in 0..comptime!(DEPTH / FRAGMENT) {
        let mut lhs_fragments = Sequence::<cmma::Matrix<f16>>::new();
        #[unroll]
        for m in 0..tile.fragments_m {
            let row = plane_m * comptime!(tile.fragments_m * FRAGMENT) + comptime!(m * FRAGMENT);
            let start = row * comptime!(lhs_stride / 8) + comptime!(k * FRAGMENT / 8);
            let matrix = fragment(
                &lhs[start..lhs.len()],
                cmma::MatrixIdent::A,
                cmma::MatrixLayout::RowMajor,
                lhs_stride,
            );
            lhs_fragments.push(matrix);
        }
        #[unroll]
        for n in 0..tile.fragments_n {
            let column = plane_n * comptime!(tile.fragments_n * FRAGMENT / 8) + comptime!(n * FRAGMENT / 8);
            let start = comptime!(k * FRAGMENT * (rhs_stride / 8)) + column;
            let matrix = fragment(
                &rhs[start..rhs.len()],
                cmma::MatrixIdent::B,
                cmma::MatrixLayout::RowMajor,
                rhs_stride,
            );
            #[unroll]
            for m in 0..tile.fragments_m {
                let accumulator = &accumulators[comptime!(m * tile.fragments_n + n)];
                cmma::execute(&lhs_fragments[m], &matrix, accumulator, accumulator);
            }
        }
    }
}

/// Applies the epilogue to the accumulators of a plane, and writes the result.
#[cube]
fn write(
    shared: &mut Shared<[PackedHalf8]>,
    accumulators: &Sequence<cmma::Matrix<f32>>,
    bias: &[Half4],
    residual: &[Half4],
    out: &mut [Half4],
    rows: u32,
    columns: u32,
    bias_rows: u32,
    row0: u32,
    plane: u32,
    #[comptime] tile: Tile,
    #[comptime] epilogue: Epilogue,
) {
    // The layout of a fragment in registers is unspecified, so fragments are stored in shared
    // memory first. Each plane has space for one row of its fragments.
    let width = comptime!(tile.fragments_n * FRAGMENT);
    let stride = comptime!(width / 4);
    let start = plane as usize * comptime!(FRAGMENT * stride);
    let shares = comptime!(if epilogue.gated { 2_usize } else { 1 });
    let vec4s = comptime!((width / 4 / shares) as u32);
    let lane = UNIT_POS_X;
    let plane_m = plane / comptime!(tile.planes_n as u32);
    let plane_n = plane % comptime!(tile.planes_n as u32);
    let column0 = CUBE_POS_X * comptime!((tile.columns() / shares) as u32)
        + plane_n * comptime!((width / shares) as u32);
    #[unroll]
    for m in 0..tile.fragments_m {
        sync_plane();
        #[unroll]
        for n in 0..tile.fragments_n {
            let from = start + comptime!(n * FRAGMENT / 4);
            let end = shared.len();
            cmma::store(
                &mut shared[from..end],
                &accumulators[comptime!(m * tile.fragments_n + n)],
                comptime!(width as u32),
                cmma::MatrixLayout::RowMajor,
            );
        }
        sync_plane();
        #[unroll]
        for i in 0..comptime!(FRAGMENT * width / 4 / shares / 32) {
            let index = lane + comptime!(32 * i as u32);
            let within = index / vec4s;
            let vec4 = index % vec4s;
            let row = row0
                + plane_m * comptime!((tile.fragments_m * FRAGMENT) as u32)
                + comptime!((m * FRAGMENT) as u32)
                + within;
            let column = column0 + 4 * vec4;
            if row < rows && column < columns {
                let bias_row = row / bias_rows;
                let from = start + (within * comptime!(stride as u32) + vec4) as usize;
                let mut value = Float4::reinterpret(shared[from]);
                if comptime!(epilogue.gated) {
                    let mut gate = Float4::reinterpret(shared[from + comptime!(stride / 2)]);
                    if comptime!(epilogue.bias) {
                        let vec4 = (bias_row * columns * 2 + column) / 4;
                        value += Vector::cast_from(bias[vec4 as usize]);
                        gate += Vector::cast_from(bias[(vec4 + columns / 4) as usize]);
                    }
                    value *= gelu(gate);
                } else if comptime!(epilogue.bias) {
                    value += Vector::cast_from(bias[((bias_row * columns + column) / 4) as usize]);
                }
                let to = ((row * columns + column) / 4) as usize;
                if comptime!(epilogue.residual) {
                    value += Vector::cast_from(residual[to]);
                }
                out[to] = Vector::cast_from(value);
            }
        }
    }
}

/// Returns `x · Φ(x)`, the exact GELU (Hendrycks and Gimpel 2016, arXiv 1606.08415).
#[cube]
fn gelu(x: Float4) -> Float4 {
    let erf = (x * Vector::new(core::f32::consts::FRAC_1_SQRT_2)).erf();
    x * Vector::new(0.5) * (erf + Vector::new(1.0))
}
