//! A walk whose stores count how often they are asked, under rules that are all on.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign_domain::guard::{Block, BucketKey, GuardSettings, PersonKey};
use countersign_domain::id::{RecipientKey, Shard, ShardCount, VerificationId};
use countersign_domain::limit::{
    Charge, ChargeMode, KeyPart, KeyParts, LimitKey, LimitState, Quota, RuleLabel, Taken, Window,
};
use countersign_domain::money::{Amount, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate};
use countersign_domain::ports::{
    BatchId, Clock, Erased, GiveBack, GuardStore, GuardView, LimitStore, RecipientStore, Replaced, ScoreChange,
    StoreError, Stored, StoredBlock, Version,
};
use countersign_domain::recipient::{Conversion, Effects, Recipient};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules};
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::Rulebook;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;

/// What a message to Brazil costs here, in millionths.
pub(super) const PRICE: u64 = 31_500;

/// A store that counts how often it is asked, in order.
pub(super) struct Counted<S> {
    inner: S,
    calls: Arc<AtomicUsize>,
    /// Whether limits cannot be reached just now.
    is_away: AtomicBool,
}

impl<S> Counted<S> {
    fn call(&self) -> &S {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.inner
    }

    fn reached(&self) -> Result<(), StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl<S: RecipientStore> RecipientStore for Counted<S> {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.call().load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        assert_eq!(
            new.effects,
            Effects::default(),
            "what follows from a decision is stored"
        );
        self.call().replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.inner.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.call().erase(key, seen).await
    }
}

#[async_trait]
impl<S: LimitStore> LimitStore for Counted<S> {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        self.reached()?;
        self.call().take(charges, now).await
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        self.reached()?;
        self.call().give_back(owed, now).await
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        self.inner.peek(charges).await
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        self.call().forget(keys).await
    }
}

#[async_trait]
impl<S: GuardStore> GuardStore for Counted<S> {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        self.call().look(buckets, person).await
    }

    async fn score(&self, batch: BatchId, changes: &[ScoreChange], now: Timestamp) -> Result<Vec<i64>, StoreError> {
        self.call().score(batch, changes, now).await
    }

    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        kept_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call().replace(bucket, seen, block, kept_until, now).await
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        self.call().scores(buckets).await
    }

    async fn blocks(&self, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        self.call().blocks(limit).await
    }

    async fn remember(&self, person: PersonKey, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.call().remember(person, until, now).await
    }

    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.call().learn_line(person, line, until, now).await
    }

    async fn forget(&self, person: PersonKey) -> Result<(), StoreError> {
        self.call().forget(person).await
    }
}

/// A walk whose limits can be read.
pub(super) struct Counting {
    pub(super) walk: Walk,
    limits: Arc<Counted<MemoryLimits>>,
    calls: Arc<AtomicUsize>,
}

impl Counting {
    pub(super) fn under(rulebook: Rulebook) -> Self {
        let calls = Arc::<AtomicUsize>::default();
        let limits = Arc::new(Counted {
            inner: MemoryLimits::new(),
            calls: Arc::clone(&calls),
            is_away: AtomicBool::new(false),
        });
        let recipients = Counted {
            inner: MemoryStore::new(ShardCount::DEFAULT),
            calls: Arc::clone(&calls),
            is_away: AtomicBool::new(false),
        };
        let guard = Counted {
            inner: MemoryGuard::new(),
            calls: Arc::clone(&calls),
            is_away: AtomicBool::new(false),
        };
        let house = House::builder(
            Arc::new(recipients),
            Arc::clone(&limits) as _,
            Arc::new(MemoryFeed::new()),
        )
        .rulebook(rulebook)
        .guard(Arc::new(guard), Arc::new(MemoryTallies::new()))
        .build();
        Self {
            walk: Walk { house },
            limits,
            calls,
        }
    }

