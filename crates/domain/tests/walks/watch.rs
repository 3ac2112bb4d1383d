//! Watch: what is seen of a verification, and when; with hints, and without.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use async_trait::async_trait;
use countersign_domain::app::Caller;
use countersign_domain::delivery::{DeliveryReport, DeliveryState};
use countersign_domain::id::{AppId, RecipientKey, ShardCount, VerificationId};
use countersign_domain::ports::{ChangeFeed, ChangeHints, StoreError};
use countersign_domain::recipient::Allowance;
use countersign_domain::use_case::{Error, StartRequest, UseCases, VerificationName, Watching};
use countersign_domain::verification::{CanceledBy, VerificationState};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;

const DAY: u64 = 24 * 60 * 60;
/// Recipients enough for each shard to get a few.
const OTHERS: u32 = 100;

/// A walk over this feed.
fn walk_over(feed: Arc<dyn ChangeFeed>) -> Walk {
    let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
    Walk {
        house: House::new(store, Arc::new(MemoryLimits::new()), feed),
    }
}

fn newest() -> VerificationName {
    VerificationName::Newest {
        app: fixture::app_id(),
        phone: fixture::phone(),
        purpose: fixture::purpose(),
    }
}

async fn watch(walk: &Walk, name: &VerificationName) -> Result<Watching, Error> {
    walk.house.use_cases.watch.begin(&fixture::caller(), name).await
}

async fn watch_id(walk: &Walk, id: VerificationId) -> Watching {
    watch(walk, &VerificationName::Id(id)).await.expect("it can be watched")
}

/// Whether there is a hint now. Looks once and waits for nothing.
async fn is_hinted(watching: &mut Watching) -> bool {
    let mut hint = pin!(watching.hint());
    poll_fn(|context| Poll::Ready(hint.as_mut().poll(context).is_ready())).await
}

/// What is seen after a hint, which has to be there.
async fn told(watching: &mut Watching) -> VerificationState {
    assert!(is_hinted(watching).await, "nobody hinted at the change");
    let seen = watching.look().await.expect("it is kept").expect("it changed");
    seen.verification.state
}

fn delivery(watching: &Watching) -> DeliveryState {
    watching.view().verification.deliveries[0].state
}

/// A feed all of whose hints are lost.
struct DeafFeed;

#[async_trait]
impl ChangeFeed for DeafFeed {
    fn publish(&self, _: RecipientKey) {}

    async fn subscribe(&self, _: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        Ok(Box::new(NoHints))
    }
}

/// The hints of a feed that has ended.
struct NoHints;

#[async_trait]
impl ChangeHints for NoHints {
    async fn next(&mut self) -> Option<()> {
        None
    }
}

/// A feed that cannot be reached.
struct AwayFeed;

#[async_trait]
impl ChangeFeed for AwayFeed {
    fn publish(&self, _: RecipientKey) {}

    async fn subscribe(&self, _: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        Err(StoreError::Unavailable("away".into()))
    }
}

/// A deaf feed at which a verification is canceled in the moment somebody begins to listen.
#[derive(Default)]
struct Meddler(OnceLock<(UseCases, VerificationId)>);

#[async_trait]
impl ChangeFeed for Meddler {
    fn publish(&self, _: RecipientKey) {}

    async fn subscribe(&self, _: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        let (use_cases, id) = self.0.get().expect("told whom to cancel");
        let name = VerificationName::Id(*id);
        let canceled = use_cases.cancel.execute(&fixture::caller(), &name).await;
        canceled.expect("it is open");
        Ok(Box::new(NoHints))
    }
}

#[tokio::test]
async fn every_change_is_hinted_at_and_seen_up_to_the_end() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let mut watching = watch_id(&walk, id).await;
    assert_eq!(watching.view(), &walk.view(id).await);
    assert!(!watching.is_final() && !is_hinted(&mut watching).await);

    let reference = walk.house.messenger.sent()[0].reference.clone();
    walk.hears_of(Some(&reference), &DeliveryReport::Delivered).await;
    assert_eq!(told(&mut watching).await, VerificationState::Open);
    assert_eq!(delivery(&watching), DeliveryState::Delivered);

    walk.outcome(id, &walk.wrong()).await;
    assert_eq!(told(&mut watching).await, VerificationState::Open);
    assert_eq!(watching.view().guesses_left, 4);

    walk.approve(id).await;
    assert!(matches!(told(&mut watching).await, VerificationState::Approved { .. }));
    assert!(watching.is_final());
}

#[tokio::test]
async fn a_change_that_comes_between_listening_and_reading_is_not_missed() {
    let feed = Arc::new(Meddler::default());
    let walk = walk_over(feed.clone());
    let id = walk.opened().await;
    assert!(feed.0.set((walk.house.use_cases.clone(), id)).is_ok());
    let watching = watch_id(&walk, id).await;
    assert!(watching.is_final(), "it was read before anybody listened");
}

