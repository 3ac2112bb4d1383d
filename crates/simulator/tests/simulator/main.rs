//! The simulator over real HTTP: a client on one side, a callback on the other, both on ports the system chose.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it calls"
)]

mod answers;
mod clock;
mod fates;
mod faults;
mod graph;
mod harness;
mod magic;
mod mischief;
mod page;
mod scenarios;
mod templates;
mod webhooks;
