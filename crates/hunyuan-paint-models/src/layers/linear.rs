use burn::{nn::Linear, tensor::Tensor};
use hunyuan_paint_kernels::{self as kernels, Operation};

/// Applies the layer, `[B, S, C]` → `[B, S, C']`.
pub(crate) fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    operation(layer, x).run()
}

/// Adds the layer's output to `residual [B, S, C']`.
pub(crate) fn linear_plus(layer: &Linear, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
    kernels::Linear { residual: Some(residual), ..operation(layer, x) }.run()
}

/// Applies a layer whose outputs are values, then gates, and gates the values with GELU:
/// `[B, S, C]` → `[B, S, C' / 2]`.
pub(crate) fn linear_gated(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    kernels::Linear { gated: true, ..operation(layer, x) }.run()
}

fn operation(layer: &Linear, x: Tensor<3>) -> kernels::Linear {
    kernels::Linear::new(x, layer.weight.val(), layer.bias.as_ref().map(|bias| bias.val()))
}
