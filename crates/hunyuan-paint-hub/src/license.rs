use std::fmt;

use serde::{Deserialize, de::IgnoredAny};

use crate::RepoId;

/// The license that a repository's files carry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct License {
    /// The repository.
    pub repository: RepoId,
    /// The license's name.
    pub name: String,
    /// Where it can be read.
    pub address: String,
    /// What one has to know before anything else; may be empty.
    pub conditions: String,
}

/// What the page of a repository says of its license.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Card {
    Known {
        license: Option<OneOrMany>,
        license_name: Option<String>,
        license_link: Option<String>,
    },
    /// No page, or one that somebody wrote in a way of their own.
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for Card {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl License {
    /// The license of the model folders. Folders that are called as Hunyuan3D 2.0's are taken for those or derived from
    /// them, whoever publishes them; for all others the repository's page is asked.
    pub(crate) fn of(repository: &RepoId, folders: &[&str], card: Card, endpoint: &str) -> Self {
        let page = format!("{endpoint}/{repository}");
        let is_hunyuan = |folder: &&str| folder.contains("hunyuan3d-") && folder.contains("-v2-0");
        if folders.iter().any(is_hunyuan) {
            return Self {
                repository: repository.clone(),
                name: "Tencent Hunyuan 3D 2.0 Community License".into(),
                address: "https://huggingface.co/tencent/Hunyuan3D-2/blob/main/LICENSE".into(),
                conditions: "it does not apply in the European Union, the United Kingdom and South Korea, and has \
                             conditions on commercial use and on the number of users; the models are derived from \
                             Stable Diffusion 2.1, whose use restrictions (CreativeML Open RAIL++-M) pass on"
                    .into(),
            };
        }
        let (license, license_name, license_link) = match card {
            Card::Known { license, license_name, license_link } => (license, license_name, license_link),
            Card::Other(_) => (None, None, None),
        };
        let short = license.map(|license| match license {
            OneOrMany::One(name) => name,
            OneOrMany::Many(names) => names.join(", "),
        });
        let name = license_name.or(short).unwrap_or_else(|| "not named on its page".into());
        let address = license_link.filter(|link| link.starts_with("https://")).unwrap_or(page);
        Self { repository: repository.clone(), name, address, conditions: String::new() }
    }
}

impl fmt::Display for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the license of {}: {} ({})", self.repository, self.name, self.address)?;
        if !self.conditions.is_empty() {
            write!(f, "; {}", self.conditions)?;
        }
        Ok(())
    }
}
