//! STL reader, text or binary. STL stores triangles without connectivity; corners with equal
//! positions become one vertex.

use std::collections::HashMap;

use glam::Vec3;

use super::encoding::lines;
use crate::{Mesh, MeshError, MeshFormat, MeshWarning};

/// Number of bytes before the first triangle: a comment and the number of triangles.
const HEADER: usize = 84;

/// Number of bytes of a triangle: a normal, three corners, and two bytes that are ignored.
const TRIANGLE: usize = 50;

fn malformed(reason: impl Into<String>) -> MeshError {
    MeshError::Malformed { format: MeshFormat::Stl, reason: reason.into() }
}

/// Reads the content of an STL file.
pub(super) fn read(bytes: &[u8]) -> Result<Mesh, MeshError> {
    // Binary files may start with "solid", too. A file whose length matches the binary triangle
    // count is binary. Any other file that starts with "solid" is read as text, or as binary if
    // that fails.
    if is_binary(bytes) || !is_text(bytes) {
        return read_binary(bytes);
    }
    read_text(&String::from_utf8_lossy(bytes)).or_else(|error| read_binary(bytes).map_err(|_| error))
}

/// Whether the content starts with "solid", as text files do. Case and leading whitespace are
/// ignored.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"solid"))
}

/// Whether the length matches the triangle count of a binary file.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    triangle_count(bytes).is_some_and(|count| bytes.len() as u64 == HEADER as u64 + count * TRIANGLE as u64)
}

fn triangle_count(bytes: &[u8]) -> Option<u64> {
    bytes.get(HEADER - 4..HEADER)?.first_chunk().map(|&b| u64::from(u32::from_le_bytes(b)))
}

fn read_binary(bytes: &[u8]) -> Result<Mesh, MeshError> {
    let count = triangle_count(bytes)
        .ok_or_else(|| malformed(format!("header: expected {HEADER} bytes, found {}", bytes.len())))?;
    let (triangles, rest) = bytes[HEADER..].as_chunks::<TRIANGLE>();
    let found = triangles.len() as u64;
    // Writers that stream do not know the count when they write the header, and leave 0 or 2³² − 1. Others write too
    // small a number. A file of whole triangles has as many as its length says.
    let is_count_unknown = count == 0 || count == u64::from(u32::MAX);
    let triangles = match count {
        _ if is_count_unknown || (rest.is_empty() && count < found) => triangles,
        _ if count <= found => &triangles[..count as usize],
        _ => return Err(malformed(format!("expected {count} triangles, found {found}"))),
    };
    if is_count_unknown && !rest.is_empty() {
        return Err(malformed(format!("expected whole triangles, found {} bytes more", rest.len())));
    }
    let mut welded = Welded::default();
    let read = triangles.len() as u64;
    if !is_count_unknown && count != read {
        welded.warnings.push(MeshWarning::TriangleCount { header: count, found: read });
    }
    for triangle in triangles {
        // The first three of twelve numbers are the normal.
        let numbers: Vec<f32> = triangle.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        for corner in numbers[3..12].as_chunks::<3>().0 {
            welded.push(Vec3::from_array(*corner))?;
        }
    }
    Ok(welded.into_mesh())
}

fn read_text(text: &str) -> Result<Mesh, MeshError> {
    let mut welded = Welded::default();
    let mut ended = false;
    for line in lines(text) {
        let mut words = line.split_ascii_whitespace();
        while let Some(word) = words.next() {
            match word.to_ascii_lowercase().as_str() {
                "vertex" => {
                    let mut number = || words.next()?.parse().ok();
                    let corner = [number(), number(), number()];
                    let [Some(x), Some(y), Some(z)] = corner else {
                        return Err(malformed(format!(
                            "corner {}: expected three numbers x y z",
                            welded.corners.len()
                        )));
                    };
                    welded.push(Vec3::new(x, y, z))?;
                }
                "endfacet" if !welded.corners.len().is_multiple_of(3) => {
                    return Err(malformed("facet: expected three corners"));
                }
                // The rest of the line is a name, which may contain keywords.
                "solid" => break,
                "endsolid" => {
                    ended = true;
                    break;
                }
                _ => {}
            }
        }
    }
    if !ended || !welded.corners.len().is_multiple_of(3) {
        return Err(malformed("expected 'endsolid' after whole triangles, found the end of the file"));
    }
    Ok(welded.into_mesh())
}

