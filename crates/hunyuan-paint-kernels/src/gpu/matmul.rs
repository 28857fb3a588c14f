//! One matrix product for linear layers and convolutions: tiles in shared memory, cooperative matrices, and what
//! follows the product (bias, residual, gated GELU) before it is written.
//!
//! A convolution is the product of its unfolded input with its weights; the unfolding happens while the tiles are
//! read ("implicit GEMM", Chetlur et al. 2014, arXiv 1410.0759), so that nothing is unfolded in memory.

use cubecl::{cmma, prelude::*};
use half::f16;

use super::{FRAGMENT, Float4, Half4, Half8, PAD, fragment};

/// How much of the depth is in shared memory at once.
pub(super) const DEPTH: usize = 32;

/// How a cube's part of the product is divided: among planes, and within a plane in fragments of 16×16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Planes above each other.
    planes_m: usize,
    /// Planes beside each other.
    planes_n: usize,
    /// Fragments of a plane above each other.
    fragments_m: usize,
    /// Fragments of a plane beside each other.
    fragments_n: usize,
}

impl Tile {
    /// So many planes and fragments above and beside each other.
    pub(super) const fn new(
        planes_m: usize,
        planes_n: usize,
        fragments_m: usize,
        fragments_n: usize,
    ) -> Self {
        Self { planes_m, planes_n, fragments_m, fragments_n }
    }

    /// Rows of the product that a cube computes.
    pub(super) const fn rows(&self) -> usize {
        self.planes_m * self.fragments_m * FRAGMENT
    }

    /// Columns likewise.
    pub(super) const fn columns(&self) -> usize {
        self.planes_n * self.fragments_n * FRAGMENT
    }

    /// Planes of a cube.
    pub(super) const fn planes(&self) -> usize {
        self.planes_m * self.planes_n
    }
}

/// Where the rows of the left matrix come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// They are there: `[rows, depth]`.
    Matrix,
    /// The 3×3 neighborhoods of a map `[B, H, W, C]`, with zeros outside of it.
    Map {
        /// Step between the neighborhoods.
        stride: u32,
        /// Pixels of zeros above and to the left.
        padding: u32,
        /// Whether every pixel of the map stands for 2×2 pixels.
        doubled: bool,
    },
}

/// What happens to the product before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Epilogue {
    /// Adds `bias`.
    pub(super) bias: bool,
    /// Adds `residual`.
    pub(super) residual: bool,
    /// The right matrix has twice the columns: values, then gates. Writes value · GELU(gate).
    pub(super) gated: bool,
}

/// The sizes of a [`Source::Map`]; unused otherwise.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct MapShape {
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) channels: u32,
    pub(super) out_height: u32,
    pub(super) out_width: u32,
}

