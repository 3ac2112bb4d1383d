//! What is said of senders late, of one language only, or by a message that shows the contrary.

use std::time::Duration;

use countersign_domain::delivery::{DeliveryReport, Fault, NextStep, ProviderReport, Rejection};
use countersign_domain::limit::RuleName;
use countersign_domain::template::Language;
use countersign_domain::use_case::{Error, ReportedDelivery, StartRequest};
use countersign_testkit::fixture;

use crate::Walk;
use crate::posts::to;
use crate::throughput::paced;

const ACCOUNT: NextStep = NextStep::Misconfigured(Fault::Account);
const TEMPLATE: NextStep = NextStep::Misconfigured(Fault::Template);

impl Walk {
    fn passes(&self, seconds: u64) {
        self.house.clock.advance(Duration::from_secs(seconds));
    }

    async fn asks(&self, request: StartRequest) -> Result<(), Error> {
        let start = &self.house.use_cases.start;
        let answer = start.execute(&fixture::caller(), request).await;
        self.house.run_errands().await;
        answer.map(|_| ())
    }

    /// A webhook says that the `n`-th message failed.
    async fn hears_that_failed(&self, n: usize, step: NextStep) {
        let sent = self.house.messenger.sent()[n].clone();
        let report = DeliveryReport::Failed {
            step,
            report: ProviderReport::new(131_042, "payment", ""),
        };
        let reported = ReportedDelivery {
            sender: Some(sent.sender),
            ..ReportedDelivery::new(Some(sent.reference), report)
        };
        for applied in self.hears_post(vec![reported]).await {
            applied.expect("the store is there");
        }
    }
}

fn in_language(n: u32, language: &str) -> StartRequest {
    StartRequest {
        language: Some(fixture::language(language)),
        ..to(fixture::phone_number(n))
    }
}

fn is_refused(answer: &Result<(), Error>) -> bool {
    matches!(answer, Err(Error::CannotSend { .. }))
}

#[tokio::test]
async fn what_is_told_late_about_old_messages_does_not_shut_a_sender_again_that_has_recovered() {
    let walk = Walk::new();
    for n in 0..3 {
        walk.asks(to(fixture::phone_number(n)))
            .await
            .expect("nothing stands in the way");
    }
    walk.passes(1);
    walk.hears_that_failed(0, ACCOUNT).await;
    assert!(is_refused(&walk.asks(to(fixture::phone_number(7))).await));
    walk.passes(60);
    walk.asks(to(fixture::phone_number(8))).await.expect("the probe");
    // These set out before anything was known.
    walk.hears_that_failed(1, ACCOUNT).await;
    walk.hears_that_failed(2, ACCOUNT).await;
    walk.asks(to(fixture::phone_number(9))).await.expect("the sender works");
}

#[tokio::test]
async fn a_template_that_fails_in_one_language_is_not_used_in_it_and_stops_no_other() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.asks(in_language(0, "en_US")).await.expect("nothing is known yet");
    walk.asks(in_language(1, "en_US"))
        .await
        .expect("the language of the number's country");
    walk.asks(in_language(2, "pt_BR")).await.expect("another language");
    let sent = walk.house.messenger.sent();
    let languages: Vec<_> = sent.iter().map(|it| it.language.clone()).collect();
    assert_eq!(
        languages,
        ["en_US", "pt_BR", "pt_BR"].map(|it| Language::parse(it).expect("a language"))
    );
}

#[tokio::test]
async fn a_template_that_fails_in_a_language_is_tried_in_the_default_one_at_once() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.asks(in_language(0, "pt_BR")).await.expect("nothing is known yet");
    let sent = walk.house.messenger.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].language, fixture::language("en_US"));
    assert!(sent[0].code == sent[1].code, "the same code");
}

/// The sender is shut, the probe comes to this, and the next message sets out at once.
async fn is_followed_at_once_after(probe: NextStep) {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(ACCOUNT));
    walk.asks(to(fixture::phone_number(0)))
        .await
        .expect("nothing is known yet");
    walk.passes(60);
    walk.house.messenger.answer_next(Err(probe));
    for n in [1, 2] {
        walk.asks(to(fixture::phone_number(n))).await.expect("may set out");
    }
    assert_eq!(walk.house.messenger.sent().len(), 3, "{probe:?}");
}

#[tokio::test]
async fn a_probe_that_only_shows_a_bad_number_shows_that_the_sender_works() {
    is_followed_at_once_after(NextStep::Rejected(Rejection::Undeliverable)).await;
}

#[tokio::test]
async fn a_probe_that_says_nothing_leaves_the_finding_out_to_the_next_message() {
    is_followed_at_once_after(NextStep::Unavailable).await;
}

#[tokio::test]
async fn while_more_wait_than_can_be_sent_in_time_starts_are_refused_and_told_how_long() {
    let walk = Walk::ruled_by(paced(1, fixture::policy_settings()), 1);
    let mut refused = None;
    for n in 0..700 {
        if let Err(error) = walk.asks(to(fixture::phone_number(n))).await {
            refused = Some((n, error));
            break;
        }
    }
    // Nine minutes of use, one message a second, and two slices at once.
    let (n, error) = refused.expect("the queue is full");
    assert!((535..=550).contains(&n), "{n}");
    let Error::LimitReached { rule, retry_after, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(rule, RuleName::SenderThroughput);
    assert!(
        retry_after.is_some_and(|it| it <= Duration::from_secs(2)),
        "{retry_after:?}"
    );
    walk.passes(5);
    walk.asks(to(fixture::phone_number(800)))
        .await
        .expect("there is room again");
}
