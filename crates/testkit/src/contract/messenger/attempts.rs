//! Attempts: one call is one request, and what came of it is the caller's next step.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::delivery::{Fault, NextStep, Rejection, ThrottleScope};
use tokio::task::JoinSet;

use super::{Behaviour, MessengerHarness, Received, failure, message, send};
use crate::fixture;

/// And not held.
pub async fn an_accepted_message_is_accepted(harness: Arc<dyn MessengerHarness>) {
    harness.behave(Behaviour::Accepts).await;
    let sent = send(&*harness, &fixture::message()).await.expect("accepted");
    assert!(!sent.held);
}

/// The difference is told.
pub async fn a_held_message_is_accepted_and_held(harness: Arc<dyn MessengerHarness>) {
    harness.behave(Behaviour::AcceptsHeld).await;
    let sent = send(&*harness, &fixture::message()).await.expect("accepted");
    assert!(sent.held);
}

/// The phone with its plus, the code, the template, its language and the reference, letter by letter.
pub async fn a_message_carries_all_it_has_to(harness: Arc<dyn MessengerHarness>) {
    harness.behave(Behaviour::Accepts).await;
    let message = fixture::message();
    send(&*harness, &message).await.expect("accepted");
    let received = harness.received().await;
    let [received] = &received[..] else {
        panic!("one message, {} requests", received.len())
    };
    // One by one and with `assert!`, so that no failure prints the phone or the code.
    assert!(received.to == message.to.expose(), "the phone, with its plus");
    assert!(received.code == message.code.expose(), "the code");
    assert_eq!(received.template, message.template.as_str());
    assert_eq!(received.language, message.language.as_str());
    assert_eq!(received.reference, message.reference);
}

/// Whatever comes of it: only the domain repeats.
pub async fn one_call_is_one_attempt(harness: Arc<dyn MessengerHarness>) {
    let mut before = 0;
    for behaviour in Behaviour::FAILURES {
        failure(&*harness, behaviour).await;
        let requests = harness.received().await.len() - before;
        let lost = Behaviour::LOST_ANSWERS.contains(&behaviour);
        match behaviour {
            Behaviour::Unreachable => assert_eq!(requests, 0, "{behaviour:?}"),
            // A request may have left and not have been read to its end.
            _ if lost => assert!(requests <= 1, "{behaviour:?}: {requests} requests"),
            _ => assert_eq!(requests, 1, "{behaviour:?}"),
        }
        before += requests;
    }
}

/// Nothing is held back because it looks like the message before.
pub async fn every_call_is_an_attempt_of_its_own(harness: Arc<dyn MessengerHarness>) {
    harness.behave(Behaviour::Accepts).await;
    for requests in 1..=3 {
        send(&*harness, &fixture::message()).await.expect("accepted");
        assert_eq!(harness.received().await.len(), requests);
    }
}

/// Each phone gets its own code under its own reference.
pub async fn parallel_calls_do_not_mix_their_messages(harness: Arc<dyn MessengerHarness>) {
    harness.behave(Behaviour::Accepts).await;
    let mut crowd = JoinSet::new();
    for n in 0..16_u8 {
        let harness = Arc::clone(&harness);
        crowd.spawn(async move {
            let mut message = fixture::message();
            message.to = fixture::phone_number(n.into());
            message.code = fixture::code(n);
            message.reference = fixture::reference(n.into());
            send(&*harness, &message).await.expect("accepted");
            (
                message.reference,
                (message.to.expose().to_owned(), message.code.expose().to_owned()),
            )
        });
    }
    let sent: BTreeMap<_, _> = crowd.join_all().await.into_iter().collect();
    let whole = |it: Received| (it.reference, (it.to, it.code));
    let received: BTreeMap<_, _> = harness.received().await.into_iter().map(whole).collect();
    assert_eq!(received.len(), 16);
    assert!(received == sent, "messages were mixed up");
}

/// Never again for this recipient.
pub async fn a_refused_recipient_is_rejected(harness: Arc<dyn MessengerHarness>) {
    let error = failure(&*harness, Behaviour::RefusesRecipient).await;
    assert_eq!(error.step, NextStep::Rejected(Rejection::Undeliverable));
    assert!(error.report.is_some(), "the provider said why");
}

/// An operator has to look at the template.
pub async fn a_refused_template_is_our_fault(harness: Arc<dyn MessengerHarness>) {
    let error = failure(&*harness, Behaviour::RefusesTemplate).await;
    assert_eq!(error.step, NextStep::Misconfigured(Fault::Template));
    assert!(error.report.is_some(), "the provider said why");
}

/// An operator has to look at the account.
pub async fn a_broken_account_is_our_fault(harness: Arc<dyn MessengerHarness>) {
    let error = failure(&*harness, Behaviour::AccountBroken).await;
    assert_eq!(error.step, NextStep::Misconfigured(Fault::Account));
    assert!(error.report.is_some(), "the provider said why");
}

/// One recipient's limit must not silence the others.
pub async fn a_throttle_says_who_has_to_slow_down(harness: Arc<dyn MessengerHarness>) {
    for expected in [ThrottleScope::Recipient, ThrottleScope::Sender, ThrottleScope::Account] {
        match failure(&*harness, Behaviour::Throttles(expected)).await.step {
            NextStep::Throttled { scope, .. } => assert_eq!(scope, expected),
            other => panic!("{other:?} although the provider asked {expected:?} to slow down"),
        }
    }
}

/// Nothing left, so a later attempt is safe.
pub async fn a_provider_out_of_reach_is_unavailable(harness: Arc<dyn MessengerHarness>) {
    let error = failure(&*harness, Behaviour::Unreachable).await;
    assert_eq!(error.step, NextStep::Unavailable);
}

/// The message may be on its way; to call that unsent would send it twice.
pub async fn a_lost_answer_is_uncertain_and_never_unavailable(harness: Arc<dyn MessengerHarness>) {
    for behaviour in Behaviour::LOST_ANSWERS {
        let error = failure(&*harness, behaviour).await;
        assert_eq!(error.step, NextStep::Uncertain, "{behaviour:?}");
    }
}

/// The message's own, and the whole of it: the connection, the head of the answer and its body.
pub async fn an_attempt_ends_within_its_time_out(harness: Arc<dyn MessengerHarness>) {
    for behaviour in [Behaviour::NeverAnswers, Behaviour::StallsMidAnswer] {
        harness.behave(behaviour).await;
        // `send` gives up waiting long before any time-out but the message's own.
        let sent = send(&*harness, &message(behaviour)).await;
        assert!(sent.is_err(), "{behaviour:?}");
    }
}

/// The next message is sent as if nothing had been: no broken connection is used again, no fault is kept.
pub async fn a_failure_does_not_outlast_its_cause(harness: Arc<dyn MessengerHarness>) {
    for behaviour in Behaviour::FAILURES {
        failure(&*harness, behaviour).await;
        harness.behave(Behaviour::Accepts).await;
        let sent = send(&*harness, &fixture::message()).await;
        assert!(sent.is_ok(), "after {behaviour:?}: {sent:?}");
    }
}
