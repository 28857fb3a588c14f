//! From a file's tensors to a module's: turned over, renamed, in another precision. What burn-store's own adapters do, on all
//! cores: for gigabytes of weights it is most of the time that loading takes.

use burn::{
    store::{
        FloatCastAdapter, ModuleAdapter, ModuleContext, PyTorchToBurnAdapter, bridge, burn_pack::Tensor,
    },
    tensor::{DType, TensorData},
};
use half::{f16, slice::HalfFloatSliceExt};
use rayon::prelude::*;

/// Columns that are turned over at once: what lies beside each other in memory when it is read.
const COLUMNS: usize = 16;

/// Numbers that are converted by themselves.
const CHUNK: usize = 1 << 16;

/// Turns linear weights over, gives norms burn's names, and converts to a precision.
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
                    Ok(values) => converted(turned_over(values, columns), &shape, dtype),
                    Err(_) => data,
                }
            });
        }
        let tensor = PyTorchToBurnAdapter.adapt(tensor, context);
        if dtype == DType::F32 {
            return tensor;
        }
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        bridge::map_data(tensor, name, dtype, shape.clone(), move |data| match data.as_slice::<f32>() {
            Ok(values) => converted(values.to_vec(), &shape, dtype),
            Err(_) => data,
        })
    }

    fn get_alternative_param_name(&self, name: &str, container: &str) -> Option<String> {
        PyTorchToBurnAdapter.get_alternative_param_name(name, container)
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}

/// Linear layers lie the other way round in a file.
fn is_linear_weight(tensor: &Tensor, context: ModuleContext<'_>) -> bool {
    let is_weight = tensor.name.rsplit('.').next() == Some("weight");
    is_weight && tensor.shape.num_dims() == 2 && context.module_type() == Some("Struct:Linear")
}

/// Rows for columns.
fn turned_over(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(COLUMNS * rows.max(1)).enumerate().for_each(|(block, out)| {
        let first = block * COLUMNS;
        for (row, values) in values.chunks_exact(columns).enumerate() {
            for (column, value) in values[first..(first + COLUMNS).min(columns)].iter().enumerate() {
                out[column * rows + row] = *value;
            }
        }
    });
    out
}

/// In single or half precision.
fn converted(values: Vec<f32>, shape: &[usize], dtype: DType) -> TensorData {
    if dtype == DType::F32 {
        return TensorData::new(values, shape.to_vec());
    }
    let mut halves = vec![f16::ZERO; values.len()];
    let chunks = halves.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
    chunks.for_each(|(halves, values)| halves.convert_from_f32_slice(values));
    TensorData::new(halves, shape.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_turned_over() {
        let values: Vec<f32> = (0..35 * 18).map(|i| i as f32).collect();
        let turned = turned_over(&values, 35);
        for (row, column) in [(0, 0), (17, 34), (3, 20), (16, 15)] {
            assert_eq!(turned[column * 18 + row], values[row * 35 + column]);
        }
        assert!(turned_over(&[], 0).is_empty());
    }
}
