//! Wavefront OBJ reader: positions, UVs, normals, faces, and names of objects, groups and
//! materials. Everything else is ignored.

use glam::{Vec2, Vec3};

use super::{
    corners::{Attributes, Corner, unify},
    encoding::lines,
    short_name,
    triangulate::triangulate,
};
use crate::{Material, Mesh, MeshError, MeshFormat, MeshPart, MeshWarning};

/// Reads the content of an OBJ file.
pub(super) fn read(bytes: &[u8]) -> Result<Mesh, MeshError> {
    // Names and comments may be in any encoding; keywords and numbers are ASCII.
    let text = String::from_utf8_lossy(bytes);
    let mut attributes = Attributes::default();
    let mut triangles = Vec::new();
    let mut corners = Vec::new();
    let mut parts = Parts::default();
    for (number, line) in logical_lines(&text) {
        let malformed = |expected: &str| MeshError::Malformed {
            format: MeshFormat::Obj,
            reason: format!(
                "line {number}: expected {expected}, found '{}'",
                line.trim().chars().take(80).collect::<String>()
            ),
        };
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("v") => {
                let position = numbers(&mut words).ok_or_else(|| malformed("three numbers x y z"))?;
                attributes.positions.push(Vec3::from_array(position));
            }
            Some("vt") => {
                // One-dimensional texture coordinates have no v.
                let mut words = words.chain(std::iter::once("0"));
                let uv = numbers(&mut words).ok_or_else(|| malformed("numbers u v"))?;
                attributes.uvs.push(Vec2::from_array(uv));
            }
            Some("vn") => {
                let normal = numbers(&mut words).ok_or_else(|| malformed("three numbers x y z"))?;
                attributes.normals.push(Vec3::from_array(normal));
            }
            Some("f") => {
                corners.clear();
                for word in words {
                    let corner = parse_corner(word, &attributes);
                    corners.push(corner.ok_or_else(|| malformed("indices of preceding elements"))?);
                }
                // Some exporters write edges as faces.
                if corners.len() < 3 {
                    continue;
                }
                let polygon: Vec<Vec3> =
                    corners.iter().map(|corner| attributes.positions[corner.position as usize]).collect();
                parts.begin_face(triangles.len());
                triangles.extend(triangulate(&polygon).into_iter().map(|face| face.map(|i| corners[i])));
            }
            Some("o") => parts.set_name(arguments(&line), true),
            Some("g") => parts.set_name(arguments(&line), false),
            Some("usemtl") => parts.set_material(arguments(&line)),
            _ => {}
        }
    }
    let warnings = drop_non_finite(&attributes, &mut triangles);
    let parts = parts.into_parts(triangles.len());
    Ok(Mesh { parts, warnings, ..unify(&attributes, &triangles) })
}

/// Removes UVs and normals that are not finite from the corners that use them. [`unify`] then
/// drops the attribute.
fn drop_non_finite(attributes: &Attributes, triangles: &mut [[Corner; 3]]) -> Vec<MeshWarning> {
    let has_bad_uv = |corner: &Corner| corner.uv.is_some_and(|i| !attributes.uvs[i as usize].is_finite());
    let has_bad_normal =
        |corner: &Corner| corner.normal.is_some_and(|i| !attributes.normals[i as usize].is_finite());
    let (mut bad_uvs, mut bad_normals) = (false, false);
    for corner in triangles.iter_mut().flatten() {
        if has_bad_uv(corner) {
            (corner.uv, bad_uvs) = (None, true);
        }
        if has_bad_normal(corner) {
            (corner.normal, bad_normals) = (None, true);
        }
    }
    let warnings = [(bad_uvs, MeshWarning::UvsDropped), (bad_normals, MeshWarning::NormalsDropped)];
    warnings.into_iter().filter(|(is_bad, _)| *is_bad).map(|(_, warning)| warning).collect()
}

/// Returns everything after the first word of a line.
fn arguments(line: &str) -> &str {
    line.trim_start().split_once(|c: char| c.is_ascii_whitespace()).map_or("", |(_, rest)| rest.trim())
}

/// Collects parts. A new part begins at each face whose name or material differs from the previous
/// face's.
#[derive(Default)]
struct Parts {
    /// The ends of their ranges are not set until [`Parts::into_parts`].
    parts: Vec<MeshPart>,
    /// The name and the material of the following faces.
    current: (String, String),
    has_objects: bool,
}

impl Parts {
    /// Sets the name of the following faces. The name of a group is ignored once there is an
    /// object.
    fn set_name(&mut self, name: &str, is_object: bool) {
        if is_object || !self.has_objects {
            short_name(name).clone_into(&mut self.current.0);
        }
        self.has_objects |= is_object;
    }

