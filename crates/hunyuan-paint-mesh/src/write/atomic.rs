//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::MeshError;

/// Writes a file so that its path never names a half-written one: under another name in the same folder first,
/// which is then renamed over whatever was there.
///
/// # Errors
/// [`MeshError::File`] with the path if the system refuses; nothing is left behind then.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), MeshError> {
    let path = path.as_ref();
    StagedFile::new(path, bytes)?.commit()
}

/// A file that is written, but not in its place yet. It is removed if it never gets there.
pub(super) struct StagedFile {
    staged: PathBuf,
    path: PathBuf,
}

impl StagedFile {
    pub(super) fn new(path: &Path, bytes: &[u8]) -> Result<Self, MeshError> {
        let stage = || {
            let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
            let (mut file, staged) = create_beside(path, &name.to_string_lossy())?;
            let staged = Self { staged, path: path.to_owned() };
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(staged)
        };
        stage().map_err(|error: io::Error| MeshError::from(error).in_file(path))
    }

    pub(super) fn commit(self) -> Result<(), MeshError> {
        fs::rename(&self.staged, &self.path).map_err(|error| MeshError::from(error).in_file(&self.path))
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // After a commit there is nothing to remove; otherwise there is nobody to tell.
        let _ = fs::remove_file(&self.staged);
    }
}

/// A new file beside `path` that no other process or thread uses.
fn create_beside(path: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let staged = path.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()));
        match File::create_new(&staged) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (file, staged)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::TestFolder;

    #[test]
    fn contents_are_replaced_and_nothing_stays_beside() -> Result<(), MeshError> {
        let folder = TestFolder::new()?;
        let path = folder.path("a.bin");
        write_atomically(&path, b"first, longer")?;
        write_atomically(&path, b"second")?;
        assert_eq!(fs::read(&path)?, b"second");
        assert_eq!(folder.names()?, ["a.bin"]);
        Ok(())
    }

    #[test]
    fn failures_name_the_file_and_leave_nothing() -> Result<(), MeshError> {
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
