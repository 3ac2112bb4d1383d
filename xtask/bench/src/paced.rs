//! The throughput of one sender: more starts than it may send messages, and when those reach Meta; beside it the same
//! starts with a pool of senders.
//!
//! Meta enforces the throughput here, so what the service sends too fast is refused and counted. What one sender cannot
//! send at once waits, and its time counts from when its start was due: the times of one sender are those of an
//! overload, and grow with its length.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use crate::Outcome;
use crate::arena::redis_lines;
use crate::clock::now;
use crate::ends::{Ends, ended};
use crate::options::{Kind, Settings};
use crate::redis_server::RedisServer;
use crate::service::{Rules, SENDERS, Service, THROUGHPUT};
use crate::sink::Sink;
use crate::stats::{busiest_second, each_second, length, median, number, percentile};
use crate::steady::{Begun, Started, Steady};
use crate::table::{set, short, whole};
use crate::target::{Caller, idle};
use crate::throughput::Arrival;

/// What one sender has to reach, on average: 0.98 of its throughput. And what it must never exceed in one second: its
/// throughput and two slices of a twentieth.
const MEAN_MIN: f64 = 980.0;
const MOST_MAX: u64 = 1_100;

/// One way to send, over all rounds.
#[derive(Serialize)]
pub(crate) struct PacedCell {
    #[serde(flatten)]
    pub(crate) setup: Setup,
    /// One per round.
    pub(crate) samples: Vec<Paced>,
    /// The medians over the rounds; of what must not happen the sum, and the most of the most.
    pub(crate) all: Paced,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setup {
    pub(crate) target: &'static str,
    /// Services on one store.
    pub(crate) instances: usize,
    /// Numbers that messages go out from, each with its throughput.
    pub(crate) senders: usize,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Paced {
    /// Seconds, starts a second that were asked for, and that were answered.
    pub(crate) seconds: f64,
    pub(crate) offered_per_second: f64,
    pub(crate) starts_per_second: f64,
    /// Messages that Meta took: the median of the whole seconds, and the mean without the first and the last tenth.
    pub(crate) messages_median: f64,
    pub(crate) messages_mean: f64,
    /// Messages that came within one second, at most, wherever it begins; those that were refused among them.
    pub(crate) most_in_a_second: u64,
    /// Messages that Meta refused because they came too fast.
    pub(crate) refused: u64,
    /// Milliseconds from when a start was due until Meta took its message.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Seconds after the last start until Meta had taken the last message.
    pub(crate) sent_after: f64,
    #[serde(flatten)]
    pub(crate) ends: Ends,
}

/// Services that share a store and a sink, and who calls them.
struct Ranks {
    services: Vec<Service>,
    caller: Arc<Caller>,
    _redis: Option<RedisServer>,
}

/// Measures every setup in each round, the one sender and the pool right after each other.
pub(crate) async fn measure(settings: &Settings, cells: &mut Vec<PacedCell>) -> Outcome<()> {
    for round in 0..settings.rounds {
        eprintln!("one sender and a pool, round {} of {}", round + 1, settings.rounds);
        for setup in setups(settings) {
            let paced = once(setup, settings).await?;
            eprintln!(
                "  {}, {} instances, {} senders: {} messages/s",
                setup.target,
                setup.instances,
                setup.senders,
                whole(paced.messages_mean)
            );
            add(cells, setup, paced);
        }
    }
    Ok(())
}

/// The cells as a table.
pub(crate) fn table(cells: &[PacedCell]) -> String {
    let row = |cell: &PacedCell| {
        let it = &cell.all;
        vec![
            cell.setup.target.to_owned(),
            cell.setup.instances.to_string(),
            cell.setup.senders.to_string(),
            whole(it.starts_per_second),
            whole(it.messages_median),
            whole(it.messages_mean),
            whole(number(it.most_in_a_second)),
            it.refused.to_string(),
            short(it.p50_ms),
            short(it.p99_ms),
            short(it.sent_after),
            it.ends.accepted.to_string(),
            it.ends.throttled.to_string(),
            it.ends.other.to_string(),
            aim(cell).to_owned(),
        ]
    };
    let rows: Vec<_> = cells.iter().map(row).collect();
    let header = [
        "target",
        "instances",
        "senders",
        "starts/s",
        "median/s",
        "mean/s",
        "most in 1 s",
        "refused",
        "p50 ms",
        "p99 ms",
        "after s",
        "accepted",
        "throttled",
        "other",
        "aim",
    ];
    let all = cells.first().map(|it| it.all).unwrap_or_default();
    format!(
        "\nMessages while {} starts a second are offered for {} s, and each sender may send {} a second, as Meta enforces \
         it.\nThe times are from when a start was due until Meta took its message: one sender is overloaded, so its times \
         grow\nuntil the starts end. After counts the seconds from then to the last message. The aim of one sender: a \
         mean of\nat least {}, at most {} in any second, none refused, and every start accepted or throttled.\n\n{}",
        whole(all.offered_per_second),
        short(all.seconds),
        whole(f64::from(THROUGHPUT)),
        whole(MEAN_MIN),
        whole(number(MOST_MAX)),
        set(&header, 1, &rows)
    )
}

/// Whether one sender does what it has to; nothing for a pool, which has no aim.
fn aim(cell: &PacedCell) -> &'static str {
    let is_met = |it: &Paced| {
        it.messages_mean >= MEAN_MIN && it.most_in_a_second <= MOST_MAX && it.refused == 0 && it.ends.other == 0
    };
    match cell.setup.senders {
        1 if is_met(&cell.all) => "met",
        1 => "missed",
        _ => "",
    }
}

fn setups(settings: &Settings) -> Vec<Setup> {
    let ranks = [
        (Kind::Redis, "redis", 1),
        (Kind::Redis, "redis", 3),
        (Kind::Memory, "memory", 1),
    ];
    let wanted = ranks.into_iter().filter(|(kind, ..)| settings.targets.contains(kind));
    wanted
        .flat_map(|(_, target, instances)| {
            [1, SENDERS].map(|senders| Setup {
                target,
                instances,
                senders,
            })
        })
        .collect()
}

impl Ranks {
    async fn start(setup: Setup) -> Outcome<Self> {
        let redis = match setup.target {
            "redis" => Some(RedisServer::start().await?),
            _ => None,
        };
        let store = redis.as_ref().map(|it| redis_lines(&it.address()));
        let store = store.unwrap_or_else(|| "kind = \"memory\"".to_owned());
        let sink = Sink::limited(THROUGHPUT).await?;
        let mut services = Vec::new();
        for _ in 0..setup.instances {
            services.push(Service::start(&store, Rules::Default, setup.senders, sink.address).await?);
        }
        let addresses: Vec<_> = services.iter().map(|it| it.grpc).collect();
        Ok(Self {
            caller: Caller::connect(&addresses, sink).await?,
            services,
            _redis: redis,
        })
    }
}

/// Measures one setup once, with fresh processes.
async fn once(setup: Setup, settings: &Settings) -> Outcome<Paced> {
    let ranks = Ranks::start(setup).await?;
    for service in &ranks.services {
        idle(&service.process).await?;
    }
    let (span, begin) = (settings.paced_span(), now());
    let steady = Steady::begin(&ranks.caller, settings.paced_starts());
    sleep(span).await;
    let (stopped, started) = (now(), steady.stop().await?);
    let ends = ended(&ranks.caller, &started.all).await?;
    let arrivals = ranks.caller.sink.arrivals();
    let last = arrivals.iter().rev().find(|it| it.taken).map(|it| it.at);
    Ok(Paced {
        offered_per_second: f64::from(settings.paced_starts()),
        sent_after: last.map_or(0.0, |last| last.saturating_duration_since(stopped).as_secs_f64()),
        ends,
        ..paced(begin, span, &started, &arrivals)
    })
}

/// What the starts and the sink saw.
fn paced(begin: Instant, span: Duration, started: &Started, arrivals: &[Arrival]) -> Paced {
    let offset = |it: &Arrival| it.at.saturating_duration_since(begin);
    let came: Vec<_> = arrivals.iter().map(offset).collect();
    let taken: Vec<_> = arrivals.iter().filter(|it| it.taken).map(offset).collect();
    let middle = span / 10..span * 9 / 10;
    let during: Vec<_> = taken.iter().filter(|it| middle.contains(it)).collect();
    let times = latencies(&started.all, arrivals);
    let millis = |thousandths| percentile(&times, thousandths).as_secs_f64() * 1e3;
    let refused = arrivals.iter().filter(|it| !it.taken).count();
    Paced {
        seconds: span.as_secs_f64(),
        starts_per_second: started.per_second,
        messages_median: median(each_second(&taken, span)).unwrap_or_default(),
        messages_mean: length(&during) / middle.end.saturating_sub(middle.start).as_secs_f64(),
        most_in_a_second: busiest_second(&came),
        refused: u64::try_from(refused).unwrap_or(u64::MAX),
        p50_ms: millis(500),
        p99_ms: millis(990),
        ..Paced::default()
    }
}

/// How long each start waited until its message was taken for the first time, sorted; those whose message never was
/// are left out.
fn latencies(starts: &[Begun], arrivals: &[Arrival]) -> Vec<Duration> {
    let mut first = BTreeMap::new();
    for arrival in arrivals.iter().filter(|it| it.taken) {
        first.entry(arrival.number).or_insert(arrival.at);
    }
    let waited = |start: &Begun| Some(first.get(&start.number)?.saturating_duration_since(start.due));
    let mut latencies: Vec<_> = starts.iter().filter_map(waited).collect();
    latencies.sort_unstable();
    latencies
}

/// Adds a round to its cell.
fn add(cells: &mut Vec<PacedCell>, setup: Setup, paced: Paced) {
    let place = cells.iter().position(|it| it.setup == setup).unwrap_or_else(|| {
        cells.push(PacedCell {
            setup,
            samples: Vec::new(),
            all: Paced::default(),
        });
        cells.len() - 1
    });
    let cell = &mut cells[place];
    cell.samples.push(paced);
    let of = |value: fn(&Paced) -> f64| median(cell.samples.iter().map(value)).unwrap_or_default();
    let sum = |value: fn(&Paced) -> u64| cell.samples.iter().map(value).sum();
    let most = cell.samples.iter().map(|it| it.most_in_a_second).max();
    cell.all = Paced {
        seconds: of(|it| it.seconds),
        offered_per_second: of(|it| it.offered_per_second),
        starts_per_second: of(|it| it.starts_per_second),
        messages_median: of(|it| it.messages_median),
        messages_mean: of(|it| it.messages_mean),
        most_in_a_second: most.unwrap_or_default(),
        refused: sum(|it| it.refused),
        p50_ms: of(|it| it.p50_ms),
        p99_ms: of(|it| it.p99_ms),
        sent_after: of(|it| it.sent_after),
        ends: Ends {
            accepted: sum(|it| it.ends.accepted),
            throttled: sum(|it| it.ends.throttled),
            other: sum(|it| it.ends.other),
        },
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_that_misses_the_aim_is_not_hidden_by_those_that_met_it() {
        let setup = Setup {
            target: "redis",
            instances: 1,
            senders: 1,
        };
        let good = Paced {
            messages_mean: 995.0,
            most_in_a_second: 1_050,
            ..Paced::default()
        };
        let mut cells = Vec::new();
        add(&mut cells, setup, good);
        assert_eq!(aim(&cells[0]), "met");
        add(&mut cells, setup, Paced { refused: 1, ..good });
        add(&mut cells, setup, good);
        assert_eq!(aim(&cells[0]), "missed");
    }

    #[test]
    fn what_was_refused_came_but_was_not_taken_and_a_message_counts_when_it_was_first_taken() {
        let begin = now();
        let at = |millis| begin + Duration::from_millis(millis);
        let arrival = |millis, number, taken| Arrival {
            at: at(millis),
            number,
            taken,
        };
        let started = Started {
            all: [(1, 0), (2, 500)]
                .into_iter()
                .map(|(number, due)| Begun {
                    id: String::new(),
                    number,
                    due: at(due),
                    answered: at(due),
                })
                .collect(),
            ..Started::default()
        };
        let arrivals = [
            arrival(300, 1, false),
            arrival(400, 1, true),
            arrival(900, 2, true),
            arrival(1_500, 1, true),
        ];
        let seen = paced(begin, Duration::from_secs(2), &started, &arrivals);
        assert_eq!((seen.refused, seen.most_in_a_second), (1, 3));
        assert!((seen.messages_median - 1.5).abs() < 1e-9);
        assert!((seen.messages_mean - 3.0 / 1.6).abs() < 1e-9);
        assert!((seen.p50_ms - 400.0).abs() < 1e-9);
    }
}
