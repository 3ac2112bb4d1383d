//! What the process writes down at its most talkative, over the whole walk and everything that can go wrong on it:
//! never a phone in any form, a code, a guess, a token, a secret, a key or a body (R34).
//!
//! Codes have twelve random digits here: no time, port or count in a line has as many, and a fraction of a second that
//! does is equal to one of them once in a thousand million runs. A match is a leak.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod secrets;
mod store;
mod walk;
