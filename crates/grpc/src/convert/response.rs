//! Answers: the whole verification, with what may be done next and when.

use std::time::Duration;

use countersign_domain::delivery::{Delivery, DeliveryState, FailureReason, ProviderReport};
use countersign_domain::recipient::{Allowance, VerificationView};
use countersign_domain::template::{ButtonKind, LanguageStep};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{CheckAnswer, StartAnswer};
use countersign_domain::verification::{CanceledBy, CheckOutcome, EndReason, StartOutcome, VerificationState};
use prost_types::Timestamp as WireTime;

use crate::v1;

/// Writes the answer to a start.
pub(crate) fn start_response(answer: &StartAnswer) -> v1::StartVerificationResponse {
    v1::StartVerificationResponse {
        outcome: start_outcome(answer.outcome).into(),
        verification: Some(verification(&answer.view)),
    }
}

pub(super) fn start_outcome(outcome: StartOutcome) -> v1::StartOutcome {
    match outcome {
        StartOutcome::Opened => v1::StartOutcome::Opened,
        StartOutcome::Joined => v1::StartOutcome::Joined,
        StartOutcome::Resent => v1::StartOutcome::Resent,
    }
}

/// Writes the answer to a check.
pub(crate) fn check_response(answer: &CheckAnswer) -> v1::CheckVerificationResponse {
    let (outcome, approved_at, held_until) = match answer.outcome {
        CheckOutcome::Approved => {
            let state = answer.view.verification.state;
            (v1::CheckOutcome::Approved, state.ended_at(), None)
        }
        CheckOutcome::AlreadyApproved { at } => (v1::CheckOutcome::AlreadyApproved, Some(at), None),
        CheckOutcome::Incorrect => (v1::CheckOutcome::Incorrect, None, None),
        CheckOutcome::Exhausted => (v1::CheckOutcome::Exhausted, None, None),
        CheckOutcome::ContextMismatch => (v1::CheckOutcome::ContextMismatch, None, None),
        CheckOutcome::Expired => (v1::CheckOutcome::Expired, None, None),
        CheckOutcome::Canceled => (v1::CheckOutcome::Canceled, None, None),
        CheckOutcome::Held { until } => (v1::CheckOutcome::Held, None, Some(until)),
        CheckOutcome::Failed => (v1::CheckOutcome::Failed, None, None),
    };
    v1::CheckVerificationResponse {
        outcome: outcome.into(),
        verification: Some(verification(&answer.view)),
        approve_time: approved_at.map(time),
        hold_end_time: held_until.map(time),
    }
}

/// Writes a verification.
pub(crate) fn verification(view: &VerificationView) -> v1::Verification {
    let VerificationView {
        id,
        app,
        purpose,
        verification,
        guesses_left,
        send,
        check,
    } = view;
    v1::Verification {
        id: id.to_string(),
        app: app.to_string(),
        purpose: purpose.to_string(),
        state: state(&verification.state).into(),
        reason: reason(verification.end_reason()).into(),
        create_time: Some(time(verification.opened_at)),
        expire_time: Some(time(verification.expires_at)),
        end_time: verification.state.ended_at().map(time),
        guesses_left: i32::from(*guesses_left),
        deliveries: verification.deliveries.iter().map(delivery).collect(),
        send: Some(allowance(send)),
        check: Some(allowance(check)),
    }
}

fn state(state: &VerificationState) -> v1::VerificationState {
    match state {
        VerificationState::Open => v1::VerificationState::Open,
        VerificationState::Approved { .. } => v1::VerificationState::Approved,
        VerificationState::Expired { .. } => v1::VerificationState::Expired,
        VerificationState::Exhausted { .. } => v1::VerificationState::Exhausted,
        VerificationState::Canceled { .. } => v1::VerificationState::Canceled,
        VerificationState::Failed { .. } => v1::VerificationState::Failed,
        VerificationState::Blocked { .. } => v1::VerificationState::Blocked,
    }
}

fn reason(reason: Option<EndReason>) -> v1::VerificationReason {
    let Some(reason) = reason else {
        return v1::VerificationReason::Unspecified;
    };
    match reason {
        EndReason::CodeCorrect => v1::VerificationReason::CodeCorrect,
        EndReason::NotEntered => v1::VerificationReason::NotEntered,
        EndReason::NotConfirmed => v1::VerificationReason::NotConfirmed,
        EndReason::GuessesUsedUp => v1::VerificationReason::GuessesUsedUp,
        EndReason::Canceled(CanceledBy::Caller) => v1::VerificationReason::CanceledByCaller,
        EndReason::Canceled(CanceledBy::Person) => v1::VerificationReason::CanceledByPerson,
        EndReason::Canceled(CanceledBy::Newer) | EndReason::Failed(FailureReason::Superseded) => {
            v1::VerificationReason::Superseded
        }
        EndReason::Canceled(CanceledBy::KeyWithdrawn) => v1::VerificationReason::KeyWithdrawn,
        EndReason::Failed(FailureReason::Undeliverable) => v1::VerificationReason::Undeliverable,
        EndReason::Failed(FailureReason::Misconfigured) => v1::VerificationReason::Misconfigured,
        EndReason::Failed(FailureReason::Throttled) => v1::VerificationReason::Throttled,
        EndReason::Failed(FailureReason::ProviderUnavailable) => v1::VerificationReason::ProviderUnavailable,
        EndReason::Failed(FailureReason::TooLate) => v1::VerificationReason::SentTooLate,
        EndReason::Failed(FailureReason::CountryBarred) => v1::VerificationReason::CountryBarred,
        EndReason::Failed(FailureReason::IdentityChanged) => v1::VerificationReason::IdentityChanged,
        EndReason::BlockedByGuard => v1::VerificationReason::BlockedByGuard,
    }
}

