//! What one call costs: processor time, commands and waits at Redis, bytes that stay there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::sleep;

use crate::Outcome;
use crate::arena::Contestant;
use crate::cells::{self, Cpu};
use crate::clock::now;
use crate::exchange::Exchange;
use crate::footprint::{self, Footprint};
use crate::load::{self, Made, Span};
use crate::options::Part;
use crate::proxy::{Proxy, Tally};
use crate::redis_server::RedisServer;
use crate::service::Rules;
use crate::stats::{length, median, number};
use crate::target::{Opened, idle};
use crate::webhook::Post;

/// Calls in flight while processor time is measured.
const IN_FLIGHT: usize = 16;
/// Calls that are measured for their processor time, and for their commands.
const CALLS: u64 = 4_000;
const CALLS_COUNTED: u64 = 200;
/// Calls at a time, so that no message finds the service's queue of errands full.
pub(crate) const PIECE: u64 = 1_000;
/// Messages that a service sends at a time; so many are held back to measure starts alone.
const SENDING_MAX: u64 = 256;
/// How often each is measured for its processor time; the medians count.
const ROUNDS: usize = 3;
/// Statuses in one post.
const BATCH: usize = 100;
/// How long the service is watched while nobody calls it.
pub(crate) const IDLE: Duration = Duration::from_secs(2);

/// What one of something costs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cost {
    /// The contestant.
    pub(crate) target: &'static str,
    /// One of what.
    pub(crate) what: &'static str,
    /// Microseconds of processor time of the service, with 16 in flight.
    pub(crate) server_cpu_us: f64,
    /// The same of Redis.
    pub(crate) redis_cpu_us: f64,
    /// Microseconds that Redis itself counts for the scripts of it.
    pub(crate) scripts_us: f64,
    /// Commands the service sent to Redis, by name, with one in flight.
    pub(crate) commands: BTreeMap<String, f64>,
    /// How often it waited for the network between them.
    pub(crate) turns: f64,
}

/// What is done while nobody calls, in one second.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Idle {
    /// The contestant.
    pub(crate) target: &'static str,
    /// Microseconds of processor time of the service.
    pub(crate) server_cpu_us: f64,
    /// The same of Redis.
    pub(crate) redis_cpu_us: f64,
    /// Commands the service sent to Redis, by name.
    pub(crate) commands: BTreeMap<String, f64>,
    #[serde(skip)]
    turns: f64,
}

/// What costs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Starts whose messages are held back.
    Start,
    /// Starts and what is behind them.
    StartAndSend,
    Check,
    Webhook,
    Batch,
}

impl Work {
    const ALL: [Self; 5] = [Self::Start, Self::StartAndSend, Self::Check, Self::Webhook, Self::Batch];

    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start, its message held back",
            Self::StartAndSend => "start and send",
            Self::Check => "check",
            Self::Webhook => "webhook of one status",
            Self::Batch => "status in a webhook of 100",
        }
    }
}

/// Measures the service on its memory store: processor time only.
pub(crate) async fn in_memory(costs: &mut Vec<Cost>, idles: &mut Vec<Idle>) -> Outcome<()> {
    let service = Contestant::in_memory().await?;
    let rest = rest(&service, None).await?;
    let mut timed = timed(&[(service, rest.clone())]).await?;
    for timed in timed.drain(..) {
        costs.extend(send(&timed));
        costs.extend(timed);
    }
    idles.push(rest);
    Ok(())
}

/// Measures the service on Redis under each of these rules, in turns, with processor time and commands apart: what counts
/// the commands costs time.
pub(crate) async fn on_redis(rules: &[Rules], costs: &mut Vec<Cost>, idles: &mut Vec<Idle>) -> Outcome<Vec<Footprint>> {
    let (mut arms, mut footprints) = (Vec::new(), Vec::new());
    for &rules in rules {
        let redis = Arc::new(RedisServer::start().await?);
        let service = Contestant::at(&redis.address(), &redis, rules, 0).await?;
        footprints.push(footprint::measure(&service, &redis).await?);
        let resting = rest(&service, None).await?;
        arms.push((service, resting));
    }
    let timed = timed(&arms).await?;
    for ((&rules, (service, mut resting)), mut timed) in rules.iter().zip(arms).zip(timed) {
        let Some(redis) = service.redis.clone() else { continue };
        drop(service);
        let proxy = Proxy::start(&redis.socket)?;
        let service = Contestant::at(&proxy.address(), &redis, rules, 0).await?;
        let counted_rest = rest(&service, Some(&proxy)).await?;
        for (of_one, work) in timed.iter_mut().zip(Work::ALL) {
            let counted = cost(&service, Some(&proxy), work, CALLS_COUNTED, 1, &counted_rest).await?;
            of_one.commands = counted.commands;
            of_one.turns = counted.turns;
        }
        costs.extend(send(&timed));
        costs.extend(timed);
        resting.commands = counted_rest.commands;
        idles.push(resting);
    }
    Ok(footprints)
}

