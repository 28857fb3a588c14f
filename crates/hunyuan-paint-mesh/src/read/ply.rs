//! Stanford PLY reader: text, or binary of either byte order.

use std::collections::HashMap;

use glam::{Vec2, Vec3};

use super::{
    corners::{Attributes, Corner, unify},
    ply_header::{Element, Encoding, Scalar, malformed, parse_header},
    triangulate::triangulate,
};
use crate::{Mesh, MeshError};

/// Property names that programs use for texture coordinates.
const U_NAMES: [&str; 4] = ["s", "u", "texture_u", "texture_s"];
const V_NAMES: [&str; 4] = ["t", "v", "texture_v", "texture_t"];

/// Reads the content of a PLY file.
pub(super) fn read(bytes: &[u8]) -> Result<Mesh, MeshError> {
    let (header, body) = parse_header(bytes)?;
    let mut body = Body { bytes: body, encoding: header.encoding };
    let mut mesh = Mesh::default();
    let mut polygons = Vec::new();
    for element in &header.elements {
        match element.name.as_str() {
            "vertex" => read_vertices(&mut body, element, &mut mesh)?,
            "face" => read_polygons(&mut body, element, &mut polygons)?,
            _ => body.records(element, |_| Ok(()))?,
        }
    }
    // UVs at face corners are used only if every corner has one.
    let has_corner_uvs = !polygons.is_empty() && polygons.iter().all(|p| p.uvs.len() == p.vertices.len());
    let mut corner_uvs = CornerUvs::default();
    for (face, polygon) in polygons.iter().enumerate() {
        let corner = |&index: &u32| {
            let vertex_count = mesh.positions.len();
            let position = mesh.positions.get(index as usize).copied();
            position.ok_or(MeshError::IndexOutOfRange { face, index, vertex_count })
        };
        let corners: Vec<Vec3> = polygon.vertices.iter().map(corner).collect::<Result<_, _>>()?;
        let triangles = triangulate(&corners);
        if has_corner_uvs {
            corner_uvs.push(polygon, &triangles, mesh.normals.is_some());
        }
        mesh.faces.extend(triangles.into_iter().map(|triangle| triangle.map(|i| polygon.vertices[i])));
    }
    Ok(if has_corner_uvs { corner_uvs.into_mesh(mesh) } else { mesh })
}

/// A face before triangulation.
struct Polygon {
    vertices: Vec<u32>,
    /// One UV per corner, or none.
    uvs: Vec<Vec2>,
}

/// Triangles whose UVs belong to corners rather than vertices.
#[derive(Default)]
struct CornerUvs {
    uvs: Vec<Vec2>,
    uv_at: HashMap<[u32; 2], u32>,
    triangles: Vec<[Corner; 3]>,
}

impl CornerUvs {
    fn push(&mut self, polygon: &Polygon, triangles: &[[usize; 3]], has_normals: bool) {
        let mut corner = |i: usize| {
            let uv = polygon.uvs[i];
            let index = *self.uv_at.entry(uv.to_array().map(f32::to_bits)).or_insert_with(|| {
                self.uvs.push(uv);
                self.uvs.len() as u32 - 1
            });
            let position = polygon.vertices[i];
            Corner { position, uv: Some(index), normal: has_normals.then_some(position) }
        };
        self.triangles.extend(triangles.iter().map(|triangle| triangle.map(&mut corner)));
    }

    fn into_mesh(self, mesh: Mesh) -> Mesh {
        let normals = mesh.normals.unwrap_or_default();
        let attributes = Attributes { positions: mesh.positions, uvs: self.uvs, normals };
        unify(&attributes, &self.triangles)
    }
}

fn read_vertices(body: &mut Body<'_>, element: &Element, mesh: &mut Mesh) -> Result<(), MeshError> {
    if !mesh.positions.is_empty() {
        // The two elements could differ in whether they have normals and UVs.
        return Err(malformed("expected one element 'vertex', found a second one"));
    }
    let names = [["x"], ["y"], ["z"]];
    let [Some(x), Some(y), Some(z)] = names.map(|names| element.find(&names)) else {
        return Err(malformed("element 'vertex': expected the properties x, y and z"));
    };
    let uv = element.find(&U_NAMES).zip(element.find(&V_NAMES));
    let normal = match [["nx"], ["ny"], ["nz"]].map(|names| element.find(&names)) {
        [Some(x), Some(y), Some(z)] => Some([x, y, z]),
        _ => None,
    };
    let (mut uvs, mut normals) = (Vec::new(), Vec::new());
    body.records(element, |record| {
        let number = |i: usize| record[i].first().copied().unwrap_or_default() as f32;
        mesh.positions.push(Vec3::new(number(x), number(y), number(z)));
        uvs.extend(uv.map(|(u, v)| Vec2::new(number(u), number(v))));
        normals.extend(normal.map(|n| Vec3::from_array(n.map(number))));
        Ok(())
    })?;
    mesh.uvs = uv.map(|_| uvs);
    mesh.normals = normal.map(|_| normals);
    Ok(())
}

