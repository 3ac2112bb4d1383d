//! Redis away, wrong, full, read-only, silent and slow: what callers get, what a load balancer sees, what the log says,
//! and how the process ends. In none of it is a message sent or a code approved.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod fits;
mod memory;
mod proxy;
mod running;
mod scene;
mod silent;
mod slow;
