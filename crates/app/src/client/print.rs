//! What a person sees, and what a program reads, of an answer.

use std::process::ExitCode;

use countersign_grpc::v1::{
    Allowance, CheckOutcome, CheckVerificationResponse, Delivery, DeliveryState, LanguageStep, StartOutcome,
    StartVerificationResponse, TemplateButton, Verification, VerificationReason,
};
use serde_json::{Value, json};

use crate::client::failure::said;
use crate::client::words::{Moment, bare, instant, local, say, words};

/// Prints the answer to a start.
pub(super) fn started(answer: &StartVerificationResponse, command: &str, as_json: bool) -> ExitCode {
    let outcome = answer.outcome();
    let Some(verification) = &answer.verification else {
        return ExitCode::FAILURE;
    };
    if as_json {
        say!(
            "{:#}",
            json!({ "outcome": bare(outcome.as_str_name(), "START_OUTCOME_"), "verification": to_json(verification) })
        );
        return ExitCode::SUCCESS;
    }
    let said = match outcome {
        StartOutcome::Joined => "A verification is already open; nothing was sent",
        StartOutcome::Resent => "The code is on its way again",
        StartOutcome::Opened | StartOutcome::Unspecified => "The code is on its way",
    };
    say!("{said}\n");
    table(verification);
    say!("\nThen: {command} check {} <code>", verification.id);
    ExitCode::SUCCESS
}

/// Prints the answer to a check.
pub(super) fn checked(answer: &CheckVerificationResponse, as_json: bool) -> ExitCode {
    let outcome = answer.outcome();
    let Some(verification) = &answer.verification else {
        return ExitCode::FAILURE;
    };
    if as_json {
        let answer = json!({
            "outcome": bare(outcome.as_str_name(), "CHECK_OUTCOME_"),
            "approve_time": answer.approve_time.as_ref().map(instant),
            "hold_end_time": answer.hold_end_time.as_ref().map(instant),
            "verification": to_json(verification),
        });
        say!("{answer:#}");
        return ExitCode::SUCCESS;
    }
    let at = |moment: &Option<Moment>| moment.as_ref().map(local).unwrap_or_default();
    match outcome {
        CheckOutcome::Approved => say!("Approved at {}", at(&answer.approve_time)),
        CheckOutcome::AlreadyApproved => say!("Already approved at {}", at(&answer.approve_time)),
        CheckOutcome::Incorrect => say!("Wrong code; {} left", guesses(verification.guesses_left)),
        CheckOutcome::Exhausted => say!("Wrong code; no guesses are left. Start a new verification"),
        CheckOutcome::ContextMismatch => {
            say!(
                "The code is bound to something else; {} left",
                guesses(verification.guesses_left)
            );
        }
        CheckOutcome::Expired => say!("The code expired at {}", at(&verification.expire_time)),
        CheckOutcome::Canceled => say!("The code is worthless now: {}", reason(verification.reason())),
        CheckOutcome::Held => say!(
            "Too many wrong guesses; nothing is compared until {}",
            at(&answer.hold_end_time)
        ),
        CheckOutcome::Failed => say!("The verification {}", state(verification)),
        CheckOutcome::Unspecified => say!("The service answered something this command does not know"),
    }
    ExitCode::SUCCESS
}

/// Prints a verification.
pub(super) fn verification(verification: Option<&Verification>, as_json: bool) -> ExitCode {
    let Some(verification) = verification else {
        return ExitCode::FAILURE;
    };
    if as_json {
        say!("{:#}", to_json(verification));
    } else {
        table(verification);
    }
    ExitCode::SUCCESS
}

fn table(it: &Verification) {
    let row = |name: &str, value: String| say!("  {name:<10}{value}");
    row("id", it.id.clone());
    row("for", format!("{} / {}", it.app, it.purpose));
    row("state", state(it));
    if let Some(expires) = it.expire_time.as_ref().filter(|_| it.end_time.is_none()) {
        row("expires", local(expires));
    }
    if let Some(ended) = &it.end_time {
        row("ended", local(ended));
    }
    row("resend", allowance(it.send.as_ref()));
    if it.end_time.is_none() {
        row("guesses", format!("{} left", it.guesses_left));
    }
    for delivery in &it.deliveries {
        row(&format!("message {}", delivery.number), message(delivery));
        if let Some((template, why)) = template(delivery).zip(why(delivery)) {
            row("template", format!("{template}; {} is {why}", delivery.language));
        }
    }
}

fn message(it: &Delivery) -> String {
    format!("{} in {}{}", delivery_state(it), it.language, aside(it))
}

/// What a message is written with, and its button. `None` for one from before that was kept.
pub(super) fn template(it: &Delivery) -> Option<String> {
    let button = match it.button() {
        TemplateButton::Unspecified => return None,
        TemplateButton::CopyCode => "copy code",
        TemplateButton::OneTap => "one tap",
        TemplateButton::ZeroTap => "zero tap",
    };
    Some(format!("{} ({button})", it.template))
}

/// Why a message is in its language, as what the language is.
pub(super) fn why(it: &Delivery) -> Option<&'static str> {
    match it.language_step() {
        LanguageStep::Unspecified => None,
        LanguageStep::Exact => Some("the language asked for"),
        LanguageStep::Kin => Some("the nearest to the language asked for"),
        LanguageStep::Country => Some("the language of the number's country"),
        LanguageStep::Default => Some("the app's default language"),
        LanguageStep::English => Some("the last resort"),
    }
}

/// How far a message got, in words.
pub(super) fn delivery_state(it: &Delivery) -> String {
    words(it.state().as_str_name(), "DELIVERY_STATE_")
}

