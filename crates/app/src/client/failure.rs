//! Why a command was not carried out, for people and for programs.

use std::collections::HashMap;
use std::process::ExitCode;

use countersign_domain::template::Drift;
use countersign_grpc::reason;
use countersign_grpc::v1::ProviderReport;
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt;

use crate::client::words::{local_at, say, span, upper_snake};

/// The exit code of a bad configuration (`EX_USAGE`).
const BAD_CONFIGURATION: u8 = 64;

/// Why a command could not be carried out.
pub(crate) enum Failure {
    /// The service could not be called at all; the text says what to do.
    Unreachable(String),
    /// The service refused.
    Refused(Box<Status>),
    /// The configuration is wrong, or says too little; one line for each mistake.
    Misconfigured(Vec<String>),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl Failure {
    /// Prints why a command was not carried out. Answers with the exit code: 64 for a bad configuration, else 1.
    pub(crate) fn tell(&self, as_json: bool) -> ExitCode {
        match self {
            _ if as_json => say!("{:#}", self.to_json()),
            Self::Unreachable(problem) => eprintln!("countersign: {problem}"),
            Self::Refused(status) => refusal(status),
            Self::Misconfigured(mistakes) => mistakes.iter().for_each(|it| eprintln!("{it}")),
        }
        self.exit_code()
    }

    /// How the command ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Unreachable(_) | Self::Refused(_) => ExitCode::FAILURE,
            Self::Misconfigured(_) => ExitCode::from(BAD_CONFIGURATION),
        }
    }

    /// The failure for programs.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Unreachable(problem) => json!({ "error": { "code": "UNREACHABLE", "message": problem } }),
            Self::Refused(status) => refusal_json(status),
            Self::Misconfigured(mistakes) => {
                let message = "the configuration does not do for this";
                json!({ "error": { "code": "MISCONFIGURED", "message": message, "mistakes": mistakes } })
            }
        }
    }
}

fn refusal(status: &Status) {
    let details = status.get_error_details();
    let violations = details.bad_request().map(|it| it.field_violations.as_slice());
    let violations = violations.unwrap_or_default();
    for violation in violations {
        eprintln!("countersign: {}: {}", violation.field, violation.description);
    }
    // Else the message says no more than that they are there.
    if violations.is_empty() {
        eprintln!("countersign: {}", status.message());
    }
    let info = details.error_info();
    if let Some(info) = info.filter(|it| it.reason == reason::CHALLENGE_REQUIRED) {
        challenge(&info.metadata);
    }
    let metadata = info.map(|it| &it.metadata);
    let title = metadata.and_then(|it| it.get("provider_title"));
    // Some messages have the provider's words already.
    if let Some(title) = title.filter(|it| !status.message().contains(it.as_str())) {
        let code = metadata.and_then(|it| it.get("provider_code")?.parse().ok());
        let report = ProviderReport {
            code: code.unwrap_or_default(),
            title: title.clone(),
            details: metadata
                .and_then(|it| it.get("provider_details").cloned())
                .unwrap_or_default(),
        };
        if let Some(said) = said(&report) {
            eprintln!("  {said}");
        }
    }
    if let Some(wait) = details.retry_info().and_then(|it| it.retry_delay) {
        eprintln!(
            "  try again in {}",
            span(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
        );
    }
}

/// What a start that wants a challenge asks for, and how to go on.
fn challenge(metadata: &HashMap<String, String>) {
    let Some(text) = metadata.get("challenge") else {
        eprintln!("  then: the same start again with --challenged");
        return;
    };
    let expires = metadata.get("challenge_expire_time").and_then(|it| it.parse().ok());
    let until = expires
        .map(|it| format!(", until {}", local_at(it)))
        .unwrap_or_default();
    eprintln!("  the challenge{until}:\n\n{text}\n");
    eprintln!("  then: the same start again with --challenge-answer <answer>");
}

fn refusal_json(status: &Status) -> Value {
    let details = status.get_error_details();
    let violations: Vec<_> = details
        .bad_request()
        .map(|it| {
            it.field_violations
                .iter()
                .map(|it| json!({ "field": it.field, "description": it.description }))
        })
        .into_iter()
        .flatten()
        .collect();
    json!({ "error": {
        "code": upper_snake(&format!("{:?}", status.code())),
        "message": status.message(),
        "reason": details.error_info().map(|it| it.reason.clone()),
        "metadata": details.error_info().map(|it| it.metadata.clone()),
        "field_violations": violations,
        "retry_after_seconds": details.retry_info().and_then(|it| it.retry_delay).map(|it| it.as_secs_f64()),
    } })
}

/// Meta's own words, with the code once and only what there is of them. What the service knows of a template without
/// asking Meta has no code, and is said as what it is.
pub(super) fn said(report: &ProviderReport) -> Option<String> {
    let ProviderReport { code, title, details } = report;
    if *code == 0 && title.is_empty() && details.is_empty() {
        return None;
    }
    if *code == 0 && Drift::NAMES.contains(&title.as_str()) {
        return Some(format!("the template: {details}"));
    }
    // An answer repeats its code in front of its title; a webhook does not.
    let title = title.trim_start_matches(&format!("(#{code})")).trim_start();
    let words = match (title, details.as_str()) {
        (only, "") | ("", only) => only.to_owned(),
        (title, details) => format!("{}: {details}", title.trim_end_matches('.')),
    };
    Some(format!("Meta {code} {words}").trim_end().to_owned())
}
