//! Feeds the rules a house with one thing wrong, and last of all the real one. The rules with the most to say have
//! their tests beside them.

use super::house::{Dependency, House, Member};
use super::table::Room;
use super::{edges, faults, house, manifests, page};
use crate::files;

const ROOMS: &[Room] = &[
    Room {
        name: "hall",
        folder: "crates/hall",
        normal: &["cellar"],
        dev: &["bench"],
    },
    Room {
        name: "cellar",
        folder: "crates/cellar",
        normal: &[],
        dev: &[],
    },
    Room {
        name: "bench",
        folder: "crates/bench",
        normal: &[],
        dev: &[],
    },
];

const GOOD_MANIFEST: &str = "
    [package]
    version.workspace = true
    edition.workspace = true
    rust-version.workspace = true
    license.workspace = true
    publish.workspace = true
    [lints]
    workspace = true
    [dependencies]
    serde.workspace = true
    tokio = { workspace = true, features = [\"fs\"] }
";

pub(super) fn normal(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        dev: false,
        optional: false,
    }
}

pub(super) fn dev(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        dev: true,
        optional: false,
    }
}

pub(super) fn member(name: &str, dependencies: Vec<Dependency>) -> Member {
    let folder = format!("crates/{}", name.trim_start_matches("countersign-"));
    Member {
        name: name.to_owned(),
        folder,
        dependencies,
        manifest: GOOD_MANIFEST.parse().unwrap(),
    }
}

/// The house of [`ROOMS`] as it should be, with libraries that are nobody's business here.
fn good_house() -> Vec<Member> {
    vec![
        member(
            "hall",
            vec![normal("cellar"), dev("bench"), normal("serde"), dev("tempfile")],
        ),
        member("cellar", vec![]),
        member("bench", vec![]),
    ]
}

/// Exactly one fault, and it says all of `parts`.
#[track_caller]
pub(super) fn assert_one(faults: &[String], parts: &[&str]) {
    let [fault] = faults else {
        panic!("not one fault but {faults:#?}")
    };
    for part in parts {
        assert!(fault.contains(part), "no {part:?} in {fault:?}");
    }
}

mod edge {
    use super::*;

