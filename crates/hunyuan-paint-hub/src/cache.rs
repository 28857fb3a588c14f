//! A repository's place in the cache, in the layout that all of the hub's clients share.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use hf_hub::{Cache, Repo, RepoType};

use crate::{HubError, RepoId};

/// How often a waiting process looks whether another one has finished.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// The folders of one repository.
pub(crate) struct RepoCache {
    repository: PathBuf,
    snapshots: PathBuf,
    locks: PathBuf,
    revision: String,
}

impl RepoCache {
    pub(crate) fn new(root: &Path, repository: &RepoId, revision: &str) -> Self {
        let repo = Repo::with_revision(repository.to_string(), RepoType::Model, revision.to_owned());
        Self {
            repository: root.join(repo.folder_name()),
            locks: root.join(".locks").join(repo.folder_name()),
            // Of no commit: the folder of all.
            snapshots: Cache::new(root.to_owned()).repo(repo).pointer_path(""),
            revision: revision.to_owned(),
        }
    }

    /// The commit that the revision stood for when it was last downloaded.
    pub(crate) fn commit(&self) -> Option<String> {
        if is_commit(&self.revision) {
            return Some(self.revision.clone());
        }
        let commit = fs::read_to_string(self.reference()).ok()?.trim().to_owned();
        is_commit(&commit).then_some(commit)
    }

    /// Notes the commit that the revision stands for.
    pub(crate) fn set_commit(&self, commit: &str) -> Result<(), HubError> {
        if is_commit(&self.revision) || self.commit().as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.reference();
        let staged = unique(&path);
        create_parent(&path)?;
        fs::write(&staged, commit).map_err(HubError::io(&staged))?;
        fs::rename(&staged, &path).map_err(HubError::io(&path))
    }

    fn reference(&self) -> PathBuf {
        self.repository.join("refs").join(&self.revision)
    }

    /// The folder that looks like the repository at a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.snapshots.join(commit)
    }

    /// A file's content, under the name of its hash.
    pub(crate) fn blob(&self, hash: &str) -> PathBuf {
        self.repository.join("blobs").join(hash)
    }

    /// What has come of it.
    pub(crate) fn partial(&self, hash: &str) -> PathBuf {
        self.blob(&format!("{hash}.incomplete"))
    }

    /// Waits until no other process downloads the same content; `on_wait` is called meanwhile, and may end it with an
    /// error. The lock is freed with what is returned.
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

    /// Lets a content appear in a commit's folder.
    pub(crate) fn place(&self, hash: &str, commit: &str, file: &str) -> Result<(), HubError> {
        let (blob, path) = (self.blob(hash), self.snapshot(commit).join(file));
        if path.exists() {
            return Ok(());
        }
        create_parent(&path)?;
        // From the file's folder up to the repository's, so that the cache can be moved.
        let mut target: PathBuf = [".."; 2].iter().collect();
        target.extend(Path::new(file).parent().into_iter().flatten().map(|_| ".."));
        target.extend(["blobs", hash]);
        // Under another name first: what stands there may be a link to a blob that somebody removed.
        let staged = unique(&path);
        // What a process of the same number left when it was killed. Copying onto it would reach the blob.
        let _ = fs::remove_file(&staged);
        let link = symlink(&target, &staged).or_else(|_| fs::hard_link(&blob, &staged));
        link.or_else(|_| fs::copy(&blob, &staged).map(|_| ())).map_err(HubError::io(&staged))?;
        fs::rename(&staged, &path).map_err(HubError::io(&path))
    }
}

/// Whether a text is a full commit's name.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn create_parent(path: &Path) -> Result<(), HubError> {
    path.parent().map_or(Ok(()), |folder| fs::create_dir_all(folder).map_err(HubError::io(folder)))
}

/// A name beside a path that no other process or thread uses.
fn unique(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()))
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
