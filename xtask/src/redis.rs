//! Makes sure that the tests find a `redis-server`, and installs Debian's where that is allowed. What the tests do with
//! it is theirs.

use std::io::{self, ErrorKind};
use std::process::{Command, Output, Stdio};

/// The oldest version the tests are written for.
const OLDEST: Version = (7, 0);

/// Major and minor.
type Version = (u32, u32);

/// What `redis-server --version` says about this machine.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// Good enough for the tests.
    Fit,
    /// Too old, or nothing we know; in its own words.
    Unfit(String),
    /// There is no such program.
    Missing,
}

/// How a package may be installed here.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// By `apt-get` as it is.
    Apt,
    /// By `apt-get` through a `sudo` that asks for no password.
    SudoApt,
    /// Not by us; the line says by whom.
    Refuse(&'static str),
}

/// Makes sure that `redis-server` is there: installs it when it is missing and may be installed without asking.
///
/// Fails with one line that says what to do when it is missing or too old, after the output of `apt-get` when that was
/// tried. Never replaces a version that is there.
pub(crate) fn provide() -> Result<(), String> {
    match look()? {
        Found::Fit => return Ok(()),
        Found::Unfit(version) => return Err(too_old(&version)),
        Found::Missing => {}
    }
    let is_root = || says("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    let may_sudo = || says("sudo", &["-n", "true"]).is_some();
    let way = way(says("apt-get", &["--version"]).is_some(), is_root, may_sudo);
    install(&way)?;
    match look()? {
        Found::Fit => Ok(()),
        Found::Unfit(version) => Err(too_old(&version)),
        Found::Missing => Err("redis-server was installed, and is not on PATH: put its folder there".to_owned()),
    }
}

fn look() -> Result<Found, String> {
    match Command::new("redis-server").arg("--version").output() {
        Ok(output) => Ok(judge(&String::from_utf8_lossy(&output.stdout))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Missing),
        Err(error) => Err(format!("cannot run `redis-server --version`: {error}")),
    }
}

/// Judges what `redis-server --version` printed.
fn judge(printed: &str) -> Found {
    match version(printed) {
        Some(version) if version >= OLDEST => Found::Fit,
        _ => Found::Unfit(printed.trim().to_owned()),
    }
}

/// Reads `Redis server v=7.0.15 sha=…`.
fn version(printed: &str) -> Option<Version> {
    let version = printed.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = version.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

fn too_old(printed: &str) -> String {
    let (major, minor) = OLDEST;
    format!("the tests need redis-server {major}.{minor} or newer; here `redis-server --version` says: {printed}")
}

/// Decides how to install; asks about `sudo` only when that matters.
fn way(has_apt: bool, is_root: impl FnOnce() -> bool, may_sudo: impl FnOnce() -> bool) -> Way {
    if !has_apt {
        Way::Refuse("the tests need redis-server: install Redis 7.0 or newer with the system's package manager")
    } else if is_root() {
        Way::Apt
    } else if may_sudo() {
        Way::SudoApt
    } else {
        Way::Refuse(BY_HAND)
    }
}

/// What to do when we may not, or could not.
const BY_HAND: &str = "the tests need redis-server (7.0 or newer): sudo apt-get install redis-server";

/// Installs the package, or refuses; what `apt-get` printed is shown only when it failed.
fn install(way: &Way) -> Result<(), String> {
    let words: &[&str] = match way {
        Way::Apt => &["env"],
        // `sudo` clears the environment, so `env` stands behind it.
        Way::SudoApt => &["sudo", "-n", "env"],
        Way::Refuse(line) => return Err((*line).to_owned()),
    };
    println!("redis-server is missing, and the tests need it: installing it with apt-get");
    // A stale list of one repository is no reason to give up; whether the package is found, the second call says.
    let update = apt(words, &["update"]);
    let package = ["install", "--yes", "--no-install-recommends", "redis-server"];
    let install = apt(words, &package);
    if install.as_ref().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(format!("{}{}{BY_HAND}", printed(&update), printed(&install)))
}

/// Runs `apt-get` so that it asks nothing and its scripts start no service where a runlevel decides about that.
fn apt(words: &[&str], arguments: &[&str]) -> io::Result<Output> {
    let (program, before) = words.split_first().unwrap_or((&"env", &[]));
    Command::new(program)
        .args(before)
        .args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
}

/// What a call printed, or why it could not be made, as whole lines.
fn printed(call: &io::Result<Output>) -> String {
    match call {
        Ok(output) => [&output.stdout, &output.stderr]
            .map(|bytes| String::from_utf8_lossy(bytes))
            .concat(),
        Err(error) => format!("cannot run apt-get: {error}\n"),
    }
}

/// What a program prints, when it is there and succeeds.
fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let succeeded = output.status.success();
    succeeded.then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> bool {
        panic!("asked without need")
    }

    #[test]
    fn a_version_from_seven_on_is_fit_whoever_makes_the_server() {
        for printed in [
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0\n",
            "Redis server v=7.0.0 sha=0\n",
            "Redis server v=10.2.1 sha=0\n",
            "Valkey server v=8.1.1 sha=00000000:0\n",
        ] {
            assert_eq!(judge(printed), Found::Fit, "{printed}");
        }
    }

    #[test]
    fn an_older_version_is_refused_in_one_line_that_names_both() {
        let printed = "Redis server v=6.2.16 sha=00000000:0\n";
        let Found::Unfit(version) = judge(printed) else {
            panic!("6.2 is too old")
        };
        let line = too_old(&version);
        assert!(line.contains("7.0 or newer") && line.contains("v=6.2.16"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn what_is_no_version_is_not_taken_for_one() {
        for printed in ["", "redis 7.0", "v=", "v=7", "v=seven.0"] {
            assert_eq!(version(printed), None, "{printed}");
            assert_eq!(judge(printed), Found::Unfit(printed.to_owned()));
        }
    }

    #[test]
    fn root_installs_without_asking_about_sudo() {
        assert_eq!(way(true, || true, never), Way::Apt);
    }

    #[test]
    fn others_install_when_sudo_asks_for_no_password() {
        assert_eq!(way(true, || false, || true), Way::SudoApt);
    }

    #[test]
    fn who_may_not_install_is_told_the_command() {
        let Way::Refuse(line) = way(true, || false, || false) else {
            panic!("nobody may install here")
        };
        assert!(line.ends_with(": sudo apt-get install redis-server"), "{line}");
        assert_eq!(install(&Way::Refuse(line)), Err(line.to_owned()));
    }

    #[test]
    fn where_there_is_no_apt_the_package_manager_is_left_open() {
        let Way::Refuse(line) = way(false, never, never) else {
            panic!("there is nothing to install with")
        };
        assert!(!line.contains("apt") && line.contains("7.0 or newer"), "{line}");
    }
}
