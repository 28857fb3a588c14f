//! From tensors to launches. Every function gives `None` where its kernel does not fit the device, the precision or the
//! shapes.

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

use super::{
    FRAGMENT,
    attention::{self, AttentionShapeLaunch},
    attention_registers,
    matmul::{self, DEPTH, Epilogue, MapShapeLaunch, Source, Tile},
    matmul_scalar,
    norm::{self, GroupNormShapeLaunch},
};

/// With fewer keys than these it is not worth while to do the first tile of keys twice.
const SHORT: usize = 256;

/// Channels of a convolution's input come in multiples of this.
pub(crate) const CHANNELS: usize = DEPTH;

/// Columns of a product likewise.
pub(crate) const COLUMNS: usize = 8;

/// Cubes in one dimension.
const MAX_CUBES: u32 = u16::MAX as u32;

/// Whether the device multiplies matrices of 16×16 in half precision, with sums in single, and has planes of 32.
fn multiplies_matrices(client: &Client) -> bool {
    let half = ElemType::Float(FloatKind::F16);
    let single = ElemType::Float(FloatKind::F32);
    let needed = MmaConfig { a_type: half, b_type: half, cd_type: single, m: 16, n: 16, k: 16 };
    let properties = client.properties();
    let hardware = &properties.hardware;
    hardware.plane_size_min == 32
        && hardware.plane_size_max == 32
        && hardware.max_shared_memory_size >= 48 << 10
        && properties.features.matmul.cmma.contains(&needed)
}

/// Whether the elements of a cooperative matrix can be worked on, and a product be a factor: what the extension brings that
/// is known by its matrices of a whole cube.
fn works_on_elements(client: &Client) -> bool {
    !client.properties().features.matmul.cube_mma.is_empty()
}

/// The whole buffer, as `width` numbers at once.
fn buffer(tensor: &CubeTensor, width: usize) -> BufferArg {
    let length = tensor.meta.shape().num_elements() / width;
    // SAFETY: a contiguous tensor's buffer has as many numbers as its shape says.
    unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), length) }
}

fn empty(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape.into(), dtype)
}

/// `[B, C, H, W]` as `[B, H, W, C]`, contiguous; free where it lies so already.
fn channels_last(map: CubeTensor) -> CubeTensor {
    into_contiguous(permute(map, &[0, 2, 3, 1]))
}

/// `[B, H, W, C]` as `[B, C, H, W]`; the numbers stay where they are.
fn channels_first(map: CubeTensor) -> CubeTensor {
    permute(map, &[0, 3, 1, 2])
}

/// `softmax(q·kᵀ / √d)·v` for `query [B, S, heads · d]`, `key` and `value [B, T, heads · d]`; one key for all batches is
/// `[1, T, heads · d]`. That the shapes fit is for the caller to see.
pub(crate) fn attention(
    query: CubeTensor,
    key: CubeTensor,
    value: CubeTensor,
    heads: usize,
) -> Option<CubeTensor> {
    let dtype = query.dtype;
    let [batch, queries, channels] = dims(&query)?;
    let [key_batch, keys, _] = dims(&key)?;
    let are_addressable = [&query, &key, &value].into_iter().all(is_addressable);
    if !are_addressable || key.dtype != dtype || value.dtype != dtype {
        return None;
    }
    let (query, key, value) = (into_contiguous(query), into_contiguous(key), into_contiguous(value));
    let width = channels / heads;
    let out = empty(&query, [batch, queries, channels], dtype);
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
    let client = query.client.clone();
    let count = |tile: usize| CubeCount::Static(queries.div_ceil(tile) as u32, heads as u32, batch as u32);
    if dtype == DType::F16 && width == attention::HEAD && multiplies_matrices(&client) {
        if works_on_elements(&client) && keys >= SHORT {
            // SAFETY: rows beyond the last are read as the last and not written.
            unsafe {
                attention_registers::attention_registers::launch_unchecked(
                    &client,
                    count(attention::QUERIES),
                    CubeDim::new_2d(32, attention::PLANES as u32),
                    buffer(&query, 8),
                    buffer(&key, 8),
                    buffer(&value, 8),
                    buffer(&out, 4),
                    shape,
                    scale,
                    !keys.is_multiple_of(attention::KEYS),
                );
            }
            return Some(out);
        }
        // SAFETY: rows beyond the last are read as the last and not written.
        unsafe {
            attention::attention_matrix::launch_unchecked(
                &client,
                count(attention::QUERIES),
                CubeDim::new_2d(32, attention::PLANES as u32),
                buffer(&query, 8),
                buffer(&key, 8),
                buffer(&value, 8),
                buffer(&out, 4),
                shape,
                scale,
            );
        }
        return Some(out);
    }
    // Queries and sums are in registers.
    if !width.is_multiple_of(4) || width > 128 {
        return None;
    }
    let launch = match dtype {
        DType::F16 => attention::attention_scalar::launch_unchecked::<f16>,
        DType::F32 => attention::attention_scalar::launch_unchecked::<f32>,
        _ => return None,
    };
    // SAFETY: as above.
    unsafe {
        launch(
            &client,
            count(attention::SCALAR_QUERIES),
            CubeDim::new_1d(attention::SCALAR_QUERIES as u32),
            buffer(&query, 4),
            buffer(&key, 4),
            buffer(&value, 4),
            buffer(&out, 4),
            shape,
            scale,
            width,
        );
    }
    Some(out)
}

