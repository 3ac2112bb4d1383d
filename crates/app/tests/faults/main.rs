//! Faults: the real binary is killed at every point of its way, together with its Redis and under a Meta that
//! misbehaves, and an oracle compares what callers were told with what Meta accepted and Redis holds. Figures are
//! printed (`--nocapture`); `COUNTERSIGN_SEED` replays who does what, and when who is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod book;
mod dusk;
mod fleet;
mod meta_door;
mod oracle;
mod people;
mod points;
mod questions;
mod redis_door;
mod sharing;
mod storm;
