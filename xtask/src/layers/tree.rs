//! What the domain is built from, down to the last library.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::house::Member;
use super::table::{DOMAIN, DOMAIN_MAY_USE, DOMAIN_OPTIONAL, DOMAIN_REFUSES};

/// What each package is built from. A package is written `name version`, so that two versions stay apart.
pub(crate) type Tree = BTreeMap<String, BTreeSet<String>>;

/// Refuses every library in the domain's tree that is not on its list, and names the way it came in.
pub(crate) fn check(members: &[Member], tree: &Tree) -> Vec<String> {
    let Some(domain) = members.iter().find(|member| member.name == DOMAIN) else {
        return Vec::new();
    };
    let manifest = domain.manifest_path();
    let mut faults = Vec::new();
    let mut first = BTreeSet::new();
    for dependency in domain.dependencies.iter().filter(|it| !it.dev) {
        let name = dependency.name.as_str();
        if !dependency.optional {
            first.insert(name);
        } else if !DOMAIN_OPTIONAL.contains(&name) {
            faults.push(format!(
                "{manifest}: `{name}` is optional; only {DOMAIN_OPTIONAL:?} may be, see DOMAIN_OPTIONAL in \
                 xtask/src/layers/table.rs"
            ));
        }
    }
    for way in ways(tree, &first) {
        let mut ends = way
            .iter()
            .enumerate()
            .filter_map(|(at, label)| Some((at, fault(name_of(label))?)));
        // What a refused library brings along goes when it goes.
        if let Some((_, fault)) = ends.next().filter(|(at, _)| at + 1 == way.len()) {
            faults.push(format!("{manifest}: {} {fault}", way.join(" > ")));
        }
    }
    faults
}

/// Says what is wrong with a library in the domain's tree, if anything is.
fn fault(name: &str) -> Option<String> {
    if let Some((_, reason)) = DOMAIN_REFUSES.iter().find(|(refused, _)| *refused == name) {
        return Some(format!("must not be in the domain's tree: {reason}"));
    }
    (!DOMAIN_MAY_USE.contains(&name)).then(|| {
        "is not on the domain's list; do without it, or if it is as pure as the rest add it to DOMAIN_MAY_USE in \
         xtask/src/layers/table.rs"
            .to_owned()
    })
}

/// The shortest way from the domain to each package it is built from, starting with the direct dependencies `first`.
fn ways(tree: &Tree, first: &BTreeSet<&str>) -> Vec<Vec<String>> {
    let start = tree.iter().find(|(label, _)| name_of(label) == DOMAIN);
    let mut queue: VecDeque<Vec<String>> = start
        .into_iter()
        .flat_map(|(_, used)| used)
        .filter(|label| first.contains(name_of(label)))
        .map(|label| vec![label.clone()])
        .collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(way) = queue.pop_front() {
        let Some(last) = way.last() else { continue };
        if !seen.insert(last.clone()) {
            continue;
        }
        for next in tree.get(last).into_iter().flatten() {
            queue.push_back([way.as_slice(), std::slice::from_ref(next)].concat());
        }
        found.push(way);
    }
    found
}

fn name_of(label: &str) -> &str {
    label.split(' ').next().unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::super::house::Dependency;
    use super::super::tests::{assert_one, dev, member, normal};
    use super::*;

    fn check(dependencies: Vec<Dependency>, edges: &[(&str, &[&str])]) -> Vec<String> {
        let used = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let tree = edges
            .iter()
            .map(|(name, names)| ((*name).to_owned(), used(names)))
            .collect();
        super::check(&[member("countersign-domain", dependencies)], &tree)
    }

    #[test]
    fn of_pure_libraries_is_fine() {
        let tree: &[(&str, &[&str])] = &[
            ("countersign-domain 0.1.0", &["hmac 0.13.0"]),
            ("hmac 0.13.0", &["digest 0.11.3"]),
        ];
        assert_eq!(check(vec![normal("hmac")], tree), Vec::<String>::new());
    }

    #[test]
    fn that_reaches_a_runtime_shows_the_way() {
        let tree: &[(&str, &[&str])] = &[
            ("countersign-domain 0.1.0", &["hmac 0.13.0"]),
            ("hmac 0.13.0", &["tokio 1.54.0"]),
        ];
        let faults = check(vec![normal("hmac")], tree);
        assert_one(
            &faults,
            &["crates/domain/Cargo.toml", "hmac 0.13.0 > tokio 1.54.0", "runtime"],
        );
    }

    #[test]
    fn names_a_refused_library_and_not_what_it_brings() {
        let tree: &[(&str, &[&str])] = &[
            ("countersign-domain 0.1.0", &["tokio 1.54.0"]),
            ("tokio 1.54.0", &["mio 1.2.0"]),
        ];
        assert_one(&check(vec![normal("tokio")], tree), &["tokio 1.54.0 must not be"]);
    }

    #[test]
    fn with_an_unknown_library_is_refused() {
        let tree: &[(&str, &[&str])] = &[("countersign-domain 0.1.0", &["left-pad 1.0.0"])];
        assert_one(
            &check(vec![normal("left-pad")], tree),
            &["left-pad 1.0.0", "DOMAIN_MAY_USE"],
        );
    }

    #[test]
    fn ignores_what_only_tests_and_their_features_bring() {
        let tree: &[(&str, &[&str])] = &[("countersign-domain 0.1.0", &["mockall 0.15.0", "tokio 1.54.0"])];
        let mockall = Dependency {
            optional: true,
            ..normal("mockall")
        };
        assert_eq!(check(vec![mockall, dev("tokio")], tree), Vec::<String>::new());
    }

    #[test]
    fn may_not_grow_behind_a_feature() {
        let serde = Dependency {
            optional: true,
            ..normal("serde")
        };
        assert_one(&check(vec![serde], &[]), &["`serde` is optional"]);
    }

    #[test]
    fn has_no_library_that_is_both_allowed_and_refused() {
        let both = DOMAIN_REFUSES.iter().filter(|(name, _)| DOMAIN_MAY_USE.contains(name));
        assert_eq!(both.count(), 0);
    }
}
