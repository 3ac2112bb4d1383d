//! Identity: whoever was approved is bound to the number, so that no code reaches its next owner.

use std::time::Duration;

use countersign_domain::delivery::{DeliveryReport, FailureReason, IdentityHash, NextStep, Rejection};
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::recipient::{BoundIdentity, Recipient};
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::{ReportedDelivery, StartRequest};
use countersign_domain::verification::VerificationState;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;
use crate::posts::failed_with;

const MEMORY: Duration = Duration::from_secs(30 * 86_400);

fn hash(text: &str) -> IdentityHash {
    IdentityHash::new(text).expect("visible ASCII")
}

fn bound(text: &str, approved_at: Timestamp) -> BoundIdentity {
    BoundIdentity {
        hash: hash(text),
        approved_at,
    }
}

fn welcome() -> StartRequest {
    StartRequest {
        accept_identity_change: true,
        ..Walk::request()
    }
}

impl Walk {
    /// A walk whose policy remembers people.
    fn remembering() -> Self {
        Self::under(PolicySettings {
            identity_memory: Some(MEMORY),
            ..fixture::policy_settings()
        })
    }

    /// The same stores and clock, and a policy that no longer remembers anybody.
    fn forgetting(self) -> Self {
        let ports = &self.house.ports;
        let (recipients, limits, feed) = (ports.recipients.clone(), ports.limits.clone(), ports.feed.clone());
        let house = House::builder(recipients, limits, feed)
            .rulebook(fixture::rulebook_with(
                Policy::new(fixture::policy_settings()).expect("the default numbers"),
            ))
            .clock(self.house.clock.clone())
            .messenger(self.house.messenger.clone());
        Self { house: house.build() }
    }

    async fn record(&self) -> Recipient {
        self.stored(&fixture::phone()).await.expect("a record")
    }

    /// Hears that the newest message reached that person.
    async fn reaches(&self, person: &str, report: DeliveryReport) {
        let newest = self.house.messenger.sent().pop().expect("a message was sent");
        let reported = ReportedDelivery {
            identity: Some(hash(person)),
            ..ReportedDelivery::new(Some(newest.reference), report)
        };
        self.hears_post(vec![reported])
            .await
            .remove(0)
            .expect("the store is there");
    }

    /// Approves a verification whose message reached that person, and lets a second pass.
    async fn approves(&self, person: &str) {
        let id = self.opened().await;
        self.reaches(person, DeliveryReport::Delivered).await;
        self.approve(id).await;
        self.wait(1);
    }

    /// Whom the newest message is meant for.
    fn meant_for(&self) -> Option<IdentityHash> {
        self.house.messenger.sent().pop().expect("a message was sent").identity
    }
}

#[tokio::test]
async fn nobody_is_remembered_unless_the_policy_asks_for_it() {
    let walk = Walk::new();
    walk.approves("ana").await;
    walk.reaches("ana", DeliveryReport::Read).await;
    let record = walk.record().await;
    assert_eq!((record.identity, &record.verifications[0].identity), (None, &None));
    walk.opened().await;
    assert_eq!(walk.meant_for(), None);
}

#[tokio::test]
async fn a_person_whose_delivery_was_told_before_the_approval_is_bound_by_it() {
    let walk = Walk::remembering();
    let id = walk.opened().await;
    walk.reaches("ana", DeliveryReport::Delivered).await;
    assert_eq!(walk.record().await.identity, None, "receiving is not approving");
    walk.wait(5);
    walk.approve(id).await;
    let approved_at = fixture::now().plus(Duration::from_secs(5));
    assert_eq!(walk.record().await.identity, Some(bound("ana", approved_at)));
    walk.opened().await;
    assert_eq!(walk.meant_for(), Some(hash("ana")));
}

#[tokio::test]
async fn a_person_whose_delivery_is_told_after_the_approval_is_bound_then() {
    let walk = Walk::remembering();
    let id = walk.opened().await;
    walk.approve(id).await;
    walk.wait(120);
    walk.reaches("ana", DeliveryReport::Delivered).await;
    walk.wait(3_600);
    walk.reaches("ana", DeliveryReport::Read).await;
    assert_eq!(
        walk.record().await.identity,
        Some(bound("ana", fixture::now())),
        "the memory counts from the approval and not from what was told about it"
    );
    walk.opened().await;
    assert_eq!(walk.meant_for(), Some(hash("ana")));
}

#[tokio::test]
async fn a_person_who_was_sent_a_code_and_not_approved_is_not_bound() {
    let walk = Walk::remembering();
    walk.opened().await;
    walk.reaches("eve", DeliveryReport::Delivered).await;
    walk.wait(600);
    walk.reaches("eve", DeliveryReport::Read).await;
    let id = walk.opened().await;
    assert_eq!(walk.meant_for(), None);
    // Approved, and nobody said whom this one reached.
    walk.approve(id).await;
    assert_eq!(walk.record().await.identity, None);
}

