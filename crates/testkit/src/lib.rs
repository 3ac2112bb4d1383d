//! What tests of Countersign share: doubles of the ports, ready-made values, and the contract suites that bind the
//! adapters. Only ever a dev-dependency.
//!
//! - The doubles are stateful fakes: [`catalog`], [`clock`], [`random`], [`recorder`], [`messenger`], [`courier`], [`numbering`].
//! - [`fixture`] holds values that are right, so that a test says only what it is about.
//! - [`house`] wires every use case over the doubles and a store that the test brings.
//! - [`contract`] has one named function per promise of a port; a macro runs all of them for an adapter.
//!
//! Nothing here sleeps, reads a clock or draws a seed of its own; a randomised test takes its seed from
//! [`random::seed_or`] and prints it.

#![expect(
    clippy::missing_panics_doc,
    reason = "a test double that is misused and a promise that is broken panic: that is how a test hears of it"
)]

pub mod catalog;
pub mod clock;
pub mod contract;
pub mod courier;
pub mod directory;
pub mod fixture;
pub mod guard;
pub mod house;
pub mod messenger;
pub mod numbering;
pub mod random;
pub mod recorder;
pub mod redis_server;
mod sync;
pub mod wait;