/// What there is to say of a message beside its state: why, what to expect, the next attempt, and what Meta said.
pub(super) fn aside(it: &Delivery) -> String {
    let mut text = String::new();
    if it.reason != 0 {
        text = format!("{text}, {}", words(it.reason().as_str_name(), "DELIVERY_REASON_"));
    }
    if let Some(meaning) = meaning(it.state()) {
        text = format!("{text}, {meaning}");
    }
    if let Some(at) = &it.next_try_time {
        text = format!("{text}, next try {}", local(at));
    }
    if let Some(said) = it.report.as_ref().and_then(said) {
        text = format!("{text} ({said})");
    }
    text
}

/// What a state means whose name does not say it.
fn meaning(state: DeliveryState) -> Option<&'static str> {
    match state {
        DeliveryState::Unknown => Some("the answer was lost and it may or may not arrive"),
        DeliveryState::Held => Some("Meta looks at its quality first"),
        DeliveryState::Dropped => Some("no word of it came while it lived"),
        DeliveryState::Unspecified
        | DeliveryState::Due
        | DeliveryState::Sending
        | DeliveryState::Accepted
        | DeliveryState::Sent
        | DeliveryState::Delivered
        | DeliveryState::Read
        | DeliveryState::Failed => None,
    }
}

/// How far a verification got, why it ended, and what to do now if it failed, in words.
pub(super) fn state(it: &Verification) -> String {
    let state = words(it.state().as_str_name(), "VERIFICATION_STATE_");
    if it.reason == 0 {
        return state;
    }
    let text = format!("{state}, {}", reason(it.reason()));
    match advice(it.reason()) {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    }
}

/// What happened to a verification that failed, and what to do about it.
fn advice(reason: VerificationReason) -> Option<&'static str> {
    match reason {
        VerificationReason::Undeliverable => Some("Meta does not deliver to this person; offer another way"),
        VerificationReason::Misconfigured => Some(
            "Meta refuses the account, the template or the request; an operator has to mend it, and then start again",
        ),
        VerificationReason::Throttled => Some("Meta asked us to slow down for too long; start again later"),
        VerificationReason::ProviderUnavailable => Some(
            "Meta could not be reached or kept failing; start again, and see Meta's status page if that fails, too",
        ),
        VerificationReason::SentTooLate => Some("it could not be sent in time; start again"),
        VerificationReason::CountryBarred => {
            Some("Meta bars the business from this country; offer another way, and an operator has to act")
        }
        VerificationReason::IdentityChanged => {
            Some("the number may have a new owner; make sure who it is, then start with --accept-identity-change")
        }
        VerificationReason::Unspecified
        | VerificationReason::CodeCorrect
        | VerificationReason::NotEntered
        | VerificationReason::NotConfirmed
        | VerificationReason::GuessesUsedUp
        | VerificationReason::CanceledByCaller
        | VerificationReason::CanceledByPerson
        | VerificationReason::Superseded
        | VerificationReason::BlockedByGuard
        | VerificationReason::KeyWithdrawn => None,
    }
}

fn reason(reason: VerificationReason) -> String {
    words(reason.as_str_name(), "VERIFICATION_REASON_")
}

fn allowance(it: Option<&Allowance>) -> String {
    match it {
        Some(it) if it.allowed => "now".to_owned(),
        Some(Allowance {
            next_time: Some(at),
            rule,
            ..
        }) => format!("{} ({rule})", local(at)),
        _ => "never".to_owned(),
    }
}

/// A verification for programs.
pub(super) fn to_json(it: &Verification) -> Value {
    let allowance = |it: Option<&Allowance>| {
        it.map(|it| json!({ "allowed": it.allowed, "next_time": it.next_time.as_ref().map(instant), "rule": it.rule }))
    };
    let delivery = |it: &Delivery| {
        json!({
            "number": it.number,
            "state": bare(it.state().as_str_name(), "DELIVERY_STATE_"),
            "reason": (it.reason != 0).then(|| bare(it.reason().as_str_name(), "DELIVERY_REASON_")),
            "create_time": it.create_time.as_ref().map(instant),
            "update_time": it.update_time.as_ref().map(instant),
            "tries": it.tries,
            "language": it.language,
            "language_step": (it.language_step != 0).then(|| bare(it.language_step().as_str_name(), "LANGUAGE_STEP_")),
            "template": it.template,
            "button": (it.button != 0).then(|| bare(it.button().as_str_name(), "TEMPLATE_BUTTON_")),
            "next_try_time": it.next_try_time.as_ref().map(instant),
            "report": it.report.as_ref().map(|it| json!({ "code": it.code, "title": it.title, "details": it.details })),
        })
    };
    json!({
        "id": it.id,
        "app": it.app,
        "purpose": it.purpose,
        "state": bare(it.state().as_str_name(), "VERIFICATION_STATE_"),
        "reason": (it.reason != 0).then(|| bare(it.reason().as_str_name(), "VERIFICATION_REASON_")),
        "create_time": it.create_time.as_ref().map(instant),
        "expire_time": it.expire_time.as_ref().map(instant),
        "end_time": it.end_time.as_ref().map(instant),
        "guesses_left": it.guesses_left,
        "deliveries": it.deliveries.iter().map(delivery).collect::<Vec<_>>(),
        "send": allowance(it.send.as_ref()),
        "check": allowance(it.check.as_ref()),
    })
}

pub(super) fn guesses(count: i32) -> String {
    if count == 1 {
        "1 guess".to_owned()
    } else {
        format!("{count} guesses")
    }
}
