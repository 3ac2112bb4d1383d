//! What a second pair of eyes broke: clocks that disagree, answers that are lost, instances that know less.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::app::{App, Apps};
use countersign_domain::delivery::{DeliveryReport, DeliveryState, Fault, NextStep, ProviderReport, ThrottleScope};
use countersign_domain::id::{AppId, RecipientKey, Shard, ShardCount};
use countersign_domain::key::{KeyId, KeyRing, SecretKey};
use countersign_domain::policy::{Policy, PolicySettings, ResendCode};
use countersign_domain::ports::{Clock, Erased, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::template::Templates;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::{CheckRequest, Error, StartRequest, VerificationName};
use countersign_domain::verification::{CheckOutcome, StartOutcome, VerificationState};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::{Walk, request_id};

/// Writes, and then cannot say that it did.
struct Unconfirmed(MemoryStore, std::sync::atomic::AtomicBool);

#[async_trait]
impl RecipientStore for Unconfirmed {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.0.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let replaced = self.0.replace(key, seen, new, now).await?;
        if self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(StoreError::Unavailable("no replica confirmed the write".into()));
        }
        Ok(replaced)
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.0.due(now, shard, limit).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.0.erase(key, seen).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.0.backlog(now).await
    }
}

#[tokio::test]
async fn an_approval_nobody_confirmed_is_not_said_by_repeating_the_request() {
    let store = Arc::new(Unconfirmed(MemoryStore::new(ShardCount::DEFAULT), false.into()));
    let (limits, feed) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
    let walk = Walk {
        house: House::new(Arc::clone(&store) as _, limits, feed),
    };
    let id = walk.opened().await;
    let guess = || CheckRequest {
        request_id: request_id("r1"),
        ..Walk::guess(id, &walk.code())
    };
    store.1.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..2 {
        assert!(matches!(walk.check_as(guess()).await, Err(Error::Store(_))));
    }
    store.1.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(walk.check_as(guess()).await.unwrap().outcome, CheckOutcome::Approved);
}

#[tokio::test]
async fn an_approval_under_a_frozen_clock_does_not_switch_the_waits_off() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(30);
    walk.approve(id).await;
    // Another instance's clock is behind: the record's time stands still.
    walk.house.clock.set(fixture::now().plus(Duration::from_secs(10)));
    walk.opened().await;
    for _ in 0..5 {
        walk.house.clock.advance(Duration::from_millis(200));
        assert_eq!(walk.start().await.unwrap().outcome, StartOutcome::Joined);
    }
    assert_eq!(walk.house.messenger.sent().len(), 2);
}

#[tokio::test]
async fn a_deadline_is_the_callers_and_not_the_records() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.house.clock.set(fixture::now().minus(Duration::from_secs(6)));
    let deadline = Some(walk.house.clock.now().plus(Duration::from_secs(5)));
    let guess = CheckRequest {
        deadline,
        ..Walk::guess(id, &walk.code())
    };
    assert_eq!(walk.check_as(guess).await.unwrap().outcome, CheckOutcome::Approved);
}

#[tokio::test]
async fn a_code_from_a_clock_far_ahead_dies_once_the_clock_is_right() {
    let walk = Walk::new();
    walk.house.clock.advance(DAY * 2);
    let id = walk.opened().await;
    walk.house
        .clock
        .set(fixture::now().plus(Duration::from_secs(40 * 3_600)));
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Expired);
}