#[tokio::test]
async fn changes_that_come_while_nobody_looks_are_seen_as_one() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let mut watching = watch_id(&walk, id).await;
    for _ in 0..3 {
        walk.outcome(id, &walk.wrong()).await;
    }
    told(&mut watching).await;
    assert_eq!(watching.view().guesses_left, 2);
    assert!(!is_hinted(&mut watching).await);
    assert_eq!(watching.look().await.expect("it is kept"), None);
}

#[tokio::test]
async fn a_change_whose_hint_was_lost_is_seen_by_looking() {
    let walk = walk_over(Arc::new(DeafFeed));
    let id = walk.opened().await;
    let mut watching = watch_id(&walk, id).await;
    walk.approve(id).await;
    assert!(
        !is_hinted(&mut watching).await,
        "a feed that has ended hints at nothing"
    );
    assert!(watching.look().await.expect("it is kept").is_some());
    assert!(watching.is_final());
}

#[tokio::test]
async fn what_time_alone_does_is_seen_though_nobody_writes_it_down() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let mut watching = watch_id(&walk, id).await;
    assert!(matches!(watching.view().send, Allowance::Later(_)));
    walk.wait(60);
    let seen = watching.look().await.expect("it is kept").expect("the wait is over");
    assert_eq!(seen.send, Allowance::Now);
    walk.wait(540);
    let seen = watching.look().await.expect("it is kept").expect("its life is over");
    assert_eq!(
        seen.verification.state,
        VerificationState::Expired {
            at: seen.verification.expires_at
        }
    );
    assert!(watching.is_final() && !is_hinted(&mut watching).await);
}

#[tokio::test]
async fn a_finished_verification_is_final_at_once() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.approve(id).await;
    assert!(watch_id(&walk, id).await.is_final());
}

#[tokio::test]
async fn the_newest_is_the_newest_when_the_watch_begins() {
    let walk = Walk::new();
    let first = walk.opened().await;
    let mut watching = watch(&walk, &newest()).await.expect("there is one");
    assert_eq!(watching.view().id, first);
    // Too little of the first one's life is left to send again.
    walk.wait(570);
    let second = walk.opened().await;
    assert_ne!(first, second);
    let state = told(&mut watching).await;
    assert!(
        matches!(
            state,
            VerificationState::Canceled {
                by: CanceledBy::Newer,
                ..
            }
        ),
        "{state:?}"
    );
    assert_eq!(watching.view().id, first);
    assert_eq!(watch(&walk, &newest()).await.expect("there is one").view().id, second);
}

#[tokio::test]
async fn what_is_foreign_looks_like_what_is_unknown_and_nobody_listens_to_it() {
    let feed = Arc::new(MemoryFeed::new());
    let walk = walk_over(feed.clone());
    let unknown = watch(&walk, &newest()).await;
    assert!(matches!(unknown, Err(Error::NotFound)));
    let id = walk.opened().await;
    let mut stranger: Caller = fixture::caller();
    stranger.apps = [AppId::parse("other").expect("a slug")].into();
    for name in [VerificationName::Id(id), newest()] {
        let foreign = walk.house.use_cases.watch.begin(&stranger, &name).await;
        assert!(matches!(foreign, Err(Error::NotFound)), "{name:?}");
    }
    assert!(feed.is_empty());
}

#[tokio::test]
async fn a_verification_that_is_no_longer_kept_is_not_found_nor_mistaken_for_another() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let mut watching = watch_id(&walk, id).await;
    // Far past everything a record is kept for. The store drops it while others are written, and the record that comes
    // after counts from 1 again.
    walk.wait(60 * DAY);
    for other in 0..OTHERS {
        let request = StartRequest {
            phone: fixture::phone_number(other),
            ..Walk::request()
        };
        walk.start_as(request).await.expect("nothing stands in the way");
    }
    let next = walk.opened().await;
    assert_eq!((id.serial(), next.serial()), (1, 1));
    assert!(matches!(watching.look().await, Err(Error::NotFound)));
    // It stays what it was last seen to be.
    assert_eq!(watching.view().id, id);
}

#[tokio::test]
async fn whoever_stops_watching_is_not_listened_for() {
    let feed = Arc::new(MemoryFeed::new());
    let walk = walk_over(feed.clone());
    let id = walk.opened().await;
    let watchers = [watch_id(&walk, id).await, watch_id(&walk, id).await];
    assert_eq!(feed.len(), 1);
    drop(watchers);
    assert!(feed.is_empty());
}

#[tokio::test]
async fn without_a_feed_there_is_nothing_to_watch() {
    let walk = walk_over(Arc::new(AwayFeed));
    let id = walk.opened().await;
    let away = watch(&walk, &VerificationName::Id(id)).await;
    assert!(matches!(away, Err(Error::Store(StoreError::Unavailable(_)))));
}
