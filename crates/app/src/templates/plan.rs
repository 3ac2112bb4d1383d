//! `plan`: what would have to be done, per account, template and language.

use std::process::ExitCode;

use countersign_grpc::v1::{AccountPlan, PlanAction, PlanStep, PlanTemplatesRequest, TemplateDifference};
use serde_json::{Value, json};

use crate::cli::TemplatesArgs;
use crate::client::failure::Failure;
use crate::client::words::{bare, instant, local, none_if_empty, say};
use crate::environment::Environment;
use crate::table::Table;
use crate::templates::{desk, settled_or_not};

/// The only status in which a template can be sent.
const APPROVED: &str = "approved";
/// The status of a template that is reviewed.
const PENDING: &str = "pending";

/// Prints the plan of each account. Ends with 3 when there is something to do.
pub(super) async fn run(args: &TemplatesArgs, environment: &Environment) -> Result<ExitCode, Failure> {
    let mut desk = desk::open(args, environment).await?;
    let request = PlanTemplatesRequest { app: desk.app.clone() };
    let accounts = desk.client.plan_templates(request).await?.into_inner().accounts;
    let is_settled = accounts.iter().all(|it| it.settled);
    if args.client.json {
        let accounts: Vec<_> = accounts.iter().map(to_json).collect();
        say!(
            "{:#}",
            json!({ "app": desk.app, "settled": is_settled, "accounts": accounts })
        );
        return Ok(settled_or_not(is_settled));
    }
    if accounts.is_empty() {
        say!("{} has no sender, and so no account", desk.app);
    }
    for account in &accounts {
        say!("account {}", account.account);
        table(&account.steps).say("  ", 4);
        say!();
    }
    say!("{}", summary(&accounts));
    let command = environment.command();
    say_unsendable(&accounts, &format!("{command} templates check{}", desk.again));
    if !is_settled {
        say!("Then: {command} templates apply{}", desk.again);
    }
    Ok(settled_or_not(is_settled))
}

/// One line for each step, and one for each thing that differs.
pub(super) fn table<'a>(steps: impl IntoIterator<Item = &'a PlanStep>) -> Table {
    let mut table = Table::default();
    for step in steps {
        let (sign, verb) = sign(step);
        let mut notes = notes(step).into_iter();
        table.row([
            sign.to_owned(),
            verb.to_owned(),
            step.template.clone(),
            step.language.clone(),
            notes.next().unwrap_or_default(),
        ]);
        notes.for_each(|note| table.note(note));
    }
    table
}

/// How a step is marked, and what it does.
pub(super) fn sign(step: &PlanStep) -> (&'static str, &'static str) {
    match step.action() {
        PlanAction::Create => ("+", "create"),
        PlanAction::Edit if step.edit_time.is_some() => ("!", "edit"),
        PlanAction::Edit => ("~", "edit"),
        PlanAction::Unchanged => ("=", "unchanged"),
        PlanAction::NotEditable => ("!", "not editable"),
        PlanAction::Extra => ("?", "extra"),
        PlanAction::Unspecified => ("!", "unknown"),
    }
}

fn notes(step: &PlanStep) -> Vec<String> {
    let difference =
        |TemplateDifference { field, has, wanted }: &TemplateDifference| format!("{field} {has} -> {wanted}");
    let mut notes: Vec<_> = step.differences.iter().map(difference).collect();
    match step.action() {
        PlanAction::Edit => {
            notes.extend(
                step.edit_time
                    .as_ref()
                    .map(|it| format!("Meta may refuse before {}", local(it))),
            );
        }
        // An approved one stands in the way by its category, which is among the differences.
        PlanAction::NotEditable if step.status_word != APPROVED => {
            notes.insert(0, format!("while it is {}", status(step)));
        }
        PlanAction::Unchanged if step.status_word != APPROVED => notes.push(status(step)),
        PlanAction::Extra => notes.push(status(step)),
        PlanAction::Create | PlanAction::Unchanged | PlanAction::NotEditable | PlanAction::Unspecified => {}
    }
    notes
}

fn status(step: &PlanStep) -> String {
    step.status_word.replace('_', " ")
}

/// Says of how many described ones Meta's review goes on, and how many others are as described and cannot be sent all
/// the same: there is nothing to plan about them. `check` is the command that says why.
pub(super) fn say_unsendable(accounts: &[AccountPlan], check: &str) {
    let described = || {
        let steps = accounts.iter().flat_map(|it| &it.steps);
        steps.filter(|it| it.action() != PlanAction::Extra)
    };
    let reviewed = described().filter(|it| it.status_word == PENDING).count();
    if reviewed > 0 {
        say!("Meta still reviews {reviewed}; only what is approved can be sent.");
    }
    let settled = described().filter(|it| it.action() == PlanAction::Unchanged);
    let others = settled
        .filter(|it| it.status_word != APPROVED && it.status_word != PENDING)
        .count();
    if others > 0 {
        say!("{others} cannot be sent now. Why: {check}");
    }
}

/// How many steps of each kind there are, in one line.
fn summary(accounts: &[AccountPlan]) -> String {
    let count =
        |wanted: fn(&PlanStep) -> bool| accounts.iter().flat_map(|it| &it.steps).filter(|it| wanted(it)).count();
    counted([
        (count(|it| it.action() == PlanAction::Create), "to create"),
        (
            count(|it| it.action() == PlanAction::Edit && it.edit_time.is_none()),
            "to edit",
        ),
        (
            count(|it| it.action() == PlanAction::Edit && it.edit_time.is_some()),
            "to edit later",
        ),
        (count(|it| it.action() == PlanAction::NotEditable), "not editable now"),
        (count(|it| it.action() == PlanAction::Unchanged), "unchanged"),
        (count(|it| it.action() == PlanAction::Extra), "extra (left alone)"),
    ])
}

/// What there is of each kind, in one line.
pub(super) fn counted<const N: usize>(counts: [(usize, &str); N]) -> String {
    let there = counts.iter().filter(|(count, _)| *count > 0);
    let said: Vec<_> = there.map(|(count, what)| format!("{count} {what}")).collect();
    if said.is_empty() {
        "Nothing is described, and nothing is there.".to_owned()
    } else {
        format!("{}.", said.join(", "))
    }
}

/// The plan of an account for programs.
pub(super) fn to_json(
    AccountPlan {
        account,
        steps,
        settled,
    }: &AccountPlan,
) -> Value {
    json!({ "account": account, "settled": settled, "steps": steps.iter().map(step_json).collect::<Vec<_>>() })
}

/// A step for programs.
pub(super) fn step_json(step: &PlanStep) -> Value {
    let difference = |TemplateDifference { field, has, wanted }: &TemplateDifference| json!({ "field": field, "has": has, "wanted": wanted });
    json!({
        "template": step.template,
        "language": step.language,
        "action": bare(step.action().as_str_name(), "PLAN_ACTION_"),
        "template_id": none_if_empty(&step.template_id),
        "status": none_if_empty(&step.status_word),
        "differences": step.differences.iter().map(difference).collect::<Vec<_>>(),
        "edit_time": step.edit_time.as_ref().map(instant),
    })
}