#[tokio::test]
async fn what_a_resend_replaced_is_never_sent_again() {
    for resend_code in [ResendCode::Same, ResendCode::Fresh] {
        let walk = Walk::under(PolicySettings {
            resend_code,
            ..fixture::policy_settings()
        });
        let retry_after = Some(Duration::from_secs(58));
        walk.house.messenger.answer_next(Err(NextStep::Throttled {
            scope: ThrottleScope::Sender,
            retry_after,
        }));
        walk.house.messenger.answer_next(Err(NextStep::Uncertain));
        let id = walk.opened().await;
        walk.wait(59);
        walk.wake().await;
        walk.wait(2);
        assert_eq!(walk.start().await.unwrap().outcome, StartOutcome::Resent);
        let newest = walk.code();
        for _ in 0..4 {
            walk.wait(5);
            walk.wake().await;
        }
        assert_eq!(walk.house.messenger.sent().len(), 3, "{resend_code:?}");
        assert_eq!(
            walk.outcome(id, &newest).await,
            CheckOutcome::Approved,
            "{resend_code:?}"
        );
    }
}

#[tokio::test]
async fn a_failure_of_a_replaced_message_makes_no_new_one() {
    let walk = Walk::new();
    walk.opened().await;
    walk.wait(60);
    walk.start().await.unwrap();
    let first = walk.house.messenger.sent()[0].reference.clone();
    let report = DeliveryReport::Failed {
        step: NextStep::Unavailable,
        report: ProviderReport::new(1, "", ""),
    };
    walk.hears_of(Some(&first), &report).await;
    walk.wait(30);
    walk.wake().await;
    assert_eq!(walk.house.messenger.sent().len(), 2);
}

#[tokio::test]
async fn one_start_makes_at_most_three_messages_the_provider_took() {
    let walk = Walk::new();
    walk.opened().await;
    let report = DeliveryReport::Failed {
        step: NextStep::Unavailable,
        report: ProviderReport::new(1, "", ""),
    };
    for _ in 0..10 {
        let newest = walk.house.messenger.sent().last().unwrap().reference.clone();
        walk.hears_of(Some(&newest), &report).await;
        walk.wait(30);
        walk.wake().await;
    }
    assert_eq!(walk.house.messenger.sent().len(), 3);
}

#[tokio::test]
async fn an_errand_that_waited_too_long_does_not_send_beside_the_loop() {
    let walk = Walk::new();
    let start = &walk.house.use_cases.start;
    start.execute(&fixture::caller(), Walk::request()).await.unwrap();
    // The lease holds for one attempt and the wait for word; what begins later would end after it.
    walk.house.clock.advance(Duration::from_millis(10_001));
    walk.house.run_errands().await;
    assert!(
        walk.house.messenger.sent().is_empty(),
        "the attempt could outlive its lease"
    );
    walk.wake().await;
    assert_eq!(walk.house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_for_what_was_canceled_while_its_errand_waited() {
    let walk = Walk::new();
    let id = walk
        .house
        .use_cases
        .start
        .execute(&fixture::caller(), Walk::request())
        .await
        .unwrap()
        .view
        .id;
    let name = VerificationName::Id(id);
    walk.house
        .use_cases
        .cancel
        .execute(&fixture::caller(), &name)
        .await
        .unwrap();
    walk.wait(1);
    walk.house.run_errands().await;
    assert!(walk.house.messenger.sent().is_empty());
}

#[tokio::test]
async fn what_may_have_arrived_is_not_called_failed_because_a_repeat_was_refused() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    walk.house
        .messenger
        .answer_next(Err(NextStep::Misconfigured(Fault::Account)));
    let id = walk.opened().await;
    walk.wait(10);
    walk.wake().await;
    let view = walk.view(id).await;
    assert_eq!(
        view.verification.deliveries[0].state,
        DeliveryState::Unknown { settle_at: None }
    );
    walk.approve(id).await;
}

/// During a roll-out one instance does not know the new key yet.
#[tokio::test]
async fn an_instance_that_lacks_a_key_ends_nothing_for_those_that_have_it() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    let id = walk.opened().await;
    let mut rulebook = fixture::rulebook();
    let key = KeyId::parse("k0").unwrap();
    rulebook.keys = KeyRing::new(key.clone(), [(key, SecretKey::new([9; 32]))]).unwrap();
    let ports = &walk.house.ports;
    let (recipients, limits, feed) = (ports.recipients.clone(), ports.limits.clone(), ports.feed.clone());
    let old = House::builder(recipients, limits, feed)
        .rulebook(rulebook)
        .clock(Arc::clone(&walk.house.clock))
        .build();
    let guess = Walk::guess(id, &walk.wrong());
    let answer = old.use_cases.check.execute(&fixture::caller(), guess).await.unwrap();
    assert_eq!(answer.outcome, CheckOutcome::Canceled);
    walk.wait(1);
    old.wake_due(ShardCount::DEFAULT).await.unwrap();
    assert!(old.messenger.sent().is_empty());
    assert!(walk.view(id).await.verification.is_open());
    walk.wait(30);
    walk.wake().await;
    walk.approve(id).await;
}

