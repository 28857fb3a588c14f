//! The kernels for the CPU, in single precision, on maps `[B, H, W, C]`. The crate `gemm` computes
//! the products.
//!
//! Work is divided by the shapes alone, so results do not depend on the number of threads.

mod attention;
mod conv;
mod gemm;
mod math;
mod norm;

use burn::{
    backend::{BackendTypes, Flex},
    tensor::{DType, Device, Tensor, TensorData},
};
use rayon::prelude::*;

pub(crate) use self::{
    attention::attention,
    conv::{ConvShape, conv3x3},
    norm::group_norm,
};
use self::{
    gemm::{Layout, Parallelism, multiply},
    math::gelu,
};

/// The name of the kernels in [`Operation::kernel_name`](crate::Operation::kernel_name).
pub(crate) const KERNEL_NAME: &str = "cpu";

/// The elements of a tensor of burn-flex, in row-major order.
pub(crate) struct FlexSlice(<Flex as BackendTypes>::FloatTensorPrimitive);

impl FlexSlice {
    /// Returns the elements of a tensor in single precision on the CPU, and `None` for other
    /// tensors. Copies only if the tensor is not contiguous.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        Some(Self(tensor.clone().try_into_primitive::<Flex>().ok()?.to_contiguous()))
    }

    /// Converts an optional tensor by [`Self::of`]. The outer `None` stands for a tensor that does
    /// not fit.
    pub(crate) fn of_optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<Self>> {
        match tensor {
            Some(tensor) => Self::of(tensor).map(Some),
            None => Some(None),
        }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        self.0.as_slice::<f32>().unwrap_or_default()
    }
}

/// Returns whether the tensor is in single precision on the CPU.
pub(crate) fn is_cpu_f32<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.clone().try_into_primitive::<Flex>().is_ok()
}

/// Returns whether an optional tensor is absent, or in single precision on the CPU.
pub(crate) fn are_cpu_f32<const D: usize>(tensor: &Option<Tensor<D>>) -> bool {
    tensor.as_ref().is_none_or(is_cpu_f32)
}

/// The rows of one task of [`gated_linear`].
const GATED_ROWS: usize = 256;

/// Returns value · GELU(gate) of `rows [n, depth] · weight [depth, 2 · width] + bias`, whose
/// columns are values, then gates.
pub(crate) fn gated_linear(
    rows: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    [depth, width]: [usize; 2],
) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() / depth * width];
    let blocks = out.par_chunks_mut(GATED_ROWS * width).zip(rows.par_chunks(GATED_ROWS * depth));
    blocks.for_each_init(Vec::new, |product, (out, rows)| {
        let count = rows.len() / depth;
        product.resize(count * 2 * width, 0.0);
        multiply(
            (rows, Layout::of_rows(count, depth, depth)),
            (weight, Layout::of_rows(depth, 2 * width, 2 * width)),
            (product, Layout::of_rows(count, 2 * width, 2 * width)),
            false,
            Parallelism::None,
        );
        for (out, row) in out.chunks_mut(width).zip(product.chunks_mut(2 * width)) {
            if let Some(bias) = bias {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
            let (values, gates) = row.split_at(width);
            vectorized(
                #[inline(always)]
                || {
                    for ((out, value), &gate) in out.iter_mut().zip(values).zip(gates) {
                        *out = value * gelu(gate);
                    }
                },
            );
        }
    });
    out
}

/// Creates a tensor on the CPU.
pub(crate) fn tensor<const D: usize>(elements: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(elements, shape), (device, DType::F32))
}

/// Runs a loop with the widest vector instructions of the processor. Results do not depend on their
/// width.
fn vectorized<T>(run: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(run)
}
