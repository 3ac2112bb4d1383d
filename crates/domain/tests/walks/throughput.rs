//! Throughput: what one sender may send a second, over all instances, and what waiting for it means for messages.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::delivery::{Delivery, DeliveryState, FailureReason};
use countersign_domain::event::Event;
use countersign_domain::id::ShardCount;
use countersign_domain::limit::{Charge, LimitKey, LimitState, Taken};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::ports::{Clock, Errand, GiveBack, LimitStore, StoreError};
use countersign_domain::sender::Sender;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Postponed, Rulebook};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::posts::to;
use crate::senders::apps_under;

/// How far apart two looks at what waits are.
const TICK: Duration = Duration::from_millis(20);
const SHARDS: ShardCount = ShardCount::DEFAULT;

/// Shared limits that are away when they are told to be.
#[derive(Default)]
struct Fickle {
    inner: MemoryLimits,
    is_away: AtomicBool,
    asked_in_vain: AtomicUsize,
}

#[async_trait]
impl LimitStore for Fickle {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            self.asked_in_vain.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("away".into()));
        }
        self.inner.take(charges, now).await
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        self.inner.give_back(owed, now).await
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        self.inner.peek(charges).await
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        self.inner.forget(keys).await
    }
}

/// An instance whose errands wait exactly as long as they were told to.
struct Instance {
    house: House,
    waiting: Vec<(Timestamp, Errand)>,
}

impl Instance {
    const fn new(house: House) -> Self {
        Self {
            house,
            waiting: Vec::new(),
        }
    }

    /// Claims a message to the `n`-th person, and does not send it yet.
    async fn starts(&self, n: u32) {
        let start = &self.house.use_cases.start;
        let started = start.execute(&fixture::caller(), to(fixture::phone_number(n))).await;
        started.expect("nothing stands in the way");
    }

    /// Runs what is new, what has waited long enough and what the store says is due.
    async fn looks(&mut self) {
        let now = self.house.clock.now();
        let mut errands: Vec<_> = self.house.courier.take().into_iter().map(|it| (now, it)).collect();
        let (over, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.waiting = waiting;
        errands.extend::<Vec<_>>(over);
        errands.sort_by_key(|(at, _)| *at);
        let dispatch = Arc::clone(&self.house.use_cases.dispatch);
        for (_, errand) in errands {
            let postponed = dispatch.run(errand).await;
            self.lets_wait(postponed, now);
        }
        for shard in SHARDS.shards() {
            for key in dispatch.due(shard, 1_000).await.expect("the store is there") {
                let postponed = dispatch.wake(key).await.expect("the store is there");
                self.lets_wait(postponed, now);
            }
        }
    }

    fn lets_wait(&mut self, postponed: Option<Postponed>, now: Timestamp) {
        self.waiting.extend(postponed.map(|it| (now.plus(it.wait), it.errand)));
    }
}

/// Instances over one set of stores.
struct City {
    instances: Vec<Instance>,
    limits: Arc<Fickle>,
    /// When messages left, in milliseconds since the beginning.
    left_at: Vec<u64>,
}

impl City {
    fn new(throughput: u16, instances: usize, settings: PolicySettings) -> Self {
        let limits = Arc::new(Fickle::default());
        let store = Arc::new(MemoryStore::new(SHARDS));
        let first = House::builder(store, Arc::clone(&limits) as _, Arc::new(MemoryFeed::new()));
        let first = first.rulebook(paced(throughput, settings)).build();
        let mut instances: Vec<_> = (1..instances).map(|_| Instance::new(first.second_instance())).collect();
        instances.push(Instance::new(first));
        Self {
            instances,
            limits,
            left_at: Vec::new(),
        }
    }

    fn house(&self) -> &House {
        &self.instances[0].house
    }

    /// So many people, each at the instance whose turn it is.
    async fn starts(&self, people: u32) {
        for n in 0..people {
            let instance = usize::try_from(n).expect("few") % self.instances.len();
            self.instances[instance].starts(n).await;
        }
    }

    async fn runs_for(&mut self, span: Duration) {
        let end = self.house().clock.now().plus(span);
        loop {
            for instance in &mut self.instances {
                instance.looks().await;
            }
            let now = self.house().clock.now();
            let sent = self.house().messenger.sent().len();
            self.left_at
                .resize(sent, now.since(fixture::now()).as_millis().try_into().expect("short"));
            if now >= end {
                return;
            }
            self.house().clock.advance(TICK);
        }
    }

    /// The most messages that left within any second.
    fn busiest_second(&self) -> usize {
        let within = |from: &u64| {
            self.left_at
                .iter()
                .filter(|at| (*from..from + 1_000).contains(*at))
                .count()
        };
        self.left_at.iter().map(within).max().unwrap_or(0)
    }

    async fn delivery(&self, n: u32) -> Delivery {
        let key = crate::posts::key(&fixture::phone_number(n));
        let stored = self
            .house()
            .ports
            .recipients
            .load(key)
            .await
            .expect("the store is there");
        let mut recipient = stored.expect("a record").recipient;
        recipient.verifications.remove(0).deliveries.remove(0)
    }

    async fn deliveries(&self, people: u32) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for n in 0..people {
            deliveries.push(self.delivery(n).await);
        }
        deliveries
    }

