//! The header of a PLY file: its encoding, its elements and their properties.

use crate::{MeshError, MeshFormat};

pub(super) fn malformed(reason: impl Into<String>) -> MeshError {
    MeshError::Malformed { format: MeshFormat::Ply, reason: reason.into() }
}

/// The encoding of the body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Encoding {
    Text,
    LittleEndian,
    BigEndian,
}

/// A scalar type.
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

/// A property of an element: a number, or a list of numbers preceded by its length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    /// The type of a list's length; `None` for a single number.
    pub(super) length: Option<Scalar>,
    pub(super) scalar: Scalar,
}

/// A sequence of records with the same properties.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) count: usize,
    pub(super) properties: Vec<Property>,
}

impl Element {
    /// Returns the index of the first property with one of these names.
    pub(super) fn find(&self, names: &[&str]) -> Option<usize> {
        self.properties.iter().position(|property| names.contains(&property.name.as_str()))
    }
}

/// The content of a header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) encoding: Encoding,
    pub(super) elements: Vec<Element>,
}

/// Splits a PLY file into its header and its body.
pub(super) fn parse_header(bytes: &[u8]) -> Result<(Header, &[u8]), MeshError> {
    // All lines end as the first one does. In a binary file the byte after a lone CR may be an LF of the body.
    let line_end = match bytes.iter().position(|b| b"\r\n".contains(b)) {
        Some(i) if bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n') => b'\r',
        _ => b'\n',
    };
    let mut rest = bytes;
    let mut next_line = || {
        let end = rest.iter().position(|&b| b == line_end)?;
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        Some(String::from_utf8_lossy(line).into_owned())
    };
    if next_line().is_none_or(|line| line.trim() != "ply") {
        return Err(malformed("expected 'ply' in the first line"));
    }
    let mut encoding = None;
    let mut elements: Vec<Element> = Vec::new();
    loop {
        let line = next_line()
            .ok_or_else(|| malformed("header: expected a line 'end_header', found the end of the file"))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let unknown = || malformed(format!("header: expected a valid declaration, found '{}'", line.trim()));
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
    let encoding = encoding.ok_or_else(|| malformed("header: expected a line 'format', found none"))?;
    Ok((Header { encoding, elements }, rest))
}
