//! Everything a change has to pass, in the order in which it is quickest to learn of a mistake.

use std::path::Path;
use std::time::Instant;

use crate::cargo::Call;
use crate::{codegen, layers, redis};

/// One gate: a name for the header, and what has to succeed.
struct Gate {
    name: &'static str,
    pass: fn(&Path) -> Result<(), String>,
}

const GATES: &[Gate] = &[
    Gate {
        name: "format",
        pass: format,
    },
    Gate {
        name: "lints",
        pass: lints,
    },
    Gate {
        name: "documentation",
        pass: documentation,
    },
    Gate {
        name: "layers",
        pass: layers::run,
    },
    Gate {
        name: "generated code",
        pass: generated,
    },
    Gate {
        name: "dependencies",
        pass: dependencies,
    },
];

const TESTS: Gate = Gate {
    name: "tests",
    pass: tests,
};

/// Passes every gate, the tests last unless they are left out, and stops at the first that fails.
pub(crate) fn run(root: &Path, with_tests: bool) -> Result<(), String> {
    pass_all(root, GATES)?;
    if with_tests {
        pass_all(root, &[TESTS])?;
    }
    println!(
        "\n== every gate passed{}",
        if with_tests { "" } else { "; the tests were left out" }
    );
    Ok(())
}

/// The tests of the whole workspace. `more` goes to `cargo test` as it is.
pub(crate) fn test_call(more: &[String]) -> Call {
    Call::new("test --workspace --all-features --locked").with(more)
}

fn pass_all(root: &Path, gates: &[Gate]) -> Result<(), String> {
    for gate in gates {
        println!("\n== {}", gate.name);
        let start = now();
        let result = (gate.pass)(root);
        let seconds = start.elapsed().as_secs_f64();
        result.map_err(|message| format!("{message}\n== {} failed after {seconds:.1} s; ci stops here", gate.name))?;
        println!("== {} passed in {seconds:.1} s", gate.name);
    }
    Ok(())
}

fn format(root: &Path) -> Result<(), String> {
    demand(root, &Call::new("fmt --all --check"), "run `cargo fmt --all`")
}

fn lints(root: &Path) -> Result<(), String> {
    let call = Call::new("clippy --workspace --all-targets --all-features --locked -- -D warnings");
    demand(root, &call, "mend what clippy names above")
}

fn documentation(root: &Path) -> Result<(), String> {
    let call = Call::new("doc --no-deps --workspace --locked").variable("RUSTDOCFLAGS", "-D warnings");
    demand(root, &call, "mend the doc comments named above")
}

fn generated(root: &Path) -> Result<(), String> {
    codegen::run(root, true)
}

/// Checks what comes from outside, as far as this machine can.
fn dependencies(root: &Path) -> Result<(), String> {
    if !Call::new("deny --version").succeeds(root) {
        println!("not checked: cargo-deny is not installed; `cargo install --locked cargo-deny` does that");
        println!(
            "checked all the same, by the layers: who names redis and reqwest, and the domain's whole tree; \
             not checked: licences, sources, two versions of one library, the banned libraries"
        );
        return Ok(());
    }
    let call = Call::new("deny --locked check bans licenses sources");
    demand(root, &call, "see deny.toml for what may come into the tree")?;
    // The database is a repository on the network; without it there is nothing to compare with.
    if !Call::new("deny fetch db").succeeds(root) {
        println!("not checked: advisories; the advisory database is out of reach from here");
        return Ok(());
    }
    let call = Call::new("deny --locked check --disable-fetch advisories");
    demand(
        root,
        &call,
        "update the library, or say in deny.toml why the advisory does not concern us",
    )
}

fn tests(root: &Path) -> Result<(), String> {
    redis::provide()?;
    demand(root, &test_call(&[]), "mend what the tests name above")
}

/// Runs one call and turns a failure into what to do about it.
fn demand(root: &Path, call: &Call, otherwise: &str) -> Result<(), String> {
    match call.run(root)? {
        0 => Ok(()),
        code => Err(format!("`{call}` ended with {code}: {otherwise}")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a gate took is for the reader; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(_: &Path) -> Result<(), String> {
        Err("file.rs: a fault".to_owned())
    }

    fn never(_: &Path) -> Result<(), String> {
        panic!("a gate after the one that failed")
    }

    #[test]
    fn stops_at_the_first_gate_that_fails_and_says_so_last() {
        let gates = [
            Gate {
                name: "first",
                pass: refuse,
            },
            Gate {
                name: "second",
                pass: never,
            },
        ];
        let message = pass_all(Path::new("."), &gates).unwrap_err();
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(lines[0], "file.rs: a fault");
        assert!(lines[1].starts_with("== first failed after "), "{message}");
    }

    #[test]
    fn further_arguments_reach_the_test_command_as_they_are() {
        let call = test_call(&["lapse".to_owned(), "--".to_owned(), "--nocapture".to_owned()]);
        assert_eq!(
            call.to_string(),
            "cargo test --workspace --all-features --locked lapse -- --nocapture"
        );
    }
}
