//! `replay`: what another policy would have decided about what was recorded. Speaks to nobody.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use countersign_domain::money::{Amount, Currency};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{RecordedEvent, Replay, ReplayRow, ReplayTable};
use serde_json::{Value, json};

use crate::cli::ReplayArgs;
use crate::client::words::say;
use crate::config;
use crate::environment::Environment;
use crate::operators::NOTHING;
use crate::recorded_line::Line;
use crate::table::Table;

/// The exit code of a bad configuration (`EX_USAGE`).
const BAD_CONFIGURATION: u8 = 64;
/// Standard input, where a file is asked for.
const STANDARD_INPUT: &str = "-";

/// Goes through the records and prints what the policy would have decided. Ends with 64 on a bad policy and with 1 on a
/// record that cannot be read.
pub(crate) fn run(args: &ReplayArgs, environment: &Environment) -> ExitCode {
    let rulebook = match config::load_rules(&args.policy, environment) {
        Ok(rulebook) => rulebook,
        Err(mistakes) => {
            for mistake in mistakes {
                eprintln!("{mistake}");
            }
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let mut replay = Replay::new(&rulebook);
    if let Err(problem) = feed(&mut replay, &args.records) {
        eprintln!("countersign: {problem}");
        return ExitCode::FAILURE;
    }
    let currency = rulebook.money.as_ref().map(|money| money.prices().currency());
    if args.json {
        say!("{:#}", to_json(replay.table(), currency));
    } else {
        print(replay.table(), currency);
    }
    ExitCode::SUCCESS
}

/// Feeds every record in the order of time.
fn feed(replay: &mut Replay<'_>, paths: &[PathBuf]) -> Result<(), String> {
    let mut records = paths
        .iter()
        .map(|path| Record::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let mut heads = records.iter_mut().map(Record::next).collect::<Result<Vec<_>, _>>()?;
    loop {
        let first = heads
            .iter()
            .enumerate()
            .filter_map(|(place, head)| Some((head.as_ref()?.at(), place)));
        let Some((_, place)) = first.min() else { return Ok(()) };
        let next = records[place].next()?;
        if let Some(event) = std::mem::replace(&mut heads[place], next) {
            replay.feed(&event);
        }
    }
}

/// One record, line by line.
struct Record {
    name: String,
    lines: io::Lines<Box<dyn BufRead>>,
    line: usize,
}

impl Record {
    fn open(path: &Path) -> Result<Self, String> {
        let name = path.display().to_string();
        let reader: Box<dyn BufRead> = if name == STANDARD_INPUT {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let file = File::open(path).map_err(|error| format!("{name} cannot be opened: {error}"))?;
            Box::new(BufReader::new(file))
        };
        Ok(Self {
            name,
            lines: reader.lines(),
            line: 0,
        })
    }

    /// The next event. A last line without an end is one that was being written, and is left out.
    fn next(&mut self) -> Result<Option<RecordedEvent>, String> {
        for text in self.lines.by_ref() {
            self.line += 1;
            let place = format!("{}, line {}", self.name, self.line);
            let text = text.map_err(|error| format!("{place} cannot be read: {error}"))?;
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Line>(&text) {
                Ok(line) => {
                    let event = line.into_event();
                    return event
                        .map(Some)
                        .map_err(|field| format!("{place}: {field} is not what a record says there"));
                }
                Err(error) if error.is_eof() => {}
                Err(error) => {
                    // The parser counts the lines of this text, which is one.
                    let error = error.to_string().replace(" at line 1 column ", ", column ");
                    return Err(format!("{place} is not a line of a record: {error}"));
                }
            }
        }
        Ok(None)
    }
}

fn print(table: &ReplayTable, currency: Option<Currency>) {
    let ReplayTable {
        starts,
        sent_then,
        sent_now,
        newly_refused,
        newly_sent,
        spent_then,
        spent_now,
        rules,
    } = table;
    say!("{starts} starts that wanted a message sent\n");
    let mut sums = Table::with_numbers(&[1, 2]);
    sums.row([String::new(), "THEN".into(), "UNDER THIS POLICY".into()]);
    sums.row(["sent".into(), sent_then.to_string(), sent_now.to_string()]);
    let refused = |sent: &u64| (starts - sent).to_string();
    sums.row(["refused".into(), refused(sent_then), refused(sent_now)]);
    if let Some(currency) = currency {
        let name = format!("cost in {}", currency.as_str());
        sums.row([name, units(*spent_then), units(*spent_now)]);
    }
    sums.say("  ", 1);
    say!("\n{newly_refused} that were sent would be refused; {newly_sent} that were refused would be sent");
    if rules.is_empty() {
        return;
    }
    say!("\nRefused, by rule\n");
    let mut by_rule = Table::with_numbers(&[1, 2, 3, 4, 5]);
    let heads = ["RULE", "THEN", "NOW", "PHONES", "AWAY", "SHADOW", "FIRST (UTC)"];
    by_rule.row(heads.map(str::to_owned));
    for (rule, row) in rules {
        let first = row.first_at.map_or_else(|| NOTHING.to_owned(), minute);
        by_rule.row([
            rule.clone(),
            row.refused_then.to_string(),
            row.refused_now.to_string(),
            row.people.to_string(),
            row.approved_then.to_string(),
            row.shadowed.to_string(),
            first,
        ]);
    }
    by_rule.say("  ", 1);
    say!("\nAWAY: turned away, people who gave their code back then and would have got none");
}

fn to_json(table: &ReplayTable, currency: Option<Currency>) -> Value {
    let row = |(rule, row): (&String, &ReplayRow)| {
        json!({
            "rule": rule,
            "refused_then": row.refused_then,
            "refused_now": row.refused_now,
            "phones": row.people,
            "turned_away": row.approved_then,
            "shadowed": row.shadowed,
            "first_time": row.first_at.map(when),
        })
    };
    json!({
        "starts": table.starts,
        "sent_then": table.sent_then,
        "sent_now": table.sent_now,
        "newly_refused": table.newly_refused,
        "newly_sent": table.newly_sent,
        "currency": currency.map(|it| it.as_str().to_owned()),
        "cost_then_micros": table.spent_then.micros(),
        "cost_now_micros": table.spent_now.micros(),
        "rules": table.rules.iter().map(row).collect::<Vec<_>>(),
    })
}

/// A moment for programs and for people: UTC.
fn when(at: Timestamp) -> String {
    let millis = i64::try_from(at.unix_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |it| it.to_string())
}

/// The minute of a moment for people, in UTC: a record may be of years.
fn minute(at: Timestamp) -> String {
    let whole = when(at);
    let minute = whole.get(..16).unwrap_or(&whole);
    minute.replace('T', " ")
}

/// An amount in whole units of the currency, to four decimals.
fn units(amount: Amount) -> String {
    let tenthousandths = (amount.micros() + 50) / 100;
    format!("{}.{:04}", tenthousandths / 10_000, tenthousandths % 10_000)
}
