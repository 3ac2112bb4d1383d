//! Randomness that repeats, and the seed it repeats from.

use std::fmt;
use std::sync::Mutex;

use countersign_domain::ports::Random;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::sync::lock;

/// The environment variable that replays a randomised test.
pub const SEED_VARIABLE: &str = "COUNTERSIGN_SEED";

/// Randomness that is the same for the same seed. Fit for tests and for nothing else.
pub struct SeededRandom(Mutex<StdRng>);

impl SeededRandom {
    /// Randomness that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Default for SeededRandom {
    fn default() -> Self {
        Self::new(1)
    }
}

impl fmt::Debug for SeededRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededRandom(..)")
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        lock(&self.0).fill_bytes(bytes);
    }
}

/// The seed of a randomised test: the decimal number in `COUNTERSIGN_SEED` if it is set, else `default`.
///
/// The test prints it, so that a failure can be replayed. A seed that is no number panics rather than being ignored.
pub fn seed_or(default: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one way to replay a randomised test; nothing but tests links this crate"
    )]
    let chosen = std::env::var(SEED_VARIABLE);
    match chosen {
        Ok(text) => text.trim().parse().expect("COUNTERSIGN_SEED is a decimal number"),
        Err(_) => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let draw = |seed| {
            let mut bytes = [0; 32];
            SeededRandom::new(seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