/// What a product is given beside its two matrices.
pub(crate) struct Product {
    /// `[n, columns]`; each row serves as many rows of the product.
    pub(crate) bias: Option<CubeTensor>,
    /// Of the product's shape.
    pub(crate) residual: Option<CubeTensor>,
    /// Whether the columns are values and gates.
    pub(crate) gated: bool,
}

/// `x [.., depth] · weight [depth, columns]`.
pub(crate) fn linear(x: CubeTensor, weight: CubeTensor, product: Product) -> Option<CubeTensor> {
    let mut shape: Vec<usize> = x.meta.shape().to_vec();
    let depth = shape.pop()?;
    let rows = shape.iter().product();
    let [weight_depth, columns] = dims(&weight)?;
    if weight_depth != depth {
        return None;
    }
    let (x, weight) = (into_contiguous(x), into_contiguous(weight));
    shape.push(if product.gated { columns / 2 } else { columns });
    let map = MapShapeLaunch::new(0, 0, 0, 0, 0);
    launch_matmul(x, weight, product, [rows, depth], shape, Source::Matrix, map)
}

/// The 3×3 convolution of `map [B, C, H, W]` with `weight [C', C, 3, 3]`.
pub(crate) fn conv3x3(
    map: CubeTensor,
    weight: CubeTensor,
    product: Product,
    [stride, padding]: [usize; 2],
    doubled: bool,
    [out_height, out_width]: [usize; 2],
) -> Option<CubeTensor> {
    let [batch, channels, height, width] = dims(&map)?;
    let [columns, weight_channels, ..] = dims::<4>(&weight)?;
    if weight_channels != channels || !channels.is_multiple_of(CHANNELS) || !columns.is_multiple_of(COLUMNS) {
        return None;
    }
    let map = channels_last(map);
    // [3, 3, C, C'], which costs nothing where the weights lie so already.
    let weight = into_contiguous(permute(weight, &[2, 3, 1, 0]));
    let product = Product { residual: product.residual.map(channels_last), ..product };
    let source = Source::Map { stride: stride as u32, padding: padding as u32, doubled };
    let shape = MapShapeLaunch::new(
        height as u32,
        width as u32,
        channels as u32,
        out_height as u32,
        out_width as u32,
    );
    let rows = batch * out_height * out_width;
    let out_shape = vec![batch, out_height, out_width, columns];
    let out = launch_matmul(map, weight, product, [rows, 9 * channels], out_shape, source, shape)?;
    Some(channels_first(out))
}