    /// Everybody got one message, and nothing was handed over or counted twice.
    async fn assert_all_sent_once(&self, people: u32) {
        let mut reached: Vec<_> = self.recipients().iter().map(|it| it.expose().to_owned()).collect();
        assert_eq!(reached.len(), usize::try_from(people).expect("few"));
        reached.sort();
        reached.dedup();
        assert_eq!(reached.len(), usize::try_from(people).expect("few"), "somebody got two");
        for delivery in self.deliveries(people).await {
            assert_eq!(
                (delivery.state, delivery.tries, delivery.repeated),
                (DeliveryState::Accepted, 1, false)
            );
        }
        let is_trouble = |it: &Event| {
            matches!(
                it,
                Event::UncertainSettled { .. }
                    | Event::ResultLost { .. }
                    | Event::WakeFailed { .. }
                    | Event::Ended { .. }
            )
        };
        let trouble: Vec<_> = self.house().recorder.events().into_iter().filter(is_trouble).collect();
        assert_eq!(trouble, []);
    }

    fn recipients(&self) -> Vec<PhoneNumber> {
        self.house().messenger.sent().into_iter().map(|it| it.to).collect()
    }
}

pub(crate) fn paced(throughput: u16, settings: PolicySettings) -> Rulebook {
    let sender = Sender {
        throughput: NonZeroU16::new(throughput).expect("not zero"),
        ..fixture::sender()
    };
    let policy = Policy::new(settings).expect("the numbers hold together");
    apps_under(policy, [("demo", vec![sender])])
}

/// Codes that are of use for half a minute.
fn short_lived() -> PolicySettings {
    PolicySettings {
        code_life: Duration::from_secs(60),
        useful_life_min: Duration::from_secs(30),
        ..fixture::policy_settings()
    }
}

#[tokio::test]
async fn one_instance_sends_at_its_pace_and_in_order_and_nothing_is_repeated_that_only_waits() {
    let mut city = City::new(10, 1, fixture::policy_settings());
    // Twice as long as a claim holds.
    city.starts(300).await;
    city.runs_for(Duration::from_secs(35)).await;
    city.assert_all_sent_once(300).await;
    assert!(city.busiest_second() <= 12, "{}", city.busiest_second());
    let in_order: Vec<_> = (0..300).map(fixture::phone_number).collect();
    assert!(city.recipients() == in_order, "whoever came first is sent to first");
}

#[tokio::test]
async fn two_instances_together_keep_the_pace_of_one_sender_and_everything_is_sent() {
    let mut city = City::new(10, 2, fixture::policy_settings());
    city.starts(200).await;
    city.runs_for(Duration::from_secs(60)).await;
    city.assert_all_sent_once(200).await;
    assert!(city.busiest_second() <= 12, "{}", city.busiest_second());
    let last = city.left_at.last();
    assert!(
        last <= Some(&20_000),
        "the pace is used to the full: the last one left after {last:?} ms"
    );
}

#[tokio::test]
async fn a_message_that_would_come_too_late_is_throttled_at_once_and_never_sent() {
    let mut city = City::new(1, 1, short_lived());
    city.starts(50).await;
    city.runs_for(Duration::ZERO).await;
    let failed = DeliveryState::Failed(FailureReason::Throttled);
    let refused = city.deliveries(50).await.iter().filter(|it| it.state == failed).count();
    // Two slices at once, and one a second while the code is of use.
    assert!((16..=20).contains(&refused), "{refused}");
    city.runs_for(Duration::from_secs(60)).await;
    assert_eq!(city.left_at.len(), 50 - refused);
    assert!(city.left_at.iter().all(|at| *at <= 30_000));
    assert!(city.busiest_second() <= 3);
    for delivery in city.deliveries(50).await.iter().filter(|it| it.state == failed) {
        assert_eq!((delivery.tries, delivery.repeated), (0, false));
    }
}

#[tokio::test]
async fn while_limits_are_away_each_instance_keeps_the_pace_alone_and_nothing_is_lost() {
    let mut city = City::new(10, 2, fixture::policy_settings());
    city.starts(100).await;
    city.limits.is_away.store(true, Ordering::SeqCst);
    city.runs_for(Duration::from_secs(2)).await;
    assert!((20..=48).contains(&city.left_at.len()), "{}", city.left_at.len());
    assert!(city.limits.asked_in_vain.load(Ordering::SeqCst) > 0);
    city.limits.is_away.store(false, Ordering::SeqCst);
    city.runs_for(Duration::from_secs(60)).await;
    city.assert_all_sent_once(100).await;
    assert!(city.busiest_second() <= 2 * 12, "{}", city.busiest_second());
}

#[tokio::test]
async fn an_instance_that_dies_while_messages_wait_for_their_turn_leaves_them_to_another() {
    let mut city = City::new(10, 2, fixture::policy_settings());
    city.starts(100).await;
    city.runs_for(Duration::from_secs(2)).await;
    let mut dead = city.instances.pop().expect("two");
    dead.waiting.clear();
    city.runs_for(Duration::from_secs(60)).await;
    let sent = city.recipients();
    assert_eq!(sent.len(), 100);
    assert!((0..100).all(|n| sent.contains(&fixture::phone_number(n))));
}