/// What a send costs: what a start with its message costs more than one whose message is held back.
fn send(costs: &[Cost]) -> Option<Cost> {
    let of = |work: Work| costs.iter().find(|cost| cost.what == work.name());
    let (start, both) = (of(Work::Start)?, of(Work::StartAndSend)?);
    let commands = both.commands.iter().map(|(name, count)| {
        let in_start = start.commands.get(name).copied().unwrap_or(0.0);
        (name.clone(), count - in_start)
    });
    Some(Cost {
        what: "send (the difference)",
        server_cpu_us: both.server_cpu_us - start.server_cpu_us,
        redis_cpu_us: both.redis_cpu_us - start.redis_cpu_us,
        scripts_us: both.scripts_us - start.scripts_us,
        commands: commands.filter(|(_, count)| *count > 0.05).collect(),
        turns: both.turns - start.turns,
        ..both.clone()
    })
}

/// Measures the processor time of everything, several times and each after the other.
async fn timed(arms: &[(Contestant, Idle)]) -> Outcome<Vec<Vec<Cost>>> {
    let mut costs = vec![Vec::new(); arms.len()];
    for work in Work::ALL {
        let mut rounds = vec![Vec::new(); arms.len()];
        for _ in 0..ROUNDS {
            for ((service, rest), rounds) in arms.iter().zip(&mut rounds) {
                rounds.push(cost(service, None, work, CALLS, IN_FLIGHT, rest).await?);
            }
        }
        for (mut rounds, costs) in rounds.into_iter().zip(&mut costs) {
            let middle = |of: fn(&Cost) -> f64| median(rounds.iter().map(of)).unwrap_or_default();
            let (server_cpu_us, redis_cpu_us) = (middle(|it| it.server_cpu_us), middle(|it| it.redis_cpu_us));
            let scripts_us = middle(|it| it.scripts_us);
            costs.extend(rounds.pop().map(|last| Cost {
                server_cpu_us,
                redis_cpu_us,
                scripts_us,
                ..last
            }));
        }
    }
    Ok(costs)
}

/// Microseconds in scripts so far, as Redis counts them; none without Redis.
async fn scripts_us(service: &Contestant) -> Outcome<f64> {
    match &service.redis {
        Some(redis) => Ok(number(redis.info().await?.command_us("evalsha"))),
        None => Ok(0.0),
    }
}

/// What a service does while nobody calls it.
async fn rest(service: &Contestant, proxy: Option<&Proxy>) -> Outcome<Idle> {
    service.caller.settle(service.process()).await?;
    let (cpu, tally, begin) = (Cpu::read(service)?, tally(proxy), now());
    sleep(IDLE).await;
    let seconds = now().duration_since(begin).as_secs_f64();
    let (server, redis, _) = Cpu::read(service)?.each_since(cpu, seconds);
    let each = self::tally(proxy).each_since(&tally, &Tally::default(), seconds);
    Ok(Idle {
        target: service.name,
        server_cpu_us: server,
        redis_cpu_us: redis,
        commands: each.commands,
        turns: each.turns,
    })
}

