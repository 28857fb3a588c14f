//! Converts a file's tensors to a module's: transposes, renames and casts them. burn-store's own
//! adapters do the same on one core; for gigabytes of weights, that is most of the loading time.

use burn::{
    store::{
        FloatCastAdapter, ModuleAdapter, ModuleContext, PyTorchToBurnAdapter, bridge, burn_pack::Tensor,
    },
    tensor::{DType, TensorData},
};
use half::{f16, slice::HalfFloatSliceExt};
use rayon::prelude::*;

/// Columns that are transposed together, so that reads are contiguous.
const COLUMNS: usize = 16;

/// Numbers that one task converts.
const CHUNK: usize = 1 << 16;

/// Transposes linear weights, gives the weights of norms burn's names, and casts to a data type.
#[derive(Clone)]
pub(super) struct Convert(pub(super) DType);

impl ModuleAdapter for Convert {
    fn adapt(&self, tensor: Tensor, context: ModuleContext<'_>) -> Tensor {
        let dtype = self.0;
        let is_known = tensor.dtype == DType::F32 && (dtype == DType::F32 || dtype == DType::F16);
        if !is_known {
            let tensor = PyTorchToBurnAdapter.adapt(tensor, context);
            return FloatCastAdapter::to(dtype).adapt(tensor, context);
        }
        if is_linear_weight(&tensor, context) {
            let (name, rows, columns) = (tensor.name.clone(), tensor.shape[0], tensor.shape[1]);
            let shape = [columns, rows];
            return bridge::map_data(tensor, name, dtype, shape.into(), move |data| {
                match data.as_slice::<f32>() {
                    Ok(values) if dtype == DType::F32 => {
                        TensorData::new(transpose(values, columns, copy), shape)
                    }
                    Ok(values) => TensorData::new(transpose(values, columns, to_half), shape),
                    // The data is not of its stated type. An empty tensor is refused by its shape.
                    Err(_) => TensorData::new(Vec::<f32>::new(), [0]),
                }
            });
        }
        let tensor = PyTorchToBurnAdapter.adapt(tensor, context);
        if dtype == DType::F32 {
            return tensor;
        }
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        bridge::map_data(tensor, name, dtype, shape.clone(), move |data| match data.as_slice::<f32>() {
            Ok(values) => TensorData::new(halves(values), shape.clone()),
            Err(_) => TensorData::new(Vec::<f32>::new(), [0]),
        })
    }

    fn get_alternative_param_name(&self, name: &str, container: &str) -> Option<String> {
        PyTorchToBurnAdapter.get_alternative_param_name(name, container)
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}

/// Returns whether files store the transpose of a tensor.
fn is_linear_weight(tensor: &Tensor, context: ModuleContext<'_>) -> bool {
    let is_weight = tensor.name.rsplit('.').next() == Some("weight");
    is_weight && tensor.shape.num_dims() == 2 && context.module_type() == Some("Struct:Linear")
}

/// Transposes a matrix of `columns` columns. `convert` casts a slice of the result.
pub(crate) fn transpose<T: Copy + Default + Send>(
    values: &[f32],
    columns: usize,
    convert: impl Fn(&[f32], &mut [T]) + Sync,
) -> Vec<T> {
    let rows = values.len() / columns.max(1);
    let mut out = vec![T::default(); values.len()];
    let blocks = out.par_chunks_mut(COLUMNS * rows.max(1)).enumerate();
    blocks.for_each_init(Vec::new, |transposed, (block, out)| {
        let first = block * COLUMNS;
        transposed.resize(out.len(), 0.0);
        for (row, values) in values.chunks_exact(columns).enumerate() {
            for (column, value) in values[first..(first + COLUMNS).min(columns)].iter().enumerate() {
                transposed[column * rows + row] = *value;
            }
        }
        convert(transposed, out);
    });
    out
}

/// Keeps single precision in [`transpose`].
pub(crate) fn copy(values: &[f32], out: &mut [f32]) {
    out.copy_from_slice(values);
}

fn to_half(values: &[f32], out: &mut [f16]) {
    out.convert_from_f32_slice(values);
}

fn halves(values: &[f32]) -> Vec<f16> {
    let mut out = vec![f16::ZERO; values.len()];
    out.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(out, values)| to_half(values, out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let values: Vec<f32> = (0..35 * 18).map(|i| i as f32).collect();
        let transposed = transpose(&values, 35, copy);
        for (row, column) in [(0, 0), (17, 34), (3, 20), (16, 15)] {
            assert_eq!(transposed[column * 18 + row], values[row * 35 + column]);
        }
        assert!(transpose(&[], 0, copy).is_empty());
    }
}
