//! Launches of the GPU kernels on tensors.
//!
//! Each operation is a struct of its operands. `kernel` chooses the kernel by the device, the
//! precision and the shapes, or returns `None` if none fits; `run` launches what `kernel` chose.

#![expect(
    unsafe_code,
    reason = "kernels are launched without bounds checks; what they read and write is derived from the shapes here"
)]

use burn::tensor::{DType, Shape};
use burn_cubecl::{
    kernel::into_contiguous,
    ops::{numeric::empty_device_contiguous_dtype, permute},
    tensor::CubeTensor,
};
use cubecl::{
    client::Client,
    ir::{ElemType, FloatKind, features::MmaConfig},
    prelude::*,
};
use half::f16;

pub(crate) use super::matmul::Source;
use super::{
    FRAGMENT,
    attention::{self, AttentionShapeLaunch},
    attention_registers,
    matmul::{self, DEPTH, Epilogue, MapShapeLaunch, Tile},
    matmul_scalar,
    norm::{self, GroupNormShapeLaunch},
};
use crate::MatrixUnits;

/// [`attention_registers`] computes the first tile of keys twice, which pays off from this number
/// of keys on.
const REGISTERS_KEYS_MIN: usize = 256;

/// The widest head of [`attention::attention_scalar`], which keeps a query and its sums in
/// registers.
const SCALAR_HEAD_WIDTH_MAX: usize = 128;

/// The channels of a convolution's input must be a multiple of this.
pub(crate) const CHANNEL_MULTIPLE: usize = DEPTH;

/// The columns of a product must be a multiple of this.
pub(crate) const COLUMN_MULTIPLE: usize = 8;

/// Returns the matrix units of a device.
pub(crate) fn matrix_units(client: &Client) -> MatrixUnits {
    let half = ElemType::Float(FloatKind::F16);
    let single = ElemType::Float(FloatKind::F32);
    let needed = MmaConfig { a_type: half, b_type: half, cd_type: single, m: 16, n: 16, k: 16 };
    let properties = client.properties();
    let hardware = &properties.hardware;
    let multiplies = hardware.plane_size_min == 32
        && hardware.plane_size_max == 32
        && hardware.max_shared_memory_size >= 48 << 10
        && properties.features.matmul.cmma.contains(&needed);
    // The extension for operations on elements also brings matrices of a whole cube, which CubeCL
    // reports.
    match (multiplies, properties.features.matmul.cube_mma.is_empty()) {
        (false, _) => MatrixUnits::None,
        (true, true) => MatrixUnits::Multiply,
        (true, false) => MatrixUnits::MultiplyElementwise,
    }
}

/// Returns the number of cubes, or `None` if the device cannot launch as many.
fn cube_count(client: &Client, [x, y, z]: [usize; 3]) -> Option<CubeCount> {
    let max = client.properties().hardware.max_cube_count;
    let fits = x <= max.0 as usize && y <= max.1 as usize && z <= max.2 as usize;
    fits.then_some(CubeCount::Static(x as u32, y as u32, z as u32))
}

/// A tensor whose elements are stored in row-major order without gaps.
struct Contiguous(CubeTensor);

impl Contiguous {
    /// Copies the tensor if it is not contiguous.
    fn of(tensor: CubeTensor) -> Self {
        Self(into_contiguous(tensor))
    }

    /// Allocates a tensor on the device of another.
    fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> Self {
        Self(empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype))
    }

    /// Returns the elements as vectors of `width`.
    fn buffer(&self, width: usize) -> BufferArg {
        let length = self.0.meta.shape().num_elements() / width;
        // SAFETY: the tensor is contiguous, so its buffer has as many elements as its shape, and
        // `length` vectors of `width` elements are at most as many.
        unsafe { BufferArg::from_raw_parts(self.0.handle.clone(), length) }
    }
}

/// Permutes `[B, C, H, W]` to `[B, H, W, C]`, without moving elements.
fn channels_last(map: CubeTensor) -> CubeTensor {
    permute(map, &[0, 2, 3, 1])
}

/// Permutes `[B, H, W, C]` to `[B, C, H, W]`, without moving elements.
fn channels_first(map: CubeTensor) -> CubeTensor {
    permute(map, &[0, 3, 1, 2])
}

