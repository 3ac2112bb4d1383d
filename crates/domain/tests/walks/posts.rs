//! Posts that say several things: what they cost, what they tell, and what fails with what.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_domain::delivery::{DeliveryReport, DeliveryState, NextStep, ProviderReport, Rejection};
use countersign_domain::event::{Event, IgnoredReport};
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{Erased, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::{Recipient, StatusReport};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Applied, Error, ReportedDelivery, StartRequest};
use countersign_domain::verification::EndReason;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;

const STALE: Applied = Applied::Ignored(IgnoredReport::Stale);

/// Counts what it is asked, is away for one recipient, and lets somebody else be faster once; when it is told to.
struct Watched {
    inner: MemoryStore,
    loads: AtomicUsize,
    replaces: AtomicUsize,
    away_for: Mutex<Option<RecipientKey>>,
    somebody_is_faster: AtomicBool,
}

impl Watched {
    fn new() -> Self {
        Self {
            inner: MemoryStore::new(ShardCount::DEFAULT),
            loads: AtomicUsize::new(0),
            replaces: AtomicUsize::new(0),
            away_for: Mutex::default(),
            somebody_is_faster: AtomicBool::new(false),
        }
    }

    /// Loads and replaces since it was last asked.
    fn cost(&self) -> (usize, usize) {
        (
            self.loads.swap(0, Ordering::SeqCst),
            self.replaces.swap(0, Ordering::SeqCst),
        )
    }

    fn answers_for(&self, key: RecipientKey) -> Result<(), StoreError> {
        if *self.away_for.lock().expect("nobody panicked") == Some(key) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl RecipientStore for Watched {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.answers_for(key)?;
        self.inner.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.replaces.fetch_add(1, Ordering::SeqCst);
        self.answers_for(key)?;
        if self.somebody_is_faster.swap(false, Ordering::SeqCst) {
            let mut there = self.inner.load(key).await?.expect("a record").recipient;
            assert!(there.apply_report(
                1,
                1,
                &StatusReport::new(&DeliveryReport::Sent),
                &fixture::policy(),
                0,
                now
            ));
            self.inner.replace(key, seen, &there, now).await?;
        }
        self.inner.replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.inner.due(now, shard, limit).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.inner.erase(key, seen).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.backlog(now).await
    }
}

impl Walk {
    fn watched() -> (Self, Arc<Watched>) {
        let store = Arc::new(Watched::new());
        let (limits, feed) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
        let house = House::new(Arc::clone(&store) as _, limits, feed);
        (Self { house }, store)
    }

    /// Every reference that was sent, each once, oldest first.
    pub(crate) fn references(&self) -> Vec<String> {
        let mut references: Vec<String> = Vec::new();
        for message in self.house.messenger.sent() {
            if !references.contains(&message.reference) {
                references.push(message.reference);
            }
        }
        references
    }

    pub(crate) async fn stored(&self, phone: &PhoneNumber) -> Option<Recipient> {
        let stored = self.house.ports.recipients.load(key(phone)).await;
        stored.expect("the store is there").map(|it| it.recipient)
    }

