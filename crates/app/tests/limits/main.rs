//! Limits, money and the guard as callers of the real binary meet them, on a real Redis and before a stand-in for Meta:
//! what is refused and how, what it is charged, and what comes back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod away;
mod given_back;
mod guesses;
mod lines;
mod money;
mod parallel;
mod refusals;
mod scene;