#[tokio::test]
async fn late_word_of_an_older_message_does_not_say_who_received_the_newer_one() {
    let walk = Walk::remembering();
    let id = walk.opened().await;
    let older = walk.house.messenger.sent().remove(0).reference;
    walk.wait(60);
    walk.start().await.expect("sent again");
    walk.reaches("ana", DeliveryReport::Delivered).await;
    let late = ReportedDelivery {
        identity: Some(hash("before")),
        ..ReportedDelivery::new(Some(older), DeliveryReport::Read)
    };
    walk.hears_post(vec![late]).await;
    walk.approve(id).await;
    assert_eq!(walk.record().await.identity.map(|it| it.hash), Some(hash("ana")));
}

#[tokio::test]
async fn a_resend_and_a_repeated_attempt_are_meant_for_the_same_person() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    walk.opened().await;
    walk.wait(1);
    walk.wake().await;
    walk.wait(60);
    walk.start().await.expect("sent again");
    let sent = walk.house.messenger.sent();
    assert_eq!(sent.len(), 4);
    assert!(sent[1..].iter().all(|it| it.identity == Some(hash("ana"))));
}

#[tokio::test]
async fn a_number_with_another_person_behind_it_ends_the_verification() {
    let refusal = NextStep::Rejected(Rejection::Identity);
    for told_by_webhook in [false, true] {
        let walk = Walk::remembering();
        walk.approves("ana").await;
        let id = if told_by_webhook {
            let id = walk.opened().await;
            walk.hears_of(Some(&walk.references()[1]), &failed_with(refusal)).await;
            id
        } else {
            walk.house.messenger.answer_next(Err(refusal));
            walk.opened().await
        };
        let state = walk.view(id).await.verification.state;
        let changed = FailureReason::IdentityChanged;
        assert!(
            matches!(state, VerificationState::Failed { reason, .. } if reason == changed),
            "{state:?}"
        );
        assert_eq!(walk.house.messenger.sent().len(), 2, "nothing is tried again");
        walk.wait(60);
        walk.opened().await;
        assert_eq!(
            walk.meant_for(),
            Some(hash("ana")),
            "nobody said that the new person is welcome"
        );
    }
}

#[tokio::test]
async fn a_start_that_accepts_the_change_forgets_the_person_and_binds_the_new_one() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.house
        .messenger
        .answer_next(Err(NextStep::Rejected(Rejection::Identity)));
    walk.opened().await;
    walk.wait(60);
    let id = walk
        .start_as(welcome())
        .await
        .expect("nothing stands in the way")
        .view
        .id;
    assert_eq!(walk.meant_for(), None);
    assert_eq!(walk.record().await.identity, None);
    walk.reaches("bea", DeliveryReport::Delivered).await;
    walk.approve(id).await;
    walk.opened().await;
    assert_eq!(walk.meant_for(), Some(hash("bea")));
}

#[tokio::test]
async fn a_resend_that_accepts_the_change_forgets_the_person_too() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.opened().await;
    walk.wait(60);
    walk.start_as(welcome()).await.expect("sent again");
    assert_eq!(walk.meant_for(), None);
}

#[tokio::test]
async fn who_is_bound_is_not_replaced_by_whoever_received_a_later_code() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.wait(10);
    walk.approves("bea").await;
    assert_eq!(walk.record().await.identity, Some(bound("ana", fixture::now())));
}

#[tokio::test]
async fn a_person_is_kept_for_the_memory_after_the_last_approval() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.house.clock.advance(DAY * 10);
    walk.approves("ana").await;
    let until = fixture::now().plus(DAY * 10).plus(Duration::from_secs(1)).plus(MEMORY);
    assert_eq!(walk.record().await.keep_until, until, "as long as the record");
    walk.house.clock.set(until.minus(Duration::from_millis(1)));
    walk.opened().await;
    assert_eq!(walk.meant_for(), Some(hash("ana")));
    walk.house.clock.set(until.plus(DAY));
    walk.opened().await;
    assert_eq!(walk.meant_for(), None);
    assert_eq!(walk.record().await.identity, None);
}

#[tokio::test]
async fn the_memory_ends_on_the_millisecond() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.house.clock.set(fixture::now().plus(MEMORY));
    walk.opened().await;
    assert_eq!(walk.meant_for(), None);
}

#[tokio::test]
async fn a_policy_that_was_switched_off_sends_nothing_along_and_drops_what_was_kept() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    let walk = walk.forgetting();
    walk.opened().await;
    assert_eq!(walk.meant_for(), None);
    let record = walk.record().await;
    assert_eq!(record.identity, None);
    assert!(record.verifications.iter().all(|it| it.identity.is_none()));
    assert!(record.keep_until < fixture::now().plus(MEMORY));
}

/// The message was claimed before the switch, and the record still holds the person.
#[tokio::test]
async fn a_policy_that_was_switched_off_sends_nothing_along_with_what_was_begun_before() {
    let walk = Walk::remembering();
    walk.approves("ana").await;
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    walk.opened().await;
    assert_eq!(walk.meant_for(), Some(hash("ana")));
    let walk = walk.forgetting();
    walk.wait(1);
    walk.wake().await;
    assert_eq!((walk.house.messenger.sent().len(), walk.meant_for()), (3, None));
}
