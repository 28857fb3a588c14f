//! Wavefront OBJ with its material and texture beside it.

use std::{fmt::Write, path::Path};

use image::RgbImage;

use super::{atomic::StagedFile, png_bytes};
use crate::{Mesh, MeshError};

/// Writes a textured mesh as `name.obj`, with `name.mtl` and `name.png` beside it.
///
/// Positions, UVs and normals are written so that they read back bit for bit, in the mesh's own units and axes.
/// All three files are complete before the first one takes its place.
///
/// # Errors
/// If the mesh is not valid or has no UVs, the texture cannot be encoded, the path's name cannot stand in an OBJ
/// file, or a file cannot be written.
pub fn write_obj(path: &Path, mesh: &Mesh, texture: &RgbImage) -> Result<(), MeshError> {
    let name =
        path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.contains(['\n', '\r', '#']));
    let name = name.ok_or_else(|| MeshError::Parameter {
        parameter: "path",
        expected: "a file name in UTF-8 on one line, without '#'",
        found: path.display().to_string(),
    })?;
    let obj = obj_text(mesh, name)?;
    let mtl = format!("newmtl painted\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}.png\n");
    let staged = [
        StagedFile::new(&path.with_file_name(format!("{name}.png")), &png_bytes(texture)?)?,
        StagedFile::new(&path.with_file_name(format!("{name}.mtl")), mtl.as_bytes())?,
        StagedFile::new(path, obj.as_bytes())?,
    ];
    staged.into_iter().try_for_each(StagedFile::commit)
}

fn obj_text(mesh: &Mesh, name: &str) -> Result<String, MeshError> {
    mesh.validate()?;
    let uvs = mesh.uvs.as_ref().ok_or(MeshError::MissingUvs)?;
    let normals = mesh.normals.as_ref().filter(|normals| normals.iter().all(|n| n.is_finite()));
    let mut text = format!("mtllib {name}.mtl\nusemtl painted\n");
    // Rust prints the shortest number that reads back as the same float; writing to a string cannot fail.
    for p in &mesh.positions {
        let _ = writeln!(text, "v {} {} {}", p.x, p.y, p.z);
    }
    for uv in uvs {
        let _ = writeln!(text, "vt {} {}", uv.x, uv.y);
    }
    for n in normals.into_iter().flatten() {
        let _ = writeln!(text, "vn {} {} {}", n.x, n.y, n.z);
    }
    for face in &mesh.faces {
        let [a, b, c] = face.map(|i| u64::from(i) + 1);
        let _ = match normals {
            Some(_) => writeln!(text, "f {a}/{a}/{a} {b}/{b}/{b} {c}/{c}/{c}"),
            None => writeln!(text, "f {a}/{a} {b}/{b} {c}/{c}"),
        };
    }
    Ok(text)
}
