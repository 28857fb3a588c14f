//! The operations on the CPU, in single precision, on maps `[B, H, W, C]`: products by the crate `gemm`, everything around
//! them here. Work is divided by the shapes alone, so that no result depends on the number of threads.

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

/// A tensor's numbers, in row-major order.
pub(crate) struct Numbers(<Flex as BackendTypes>::FloatTensorPrimitive);

impl Numbers {
    /// Of a tensor in single precision on the CPU; nothing is copied if they lie so already.
    pub(crate) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        Some(Self(tensor.clone().try_into_primitive::<Flex>().ok()?.to_contiguous()))
    }

    /// Of one that need not be there: `None` if it is, but not such a tensor.
    #[allow(clippy::option_option, reason = "the outer one is for `?`")]
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

/// Whether the tensor is in single precision on the CPU.
pub(crate) fn is_there<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.dtype() == DType::F32 && tensor.clone().try_into_primitive::<Flex>().is_ok()
}

/// Rows that are multiplied and gated by themselves.
const GATED_ROWS: usize = 256;

/// Value · GELU(gate), for `rows [n, depth]` times `weight [depth, 2 · width]`, values before gates, and `bias`.
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

/// The way back.
pub(crate) fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers, shape), (device, DType::F32))
}

/// Runs a loop with the widest vector instructions that the processor has: the results are the same.
fn vectorized<T>(run: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(run)
}
