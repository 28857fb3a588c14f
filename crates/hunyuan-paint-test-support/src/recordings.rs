//! Recordings that are stored compressed.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
};

use lzma_rust2::XzReader;
use tempfile::NamedTempFile;

/// Returns a file, or where it is stored as `.xz`, its contents in a file below the build folder.
///
/// `tools/pack_case.py` packs recordings. Several processes may ask for one file at a time.
///
/// # Errors
/// If there is neither, or the container is damaged, or the build folder cannot be written.
pub fn unpacked(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref();
    let container = PathBuf::from(format!("{}.xz", path.display()));
    if path.is_file() || !container.is_file() {
        return Ok(path.to_owned());
    }
    let (container, folder) = (container.canonicalize()?, build_folder());
    let changed = fs::metadata(&container)?.modified()?;
    // The place of the recording in the repository, in one name.
    let name: Vec<_> = container.iter().rev().take(3).map(|part| part.to_string_lossy()).collect();
    let target = folder.join(name.iter().rev().map(AsRef::as_ref).collect::<Vec<&str>>().join("+"));
    let target = target.with_extension("");
    if fs::metadata(&target).and_then(|metadata| metadata.modified()).is_ok_and(|time| time > changed) {
        return Ok(target);
    }
    fs::create_dir_all(&folder)?;
    let mut bytes = Vec::new();
    XzReader::new(BufReader::new(File::open(&container)?), false).read_to_end(&mut bytes)?;
    let mut file = NamedTempFile::new_in(&folder)?;
    file.write_all(&bytes)?;
    file.persist(&target)?;
    Ok(target)
}

/// Returns a folder for unpacked recordings.
fn build_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    target.join("recordings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_containers_are_errors_and_plain_files_are_themselves() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("io.safetensors");
        fs::write(&file, b"plain")?;
        assert_eq!(unpacked(&file)?, file);
        fs::remove_file(&file)?;
        fs::write(folder.path().join("io.safetensors.xz"), b"no container")?;
        assert!(unpacked(&file).is_err());
        Ok(())
    }
}