    #[test]
    fn as_in_the_table_is_fine() {
        assert_eq!(edges::check(ROOMS, &good_house()), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_member_is_named() {
        let mut house = good_house();
        house.push(member("attic", vec![]));
        assert_one(
            &edges::check(ROOMS, &house),
            &["crates/attic/Cargo.toml", "`attic`", "table.rs"],
        );
    }

    #[test]
    fn a_missing_member_is_named() {
        let mut house = good_house();
        house[0].dependencies.retain(|dependency| dependency.name != "bench");
        house.retain(|member| member.name != "bench");
        let faults = edges::check(ROOMS, &house);
        assert_eq!(faults.len(), 2, "{faults:#?}");
        assert!(
            faults[0].contains("`bench` is in the table but not in [dev-dependencies]"),
            "{faults:#?}"
        );
        assert!(faults[1].contains("there is no member `bench`"), "{faults:#?}");
    }

    #[test]
    fn a_member_in_another_folder_is_named() {
        let mut house = good_house();
        "crates/vault".clone_into(&mut house[1].folder);
        assert_one(
            &edges::check(ROOMS, &house),
            &["crates/vault/Cargo.toml", "belongs in crates/cellar"],
        );
    }

    #[test]
    fn a_forbidden_edge_is_named() {
        let mut house = good_house();
        house[1].dependencies.push(normal("hall"));
        assert_one(
            &edges::check(ROOMS, &house),
            &["crates/cellar/Cargo.toml", "`hall`", "[dependencies]"],
        );
    }

    #[test]
    fn an_edge_for_tests_is_not_an_edge_for_the_build() {
        let mut house = good_house();
        house[0].dependencies.push(normal("bench"));
        assert_one(&edges::check(ROOMS, &house), &["`bench` must not be in [dependencies]"]);
    }

    #[test]
    fn a_stale_edge_is_named() {
        let mut house = good_house();
        house[0].dependencies.retain(|dependency| dependency.name != "cellar");
        assert_one(
            &edges::check(ROOMS, &house),
            &["crates/hall/Cargo.toml", "`cellar`", "not in [dependencies]"],
        );
    }
}

mod manifest {
    use super::*;

    fn check(from: &str, to: &str) -> Vec<String> {
        let manifest = GOOD_MANIFEST.replace(from, to).parse().unwrap();
        manifests::check(&[Member {
            manifest,
            ..member("hall", vec![])
        }])
    }

    #[test]
    fn that_inherits_everything_is_fine() {
        assert_eq!(check("", ""), Vec::<String>::new());
    }

    #[test]
    fn without_the_lints_is_refused() {
        assert_one(&check("[lints]", "[other]"), &["crates/hall/Cargo.toml", "[lints]"]);
    }

    #[test]
    fn with_a_version_of_its_own_is_refused() {
        assert_one(
            &check(" version.workspace = true", " version = \"1.0.0\""),
            &["version.workspace = true"],
        );
    }

    #[test]
    fn with_an_edition_of_its_own_is_refused() {
        assert_one(
            &check("edition.workspace = true", "edition = \"2021\""),
            &["edition.workspace = true"],
        );
    }

    #[test]
    fn with_a_library_of_its_own_is_refused() {
        assert_one(
            &check("serde.workspace = true", "serde = \"1\""),
            &["`serde` in [dependencies]"],
        );
    }

    #[test]
    fn with_a_library_of_its_own_for_tests_on_one_platform_is_refused() {
        let section = "[target.'cfg(unix)'.dev-dependencies]\n nix = \"1\"\n [lints]";
        assert_one(&check("[lints]", section), &["`nix`", "dev-dependencies]"]);
    }

    #[test]
    fn naming_a_library_that_belongs_to_another_is_refused() {
        let house = [
            member("hall", vec![dev("redis")]),
            member("countersign-store-redis", vec![normal("redis")]),
        ];
        assert_one(
            &manifests::check(&house),
            &["crates/hall/Cargo.toml", "only `countersign-store-redis`"],
        );
        let house = [
            member("hall", vec![normal("reqwest")]),
            member("countersign-whatsapp", vec![normal("reqwest")]),
        ];
        assert_one(
            &manifests::check(&house),
            &["crates/hall/Cargo.toml", "only `countersign-whatsapp`"],
        );
    }
}

mod the_page {
    use super::*;

    const GOOD: &str = "# The house\n### `crates/hall`\n\n### `crates/cellar`\ntext\n### `crates/bench`\n### Other\n";

    #[test]
    fn with_one_heading_per_member_is_fine() {
        assert_eq!(page::check(Some(GOOD), &good_house()), Vec::<String>::new());
    }

    #[test]
    fn has_to_exist() {
        assert_one(
            &page::check(None, &good_house()),
            &["docs/ARCHITECTURE.md", "does not exist"],
        );
    }

    #[test]
    fn may_leave_nobody_out() {
        let page = GOOD.replace("### `crates/cellar`", "");
        assert_one(
            &page::check(Some(&page), &good_house()),
            &["no heading ### `crates/cellar`"],
        );
    }

    #[test]
    fn may_not_name_what_is_gone() {
        let page = format!("{GOOD}### `crates/attic`\n");
        assert_one(
            &page::check(Some(&page), &good_house()),
            &["`crates/attic`, which is not a member"],
        );
    }

    #[test]
    fn may_not_name_anybody_twice() {
        let page = format!("{GOOD}### `crates/hall`\n");
        assert_one(
            &page::check(Some(&page), &good_house()),
            &["two headings for `crates/hall`"],
        );
    }
}

#[test]
fn the_house_obeys_its_own_law() {
    let house: House = house::read(&files::root()).unwrap();
    let faults = faults(&house);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
