//! The GPU kernels and their launches.

mod attention;
mod attention_registers;
pub(crate) mod launch;
mod matmul;
mod matmul_scalar;
mod norm;

use burn::tensor::Tensor;
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::{cmma, prelude::*};
use half::f16;

/// Four elements in half precision.
type Half4 = Vector<f16, Const<4>>;

/// Eight elements in half precision, packed in pairs: the most that a unit reads or writes at once.
/// Cooperative matrices are loaded from these, since their rows are then known to be aligned.
type PackedHalf8 = Vector<u32, Const<4>>;

/// Four elements in single precision.
type Float4 = Vector<f32, Const<4>>;

/// The side of a cooperative matrix.
const FRAGMENT: usize = 16;

/// The padding of rows in shared memory, in elements of half precision. It puts the rows of a
/// column into different banks.
const PAD: usize = 8;

/// Returns the tensor of CubeCL, or `None` if the tensor is on another backend.
pub(crate) fn primitive<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    tensor.clone().try_into_primitive::<CubeBackend>().ok()
}

/// Converts an optional tensor by [`primitive`]. The outer `None` stands for a tensor on another
/// backend.
pub(crate) fn optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<CubeTensor>> {
    match tensor {
        Some(tensor) => primitive(tensor).map(Some),
        None => Some(None),
    }
}

/// Returns the tensor of burn.
pub(crate) fn tensor<const D: usize>(primitive: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<CubeBackend>(primitive)
}

/// Loads a cooperative matrix of 16×16 from rows with a distance of `stride` elements.
#[cube]
fn fragment(
    rows: &[PackedHalf8],
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] layout: cmma::MatrixLayout,
    #[comptime] stride: usize,
) -> cmma::Matrix<f16> {
    let zero = f16::from_int(0);
    let mut fragment = cmma::Matrix::<f16>::from_value(ident, FRAGMENT, FRAGMENT, FRAGMENT, layout, zero);
    // `load` counts the stride in the elements of `rows`, which are pairs.
    cmma::load(&mut fragment, rows, comptime!(stride as u32 / 2));
    fragment
}
