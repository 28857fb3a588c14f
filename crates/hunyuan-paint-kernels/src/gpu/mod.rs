//! The kernels and their launches.

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

/// Four numbers in half precision: what a unit moves at once.
type Half4 = Vector<f16, Const<4>>;

/// Eight numbers in half precision, as they lie in memory: the most that a unit moves at once. Also what cooperative
/// matrices are loaded from, since their rows are known to be aligned then.
type Half8 = Vector<u32, Const<4>>;

/// Four numbers in single precision.
type Float4 = Vector<f32, Const<4>>;

/// Side of a cooperative matrix.
const FRAGMENT: usize = 16;

/// Half-precision numbers between two rows in shared memory, so that a column's rows lie in different banks.
const PAD: usize = 8;

/// The tensor as CubeCL has it, if it is on such a device.
pub(crate) fn primitive<const D: usize>(tensor: &Tensor<D>) -> Option<CubeTensor> {
    tensor.clone().try_into_primitive::<CubeBackend>().ok()
}

/// A tensor that need not be there: `None` if it is, but not on such a device.
#[allow(clippy::option_option, reason = "the outer one is for `?`")]
pub(crate) fn optional<const D: usize>(tensor: Option<&Tensor<D>>) -> Option<Option<CubeTensor>> {
    match tensor {
        Some(tensor) => primitive(tensor).map(Some),
        None => Some(None),
    }
}

/// The way back.
pub(crate) fn tensor<const D: usize>(primitive: CubeTensor) -> Tensor<D> {
    Tensor::from_primitive::<CubeBackend>(primitive)
}

/// A cooperative matrix of 16×16 from rows that are `stride` numbers apart.
#[cube]
fn fragment(
    rows: &[Half8],
    #[comptime] ident: cmma::MatrixIdent,
    #[comptime] layout: cmma::MatrixLayout,
    #[comptime] stride: usize,
) -> cmma::Matrix<f16> {
    let zero = f16::from_int(0);
    let mut fragment = cmma::Matrix::<f16>::from_value(ident, FRAGMENT, FRAGMENT, FRAGMENT, layout, zero);
    // The stride counts the numbers that a row is made of, which are pairs here.
    cmma::load(&mut fragment, rows, comptime!(stride as u32 / 2));
    fragment
}
