use burn::{
    nn::{GroupNorm, conv::Conv2d},
    tensor::Tensor,
};
use hunyuan_paint_kernels::{self as kernels, Conv3x3, Operation};

/// Returns the layer's 3×3 convolution with stride 1 and padding 1, which the caller may extend.
pub(crate) fn conv3x3(layer: &Conv2d, map: Tensor<4>) -> Conv3x3 {
    Conv3x3::new(map, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()))
}

/// Applies the layer's 1×1 convolution.
pub(crate) fn conv1x1(layer: &Conv2d, map: Tensor<4>) -> Tensor<4> {
    kernels::Conv1x1 { map, weight: layer.weight.val(), bias: layer.bias.as_ref().map(|bias| bias.val()) }
        .run()
}

/// Applies the group norm, then SiLU, `[B, C, H, W]` → `[B, C, H, W]`.
pub(crate) fn norm_silu(norm: &GroupNorm, map: Tensor<4>) -> Tensor<4> {
    kernels::GroupNorm { map, norm, silu: true }.run()
}
