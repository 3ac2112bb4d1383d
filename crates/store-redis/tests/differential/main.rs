//! Redis and memory asked the same, in whatever order: every answer is the same. `COUNTERSIGN_SEED` replays a run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod guard;
mod houses;
mod limits;
mod recipients;
