//! Conversions between maps and tokens.
//!
//! Where the kernels run, maps `[B, C, H, W]` are stored as `[B, H, W, C]`, so that a map and its
//! tokens have the same memory. Elsewhere burn's layout stays.

use burn::tensor::Tensor;

/// Returns whether maps are stored with their channels last on this tensor's device.
pub fn is_channels_last<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "cubecl")]
    if crate::gpu::primitive(tensor).is_some() {
        return true;
    }
    #[cfg(feature = "flex")]
    if crate::cpu::is_cpu_f32(tensor) {
        return true;
    }
    let _ = tensor;
    false
}

/// Converts a map `[B, C, H, W]` to tokens `[B, H·W, C]`. They are contiguous where
/// [`is_channels_last`].
pub fn to_tokens(map: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    if is_channels_last(&map) {
        map.permute([0, 2, 3, 1]).reshape([batch, height * width, channels])
    } else {
        map.flatten::<3>(2, 3).swap_dims(1, 2)
    }
}

/// Converts tokens `[B, H·W, C]` to a map `[B, C, H, W]`.
pub fn to_map(tokens: Tensor<3>, height: usize, width: usize) -> Tensor<4> {
    let [batch, _, channels] = tokens.dims();
    if is_channels_last(&tokens) {
        tokens.reshape([batch, height, width, channels]).permute([0, 3, 1, 2])
    } else {
        tokens.swap_dims(1, 2).reshape([batch, channels, height, width])
    }
}

/// Concatenates maps `[B, C, H, W]` and `[B, C', H, W]` to `[B, C + C', H, W]`.
pub fn concat_channels(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    if is_channels_last(&first) {
        let last = |map: Tensor<4>| map.permute([0, 2, 3, 1]);
        Tensor::cat(vec![last(first), last(second)], 3).permute([0, 3, 1, 2])
    } else {
        Tensor::cat(vec![first, second], 1)
    }
}

/// Stores the weight of a 3×3 convolution, `[C', C, 3, 3]`, in the order in which the kernels read
/// it, `[3, 3, C, C']`. The shape stays the same. Other weights are returned unchanged.
pub fn arrange_weight<const D: usize>(weight: Tensor<D>) -> Tensor<D> {
    let is_conv = D == 4 && weight.dims()[2..] == [3, 3];
    if !is_conv || !is_channels_last(&weight) {
        return weight;
    }
    let arranged = weight.permute(std::array::from_fn(|i| [2_isize, 3, 1, 0][i]));
    let shape = arranged.dims();
    let arranged: Tensor<D> = arranged.reshape::<1, _>([-1]).reshape(shape);
    arranged.permute(std::array::from_fn(|i| [3_isize, 2, 0, 1][i]))
}
