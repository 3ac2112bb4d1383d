//! The edges between the members, compared with the table.

use std::collections::{BTreeMap, BTreeSet};

use super::house::Member;
use super::table::Room;

/// The file to change when the table is wrong.
const TABLE: &str = "ROOMS in xtask/src/layers/table.rs";

/// Compares the members and their edges with the table. Build dependencies count as normal ones.
pub(crate) fn check(rooms: &[Room], members: &[Member]) -> Vec<String> {
    let by_name: BTreeMap<&str, &Member> = members.iter().map(|it| (it.name.as_str(), it)).collect();
    let mut faults = Vec::new();
    for member in members {
        if !rooms.iter().any(|room| room.name == member.name) {
            faults.push(format!(
                "{}: `{}` is not in the table; add it with its edges to {TABLE}",
                member.manifest_path(),
                member.name
            ));
        }
    }
    for room in rooms {
        let Some(member) = by_name.get(room.name) else {
            faults.push(format!(
                "{}/Cargo.toml: there is no member `{}`; bring it back, or remove it from {TABLE}",
                room.folder, room.name
            ));
            continue;
        };
        if member.folder != room.folder {
            faults.push(format!(
                "{}: `{}` belongs in {}; move it, or change {TABLE}",
                member.manifest_path(),
                room.name,
                room.folder
            ));
        }
        let has = |dev: bool| -> BTreeSet<&str> {
            let dependencies = member.dependencies.iter().filter(|it| it.dev == dev);
            let names = dependencies.map(|it| it.name.as_str());
            names.filter(|name| by_name.contains_key(name)).collect()
        };
        faults.extend(compare(member, "dependencies", room.normal, &has(false)));
        faults.extend(compare(member, "dev-dependencies", room.dev, &has(true)));
    }
    faults
}

/// Compares one member's edges of one kind with what the table says.
fn compare(member: &Member, section: &str, allowed: &[&str], there: &BTreeSet<&str>) -> Vec<String> {
    let manifest = member.manifest_path();
    let forbidden = there.iter().filter(|name| !allowed.contains(name)).map(|name| {
        format!("{manifest}: `{name}` must not be in [{section}]; remove it, or decide for the edge in {TABLE}")
    });
    let stale = allowed.iter().filter(|name| !there.contains(*name)).map(|name| {
        format!("{manifest}: `{name}` is in the table but not in [{section}]; add it, or remove the edge from {TABLE}")
    });
    forbidden.chain(stale).collect()
}