    /// How much of each quota of the open verification's newest message is used, by its rule. Read from a record that
    /// was loaded earlier, so that it can be asked again when nothing is booked there any more.
    pub(super) async fn used(&self, of: &Recipient) -> BTreeMap<String, u64> {
        let mut used = BTreeMap::new();
        let deliveries = of.verifications.iter().flat_map(|it| &it.deliveries);
        for charged in deliveries.flat_map(|it| &it.charges) {
            let charge = self.walk.house.rulebook.charge_of(charged).expect("a rule of today");
            let state = self.limits.peek(&[charge]).await.unwrap()[0];
            let remaining = countersign_domain::limit::peek(state, charge.quota, self.now());
            used.insert(charge.rule.to_string(), remaining.used);
        }
        used
    }

    /// Lets limits be away, or come back.
    pub(super) fn limits_are_away(&self, is_away: bool) {
        self.limits.is_away.store(is_away, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.walk.house.clock.now()
    }

    pub(super) async fn record(&self) -> Recipient {
        let stored = self.walk.house.ports.recipients.load(fixture::recipient_key()).await;
        stored.unwrap().expect("there is one").recipient
    }

    pub(super) async fn conversions(&self) -> Vec<Conversion> {
        let record = self.record().await;
        let deliveries = record.verifications.iter().flat_map(|it| &it.deliveries);
        deliveries.map(|it| it.conversion).collect()
    }

    /// The id of the first verification of a record.
    pub(super) fn id(of: &Recipient) -> VerificationId {
        VerificationId::new(&fixture::identity(), fixture::recipient_key(), 1, &of.salt.0)
    }

    pub(super) fn calls_since(&self) -> usize {
        self.calls.swap(0, Ordering::Relaxed)
    }
}

/// One rule for messages to a phone, one for verifications of an app, one budget, and the guard.
pub(super) fn everything_on() -> Rulebook {
    let mut rulebook = fixture::rulebook();
    rulebook.rules = Rules::new(vec![
        rule("sends", Action::Send, 6),
        rule("starts", Action::Start, 5),
        rule("guesses", Action::Check, 3),
    ])
    .unwrap();
    rulebook.money = Some(money(10 * PRICE));
    rulebook.guard = Some(GuardSettings::default());
    rulebook
}

pub(crate) fn rule(name: &str, applies_to: Action, amount: u64) -> RuleSettings {
    RuleSettings {
        name: RuleLabel::parse(name).unwrap(),
        parts: KeyParts::of(&[KeyPart::Phone]),
        quotas: vec![Quota::Budget {
            amount: NonZeroU64::new(amount).unwrap(),
            window: Window::Every(DAY * 365),
        }],
        applies_to,
        mode: ChargeMode::Refuse,
        absent: Absent::Shared,
        apps: BTreeSet::new(),
    }
}

pub(super) fn money(micros: u64) -> Money {
    let rate = Rate {
        authentication: Amount::from_micros(PRICE),
        international: None,
    };
    let prices = PriceTable::new(PriceList {
        currency: Currency::parse("USD").unwrap(),
        as_of: "2026-10-01".to_owned(),
        countries: BTreeMap::new(),
        regions: Vec::new(),
        other: Some(rate),
        international: BTreeSet::new(),
    });
    let budget = BudgetSettings {
        name: RuleLabel::parse("money").unwrap(),
        parts: KeyParts::EVERYTHING,
        amount: Amount::from_micros(micros),
        window: Window::Month,
        soft_percent: 50,
        mode: ChargeMode::Refuse,
        apps: BTreeSet::new(),
    };
    Money::new(prices.unwrap(), vec![budget]).unwrap()
}

pub(super) fn used(sends: u64, starts: u64, money: u64, unfinished: u64, unanswered: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([
        ("money".to_owned(), money),
        ("sends".to_owned(), sends),
        ("starts".to_owned(), starts),
        ("unanswered_sends".to_owned(), unanswered),
        ("unfinished_per_block".to_owned(), unfinished),
        ("unfinished_per_country".to_owned(), unfinished),
    ])
}
