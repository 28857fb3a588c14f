use std::fmt;

use serde::{Deserialize, de::IgnoredAny};

use crate::RepoId;

/// The license of a repository's files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct License {
    /// The repository.
    pub repository: RepoId,
    /// The name of the license.
    pub name: String,
    /// The address of its text.
    pub address: String,
    /// The most important conditions. May be empty.
    pub conditions: String,
}

/// The license in the metadata of a repository's page.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Card {
    Known {
        license: Option<OneOrMany>,
        license_name: Option<String>,
        license_link: Option<String>,
    },
    /// No metadata, or metadata in another form.
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
    /// Determines the license of model folders. Folders with the names of Hunyuan3D 2.0's count as
    /// those or as derived from them, whoever publishes them; the others have the license of the
    /// repository's page.
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
                             Stable Diffusion 2.1, whose use restrictions (CreativeML Open RAIL++-M) also apply"
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
