//! Playing a case: a start, a look until what is decided can be seen, and what of it reaches the caller.

use std::collections::BTreeSet;

use countersign_grpc::v1::{Delivery, DeliveryReason, DeliveryState, Verification, VerificationReason};
use countersign_testkit::wait::eventually;
use tonic_types::StatusExt as _;

use crate::cases::{Case, Phase};
use crate::common::calls::{get, start, start_request};
use crate::law::Outcome;
use crate::reading;
use crate::stage::Stage;

/// How often a case is played at most until its first decision is seen and not what follows from it.
const ROUNDS_MAX: usize = 20;
/// From this on a wait is a pause. What is tried again at once waits a millisecond; a sender that rests does so for a
/// second, of which a part is over when the next try is put off.
const PAUSE_MIN_MS: i64 = 100;
/// What one case asks for.
const ASKED_MS: i64 = 120_000;

/// What everybody asks for; not the language of those who ask for none.
const LANGUAGE: &str = "pt_BR";

/// What was seen of a case.
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    /// What the caller is told of Meta's words: the code and the title.
    pub(crate) report: Option<(i32, String)>,
    /// From how many senders Meta took messages.
    pub(crate) from_senders: usize,
    /// The sender of the last message that Meta took.
    pub(crate) carried_by: Option<String>,
    /// What the command line prints.
    pub(crate) reads: String,
}

impl Stage {
    /// Plays a case, again when its first decision was over before anybody could look: a wait is drawn at random, and
    /// may be none.
    pub(crate) async fn play(&self, case: &Case) -> Seen {
        for round in 0..ROUNDS_MAX {
            let person = case.person(round);
            self.meta.controls.add_scenario(case.scenario(&person));
            let mut request = start_request(&case.app(), &person);
            LANGUAGE.clone_into(&mut request.language);
            let id = start(&self.client, request).await.unwrap().verification.unwrap().id;
            let (verification, longest_wait_ms) = self.look(case, &id).await;
            let was_missed =
                case.phase == Phase::AtFirst && case.class.is_tried_again() && newest(&verification).tries > 1;
            if was_missed {
                continue;
            }
            let mut reads = reading::of(self, &id).await;
            let mut outcome = outcome(case, &verification, longest_wait_ms);
            if case.phase == Phase::AtFirst {
                let (decision, read) = self.next_start(case).await;
                outcome.decision.push_str(&decision);
                reads.push_str(&read);
            }
            let taken = self.meta.phone.messages_to(&person);
            return Seen {
                outcome,
                report: verification.deliveries.iter().rev().find_map(report),
                from_senders: taken
                    .iter()
                    .map(|it| &it.phone_number_id)
                    .collect::<BTreeSet<_>>()
                    .len(),
                carried_by: taken.last().map(|it| it.phone_number_id.clone()),
                reads,
            };
        }
        panic!("{case}: no first decision was seen in {ROUNDS_MAX} rounds");
    }

    /// Reads a verification until nothing more is decided; also the longest wait that was seen on the way.
    async fn look(&self, case: &Case, id: &str) -> (Verification, i64) {
        let mut longest_wait_ms = 0;
        let verification = eventually(&format!("the decision of {case}"), async || {
            let verification = get(&self.client, id).await;
            longest_wait_ms = longest_wait_ms.max(wait_ms(newest(&verification)));
            is_decided(case.phase, &verification).then_some(verification)
        })
        .await;
        (verification, longest_wait_ms)
    }

    /// What somebody else hears who starts now, and reads.
    async fn next_start(&self, case: &Case) -> (String, String) {
        let (app, bystander) = (case.app(), case.bystander());
        match start(&self.client, start_request(&app, &bystander)).await {
            Ok(_) => (String::new(), String::new()),
            Err(status) => {
                let decision = format!("; starts: {}", status.get_details_error_info().unwrap().reason);
                let read = reading::of_refused_start(self, &app, &bystander).await;
                (decision, format!(" / start: {read}"))
            }
        }
    }
}

fn newest(verification: &Verification) -> &Delivery {
    verification.deliveries.last().unwrap()
}

