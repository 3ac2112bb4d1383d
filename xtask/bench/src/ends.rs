//! How starts ended: what the service says of their messages, once it has an answer for each.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_grpc::v1;
use serde::Serialize;
use tokio::time::sleep;

use crate::Outcome;
use crate::clock::now;
use crate::load::{self, Made, Span};
use crate::steady::Begun;
use crate::target::Caller;

/// How long nothing may arrive before one asks what became of the messages, and until when all must have ended.
const QUIET: Duration = Duration::from_secs(5);
const ENDED_MAX: Duration = Duration::from_secs(180);
/// How often one looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Questions in flight about what became of messages.
const ASKING: usize = 64;

/// How starts ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ends {
    /// With a message that Meta accepted.
    pub(crate) accepted: u64,
    /// With one that failed because Meta kept asking to slow down.
    pub(crate) throttled: u64,
    /// In any other way, or not in time.
    pub(crate) other: u64,
}

/// Waits until every start has ended, and counts how.
pub(crate) async fn ended(caller: &Arc<Caller>, starts: &[Begun]) -> Outcome<Ends> {
    let end = now() + ENDED_MAX;
    let mut ids: Vec<_> = starts.iter().map(|it| it.id.clone()).collect();
    let mut ends = Ends::default();
    while !ids.is_empty() && now() < end {
        quiet(caller, end).await;
        ids = ask(caller, ids, &mut ends).await?;
        sleep(LOOK_EVERY).await;
    }
    ends.other += u64::try_from(ids.len()).unwrap_or(u64::MAX);
    Ok(ends)
}

/// Waits until every message was taken, or none has been for a while.
async fn quiet(caller: &Caller, end: Instant) {
    let (mut count, mut since) = (caller.sink.count(), now());
    while caller.behind() > 0 && now().duration_since(since) < QUIET && now() < end {
        sleep(LOOK_EVERY).await;
        if caller.sink.count() != count {
            (count, since) = (caller.sink.count(), now());
        }
    }
}

/// Asks what became of these, and counts those that have ended; answers with the others.
async fn ask(caller: &Arc<Caller>, ids: Vec<String>, ends: &mut Ends) -> Outcome<Vec<String>> {
    let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let (left, asked) = (Arc::new(Mutex::new(ids)), Arc::new(Mutex::new((Vec::new(), *ends))));
    let (caller, tally) = (Arc::clone(caller), Arc::clone(&asked));
    let questions = load::run(ASKING, Span::Calls(count), move |client| {
        let (caller, left, tally) = (Arc::clone(&caller), Arc::clone(&left), Arc::clone(&tally));
        async move {
            let id = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(id) = id else { return Ok(Made::Nothing) };
            let deliveries = caller.deliveries(client, ASKING, &id).await?;
            let (open, ends) = &mut *tally.lock().unwrap_or_else(PoisonError::into_inner);
            if !ends.count(&deliveries) {
                open.push(id);
            }
            Ok(Made::Call)
        }
    });
    questions.await?;
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    *ends = asked.1;
    Ok(std::mem::take(&mut asked.0))
}

impl Ends {
    /// Counts a verification by its messages; false when it has not ended.
    fn count(&mut self, deliveries: &[v1::Delivery]) -> bool {
        use v1::{DeliveryReason as Reason, DeliveryState as State};
        let [delivery] = deliveries else {
            self.other += 1;
            return true;
        };
        match (delivery.state(), delivery.reason()) {
            (State::Due | State::Sending, _) => return false,
            (State::Accepted, _) => self.accepted += 1,
            (State::Failed, Reason::Throttled) => self.throttled += 1,
            _ => self.other += 1,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(state: v1::DeliveryState, reason: v1::DeliveryReason) -> v1::Delivery {
        v1::Delivery {
            state: state.into(),
            reason: reason.into(),
            ..v1::Delivery::default()
        }
    }

    #[test]
    fn a_start_that_is_neither_accepted_nor_throttled_is_counted_as_such_once_it_has_ended() {
        use v1::{DeliveryReason as Reason, DeliveryState as State};
        let mut ends = Ends::default();
        assert!(!ends.count(&[delivery(State::Due, Reason::Unspecified)]));
        assert!(ends.count(&[delivery(State::Accepted, Reason::Unspecified)]));
        assert!(ends.count(&[delivery(State::Failed, Reason::Throttled)]));
        assert!(ends.count(&[delivery(State::Failed, Reason::TooLate)]));
        assert!(ends.count(&[]));
        let expected = Ends {
            accepted: 1,
            throttled: 1,
            other: 2,
        };
        assert_eq!(ends, expected);
    }
}
