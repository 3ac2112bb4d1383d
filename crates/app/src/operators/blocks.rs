//! `blocks`: what the guard has stopped, challenges or remembers, and the end of it.

use std::process::ExitCode;

use countersign_grpc::v1::{ListBlocksRequest, ListedBlock, UnblockRequest};
use serde_json::{Value, json};

use crate::cli::operators::{BlocksArgs, BlocksCommand};
use crate::client::connect_admin;
use crate::client::failure::Failure;
use crate::client::words::{ahead, instant, local, moment, none_if_empty, now, say};
use crate::environment::Environment;
use crate::operators::{NOTHING, alarm, area, score};
use crate::table::Table;

/// Shows every block, or lifts one.
pub(crate) async fn blocks(args: &BlocksArgs, environment: &Environment) -> ExitCode {
    let ended = match &args.command {
        None => list(args, environment).await,
        Some(BlocksCommand::Lift { id }) => lift(id, args, environment).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(args.client.json),
    }
}

async fn list(args: &BlocksArgs, environment: &Environment) -> Result<(), Failure> {
    let mut client = connect_admin(&args.client, environment).await?;
    let blocks = client.list_blocks(ListBlocksRequest {}).await?.into_inner().blocks;
    if args.client.json {
        let blocks: Vec<_> = blocks.iter().map(to_json).collect();
        say!("{:#}", json!({ "blocks": blocks }));
        return Ok(());
    }
    if blocks.is_empty() {
        say!("The guard has stopped nothing.");
        return Ok(());
    }
    table(&blocks).say("  ", 0);
    say!("\nThen: {} blocks lift <id>", environment.command());
    Ok(())
}

async fn lift(id: &str, args: &BlocksArgs, environment: &Environment) -> Result<(), Failure> {
    let mut client = connect_admin(&args.client, environment).await?;
    client.unblock(UnblockRequest { id: id.to_owned() }).await?;
    if args.client.json {
        say!("{:#}", json!({ "lifted": id }));
    } else {
        say!("Lifted; its score begins anew.");
    }
    Ok(())
}

fn table(blocks: &[ListedBlock]) -> Table {
    let mut table = Table::default();
    table.row(["ID", "OF", "WHAT", "IN FORCE"].map(str::to_owned));
    for it in blocks {
        let app = if it.app.is_empty() { "all apps" } else { &it.app };
        table.row([it.id.clone(), app.to_owned(), what(it), in_force(it)]);
        let raised = it.raise_time.as_ref().map(local).unwrap_or_default();
        table.note(format!(
            "  {}, score {}, raised {raised}",
            alarm(&it.alarm),
            score(it.score)
        ));
    }
    table
}

/// The numbers or the country, as short as it can be said.
fn what(it: &ListedBlock) -> String {
    let free = match it.area.as_str() {
        "number_block_10000" => "xxxx",
        "number_block_1000" => "xxx",
        _ => "",
    };
    match (it.number_prefix.as_str(), it.country.as_str()) {
        ("", "") => area(&it.area).to_owned(),
        ("", country) => country.to_owned(),
        (prefix, _) => format!("{prefix}{free}"),
    }
}

/// What is in force, and for how long.
fn in_force(it: &ListedBlock) -> String {
    let left = it.end_time.as_ref().map(|at| {
        let seconds = moment(at).as_second() - now().as_second();
        format!("{} left", ahead(seconds))
    });
    match (it.rung_in_force.as_str(), left) {
        ("", _) => format!("{NOTHING} (was {})", rung(&it.rung)),
        ("manual", _) => "stop, until lifted".to_owned(),
        (word, Some(left)) => format!("{}, {left}", rung(word)),
        (word, None) => rung(word),
    }
}

/// A rung in words.
pub(super) fn rung(word: &str) -> String {
    match word {
        "challenge" => word.to_owned(),
        "manual" => "stop".to_owned(),
        span => format!("{span} stop"),
    }
}

fn to_json(it: &ListedBlock) -> Value {
    json!({
        "id": it.id,
        "app": none_if_empty(&it.app),
        "area": it.area,
        "number_prefix": none_if_empty(&it.number_prefix),
        "country": none_if_empty(&it.country),
        "alarm": it.alarm,
        "rung": it.rung,
        "score": it.score,
        "raise_time": it.raise_time.as_ref().map(instant),
        "first_raise_time": it.first_raise_time.as_ref().map(instant),
        "rung_in_force": none_if_empty(&it.rung_in_force),
        "end_time": it.end_time.as_ref().map(instant),
    })
}
