//! What each member's manifest has to take from the workspace, and which names it has to leave alone.

use toml::{Table, Value};

use super::house::Member;
use super::table::RESERVED;

/// The fields of `[package]` that stand once, in the root manifest.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
/// The tables of a manifest that name other packages.
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks every manifest by itself.
pub(crate) fn check(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(check_one).collect()
}

fn check_one(member: &Member) -> Vec<String> {
    let manifest = member.manifest_path();
    let mut faults = Vec::new();
    if !from_workspace(member.manifest.get("lints")) {
        faults.push(format!("{manifest}: has no `[lints] workspace = true`"));
    }
    let package = member.manifest.get("package").and_then(Value::as_table);
    for field in INHERITED {
        if !from_workspace(package.and_then(|table| table.get(field))) {
            faults.push(format!("{manifest}: write `{field}.workspace = true`"));
        }
    }
    for (section, table) in sections(&member.manifest) {
        let own = table.iter().filter(|(_, value)| !from_workspace(Some(value)));
        faults.extend(own.map(|(name, _)| {
            format!(
                "{manifest}: `{name}` in [{section}] has a version of its own; write `{name}.workspace = true` and \
                 put the version into [workspace.dependencies] of Cargo.toml"
            )
        }));
    }
    for dependency in &member.dependencies {
        let reserved = RESERVED.iter().find(|(name, _)| *name == dependency.name);
        if let Some((name, owners)) = reserved.filter(|(_, owners)| !owners.contains(&member.name.as_str())) {
            let owners = owners.join("` and `");
            faults.push(format!(
                "{manifest}: only `{owners}` may name `{name}`; use its types instead, or decide for it in RESERVED \
                 in xtask/src/layers/table.rs"
            ));
        }
    }
    faults
}

/// Whether a value is `{ workspace = true, … }`.
fn from_workspace(value: Option<&Value>) -> bool {
    let flag = value.and_then(|value| value.get("workspace"));
    flag.and_then(Value::as_bool) == Some(true)
}

/// Every dependency table of a manifest with its name, those of single platforms included.
fn sections(manifest: &Table) -> Vec<(String, &Table)> {
    let mut found = Vec::new();
    for section in SECTIONS {
        if let Some(table) = manifest.get(section).and_then(Value::as_table) {
            found.push((section.to_owned(), table));
        }
    }
    let targets = manifest.get("target").and_then(Value::as_table);
    for (target, value) in targets.into_iter().flatten() {
        for section in SECTIONS {
            if let Some(table) = value.get(section).and_then(Value::as_table) {
                found.push((format!("target.{target}.{section}"), table));
            }
        }
    }
    found
}
