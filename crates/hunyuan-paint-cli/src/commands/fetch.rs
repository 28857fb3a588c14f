//! `hunyuan-paint fetch`: weights from the Hugging Face hub.

use std::{fmt, path::PathBuf};

use hunyuan_paint::{
    DELIGHT_FOLDER, Variant,
    hub::{ModelFolder, RepoId, fetch_folders},
};
use serde::Serialize;

use crate::{console::Console, error::CliError, hub::hub_options};

#[derive(Debug, clap::Args)]
pub(crate) struct FetchArguments {
    /// A repository of the hub that has model folders in the published layout, such as tencent/Hunyuan3D-2.
    repository: RepoId,
    /// Accept the license of the weights. Without this, the license is shown and nothing is downloaded.
    #[arg(long)]
    accept_license: bool,
    /// Which paint model: standard or turbo; may be repeated.
    #[arg(long, default_value = "standard")]
    variant: Vec<Variant>,
    /// A branch, a tag or a commit.
    #[arg(long, default_value = "main")]
    revision: String,
    /// Folder of the cache; the one that all clients of the hub share if absent.
    #[arg(long)]
    cache: Option<PathBuf>,
    /// Use the cache only.
    #[arg(long)]
    offline: bool,
}

#[derive(Serialize)]
struct Fetched {
    repository: String,
    revision: String,
    folder: PathBuf,
}

impl fmt::Display for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.folder.display())
    }
}

pub(crate) fn run(arguments: &FetchArguments, console: Console) -> Result<(), CliError> {
    let mut options = hub_options(arguments.accept_license, console)?;
    options.revision.clone_from(&arguments.revision);
    options.offline |= arguments.offline;
    if let Some(cache) = &arguments.cache {
        options.cache.clone_from(cache);
    }
    let mut folders: Vec<ModelFolder<'_>> =
        arguments.variant.iter().map(|variant| ModelFolder::multiview(variant.folder_name())).collect();
    folders.push(ModelFolder::instruct_pix2pix(DELIGHT_FOLDER).optional());
    let folder = fetch_folders(&arguments.repository, &folders, &options)?;
    let (repository, revision) = (arguments.repository.to_string(), options.revision);
    console.print(&Fetched { repository, revision, folder })
}
