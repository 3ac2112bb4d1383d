//! What came out: tables for people, and one file with everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Outcome;
use crate::arena::RULES_OFF;
use crate::cells::{Figures, STRANGERS_MAX};
use crate::cost::{Cost, Idle};
use crate::floor::Answers;
use crate::footprint::{self, Footprint};
use crate::intake::{self, IntakeCell};
use crate::options::Part;
use crate::paced::{self, PacedCell};
use crate::slow::Slow;
use crate::stats::median;
use crate::table::{set, short, whole};

/// Everything a run measured.
#[derive(Serialize)]
pub(crate) struct Results {
    /// Where and what of.
    pub(crate) machine: Machine,
    /// How it was asked for.
    pub(crate) settings: Asked,
    /// What the floors repeat after the service.
    pub(crate) answers: Option<Answers>,
    /// Every cell.
    pub(crate) cells: Vec<Cell>,
    /// Webhooks, while starts go on.
    pub(crate) webhooks: Vec<IntakeCell>,
    /// Messages of one sender, and of a pool.
    pub(crate) paced: Vec<PacedCell>,
    /// Starts, while Meta is slow.
    pub(crate) slow: Option<Slow>,
    /// What one call costs.
    pub(crate) costs: Vec<Cost>,
    /// What is done while nobody calls.
    pub(crate) idle: Vec<Idle>,
    /// What stays in Redis.
    pub(crate) footprints: Vec<Footprint>,
}

/// Where it was measured, and what.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) redis: String,
    pub(crate) countersign: String,
    pub(crate) commit: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) measured_at: u64,
}

/// How it was asked for.
#[derive(Serialize)]
pub(crate) struct Asked {
    pub(crate) stored: Vec<u64>,
    pub(crate) clients: Vec<usize>,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    /// Starts a second beside webhooks.
    pub(crate) starts: u32,
}

/// One cell over all rounds.
#[derive(Serialize)]
pub(crate) struct Cell {
    pub(crate) part: &'static str,
    pub(crate) target: &'static str,
    pub(crate) stored: u64,
    pub(crate) clients: usize,
    /// One per round.
    pub(crate) samples: Vec<Figures>,
    /// The median of each figure over the rounds.
    pub(crate) medians: Medians,
}

/// The medians of a cell.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Medians {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) server_cpu_us: f64,
    pub(crate) redis_cpu_us: f64,
    pub(crate) bench_cpu_us: f64,
    /// Calls a second, counting the time until the last message had arrived, too.
    pub(crate) sustained_per_second: f64,
}

impl Medians {
    fn all_cpu_us(&self) -> f64 {
        self.server_cpu_us + self.redis_cpu_us + self.bench_cpu_us
    }
}

impl Cell {
    /// Adds a round.
    pub(crate) fn add(&mut self, figures: Figures) {
        self.samples.push(figures);
        let of = |value: fn(&Figures) -> f64| median(self.samples.iter().map(value)).unwrap_or_default();
        self.medians = Medians {
            calls_per_second: of(|it| it.calls_per_second),
            p50_ms: of(|it| it.p50_ms),
            p99_ms: of(|it| it.p99_ms),
            server_cpu_us: of(|it| it.server_cpu_us),
            redis_cpu_us: of(|it| it.redis_cpu_us),
            bench_cpu_us: of(|it| it.bench_cpu_us),
            sustained_per_second: of(|it| it.calls / (it.seconds + it.sent_after)),
        };
    }
}

/// The name of a part.
pub(crate) const fn name(part: Part) -> &'static str {
    match part {
        Part::Echo => "echo",
        Part::Start => "start",
        Part::Check => "check",
        Part::Pairs => "pairs",
        Part::Sends => "sends",
        Part::Webhooks => "webhooks",
        Part::Paced => "paced",
        Part::Cost => "cost",
    }
}

impl Results {
    /// Everything as text.
    pub(crate) fn text(&self) -> String {
        let Machine {
            cores,
            kernel,
            redis,
            countersign,
            commit,
            ..
        } = &self.machine;
        let mut text = format!("\n{countersign} ({commit}), Redis {redis}, Linux {kernel}, {cores} cores\n");
        if !self.cells.is_empty() {
            text += &self.cell_table();
        }
        if self.cells.iter().any(|cell| cell.target == RULES_OFF) {
            text += &self.rules_table();
        }
        if self.settings.stored.len() > 1 {
            text += &self.fill_table();
        }
        if !self.webhooks.is_empty() {
            text += &intake::table(&self.webhooks);
        }
        if !self.paced.is_empty() {
            text += &paced::table(&self.paced);
        }
        if let Some(slow) = &self.slow {
            text += &slow.table();
        }
        if !self.costs.is_empty() {
            text += &self.cost_table();
        }
        if !self.idle.is_empty() {
            text += &self.idle_table();
        }
        if !self.footprints.is_empty() {
            text += &footprint::words(&self.footprints);
        }
        text
    }

