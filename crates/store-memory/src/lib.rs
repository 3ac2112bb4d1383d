//! The storage ports in memory: the laptop default, and the oracle other stores are compared with.
//!
//! [`recipients::MemoryStore`], [`limits::MemoryLimits`] and [`feed::MemoryFeed`] hold what they are given and nothing
//! else: no rule, no clock, no randomness. Time is what callers say it is. What they hold ends with the process.

pub mod feed;
pub mod limits;
mod lock;
pub mod recipients;