fn delivery(delivery: &Delivery) -> v1::Delivery {
    let (state, reason, next_try) = match delivery.state {
        DeliveryState::Due { at } => (v1::DeliveryState::Due, v1::DeliveryReason::Unspecified, Some(at)),
        DeliveryState::Sending { .. } => (v1::DeliveryState::Sending, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Unknown { .. } => (v1::DeliveryState::Unknown, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Accepted => (v1::DeliveryState::Accepted, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Held => (v1::DeliveryState::Held, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Sent => (v1::DeliveryState::Sent, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Dropped => (v1::DeliveryState::Dropped, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Failed(reason) => (v1::DeliveryState::Failed, failure(reason), None),
        DeliveryState::Delivered => (v1::DeliveryState::Delivered, v1::DeliveryReason::Unspecified, None),
        DeliveryState::Read => (v1::DeliveryState::Read, v1::DeliveryReason::Unspecified, None),
    };
    let chosen = delivery.template.as_ref();
    v1::Delivery {
        number: i32::from(delivery.number),
        state: state.into(),
        reason: reason.into(),
        create_time: Some(time(delivery.created_at)),
        update_time: Some(time(delivery.updated_at)),
        tries: i32::from(delivery.tries),
        language: delivery.language.to_string(),
        report: delivery.report.as_ref().map(report),
        next_try_time: next_try.map(time),
        template: chosen.map(|it| it.name.to_string()).unwrap_or_default(),
        button: chosen
            .map_or(v1::TemplateButton::Unspecified, |it| button(it.button))
            .into(),
        language_step: chosen
            .map_or(v1::LanguageStep::Unspecified, |it| language_step(it.step))
            .into(),
    }
}

/// Writes the kind of a button.
pub(super) fn button(kind: ButtonKind) -> v1::TemplateButton {
    match kind {
        ButtonKind::CopyCode => v1::TemplateButton::CopyCode,
        ButtonKind::OneTap => v1::TemplateButton::OneTap,
        ButtonKind::ZeroTap => v1::TemplateButton::ZeroTap,
    }
}

fn language_step(step: LanguageStep) -> v1::LanguageStep {
    match step {
        LanguageStep::Exact => v1::LanguageStep::Exact,
        LanguageStep::Kin => v1::LanguageStep::Kin,
        LanguageStep::Country => v1::LanguageStep::Country,
        LanguageStep::Default => v1::LanguageStep::Default,
        LanguageStep::English => v1::LanguageStep::English,
    }
}

fn failure(reason: FailureReason) -> v1::DeliveryReason {
    match reason {
        FailureReason::Undeliverable => v1::DeliveryReason::Undeliverable,
        FailureReason::Misconfigured => v1::DeliveryReason::Misconfigured,
        FailureReason::Throttled => v1::DeliveryReason::Throttled,
        FailureReason::ProviderUnavailable => v1::DeliveryReason::ProviderUnavailable,
        FailureReason::TooLate => v1::DeliveryReason::TooLate,
        FailureReason::Superseded => v1::DeliveryReason::Superseded,
        FailureReason::CountryBarred => v1::DeliveryReason::CountryBarred,
        FailureReason::IdentityChanged => v1::DeliveryReason::IdentityChanged,
    }
}

fn report(report: &ProviderReport) -> v1::ProviderReport {
    v1::ProviderReport {
        code: i32::try_from(report.code).unwrap_or(i32::MAX),
        title: report.title.clone(),
        details: report.details.clone(),
    }
}

fn allowance(allowance: &Allowance) -> v1::Allowance {
    match allowance {
        Allowance::Now => v1::Allowance {
            allowed: true,
            next_time: None,
            rule: String::new(),
        },
        Allowance::Later(restraint) => v1::Allowance {
            allowed: false,
            next_time: Some(time(restraint.until)),
            rule: restraint.rule.as_str().to_owned(),
        },
        // No rule stands in the way and none will let go: the state says why.
        Allowance::Never => v1::Allowance {
            allowed: false,
            next_time: None,
            rule: String::new(),
        },
    }
}

/// A moment as the wire has it; the last one it can say for what lies beyond.
pub(crate) fn time(at: Timestamp) -> WireTime {
    let millis = i64::try_from(at.unix_millis()).unwrap_or(i64::MAX);
    let nanos = i32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    WireTime {
        seconds: millis / 1000,
        nanos,
    }
}

/// A span as the wire has it.
pub(crate) fn span(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

/// The moment an answer speaks of, cut to whole milliseconds; the epoch for one before it.
pub fn moment(time: &WireTime) -> Timestamp {
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    let millis = u64::try_from(time.nanos / 1_000_000).unwrap_or_default();
    Timestamp::from_unix_millis(seconds.saturating_mul(1000).saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use countersign_domain::code::{Alphabet, CodeRecipe};
    use countersign_domain::key::KeyId;
    use countersign_domain::recipient::Conversion;
    use countersign_domain::template::{ChosenTemplate, Language, TemplateName};
    use countersign_domain::verification::Verification;

    use super::*;

    fn ended(state: VerificationState, delivered: bool) -> Verification {
        let at = Timestamp::from_unix_millis(1_700_000_000_123);
        let message = Delivery {
            number: 1,
            generation: 0,
            language: Language::parse("pt_BR").unwrap(),
            template: None,
            created_at: at,
            updated_at: at,
            tries: 1,
            repeated: false,
            drop_at: None,
            state: if delivered {
                DeliveryState::Delivered
            } else {
                DeliveryState::Dropped
            },
            report: None,
            messages: Vec::new(),
            charges: Vec::new(),
            price: None,
            charged_at: at,
            conversion: Conversion::NotCounted,
            matures_at: None,
        };
        Verification {
            serial: 1,
            opened_at: at,
            expires_at: at,
            recipe: CodeRecipe {
                key: KeyId::parse("k1").unwrap(),
                generation: 0,
                keep_previous: false,
                length: 6,
                alphabet: Alphabet::Numeric,
                context: None,
            },
            wrong_guesses: 0,
            guesses_max: 5,
            deliveries: vec![message],
            identity: None,
            state,
        }
    }

    #[test]
    fn an_expiry_says_whether_a_message_had_arrived() {
        let expired = VerificationState::Expired { at: Timestamp::EPOCH };
        assert_eq!(
            reason(ended(expired, true).end_reason()),
            v1::VerificationReason::NotEntered
        );
        assert_eq!(
            reason(ended(expired, false).end_reason()),
            v1::VerificationReason::NotConfirmed
        );
    }

    #[test]
    fn every_way_to_fail_has_its_own_reason() {
        use FailureReason::{
            CountryBarred, IdentityChanged, Misconfigured, ProviderUnavailable, Superseded, Throttled, TooLate,
            Undeliverable,
        };
        let all = [
            CountryBarred,
            IdentityChanged,
            Undeliverable,
            Misconfigured,
            Throttled,
            ProviderUnavailable,
            TooLate,
            Superseded,
        ];
        let at = Timestamp::EPOCH;
        let said: BTreeSet<i32> = all
            .iter()
            .map(|&reason| super::reason(ended(VerificationState::Failed { at, reason }, false).end_reason()).into())
            .collect();
        assert_eq!(said.len(), all.len());
    }

    #[test]
    fn times_keep_their_milliseconds() {
        let at = Timestamp::from_unix_millis(1_700_000_000_123);
        let wire = time(at);
        assert_eq!((wire.seconds, wire.nanos), (1_700_000_000, 123_000_000));
        assert_eq!(moment(&wire), at);
        assert!(time(Timestamp::from_unix_millis(u64::MAX)).seconds > 0);
    }

    #[test]
    fn a_delivery_says_what_it_is_written_with_and_why_as_long_as_that_is_known() {
        let mut message = ended(VerificationState::Open, true).deliveries.remove(0);
        let unknown = delivery(&message);
        assert_eq!(
            (unknown.template.as_str(), unknown.button, unknown.language_step),
            ("", 0, 0)
        );
        let steps = [
            (LanguageStep::Exact, "LANGUAGE_STEP_EXACT"),
            (LanguageStep::Kin, "LANGUAGE_STEP_KIN"),
            (LanguageStep::Country, "LANGUAGE_STEP_COUNTRY"),
            (LanguageStep::Default, "LANGUAGE_STEP_DEFAULT"),
            (LanguageStep::English, "LANGUAGE_STEP_ENGLISH"),
        ];
        for (step, said) in steps {
            message.template = Some(ChosenTemplate {
                name: TemplateName::parse("otp").unwrap(),
                button: ButtonKind::OneTap,
                step,
            });
            let told = delivery(&message);
            assert_eq!(
                (
                    told.template.as_str(),
                    told.button(),
                    told.language_step().as_str_name()
                ),
                ("otp", v1::TemplateButton::OneTap, said)
            );
        }
    }

    #[test]
    fn only_a_due_delivery_says_when_it_is_tried_next() {
        let at = Timestamp::from_unix_millis(5_000);
        let mut message = ended(VerificationState::Open, true).deliveries.remove(0);
        assert_eq!(delivery(&message).next_try_time, None);
        message.state = DeliveryState::Due { at };
        assert_eq!(delivery(&message).next_try_time, Some(time(at)));
    }
}
