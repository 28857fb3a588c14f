//! A case folder: `case.json` with the parameters, `io.safetensors` with the recorded arrays.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use hunyuan_paint_test_support::unpacked;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// A reason why a case could not be checked. Such a case counts as failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// A file of the case is missing or unreadable.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// `case.json` does not fit its kind.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Error of the parser.
        source: serde_json::Error,
    },
    /// `io.safetensors` cannot be read.
    #[error("{path}: {source}")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Error of the reader.
        source: safetensors::SafeTensorError,
    },
    /// The runner does not implement this kind.
    #[error("unknown kind '{0}'")]
    UnknownKind(String),
    /// The recording lacks this array, or the array has another type or shape.
    #[error("array '{name}': expected {expected}, found {found}")]
    Array {
        /// Name of the array.
        name: String,
        /// What the kind requires.
        expected: String,
        /// What the file contains.
        found: String,
    },
    /// A parameter in `case.json` has an unsupported value.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// The supported values.
        expected: &'static str,
        /// The value in `case.json`.
        found: String,
    },
    /// The code under test returned an error.
    #[error(transparent)]
    UnderTest(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl CaseError {
    /// Wraps an error of the code under test.
    pub fn under_test(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::UnderTest(Box::new(error))
    }
}

/// The values of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Bytes.
    U8(Vec<u8>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// One recorded array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Dimensions, outermost first.
    pub shape: Vec<usize>,
    /// Values.
    pub values: Values,
}

impl Array {
    /// Returns an array of bytes.
    pub fn u8(shape: &[usize], values: Vec<u8>) -> Self {
        Self { shape: shape.to_vec(), values: Values::U8(values) }
    }

    /// Returns an array of single-precision numbers.
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), values: Values::F32(values) }
    }

    /// Returns an array of 32-bit integers.
    pub fn i32(shape: &[usize], values: Vec<i32>) -> Self {
        Self { shape: shape.to_vec(), values: Values::I32(values) }
    }

    /// Returns all values as doubles. This is exact for the values that occur in cases.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.values {
            Values::U8(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Values::I32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Values::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Values::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Values::F64(v) => v.clone(),
        }
    }

    fn describe(&self) -> String {
        let kind = match self.values {
            Values::U8(_) => "u8",
            Values::I32(_) => "i32",
            Values::I64(_) => "i64",
            Values::F32(_) => "f32",
            Values::F64(_) => "f64",
        };
        format!("{kind} {:?}", self.shape)
    }
}

/// A case folder in memory.
#[derive(Debug)]
pub struct Case {
    /// The folder.
    pub dir: PathBuf,
    /// Content of `case.json`.
    pub json: serde_json::Value,
    arrays: BTreeMap<String, Array>,
}

impl Case {
    /// Reads a case folder.
    ///
    /// # Errors
    /// If `case.json` or `io.safetensors` is missing or malformed.
    pub fn read(dir: &Path) -> Result<Self, CaseError> {
        let json_path = dir.join("case.json");
        let json = serde_json::from_slice(&read_file(&json_path)?)
            .map_err(|source| CaseError::Json { path: json_path, source })?;
        let arrays = read_arrays(&unpacked_file(dir, "io.safetensors")?)?;
        Ok(Self { dir: dir.to_owned(), json, arrays })
    }

    /// Returns the path of a file of the case. A file that is stored as `.xz` is unpacked first.
    ///
    /// # Errors
    /// If the file cannot be unpacked.
    pub fn file(&self, name: &str) -> Result<PathBuf, CaseError> {
        unpacked_file(&self.dir, name)
    }