/// Measures one kind of work, less what the service does anyway in as much time.
async fn cost(
    service: &Contestant,
    proxy: Option<&Proxy>,
    work: Work,
    calls: u64,
    in_flight: usize,
    rest: &Idle,
) -> Outcome<Cost> {
    let messages = prepare(service, work, calls).await?;
    idle(service.process()).await?;
    let scripts = scripts_us(service).await?;
    let (cpu, before, begin) = (Cpu::read(service)?, tally(proxy), now());
    let done = perform(service, work, calls, in_flight, messages).await?;
    idle(service.process()).await?;
    let seconds = now().duration_since(begin).as_secs_f64();
    let (server, redis, _) = Cpu::read(service)?.each_since(cpu, done);
    let resting = Tally {
        commands: rest.commands.clone(),
        turns: rest.turns,
    };
    let each = tally(proxy).each_since(&before, &resting.scaled(seconds), done);
    let scripts = scripts_us(service).await? - scripts;
    service.caller.sink.hold(false);
    service.caller.settle(service.process()).await?;
    Ok(Cost {
        target: service.name,
        what: work.name(),
        server_cpu_us: (server - rest.server_cpu_us * seconds / done).max(0.0),
        redis_cpu_us: (redis - rest.redis_cpu_us * seconds / done).max(0.0),
        scripts_us: scripts / done,
        commands: each.commands,
        turns: each.turns,
    })
}

fn tally(proxy: Option<&Proxy>) -> Tally {
    proxy.map(Proxy::tally).unwrap_or_default()
}

/// Everything that has to be there before the work can be measured.
async fn prepare(service: &Contestant, work: Work, calls: u64) -> Outcome<Vec<Opened>> {
    let caller = &service.caller;
    match work {
        Work::Start => {
            // Every place for sending is taken, so that the messages of what is measured wait.
            caller.sink.hold(true);
            let arrived = caller.sink.count() + SENDING_MAX;
            cells::load(service, Part::Start, IN_FLIGHT, Span::Calls(SENDING_MAX)).await?;
            while caller.sink.count() < arrived {
                sleep(Duration::from_millis(5)).await;
            }
            Ok(Vec::new())
        }
        Work::StartAndSend => Ok(Vec::new()),
        Work::Check => caller.prepare(calls).await.map(|()| Vec::new()),
        Work::Webhook | Work::Batch => caller.fresh(calls).await,
    }
}

/// Does the work; answers how many times.
async fn perform(
    service: &Contestant,
    work: Work,
    calls: u64,
    in_flight: usize,
    messages: Vec<Opened>,
) -> Outcome<f64> {
    match work {
        // One piece and no more: held messages are given up after five seconds.
        Work::Start => {
            let calls = calls.min(PIECE);
            cells::load(service, Part::Start, in_flight, Span::Calls(calls)).await?;
            Ok(number(calls))
        }
        Work::StartAndSend => {
            let mut left = calls;
            while left > 0 {
                let piece = left.min(PIECE);
                cells::load(service, Part::Start, in_flight, Span::Calls(piece)).await?;
                service.caller.all_sent().await?;
                left -= piece;
            }
            Ok(number(calls))
        }
        Work::Check => {
            let sample = cells::load(service, Part::Check, in_flight, Span::Calls(calls)).await?;
            Ok(number(sample.calls))
        }
        Work::Webhook => post(service, messages, 1, in_flight).await,
        Work::Batch => post(service, messages, BATCH, 1).await,
    }
}

/// Posts statuses of these messages, so many in each; answers how many statuses went out.
async fn post(service: &Contestant, messages: Vec<Opened>, batch: usize, in_flight: usize) -> Outcome<f64> {
    let callback: Arc<str> = service.callback().ok_or("a floor takes no webhooks")?.into();
    let count = length(&messages);
    let (messages, next, exchange) = (Arc::new(messages), Arc::new(AtomicUsize::new(0)), Exchange::new());
    let call = move |_| {
        let (messages, next) = (Arc::clone(&messages), Arc::clone(&next));
        let (exchange, callback) = (exchange.clone(), Arc::clone(&callback));
        async move {
            let at = next.fetch_add(batch, Ordering::Relaxed);
            let Some(rest) = messages.get(at..).filter(|rest| !rest.is_empty()) else {
                return Ok(Made::Nothing);
            };
            let post = Post::about(&rest[..batch.min(rest.len())], "delivered")?;
            post.hand_in(&exchange, &callback).await?;
            Ok(Made::Call)
        }
    };
    load::run(in_flight, Span::Calls(u64::MAX - 1), call).await?;
    Ok(count)
}
