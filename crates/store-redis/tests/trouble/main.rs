//! Trouble with Redis: it is away, it is full, it refuses, and the network in between does what networks do. Whatever
//! happens, a call ends in time, nothing is answered wrongly, nothing piles up, and all is well again afterwards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod answers;
mod away;
mod calls;
mod credentials;
mod full;
mod network;
mod replica;