/// `softmax(q·kᵀ / √d)·v`. The caller checks that the shapes belong together and are not empty.
pub(crate) struct Attention {
    /// `[B, S, heads · d]`.
    pub(crate) query: CubeTensor,
    /// `[B, T, heads · d]`, or `[1, T, heads · d]` to share keys and values among the batch.
    pub(crate) key: CubeTensor,
    /// Of the key's shape.
    pub(crate) value: CubeTensor,
    /// The number of heads.
    pub(crate) heads: usize,
}

/// The kernels for attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AttentionKernel {
    Registers,
    Matrix,
    Scalar,
}

impl Attention {
    pub(crate) fn kernel_name(&self) -> Option<&'static str> {
        Some(match self.kernel()?.0 {
            AttentionKernel::Registers => "attention_registers",
            AttentionKernel::Matrix => "attention_matrix",
            AttentionKernel::Scalar => "attention_scalar",
        })
    }

    fn kernel(&self) -> Option<(AttentionKernel, CubeCount)> {
        let Self { query, key, value, heads } = self;
        let dtype = query.dtype;
        let [batch, queries, channels] = dims(query)?;
        let [_, keys, _] = dims(key)?;
        let are_addressable = [query, key, value].into_iter().all(is_addressable);
        if !are_addressable || key.dtype != dtype || value.dtype != dtype {
            return None;
        }
        let width = channels / heads;
        let client = &query.client;
        let units = matrix_units(client);
        let (kernel, tile) =
            if dtype == DType::F16 && width == attention::HEAD_WIDTH && units >= MatrixUnits::Multiply {
                let is_long = keys >= REGISTERS_KEYS_MIN;
                let kernel = match units >= MatrixUnits::MultiplyElementwise && is_long {
                    true => AttentionKernel::Registers,
                    false => AttentionKernel::Matrix,
                };
                (kernel, attention::QUERIES)
            } else {
                let shared_memory = client.properties().hardware.max_shared_memory_size;
                let fits = is_float(dtype)
                    && width.is_multiple_of(4)
                    && width <= SCALAR_HEAD_WIDTH_MAX
                    && attention::scalar_shared_memory(width) <= shared_memory;
                if !fits {
                    return None;
                }
                (AttentionKernel::Scalar, attention::SCALAR_QUERIES)
            };
        Some((kernel, cube_count(client, [queries.div_ceil(tile), *heads, batch])?))
    }

    /// Returns `[B, S, heads · d]`.
    pub(crate) fn run(self) -> Option<CubeTensor> {
        let (kernel, count) = self.kernel()?;
        let dtype = self.query.dtype;
        let [batch, queries, channels] = dims(&self.query)?;
        let [key_batch, keys, _] = dims(&self.key)?;
        let width = channels / self.heads;
        let query = Contiguous::of(self.query);
        let (key, value) = (Contiguous::of(self.key), Contiguous::of(self.value));
        let out = Contiguous::empty(&query.0, [batch, queries, channels], dtype);
        let shape = AttentionShapeLaunch::new(
            queries as u32,
            keys as u32,
            channels as u32,
            channels as u32,
            channels as u32,
            (queries * channels) as u32,
            if key_batch == 1 { 0 } else { (keys * channels) as u32 },
            (queries * channels) as u32,
        );
        let scale = 1.0 / (width as f32).sqrt();
        let client = &query.0.client;
        let planes = CubeDim::new_2d(32, attention::PLANES as u32);
        match kernel {
            AttentionKernel::Registers => {
                // SAFETY: rows beyond the last one are clamped to it when read, and are not
                // written.
                unsafe {
                    attention_registers::attention_registers::launch_unchecked(
                        client,
                        count,
                        planes,
                        query.buffer(8),
                        key.buffer(8),
                        value.buffer(8),
                        out.buffer(4),
                        shape,
                        scale,
                        !keys.is_multiple_of(attention::KEYS),
                    );
                }
            }
            AttentionKernel::Matrix => {
                // SAFETY: rows beyond the last one are clamped to it when read, and are not
                // written.
                unsafe {
                    attention::attention_matrix::launch_unchecked(
                        client,
                        count,
                        planes,
                        query.buffer(8),
                        key.buffer(8),
                        value.buffer(8),
                        out.buffer(4),
                        shape,
                        scale,
                    );
                }
            }
            AttentionKernel::Scalar => {
                let launch = match dtype {
                    DType::F16 => attention::attention_scalar::launch_unchecked::<f16>,
                    DType::F32 => attention::attention_scalar::launch_unchecked::<f32>,
                    _ => return None,
                };
                // SAFETY: rows beyond the last one are clamped to it when read, and are not
                // written.
                unsafe {
                    launch(
                        client,
                        count,
                        CubeDim::new_1d(attention::SCALAR_QUERIES as u32),
                        query.buffer(4),
                        key.buffer(4),
                        value.buffer(4),
                        out.buffer(4),
                        shape,
                        scale,
                        width,
                    );
                }
            }
        }
        Some(out.0)
    }
}

