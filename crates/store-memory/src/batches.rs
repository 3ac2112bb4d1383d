//! Batches that were counted, so that a repeated one counts nothing.

use std::time::Duration;

use countersign_domain::ports::BatchId;
use countersign_domain::time::Timestamp;

use crate::kept::Kept;

/// How long a batch is remembered: twice what the ports promise, for clocks that step back.
const REMEMBERED: Duration = Duration::from_secs(20 * 60);

#[derive(Debug, Default)]
pub(crate) struct Batches(Kept<BatchId, ()>);

impl Batches {
    /// How many batches are remembered.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the batch was not counted yet; from now on it was.
    pub(crate) fn is_new(&mut self, batch: BatchId, now: Timestamp) -> bool {
        if self.0.get(batch).is_some() {
            return false;
        }
        self.0.put(batch, (), now.plus(REMEMBERED), now);
        true
    }
}