    fn set_material(&mut self, name: &str) {
        short_name(name).clone_into(&mut self.current.1);
    }

    fn begin_face(&mut self, face: usize) {
        let (name, material) = &self.current;
        if self.parts.last().is_none_or(|part| part.name != *name || part.material.name != *material) {
            let material = Material { name: material.clone(), ..Material::default() };
            self.parts.push(MeshPart { name: name.clone(), faces: face..face, material });
        }
    }

    fn into_parts(self, face_count: usize) -> Vec<MeshPart> {
        let mut parts = self.parts;
        let mut end = face_count;
        for part in parts.iter_mut().rev() {
            part.faces.end = end;
            end = part.faces.start;
        }
        if matches!(parts.as_slice(), [part] if part.is_plain()) { Vec::new() } else { parts }
    }
}

/// Returns the lines without comments, and their numbers from 1. A backslash at the end of a line
/// joins it to the next one.
fn logical_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = lines(text).enumerate();
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

/// Returns a line without its comment. Names of objects, groups and materials may contain `#`
/// ("Material #25"), so that in their lines it begins no comment.
fn without_comment(line: &str) -> &str {
    let is_name = ["o", "g", "usemtl"].contains(&line.split_ascii_whitespace().next().unwrap_or_default());
    let content = if is_name { line } else { &line[..comment_start(line)] };
    content.trim_end()
}

/// Returns where the first word that begins with `#` starts. `#` within a word begins no comment: MSVC prints NaN as
/// `1.#QNAN`.
fn comment_start(line: &str) -> usize {
    let starts_word = |&(i, _): &(usize, &str)| i == 0 || line.as_bytes()[i - 1].is_ascii_whitespace();
    line.match_indices('#').find(starts_word).map_or(line.len(), |(i, _)| i)
}

fn numbers<'a, const N: usize>(words: &mut impl Iterator<Item = &'a str>) -> Option<[f32; N]> {
    let mut values = [0.0; N];
    for value in &mut values {
        *value = number(words.next()?)?;
    }
    Some(values)
}

/// Parses a number. C libraries print NaN and infinity in many ways: `-nan(ind)`, `1.#QNAN`, `-1.#IND00`, `1.#INF`.
fn number(word: &str) -> Option<f32> {
    word.parse().ok().or_else(|| {
        let word = word.trim_start_matches(['+', '-']).to_ascii_lowercase();
        (word.starts_with("nan") || word.starts_with("1.#")).then_some(f32::NAN)
    })
}

/// Parses `position`, `position/uv`, `position//normal` or `position/uv/normal`.
fn parse_corner(word: &str, attributes: &Attributes) -> Option<Corner> {
    let mut parts = word.split('/');
    let position = parse_index(parts.next()?, attributes.positions.len())?;
    let mut optional = |count| match parts.next() {
        // Some exporters write 0 for a corner without a UV or normal.
        None | Some("" | "0") => Some(None),
        Some(part) => parse_index(part, count).map(Some),
    };
    let (uv, normal) = (optional(attributes.uvs.len())?, optional(attributes.normals.len())?);
    parts.next().is_none().then_some(Corner { position, uv, normal })
}

