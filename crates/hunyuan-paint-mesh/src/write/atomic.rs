//! Atomic file replacement.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::MeshError;

/// Writes a file atomically: writes a temporary file in the same folder, then renames it to the
/// path. An existing file is replaced, and the path never refers to a partially written file.
///
/// # Errors
/// [`MeshError::File`] if the file cannot be written. The temporary file is then removed.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), MeshError> {
    StagedFile::new(path.as_ref(), bytes)?.commit()
}

/// A complete temporary file. [`StagedFile::commit`] renames it to its path; dropping it removes
/// it.
pub(super) struct StagedFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl StagedFile {
    pub(super) fn new(path: &Path, bytes: &[u8]) -> Result<Self, MeshError> {
        let stage = || {
            let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let mut prefix = OsString::from(".");
            prefix.push(name);
            prefix.push(".");
            let mut builder = tempfile::Builder::new();
            builder.prefix(&prefix).suffix(".tmp");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                // The permissions of any new file, minus the process's umask. By default, only the
                // owner could read a temporary file.
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(Self { file, path: path.to_owned() })
        };
        stage().map_err(|error: io::Error| MeshError::from(error).in_file(path))
    }

    pub(super) fn commit(self) -> Result<(), MeshError> {
        let Self { file, path } = self;
        file.persist(&path).map(drop).map_err(|error| MeshError::from(error.error).in_file(&path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::test_folder::TestFolder;

    #[test]
    fn files_are_replaced_without_leftovers() -> Result<(), MeshError> {
        let folder = TestFolder::new()?;
        let path = folder.path("a.bin");
        write_atomically(&path, b"first, longer")?;
        write_atomically(&path, b"second")?;
        assert_eq!(fs::read(&path)?, b"second");
        assert_eq!(folder.names()?, ["a.bin"]);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn permissions_equal_those_of_any_new_file() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = TestFolder::new()?;
        let (plain, atomic) = (folder.path("plain"), folder.path("atomic"));
        fs::write(&plain, b"x")?;
        write_atomically(&atomic, b"x")?;
        let mode = |path| fs::metadata(path).map(|metadata| metadata.permissions().mode());
        assert_eq!(mode(&atomic)?, mode(&plain)?);
        Ok(())
    }

    #[test]
    fn failures_give_the_path_and_leave_no_files() -> Result<(), MeshError> {
        let folder = TestFolder::new()?;
        fs::create_dir(folder.path("taken"))?;
        for path in [folder.path("taken"), folder.path("missing/a.bin"), folder.path("..")] {
            assert!(
                matches!(write_atomically(&path, b"x"), Err(MeshError::File { path: p, .. }) if p == path)
            );
        }
        assert_eq!(folder.names()?, ["taken"]);
        Ok(())
    }
}
