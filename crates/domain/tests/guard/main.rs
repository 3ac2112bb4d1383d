//! The guard against synthetic months: what an attack costs until it is stopped, and how seldom honest people are
//! suspected. Pure functions under a virtual clock; everything is drawn from a seed that is printed and replays.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod attacks;
mod dice;
mod guesses;
mod honest;
mod ladder;
mod page;
mod scores;
mod settings;
mod usual;
mod world;
