//! Models from the Hugging Face hub.

use std::path::{Path, PathBuf};

use hunyuan_paint_hub::{HubOptions, ModelFolder, RepoId, fetch_folders};
use hunyuan_paint_models::folders::DELIGHT_FOLDER;

use crate::{PaintError, Variant};

/// Returns the folder of a repository's models, and downloads what the cache lacks.
pub(crate) fn fetch(
    repository: &RepoId,
    variant: Variant,
    options: &HubOptions,
) -> Result<PathBuf, PaintError> {
    let folders = [
        ModelFolder::multiview(variant.folder_name()),
        ModelFolder::instruct_pix2pix(DELIGHT_FOLDER).optional(),
    ];
    Ok(fetch_folders(repository, &folders, options)?)
}

/// Returns the repository that a command line's argument names, such as `owner/name`, unless it exists on disk. For
/// programs that take either: [`from_pretrained`](crate::PaintPipeline::from_pretrained) itself never downloads.
pub fn hub_repository(path: &Path) -> Option<RepoId> {
    if path.exists() {
        return None;
    }
    path.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_no_paths_are_repositories() {
        assert!(hub_repository("tencent/Hunyuan3D-2".as_ref()).is_some());
        for path in ["src/lib.rs", "no_such_folder", "/a/b", "./a/b", "a/b/c", "../a", ""] {
            assert!(hub_repository(path.as_ref()).is_none(), "{path}");
        }
    }
}
