use std::{fmt, str::FromStr};

use crate::HubError;

/// The longest name allowed by the hub.
const MAX_LENGTH: usize = 96;

/// The name of a repository on the hub: `owner/name`.
///
/// ```
/// use hunyuan_paint_hub::RepoId;
///
/// let repository: RepoId = "tencent/Hunyuan3D-2".parse()?;
/// assert_eq!((repository.owner(), repository.name()), ("tencent", "Hunyuan3D-2"));
/// assert!("models/tencent/Hunyuan3D-2".parse::<RepoId>().is_err());
/// # Ok::<(), hunyuan_paint_hub::HubError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RepoId {
    owner: String,
    name: String,
}

impl RepoId {
    /// Returns the user or organization.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns the name without the owner.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for RepoId {
    type Err = HubError;

    fn from_str(input: &str) -> Result<Self, HubError> {
        let refuse = |reason| Err(HubError::RepoId { input: input.to_owned(), reason });
        let Some((owner, name)) = input.split_once('/') else {
            return refuse("it has no '/'");
        };
        if name.contains('/') {
            return refuse("it has more than one '/'");
        }
        if owner.is_empty() || name.is_empty() {
            return refuse("a part is empty");
        }
        if input.len() > MAX_LENGTH {
            return refuse("it is longer than 96 characters");
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if ![owner, name].iter().all(|part| part.chars().all(is_allowed)) {
            return refuse("it has characters other than letters, digits, '-', '_' and '.'");
        }
        // The hub forbids both, and the cache could not distinguish `a--b/c` from `a/b--c`.
        if [owner, name].iter().any(|part| part.contains("--") || part.contains("..")) {
            return refuse("it has '--' or '..'");
        }
        if [owner, name].iter().any(|part| part.starts_with(['-', '.']) || part.ends_with(['-', '.'])) {
            return refuse("a part begins or ends with '-' or '.'");
        }
        Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for RepoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}
