//! What the rules look at, as plain data, and how it is read from the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::tree::Tree;
use crate::files;

/// The page that has one heading per member.
pub(crate) const PAGE: &str = "docs/ARCHITECTURE.md";

/// Everything the rules look at.
pub(crate) struct House {
    /// The workspace's members.
    pub(crate) members: Vec<Member>,
    /// What every package is built from, members and libraries.
    pub(crate) tree: Tree,
    /// Every Rust file but the generated ones.
    pub(crate) sources: Vec<Source>,
    /// The text of [`PAGE`], if there is one.
    pub(crate) page: Option<String>,
}

/// One package of the workspace.
pub(crate) struct Member {
    /// The package name.
    pub(crate) name: String,
    /// The folder, from the repository's root.
    pub(crate) folder: String,
    /// What its manifest names, members and libraries.
    pub(crate) dependencies: Vec<Dependency>,
    /// The manifest as it is written.
    pub(crate) manifest: toml::Table,
}

impl Member {
    /// The manifest's path as it is written in messages.
    pub(crate) fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

/// One line of a manifest's dependency tables.
pub(crate) struct Dependency {
    /// The package's own name, whatever the manifest calls it.
    pub(crate) name: String,
    /// Only tests use it.
    pub(crate) dev: bool,
    /// Behind a feature.
    pub(crate) optional: bool,
}

/// One Rust file.
pub(crate) struct Source {
    /// The path, from the repository's root.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// Reads everything the rules look at.
///
/// Fails when cargo cannot resolve the workspace under the committed lock file, or a file cannot be read.
pub(crate) fn read(root: &Path) -> Result<House, String> {
    let metadata = metadata(root)?;
    let members = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| member(root, package))
        .collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for member in &members {
        for path in files::with_extension(&root.join(&member.folder), "rs")? {
            let name = files::relative(root, &path);
            if !name.contains("/generated/") {
                let text = text(&path)?;
                sources.push(Source { path: name, text });
            }
        }
    }
    let page = root.join(PAGE);
    Ok(House {
        tree: tree(&metadata),
        members,
        sources,
        page: if page.exists() { Some(text(&page)?) } else { None },
    })
}

fn metadata(root: &Path) -> Result<Metadata, String> {
    // For this platform only: what is foreign is not downloaded by a build, and this must not need the network.
    MetadataCommand::new()
        .current_dir(root)
        .other_options(["--locked", "--filter-platform", &host()?].map(str::to_owned))
        .exec()
        .map_err(|error| format!("Cargo.toml or Cargo.lock: {error}"))
}

/// The platform this toolchain builds for, in its own words.
fn host() -> Result<String, String> {
    let output = Command::new("cargo")
        .args(["version", "--verbose"])
        .output()
        .map_err(|error| format!("cannot run `cargo version`: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "`cargo version --verbose` names no host".to_owned())
}

fn member(root: &Path, package: &Package) -> Result<Member, String> {
    let path = package.manifest_path.as_std_path();
    let manifest = text(path)?
        .parse()
        .map_err(|error| format!("{}: {error}", files::relative(root, path)))?;
    let dependencies = package
        .dependencies
        .iter()
        .map(|dependency| Dependency {
            name: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
            optional: dependency.optional,
        })
        .collect();
    Ok(Member {
        name: package.name.to_string(),
        folder: files::relative(root, path.parent().unwrap_or(root)),
        dependencies,
        manifest,
    })
}

/// The resolved graph without the edges that only tests use.
fn tree(metadata: &Metadata) -> Tree {
    let labels: BTreeMap<_, _> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, format!("{} {}", package.name, package.version)))
        .collect();
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    nodes
        .map(|node| {
            let used = node
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|it| it.kind != DependencyKind::Development))
                .map(|dep| labels[&dep.pkg].clone())
                .collect();
            (labels[&node.id].clone(), used)
        })
        .collect()
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| files::cannot("read", path, &error))
}
