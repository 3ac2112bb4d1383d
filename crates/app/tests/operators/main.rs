//! The commands for operators, as a person and a program see them: the real binary against a stand-in for the service that
//! answers what a test wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod answers;
mod blocks;
mod challenges;
mod explained;
mod recipients;
mod service;
mod usage;
