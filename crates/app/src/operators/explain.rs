//! `explain`: what a start would come to, in one sentence, and then everything it would be judged by.

use std::process::ExitCode;

use countersign_grpc::v1::{
    ExplainStartRequest, ExplainStartResponse, GuardBucket, GuardScope, Price, QuotaStanding, StartOutcome,
    StartRefusal,
};
use prost_types::Duration;
use serde_json::{Value, json};

use crate::cli::operators::ExplainArgs;
use crate::client::failure::Failure;
use crate::client::words::{ahead, bare, instant, local, none_if_empty, say};
use crate::client::{connect_admin, start_request};
use crate::environment::Environment;
use crate::operators::{NOTHING, WIDTH, alarm, area, blocks, score, yes_or_no};
use crate::table::Table;

/// What stands in the column of signs where there is none, so that tables with and without signs look alike.
const BLANK: &str = " ";

/// Says what a start would come to. Ends with 0 when it would be carried out, 3 when it would be refused.
pub(crate) async fn explain(args: ExplainArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let start = start_request(args.app, args.phone, args.purpose, args.order);
    let is_placed = start.client.as_ref().is_some_and(|it| !it.ip_address.is_empty());
    let request = ExplainStartRequest {
        start: Some(start),
        caller: args.caller,
    };
    let answer = async {
        let mut client = connect_admin(&args.client, environment).await?;
        Ok::<_, Failure>(client.explain_start(request).await?.into_inner())
    };
    match answer.await {
        Ok(explained) if json => {
            say!("{:#}", to_json(&explained));
            yes_or_no(explained.refusal.is_none())
        }
        Ok(explained) => {
            tell(&explained, is_placed);
            yes_or_no(explained.refusal.is_none())
        }
        Err(failure) => failure.tell(json),
    }
}

fn tell(it: &ExplainStartResponse, is_placed: bool) {
    say!("{}\n", textwrap::fill(&verdict(it), WIDTH));
    facts(it, is_placed).say("  ", 1);
    if !it.quotas.is_empty() {
        say!("\nRules and budgets\n");
        quotas(&it.quotas).say("  ", 1);
    }
    if !it.buckets.is_empty() {
        say!("\nThe guard\n");
        buckets(&it.buckets).say("  ", 1);
    }
}

/// The answer in one sentence.
fn verdict(it: &ExplainStartResponse) -> String {
    match (&it.refusal, it.outcome()) {
        (Some(StartRefusal { reason, message, .. }), _) => {
            format!("A start would be refused with {reason}: {message}.")
        }
        (None, StartOutcome::Opened) => "A start would open a verification and send its code.".to_owned(),
        (None, StartOutcome::Resent) => "A start would send the code of the open verification again.".to_owned(),
        (None, StartOutcome::Joined) => {
            "A start would join the open verification: nothing would be sent or charged.".to_owned()
        }
        (None, StartOutcome::Unspecified) => "A start would do something this command does not know.".to_owned(),
    }
}

/// What there is to know beside rules and the guard.
fn facts(it: &ExplainStartResponse, is_placed: bool) -> Table {
    let mut table = Table::default();
    let mut fact = |name: &str, text: String| table.row([name.to_owned(), text]);
    if let Some(refusal) = &it.refusal {
        fact("try again", again(refusal));
    }
    match &it.restraint {
        Some(restraint) => {
            let until = restraint.end_time.as_ref().map(local).unwrap_or_default();
            fact("recipient", format!("{} until {until}", restraint.rule));
        }
        // Every start that is looked at has quotas of its own.
        None if it.quotas.is_empty() => {}
        None => fact("recipient", "no rule of its own stands in the way".to_owned()),
    }
    if !it.buckets.is_empty() {
        let person = if it.returning {
            "gave a code back lately, and so passes the guard"
        } else {
            "gave no code back lately"
        };
        fact("person", person.to_owned());
    }
    if !is_placed && it.quotas.iter().any(|it| it.key.contains("client_")) {
        fact("address", "none given; all who give none share one bucket".to_owned());
    }
    let country = none_if_empty(&it.country).unwrap_or("none");
    fact("country", country.to_owned());
    match &it.price {
        Some(it) => fact("price", price(it)),
        None if it.quotas.is_empty() => {}
        None => fact("price", "not known".to_owned()),
    }
    table
}

/// When the start may be made again.
fn again(refusal: &StartRefusal) -> String {
    match &refusal.retry_after {
        Some(wait) => format!("in {}", ahead(whole_seconds(wait))),
        None if !refusal.challenge_refusal.is_empty() => "as soon as a challenge is met".to_owned(),
        None => "not by waiting".to_owned(),
    }
}

fn quotas(quotas: &[QuotaStanding]) -> Table {
    // What is left is what the quota has beyond that; a column for it would make most lines wider than a terminal.
    let mut table = Table::with_numbers(&[4]);
    table.row(["", "RULE", "KEY", "QUOTA", "USED", "FULL IN"].map(str::to_owned));
    for it in quotas {
        let is_over = it.refuses || it.left < it.cost;
        let sign = match (it.refuses, is_over) {
            (true, _) => "x",
            (false, true) => "~",
            (false, false) => BLANK,
        };
        table.row([
            sign.to_owned(),
            it.rule.clone(),
            it.key.clone(),
            it.quota.clone(),
            number(it, it.used),
            full(it),
        ]);
        if let Some(note) = note(it, is_over) {
            table.note(format!("  {note}"));
        }
    }
    table
}