/// The operands of what follows a product.
pub(crate) struct EpilogueOperands {
    /// `[n, columns]`: each row is the bias of an `n`-th of the product's rows.
    pub(crate) bias: Option<CubeTensor>,
    /// Of the result's shape.
    pub(crate) residual: Option<CubeTensor>,
    /// The columns are values, then gates.
    pub(crate) gated: bool,
}

/// A matrix product and what follows it.
pub(crate) struct Product {
    lhs: CubeTensor,
    rhs: CubeTensor,
    epilogue: EpilogueOperands,
    rows: usize,
    depth: usize,
    /// The shape of the result.
    out_shape: Vec<usize>,
    source: Source,
    map: MapShapeLaunch,
}

/// The kernels for products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProductKernel {
    Matrix(Tile),
    Scalar,
}

impl Product {
    /// `x [.., depth] · weight [depth, columns]`. `None` if the shapes do not belong together.
    pub(crate) fn linear(x: CubeTensor, weight: CubeTensor, epilogue: EpilogueOperands) -> Option<Self> {
        let mut out_shape: Vec<usize> = x.meta.shape().to_vec();
        let depth = out_shape.pop()?;
        let rows = out_shape.iter().product();
        let [weight_depth, columns] = dims(&weight)?;
        if weight_depth != depth {
            return None;
        }
        out_shape.push(if epilogue.gated { columns / 2 } else { columns });
        let map = MapShapeLaunch::new(0, 0, 0, 0, 0);
        Some(Self { lhs: x, rhs: weight, epilogue, rows, depth, out_shape, source: Source::Matrix, map })
    }

    /// The 3×3 convolution of `map [B, C, H, W]` with `weight [C', C, 3, 3]`. `None` if the shapes
    /// do not belong together or do not fit the kernels. `source` says how the map is read.
    pub(crate) fn conv3x3(
        map: CubeTensor,
        weight: CubeTensor,
        epilogue: EpilogueOperands,
        source: Source,
        [out_height, out_width]: [usize; 2],
    ) -> Option<Self> {
        let [batch, channels, height, width] = dims(&map)?;
        let [columns, weight_channels, ..] = dims::<4>(&weight)?;
        let fits = weight_channels == channels
            && channels.is_multiple_of(CHANNEL_MULTIPLE)
            && columns.is_multiple_of(COLUMN_MULTIPLE);
        if !fits {
            return None;
        }
        let shape = MapShapeLaunch::new(
            height as u32,
            width as u32,
            channels as u32,
            out_height as u32,
            out_width as u32,
        );
        let residual = epilogue.residual.map(channels_last);
        Some(Self {
            lhs: channels_last(map),
            // [3, 3, C, C'], which is contiguous if `arrange_weight` was applied.
            rhs: permute(weight, &[2, 3, 1, 0]),
            epilogue: EpilogueOperands { residual, ..epilogue },
            rows: batch * out_height * out_width,
            depth: 9 * channels,
            out_shape: vec![batch, out_height, out_width, columns],
            source,
            map: shape,
        })
    }

