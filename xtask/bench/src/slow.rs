//! Sending while Meta is slow: starts keep coming, and every message waits for its answer. What piles up has to pile up
//! in the store, and not in the memory of the service.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::Outcome;
use crate::arena::Contestant;
use crate::clock::now;
use crate::options::Settings;
use crate::redis_server::RedisServer;
use crate::stats::number;
use crate::steady::Steady;
use crate::table::{set, short, whole};

/// How long Meta takes for an answer.
const ANSWER_AFTER: Duration = Duration::from_secs(2);
/// Starts a second, several times what goes out meanwhile.
const STARTS: u32 = 1_000;
/// How often one looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many times as long as a cell it lasts.
const CELLS: u32 = 10;

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Slow {
    /// Seconds that Meta took for an answer, and for how long.
    pub(crate) answer_after: f64,
    pub(crate) seconds: f64,
    /// Starts that were answered, in a second, and milliseconds until their answers.
    pub(crate) starts: f64,
    pub(crate) starts_per_second: f64,
    pub(crate) start_p50_ms: f64,
    pub(crate) start_p99_ms: f64,
    /// Resident bytes of the service: at rest after the same load on a fast Meta; at most; and at rest again.
    pub(crate) resident_before: u64,
    pub(crate) resident_peak: u64,
    pub(crate) resident_after: u64,
    /// Messages that had not reached Meta, at most.
    pub(crate) backlog_peak: u64,
    /// Seconds until all of them had, once Meta was fast again.
    pub(crate) caught_up_after: f64,
    /// Everything that was seen on the way.
    pub(crate) looks: Vec<Look>,
}

/// One look.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Look {
    /// Seconds since Meta became slow.
    pub(crate) at: f64,
    pub(crate) resident: u64,
    pub(crate) backlog: u64,
}

/// Measures the service on Redis once.
pub(crate) async fn measure(settings: &Settings) -> Outcome<Slow> {
    eprintln!("starts while Meta answers after {} s", ANSWER_AFTER.as_secs());
    let redis = Arc::new(RedisServer::start().await?);
    let service = Contestant::on_redis(&redis, 0).await?;
    let span = settings.span();
    // What a service under this load holds anyway belongs to neither side of the comparison.
    let warm = Steady::begin(&service.caller, STARTS);
    watch(&service, span).await?;
    warm.stop().await?;
    service.caller.settle(service.process()).await?;
    let resident_before = service.process().resident()?;

    service.caller.sink.answer_after(ANSWER_AFTER);
    let steady = Steady::begin(&service.caller, STARTS);
    let mut looks = watch(&service, span * CELLS).await?;
    let started = steady.stop().await?;
    service.caller.sink.answer_after(Duration::ZERO);
    let fast_again = now();
    looks.push(look(&service, (span * CELLS).as_secs_f64())?);
    service.caller.all_sent().await?;
    let caught_up_after = now().duration_since(fast_again).as_secs_f64();
    let caught_up = look(&service, (span * CELLS).as_secs_f64() + caught_up_after)?;
    service.caller.settle(service.process()).await?;
    Ok(Slow {
        answer_after: ANSWER_AFTER.as_secs_f64(),
        seconds: (span * CELLS).as_secs_f64(),
        starts: started.starts,
        starts_per_second: started.per_second,
        start_p50_ms: started.p50_ms,
        start_p99_ms: started.p99_ms,
        resident_before,
        resident_peak: looks
            .iter()
            .chain([&caught_up])
            .map(|it| it.resident)
            .max()
            .unwrap_or_default(),
        resident_after: service.process().resident()?,
        backlog_peak: looks.iter().map(|it| it.backlog).max().unwrap_or_default(),
        caught_up_after,
        looks,
    })
}

impl Slow {
    /// As a table: memory and backlog on the way.
    pub(crate) fn table(&self) -> String {
        let row = |what: &str, resident: u64, backlog: u64| {
            vec![
                what.to_owned(),
                short(number(resident) / 1_048_576.0),
                whole(number(backlog)),
            ]
        };
        let at = |part: usize| self.looks.get((self.looks.len() * part / 4).saturating_sub(1)).copied();
        let mut rows = vec![row("before", self.resident_before, 0)];
        for (what, part) in [("a quarter", 1), ("half", 2), ("three quarters", 3), ("the end", 4)] {
            rows.extend(at(part).map(|look| row(what, look.resident, look.backlog)));
        }
        rows.push(row("peak", self.resident_peak, self.backlog_peak));
        rows.push(row("after", self.resident_after, 0));
        format!(
            "\nStarts while Meta answers after {} s, on Redis: {} starts in {} s ({}/s; p50 {} ms, p99 {} ms); all sent \
             {} s\nafter Meta was fast again.\n\n{}",
            short(self.answer_after),
            whole(self.starts),
            short(self.seconds),
            whole(self.starts_per_second),
            short(self.start_p50_ms),
            short(self.start_p99_ms),
            short(self.caught_up_after),
            set(&["when", "resident MiB", "backlog"], 1, &rows)
        )
    }
}

/// Looks again and again for so long.
async fn watch(service: &Contestant, span: Duration) -> Outcome<Vec<Look>> {
    let (begin, mut looks) = (now(), Vec::new());
    let mut due = interval(LOOK_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let at = now().duration_since(begin);
        if at >= span {
            return Ok(looks);
        }
        looks.push(look(service, at.as_secs_f64())?);
    }
}

fn look(service: &Contestant, at: f64) -> Outcome<Look> {
    Ok(Look {
        at,
        resident: service.process().resident()?,
        backlog: service.caller.behind(),
    })
}