/// What follows from a quota that has no room for the message.
fn note(it: &QuotaStanding, is_over: bool) -> Option<String> {
    if !is_over {
        return None;
    }
    if !it.refuses {
        return Some("has no room for it; only counts, and refuses nothing".to_owned());
    }
    Some(match &it.retry_after {
        Some(wait) => format!("refuses; has room for it in {}", ahead(whole_seconds(wait))),
        None => "refuses; never has room for it".to_owned(),
    })
}

/// In what time a quota is full again by itself.
fn full(it: &QuotaStanding) -> String {
    match it.reset_after.as_ref().map_or(0, whole_seconds) {
        0 => NOTHING.to_owned(),
        seconds => ahead(seconds),
    }
}

/// A count, or money without its currency: that is said once, with the quota.
fn number(it: &QuotaStanding, count: i64) -> String {
    if it.currency.is_empty() {
        count.to_string()
    } else {
        money(count)
    }
}

fn buckets(buckets: &[GuardBucket]) -> Table {
    let mut table = Table::with_numbers(&[3]);
    table.row(["", "AREA", "OF", "SCORE", "ALARM AT", "IN FORCE"].map(str::to_owned));
    for it in buckets {
        let sign = if it.block.is_some() { "x" } else { BLANK };
        let of = match it.scope() {
            GuardScope::App => "the app",
            GuardScope::Service => "all apps",
            GuardScope::Unspecified => NOTHING,
        };
        let in_force = it.block.as_ref().map(|it| blocks::rung(&it.rung));
        table.row([
            sign.to_owned(),
            area(&it.area).to_owned(),
            of.to_owned(),
            score(it.score),
            score(it.threshold),
            in_force.unwrap_or_else(|| NOTHING.to_owned()),
        ]);
        if let Some(block) = &it.block {
            let until = match &block.end_time {
                Some(at) => local(at),
                None => "an operator lifts it".to_owned(),
            };
            table.note(format!("  {}; until {until}", alarm(&block.alarm)));
        }
    }
    table
}

fn price(it: &Price) -> String {
    format!("{} {}", money(it.amount_micros), it.currency)
}

/// Millionths as a decimal number of two to six digits behind the point.
fn money(micros: i64) -> String {
    let mut digits = format!("{:06}", micros % 1_000_000);
    while digits.len() > 2 && digits.ends_with('0') {
        digits.pop();
    }
    format!("{}.{digits}", micros / 1_000_000)
}

/// Whole seconds, so that what is begun counts.
fn whole_seconds(it: &Duration) -> i64 {
    it.seconds + i64::from(it.nanos > 0)
}

fn seconds(it: &Duration) -> f64 {
    std::time::Duration::try_from(*it).unwrap_or_default().as_secs_f64()
}

fn to_json(it: &ExplainStartResponse) -> Value {
    let refusal = |it: &StartRefusal| {
        json!({
            "reason": it.reason,
            "message": it.message,
            "rule": none_if_empty(&it.rule),
            "key": none_if_empty(&it.key),
            "retry_after_seconds": it.retry_after.as_ref().map(seconds),
            "area": none_if_empty(&it.area),
            "alarm": none_if_empty(&it.alarm),
            "challenge_refusal": none_if_empty(&it.challenge_refusal),
        })
    };
    let outcome = it.outcome();
    json!({
        "outcome": (outcome != StartOutcome::Unspecified).then(|| bare(outcome.as_str_name(), "START_OUTCOME_")),
        "refusal": it.refusal.as_ref().map(refusal),
        "country": none_if_empty(&it.country),
        "restraint": it.restraint.as_ref().map(|it| {
            json!({ "rule": it.rule, "end_time": it.end_time.as_ref().map(instant) })
        }),
        "quotas": it.quotas.iter().map(quota_json).collect::<Vec<_>>(),
        "buckets": it.buckets.iter().map(bucket_json).collect::<Vec<_>>(),
        "price": it.price.as_ref().map(|it| {
            json!({ "currency": it.currency, "amount_micros": it.amount_micros })
        }),
        "returning": it.returning,
    })
}

fn quota_json(it: &QuotaStanding) -> Value {
    json!({
        "rule": it.rule,
        "key": it.key,
        "quota": it.quota,
        "cost": it.cost,
        "used": it.used,
        "left": it.left,
        "reset_after_seconds": it.reset_after.as_ref().map(seconds),
        "refuses": it.refuses,
        "shadow": it.shadow,
        "retry_after_seconds": it.retry_after.as_ref().map(seconds),
        "currency": none_if_empty(&it.currency),
    })
}

fn bucket_json(it: &GuardBucket) -> Value {
    json!({
        "scope": bare(it.scope().as_str_name(), "GUARD_SCOPE_"),
        "area": it.area,
        "score": it.score,
        "threshold": it.threshold,
        "block": it.block.as_ref().map(|it| {
            json!({ "alarm": it.alarm, "rung": it.rung, "end_time": it.end_time.as_ref().map(instant) })
        }),
    })
}