    pub(crate) fn kernel_name(&self) -> Option<&'static str> {
        Some(match self.kernel()?.0 {
            ProductKernel::Matrix(_) => "matmul",
            ProductKernel::Scalar => "matmul_scalar",
        })
    }

    fn kernel(&self) -> Option<(ProductKernel, CubeCount)> {
        let Self { lhs, rhs, epilogue, rows, depth, .. } = self;
        let (rows, columns) = (*rows, *self.out_shape.last()?);
        let EpilogueOperands { bias, residual, gated } = epilogue;
        let biases = columns * if *gated { 2 } else { 1 };
        let bias_fits = |bias: &CubeTensor| {
            let count = bias.meta.shape().num_elements();
            bias.dtype == lhs.dtype
                && count > 0
                && (rows * biases).is_multiple_of(count)
                && count.is_multiple_of(biases)
        };
        let residual_fits = |residual: &CubeTensor| {
            residual.dtype == lhs.dtype && residual.meta.shape().num_elements() == rows * columns
        };
        let fits = is_addressable(lhs)
            && is_addressable(rhs)
            && rhs.dtype == lhs.dtype
            && depth.is_multiple_of(DEPTH)
            && (1..=u32::MAX as usize).contains(&(rows * columns))
            && bias.as_ref().is_none_or(bias_fits)
            && residual.as_ref().is_none_or(residual_fits);
        if !fits {
            return None;
        }
        let client = &lhs.client;
        let unit = if *gated { FRAGMENT } else { COLUMN_MULTIPLE };
        let (kernel, [tile_rows, tile_columns]) = if lhs.dtype == DType::F16
            && columns.is_multiple_of(unit)
            && matrix_units(client) >= MatrixUnits::Multiply
        {
            let tile = choose_tile(rows, columns, *gated);
            (ProductKernel::Matrix(tile), [tile.rows(), tile.out_columns(*gated)])
        } else if is_float(lhs.dtype) && !gated && columns.is_multiple_of(4) {
            (ProductKernel::Scalar, [matmul_scalar::ROWS, matmul_scalar::COLUMNS])
        } else {
            return None;
        };
        let count = cube_count(client, [columns.div_ceil(tile_columns), rows.div_ceil(tile_rows), 1])?;
        Some((kernel, count))
    }

    /// Returns the result: of a convolution, `[B, C', H', W']` with channels last in memory.
    pub(crate) fn run(self) -> Option<CubeTensor> {
        let (kernel, count) = self.kernel()?;
        let Self { lhs, rhs, epilogue, rows, depth, out_shape, source, map } = self;
        let columns = *out_shape.last()?;
        let dtype = lhs.dtype;
        let (lhs, rhs) = (Contiguous::of(lhs), Contiguous::of(rhs));
        let out = Contiguous::empty(&lhs.0, out_shape, dtype);
        let EpilogueOperands { bias, residual, gated } = epilogue;
        let biases = columns * if gated { 2 } else { 1 };
        let bias_rows = match &bias {
            Some(bias) => rows * biases / bias.meta.shape().num_elements(),
            None => 1,
        };
        let (bias, residual) = (bias.map(Contiguous::of), residual.map(Contiguous::of));
        let epilogue = Epilogue { bias: bias.is_some(), residual: residual.is_some(), gated };
        // Absent operands are not read; any buffer can stand in for them.
        let (bias, residual) = (bias.as_ref().unwrap_or(&lhs), residual.as_ref().unwrap_or(&lhs));
        let [rows, columns, depth, bias_rows] = [rows, columns, depth, bias_rows].map(|n| n as u32);
        let client = &lhs.0.client;
        match kernel {
            ProductKernel::Matrix(tile) => {
                // SAFETY: rows and columns beyond the last ones are clamped to them when read, and
                // are not written.
                unsafe {
                    matmul::matmul::launch_unchecked(
                        client,
                        count,
                        CubeDim::new_2d(32, tile.planes() as u32),
                        lhs.buffer(8),
                        rhs.buffer(8),
                        bias.buffer(4),
                        residual.buffer(4),
                        out.buffer(4),
                        rows,
                        columns,
                        depth,
                        bias_rows,
                        map,
                        tile,
                        source,
                        epilogue,
                    );
                }
            }
            ProductKernel::Scalar => {
                let launch = match dtype {
                    DType::F16 => matmul_scalar::matmul_scalar::launch_unchecked::<f16>,
                    DType::F32 => matmul_scalar::matmul_scalar::launch_unchecked::<f32>,
                    _ => return None,
                };
                // SAFETY: rows and columns beyond the last ones are clamped to them when read, and
                // are not written.
                unsafe {
                    launch(
                        client,
                        count,
                        CubeDim::new_1d(matmul_scalar::UNITS as u32),
                        lhs.buffer(4),
                        rhs.buffer(4),
                        bias.buffer(4),
                        residual.buffer(4),
                        out.buffer(4),
                        rows,
                        columns,
                        depth,
                        bias_rows,
                        map,
                        source,
                        epilogue,
                    );
                }
            }
        }
        Some(match source {
            Source::Matrix => out.0,
            Source::Map { .. } => channels_first(out.0),
        })
    }
}

