//! What became of the posts of a run, and whether the run was worth it.

use std::collections::BTreeMap;

use super::forge::{KINDS, Kind};

/// What became of one post.
pub(super) struct Played {
    pub(super) kind: Kind,
    /// Whether it was signed, and so taken.
    pub(super) taken: bool,
    /// How many messages it moved.
    pub(super) moved: usize,
}

/// Sums over the posts.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Kind, Sums>);

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    taken: usize,
    refused: usize,
    /// Posts that moved a message, and posts that were taken and moved none.
    moving: usize,
    idle: usize,
}

impl Tally {
    pub(super) fn add(&mut self, played: &Played) {
        let moves = played.moved > 0;
        let sums = Sums {
            taken: usize::from(played.taken),
            refused: usize::from(!played.taken),
            moving: usize::from(moves),
            idle: usize::from(played.taken && !moves),
        };
        self.sum(played.kind, sums);
    }

    pub(super) fn plus(mut self, other: Self) -> Self {
        for (kind, sums) in other.0 {
            self.sum(kind, sums);
        }
        self
    }

    fn sum(&mut self, kind: Kind, more: Sums) {
        let sums = self.0.entry(kind).or_default();
        sums.taken += more.taken;
        sums.refused += more.refused;
        sums.moving += more.moving;
        sums.idle += more.idle;
    }

    /// Every kind of post was handed in, refused where it can be and taken where it can be, many times.
    pub(super) fn assert_the_posts_were_worth_handing_in(&self) {
        for kind in KINDS {
            let sums = self.0.get(&kind).copied().unwrap_or_default();
            let signed = [Kind::Genuine, Kind::SignedAfterwards, Kind::ReferenceSignedAfterwards].contains(&kind);
            if signed {
                assert_eq!(sums.refused, 0, "{kind:?}");
                assert!(sums.moving > 10_000 && sums.idle > 5_000, "{kind:?}: {sums:?}");
            } else {
                assert!(sums.refused > 30_000, "{kind:?}: {sums:?}");
            }
        }
    }
}