    async fn delivery_states(&self, phone: &PhoneNumber) -> Vec<DeliveryState> {
        let recipient = self.stored(phone).await.expect("a record");
        let deliveries = recipient.verifications.iter().flat_map(|it| &it.deliveries);
        deliveries.map(|it| it.state).collect()
    }
}

pub(crate) fn key(phone: &PhoneNumber) -> RecipientKey {
    RecipientKey::derive(&fixture::identity(), &fixture::app_id(), &fixture::purpose(), phone)
}

pub(crate) fn to(phone: PhoneNumber) -> StartRequest {
    StartRequest {
        phone,
        ..Walk::request()
    }
}

fn says(reference: &str, report: DeliveryReport) -> ReportedDelivery {
    ReportedDelivery::new(Some(reference.to_owned()), report)
}

pub(crate) fn failed_with(step: NextStep) -> DeliveryReport {
    DeliveryReport::Failed {
        step,
        report: ProviderReport::new(1, "title", "details"),
    }
}

fn whole_way(reference: &str) -> impl Iterator<Item = ReportedDelivery> {
    [DeliveryReport::Sent, DeliveryReport::Delivered, DeliveryReport::Read]
        .map(|report| says(reference, report))
        .into_iter()
}

#[tokio::test]
async fn three_statuses_of_one_message_cost_one_load_and_one_replace() {
    let (walk, store) = Walk::watched();
    walk.opened().await;
    let post: Vec<_> = whole_way(&walk.references()[0]).collect();
    store.cost();
    let applied = walk.hears_post(post.clone()).await.remove(0).unwrap();
    assert_eq!(applied, [Applied::Moved; 3]);
    assert_eq!(store.cost(), (1, 1));

    let applied = walk.hears_post(post).await.remove(0).unwrap();
    assert_eq!(applied, [STALE; 3]);
    assert_eq!(store.cost(), (1, 0), "nothing new is not written");
    assert_eq!(walk.delivery_states(&fixture::phone()).await, [DeliveryState::Read]);
}

#[tokio::test]
async fn statuses_of_two_messages_of_one_recipient_cost_one_load_and_one_replace() {
    let (walk, store) = Walk::watched();
    walk.opened().await;
    walk.wait(60);
    walk.start().await.unwrap();
    let references = walk.references();
    assert_eq!(references.len(), 2);
    store.cost();
    let post = whole_way(&references[1]).chain(whole_way(&references[0])).collect();
    assert_eq!(walk.hears_post(post).await.len(), 1);
    assert_eq!(store.cost(), (1, 1));
    assert_eq!(walk.delivery_states(&fixture::phone()).await, [DeliveryState::Read; 2]);
}

#[tokio::test]
async fn ten_messages_of_ten_recipients_cost_ten_loads_and_ten_replaces() {
    let (walk, store) = Walk::watched();
    for n in 0..10 {
        walk.start_as(to(fixture::phone_number(n))).await.unwrap();
    }
    store.cost();
    let post = walk.references().iter().flat_map(|it| whole_way(it)).collect();
    let applied = walk.hears_post(post).await;
    assert_eq!(applied.len(), 10);
    assert!(applied.into_iter().all(|it| it.unwrap() == [Applied::Moved; 3]));
    assert_eq!(store.cost(), (10, 10));
}

#[tokio::test]
async fn what_is_not_ours_costs_nothing() {
    let (walk, store) = Walk::watched();
    let nobodys = ReportedDelivery::new(None, DeliveryReport::Read);
    let post = vec![nobodys, says("somebody else's", DeliveryReport::Read)];
    assert_eq!(walk.hears_post(post).await.remove(0).unwrap().len(), 2);
    assert_eq!(store.cost(), (0, 0));
}

#[tokio::test]
async fn a_store_that_fails_for_one_recipient_fails_only_what_is_about_it() {
    let (walk, store) = Walk::watched();
    let phones = [1, 2].map(fixture::phone_number);
    for phone in &phones {
        walk.start_as(to(phone.clone())).await.unwrap();
    }
    *store.away_for.lock().unwrap() = Some(key(&phones[0]));
    let references = walk.references();
    let post = || {
        let unknown = says(&fixture::reference(1), DeliveryReport::Read);
        let foreign = says("somebody else's", DeliveryReport::Read);
        let ours = references.iter().flat_map(|it| whole_way(it));
        [foreign, unknown].into_iter().chain(ours).collect::<Vec<_>>()
    };
    let applied = walk.hears_post(post()).await;
    let failed = applied.iter().filter(|it| matches!(it, Err(Error::Store(_))));
    assert_eq!((applied.len(), failed.count()), (4, 1));
    assert_eq!(walk.delivery_states(&phones[1]).await, [DeliveryState::Read]);

    // Repeated, as the provider does, it is told in full.
    *store.away_for.lock().unwrap() = None;
    assert!(walk.hears_post(post()).await.iter().all(Result::is_ok));
    assert_eq!(walk.delivery_states(&phones[0]).await, [DeliveryState::Read]);
}

#[tokio::test]
async fn a_lost_race_decides_the_whole_post_again() {
    let (walk, store) = Walk::watched();
    walk.opened().await;
    let post = whole_way(&walk.references()[0]).collect();
    store.cost();
    store.somebody_is_faster.store(true, Ordering::SeqCst);
    let applied = walk.hears_post(post).await.remove(0).unwrap();
    assert_eq!(applied, [STALE, Applied::Moved, Applied::Moved]);
    assert_eq!(store.cost(), (1, 2), "the conflict handed back what was there");
}

#[tokio::test]
async fn one_write_tells_where_the_message_ended_and_what_came_of_it() {
    let walk = Walk::new();
    walk.opened().await;
    let reference = walk.references().remove(0);
    walk.house.recorder.take();
    let mut post: Vec<_> = whole_way(&reference).collect();
    post.insert(
        0,
        says(&reference, failed_with(NextStep::Rejected(Rejection::Undeliverable))),
    );
    let applied = walk.hears_post(post).await.remove(0).unwrap();
    assert_eq!(applied, [Applied::Moved, STALE, Applied::Moved, Applied::Moved]);
    let events = walk.house.recorder.take();
    let [
        Event::DeliveryMoved { from, to, report, .. },
        Event::Ended { .. },
        Event::ReportIgnored { .. },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!((*from, *to), (Some(DeliveryState::Accepted), DeliveryState::Read));
    assert!(report.is_some(), "the failure on the way is told with it");
}

/// Nobody had written the expiry when the post came; one write tells it with all that the post says.
#[tokio::test]
async fn an_expiry_written_with_a_post_knows_the_whole_post() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(600);
    walk.house.recorder.take();
    walk.hears_post(whole_way(&walk.references()[0]).collect()).await;
    let events = walk.house.recorder.take();
    let reasons = events.iter().filter_map(|event| match event {
        Event::Ended { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [EndReason::NotEntered]);
    assert_eq!(
        walk.view(id).await.verification.end_reason(),
        Some(EndReason::NotEntered)
    );
}
