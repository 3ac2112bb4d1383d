//! One run: rounds of cells, the costs, the report.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::Outcome;
use crate::arena::{self, Contestant, RULES_OFF};
use crate::cells::measure;
use crate::clock::{now, wall_millis};
use crate::cost;
use crate::intake;
use crate::options::{Kind, Part, Settings};
use crate::paced;
use crate::redis_server::RedisServer;
use crate::report::{Asked, Cell, Machine, Medians, Results, name};
use crate::service::{self, REFUSES_AFTER, Rules};
use crate::slow;
use crate::table::whole;

/// The parts that are measured in cells, in their order.
const CELLS: [Part; 5] = [Part::Echo, Part::Start, Part::Sends, Part::Check, Part::Pairs];

/// How old contestants may be when a row of cells begins: young enough for the row to end before the guard has seen that
/// next to nobody gives a code back ([`REFUSES_AFTER`]), which is right of it and no start of a benchmark.
const CONTESTANTS_LIFE: Duration = Duration::from_secs(REFUSES_AFTER.as_secs() / 5);

/// Measures what is asked for, prints it, and writes it into a file.
pub(crate) async fn run(settings: &Settings) -> Outcome<()> {
    if let Some(mistake) = settings.mistake() {
        return Err(mistake.to_owned());
    }
    let mut results = Results {
        machine: machine().await?,
        settings: Asked {
            stored: settings.stored.clone(),
            clients: settings.clients.clone(),
            seconds: settings.span().as_secs_f64(),
            rounds: settings.rounds,
            starts: settings.starts(),
        },
        answers: None,
        cells: Vec::new(),
        webhooks: Vec::new(),
        paced: Vec::new(),
        slow: None,
        costs: Vec::new(),
        idle: Vec::new(),
        footprints: Vec::new(),
    };
    if CELLS.iter().any(|part| settings.wants(*part)) {
        measure_cells(settings, &mut results).await?;
    }
    if settings.wants(Part::Webhooks) {
        intake::measure(settings, &mut results.webhooks).await?;
    }
    if settings.wants(Part::Paced) {
        paced::measure(settings, &mut results.paced).await?;
    }
    if settings.wants(Part::Sends) && settings.targets.contains(&Kind::Redis) {
        results.slow = Some(slow::measure(settings).await?);
    }
    if settings.wants(Part::Cost) {
        eprintln!("what one call costs");
        let rules = [(Kind::RulesOff, Rules::Off), (Kind::Redis, Rules::Default)];
        let rules = rules.into_iter().filter(|(kind, _)| settings.targets.contains(kind));
        let rules: Vec<_> = rules.map(|(_, rules)| rules).collect();
        results.footprints = cost::on_redis(&rules, &mut results.costs, &mut results.idle).await?;
        if settings.targets.contains(&Kind::Memory) {
            cost::in_memory(&mut results.costs, &mut results.idle).await?;
        }
    }
    println!("{}", results.text());
    let path = match &settings.json {
        Some(path) => path.clone(),
        None => default_path(results.machine.measured_at)?,
    };
    results.write(&path)?;
    println!("Everything is in {}", path.display());
    Ok(())
}

/// Measures every cell once in each round, the contestants one right after the other, so that a slow minute of the
/// machine hits all of them.
async fn measure_cells(settings: &Settings, results: &mut Results) -> Outcome<()> {
    let answers = arena::learn(settings).await?;
    let span = settings.span();
    for round in 0..settings.rounds {
        eprintln!("round {} of {}", round + 1, settings.rounds);
        let (mut contestants, mut built_at) = (Vec::new(), None);
        for part in CELLS.into_iter().filter(|part| settings.wants(*part)) {
            for &clients in &settings.clients {
                if built_at.is_none_or(|at| now().duration_since(at) > CONTESTANTS_LIFE) {
                    // The old ones end first.
                    contestants.clear();
                    contestants = arena::build(settings, &answers).await?;
                    built_at = Some(now());
                    if round % 2 == 1 {
                        contestants.reverse();
                    }
                }
                let mut said = Vec::new();
                for contestant in contestants.iter().filter(|it| it.has(part)) {
                    let figures = measure(contestant, part, clients, span).await?;
                    said.push(format!("{} {}", contestant.name, whole(figures.calls_per_second)));
                    cell(&mut results.cells, contestant, part, clients).add(figures);
                }
                eprintln!("  {} at {clients}: {}", name(part), said.join(", "));
            }
        }
    }
    let order = |cell: &Cell| {
        let part = CELLS.iter().position(|part| name(*part) == cell.part);
        let target = ["echo", "floor", RULES_OFF, "redis", "memory"]
            .iter()
            .position(|it| *it == cell.target);
        (part, cell.clients, cell.stored, target)
    };
    results.cells.sort_by_key(order);
    results.answers = Some(answers);
    Ok(())
}

/// The cell these figures belong to.
fn cell<'a>(cells: &'a mut Vec<Cell>, contestant: &Contestant, part: Part, clients: usize) -> &'a mut Cell {
    let (name, target, stored) = (name(part), contestant.name, contestant.stored);
    let found = cells
        .iter()
        .position(|it| (it.part, it.target, it.stored, it.clients) == (name, target, stored, clients));
    let place = found.unwrap_or_else(|| {
        cells.push(Cell {
            part: name,
            target,
            stored,
            clients,
            samples: Vec::new(),
            medians: Medians::default(),
        });
        cells.len() - 1
    });
    &mut cells[place]
}

async fn machine() -> Outcome<Machine> {
    let redis = RedisServer::start().await?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Ok(Machine {
        cores: available_parallelism().map_or(1, usize::from),
        kernel: kernel.trim().to_owned(),
        redis: redis.info().await?.text("redis_version").unwrap_or("?").to_owned(),
        countersign: service::version()?,
        commit: commit(),
        measured_at: wall_millis(),
    })
}

/// The commit of the folder this runs in, with a mark when files differ from it.
fn commit() -> String {
    let said = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=10"])
        .output();
    let text = said.ok().filter(|it| it.status.success()).map(|it| it.stdout);
    let text = text.map(|it| String::from_utf8_lossy(&it).trim().to_owned());
    text.unwrap_or_else(|| "no commit".to_owned())
}

/// `target/bench/<seconds since 1970>.json`, beside the folder of this program.
fn default_path(measured_at: u64) -> Outcome<PathBuf> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let target = this.ancestors().nth(2).ok_or("this program lies in no target folder")?;
    Ok(target.join("bench").join(format!("{}.json", measured_at / 1000)))
}
