//! `apply`: each step as it is done, and then what is left and why.

use std::process::ExitCode;
use std::time::Duration;

use countersign_grpc::v1::apply_templates_response::Event;
use countersign_grpc::v1::{ApplyProgress, ApplyResult, ApplySummary, ApplyTemplatesRequest, PlanAction, PlanStep};
use serde_json::json;
use tonic::{Request, Status};

use crate::cli::TemplatesArgs;
use crate::client::failure::Failure;
use crate::client::words::{bare, instant, local, none_if_empty, say};
use crate::environment::Environment;
use crate::table::padded;
use crate::templates::desk::{self, Desk};
use crate::templates::{WIDTH, plan, settled_or_not};

/// How long an apply may take; what is not done by then is done by the next one.
const APPLY_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Applies, and prints each step as it is done. Ends with 3 when something is left. With `--json` everything is one
/// object a line, a failure too.
pub(super) async fn run(args: &TemplatesArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let ended = async {
        let desk = desk::open(args, environment).await?;
        let command = environment.command();
        follow(desk, json, &command).await
    };
    match ended.await {
        Ok(code) => code,
        Err(failure) if json => {
            say!("{}", failure.to_json());
            failure.exit_code()
        }
        Err(failure) => failure.tell(false),
    }
}

async fn follow(mut desk: Desk, json: bool, command: &str) -> Result<ExitCode, Failure> {
    let mut request = Request::new(ApplyTemplatesRequest { app: desk.app.clone() });
    request.set_timeout(APPLY_TIMEOUT);
    let mut events = desk.client.apply_templates(request).await?.into_inner();
    let mut steps = Steps::default();
    while let Some(told) = events.message().await? {
        match told.event {
            Some(Event::Progress(progress)) if json => say!("{}", progress_json(&progress)),
            Some(Event::Progress(progress)) => steps.say(&progress),
            Some(Event::Summary(summary)) => {
                let is_settled = summary.accounts.iter().all(|it| it.settled);
                if json {
                    let accounts: Vec<_> = summary.accounts.iter().map(plan::to_json).collect();
                    say!(
                        "{}",
                        json!({ "summary": { "settled": is_settled, "accounts": accounts } })
                    );
                } else {
                    say_summary(&summary, &steps, |verb| {
                        format!("{command} templates {verb}{}", desk.again)
                    });
                }
                return Ok(settled_or_not(is_settled));
            }
            // Something newer than this command.
            None => {}
        }
    }
    Err(Status::unavailable("the apply ended without a summary; plan to see what is done").into())
}

/// What was said of the steps so far: for columns that stay where they are, and for the sum.
#[derive(Default)]
struct Steps {
    template_width: usize,
    created: usize,
    edited: usize,
    unchanged: usize,
    left_alone: usize,
    failed: usize,
}

impl Steps {
    fn say(&mut self, progress: &ApplyProgress) {
        let Some(step) = &progress.step else { return };
        let (sign, what, count) = match progress.result() {
            ApplyResult::Created => ("+", "created", &mut self.created),
            ApplyResult::Edited => ("~", "edited", &mut self.edited),
            ApplyResult::Unchanged if step.action() == PlanAction::Extra => ("?", "left alone", &mut self.left_alone),
            ApplyResult::Unchanged => ("=", "unchanged", &mut self.unchanged),
            ApplyResult::Failed | ApplyResult::Unspecified => ("!", "failed", &mut self.failed),
        };
        *count += 1;
        self.template_width = self.template_width.max(step.template.len());
        let digits = progress.total.to_string().len();
        say!(
            "{:>digits$}/{}  {sign}  {}  {}  {}  {}",
            progress.done,
            progress.total,
            padded(what, 10),
            padded(&step.template, self.template_width),
            padded(&step.language, 5),
            progress.account,
        );
        if progress.result() == ApplyResult::Failed {
            let margin = " ".repeat(2 * digits + 6);
            for line in textwrap::wrap(&why(progress), WIDTH.saturating_sub(margin.len())) {
                say!("{margin}{line}");
            }
        }
    }
}

impl Steps {
    fn summary(&self) -> String {
        let Self {
            template_width: _,
            created,
            edited,
            unchanged,
            left_alone,
            failed,
        } = *self;
        plan::counted([
            (created, "created"),
            (edited, "edited"),
            (unchanged, "unchanged"),
            (failed, "failed"),
            (left_alone, "extra (left alone)"),
        ])
    }
}

fn why(progress: &ApplyProgress) -> String {
    match &progress.retry_time {
        Some(at) => format!("{}; not before {}", progress.failure, local(at)),
        None => progress.failure.clone(),
    }
}

fn say_summary(summary: &ApplySummary, steps: &Steps, again: impl Fn(&str) -> String) {
    let is_left = |step: &&PlanStep| !matches!(step.action(), PlanAction::Unchanged | PlanAction::Extra);
    let mut is_anything_left = false;
    for account in &summary.accounts {
        let left: Vec<_> = account.steps.iter().filter(is_left).collect();
        if left.is_empty() {
            continue;
        }
        is_anything_left = true;
        say!("\nleft in account {}", account.account);
        plan::table(left).say("  ", 4);
    }
    say!("\n{}", steps.summary());
    plan::say_unsendable(&summary.accounts, &again("check"));
    if is_anything_left {
        if steps.failed > 0 {
            say!("What failed says above why, and when it may be tried again.");
        }
        say!("Then: {}", again("apply"));
    }
}

fn progress_json(progress: &ApplyProgress) -> serde_json::Value {
    json!({ "progress": {
        "account": progress.account,
        "done": progress.done,
        "total": progress.total,
        "result": bare(progress.result().as_str_name(), "APPLY_RESULT_"),
        "failure": none_if_empty(&progress.failure),
        "retry_time": progress.retry_time.as_ref().map(instant),
        "step": progress.step.as_ref().map(plan::step_json),
    } })
}
