//! `templates`: what a person, or a pipeline, does for the templates of an app. Each command is a call of the template
//! service: of the running one, or of one in this process that works as a configuration file says.

mod apply;
mod certificate;
mod delete;
mod desk;
mod hash;
mod list;
mod plan;
mod preview;

use std::process::ExitCode;

use crate::cli::TemplatesCommand;
use crate::environment::Environment;

/// The exit code when there is something to do, left or wrong; 1 is a failure, 2 a wrong usage.
const NOT_SETTLED: u8 = 3;
/// How wide sentences become before they are broken.
const WIDTH: usize = 100;

/// The exit code when what was handed in cannot be used (`EX_USAGE`).
const WRONG_INPUT: u8 = 64;

/// Does what was asked for.
pub(crate) async fn run(command: &TemplatesCommand, environment: &Environment) -> ExitCode {
    let (args, ended) = match command {
        TemplatesCommand::Plan(args) => (args, plan::run(args, environment).await),
        TemplatesCommand::Apply(args) => return apply::run(args, environment).await,
        TemplatesCommand::Hash(args) => return hash::run(args),
        TemplatesCommand::List(args) => (args, list::run(args, environment).await),
        TemplatesCommand::Check(args) => (args, list::check(args, environment).await),
        TemplatesCommand::Preview(args) => (&args.templates, preview::run(args, environment).await),
        TemplatesCommand::Delete(args) => (&args.templates, delete::run(args, environment).await),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => failure.tell(args.client.json),
    }
}

/// 0 when all is well, 3 when it is not.
fn settled_or_not(is_settled: bool) -> ExitCode {
    if is_settled {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_SETTLED)
    }
}