/// Returns the tile that wastes the least, and still keeps most multiprocessors of a large GPU
/// busy. The choice depends on the shape alone, so that every device adds in the same order.
fn choose_tile(rows: usize, columns: usize, gated: bool) -> Tile {
    let cubes = |tile: &Tile| rows.div_ceil(tile.rows()) * columns.div_ceil(tile.out_columns(gated));
    let large =
        if !gated && columns.is_multiple_of(160) { Tile::new(4, 2, 2, 5) } else { Tile::new(4, 2, 2, 4) };
    if cubes(&large) >= 100 { large } else { Tile::new(2, 2, 2, 2) }
}

/// Group norm, optionally followed by SiLU.
pub(crate) struct GroupNorm {
    /// `[B, C, H, W]`.
    pub(crate) map: CubeTensor,
    /// `[C]`.
    pub(crate) gamma: CubeTensor,
    /// `[C]`.
    pub(crate) beta: CubeTensor,
    /// The number of groups.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) epsilon: f64,
    /// Applies SiLU to the result.
    pub(crate) silu: bool,
}

/// The sizes and cube counts of the three passes of a group norm.
struct GroupNormPlan {
    chunk: usize,
    parts: usize,
    parts_count: CubeCount,
    factors_count: CubeCount,
    apply_count: CubeCount,
}

impl GroupNorm {
    pub(crate) fn kernel_name(&self) -> Option<&'static str> {
        self.plan().map(|_| "group_norm")
    }

    fn plan(&self) -> Option<GroupNormPlan> {
        let Self { map, gamma, beta, groups, .. } = self;
        let [batch, channels, height, width] = dims(map)?;
        let fits = is_addressable(map)
            && is_float(map.dtype)
            && channels.is_multiple_of(4)
            && *groups > 0
            && channels.is_multiple_of(*groups)
            && is_per_channel(gamma, map.dtype, channels)
            && is_per_channel(beta, map.dtype, channels);
        if !fits {
            return None;
        }
        let pixels = height * width;
        let vec4s = channels / 4;
        let at_once = (norm::UNITS / vec4s).max(1);
        let chunks = pixels.div_ceil(64).min(512);
        let chunk = pixels.div_ceil(chunks);
        let chunks = pixels.div_ceil(chunk);
        let [across, down] = in_two_dimensions((pixels * vec4s).div_ceil(norm::UNITS));
        let client = &map.client;
        Some(GroupNormPlan {
            chunk,
            parts: chunks * at_once,
            parts_count: cube_count(client, [chunks, batch, 1])?,
            factors_count: cube_count(client, [*groups, batch, 1])?,
            apply_count: cube_count(client, [across, down, batch])?,
        })
    }

    /// Returns `[B, C, H, W]` with channels last in memory.
    pub(crate) fn run(self) -> Option<CubeTensor> {
        let GroupNormPlan { chunk, parts, parts_count, factors_count, apply_count } = self.plan()?;
        let Self { map, gamma, beta, groups, epsilon, silu } = self;
        let [batch, channels, height, width] = dims(&map)?;
        let dtype = map.dtype;
        let pixels = height * width;
        let shape = || {
            let [pixels, channels, groups, chunk, parts] =
                [pixels, channels, groups, chunk, parts].map(|n| n as u32);
            GroupNormShapeLaunch::new(pixels, channels, groups, chunk, parts)
        };
        let map = Contiguous::of(channels_last(map));
        let (gamma, beta) = (Contiguous::of(gamma), Contiguous::of(beta));
        let means = Contiguous::empty(&map.0, [batch, parts, channels], DType::F32);
        let deviations = Contiguous::empty(&map.0, [batch, parts, channels], DType::F32);
        let factors = Contiguous::empty(&map.0, [batch, channels], DType::F32);
        let offsets = Contiguous::empty(&map.0, [batch, channels], DType::F32);
        let out = Contiguous::empty(&map.0, [batch, height, width, channels], dtype);
        let client = &map.0.client;
        let units = CubeDim::new_1d(norm::UNITS as u32);
        macro_rules! launch {
            ($float:ty) => {
                // SAFETY: the buffers have space for every part, group and vector of four channels.
                unsafe {
                    norm::group_norm_parts::launch_unchecked::<$float>(
                        client,
                        parts_count,
                        units,
                        map.buffer(4),
                        means.buffer(4),
                        deviations.buffer(4),
                        shape(),
                    );
                    norm::group_norm_factors::launch_unchecked::<$float>(
                        client,
                        factors_count,
                        units,
                        means.buffer(1),
                        deviations.buffer(1),
                        gamma.buffer(1),
                        beta.buffer(1),
                        factors.buffer(1),
                        offsets.buffer(1),
                        shape(),
                        epsilon as f32,
                    );
                    norm::group_norm_apply::launch_unchecked::<$float>(
                        client,
                        apply_count,
                        units,
                        map.buffer(4),
                        factors.buffer(4),
                        offsets.buffer(4),
                        out.buffer(4),
                        shape(),
                        silu,
                    );
                }
            };
        }
        match dtype {
            DType::F16 => launch!(f16),
            DType::F32 => launch!(f32),
            _ => return None,
        }
        Some(channels_first(out.0))
    }
}