/// `out [rows, columns] = lhs [rows, depth] · rhs [depth, columns]` and the epilogue. `bias [n, columns]` has one row for
/// each `bias_rows` rows of the product; `residual` has the product's shape. Depth is a multiple of 32, columns of 8.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "a kernel has no other way to be told")]
pub(super) fn matmul(
    lhs: &[Half8],
    rhs: &[Half8],
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
    let rhs_octets = comptime!(DEPTH * tile_columns / 8);
    let rhs_reads = comptime!(rhs_octets.div_ceil(units));

    let mut shared = Shared::<[Half8]>::new_aligned_slice(comptime!(2 * stage), 16usize);

    let unit = UNIT_POS;
    let plane = UNIT_POS_Y;
    let row0 = CUBE_POS_Y * comptime!(tile_rows as u32);

    // 1. where this unit reads from
    let lhs_octet = unit % comptime!(DEPTH as u32 / 8);
    let mut lhs_rows = Array::<u32>::new(lhs_reads);
    let mut lhs_y = Array::<u32>::new(lhs_reads);
    let mut lhs_x = Array::<u32>::new(lhs_reads);
    #[unroll]
    for i in 0..lhs_reads {
        let row = row0 + unit / comptime!(DEPTH as u32 / 8) + comptime!((i * units * 8 / DEPTH) as u32);
        // Rows beyond the last are computed, but never written.
        let row = min(row, rows - 1);
        match comptime!(source) {
            Source::Matrix => {
                lhs_rows[i] = row * depth / 8;
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
    let mut rhs_columns = Array::<u32>::new(rhs_reads);
    #[unroll]
    for i in 0..rhs_reads {
        let octet = (unit + comptime!((i * units) as u32)) % comptime!(tile_columns as u32 / 8);
        let column = rhs_column(8 * octet, columns, tile, epilogue);
        rhs_columns[i] = column / 8;
    }
    let mut rhs_width = columns / 8;
    if comptime!(epilogue.gated) {
        rhs_width = columns / 4;
    }

    // 2. the product, one slice of the depth after the other; the next one is on its way from memory meanwhile
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
    let mut lhs_next = Array::<Half8>::new(lhs_reads);
    let mut rhs_next = Array::<Half8>::new(rhs_reads);
    let slices = depth / comptime!(DEPTH as u32);
    for slice in 0..slices + 1 {
        if slice < slices {
            let depth0 = slice * comptime!(DEPTH as u32);
            read_lhs(lhs, &mut lhs_next, &lhs_rows, &lhs_y, &lhs_x, lhs_octet, depth0, &map, source);
            #[unroll]
            for i in 0..rhs_reads {
                // The last units of an uneven division read a row again, and keep it to themselves.
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
                shared[start + row as usize * lhs_stride + lhs_octet as usize] = lhs_next[i];
            }
            #[unroll]
            for i in 0..rhs_reads {
                let index = unit + comptime!((i * units) as u32);
                let row = index / comptime!(tile_columns as u32 / 8);
                let octet = index % comptime!(tile_columns as u32 / 8);
                let to = start + lhs_stage + row as usize * rhs_stride + octet as usize;
                if comptime!((i + 1) * units <= rhs_octets) || index < comptime!(rhs_octets as u32) {
                    shared[to] = rhs_next[i];
                }
            }
        }
        sync_cube();
    }

    // 3. what follows, in the memory that the product no longer needs
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

/// The column of the right matrix that stands in column `column` of this cube's tile. With gates, each plane has a
/// fragment of values and as many of gates.
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

#[cube]
#[allow(clippy::too_many_arguments, reason = "a kernel has no other way to be told")]
fn read_lhs(
    lhs: &[Half8],
    next: &mut Array<Half8>,
    rows: &Array<u32>,
    y: &Array<u32>,
    x: &Array<u32>,
    octet: u32,
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
                next[i] = lhs[(rows[i] + depth0 / 8 + octet) as usize];
            }
        }
        Source::Map { padding, doubled, .. } => {
            let tap = depth0 / map.channels;
            let channel = depth0 % map.channels + 8 * octet;
            let (down, right) = (tap / 3, tap % 3);
            let doubling = comptime!(if doubled { 2u32 } else { 1 });
            #[unroll]
            for i in 0..reads {
                // Above or to the left of the map the difference wraps around, to beyond its end.
                let row = y[i] + down - comptime!(padding);
                let column = x[i] + right - comptime!(padding);
                let mut value = Half8::new(0u32);
                if row < map.height * doubling && column < map.width * doubling {
                    let pixel = rows[i] + row / doubling * map.width + column / doubling;
                    value = lhs[((pixel * map.channels + channel) / 8) as usize];
                }
                next[i] = value;
            }
        }
    }
}

/// Adds the product of one slice to a plane's accumulators.
#[cube]
fn multiply(
    lhs: &[Half8],
    rhs: &[Half8],
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

#[cube]
#[allow(clippy::too_many_arguments, reason = "a kernel has no other way to be told")]
fn write(
    shared: &mut Shared<[Half8]>,
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
    // A fragment's layout is the driver's secret; in shared memory it is known. Each plane has room for one row of its
    // fragments there.
    let width = comptime!(tile.fragments_n * FRAGMENT);
    let stride = comptime!(width / 4);
    let start = plane as usize * comptime!(FRAGMENT * stride);
    let shares = comptime!(if epilogue.gated { 2usize } else { 1 });
    let quads = comptime!((width / 4 / shares) as u32);
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
            let within = index / quads;
            let quad = index % quads;
            let row = row0
                + plane_m * comptime!((tile.fragments_m * FRAGMENT) as u32)
                + comptime!((m * FRAGMENT) as u32)
                + within;
            let column = column0 + 4 * quad;
            if row < rows && column < columns {
                let bias_row = row / bias_rows;
                let from = start + (within * comptime!(stride as u32) + quad) as usize;
                let mut value = Float4::reinterpret(shared[from]);
                if comptime!(epilogue.gated) {
                    let mut gate = Float4::reinterpret(shared[from + comptime!(stride / 2)]);
                    if comptime!(epilogue.bias) {
                        let quad = (bias_row * columns * 2 + column) / 4;
                        value += Vector::cast_from(bias[quad as usize]);
                        gate += Vector::cast_from(bias[(quad + columns / 4) as usize]);
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

/// `x · Φ(x)`, exactly (Hendrycks and Gimpel 2016, arXiv 1606.08415).
#[cube]
fn gelu(x: Float4) -> Float4 {
    let erf = (x * Vector::new(core::f32::consts::FRAC_1_SQRT_2)).erf();
    x * Vector::new(0.5) * (erf + Vector::new(1.0))
}