/// How long a message waits that is to be tried again.
fn wait_ms(delivery: &Delivery) -> i64 {
    let millis = |at: &Option<prost_types::Timestamp>| {
        at.as_ref()
            .map(|at| at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000)
    };
    let next = millis(&delivery.next_try_time);
    next.zip(millis(&delivery.update_time))
        .map_or(0, |(next, update)| next - update)
}

/// Whether what the phase is about can be seen.
fn is_decided(phase: Phase, verification: &Verification) -> bool {
    let newest = newest(verification);
    let (state, tries) = (newest.state(), newest.tries);
    let has_failed = state == DeliveryState::Failed && verification.end_time.is_some();
    match phase {
        // One that is tried again at once waits for nothing.
        Phase::AtFirst => {
            has_failed
                || state == DeliveryState::Unknown
                || (state == DeliveryState::Due && tries >= 1 && wait_ms(newest) > 0)
        }
        Phase::EveryTime => has_failed || (state == DeliveryState::Unknown && tries == 2),
        Phase::Asked => has_failed || (state == DeliveryState::Due && wait_ms(newest) >= ASKED_MS),
        Phase::AnotherSender | Phase::Once => has_failed || (state == DeliveryState::Accepted && tries == 2),
    }
}

fn outcome(case: &Case, verification: &Verification, longest_wait_ms: i64) -> Outcome {
    let deliveries: Vec<_> = verification.deliveries.iter().map(delivery).collect();
    let state = verification
        .state()
        .as_str_name()
        .trim_start_matches("VERIFICATION_STATE_");
    let reason = match verification.reason() {
        VerificationReason::Unspecified => String::new(),
        reason => format!(" {}", reason.as_str_name().trim_start_matches("VERIFICATION_REASON_")),
    };
    Outcome {
        decision: decision(case, verification, longest_wait_ms),
        deliveries: deliveries.join(", "),
        verification: format!("{state}{reason}"),
    }
}

fn delivery(it: &Delivery) -> String {
    let state = it.state().as_str_name().trim_start_matches("DELIVERY_STATE_");
    match it.reason() {
        DeliveryReason::Unspecified => state.to_owned(),
        reason => format!(
            "{state} {}",
            reason.as_str_name().trim_start_matches("DELIVERY_REASON_")
        ),
    }
}

/// What was decided, as far as the verification tells.
fn decision(case: &Case, verification: &Verification, longest_wait_ms: i64) -> String {
    let newest = newest(verification);
    let (tries, messages) = (newest.tries, verification.deliveries.len());
    let has_turned = newest.language != LANGUAGE;
    let text = match (case.phase, newest.state()) {
        (Phase::AtFirst, DeliveryState::Failed) if tries == 1 => "never again",
        (Phase::AtFirst, DeliveryState::Failed) if tries == 2 && has_turned => {
            "again at once in the default language, then never"
        }
        (Phase::AtFirst, DeliveryState::Due) if messages == 1 => "again soon",
        (Phase::AtFirst, DeliveryState::Due) => "a new message soon",
        (Phase::AtFirst, DeliveryState::Unknown) => "waits for word",
        (Phase::EveryTime, DeliveryState::Unknown) => return format!("{tries} tries, then waits for word"),
        (Phase::EveryTime, DeliveryState::Failed) => {
            let pauses = if longest_wait_ms >= PAUSE_MIN_MS {
                ", with pauses"
            } else {
                ""
            };
            return match messages {
                1 => format!("{tries} tries{pauses}, then never"),
                _ => format!("{messages} messages{pauses}, then never"),
            };
        }
        (Phase::Asked, DeliveryState::Due) => "again when the 120 s that were asked for are over",
        (Phase::Once, DeliveryState::Accepted) if has_turned => "again at once in the default language",
        (Phase::AnotherSender, DeliveryState::Accepted) if !has_turned => "again at once from another sender",
        _ => return format!("{tries} tries, {messages} messages, nobody knows why"),
    };
    text.to_owned()
}

fn report(delivery: &Delivery) -> Option<(i32, String)> {
    delivery.report.as_ref().map(|it| (it.code, it.title.clone()))
}
