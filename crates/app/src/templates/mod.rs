//! `templates`: what a person does for the templates of an app.

mod certificate;
mod hash;

use std::process::ExitCode;

use crate::cli::TemplatesCommand;

/// The exit code when what was handed in cannot be used (`EX_USAGE`).
const WRONG_INPUT: u8 = 64;

/// Does what was asked for. Ends with 64 when what was handed in cannot be used.
pub(crate) fn run(command: &TemplatesCommand) -> ExitCode {
    match command {
        TemplatesCommand::Hash(args) => hash::run(args),
    }
}