fn launch_matmul(
    lhs: CubeTensor,
    rhs: CubeTensor,
    product: Product,
    [rows, depth]: [usize; 2],
    shape: Vec<usize>,
    source: Source,
    map: MapShapeLaunch,
) -> Option<CubeTensor> {
    let columns = *shape.last()?;
    let Product { bias, residual, gated } = product;
    let biases = columns * if gated { 2 } else { 1 };
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
    let fits = is_addressable(&lhs)
        && is_addressable(&rhs)
        && rhs.dtype == lhs.dtype
        && depth.is_multiple_of(DEPTH)
        && (1..=u32::MAX as usize).contains(&(rows * columns))
        && bias.as_ref().is_none_or(bias_fits)
        && residual.as_ref().is_none_or(residual_fits);
    if !fits {
        return None;
    }
    let client = lhs.client.clone();
    let out = empty(&lhs, shape, lhs.dtype);
    let bias = bias.map(into_contiguous);
    let bias_rows = match &bias {
        Some(bias) => rows * biases / bias.meta.shape().num_elements(),
        None => 1,
    };
    let residual = residual.map(into_contiguous);
    let epilogue = Epilogue { bias: bias.is_some(), residual: residual.is_some(), gated };
    // What is absent is not read.
    let (bias, residual) = (bias.as_ref().unwrap_or(&lhs), residual.as_ref().unwrap_or(&lhs));
    let [rows_arg, columns_arg, depth_arg, bias_rows] = [rows, columns, depth, bias_rows].map(|n| n as u32);
    let cubes = |tile_rows: usize, tile_columns: usize| {
        let (across, down) = (columns.div_ceil(tile_columns) as u32, rows.div_ceil(tile_rows) as u32);
        (down <= MAX_CUBES).then_some(CubeCount::Static(across, down, 1))
    };

    let unit = if gated { FRAGMENT } else { COLUMNS };
    if lhs.dtype == DType::F16 && columns.is_multiple_of(unit) && multiplies_matrices(&client) {
        let tile = choose_tile(rows, columns, gated);
        let tile_columns = if gated { tile.columns() / 2 } else { tile.columns() };
        // SAFETY: rows and columns beyond the last are read as others and not written.
        unsafe {
            matmul::matmul::launch_unchecked(
                &client,
                cubes(tile.rows(), tile_columns)?,
                CubeDim::new_2d(32, tile.planes() as u32),
                buffer(&lhs, 8),
                buffer(&rhs, 8),
                buffer(bias, 4),
                buffer(residual, 4),
                buffer(&out, 4),
                rows_arg,
                columns_arg,
                depth_arg,
                bias_rows,
                map,
                tile,
                source,
                epilogue,
            );
        }
        return Some(out);
    }

    if gated || !columns.is_multiple_of(4) {
        return None;
    }
    let launch = match lhs.dtype {
        DType::F16 => matmul_scalar::matmul_scalar::launch_unchecked::<f16>,
        DType::F32 => matmul_scalar::matmul_scalar::launch_unchecked::<f32>,
        _ => return None,
    };
    // SAFETY: as above.
    unsafe {
        launch(
            &client,
            cubes(matmul_scalar::ROWS, matmul_scalar::COLUMNS)?,
            CubeDim::new_1d(matmul_scalar::UNITS as u32),
            buffer(&lhs, 4),
            buffer(&rhs, 4),
            buffer(bias, 4),
            buffer(residual, 4),
            buffer(&out, 4),
            rows_arg,
            columns_arg,
            depth_arg,
            bias_rows,
            map,
            source,
            epilogue,
        );
    }
    Some(out)
}

/// The tile that wastes least, and still gives most multiprocessors of a large GPU something to do. By the shape alone,
/// so that every device sums in the same order.
fn choose_tile(rows: usize, columns: usize, gated: bool) -> Tile {
    let cubes = |tile: &Tile| {
        let tile_columns = if gated { tile.columns() / 2 } else { tile.columns() };
        rows.div_ceil(tile.rows()) * columns.div_ceil(tile_columns)
    };
    let large =
        if !gated && columns.is_multiple_of(160) { Tile::new(4, 2, 2, 5) } else { Tile::new(4, 2, 2, 4) };
    if cubes(&large) >= 100 { large } else { Tile::new(2, 2, 2, 2) }
}

