//! The header of a PLY file: which elements follow, and what each consists of.

use crate::{MeshError, MeshFormat};

pub(super) fn malformed(reason: impl Into<String>) -> MeshError {
    MeshError::Malformed { format: MeshFormat::Ply, reason: reason.into() }
}

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Encoding {
    Text,
    LittleEndian,
    BigEndian,
}

/// The type of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

impl Scalar {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "char" | "int8" => Self::I8,
            "uchar" | "uint8" => Self::U8,
            "short" | "int16" => Self::I16,
            "ushort" | "uint16" => Self::U16,
            "int" | "int32" => Self::I32,
            "uint" | "uint32" => Self::U32,
            "float" | "float32" => Self::F32,
            "double" | "float64" => Self::F64,
            _ => return None,
        })
    }
}

/// A property of an element: one number, or a list of them preceded by its length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    /// The type of a list's length; `None` if this is a single number.
    pub(super) length: Option<Scalar>,
    pub(super) scalar: Scalar,
}

/// A run of equal records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) count: usize,
    pub(super) properties: Vec<Property>,
}

impl Element {
    /// Where in the record the first property with one of these names is.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        self.properties.iter().position(|property| names.contains(&property.name.as_str()))
    }
}

/// What stands before the body.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) encoding: Encoding,
    pub(super) elements: Vec<Element>,
}

/// Splits a PLY file into its header and its body.
pub(super) fn parse_header(bytes: &[u8]) -> Result<(Header, &[u8]), MeshError> {
    let mut rest = bytes;
    let mut next_line = || {
        let end = rest.iter().position(|&b| b == b'\n')?;
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        Some(String::from_utf8_lossy(line).into_owned())
    };
    if next_line().is_none_or(|line| line.trim() != "ply") {
        return Err(malformed("the first line is not 'ply'"));
    }
    let mut encoding = None;
    let mut elements: Vec<Element> = Vec::new();
    loop {
        let line = next_line().ok_or_else(|| malformed("the header does not end"))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let unknown = || malformed(format!("header line '{}'", line.trim()));
        match *words.as_slice() {
            ["end_header"] => break,
            ["format", name, "1.0"] => {
                encoding = Some(match name {
                    "ascii" => Encoding::Text,
                    "binary_little_endian" => Encoding::LittleEndian,
                    "binary_big_endian" => Encoding::BigEndian,
                    _ => return Err(unknown()),
                });
            }
            ["element", name, count] => {
                let count = count.parse().map_err(|_| unknown())?;
                elements.push(Element { name: name.to_owned(), count, properties: Vec::new() });
            }
            ["property", "list", length, scalar, name] => {
                let length = Some(Scalar::parse(length).ok_or_else(unknown)?);
                let scalar = Scalar::parse(scalar).ok_or_else(unknown)?;
                let element = elements.last_mut().ok_or_else(unknown)?;
                element.properties.push(Property { name: name.to_owned(), length, scalar });
            }
            ["property", scalar, name] => {
                let scalar = Scalar::parse(scalar).ok_or_else(unknown)?;
                let element = elements.last_mut().ok_or_else(unknown)?;
                element.properties.push(Property { name: name.to_owned(), length: None, scalar });
            }
            [] | ["comment" | "obj_info", ..] => {}
            _ => return Err(unknown()),
        }
    }
    let encoding = encoding.ok_or_else(|| malformed("the header names no format"))?;
    Ok((Header { encoding, elements }, rest))
}
