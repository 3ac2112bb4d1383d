//! The load: so many clients, each with one call in flight, as fast as they are answered.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Outcome;
use crate::clock::now;

/// Longer than anything takes that still makes sense.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a load lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// So long, after a tenth of it that is not counted.
    Lasting(Duration),
    /// So many calls, all of them counted.
    Calls(u64),
}

/// What one call came to.
pub(crate) enum Made {
    /// It was made, and took so long.
    Call,
    /// There is nothing left to call for; this client stops.
    Nothing,
}

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// How long each counted call took, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// How long was counted.
    pub(crate) window: Duration,
    /// Calls made in all, those of the warm-up included.
    pub(crate) calls: u64,
}

/// Runs `call` with `clients` in flight, giving each the number of its client.
///
/// Fails with the first call that fails; those still in flight are given up.
pub(crate) async fn run<F, Fut>(clients: usize, span: Span, call: F) -> Outcome<Sample>
where
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Outcome<Made>> + Send,
{
    let begin = now();
    let (counted_from, end, calls_max) = match span {
        Span::Lasting(span) => (begin + span / 10, begin + span / 10 + span, u64::MAX),
        Span::Calls(calls) => (begin, begin + PATIENCE, calls),
    };
    let mut running = JoinSet::new();
    for client in 0..clients {
        let call = call.clone();
        let share = share(calls_max, clients, client);
        running.spawn(async move { one(client, share, counted_from, end, call).await });
    }
    let mut sample = Sample::default();
    let mut last = counted_from;
    let all = async {
        while let Some(ended) = running.join_next().await {
            let ended = ended.map_err(|error| format!("a client panicked: {error}"))??;
            sample.latencies.extend(ended.latencies);
            sample.calls += ended.calls;
            last = last.max(ended.last);
        }
        Ok::<(), String>(())
    };
    timeout(end.duration_since(begin) + PATIENCE, all)
        .await
        .map_err(|_| "calls were not answered in time".to_owned())??;
    sample.latencies.sort_unstable();
    sample.window = last.duration_since(counted_from);
    Ok(sample)
}

/// What one client did.
struct Ended {
    latencies: Vec<Duration>,
    calls: u64,
    last: Instant,
}

async fn one<Fut>(
    client: usize,
    share: u64,
    counted_from: Instant,
    end: Instant,
    call: impl Fn(usize) -> Fut,
) -> Outcome<Ended>
where
    Fut: Future<Output = Outcome<Made>>,
{
    let mut ended = Ended {
        latencies: Vec::new(),
        calls: 0,
        last: counted_from,
    };
    while ended.calls < share {
        let asked = now();
        if asked >= end {
            break;
        }
        let Made::Call = call(client).await? else { break };
        let answered = now();
        ended.calls += 1;
        // Counted by its answer: what is still in flight at the end belongs to nobody's rate.
        if (counted_from..end).contains(&answered) {
            ended.latencies.push(answered.duration_since(asked));
            ended.last = answered;
        }
    }
    Ok(ended)
}

/// How many of all calls are this client's.
fn share(calls: u64, clients: usize, client: usize) -> u64 {
    if calls == u64::MAX {
        return calls;
    }
    let number = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    calls / number(clients) + u64::from(number(client) < calls % number(clients))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_call_that_was_asked_for_is_made_and_counted() {
        let sample = run(3, Span::Calls(10), |_| async { Ok(Made::Call) }).await.unwrap();
        assert_eq!((sample.calls, sample.latencies.len()), (10, 10));
        assert!(sample.latencies.is_sorted());
    }

    #[tokio::test]
    async fn clients_stop_when_there_is_nothing_left_and_a_fault_ends_all() {
        let sample = run(2, Span::Calls(10), |_| async { Ok(Made::Nothing) }).await.unwrap();
        assert_eq!(sample.calls, 0);
        let fault = run(2, Span::Calls(10), |_| async { Err("no".to_owned()) }).await;
        assert_eq!(fault.unwrap_err(), "no");
    }

    #[test]
    fn calls_are_spread_over_all_clients() {
        let shares: Vec<_> = (0..3).map(|client| share(11, 3, client)).collect();
        assert_eq!(shares, [4, 4, 3]);
    }
}
