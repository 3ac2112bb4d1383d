//! The newcomer's walk, as the command line shows it: the real binary in processes of their own, on free ports, with a
//! state folder for each test. Nothing is left running.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod answers;
mod ending;
mod printed;
mod refusals;
mod templates;
mod walk;
mod watch;
