//! Senders: which of an app's numbers a message goes out from, and what a number that cannot send means for starts.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::app::{App, Apps, Caller};
use countersign_domain::delivery::{DeliveryState, FailureReason, Fault, NextStep, ProviderReport};
use countersign_domain::event::Event;
use countersign_domain::id::{AppId, ShardCount, VerificationId};
use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, LimitState, RuleName, Taken};
use countersign_domain::policy::Policy;
use countersign_domain::ports::{Accepted, Clock, GiveBack, LimitStore, Message, Messenger, SendError, StoreError};
use countersign_domain::sender::{AccountId, Pace, Quality, Sender, SenderId};
use countersign_domain::template::{Template, Templates};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Dispatch, Error, Ports, Records, Rulebook, StartAnswer, StartRequest};
use countersign_domain::verification::{CheckOutcome, VerificationState};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use countersign_testkit::messenger::FakeMessenger;
use countersign_testkit::random::seed_or;
use tokio::sync::Semaphore;

use crate::Walk;
use crate::posts::to;

pub(crate) const ACCOUNT: NextStep = NextStep::Misconfigured(Fault::Account);

/// A sender of that account.
pub(crate) fn of_account(account: &str, id: &str) -> Sender {
    Sender {
        account: AccountId::parse(account).expect("an account's id"),
        ..fixture::sender_named(id)
    }
}

fn weighing(weight: u16, id: &str) -> Sender {
    Sender {
        weight: NonZeroU16::new(weight).expect("not zero"),
        ..fixture::sender_named(id)
    }
}

/// Apps by their names, each with its senders.
pub(crate) fn apps<const N: usize>(apps: [(&str, Vec<Sender>); N]) -> Rulebook {
    apps_under(fixture::policy(), apps)
}

/// [`apps`] under another policy.
pub(crate) fn apps_under<const N: usize>(policy: Policy, apps: [(&str, Vec<Sender>); N]) -> Rulebook {
    let rulebook = fixture::rulebook_with(policy);
    let demo = rulebook
        .apps
        .get(&fixture::app_id())
        .expect("the app of the fixture")
        .clone();
    let app = |senders| App {
        senders,
        ..demo.clone()
    };
    let apps = apps.map(|(name, senders)| (AppId::parse(name).expect("a slug"), app(senders)));
    Rulebook {
        apps: Apps::new(apps),
        ..rulebook
    }
}

/// The same rules with every app's templates in English alone.
pub(crate) fn in_english_only(rulebook: Rulebook) -> Rulebook {
    let template = Template {
        languages: vec![fixture::language("en_US")],
        ..fixture::template()
    };
    let templates = Templates::new(vec![template], None, BTreeMap::new());
    let apps = rulebook.apps.iter().map(|(id, app)| {
        let app = App {
            templates: templates.clone(),
            ..app.clone()
        };
        (id.clone(), app)
    });
    Rulebook {
        apps: Apps::new(apps),
        ..rulebook
    }
}

impl Walk {
    pub(crate) fn sending_from(senders: impl IntoIterator<Item = Sender>) -> Self {
        Self::ruled_by(apps([("demo", senders.into_iter().collect())]), 1)
    }

    /// Starts for the `n`-th person and lets the message go out.
    pub(crate) async fn start_to(&self, n: u32) -> Result<StartAnswer, Error> {
        self.start_as(to(fixture::phone_number(n))).await
    }

    pub(crate) async fn opened_to(&self, n: u32) -> VerificationId {
        self.start_to(n).await.expect("nothing stands in the way").view.id
    }

    pub(crate) async fn start_for(&self, app: &str, n: u32) -> Result<StartAnswer, Error> {
        let app = AppId::parse(app).expect("a slug");
        let caller = Caller {
            apps: BTreeSet::from([app.clone()]),
            ..fixture::caller()
        };
        let request = StartRequest {
            app,
            ..to(fixture::phone_number(n))
        };
        let answer = self.house.use_cases.start.execute(&caller, request).await;
        self.house.run_errands().await;
        answer
    }

