//! Wavefront OBJ: positions, UVs, normals and faces; everything else is passed over.

use std::str::SplitAsciiWhitespace;

use glam::{Vec2, Vec3};

use super::{
    corners::{Attributes, Corner, unify},
    triangulate::triangulate,
};
use crate::{Mesh, MeshError, MeshFormat};

/// Reads an OBJ file's content.
pub(super) fn read(bytes: &[u8]) -> Result<Mesh, MeshError> {
    // Names and comments may be in any encoding; what matters here is ASCII.
    let text = String::from_utf8_lossy(bytes);
    let mut attributes = Attributes::default();
    let mut triangles = Vec::new();
    let mut corners = Vec::new();
    for (number, line) in logical_lines(&text) {
        let malformed = |what: &str| MeshError::Malformed {
            format: MeshFormat::Obj,
            reason: format!(
                "line {number}: {what} in '{}'",
                line.trim().chars().take(80).collect::<String>()
            ),
        };
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("v") => {
                let position = numbers(&mut words).ok_or_else(|| malformed("expected x y z"))?;
                attributes.positions.push(Vec3::from_array(position));
            }
            Some("vt") => {
                let uv = numbers(&mut words).ok_or_else(|| malformed("expected u v"))?;
                attributes.uvs.push(Vec2::from_array(uv));
            }
            Some("vn") => {
                let normal = numbers(&mut words).ok_or_else(|| malformed("expected x y z"))?;
                attributes.normals.push(Vec3::from_array(normal));
            }
            Some("f") => {
                corners.clear();
                for word in words {
                    let corner = parse_corner(word, &attributes);
                    corners.push(corner.ok_or_else(|| malformed("an index that names nothing"))?);
                }
                if corners.len() < 3 {
                    return Err(malformed("fewer than three corners"));
                }
                let polygon: Vec<Vec3> =
                    corners.iter().map(|corner| attributes.positions[corner.position as usize]).collect();
                triangles.extend(triangulate(&polygon).into_iter().map(|face| face.map(|i| corners[i])));
            }
            _ => {}
        }
    }
    Ok(unify(&attributes, &triangles))
}

/// Lines with their numbers, from 1; a backslash at the end of one joins it to the next. Comments are cut off.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (i, line) = lines.next()?;
        let mut logical = without_comment(line).to_owned();
        while logical.ends_with('\\') {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical.push(' ');
            logical.push_str(without_comment(next));
        }
        Some((i + 1, logical))
    })
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(content, _)| content).trim_end()
}

fn numbers<const N: usize>(words: &mut SplitAsciiWhitespace<'_>) -> Option<[f32; N]> {
    let mut values = [0.0; N];
    for value in &mut values {
        *value = words.next()?.parse().ok()?;
    }
    Some(values)
}

/// `position`, `position/uv`, `position//normal` or `position/uv/normal`.
fn parse_corner(word: &str, attributes: &Attributes) -> Option<Corner> {
    let mut parts = word.split('/');
    let position = parse_index(parts.next()?, attributes.positions.len())?;
    let mut optional = |count| match parts.next() {
        None | Some("") => Some(None),
        Some(part) => parse_index(part, count).map(Some),
    };
    let (uv, normal) = (optional(attributes.uvs.len())?, optional(attributes.normals.len())?);
    parts.next().is_none().then_some(Corner { position, uv, normal })
}

/// An index counted from 1, or from the last element so far backwards if negative, as one counted from 0.
fn parse_index(word: &str, count: usize) -> Option<u32> {
    let index: i64 = word.parse().ok()?;
    let count = i64::try_from(count).ok()?;
    let index = if index < 0 { count + index } else { index - 1 };
    (0..count).contains(&index).then(|| u32::try_from(index).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_of_all_kinds_in_one_file() -> Result<(), MeshError> {
        let text = b"# caf\xe9\no thing\nv 0 0 0\nv 1 0 0 1.0\nv 1 1 0\nv 0 1 0 0.5 0.5 0.5\r\n\
            vt 0 0\nvt 1 0 0\nvt 1 1\nvt 0 1\nvn 0 0 1\nusemtl m\ns 1\n\
            f 1/1/1 2/2/1 \\\n 3/3/1 # the first half\nf -4/-4/-1 -2/-2/-1 -1/-1/-1\nl 1 2\n";
        let mesh = read(text)?;
        assert_eq!(mesh.faces, [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(mesh.positions[3], Vec3::Y);
        assert_eq!(mesh.uvs, Some(vec![Vec2::ZERO, Vec2::X, Vec2::ONE, Vec2::Y]));
        assert_eq!(mesh.normals, Some(vec![Vec3::Z; 4]));
        Ok(())
    }

    #[test]
    fn polygons_are_triangulated_and_seams_split() -> Result<(), MeshError> {
        let text = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1\n\
            f 1/1 2/2 3/3 4/1\nf 1/2 2/2 5/3\n";
        let mesh = read(text)?;
        assert_eq!(mesh.faces, [[0, 1, 2], [0, 2, 3], [5, 1, 4]]);
        assert_eq!(mesh.positions[5], Vec3::ZERO);
        Ok(())
    }

    #[test]
    fn bad_lines_are_named() {
        for (line, number) in [
            ("v 1 2", 4),
            ("v 1 2 x", 4),
            ("vt 1", 4),
            ("f 1 2", 4),
            ("f 1 2 4", 4),
            ("f 0 1 2", 4),
            ("f 1 2 -4", 4),
            ("f 1/1 2 3", 4),
            ("f 1/2/3/4 2 3", 4),
            ("f 1 2 99999999999999999999", 4),
        ] {
            let text = format!("v 0 0 0\nv 1 0 0\nv 0 1 0\n{line}\n");
            let error = read(text.as_bytes()).map_err(|e| e.to_string());
            assert!(error.is_err_and(|e| e.contains(&format!("line {number}"))), "{line}");
        }
    }
}
