//! The webhook intake: signed statuses of messages that were sent, while others are being sent; beside a handler that
//! reads and answers, and one that checks the signature, too.
//!
//! The service gets `sent`, then `delivered`, then `read` of each message, so that every status moves something and
//! costs a write. The floors get posts of the same length. The starts go on at the service whoever is measured, so that
//! all have the same company on the machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_grpc::v1;
use serde::Serialize;

use crate::Outcome;
use crate::arena::Contestant;
use crate::clock::now;
use crate::floor::FloorServer;
use crate::options::Settings;
use crate::posters::{IN_FLIGHT, Lane, Load, Posted, Posters, lanes};
use crate::process::{Process, machine_cpu, own_cpu};
use crate::redis_server::RedisServer;
use crate::stats::{length, median, number, percentile};
use crate::steady::{Started, Steady};
use crate::table::{set, short, whole};

/// Statuses in one post.
const SIZES: [usize; 3] = [1, 10, 100];
/// Statuses a second when they come at a pace: what the intake has to take on two cores, at a median under 50 ms.
const PACE: u32 = 3_000;
/// Messages whose posts the floors get, again and again.
const SPENT: u64 = 300;

/// Who takes webhooks.
struct Taker<'a> {
    name: &'static str,
    callback: String,
    /// Whether it records what it takes.
    records: bool,
    process: &'a Process,
}

/// One target at one size and pace, over all rounds.
#[derive(Serialize)]
pub(crate) struct IntakeCell {
    pub(crate) target: &'static str,
    /// Statuses in one post.
    pub(crate) size: usize,
    /// Statuses a second that were asked for; none when it was as many as go.
    pub(crate) pace: Option<u32>,
    /// One per round.
    pub(crate) samples: Vec<IntakeFigures>,
    /// The median of each figure over the rounds.
    pub(crate) medians: IntakeFigures,
}

/// What a cell came to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct IntakeFigures {
    /// Statuses whose post was answered, in a second.
    pub(crate) statuses_per_second: f64,
    /// Milliseconds until a post was answered: from when it was due at a pace, else from when it went out.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// How many posts were counted, in how many seconds.
    pub(crate) posts: f64,
    pub(crate) seconds: f64,
    /// Starts that the service answered meanwhile, in a second, and milliseconds until their answers.
    pub(crate) starts_per_second: f64,
    pub(crate) start_p50_ms: f64,
    pub(crate) start_p99_ms: f64,
    /// Processors that were busy with something else meanwhile, on average.
    pub(crate) strangers: f64,
}

/// Measures every size and pace in each round, the targets one right after the other.
pub(crate) async fn measure(settings: &Settings, cells: &mut Vec<IntakeCell>) -> Outcome<()> {
    for round in 0..settings.rounds {
        eprintln!("webhooks, round {} of {}", round + 1, settings.rounds);
        let redis = Arc::new(RedisServer::start().await?);
        let service = Contestant::on_redis(&redis, 0).await?;
        let floors = [FloorServer::webhooks(false).await?, FloorServer::webhooks(true).await?];
        let mut takers = takers(&service, &floors)?;
        if round % 2 == 1 {
            takers.reverse();
        }
        let spent = service.caller.fresh(SPENT).await?;
        for size in SIZES {
            for pace in [None, Some(PACE)] {
                let mut said = Vec::new();
                for taker in &takers {
                    let load = Load {
                        size,
                        pace,
                        span: settings.span(),
                    };
                    let lanes = if taker.records {
                        let fresh = service.caller.fresh(load.messages()).await?;
                        lanes(&fresh, size)?
                    } else {
                        lanes(&spent, size)?
                    };
                    let before = busy_elsewhere(&service, &floors)?;
                    let figures = once(&service, taker, settings.starts(), load, lanes).await?;
                    let after = busy_elsewhere(&service, &floors)?;
                    let strangers = after.0.saturating_sub(before.0).as_secs_f64();
                    let strangers = strangers / after.1.duration_since(before.1).as_secs_f64().max(1e-3);
                    said.push(format!("{} {}", taker.name, whole(figures.statuses_per_second)));
                    add(cells, taker.name, load, IntakeFigures { strangers, ..figures });
                }
                let pace = pace.map_or("flat out", |_| "paced");
                eprintln!("  posts of {size}, {pace}: {} statuses/s", said.join(", "));
            }
        }
    }
    let place = |target: &str| ["bare", "signature", "redis"].iter().position(|it| *it == target);
    cells.sort_by_key(|cell| (cell.size, cell.pace, place(cell.target)));
    Ok(())
}