/// Group norm of `map [B, C, H, W]`, with SiLU if asked.
pub(crate) fn group_norm(
    map: CubeTensor,
    gamma: CubeTensor,
    beta: CubeTensor,
    groups: usize,
    epsilon: f64,
    silu: bool,
) -> Option<CubeTensor> {
    let [batch, channels, height, width] = dims(&map)?;
    let dtype = map.dtype;
    let pixels = height * width;
    let per_channel = |tensor: &CubeTensor| tensor.dtype == dtype && dims(tensor) == Some([channels]);
    let fits = is_addressable(&map)
        && channels.is_multiple_of(4)
        && groups > 0
        && channels.is_multiple_of(groups)
        && per_channel(&gamma)
        && per_channel(&beta);
    if !fits {
        return None;
    }
    let map = channels_last(map);
    let client = map.client.clone();
    let quads = channels / 4;
    let at_once = (norm::UNITS / quads).max(1);
    let chunks = pixels.div_ceil(64).min(512);
    let chunk = pixels.div_ceil(chunks);
    let chunks = pixels.div_ceil(chunk);
    let parts = chunks * at_once;
    let shape = || {
        let [pixels, channels, groups, chunk, parts] =
            [pixels, channels, groups, chunk, parts].map(|n| n as u32);
        GroupNormShapeLaunch::new(pixels, channels, groups, chunk, parts)
    };
    let means = empty(&map, [batch, parts, channels], DType::F32);
    let deviations = empty(&map, [batch, parts, channels], DType::F32);
    let factors = empty(&map, [batch, channels], DType::F32);
    let offsets = empty(&map, [batch, channels], DType::F32);
    let out = empty(&map, [batch, height, width, channels], dtype);
    let (gamma, beta) = (into_contiguous(gamma), into_contiguous(beta));
    let units = CubeDim::new_1d(norm::UNITS as u32);
    let (batch, groups) = (batch as u32, groups as u32);
    let [across, down] = in_two_dimensions((pixels * quads).div_ceil(norm::UNITS));
    let apply_count = CubeCount::Static(across, down, batch);
    macro_rules! launch {
        ($float:ty) => {
            // SAFETY: every part, group and quad is within the buffers that were made for them.
            unsafe {
                norm::group_norm_parts::launch_unchecked::<$float>(
                    &client,
                    CubeCount::Static(chunks as u32, batch, 1),
                    units,
                    buffer(&map, 4),
                    buffer(&means, 4),
                    buffer(&deviations, 4),
                    shape(),
                );
                norm::group_norm_factors::launch_unchecked::<$float>(
                    &client,
                    CubeCount::Static(groups, batch, 1),
                    units,
                    buffer(&means, 1),
                    buffer(&deviations, 1),
                    buffer(&gamma, 1),
                    buffer(&beta, 1),
                    buffer(&factors, 1),
                    buffer(&offsets, 1),
                    shape(),
                    epsilon as f32,
                );
                norm::group_norm_apply::launch_unchecked::<$float>(
                    &client,
                    apply_count,
                    units,
                    buffer(&map, 4),
                    buffer(&factors, 4),
                    buffer(&offsets, 4),
                    buffer(&out, 4),
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
    Some(channels_first(out))
}

/// Layer norm over the last dimension.
pub(crate) fn layer_norm(
    tokens: CubeTensor,
    gamma: CubeTensor,
    beta: CubeTensor,
    epsilon: f64,
) -> Option<CubeTensor> {
    let shape: Vec<usize> = tokens.meta.shape().to_vec();
    let channels = *shape.last()?;
    let dtype = tokens.dtype;
    let per_channel = |tensor: &CubeTensor| tensor.dtype == dtype && dims(tensor) == Some([channels]);
    let fits =
        is_addressable(&tokens) && channels.is_multiple_of(4) && per_channel(&gamma) && per_channel(&beta);
    if !fits {
        return None;
    }
    let launch = match dtype {
        DType::F16 => norm::layer_norm::launch_unchecked::<f16>,
        DType::F32 => norm::layer_norm::launch_unchecked::<f32>,
        _ => return None,
    };
    let rows = shape.iter().product::<usize>() / channels;
    let tokens = into_contiguous(tokens);
    let out = empty(&tokens, shape, dtype);
    let [across, down] = in_two_dimensions(rows);
    // SAFETY: the kernel ends where there is no row.
    unsafe {
        launch(
            &tokens.client,
            CubeCount::Static(across, down, 1),
            CubeDim::new_1d(norm::LAYER_NORM_UNITS as u32),
            buffer(&tokens, 4),
            buffer(&into_contiguous(gamma), 4),
            buffer(&into_contiguous(beta), 4),
            buffer(&out, 4),
            channels as u32,
            rows as u32,
            epsilon as f32,
        );
    }
    Some(out)
}

/// So many cubes, or a few more: no dimension may have more than 65,535.
fn in_two_dimensions(cubes: usize) -> [u32; 2] {
    let across = cubes.clamp(1, 1 << 15);
    [across as u32, cubes.div_ceil(across) as u32]
}

/// Whether there is something, and no more than the kernels can count.
fn is_addressable(tensor: &CubeTensor) -> bool {
    (1..=u32::MAX as usize).contains(&tensor.meta.shape().num_elements())
}

fn dims<const D: usize>(tensor: &CubeTensor) -> Option<[usize; D]> {
    tensor.meta.shape().to_vec().try_into().ok()
}
