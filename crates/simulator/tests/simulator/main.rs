//! The simulator over real HTTP: a client on one side, a callback on the other, both on ports the system chose.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it calls"
)]

mod faults;
mod graph;
mod harness;
mod page;
mod webhooks;