/// The cells as a table.
pub(crate) fn table(cells: &[IntakeCell]) -> String {
    let row = |cell: &IntakeCell| {
        let it = &cell.medians;
        let floor = cells.iter().find(|floor| {
            floor.target == "signature" && cell.target == "redis" && (floor.size, floor.pace) == (cell.size, cell.pace)
        });
        let floor = floor
            .filter(|_| cell.pace.is_none())
            .map(|it| it.medians.statuses_per_second);
        vec![
            cell.pace
                .map_or("flat out".to_owned(), |pace| format!("{}/s", whole(f64::from(pace)))),
            cell.target.to_owned(),
            cell.size.to_string(),
            whole(it.statuses_per_second),
            floor.map_or(String::new(), |floor| {
                format!("{:.0} %", it.statuses_per_second / floor * 100.0)
            }),
            short(it.p50_ms),
            short(it.p99_ms),
            whole(it.starts_per_second),
            short(it.start_p50_ms),
            short(it.start_p99_ms),
            format!("{:.2}", it.strangers),
        ]
    };
    let rows: Vec<_> = cells.iter().map(row).collect();
    let header = [
        "load",
        "target",
        "in a post",
        "statuses/s",
        "of floor",
        "p50 ms",
        "p99 ms",
        "starts/s",
        "start p50",
        "start p99",
        "strangers",
    ];
    format!(
        "\nWebhooks while starts and their messages go on: sent, delivered and read of each message. Flat out with \
         {IN_FLIGHT} posts\nin flight; at a pace counted from when each post was due. The floors read and answer \
         (bare), and check the\nsignature, too; the starts go on at the service meanwhile. Strangers are processors \
         that others used.\n\n{}",
        set(&header, 2, &rows)
    )
}

fn takers<'a>(service: &'a Contestant, floors: &'a [FloorServer; 2]) -> Outcome<Vec<Taker<'a>>> {
    let floor = |name, floor: &'a FloorServer| Taker {
        name,
        callback: format!("http://{}/webhooks/whatsapp", floor.address),
        records: false,
        process: &floor.process,
    };
    let [bare, signature] = floors;
    Ok(vec![
        floor("bare", bare),
        floor("signature", signature),
        Taker {
            name: "redis",
            callback: service.callback().ok_or("a floor takes no webhooks")?.to_owned(),
            records: true,
            process: service.process(),
        },
    ])
}

/// Measures one target once, from rest to rest.
async fn once(
    service: &Contestant,
    taker: &Taker<'_>,
    starts: u32,
    load: Load,
    lanes: Vec<Lane>,
) -> Outcome<IntakeFigures> {
    service.caller.settle(service.process()).await?;
    crate::target::idle(taker.process).await?;
    let steady = Steady::begin(&service.caller, starts);
    let posted = Posters::new(&taker.callback, load, lanes, taker.records).run().await;
    let started = steady.stop().await?;
    let posted = posted.map_err(|message| format!("{}, posts of {}: {message}", taker.name, load.size))?;
    if taker.records {
        let state = v1::DeliveryState::Read;
        service.caller.demand_state(&posted.finished, state).await?;
    }
    service.caller.settle(service.process()).await?;
    Ok(figures(&posted, load, &started))
}

fn figures(posted: &Posted, load: Load, started: &Started) -> IntakeFigures {
    let (posts, seconds) = (length(&posted.latencies), posted.window.as_secs_f64());
    let statuses = posts * number(u64::try_from(load.size).unwrap_or(u64::MAX));
    let millis = |thousandths| percentile(&posted.latencies, thousandths).as_secs_f64() * 1e3;
    IntakeFigures {
        statuses_per_second: if seconds > 0.0 { statuses / seconds } else { 0.0 },
        p50_ms: millis(500),
        p99_ms: millis(990),
        max_ms: millis(1000),
        posts,
        seconds,
        starts_per_second: started.per_second,
        start_p50_ms: started.p50_ms,
        start_p99_ms: started.p99_ms,
        strangers: 0.0,
    }
}

/// The time that processors were busy with what is not part of this, and when that was read.
fn busy_elsewhere(service: &Contestant, floors: &[FloorServer]) -> Outcome<(Duration, Instant)> {
    let mut ours = own_cpu()? + service.process().cpu()?;
    if let Some(redis) = &service.redis {
        ours += redis.process.cpu()?;
    }
    for floor in floors {
        ours += floor.process.cpu()?;
    }
    Ok((machine_cpu()?.saturating_sub(ours), now()))
}

/// Adds a round to its cell.
fn add(cells: &mut Vec<IntakeCell>, target: &'static str, load: Load, figures: IntakeFigures) {
    let Load { size, pace, .. } = load;
    let same = |it: &IntakeCell| (it.target, it.size, it.pace) == (target, size, pace);
    let place = cells.iter().position(same).unwrap_or_else(|| {
        cells.push(IntakeCell {
            target,
            size,
            pace,
            samples: Vec::new(),
            medians: IntakeFigures::default(),
        });
        cells.len() - 1
    });
    let cell = &mut cells[place];
    cell.samples.push(figures);
    let of = |value: fn(&IntakeFigures) -> f64| median(cell.samples.iter().map(value)).unwrap_or_default();
    cell.medians = IntakeFigures {
        statuses_per_second: of(|it| it.statuses_per_second),
        p50_ms: of(|it| it.p50_ms),
        p99_ms: of(|it| it.p99_ms),
        max_ms: of(|it| it.max_ms),
        posts: of(|it| it.posts),
        seconds: of(|it| it.seconds),
        starts_per_second: of(|it| it.starts_per_second),
        start_p50_ms: of(|it| it.start_p50_ms),
        start_p99_ms: of(|it| it.start_p99_ms),
        strangers: of(|it| it.strangers),
    };
}
