//! `serve` from a configuration file, between real callers and a stand-in for Meta over real sockets: the whole walk,
//! Meta away, Meta refusing, answers that are lost, webhooks genuine and forged, and what a load balancer and
//! an operator see.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod health;
mod metrics;
mod trouble;
mod walk;
mod webhooks;
