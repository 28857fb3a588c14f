//! Models that come from the Hugging Face hub.

use std::path::Path;

use hunyuan_paint_hub::{HubOptions, ModelFolder, RepoId, fetch_folders};
use hunyuan_paint_models::LoadOptions;

use crate::{PaintError, PaintPipeline, Variant, pipeline::DELIGHT_FOLDER};

impl PaintPipeline {
    /// [`from_pretrained`](Self::from_pretrained) with the folders of a repository, which are downloaded unless they are in the
    /// hub's cache: the variant's, and the delight model's if the repository has it. The options' callbacks are told of the
    /// weights' license before the first byte, and of the progress; both can end it.
    ///
    /// # Errors
    /// If the hub cannot be reached and the cache has not all of it, what comes is not what the hub stated, or the
    /// license is not accepted; else as [`from_pretrained`](Self::from_pretrained).
    pub fn from_hub(
        repository: &RepoId,
        variant: Variant,
        load: impl Into<LoadOptions>,
        options: &HubOptions,
    ) -> Result<Self, PaintError> {
        let folders = [
            ModelFolder::multiview(variant.folder_name()),
            ModelFolder::instruct_pix2pix(DELIGHT_FOLDER).optional(),
        ];
        Self::from_folder(&fetch_folders(repository, &folders, options)?, variant, load.into())
    }
}

/// The repository that a path names, as `owner/name`, unless there is something of that name on disk.
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
    fn only_a_name_that_is_no_path_is_a_repository() {
        assert!(hub_repository("tencent/Hunyuan3D-2".as_ref()).is_some());
        for path in ["src/lib.rs", "no_such_folder", "/a/b", "./a/b", "a/b/c", "../a", ""] {
            assert!(hub_repository(path.as_ref()).is_none(), "{path}");
        }
    }
}
