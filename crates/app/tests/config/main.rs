//! Configurations, good and bad, as `check-config` and `serve` speak of them: every mistake in one go, one line each,
//! with the path of its key, and never a secret.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod asked;
mod guard;
mod limits;
mod mistakes;
mod money;
mod right;
mod secrets;
mod senders;
mod store;
mod templates;