#[tokio::test]
async fn a_repeat_by_recipient_is_answered_for_the_verification_it_was_about() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let name = || VerificationName::Newest {
        app: fixture::app_id(),
        phone: fixture::phone(),
        purpose: fixture::purpose(),
    };
    let code = walk.code();
    let guess = || CheckRequest {
        name: name(),
        request_id: request_id("r1"),
        ..Walk::guess(id, &code)
    };
    assert_eq!(walk.check_as(guess()).await.unwrap().outcome, CheckOutcome::Approved);
    walk.wait(1);
    let newer = walk.opened().await;
    let again = walk.check_as(guess()).await.unwrap();
    assert_eq!((again.outcome, again.view.id), (CheckOutcome::Approved, id));
    assert!(walk.view(newer).await.verification.is_open());
}

#[test]
fn what_is_counted_over_all_apps_is_the_same_for_all_apps() {
    let app = |silence: Duration| {
        let policy = Policy::new(PolicySettings {
            silence,
            ..fixture::policy_settings()
        })
        .unwrap();
        App {
            templates: Templates::default(),
            senders: Vec::new(),
            purposes: [(fixture::purpose(), Arc::new(policy))].into(),
        }
    };
    let apps = |silences: [u64; 2]| {
        let named = ["one", "two"].map(|it| AppId::parse(it).unwrap()).into_iter();
        Apps::new(named.zip(silences.map(|hours| app(Duration::from_secs(hours * 3_600)))))
    };
    assert!(apps([24, 24]).mistakes().is_empty());
    assert_eq!(apps([24, 1]).mistakes().len(), 1);
}

#[test]
fn debug_of_a_request_shows_no_context() {
    let context = crate::pairs("4711");
    let start = StartRequest {
        context: context.clone(),
        ..Walk::request()
    };
    let id = countersign_domain::id::VerificationId::new(&fixture::identity(), fixture::recipient_key(), 1, &[0; 16]);
    let check = CheckRequest {
        context,
        ..Walk::guess(id, "123456")
    };
    let text = format!("{start:?} {check:?}");
    assert!(!text.contains("4711") && !text.contains("123456"), "{text}");
}

#[test]
fn absurd_durations_are_refused_and_do_not_panic() {
    let mistakes = Policy::new(PolicySettings {
        useful_life_min: Duration::MAX,
        send_timeout: Duration::MAX,
        settle_wait: Duration::MAX,
        code_life: Duration::MAX,
        ..fixture::policy_settings()
    });
    assert!(mistakes.unwrap_err().len() >= 4);
}

#[tokio::test]
async fn a_verification_that_ends_by_a_wrong_clock_is_written_down() {
    let walk = Walk::new();
    walk.house.clock.advance(DAY);
    let id = walk.opened().await;
    walk.house.clock.set(fixture::now());
    walk.wait(1);
    let name = VerificationName::Id(id);
    let view = walk
        .house
        .use_cases
        .get
        .execute(&fixture::caller(), &name)
        .await
        .unwrap();
    assert!(matches!(view.verification.state, VerificationState::Expired { .. }));
}
