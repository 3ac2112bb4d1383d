//! Unfinished things, counted by the slice of time in which they began.

use std::time::Duration;

use crate::limit::{AHEAD_MAX, LimitState, slice_length, slice_of};
use crate::time::Timestamp;

/// In how many slices unfinished things are counted: ten of their life, and the one that has just begun.
pub const SLICES: usize = 11;

/// Unfinished things as they count at one moment.
pub(super) struct Slices {
    pub(super) newest: u64,
    pub(super) begun: [u32; SLICES],
}

impl Slices {
    /// The state at `now`: what is too old is gone. A clock that stepped back stays in the later slice.
    pub(super) fn at(state: Option<LimitState>, life: Duration, now: Timestamp) -> Self {
        let current = slice_of(now, life);
        let latest = slice_of(now.plus(AHEAD_MAX), life);
        let (newest, begun) = match state {
            Some(LimitState::Unfinished { newest, begun }) if newest <= latest => (newest, begun),
            _ => (current, [0; SLICES]),
        };
        let gone = usize::try_from(current.saturating_sub(newest))
            .unwrap_or(SLICES)
            .min(SLICES);
        let mut moved = [0; SLICES];
        moved[gone..].copy_from_slice(&begun[..SLICES - gone]);
        Self {
            newest: newest.max(current),
            begun: moved,
        }
    }

    /// How many there are.
    pub(super) fn all(&self) -> u64 {
        self.begun.iter().copied().map(u64::from).sum()
    }

    /// When at most `room` are left, if nothing is given back before.
    pub(super) fn room_at(&self, room: u64, life: Duration) -> Timestamp {
        let mut left = self.all();
        let mut steps = 0;
        for begun in self.begun.iter().rev() {
            if left <= room {
                break;
            }
            left -= u64::from(*begun);
            steps += 1;
        }
        // The oldest slice is gone when the next one begins.
        let first = self.newest.saturating_add(steps);
        Timestamp::from_unix_millis(first.saturating_mul(slice_length(life)))
    }

    /// The state with `amount` more, that began in the newest slice.
    pub(super) fn with(mut self, amount: u64) -> LimitState {
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        self.begun[0] = self.begun[0].saturating_add(amount);
        self.into()
    }

    /// The state without `amount` that began in that slice; none when nothing is left.
    pub(super) fn without(mut self, amount: u64, slice: u64) -> Option<LimitState> {
        let age = self.newest.checked_sub(slice).map(usize::try_from);
        if let Some(Ok(age)) = age
            && let Some(begun) = self.begun.get_mut(age)
        {
            *begun = begun.saturating_sub(u32::try_from(amount).unwrap_or(u32::MAX));
        }
        (self.all() > 0).then(|| self.into())
    }
}

impl From<Slices> for LimitState {
    fn from(slices: Slices) -> Self {
        Self::Unfinished {
            newest: slices.newest,
            begun: slices.begun,
        }
    }
}
