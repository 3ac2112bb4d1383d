//! Three instances of the real binary on one Redis: races, kills of Redis under load, and an instance that dies while it
//! sends. Figures are printed (`--nocapture`). One race runs at a time, so that its figures are its own; only the one
//! that mostly waits runs beside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod fleet;
mod guesses;
mod handover;
mod load;
mod resends;
mod restarts;
mod starts;
mod watch;
