//! What Redis holds and what its append-only file holds, after a thousand verifications: no phone, no code, no message
//! id, no context and no secret, in any form one can think of (R35).
//!
//! Codes have fifteen random digits here: no time, count or random number is equal to one of them by accident. A match
//! is a leak.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod forms;
mod held;
mod needles;
mod walk;
