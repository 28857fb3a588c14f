use burn::{
    nn::{GroupNorm, conv::Conv2d},
    tensor::Tensor,
};
use hunyuan_paint_kernels::{self as kernels, Conv3x3, Operation};

/// The layer's 3×3 convolution with stride 1 and zeros around, to be added to or changed.
pub(crate) fn conv3x3(layer: &Conv2d, map: Tensor<4>) -> Conv3x3 {
    Conv3x3::new(map, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()))
}

/// The layer's 1×1 convolution.
pub(crate) fn conv1x1(layer: &Conv2d, map: Tensor<4>) -> Tensor<4> {
    kernels::Conv1x1 { map, weight: layer.weight.val(), bias: layer.bias.as_ref().map(|bias| bias.val()) }
        .run()
}

/// SiLU of the group norm, `[B, C, H, W]` → `[B, C, H, W]`.
pub(crate) fn norm_silu(norm: &GroupNorm, map: Tensor<4>) -> Tensor<4> {
    kernels::GroupNorm { map, norm, silu: true }.run()
}
