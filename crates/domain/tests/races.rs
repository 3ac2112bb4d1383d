//! Requests for one recipient that race each other, over a store that lets them.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::client::Client;
use countersign_domain::guard::PersonKey;
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::limit::{Charge, ChargeMode, KeyPart, KeyParts, LimitKey, RuleName, peek};
use countersign_domain::ports::{Clock, Erased, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::request::RequestId;
use countersign_domain::template::Platform;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::StartRequest;
use countersign_domain::verification::StartOutcome;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

/// A store in which everybody has loaded before anybody writes, and others get so many turns before a write is through.
struct SlowStore {
    store: MemoryStore,
    turns_per_write: usize,
}

#[async_trait]
impl RecipientStore for SlowStore {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        let loaded = self.store.load(key).await;
        tokio::task::yield_now().await;
        loaded
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        for _ in 0..self.turns_per_write {
            tokio::task::yield_now().await;
        }
        self.store.replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.store.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.store.erase(key, seen).await
    }
}

async fn race(starts: usize, with_request_ids: bool, turns_per_write: usize) -> (Vec<StartOutcome>, u64) {
    let limits = Arc::new(MemoryLimits::new());
    let store = Arc::new(SlowStore {
        store: MemoryStore::new(ShardCount::DEFAULT),
        turns_per_write,
    });
    let house = Arc::new(House::new(store, Arc::clone(&limits) as _, Arc::new(MemoryFeed::new())));
    let mut tasks = Vec::new();
    for number in 0..starts {
        let house = Arc::clone(&house);
        let request = StartRequest {
            app: fixture::app_id(),
            phone: fixture::phone(),
            purpose: fixture::purpose(),
            language: None,
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            client: Client::default(),
            request_id: if with_request_ids {
                RequestId::parse(&format!("r{number}")).unwrap()
            } else {
                None
            },
            deadline: None,
        };
        tasks.push(tokio::spawn(async move {
            house.use_cases.start.execute(&fixture::caller(), request).await
        }));
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap().expect("nobody is refused").outcome);
    }
    let charge = Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::derive(
            &fixture::identity(),
            RuleName::UnansweredSends,
            PersonKey::of(&fixture::identity(), &fixture::phone()).as_bytes(),
        ),
        quota: fixture::policy().unanswered_quota(),
        amount: std::num::NonZeroU64::MIN,
        parts: KeyParts::of(&[KeyPart::Phone]),
        mode: ChargeMode::Refuse,
    };
    let held = limits.peek(&[charge]).await.unwrap()[0];
    let left = peek(held, charge.quota, house.clock.now()).left;
    house.run_errands().await;
    assert_eq!(
        house.messenger.sent().len(),
        1,
        "one message for {starts} parallel starts"
    );
    (outcomes, left)
}

async fn assert_one_opens(starts: usize, with_request_ids: bool, turns_per_write: usize) {
    let race_is = format!("{starts} starts, request ids: {with_request_ids}, turns per write: {turns_per_write}");
    let (outcomes, left) = race(starts, with_request_ids, turns_per_write).await;
    let count = |wanted| outcomes.iter().filter(|it| **it == wanted).count();
    let (opened, joined) = (count(StartOutcome::Opened), count(StartOutcome::Joined));
    assert_eq!((opened, joined), (1, starts - 1), "{race_is}");
    assert_eq!(left, 9, "{race_is}");
}

#[tokio::test]
async fn of_parallel_starts_one_opens_the_others_join_and_one_is_charged() {
    for (starts, with_request_ids) in [(2, false), (9, false), (64, false), (9, true), (64, true)] {
        assert_one_opens(starts, with_request_ids, 1).await;
    }
}

/// There are ten charges. While the first write is on its way, other starts could hold them all, and the rest be told
/// that none is left.
#[tokio::test]
async fn parallel_starts_are_not_refused_for_want_of_what_those_they_race_will_give_back() {
    for turns_per_write in [10, 100] {
        assert_one_opens(64, false, turns_per_write).await;
        assert_one_opens(64, true, turns_per_write).await;
    }
}