/// Parses an index from 1, or a negative one relative to the end of the `count` elements so far.
/// Returns it from 0, or `None` if it is out of range.
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
    fn all_kinds_of_indices_are_read() -> Result<(), MeshError> {
        let text = b"# caf\xe9\no thing\nv 0 0 0\nv 1 0 0 1.0\nv 1 1 0\nv 0 1 0 0.5 0.5 0.5\r\n\
            vt 0 0\nvt 1 0 0\nvt 1 1\nvt 0 1\nvn 0 0 1\nusemtl m\ns 1\n\
            f 1/1/1 2/2/1 \\\n 3/3/1 # the first half\nf -4/-4/-1 -2/-2/-1 -1/-1/-1\nl 1 2\n";
        let mesh = read(text)?;
        assert_eq!(mesh.faces, [[0, 1, 2], [0, 2, 3]]);
        assert_eq!(mesh.positions[3], Vec3::Y);
        assert_eq!(mesh.uvs, Some(vec![Vec2::ZERO, Vec2::X, Vec2::ONE, Vec2::Y]));
        assert_eq!(mesh.normals, Some(vec![Vec3::Z; 4]));
        let [part] = mesh.parts.as_slice() else { return Err(MeshError::NoFaces) };
        assert_eq!(
            (part.name.as_str(), part.faces.clone(), part.material.name.as_str()),
            ("thing", 0..2, "m")
        );
        Ok(())
    }

    #[test]
    fn a_part_begins_where_the_name_or_material_changes() -> Result<(), MeshError> {
        let text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\ng a group\nusemtl wood\nusemtl dark  oak\n\
            f 1 2 3\nf 2 3 4\ng other\no one\ng within\nf 1 2 3\nusemtl dark  oak\nf 1 2 3\no empty\n";
        let mesh = read(text.as_bytes())?;
        mesh.validate()?;
        let found: Vec<_> = mesh
            .parts
            .iter()
            .map(|part| (part.name.as_str(), part.material.name.as_str(), part.faces.clone()))
            .collect();
        assert_eq!(found, [("", "", 0..2), ("a group", "dark  oak", 2..4), ("one", "dark  oak", 4..6)]);
        Ok(())
    }

    #[test]
    fn long_names_are_truncated() -> Result<(), MeshError> {
        let mesh = read(
            format!("v 0 0 0\nv 1 0 0\nv 0 1 0\no {0}\nusemtl {0}\nf 1 2 3\n", "é".repeat(1000)).as_bytes(),
        )?;
        assert_eq!(mesh.parts[0].name, "é".repeat(128));
        assert_eq!(mesh.parts[0].material.name, mesh.parts[0].name);
        Ok(())
    }

    #[test]
    fn a_missing_v_is_zero() -> Result<(), MeshError> {
        let mesh = read(b"v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0.5\nf 1/1 2/1 3/1\n")?;
        assert_eq!(mesh.uvs, Some(vec![Vec2::new(0.5, 0.0); 3]));
        assert!(mesh.parts.is_empty());
        Ok(())
    }

    #[test]
    fn polygons_are_triangulated_and_seams_are_split() -> Result<(), MeshError> {
        let text = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nvt 0 0\nvt 1 0\nvt 1 1\n\
            f 1/1 2/2 3/3 4/1\nf 1/2 2/2 5/3\n";
        let mesh = read(text)?;
        assert_eq!(mesh.faces, [[0, 1, 2], [0, 2, 3], [5, 1, 4]]);
        assert_eq!(mesh.positions[5], Vec3::ZERO);
        Ok(())
    }

    const TRIANGLE: &str = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";

    #[test]
    fn lone_carriage_returns_end_lines() -> Result<(), MeshError> {
        let text = format!("{TRIANGLE}vt 0 0\nf 1/1 2/1 3/1\n");
        assert_eq!(read(text.replace('\n', "\r").as_bytes())?, read(text.as_bytes())?);
        let broken = read(b"v 0 0 0\rv 1 0 0\r\nv x\r").map_err(|error| error.to_string());
        assert!(broken.as_ref().is_err_and(|error| error.contains("line 3")), "{broken:?}");
        Ok(())
    }

    #[test]
    fn names_may_contain_a_number_sign() -> Result<(), MeshError> {
        let text = format!(
            "{TRIANGLE}# comment\no Box #1\nusemtl Material #25 \nf 1 2 3 # comment\no Box #2\nf 1 2 3\n"
        );
        let mesh = read(text.as_bytes())?;
        let names: Vec<_> =
            mesh.parts.iter().map(|part| (part.name.as_str(), part.material.name.as_str())).collect();
        assert_eq!(names, [("Box #1", "Material #25"), ("Box #2", "Material #25")]);
        Ok(())
    }

    #[test]
    fn bad_uvs_and_normals_are_dropped_and_the_mesh_is_kept() -> Result<(), MeshError> {
        for (lines, has_uvs, has_normals) in [
            ("vt 0 0\nvn -nan(ind) 0 1\nf 1/1/1 2/1/1 3/1/1\n", true, false),
            ("vt -nan(ind) 1.#QNAN\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\n", false, true),
            ("vt 0 inf\nvn 0 0 1\nf 1/1/1 2/1/1 3/1/1\n", false, true),
            ("vt 0 0\nvn 0 0 1\nf 1/1/0 2/1/0 3/1/0\n", true, false),
            ("vt 0 0\nvn 0 0 1\nf 1/0/1 2/0/1 3/0/1\n", false, true),
        ] {
            let mesh = read(format!("{TRIANGLE}{lines}").as_bytes())?;
            assert_eq!(
                (mesh.faces.len(), mesh.uvs.is_some(), mesh.normals.is_some()),
                (1, has_uvs, has_normals),
                "{lines}"
            );
        }
        Ok(())
    }

    #[test]
    fn faces_of_two_corners_are_skipped() -> Result<(), MeshError> {
        let mesh = read(format!("{TRIANGLE}f 1 2\nf 1 2 3\nf 2\n").as_bytes())?;
        assert_eq!(mesh.faces, [[0, 1, 2]]);
        Ok(())
    }

    #[test]
    fn errors_give_the_line_number() {
        for (line, number) in [
            ("v 1 2", 4),
            ("v 1 2 x", 4),
            ("vt", 4),
            ("vt x", 4),
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
