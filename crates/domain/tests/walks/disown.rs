//! Disown: a person says "I didn't request a code".

use countersign_domain::delivery::{DeliveryReport, MessageId, NextStep};
use countersign_domain::event::Event;
use countersign_domain::id::VerificationId;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::Accepted;
use countersign_domain::sender::SenderId;
use countersign_domain::use_case::{Disowned, ReportedDelivery};
use countersign_domain::verification::{CanceledBy, CheckOutcome, EndReason, VerificationState};
use countersign_testkit::fixture;

use crate::Walk;
use crate::senders::apps;

const FIRST: &str = "m-1";
const SECOND: &str = "m-2";

fn message(id: &str) -> MessageId {
    MessageId::new(id).expect("neither empty nor too long")
}

fn answer_to(id: &str) -> Disowned {
    Disowned {
        sender: Some(fixture::sender().id),
        from: fixture::phone(),
        message: message(id),
    }
}

impl Walk {
    /// The provider takes the next message and calls it that.
    fn calls_next(&self, id: &str) {
        let message = Some(message(id));
        self.house.messenger.answer_next(Ok(Accepted {
            held: false,
            message,
            number: None,
        }));
    }

    /// Opens a verification whose message the provider calls [`FIRST`].
    async fn opened_as_first(&self) -> VerificationId {
        self.calls_next(FIRST);
        self.opened().await
    }

    async fn disowns(&self, disowned: &Disowned) -> bool {
        self.house
            .use_cases
            .disown
            .execute(disowned)
            .await
            .expect("the store is there")
    }

    async fn end(&self, id: VerificationId) -> Option<EndReason> {
        self.view(id).await.verification.end_reason()
    }

    /// Hears a status of the first message that says what the provider calls it.
    async fn learns(&self, id: &str, report: DeliveryReport) {
        let reported = ReportedDelivery {
            message: Some(message(id)),
            ..ReportedDelivery::new(Some(self.references().remove(0)), report)
        };
        self.hears_post(vec![reported])
            .await
            .remove(0)
            .expect("the store is there");
    }

    /// Whether verifications were canceled by what was disowned since somebody last asked; and what was ignored.
    fn disowned(&self) -> (Vec<bool>, usize) {
        let events = self.house.recorder.take();
        let canceled = events.iter().filter_map(|event| match event {
            Event::Disowned { canceled, .. } => Some(*canceled),
            _ => None,
        });
        let ignored = events.iter().filter(|it| **it == Event::AnswerIgnored);
        (canceled.collect(), ignored.count())
    }
}

#[tokio::test]
async fn a_person_who_did_not_ask_ends_the_verification_whatever_spelling_their_number_has() {
    // WhatsApp knows some lines without the digit that came later.
    let without_the_ninth = PhoneNumber::parse("+551187654321").expect("E.164");
    for from in [fixture::phone(), without_the_ninth] {
        let walk = Walk::new();
        let id = walk.opened_as_first().await;
        assert!(
            walk.disowns(&Disowned {
                from,
                ..answer_to(FIRST)
            })
            .await
        );
        assert_eq!(walk.end(id).await, Some(EndReason::Canceled(CanceledBy::Person)));
        assert_eq!(walk.disowned(), (vec![true], 0));
        assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Canceled);
    }
}

#[tokio::test]
async fn an_answer_to_a_message_nobody_knows_changes_nothing() {
    let walk = Walk::new();
    let id = walk.opened_as_first().await;
    let before = walk.stored(&fixture::phone()).await;
    assert!(!walk.disowns(&answer_to(SECOND)).await);
    assert_eq!(walk.disowned(), (Vec::new(), 1));
    assert_eq!(walk.stored(&fixture::phone()).await, before);
    walk.approve(id).await;
}

#[tokio::test]
async fn nobody_disowns_what_somebody_else_was_sent() {
    let walk = Walk::new();
    let id = walk.opened_as_first().await;
    let from = fixture::phone_number(9);
    assert!(
        !walk
            .disowns(&Disowned {
                from,
                ..answer_to(FIRST)
            })
            .await
    );
    walk.approve(id).await;
}

