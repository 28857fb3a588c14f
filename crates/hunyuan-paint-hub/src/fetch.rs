use std::{collections::BTreeSet, ops::ControlFlow, path::PathBuf};

use crate::{
    DownloadProgress, HubError, HubOptions, License, ModelFolder, RepoId,
    cache::{RepoCache, is_commit},
    client::{Client, Description, FileState},
    folder::Selection,
    retry::retry,
    transfer::Transfer,
};

/// Downloads model folders of a repository into the cache, and returns the folder that contains
/// them.
///
/// Asks the hub once for the commit of the revision, and downloads only the files that the cache
/// lacks. If the hub cannot be reached, uses the last complete download, and logs a warning.
///
/// # Errors
/// If an option is invalid; if the repository, a folder or a file does not exist or may not be
/// read; if the license is refused; if the network fails more often than `retries` allows; or if a
/// file fails a check. Partial downloads are kept for the next call, unless they failed a check.
pub fn fetch_folders(
    repository: &RepoId,
    folders: &[ModelFolder<'_>],
    options: &HubOptions,
) -> Result<PathBuf, HubError> {
    options.check()?;
    folders.iter().try_for_each(ModelFolder::check)?;
    let cache = RepoCache::new(&options.cache, repository, &options.revision);
    let cached = Cached::look(&cache, folders);

    // 1. Cases that need no network.
    if let Some(snapshot) = cached.snapshot.as_ref().filter(|_| options.offline) {
        return Ok(snapshot.clone());
    }
    if options.offline {
        let (cache, missing) = (options.cache.clone(), cached.missing.join(", "));
        return Err(HubError::NotCached { repository: repository.clone(), cache, missing });
    }
    if let Some(snapshot) =
        cached.snapshot.as_ref().filter(|_| is_commit(&options.revision) && cached.is_full)
    {
        return Ok(snapshot.clone());
    }

    // 2. The commit of the revision, and its files.
    let client = Client::new(options)?;
    let describe = || client.describe(repository, &options.revision);
    let description = match &cached.snapshot {
        None => retry(options, describe)?,
        Some(snapshot) => match describe() {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "cannot reach the hub; using the cache");
                return Ok(snapshot.clone());
            }
            description => description?,
        },
    };
    let Description { commit, siblings, card } = description;
    if !is_commit(&commit) {
        let (url, expected) = (format!("{}/{repository}", options.endpoint), "a commit of 40 hex digits");
        return Err(HubError::Malformed { url, expected, found: format!("'{commit}'") });
    }
    let published: BTreeSet<&str> = siblings.iter().map(|sibling| sibling.path.as_str()).collect();
    let needed = select(folders, |path| published.contains(path));
    if !needed.missing.is_empty() {
        let missing = needed.missing.join(", ");
        return Err(HubError::NotInRepository { repository: repository.clone(), commit, missing });
    }
    let snapshot = cache.snapshot(&commit);
    let missing: Vec<_> = needed.files.iter().filter(|file| !snapshot.join(file).is_file()).collect();

    // 3. The license.
    if !missing.is_empty() && missing.len() == needed.files.len() {
        let names: Vec<_> = folders.iter().map(|folder| folder.name).collect();
        let license = License::of(repository, &names, card, &options.endpoint);
        ask(options, license)?;
    }

    // 4. The files, the largest last, so that a folder with weights is complete.
    let mut states = Vec::new();
    for file in missing {
        states.push((file, retry(options, || client.state(repository, &commit, file))?));
    }
    states.sort_by_key(|(_, state)| state.size);
    let transfer = Transfer { client: &client, cache: &cache, options, repository, commit: &commit };
    let mut done: u64 = 0;
    // Saturating, because the sizes come from the server.
    let all_total = states.iter().fold(0, |total: u64, (_, state)| total.saturating_add(state.size));
    for (file, state) in &states {
        let FileState { size, checksum } = state;
        transfer.fetch(file, state, &mut |bytes| {
            let all_bytes = done.saturating_add(bytes);
            report(options, &DownloadProgress { file, bytes, total: *size, all_bytes, all_total })
        })?;
        cache.place(checksum.hex(), &commit, file)?;
        done = done.saturating_add(*size);
    }
    cache.set_commit(&commit)?;
    Ok(snapshot)
}

/// The state of the folders in the cache.
struct Cached {
    /// The snapshot, if it has all required files.
    snapshot: Option<PathBuf>,
    /// Whether it also has the optional folders.
    is_full: bool,
    missing: Vec<String>,
}

impl Cached {
    fn look(cache: &RepoCache, folders: &[ModelFolder<'_>]) -> Self {
        let snapshot = cache.commit().map(|commit| cache.snapshot(&commit));
        let exists = |path: &str| snapshot.as_ref().is_some_and(|snapshot| snapshot.join(path).is_file());
        let missing = select(folders, exists).missing;
        let is_full = folders.iter().all(|folder| !folder.select(exists).files.is_empty());
        Self { snapshot: snapshot.clone().filter(|_| missing.is_empty()), is_full, missing }
    }
}

/// Selects the needed files of all folders, and lists the missing ones.
fn select(folders: &[ModelFolder<'_>], exists: impl Fn(&str) -> bool) -> Selection {
    let mut all = Selection::default();
    for folder in folders {
        let Selection { files, missing } = folder.select(&exists);
        all.files.extend(files);
        all.missing.extend(missing);
    }
    all
}

fn ask(options: &HubOptions, license: License) -> Result<(), HubError> {
    let Some(on_license) = &options.on_license else {
        tracing::warn!(%license, "downloading a model");
        return Ok(());
    };
    match on_license.call(&license) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(HubError::LicenseRefused { license: Box::new(license) }),
    }
}

fn report(options: &HubOptions, progress: &DownloadProgress<'_>) -> Result<(), HubError> {
    match options.on_progress.as_ref().map(|callback| callback.call(progress)) {
        Some(ControlFlow::Break(())) => Err(HubError::Cancelled),
        _ => Ok(()),
    }
}
