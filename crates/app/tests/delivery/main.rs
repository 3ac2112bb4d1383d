//! Delivery end to end, with the real binary between callers and a stand-in for Meta: senders that fall out, people who
//! did not ask, numbers that change hands, fates of messages, the pace of a number, and what an idle instance costs.
//!
//! Every scene ends with a look for secrets in its log. Codes have twelve digits here, so that none is found by
//! accident.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod fates;
mod identity;
mod idle;
mod people;
mod scene;
mod senders;
mod throughput;