#[tokio::test]
async fn a_finished_verification_is_not_changed_by_an_answer() {
    let walk = Walk::new();
    let id = walk.opened_as_first().await;
    walk.approve(id).await;
    let before = walk.stored(&fixture::phone()).await;
    assert!(walk.disowns(&answer_to(FIRST)).await);
    assert_eq!(walk.disowned(), (vec![false], 0));
    assert_eq!(walk.stored(&fixture::phone()).await, before);
    assert_eq!(walk.end(id).await, Some(EndReason::CodeCorrect));
}

#[tokio::test]
async fn an_answer_to_an_older_message_leaves_the_newer_verification_open() {
    let walk = Walk::new();
    let older = walk.opened_as_first().await;
    walk.wait(600);
    walk.calls_next(SECOND);
    let newer = walk.opened().await;
    assert!(walk.disowns(&answer_to(FIRST)).await);
    assert_eq!(walk.disowned(), (vec![false], 0));
    assert_eq!(walk.end(older).await, Some(EndReason::NotConfirmed));
    walk.approve(newer).await;
}

#[tokio::test]
async fn an_answer_to_any_message_of_a_verification_ends_it() {
    for id in [FIRST, SECOND] {
        let walk = Walk::new();
        let verification = walk.opened_as_first().await;
        walk.wait(60);
        walk.calls_next(SECOND);
        walk.start().await.expect("sent again");
        assert!(walk.disowns(&answer_to(id)).await);
        let canceled = EndReason::Canceled(CanceledBy::Person);
        assert_eq!(walk.end(verification).await, Some(canceled), "{id}");
    }
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_known_from_its_webhook() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    assert!(!walk.disowns(&answer_to(FIRST)).await);
    walk.learns(FIRST, DeliveryReport::Sent).await;
    assert!(walk.disowns(&answer_to(FIRST)).await);
    assert!(!walk.view(id).await.verification.is_open());
}

/// The answer to the first attempt is lost, it is repeated, and both messages arrive; in any order of their statuses.
#[tokio::test]
async fn both_messages_of_a_repeated_attempt_are_known() {
    for repeat_is_answered in [true, false] {
        for order in [[FIRST, SECOND], [SECOND, FIRST]] {
            for disowned in [FIRST, SECOND] {
                let walk = Walk::new();
                walk.house.messenger.answer_next(Err(NextStep::Uncertain));
                let id = walk.opened().await;
                walk.wait(10);
                if repeat_is_answered {
                    walk.calls_next(SECOND);
                } else {
                    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
                }
                walk.wake().await;
                for message in order {
                    walk.learns(message, DeliveryReport::Sent).await;
                    walk.learns(message, DeliveryReport::Delivered).await;
                }
                assert!(
                    walk.disowns(&answer_to(disowned)).await,
                    "{disowned} of {order:?}, answered: {repeat_is_answered}"
                );
                assert!(!walk.view(id).await.verification.is_open());
            }
        }
    }
}

#[tokio::test]
async fn only_apps_that_send_from_where_the_person_answered_to_are_looked_at() {
    let other = fixture::sender_named("2002");
    let rulebook = apps([("demo", vec![fixture::sender()]), ("other", vec![other.clone()])]);
    let walk = Walk::ruled_by(rulebook, 1);
    let id = walk.opened_as_first().await;
    let answered_to = |sender: Option<SenderId>| Disowned {
        sender,
        ..answer_to(FIRST)
    };
    assert!(!walk.disowns(&answered_to(Some(other.id))).await);
    assert!(walk.view(id).await.verification.is_open());
    // Without the provider's word any app may have sent it.
    assert!(walk.disowns(&answered_to(None)).await);
    assert!(!walk.view(id).await.verification.is_open());
}

#[tokio::test]
async fn no_answer_approves_anything() {
    let walk = Walk::new();
    let id = walk.opened_as_first().await;
    for _ in 0..3 {
        walk.disowns(&answer_to(FIRST)).await;
        let state = walk.view(id).await.verification.state;
        let by = CanceledBy::Person;
        assert!(
            matches!(state, VerificationState::Canceled { by: it, .. } if it == by),
            "{state:?}"
        );
    }
    assert_eq!(walk.disowned(), (vec![true, false, false], 0));
    assert_eq!(
        walk.stored(&fixture::phone()).await.expect("a record").approved_at,
        None
    );
}