fn read_polygons(
    body: &mut Body<'_>,
    element: &Element,
    polygons: &mut Vec<Polygon>,
) -> Result<(), MeshError> {
    let indices = element
        .find(&["vertex_indices", "vertex_index"])
        .ok_or_else(|| malformed("element 'face': expected the property vertex_indices or vertex_index"))?;
    let uvs = element.find(&["texcoord"]).filter(|&i| element.properties[i].length.is_some());
    body.records(element, |record| {
        let index = |&value: &f64| {
            let index = value as u32;
            if f64::from(index) == value {
                Ok(index)
            } else {
                Err(malformed(format!("expected a vertex index, found {value}")))
            }
        };
        let vertices = record[indices].iter().map(index).collect::<Result<_, _>>()?;
        let numbers = uvs.map_or(&[][..], |i| record[i].as_slice());
        let uvs = numbers.as_chunks().0.iter().map(|&[u, v]| Vec2::new(u as f32, v as f32)).collect();
        polygons.push(Polygon { vertices, uvs });
        Ok(())
    })
}

/// The unread rest of the body.
struct Body<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
}

impl Body<'_> {
    /// Calls `each` with every record of the element: the numbers of each property. All of PLY's
    /// types convert to `f64` exactly.
    fn records(
        &mut self,
        element: &Element,
        mut each: impl FnMut(&[Vec<f64>]) -> Result<(), MeshError>,
    ) -> Result<(), MeshError> {
        if element.properties.is_empty() {
            return Ok(());
        }
        let mut record = vec![Vec::new(); element.properties.len()];
        for i in 0..element.count {
            let missing_number = || {
                let Element { name, count, .. } = element;
                malformed(format!("element '{name}', record {i} of {count}: expected a number, found none"))
            };
            for (property, values) in element.properties.iter().zip(&mut record) {
                let length = match property.length {
                    None => 1.0,
                    Some(length) => self.number(length).ok_or_else(missing_number)?,
                };
                if length < 0.0 || length.fract() != 0.0 {
                    return Err(malformed(format!(
                        "element '{}', record {i}: expected the length of a list, found {length}",
                        element.name
                    )));
                }
                values.clear();
                while (values.len() as f64) < length {
                    values.push(self.number(property.scalar).ok_or_else(missing_number)?);
                }
            }
            each(&record)?;
        }
        Ok(())
    }

    /// Reads the next number. Returns `None` at the end of the file, or if the next word is not a
    /// number.
    fn number(&mut self, scalar: Scalar) -> Option<f64> {
        if self.encoding == Encoding::Text {
            return self.word()?.parse().ok();
        }
        Some(match scalar {
            Scalar::I8 => i8::from_le_bytes(self.take()?).into(),
            Scalar::U8 => u8::from_le_bytes(self.take()?).into(),
            Scalar::I16 => i16::from_le_bytes(self.take()?).into(),
            Scalar::U16 => u16::from_le_bytes(self.take()?).into(),
            Scalar::I32 => i32::from_le_bytes(self.take()?).into(),
            Scalar::U32 => u32::from_le_bytes(self.take()?).into(),
            Scalar::F32 => f32::from_le_bytes(self.take()?).into(),
            Scalar::F64 => f64::from_le_bytes(self.take()?),
        })
    }

    /// Reads the next `N` bytes and converts them to little-endian order.
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        let mut bytes = *bytes;
        if self.encoding == Encoding::BigEndian {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn word(&mut self) -> Option<&str> {
        let start = self.bytes.trim_ascii_start();
        let end = start.iter().position(u8::is_ascii_whitespace).unwrap_or(start.len());
        let (word, rest) = start.split_at(end);
        self.bytes = rest;
        std::str::from_utf8(word).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEMENTS: &str = "comment made by hand\nelement vertex 4\nproperty float x\nproperty double y\n\
        property float z\nproperty uchar red\nproperty float s\nproperty float t\n\
        element extra 1\nproperty list uchar short numbers\n\
        element face 1\nproperty list uchar int vertex_indices\nend_header\n";

    const VERTICES: [[f64; 6]; 4] = [
        [0.0, 0.0, 0.5, 255.0, 0.0, 0.25],
        [1.0, 0.0, 0.5, 0.0, 1.0, 0.25],
        [1.0, 1.0, 0.5, 7.0, 1.0, 1.0],
        [0.0, 1.0, 0.5, 7.0, 0.0, 1.0],
    ];

    fn text() -> Vec<u8> {
        let vertex = |v: &[f64; 6]| v.map(|x| x.to_string()).join(" ") + "\n";
        let vertices: String = VERTICES.iter().map(vertex).collect();
        format!("ply\nformat ascii 1.0\n{ELEMENTS}{vertices}2 -5 6\n4 0 1 2 3\n").into_bytes()
    }

    fn binary(big_endian: bool) -> Vec<u8> {
        let name = if big_endian { "binary_big_endian" } else { "binary_little_endian" };
        let mut bytes = format!("ply\r\nformat {name} 1.0\r\n{ELEMENTS}").into_bytes();
        let mut put = |mut value: Vec<u8>| {
            if big_endian {
                value.reverse();
            }
            bytes.extend(value);
        };
        for [x, y, z, red, s, t] in VERTICES {
            put((x as f32).to_le_bytes().to_vec());
            put(y.to_le_bytes().to_vec());
            put((z as f32).to_le_bytes().to_vec());
            put(vec![red as u8]);
            put((s as f32).to_le_bytes().to_vec());
            put((t as f32).to_le_bytes().to_vec());
        }
        put(vec![2]);
        put((-5_i16).to_le_bytes().to_vec());
        put(6_i16.to_le_bytes().to_vec());
        put(vec![4]);
        (0..4_i32).for_each(|i| put(i.to_le_bytes().to_vec()));
        bytes
    }

    #[test]
    fn all_encodings_give_the_same_mesh() -> Result<(), MeshError> {
        for bytes in [text(), binary(false), binary(true)] {
            let mesh = read(&bytes)?;
            assert_eq!(mesh.faces, [[0, 1, 2], [0, 2, 3]]);
            assert_eq!(mesh.positions[2], Vec3::new(1.0, 1.0, 0.5));
            assert_eq!(mesh.uvs.as_ref().map(|uvs| uvs[1]), Some(Vec2::new(1.0, 0.25)));
        }
        Ok(())
    }

    #[test]
    fn corner_uvs_split_vertices() -> Result<(), MeshError> {
        let header = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n\
            property float z\nelement face 2\nproperty list uchar int vertex_indices\n\
            property list uchar float texcoord\nend_header\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n";
        let mesh = read(format!("{header}3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 .5 0 1 1 0 1\n").as_bytes())?;
        assert_eq!(mesh.faces, [[0, 1, 2], [4, 2, 3]]);
        assert_eq!(mesh.uvs.map(|uvs| (uvs[0], uvs[4])), Some((Vec2::ZERO, Vec2::new(0.5, 0.0))));
        // If one face has no corner UVs, all are dropped.
        let mesh = read(format!("{header}3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 0\n").as_bytes())?;
        assert_eq!((mesh.faces, mesh.uvs), (vec![[0, 1, 2], [0, 2, 3]], None));
        Ok(())
    }

    #[test]
    fn a_second_vertex_element_is_rejected() {
        let text = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n\
            element vertex 1\nproperty float x\nproperty float y\nproperty float z\nproperty float nx\n\
            property float ny\nproperty float nz\nelement face 1\nproperty list uchar int vertex_indices\n\
            property list uchar float texcoord\nend_header\n0 0 0\n1 0 0\n0 1 0\n1 1 0 0 0 1\n3 0 1 2 6 0 0 1 0 1 1\n";
        assert!(matches!(read(text.as_bytes()), Err(MeshError::Malformed { .. })));
    }

    #[test]
    fn truncated_files_are_rejected() {
        for bytes in [text(), binary(false), binary(true)] {
            let end = bytes.trim_ascii_end().len();
            for length in 0..end {
                assert!(read(&bytes[..length]).is_err(), "{length} of {end} bytes");
            }
        }
    }

    #[test]
    fn counts_larger_than_the_file_are_rejected() {
        let header = |count: &str, list: &str| {
            format!(
                "ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\n\
                 property float y\nproperty float z\nelement face 1\n\
                 property list {list} int vertex_index\nend_header\n"
            )
        };
        assert!(read(header("18446744073709551615", "uint").as_bytes()).is_err());
        assert!(read(header("99999999999999999999999", "uint").as_bytes()).is_err());
        for (list, length) in [
            ("uint", u32::MAX.to_le_bytes()),
            ("int", (-1_i32).to_le_bytes()),
            ("float", f32::NAN.to_le_bytes()),
        ] {
            let mut bytes = header("0", list).into_bytes();
            bytes.extend(length);
            bytes.extend([0; 64]);
            assert!(read(&bytes).is_err(), "{list}");
        }
    }

    #[test]
    fn bad_headers_and_indices_are_rejected() {
        let good = String::from_utf8_lossy(&text()).into_owned();
        for (from, to) in [
            ("ply\n", "plx\n"),
            ("format ascii 1.0\n", ""),
            ("ascii", "morse"),
            ("element vertex 4", "element vertex four"),
            ("property float x", "property real x"),
            ("property float x", "property float q"),
            ("vertex_indices", "corners"),
            ("4 0 1 2 3", "4 0 1 2 4"),
            ("4 0 1 2 3", "4 0 1 2 -1"),
            ("4 0 1 2 3", "4 0 1 2 0.5"),
            ("4 0 1 2 3", "4 0 1 2 three"),
        ] {
            assert!(read(good.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
        }
    }
}
