//! Checks that the dependencies in the manifests agree with the table in `docs/architecture.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::Path,
    process::Command,
};

use serde::Deserialize;

/// Libraries that only some crates may import. A name includes all crates that start with it and a
/// hyphen.
const WATCHED: [&str; 8] = ["axum", "burn", "cubecl", "hyper", "reqwest", "tokio", "ureq", "wgpu"];

/// Imports of a crate: crates of the workspace without their prefix, and watched libraries. An
/// optional one includes its feature, as in `wgpu in gpu`.
#[derive(Debug, Default, PartialEq)]
struct Imports {
    workspace: BTreeSet<String>,
    watched: BTreeSet<String>,
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Output of `cargo metadata` for the members of the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// Registries that the crate may be published to; `None` means all.
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
    optional: bool,
    /// `None` for a normal dependency.
    kind: Option<String>,
    /// `*` if the manifest has no version.
    req: String,
}

impl Dependency {
    fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

fn metadata() -> Result<Metadata, Box<dyn Error>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns whether the package may be published. `publish = false` is an empty list of registries.
fn is_published(package: &Package) -> bool {
    package.publish.as_ref().is_none_or(|registries| !registries.is_empty())
}

fn short(name: &str) -> &str {
    name.strip_prefix("hunyuan-paint-").unwrap_or(name)
}

fn is_watched(name: &str) -> bool {
    let stem = name.split('-').next().unwrap_or(name);
    WATCHED.contains(&stem)
}

/// Returns the rows of the table by crate name.
fn table() -> Result<BTreeMap<String, Imports>, Box<dyn Error>> {
    let page = fs::read_to_string(root().join("docs/architecture.md"))?;
    let names = |cell: &str| -> BTreeSet<String> {
        let names = cell.split(',').map(|name| name.trim().replace('`', ""));
        names.filter(|name| name != "–").collect()
    };
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `hunyuan-paint")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, workspace, watched, _promises] = cells[..] else {
            return Err(format!("not four cells: {line}").into());
        };
        let imports = Imports { workspace: names(workspace), watched: names(watched) };
        let twice = rows.insert(name.replace('`', ""), imports);
        assert!(twice.is_none(), "two rows for {name}");
    }
    Ok(rows)
}

/// Returns the features of a package that enable an optional dependency.
fn features_with(package: &Package, dependency: &Dependency) -> Vec<String> {
    let name = dependency.rename.as_ref().unwrap_or(&dependency.name);
    let switch = format!("dep:{name}");
    let features = package.features.iter().filter(|(_, switched)| switched.contains(&switch));
    features.map(|(feature, _)| feature.clone()).collect()
}

/// Returns the imports in a manifest, without those of tests, examples and benches.
fn imports(package: &Package, members: &BTreeSet<&str>) -> Imports {
    let mut imports = Imports::default();
    for dependency in package.dependencies.iter().filter(|d| !d.is_for_tests()) {
        let name = dependency.name.as_str();
        if members.contains(name) {
            imports.workspace.insert(short(name).to_owned());
        }
        if is_watched(name) {
            let behind = features_with(package, dependency);
            let behind =
                if dependency.optional { format!(" in {}", behind.join(" or ")) } else { String::new() };
            imports.watched.insert(format!("{name}{behind}"));
        }
    }
    imports
}

#[test]
fn the_manifests_agree_with_the_table() -> Result<(), Box<dyn Error>> {
    let metadata = metadata()?;
    let packages = &metadata.packages;
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut table = table()?;
    for package in packages.iter().filter(|package| is_published(package)) {
        let name = package.name.as_str();
        let row = table.remove(name).ok_or(format!("{name} has no row"))?;
        assert_eq!(imports(package, &members), row, "{name}: the manifest (left), the table (right)");
    }
    let rest: Vec<&String> = table.keys().collect();
    let unpublished = ["hunyuan-paint-test-support", "hunyuan-paint-testkit"];
    assert_eq!(rest, unpublished, "rows of crates that are not published");
    Ok(())
}

/// Otherwise there would be no order in which the crates can be published.
#[test]
fn published_crates_need_none_that_is_unpublished_or_above_them() -> Result<(), Box<dyn Error>> {
    let metadata = metadata()?;
    let packages = &metadata.packages;
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let published: Vec<&Package> = packages.iter().filter(|package| is_published(package)).collect();
    for package in &published {
        let allowed = imports(package, &members).workspace;
        for dependency in package.dependencies.iter().filter(|d| members.contains(d.name.as_str())) {
            // Cargo removes dev-dependencies without a version when it packages a crate.
            if dependency.is_for_tests() && dependency.req == "*" {
                continue;
            }
            let (name, needed) = (&package.name, dependency.name.as_str());
            assert!(
                published.iter().any(|p| p.name == needed),
                "{name} needs {needed}, which is not published"
            );
            assert!(
                allowed.contains(short(needed)),
                "{name}'s tests need {needed}, which it does not import"
            );
        }
    }
    Ok(())
}