    /// Returns the name of the folder, which identifies the case in reports.
    pub fn name(&self) -> String {
        let name = self.dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_owned()));
        name.map_or_else(|| self.dir.display().to_string(), |n| n.to_string_lossy().into_owned())
    }

    /// Returns the kind of the case, or an empty string.
    pub fn kind(&self) -> &str {
        self.json["kind"].as_str().unwrap_or_default()
    }

    /// Parses `case.json` as the parameters of a kind.
    ///
    /// # Errors
    /// If a field is missing or has another type.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, CaseError> {
        serde_json::from_value(self.json.clone())
            .map_err(|source| CaseError::Json { path: self.dir.join("case.json"), source })
    }

    /// Returns the names of all arrays that start with `prefix`, in alphabetical order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.arrays.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// Returns the recorded array of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.get(name)
    }

    /// Returns the recorded array of that name.
    ///
    /// # Errors
    /// If there is none.
    pub fn array(&self, name: &str) -> Result<&Array, CaseError> {
        self.get(name).ok_or_else(|| CaseError::Array {
            name: name.to_owned(),
            expected: "an array of that name".to_owned(),
            found: "none".to_owned(),
        })
    }

    /// Returns the bytes and the shape of an array.
    ///
    /// # Errors
    /// If the array is missing or has another type.
    pub fn u8(&self, name: &str) -> Result<(&[usize], &[u8]), CaseError> {
        let array = self.array(name)?;
        match &array.values {
            Values::U8(values) => Ok((&array.shape, values)),
            _ => Err(wrong_type(name, "u8", array)),
        }
    }

    /// Returns the single-precision numbers and the shape of an array.
    ///
    /// # Errors
    /// If the array is missing or has another type.
    pub fn f32(&self, name: &str) -> Result<(&[usize], &[f32]), CaseError> {
        let array = self.array(name)?;
        match &array.values {
            Values::F32(values) => Ok((&array.shape, values)),
            _ => Err(wrong_type(name, "f32", array)),
        }
    }

    /// Returns the integers (32 or 64 bits in the file) and the shape of an array.
    ///
    /// # Errors
    /// If the array is missing or has another type.
    pub fn i64(&self, name: &str) -> Result<(&[usize], Vec<i64>), CaseError> {
        let array = self.array(name)?;
        match &array.values {
            Values::I32(values) => Ok((&array.shape, values.iter().map(|&v| i64::from(v)).collect())),
            Values::I64(values) => Ok((&array.shape, values.clone())),
            _ => Err(wrong_type(name, "i32 or i64", array)),
        }
    }

    /// Returns an array as vectors of `N` numbers; `N` must be its last dimension.
    ///
    /// # Errors
    /// If the array is missing, or has another type or shape.
    pub fn vectors<const N: usize>(&self, name: &str) -> Result<Vec<[f32; N]>, CaseError> {
        let (shape, values) = self.f32(name)?;
        if shape.last() != Some(&N) {
            return Err(wrong_type(name, &format!("f32 [.., {N}]"), self.array(name)?));
        }
        Ok(values.as_chunks::<N>().0.to_vec())
    }

    /// Returns an array of integers as triangles; its last dimension must be 3.
    ///
    /// # Errors
    /// If the array is missing, has another type or shape, or contains a negative index.
    pub fn faces(&self, name: &str) -> Result<Vec<[u32; 3]>, CaseError> {
        let (shape, values) = self.i64(name)?;
        let wrong = || CaseError::Array {
            name: name.to_owned(),
            expected: "non-negative integers [.., 3]".to_owned(),
            found: format!("{shape:?}"),
        };
        if shape.last() != Some(&3) {
            return Err(wrong());
        }
        let indices: Vec<u32> =
            values.iter().map(|&v| u32::try_from(v)).collect::<Result<_, _>>().map_err(|_| wrong())?;
        Ok(indices.as_chunks::<3>().0.to_vec())
    }
}

fn wrong_type(name: &str, expected: &str, found: &Array) -> CaseError {
    CaseError::Array { name: name.to_owned(), expected: expected.to_owned(), found: found.describe() }
}

fn unpacked_file(dir: &Path, name: &str) -> Result<PathBuf, CaseError> {
    let path = dir.join(name);
    unpacked(&path).map_err(|source| CaseError::Io { path, source })
}

fn read_file(path: &Path) -> Result<Vec<u8>, CaseError> {
    std::fs::read(path).map_err(|source| CaseError::Io { path: path.to_owned(), source })
}

fn read_arrays(path: &Path) -> Result<BTreeMap<String, Array>, CaseError> {
    let bytes = read_file(path)?;
    let error = |source| CaseError::Safetensors { path: path.to_owned(), source };
    let tensors = SafeTensors::deserialize(&bytes).map_err(error)?;
    let mut arrays = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::U8 => Values::U8(data.to_vec()),
            Dtype::I32 => Values::I32(little_endian(data, i32::from_le_bytes)),
            Dtype::I64 => Values::I64(little_endian(data, i64::from_le_bytes)),
            Dtype::F32 => Values::F32(little_endian(data, f32::from_le_bytes)),
            Dtype::F64 => Values::F64(little_endian(data, f64::from_le_bytes)),
            other => {
                return Err(CaseError::Array {
                    name,
                    expected: "u8, i32, i64, f32 or f64".to_owned(),
                    found: format!("{other:?}"),
                });
            }
        };
        arrays.insert(name, Array { shape: view.shape().to_vec(), values });
    }
    Ok(arrays)
}

fn little_endian<T, const N: usize>(data: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|&bytes| from(bytes)).collect()
}