/// Layer norm over the last dimension.
pub(crate) struct LayerNorm {
    /// `[.., C]`.
    pub(crate) tokens: CubeTensor,
    /// `[C]`.
    pub(crate) gamma: CubeTensor,
    /// `[C]`.
    pub(crate) beta: CubeTensor,
    /// Added to the variance.
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn kernel_name(&self) -> Option<&'static str> {
        self.count().map(|_| "layer_norm")
    }

    fn count(&self) -> Option<CubeCount> {
        let Self { tokens, gamma, beta, .. } = self;
        let channels = *tokens.meta.shape().to_vec().last()?;
        let fits = is_addressable(tokens)
            && is_float(tokens.dtype)
            && channels.is_multiple_of(4)
            && is_per_channel(gamma, tokens.dtype, channels)
            && is_per_channel(beta, tokens.dtype, channels);
        if !fits {
            return None;
        }
        let [across, down] = in_two_dimensions(tokens.meta.shape().num_elements() / channels);
        cube_count(&tokens.client, [across, down, 1])
    }

    /// Returns a tensor of the tokens' shape.
    pub(crate) fn run(self) -> Option<CubeTensor> {
        let count = self.count()?;
        let Self { tokens, gamma, beta, epsilon } = self;
        let dtype = tokens.dtype;
        let shape: Vec<usize> = tokens.meta.shape().to_vec();
        let channels = *shape.last()?;
        let rows = shape.iter().product::<usize>() / channels;
        let launch = match dtype {
            DType::F16 => norm::layer_norm::launch_unchecked::<f16>,
            DType::F32 => norm::layer_norm::launch_unchecked::<f32>,
            _ => return None,
        };
        let tokens = Contiguous::of(tokens);
        let out = Contiguous::empty(&tokens.0, shape, dtype);
        // SAFETY: cubes beyond the last row return at once.
        unsafe {
            launch(
                &tokens.0.client,
                count,
                CubeDim::new_1d(norm::LAYER_NORM_UNITS as u32),
                tokens.buffer(4),
                Contiguous::of(gamma).buffer(4),
                Contiguous::of(beta).buffer(4),
                out.buffer(4),
                channels as u32,
                rows as u32,
                epsilon as f32,
            );
        }
        Some(out.0)
    }
}

/// Splits a number of cubes into two dimensions, since devices limit each of them. The product may
/// be a little larger.
fn in_two_dimensions(cubes: usize) -> [usize; 2] {
    let across = cubes.clamp(1, 1 << 15);
    [across, cubes.div_ceil(across)]
}

/// Returns whether the tensor is not empty and can be indexed with `u32`.
fn is_addressable(tensor: &CubeTensor) -> bool {
    (1..=u32::MAX as usize).contains(&tensor.meta.shape().num_elements())
}

/// Returns whether kernels are generated for the precision.
fn is_float(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::F32)
}

/// Returns whether the tensor has one element per channel.
fn is_per_channel(tensor: &CubeTensor, dtype: DType, channels: usize) -> bool {
    tensor.dtype == dtype && dims(tensor) == Some([channels])
}

fn dims<const D: usize>(tensor: &CubeTensor) -> Option<[usize; D]> {
    tensor.meta.shape().to_vec().try_into().ok()
}
