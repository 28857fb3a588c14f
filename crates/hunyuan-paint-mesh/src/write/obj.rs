//! Wavefront OBJ writer, with the material and texture as separate files.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use image::RgbImage;

use super::{atomic::StagedFile, png_bytes};
use crate::{Mesh, MeshError, MeshPart};

/// The name written for an unnamed material.
const DEFAULT_MATERIAL: &str = "painted";

/// Writes a textured mesh as `name.obj`, and `name.mtl` and `name.png` to the same folder.
///
/// Positions, UVs and normals read back bit for bit, in the mesh's own units and axes. Parts keep
/// their names and the names of their materials, but no other material properties. All three files
/// are written completely before the first one is renamed to its path.
///
/// # Errors
/// If the mesh is not valid or has no UVs, the texture cannot be encoded, the file name is not
/// UTF-8 or contains a line break or `#`, the extension is `.mtl` or `.png`, or a file cannot be
/// written.
pub fn write_obj(path: impl AsRef<Path>, mesh: &Mesh, texture: &RgbImage) -> Result<(), MeshError> {
    let path = path.as_ref();
    let name =
        path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.contains(['\n', '\r', '#']));
    let name = name.ok_or_else(|| MeshError::Parameter {
        parameter: "path",
        expected: "a file name in UTF-8 on one line, without '#'",
        found: path.display().to_string(),
    })?;
    let obj = obj_text(mesh, name)?;
    let [png_path, mtl_path] =
        ["png", "mtl"].map(|extension| path.with_file_name(format!("{name}.{extension}")));
    if [&png_path, &mtl_path].iter().any(|other| same_file_name(other, path)) {
        return Err(MeshError::Parameter {
            parameter: "path",
            expected: "an extension other than .png and .mtl, which the texture and the material have",
            found: path.display().to_string(),
        });
    }
    let staged = [
        StagedFile::new(&png_path, &png_bytes(texture)?)?,
        StagedFile::new(&mtl_path, mtl_text(mesh, name).as_bytes())?,
        StagedFile::new(path, obj.as_bytes())?,
    ];
    staged.into_iter().try_for_each(StagedFile::commit)
}

/// Whether the file names are equal on a case-insensitive file system.
fn same_file_name(a: &Path, b: &Path) -> bool {
    let lower = |path: &Path| path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    lower(a) == lower(b)
}

/// Replaces the characters of a name that OBJ cannot represent.
fn plain_name(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_control() || c == '#' || c == '\\' { '_' } else { c }).collect();
    plain.trim().to_owned()
}

/// Returns the name of a part's material in the files.
fn material_name(part: &MeshPart) -> String {
    Some(plain_name(&part.material.name))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| DEFAULT_MATERIAL.to_owned())
}

fn mtl_text(mesh: &Mesh, name: &str) -> String {
    let mut names: BTreeSet<String> = mesh.parts.iter().map(material_name).collect();
    if names.is_empty() {
        names.insert(DEFAULT_MATERIAL.to_owned());
    }
    let material = |material: String| {
        format!("newmtl {material}\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}.png\n")
    };
    names.into_iter().map(material).collect()
}

fn obj_text(mesh: &Mesh, name: &str) -> Result<String, MeshError> {
    mesh.validate()?;
    let uvs = mesh.uvs.as_ref().ok_or(MeshError::MissingUvs)?;
    let normals = mesh.normals.as_ref().filter(|normals| normals.iter().all(|n| n.is_finite()));
    let mut text = format!("mtllib {name}.mtl\n");
    // Rust prints the shortest decimal that parses to the same float. Writing to a string cannot
    // fail.
    for p in &mesh.positions {
        let _ = writeln!(text, "v {} {} {}", p.x, p.y, p.z);
    }
    for uv in uvs {
        let _ = writeln!(text, "vt {} {}", uv.x, uv.y);
    }
    for n in normals.into_iter().flatten() {
        let _ = writeln!(text, "vn {} {} {}", n.x, n.y, n.z);
    }
    if mesh.parts.is_empty() {
        let _ = writeln!(text, "usemtl {DEFAULT_MATERIAL}");
        write_faces(&mut text, &mesh.faces, normals.is_some());
    }
    let mut object = String::new();
    for part in &mesh.parts {
        let name = plain_name(&part.name);
        if name != object {
            let _ = writeln!(text, "o {name}");
            object = name;
        }
        let _ = writeln!(text, "usemtl {}", material_name(part));
        write_faces(&mut text, &mesh.faces[part.faces.clone()], normals.is_some());
    }
    Ok(text)
}

fn write_faces(text: &mut String, faces: &[[u32; 3]], with_normals: bool) {
    for face in faces {
        let [a, b, c] = face.map(|i| u64::from(i) + 1);
        let _ = match with_normals {
            true => writeln!(text, "f {a}/{a}/{a} {b}/{b}/{b} {c}/{c}/{c}"),
            false => writeln!(text, "f {a}/{a} {b}/{b} {c}/{c}"),
        };
    }
}