    /// Writes everything into a file.
    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| format!("cannot write JSON: {error}"))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn cell_table(&self) -> String {
        let rows: Vec<Vec<String>> = self.cells.iter().map(|cell| self.cell_row(cell)).collect();
        let header = [
            "part",
            "target",
            "stored",
            "clients",
            "calls/s",
            "of floor",
            "p50 ms",
            "p99 ms",
            "sustained/s",
            "server µs",
            "redis µs",
            "bench µs",
            "all/floor",
        ];
        let Asked { rounds, seconds, .. } = &self.settings;
        let disturbed = |cell: &&Cell| cell.samples.iter().any(|it| it.strangers > STRANGERS_MAX);
        let count = self.cells.iter().filter(disturbed).count();
        let note = if count > 0 {
            format!(
                "\nOther processes used more than a tenth of a processor in {count} of {} cells: do not compare these \
                 figures with others.\n",
                self.cells.len()
            )
        } else {
            String::new()
        };
        format!(
            "\nCells: medians of {rounds} rounds of {seconds} s. The time of a send is until Meta has its message. Sustained \
             counts the\ntime until the last message has arrived, too; µs are processor time for one call, with everything \
             behind it; all/floor\ncompares their sums, which a busy machine disturbs less.\n\n{}{note}",
            set(&header, 2, &rows)
        )
    }

    fn cell_row(&self, cell: &Cell) -> Vec<String> {
        let Medians {
            calls_per_second,
            p50_ms,
            p99_ms,
            server_cpu_us,
            redis_cpu_us,
            bench_cpu_us,
            sustained_per_second,
        } = cell.medians;
        let floor = self.cells.iter().find(|it| {
            it.target == "floor"
                && (it.part, it.clients) == (cell.part, cell.clients)
                && (it.stored == cell.stored || cell.target == "memory")
        });
        let floor = floor.filter(|_| cell.target != "floor").map(|it| it.medians);
        let share = floor.map(|floor| format!("{:.0} %", calls_per_second / floor.calls_per_second * 100.0));
        let more = floor.map(|floor| format!("{:.2}", cell.medians.all_cpu_us() / floor.all_cpu_us()));
        vec![
            cell.part.to_owned(),
            cell.target.to_owned(),
            cell.stored.to_string(),
            cell.clients.to_string(),
            whole(calls_per_second),
            share.unwrap_or_default(),
            short(p50_ms),
            short(p99_ms),
            whole(sustained_per_second),
            short(server_cpu_us),
            short(redis_cpu_us),
            short(bench_cpu_us),
            more.unwrap_or_default(),
        ]
    }

    /// What rules and the guard make of each cell.
    fn rules_table(&self) -> String {
        let rows = self
            .cells
            .iter()
            .filter(|cell| cell.target == "redis")
            .filter_map(|cell| {
                let place = |it: &Cell| (it.part, it.stored, it.clients);
                let mut cells = self.cells.iter();
                let off = cells
                    .find(|it| it.target == RULES_OFF && place(it) == place(cell))?
                    .medians;
                let on = cell.medians;
                Some(vec![
                    cell.part.to_owned(),
                    cell.stored.to_string(),
                    cell.clients.to_string(),
                    format!("{:.0} %", on.calls_per_second / off.calls_per_second * 100.0),
                    short(on.p50_ms - off.p50_ms),
                    short(on.server_cpu_us - off.server_cpu_us),
                    short(on.redis_cpu_us - off.redis_cpu_us),
                ])
            });
        let header = [
            "part",
            "stored",
            "clients",
            "calls/s",
            "p50 ms",
            "server µs",
            "redis µs",
        ];
        let rows: Vec<_> = rows.collect();
        format!(
            "\nThe service with every default rule and the guard, compared with the service without: its share of the \
             calls,\nand what it takes longer.\n\n{}",
            set(&header, 1, &rows)
        )
    }

    /// How each fill compares with the first one.
    fn fill_table(&self) -> String {
        let first = self.settings.stored.first().copied().unwrap_or_default();
        let rows = self
            .cells
            .iter()
            .filter(|cell| cell.stored != first && cell.target != "memory");
        let rows: Vec<Vec<String>> = rows
            .filter_map(|cell| {
                let base = self.cells.iter().find(|it| {
                    it.stored == first && (it.part, it.target, it.clients) == (cell.part, cell.target, cell.clients)
                })?;
                let share = cell.medians.calls_per_second / base.medians.calls_per_second * 100.0;
                Some(vec![
                    cell.part.to_owned(),
                    cell.target.to_owned(),
                    cell.clients.to_string(),
                    cell.stored.to_string(),
                    format!("{share:.0} %"),
                ])
            })
            .collect();
        let header = ["part", "target", "clients", "stored", "calls/s"];
        format!("\nFills, compared with {first} stored:\n\n{}", set(&header, 2, &rows))
    }

    fn cost_table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .costs
            .iter()
            .map(|cost| {
                vec![
                    cost.target.to_owned(),
                    cost.what.to_owned(),
                    listed(&cost.commands),
                    short(cost.turns),
                    short(cost.server_cpu_us),
                    short(cost.redis_cpu_us),
                    short(cost.scripts_us),
                ]
            })
            .collect();
        let header = [
            "target",
            "one",
            "commands to Redis",
            "waits",
            "server µs",
            "redis µs",
            "scripts µs",
        ];
        format!(
            "\nCost of one: processor time with 16 in flight; commands and waits for the network with one.\nScripts: what Redis itself counts for them.\n\n{}",
            set(&header, 3, &rows)
        )
    }

    fn idle_table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .idle
            .iter()
            .map(|idle| {
                vec![
                    idle.target.to_owned(),
                    listed(&idle.commands),
                    whole(idle.server_cpu_us),
                    whole(idle.redis_cpu_us),
                ]
            })
            .collect();
        let header = ["target", "commands to Redis", "server µs", "redis µs"];
        format!("\nWhile nobody calls, in one second:\n\n{}", set(&header, 2, &rows))
    }
}

fn listed(commands: &BTreeMap<String, f64>) -> String {
    let each: Vec<String> = commands
        .iter()
        .map(|(name, count)| format!("{} {name}", short(*count)))
        .collect();
    if each.is_empty() {
        "-".to_owned()
    } else {
        each.join(", ")
    }
}