/// Welds corners with equal positions.
#[derive(Default)]
struct Welded {
    positions: Vec<Vec3>,
    corners: Vec<u32>,
    vertex_at: HashMap<[u32; 3], u32>,
    warnings: Vec<MeshWarning>,
}

impl Welded {
    fn push(&mut self, position: Vec3) -> Result<(), MeshError> {
        // Adding zero turns -0 into 0.
        let key = position.to_array().map(|x| (x + 0.0).to_bits());
        let next = u32::try_from(self.positions.len()).map_err(|_| malformed("more than 2³² corners"))?;
        let vertex = *self.vertex_at.entry(key).or_insert(next);
        if vertex == next {
            self.positions.push(position);
        }
        self.corners.push(vertex);
        Ok(())
    }

    fn into_mesh(self) -> Mesh {
        let faces = self.corners.as_chunks::<3>().0.to_vec();
        Mesh { positions: self.positions, faces, warnings: self.warnings, ..Mesh::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two triangles that share an edge.
    const CORNERS: [[f32; 3]; 6] =
        [[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [1., 0., 0.], [1., 1., 0.], [-0., 1., 0.]];

    fn binary(comment: &[u8]) -> Vec<u8> {
        let mut bytes = comment.to_vec();
        bytes.resize(80, b' ');
        bytes.extend(2_u32.to_le_bytes());
        for triangle in CORNERS.as_chunks::<3>().0 {
            bytes.extend([0; 12]);
            bytes.extend(triangle.as_flattened().iter().flat_map(|x| x.to_le_bytes()));
            bytes.extend([0; 2]);
        }
        bytes
    }

    fn text() -> String {
        let facet = |triangle: &[[f32; 3]; 3]| {
            let vertices: String =
                triangle.iter().map(|[x, y, z]| format!("   vertex {x} {y} {z:e}\n")).collect();
            format!(" facet normal 0 0 1\n  outer loop\n{vertices}  endloop\n endfacet\n")
        };
        let facets: String = CORNERS.as_chunks::<3>().0.iter().map(facet).collect();
        format!("solid a part\n{facets}endsolid a part\n")
    }

    #[test]
    fn text_and_binary_give_the_same_welded_mesh() -> Result<(), MeshError> {
        let mut with_trailing_bytes = binary(b"solid but binary");
        with_trailing_bytes.extend(b"more");
        for bytes in [
            binary(b"any"),
            binary(b"solid but binary"),
            with_trailing_bytes,
            text().into_bytes(),
            text().to_uppercase().into_bytes(),
            text().replace("a part", "vertex of a part").into_bytes(),
        ] {
            let mesh = read(&bytes)?;
            assert_eq!(mesh.faces, [[0, 1, 2], [1, 3, 2]]);
            assert_eq!(mesh.positions.len(), 4);
        }
        Ok(())
    }

    #[test]
    fn truncated_files_are_rejected() {
        let bytes = binary(b"any");
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
        let text = text();
        for length in 0..text.trim_end().len() - "endsolid a part".len() {
            assert!(read(&text.as_bytes()[..length]).is_err(), "{length} characters");
        }
    }

    #[test]
    fn a_wrong_count_loses_no_triangle() -> Result<(), MeshError> {
        for count in [0_u32, 1, u32::MAX] {
            let mut bytes = binary(b"any");
            bytes[80..84].copy_from_slice(&count.to_le_bytes());
            assert_eq!(read(&bytes)?.faces.len(), 2, "count {count}");
        }
        Ok(())
    }

    #[test]
    fn a_count_larger_than_the_file_is_rejected() {
        let mut bytes = binary(b"any");
        bytes[80..84].copy_from_slice(&3_u32.to_le_bytes());
        assert!(matches!(read(&bytes), Err(MeshError::Malformed { .. })));
    }

    #[test]
    fn lone_carriage_returns_end_lines() -> Result<(), MeshError> {
        assert_eq!(read(text().replace('\n', "\r").as_bytes())?, read(text().as_bytes())?);
        Ok(())
    }
}
