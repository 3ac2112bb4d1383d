//! Cells: one part of the load, at one number of clients, on one contestant.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Outcome;
use crate::arena::Contestant;
use crate::clock::now;
use crate::load::{self, Sample, Span};
use crate::options::Part;
use crate::process::{machine_cpu, own_cpu};
use crate::stats::{length, micros_each, number, percentile};

/// Verifications that are prepared for each second of checks: with one client, and with more. When they run out early,
/// the cell is shorter and its rate the same.
const STOCK_ALONE: f64 = 5_000.0;
const STOCK: f64 = 14_000.0;

/// Processors that others may use before a figure is worth a second try, or a warning.
pub(crate) const STRANGERS_MAX: f64 = 0.1;
/// How often a cell is tried on a machine that others use.
const TRIES: usize = 3;

/// What a cell came to, once.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Calls answered in a second.
    pub(crate) calls_per_second: f64,
    /// Milliseconds until the answer, for half of the calls.
    pub(crate) p50_ms: f64,
    /// Milliseconds until the answer, for all but one in a hundred.
    pub(crate) p99_ms: f64,
    /// Milliseconds until the answer, at most.
    pub(crate) max_ms: f64,
    /// How many calls were counted.
    pub(crate) calls: f64,
    /// How many seconds were counted.
    pub(crate) seconds: f64,
    /// Messages that were still to be sent when the last answer came.
    pub(crate) behind: u64,
    /// Seconds until the last of them had arrived.
    pub(crate) sent_after: f64,
    /// Microseconds of processor time of the server for one call, with everything behind it.
    pub(crate) server_cpu_us: f64,
    /// The same of Redis.
    pub(crate) redis_cpu_us: f64,
    /// The same of the benchmark: clients and sink.
    pub(crate) bench_cpu_us: f64,
    /// Processors that were busy with something else meanwhile, on average.
    pub(crate) strangers: f64,
}

/// Processor times so far.
#[derive(Clone, Copy)]
pub(crate) struct Cpu {
    server: Duration,
    redis: Duration,
    bench: Duration,
    machine: Duration,
    at: Instant,
}

impl Cpu {
    pub(crate) fn read(contestant: &Contestant) -> Outcome<Self> {
        Ok(Self {
            server: contestant.process().cpu()?,
            redis: match &contestant.redis {
                Some(redis) => redis.process.cpu()?,
                None => Duration::ZERO,
            },
            bench: own_cpu()?,
            machine: machine_cpu()?,
            at: now(),
        })
    }

    /// Processors that were busy with something else since `before`, on average.
    fn strangers_since(self, before: Self) -> f64 {
        let ours = |cpu: Self| cpu.server + cpu.redis + cpu.bench;
        let all = self.machine.saturating_sub(before.machine);
        let strange = all.saturating_sub(ours(self).saturating_sub(ours(before)));
        strange.as_secs_f64() / self.at.duration_since(before.at).as_secs_f64().max(1e-3)
    }

    /// Microseconds since `before` for each of so many: server, Redis, benchmark.
    pub(crate) fn each_since(self, before: Self, count: f64) -> (f64, f64, f64) {
        let each = |after: Duration, before: Duration| micros_each(after.saturating_sub(before), count);
        (
            each(self.server, before.server),
            each(self.redis, before.redis),
            each(self.bench, before.bench),
        )
    }
}

/// Measures one cell, again when somebody else used the machine meanwhile; the calmest try counts.
pub(crate) async fn measure(contestant: &Contestant, part: Part, clients: usize, span: Duration) -> Outcome<Figures> {
    let mut calmest: Option<Figures> = None;
    for _ in 0..TRIES {
        let figures = measure_once(contestant, part, clients, span).await?;
        if calmest.as_ref().is_none_or(|it| figures.strangers < it.strangers) {
            calmest = Some(figures);
        }
        if calmest.as_ref().is_some_and(|it| it.strangers <= STRANGERS_MAX) {
            break;
        }
    }
    calmest.ok_or_else(|| "nothing was measured".to_owned())
}

/// Measures one cell once, from rest to rest.
async fn measure_once(contestant: &Contestant, part: Part, clients: usize, span: Duration) -> Outcome<Figures> {
    let caller = &contestant.caller;
    if part == Part::Check {
        let each_second = if clients == 1 { STOCK_ALONE } else { STOCK };
        caller.prepare(rounded(each_second * span.as_secs_f64())).await?;
    }
    caller.settle(contestant.process()).await?;
    let before = Cpu::read(contestant)?;
    let sample = load(contestant, part, clients, Span::Lasting(span)).await?;
    let (ended, behind) = (now(), if part == Part::Echo { 0 } else { caller.behind() });
    if part != Part::Echo {
        caller.all_sent().await?;
    }
    let sent_after = now().duration_since(ended).as_secs_f64();
    caller.settle(contestant.process()).await?;
    if part == Part::Sends && contestant.callback().is_some() {
        caller.demand_recorded().await?;
    }
    let after = Cpu::read(contestant)?;
    let (server_cpu_us, redis_cpu_us, bench_cpu_us) = after.each_since(before, number(sample.calls));
    Ok(Figures {
        behind,
        sent_after,
        server_cpu_us,
        redis_cpu_us,
        bench_cpu_us,
        strangers: after.strangers_since(before),
        ..figures(&sample)
    })
}

/// Runs a part of the load.
pub(crate) async fn load(contestant: &Contestant, part: Part, clients: usize, span: Span) -> Outcome<Sample> {
    let caller = Arc::clone(&contestant.caller);
    let call = move |client: usize| {
        let caller = Arc::clone(&caller);
        async move {
            match part {
                Part::Echo => caller.echo(client, clients).await,
                Part::Start => caller.start(client, clients).await,
                Part::Check => caller.check(client, clients).await,
                Part::Pairs => caller.pair(client, clients).await,
                Part::Sends => caller.send(client, clients).await,
                Part::Webhooks | Part::Paced | Part::Cost => Err("this part has a load of its own".to_owned()),
            }
        }
    };
    let sample = load::run(clients, span, call).await;
    let stored = contestant.stored;
    sample.map_err(|message| format!("{} ({stored} stored), {clients} clients: {message}", contestant.name))
}

/// What the clients saw.
fn figures(sample: &Sample) -> Figures {
    let seconds = sample.window.as_secs_f64();
    let calls = length(&sample.latencies);
    let millis = |thousandths| percentile(&sample.latencies, thousandths).as_secs_f64() * 1e3;
    Figures {
        calls_per_second: if seconds > 0.0 { calls / seconds } else { 0.0 },
        p50_ms: millis(500),
        p99_ms: millis(990),
        max_ms: millis(1000),
        calls,
        seconds,
        ..Figures::default()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "how many to prepare is a guess; the options keep it small and positive"
)]
pub(crate) fn rounded(value: f64) -> u64 {
    value.round() as u64
}
