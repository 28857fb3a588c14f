use std::fmt;

use serde::Deserialize;

use crate::RepoId;

/// The licence that a repository's files carry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Licence {
    /// The repository.
    pub repository: RepoId,
    /// The licence's name.
    pub name: String,
    /// Where it can be read.
    pub address: String,
    /// What one has to know before anything else; may be empty.
    pub conditions: String,
}

/// What the page of a repository says of its licence.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Card {
    license: Option<StringOrList>,
    license_name: Option<String>,
    license_link: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StringOrList {
    String(String),
    List(Vec<String>),
}

impl Licence {
    /// The licence of the model folders. Folders that are called as Hunyuan3D's are taken for those or derived from them,
    /// whoever publishes them; for all others the repository's page is asked.
    pub(crate) fn of(repository: &RepoId, folders: &[&str], card: Card, endpoint: &str) -> Self {
        let page = format!("{endpoint}/{repository}");
        let is_hunyuan = |folder: &&str| folder.to_ascii_lowercase().contains("hunyuan3d");
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
        let short = card.license.map(|license| match license {
            StringOrList::String(name) => name,
            StringOrList::List(names) => names.join(", "),
        });
        let name =
            card.license_name.or(short).unwrap_or_else(|| "a licence that its page does not name".into());
        let address = card.license_link.filter(|link| link.starts_with("http")).unwrap_or(page);
        Self { repository: repository.clone(), name, address, conditions: String::new() }
    }
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} carries {} ({})", self.repository, self.name, self.address)?;
        if !self.conditions.is_empty() {
            write!(f, ": {}", self.conditions)?;
        }
        Ok(())
    }
}
