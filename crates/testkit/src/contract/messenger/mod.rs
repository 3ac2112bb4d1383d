//! What every messenger promises, proved against a stub of its provider.
//!
//! The adapter's tests implement [`MessengerHarness`]: a stub that speaks the provider's protocol and behaves as the
//! suite asks it to, and the adapter pointed at it.

mod attempts;
mod secrets;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::delivery::ThrottleScope;
use countersign_domain::ports::{Accepted, Message, Messenger, SendError};

pub use attempts::*;
pub use secrets::*;

/// How long an attempt may take whose answer never comes.
const TIMEOUT: Duration = Duration::from_millis(300);
/// How long the suite waits for that attempt to end. Far above [`TIMEOUT`], for machines that are busy, and below the
/// time-outs an adapter could have of its own.
const PATIENCE: Duration = Duration::from_secs(4);

/// How the stub of the provider behaves until it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes the message.
    Accepts,
    /// Takes the message and holds it for a quality assessment.
    AcceptsHeld,
    /// Says that this recipient can never be reached. Its words repeat the phone and the code.
    RefusesRecipient,
    /// Says that the template is missing. Its words repeat the phone and the code.
    RefusesTemplate,
    /// Says that the account or its token cannot send. Its words repeat the phone and the code.
    AccountBroken,
    /// Asks to slow down: for this recipient, this sender or the whole account.
    Throttles(ThrottleScope),
    /// Refuses the connection, so that nothing of a request can leave.
    Unreachable,
    /// Reports success in a body that nobody can read and that repeats the phone and the code.
    AnswersGarbage,
    /// Reads the request and never answers.
    NeverAnswers,
    /// Reads the request, begins its answer and never ends it.
    StallsMidAnswer,
    /// Reads the request, begins its answer and closes the connection.
    ClosesMidAnswer,
}

impl Behaviour {
    /// Every behaviour under which an attempt fails.
    pub const FAILURES: [Self; 11] = [
        Self::RefusesRecipient,
        Self::RefusesTemplate,
        Self::AccountBroken,
        Self::Throttles(ThrottleScope::Recipient),
        Self::Throttles(ThrottleScope::Sender),
        Self::Throttles(ThrottleScope::Account),
        Self::Unreachable,
        Self::AnswersGarbage,
        Self::NeverAnswers,
        Self::StallsMidAnswer,
        Self::ClosesMidAnswer,
    ];

    /// The behaviours under which the request leaves and its answer is lost.
    pub const LOST_ANSWERS: [Self; 4] = [
        Self::AnswersGarbage,
        Self::NeverAnswers,
        Self::StallsMidAnswer,
        Self::ClosesMidAnswer,
    ];
}

/// One request as the provider understood it. `Debug` shows neither the phone nor the code.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// To whom, with the plus.
    pub to: String,
    /// The code.
    pub code: String,
    /// The template.
    pub template: String,
    /// The language, in the provider's form of Meta's `pt_BR`.
    pub language: String,
    /// What webhooks about it will carry back.
    pub reference: String,
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("template", &self.template)
            .field("language", &self.language)
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// An adapter and the stub it sends to.
#[async_trait]
pub trait MessengerHarness: Send + Sync {
    /// The adapter, set up to send for [`crate::fixture::app_id`] to the stub.
    fn messenger(&self) -> Arc<dyn Messenger>;

    /// Lets the stub behave so from now on.
    async fn behave(&self, behaviour: Behaviour);

    /// Every request that reached the stub, in order, whatever it answered. One that ran into a lost answer counts.
    async fn received(&self) -> Vec<Received>;
}

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn MessengerHarness>`.
#[macro_export]
macro_rules! messenger_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { messenger $(, $make)?:
            an_accepted_message_is_accepted,
            a_held_message_is_accepted_and_held,
            a_message_carries_all_it_has_to,
            one_call_is_one_attempt,
            every_call_is_an_attempt_of_its_own,
            parallel_calls_do_not_mix_their_messages,
            a_refused_recipient_is_rejected,
            a_refused_template_is_our_fault,
            a_broken_account_is_our_fault,
            a_throttle_says_who_has_to_slow_down,
            a_provider_out_of_reach_is_unavailable,
            a_lost_answer_is_uncertain_and_never_unavailable,
            an_attempt_ends_within_its_time_out,
            a_failure_does_not_outlast_its_cause,
            no_error_shows_the_phone_or_the_code,
        }
    };
    ($make:path) => {
        $crate::messenger_contract! { @__promise_tests $make }
    };
}

/// A message that may take a moment, or only a short one where the suite waits for the end of it.
fn message(behaviour: Behaviour) -> Message {
    let waits = matches!(behaviour, Behaviour::NeverAnswers | Behaviour::StallsMidAnswer);
    let mut message = crate::fixture::message();
    if waits {
        message.timeout = TIMEOUT;
    }
    message
}

/// Makes one attempt and expects it to end.
async fn send(harness: &dyn MessengerHarness, message: &Message) -> Result<Accepted, SendError> {
    let messenger = harness.messenger();
    let patience = PATIENCE.max(message.timeout * 4);
    let sent = tokio::time::timeout(patience, messenger.send(message)).await;
    sent.expect("an attempt ends within its time-out")
}

/// Makes one attempt under a behaviour and expects it to fail.
async fn failure(harness: &dyn MessengerHarness, behaviour: Behaviour) -> SendError {
    harness.behave(behaviour).await;
    match send(harness, &message(behaviour)).await {
        Ok(accepted) => panic!("{accepted:?} although the provider {behaviour:?}"),
        Err(error) => error,
    }
}
