//! Reads the tensors of a safetensors file on demand.
//!
//! burn-store maps such a file into memory. If another process truncates a mapped file, the system
//! ends this process. Here, a read beyond the end of the file is an error.

use std::{
    error::Error,
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

/// Bytes of the header's length, which comes first.
const LENGTH: u64 = 8;

/// Bytes of the longest header that the format allows.
const HEADER_MAX: u64 = 100_000_000;

/// Returns all tensors of a file. Their bytes are read on demand.
pub(super) fn tensors(path: &Path) -> Result<Vec<(String, StoredTensor)>, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let unreadable = |source: Box<dyn Error + Send + Sync>| ModelError::UnreadableWeights {
        file: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let file_length = file.metadata().map_err(io)?.len();
    let mut length = [0; LENGTH as usize];
    file.read_exact(&mut length).map_err(|_| unreadable("the file has no header".into()))?;
    let header_length = u64::from_le_bytes(length);
    if header_length > HEADER_MAX {
        let reason = format!("expected a header of at most {HEADER_MAX} bytes, found {header_length}");
        return Err(unreadable(reason.into()));
    }
    let data_start = LENGTH.checked_add(header_length).filter(|start| *start <= file_length);
    let data_start = data_start.ok_or_else(|| unreadable("the file ends inside its header".into()))?;
    let mut header = Vec::new();
    (&file).take(header_length).read_to_end(&mut header).map_err(io)?;
    // This also checks that tensors are contiguous, and that their sizes match their shapes.
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| unreadable(error.into()))?;

    let data_length = file_length - data_start;
    let mut infos: Vec<_> = metadata.tensors().into_iter().collect();
    infos.sort_by_key(|(_, info)| info.data_offsets);
    let file = Arc::new(file);
    let tensor = |(key, info): (String, &safetensors::tensor::TensorInfo)| {
        let unreadable =
            |reason| ModelError::UnreadableTensor { file: path.to_owned(), key: key.clone(), reason };
        let (start, end) = info.data_offsets;
        if end as u64 > data_length {
            return Err(unreadable("the file ends inside the tensor".to_owned()));
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
        let reason = format!("{} bytes after the last tensor", data_length - data_end);
        return Err(unreadable(reason.into()));
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

/// Fills `bytes` from `offset`. Several threads may read at the same time.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Fills `bytes` from `offset`. Several threads may read at the same time.
#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;

    while !bytes.is_empty() {
        match file.seek_read(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills `bytes` from `offset`, with one read at a time: the position belongs to the file.
#[cfg(not(any(unix, windows)))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::{
        io::{Seek, SeekFrom},
        sync::{Mutex, PoisonError},
    };

    static POSITION: Mutex<()> = Mutex::new(());
    let _position = POSITION.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}