    /// The fault and the wait of a start that is refused.
    pub(crate) async fn refusal(&self, n: u32) -> (Fault, Option<ProviderReport>, Duration) {
        match self.start_to(n).await {
            Err(Error::CannotSend {
                fault,
                report,
                retry_after,
            }) => (fault, report, retry_after),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Who each attempt went out from, oldest first.
    pub(crate) fn used(&self) -> Vec<SenderId> {
        self.house.messenger.sent().into_iter().map(|it| it.sender).collect()
    }

    fn used_how_often(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for sender in self.used() {
            *counts.entry(sender.to_string()).or_default() += 1;
        }
        counts
    }

    /// Starts for so many people, a millisecond apart.
    async fn many(&self, people: u32) {
        for n in 0..people {
            self.opened_to(n).await;
            self.house.clock.advance(Duration::from_millis(1));
        }
    }

    pub(crate) fn recovered(&self) -> usize {
        let events = self.house.recorder.take();
        events
            .iter()
            .filter(|it| matches!(it, Event::SenderRecovered { .. }))
            .count()
    }
}

/// Five standard deviations of a binomial distribution: one seed in a million is further off.
fn assert_share(count: usize, of: usize, share: f64) {
    let [count, of] = [count, of].map(|it| f64::from(u32::try_from(it).expect("few")));
    let tolerance = 5.0 * (of * share * (1.0 - share)).sqrt();
    assert!(
        (count - of * share).abs() <= tolerance,
        "{count} of {of} is not {share}"
    );
}

fn report() -> ProviderReport {
    ProviderReport::new(131_031, "Account has been locked", "")
}

#[tokio::test]
async fn messages_are_spread_by_weight() {
    let seed = seed_or(11);
    println!("seed {seed}");
    let senders = vec![weighing(10, "1"), weighing(30, "2"), weighing(60, "3")];
    let walk = Walk::ruled_by(apps([("demo", senders)]), seed);
    walk.many(2_000).await;
    let used = walk.used_how_often();
    for (sender, share) in [("1", 0.1), ("2", 0.3), ("3", 0.6)] {
        assert_share(used[sender], 2_000, share);
    }
}

#[tokio::test]
async fn a_number_people_complain_about_gets_half_of_its_share_and_then_an_eighth() {
    let seed = seed_or(12);
    println!("seed {seed}");
    for (quality, share) in [
        (Quality::Green, 0.5),
        (Quality::Yellow, 1.0 / 3.0),
        (Quality::Red, 1.0 / 9.0),
    ] {
        let (doubted, other) = (fixture::sender_named("1"), fixture::sender_named("2"));
        let walk = Walk::ruled_by(apps([("demo", vec![doubted.clone(), other.clone()])]), seed);
        walk.house.directory.rate(&doubted.id, quality);
        walk.house.use_cases.senders.look_around().await;
        let rated = Event::SenderRated {
            sender: doubted.id,
            quality,
        };
        let unseen = Event::SenderUnseen { sender: other.id };
        assert_eq!(walk.house.recorder.take(), [rated, unseen.clone()]);
        walk.house.use_cases.senders.look_around().await;
        assert_eq!(walk.house.recorder.take(), [unseen], "the same again is no news");
        walk.many(1_000).await;
        assert_share(walk.used_how_often()["1"], 1_000, share);
    }
}

#[tokio::test]
async fn a_message_goes_out_from_another_sender_at_once_when_the_first_is_locked() {
    let walk = Walk::sending_from(["1", "2"].map(fixture::sender_named));
    walk.house.messenger.refuse_next(ACCOUNT, report());
    let id = walk.opened_to(0).await;
    let used = walk.used();
    let [locked, other] = &used[..] else { panic!("{used:?}") };
    assert_ne!(locked, other);
    let delivery = walk.view(id).await.verification.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.tries), (DeliveryState::Accepted, 2));
    let shut = Event::SenderShut {
        sender: locked.clone(),
        app: fixture::app_id(),
        fault: Fault::Account,
        report: Some(report()),
        retry_after: Duration::from_secs(60),
    };
    assert_eq!(walk.house.recorder.events().iter().filter(|it| **it == shut).count(), 1);

    for n in 1..50 {
        walk.opened_to(n).await;
    }
    assert!(walk.used()[2..].iter().all(|it| it == other), "sign-ins go on");
    let sent = walk.house.messenger.sent();
    let code = &sent
        .iter()
        .find(|it| it.to == fixture::phone_number(0))
        .expect("sent")
        .code;
    assert_eq!(walk.outcome(id, code).await, CheckOutcome::Approved);
}

#[tokio::test]
async fn with_one_sender_its_lock_fails_the_message_and_refuses_starts_with_the_providers_words() {
    let walk = Walk::new();
    walk.house.messenger.refuse_next(ACCOUNT, report());
    let id = walk.opened_to(0).await;
    let verification = walk.view(id).await.verification;
    let misconfigured = FailureReason::Misconfigured;
    assert!(matches!(verification.state, VerificationState::Failed { reason, .. } if reason == misconfigured));
    assert_eq!(verification.deliveries[0].report, Some(report()));
    walk.wait(20);
    assert_eq!(
        walk.refusal(1).await,
        (Fault::Account, Some(report()), Duration::from_secs(40))
    );
    walk.wait(40);
    walk.house.recorder.take();
    walk.opened_to(1).await;
    assert_eq!(walk.recovered(), 1);
    walk.opened_to(2).await;
    assert_eq!((walk.used().len(), walk.recovered()), (3, 0), "said once");
}

