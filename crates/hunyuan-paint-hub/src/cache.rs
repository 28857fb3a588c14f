//! A repository's folders in the cache, in the layout that all clients of the hub share.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{HubError, RepoId};

/// The interval at which a waiting process tries the lock again.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// The folders of one repository.
pub(crate) struct RepoCache {
    repository: PathBuf,
    locks: PathBuf,
    revision: String,
}

impl RepoCache {
    pub(crate) fn new(root: &Path, repository: &RepoId, revision: &str) -> Self {
        let folder = format!("models--{}--{}", repository.owner(), repository.name());
        let locks = root.join(".locks").join(&folder);
        Self { repository: root.join(folder), locks, revision: revision.to_owned() }
    }

    /// Returns the commit of the revision at the last download.
    pub(crate) fn commit(&self) -> Option<String> {
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        let commit = fs::read_to_string(self.reference()).ok()?.trim().to_owned();
        is_commit(&commit).then_some(commit)
    }

    /// Records the commit of the revision.
    pub(crate) fn set_commit(&self, commit: &str) -> Result<(), HubError> {
        if is_commit(&self.revision) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        replace(&self.reference(), |staged| File::create_new(staged)?.write_all(commit.as_bytes()))
    }

    fn reference(&self) -> PathBuf {
        self.repository.join("refs").join(&self.revision)
    }

    /// Returns the folder with the repository's tree at a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repository.join("snapshots").join(commit)
    }

    /// Returns the path of a content, which is named by its hash.
    pub(crate) fn blob(&self, hash: &str) -> PathBuf {
        self.repository.join("blobs").join(hash)
    }

    /// Returns the path of a partial download.
    pub(crate) fn partial(&self, hash: &str) -> PathBuf {
        self.blob(&format!("{hash}.incomplete"))
    }

    /// Waits until no other process downloads the same content. Calls `on_wait` while waiting, and
    /// stops with its error. The lock is released when the returned file is dropped.
    pub(crate) fn lock(
        &self,
        hash: &str,
        mut on_wait: impl FnMut() -> Result<(), HubError>,
    ) -> Result<File, HubError> {
        let path = self.locks.join(format!("{hash}.lock"));
        create_parent(&path)?;
        let file = File::options().create(true).append(true).open(&path).map_err(HubError::io(&path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    on_wait()?;
                    thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::Error(source)) => return Err(HubError::Io { path, source }),
            }
        }
    }

    /// Links a content into the folder of a commit.
    pub(crate) fn place(&self, hash: &str, commit: &str, file: &str) -> Result<(), HubError> {
        let (blob, path) = (self.blob(hash), self.snapshot(commit).join(file));
        if path.exists() {
            return Ok(());
        }
        // A relative link, so that the cache can be moved.
        let mut target: PathBuf = [".."; 2].iter().collect();
        target.extend(Path::new(file).parent().into_iter().flatten().map(|_| ".."));
        target.extend(["blobs", hash]);
        // Replaces a dangling link, should the blob have been removed.
        replace(&path, |staged| {
            let link = symlink(&target, staged).or_else(|_| fs::hard_link(&blob, staged));
            link.or_else(|_| fs::copy(&blob, staged).map(|_| ()))
        })
    }
}

/// Returns whether a text is the full hash of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn create_parent(path: &Path) -> Result<(), HubError> {
    path.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(HubError::io(folder)))
}

/// Replaces a path atomically with what `make` creates under a temporary name beside it.
fn replace(path: &Path, mut make: impl FnMut(&Path) -> io::Result<()>) -> Result<(), HubError> {
    create_parent(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    // `make` creates the file, so that it has the usual permissions: other users may share the
    // cache.
    let staged = tempfile::Builder::new().prefix(".").suffix(".tmp").make_in(folder, |staged| make(staged));
    staged.and_then(|staged| Ok(staged.persist(path)?)).map_err(HubError::io(path))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
