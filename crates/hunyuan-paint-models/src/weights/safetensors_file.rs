//! Tensors of a safetensors file, read where they are wanted.
//!
//! burn-store maps such a file into memory, and a mapped file that somebody cuts short ends the process. A read that comes to the
//! end too early is an error.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use burn::{
    store::{
        bridge,
        burn_pack::{Error as PackError, Tensor as StoredTensor},
    },
    tensor::{BoolStore, Bytes, DType, TensorData},
};
use safetensors::{Dtype, tensor::Metadata};

use crate::ModelError;

/// Bytes before the header: its length.
const LENGTH: u64 = 8;

/// Bytes of the longest header, as the format has it.
const HEADER_MAX: u64 = 100_000_000;

/// All tensors of a file, whose bytes are read when they are asked for.
pub(super) fn tensors(path: &Path) -> Result<Vec<(String, StoredTensor)>, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let unreadable = |reason: String| ModelError::UnreadableWeights { file: path.to_owned(), reason };
    let mut file = File::open(path).map_err(io)?;
    let file_length = file.metadata().map_err(io)?.len();
    let mut length = [0; LENGTH as usize];
    file.read_exact(&mut length).map_err(|_| unreadable("the file has no header".to_owned()))?;
    let header_length = u64::from_le_bytes(length);
    if header_length > HEADER_MAX {
        return Err(unreadable(format!(
            "expected a header of at most {HEADER_MAX} bytes, found {header_length}"
        )));
    }
    let data_start = LENGTH.checked_add(header_length).filter(|start| *start <= file_length);
    let data_start =
        data_start.ok_or_else(|| unreadable("the file ends before its header does".to_owned()))?;
    let mut header = Vec::new();
    (&file).take(header_length).read_to_end(&mut header).map_err(io)?;
    // Also checked here: each tensor has the bytes that its shape takes, and begins where another ends.
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| unreadable(error.to_string()))?;

    let data_length = file_length - data_start;
    let mut infos: Vec<_> = metadata.tensors().into_iter().collect();
    infos.sort_by_key(|(_, info)| info.data_offsets);
    let file = Arc::new(file);
    let tensor = |(key, info): (String, &safetensors::tensor::TensorInfo)| {
        let unreadable =
            |reason| ModelError::UnreadableTensor { file: path.to_owned(), key: key.clone(), reason };
        let (start, end) = info.data_offsets;
        if end as u64 > data_length {
            return Err(unreadable("the file ends before the tensor does".to_owned()));
        }
        let dtype = burn_dtype(info.dtype)
            .ok_or_else(|| unreadable(format!("numbers of type {:?} are not supported", info.dtype)))?;
        let (file, shape) = (file.clone(), info.shape.clone());
        let read = move || {
            let mut bytes = vec![0; end - start];
            read_exact_at(&file, &mut bytes, data_start + start as u64)
                .map_err(|error| PackError::ValidationError(error.to_string()))?;
            TensorData::try_from_bytes(Bytes::from_bytes_vec(bytes), shape.clone(), dtype)
                .map_err(|error| PackError::ValidationError(error.to_string()))
        };
        let stored = bridge::deferred(key.clone(), dtype, info.shape.clone().into(), None, read);
        Ok((key, stored))
    };
    let data_end = infos.last().map_or(0, |(_, info)| info.data_offsets.1 as u64);
    let tensors = infos.into_iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    if data_end < data_length {
        return Err(unreadable(format!("{} bytes behind the last tensor", data_length - data_end)));
    }
    Ok(tensors)
}

fn burn_dtype(dtype: Dtype) -> Option<DType> {
    Some(match dtype {
        Dtype::F64 => DType::F64,
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        Dtype::I64 => DType::I64,
        Dtype::I32 => DType::I32,
        Dtype::I16 => DType::I16,
        Dtype::I8 => DType::I8,
        Dtype::U64 => DType::U64,
        Dtype::U32 => DType::U32,
        Dtype::U8 => DType::U8,
        Dtype::BOOL => DType::Bool(BoolStore::Native),
        _ => return None,
    })
}

/// Several threads read at once where the system can.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::{
        io::{Seek, SeekFrom},
        sync::{Mutex, PoisonError},
    };

    /// The position is the file's, not the reader's.
    static POSITION: Mutex<()> = Mutex::new(());
    let _position = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