#[tokio::test]
async fn a_failed_probe_shuts_the_sender_for_twice_as_long() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(ACCOUNT));
    for (attempts, wait) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (6, 900)] {
        let probe = 10 * u32::try_from(attempts).expect("few");
        // Both set out before anybody knows how the probe ends.
        for n in [probe, probe + 1] {
            let request = to(fixture::phone_number(n));
            walk.house
                .use_cases
                .start
                .execute(&fixture::caller(), request)
                .await
                .expect("may probe");
        }
        walk.house.run_errands().await;
        assert_eq!(
            walk.used().len(),
            attempts,
            "one probe goes, and the other message fails with it"
        );
        walk.wait(wait - 1);
        assert_eq!(walk.refusal(probe + 2).await.2, Duration::from_secs(1));
        walk.wait(1);
    }
}

/// Answers only once it is let go.
struct Slow(Arc<FakeMessenger>, Semaphore);

#[async_trait]
impl Messenger for Slow {
    async fn send(&self, message: &Message) -> Result<Accepted, SendError> {
        let answer = self.0.send(message).await;
        drop(self.1.acquire().await);
        answer
    }
}

impl Walk {
    /// From now on the provider takes its time.
    fn slowed(&mut self) -> Arc<Slow> {
        let slow = Arc::new(Slow(Arc::clone(&self.house.messenger), Semaphore::new(0)));
        let ports = Ports {
            messenger: Arc::clone(&slow) as _,
            ..self.house.ports.clone()
        };
        let records = Arc::new(Records::new(
            Arc::clone(&self.house.rulebook),
            &self.house.use_cases.guard,
            &ports,
        ));
        let dispatch = Dispatch::new(&records, &self.house.use_cases.senders, &ports);
        self.house.use_cases.dispatch = Arc::new(dispatch);
        slow
    }
}

#[tokio::test]
async fn while_a_probe_is_under_way_other_messages_wait_for_it() {
    let mut walk = Walk::new();
    walk.house.messenger.answer_next(Err(ACCOUNT));
    walk.opened_to(0).await;
    walk.wait(60);
    let slow = walk.slowed();
    let (probe, second) = tokio::join!(walk.start_to(1), async {
        let second = walk.start_to(2).await;
        assert_eq!(walk.used().len(), 2, "the first failure and the probe");
        slow.1.add_permits(10);
        second
    });
    probe.expect("may probe");
    let second = second.expect("a probe is no fault").view.id;
    // The five seconds of the probe, and half of them again, because not all set out at once.
    walk.wait(8);
    walk.wake().await;
    let delivery = walk.view(second).await.verification.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.tries), (DeliveryState::Accepted, 1));
}

/// Lets others go on before it answers, as a store over a network does.
struct Distant(MemoryLimits);

#[async_trait]
impl LimitStore for Distant {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        tokio::task::yield_now().await;
        self.0.take(charges, now).await
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        self.0.give_back(owed, now).await
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        self.0.peek(charges).await
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        self.0.forget(keys).await
    }
}

#[tokio::test]
async fn of_messages_that_set_out_at_the_same_time_one_is_the_probe() {
    // Which of them looks at the locked sender first is chance.
    for seed in 0..8 {
        Box::pin(assert_one_probe(seed)).await;
    }
}

async fn assert_one_probe(seed: u64) {
    let busy = Sender {
        throughput: NonZeroU16::MIN,
        ..fixture::sender_named("busy")
    };
    let locked = fixture::sender_named("locked");
    let (store, feed) = (MemoryStore::new(ShardCount::DEFAULT), MemoryFeed::new());
    let house = House::builder(Arc::new(store), Arc::new(Distant(MemoryLimits::new())), Arc::new(feed));
    let house = house
        .rulebook(apps([("demo", vec![locked.clone(), busy])]))
        .seed(seed)
        .build();
    let mut walk = Walk { house };
    walk.opened_to(0).await;
    walk.hears_failure_from(&locked.id, ACCOUNT).await;
    walk.wait(60);
    // Another instance has just used all that the busy one may send.
    let rule = RuleName::SenderThroughput;
    let charge = Charge {
        rule,
        key: LimitKey::derive(&fixture::identity(), rule, b"busy"),
        quota: Pace::new(NonZeroU16::MIN).quota(),
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::new(2).expect("not zero"),
    };
    let taken = walk.house.ports.limits.take(&[charge], walk.house.clock.now()).await;
    assert!(matches!(taken, Ok(Taken::All(_))), "{taken:?}");
    let before = walk.used().len();
    let slow = walk.slowed();
    // Those that find the other sender busy look at the locked one while somebody else probes it.
    tokio::join!(
        walk.opened_to(11),
        walk.opened_to(12),
        walk.opened_to(13),
        walk.opened_to(14),
        walk.opened_to(15),
        async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            let probes = walk.used()[before..].iter().filter(|it| **it == locked.id).count();
            assert_eq!(probes, 1, "seed {seed}");
            slow.1.add_permits(10);
        }
    );
}
