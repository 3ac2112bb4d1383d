//! Randomness that is cheap enough for millions of sends, and repeats.

use countersign_testkit::random::seed_or;

/// A sequence that follows from its seed (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of `COUNTERSIGN_SEED`, or of `default`; says which.
    pub(crate) fn printed(default: u64) -> Self {
        let seed = seed_or(default);
        println!("COUNTERSIGN_SEED={seed}");
        Self(seed)
    }

    /// A uniform 64-bit number.
    pub(crate) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `span`; the bias of the remainder is far below anything that is measured here.
    pub(crate) const fn below(&mut self, span: u64) -> u64 {
        self.roll() % span
    }

    /// True so many times in a thousand.
    pub(crate) const fn happens(&mut self, thousandths: u64) -> bool {
        self.below(1_000) < thousandths
    }
}
