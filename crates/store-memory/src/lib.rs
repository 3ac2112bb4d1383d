//! The storage ports in memory: the laptop default, and the oracle other stores are compared with.
//!
//! [`recipients::MemoryStore`], [`limits::MemoryLimits`], [`guard::MemoryGuard`], [`tallies::MemoryTallies`] and
//! [`feed::MemoryFeed`] hold what they are given and nothing else: no rule, no clock, no randomness. Time is what callers
//! say it is. What they hold ends with the process, and what is over before that is dropped by later writes, a few
//! entries at a time.

mod batches;
pub mod feed;
pub mod guard;
mod kept;
pub mod limits;
mod lock;
pub mod recipients;
pub mod tallies;
