//! The world of one history: a store, limits and a messenger that yield, fail, lose answers, and tell the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::app::{App, Apps};
use countersign_domain::delivery::{Fault, NextStep, ProviderReport, Rejection, ThrottleScope};
use countersign_domain::guard::GuardSettings;
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::limit::{
    Charge, ChargeMode, KeyPart, KeyParts, LimitKey, LimitState, Quota, RuleLabel, Taken, Window,
};
use countersign_domain::money::{Amount, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate};
use countersign_domain::policy::{Policy, PolicySettings, ResendCode};
use countersign_domain::ports::{
    Accepted, Clock, Erased, GiveBack, LimitStore, Message, Messenger, RecipientStore, Replaced, SendError, StoreError,
    Stored, Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules};
use countersign_domain::sender::Sender;
use countersign_domain::template::{Template, TemplateName, TemplateNews, TemplateStatus, TemplateWord, Templates};
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::Rulebook;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::clock::ManualClock;
use countersign_testkit::fixture;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::oracle::Oracle;
use crate::schedule::switch;

/// The dice of a history, shared by everything that may go wrong.
#[derive(Clone)]
pub(crate) struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    pub(crate) fn new(rng: StdRng) -> Self {
        Self(Arc::new(Mutex::new(rng)))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&self, sides: u32) -> u32 {
        self.0.lock().unwrap().random_range(0..sides)
    }

    /// True once in `times`.
    pub(crate) fn once_in(&self, times: u32) -> bool {
        self.roll(times) == 0
    }
}

/// What the stores and the messenger of a history share.
pub(crate) struct World {
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) dice: Dice,
    pub(crate) clock: Arc<ManualClock>,
    /// Whether things go wrong; off while the history is brought to its end.
    pub(crate) trouble: Arc<std::sync::atomic::AtomicBool>,
    /// Whether the stores are there all the time, and so every charge can be accounted for.
    pub(crate) is_calm: bool,
}

impl World {
    fn goes_wrong(&self, once_in: u32) -> bool {
        !self.is_calm && self.trouble.load(std::sync::atomic::Ordering::Relaxed) && self.dice.once_in(once_in)
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("the simulated store is away".into())
}

/// Recipients in memory, behind a connection that is slow, breaks, and loses answers.
pub(crate) struct SimStore {
    pub(crate) world: Arc<World>,
    pub(crate) inner: MemoryStore,
    /// Ignores the version that was seen, to prove that the oracle notices.
    pub(crate) careless: bool,
}

#[async_trait]
impl RecipientStore for SimStore {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        switch().await;
        if self.world.goes_wrong(60) {
            return Err(away());
        }
        let stored = self.inner.load(key).await;
        switch().await;
        stored
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        switch().await;
        if self.world.goes_wrong(60) {
            return Err(away());
        }
        let before = self.inner.load(key).await?;
        let seen = if self.careless {
            before.as_ref().map(|it| it.version)
        } else {
            seen
        };
        let replaced = self.inner.replace(key, seen, new, now).await?;
        if matches!(replaced, Replaced::Written(_)) {
            self.world
                .oracle
                .wrote(key, before.as_ref().map(|it| &it.recipient), new, now);
        }
        switch().await;
        // The answer is lost although the write was not.
        if self.world.goes_wrong(60) {
            return Err(away());
        }
        Ok(replaced)
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        switch().await;
        self.inner.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.inner.erase(key, seen).await
    }
}

/// Limits in memory, behind the same connection.
pub(crate) struct SimLimits {
    pub(crate) world: Arc<World>,
    pub(crate) inner: MemoryLimits,
}

#[async_trait]
impl LimitStore for SimLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        switch().await;
        if self.world.goes_wrong(80) {
            return Err(away());
        }
        let taken = self.inner.take(charges, now).await?;
        if let Taken::All(standings) = &taken {
            self.world.oracle.ledger.took(charges, standings);
        }
        Ok(taken)
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        switch().await;
        if self.world.goes_wrong(20) {
            return Err(away());
        }
        for it in owed {
            self.world.oracle.ledger.gave_back(&it.charges);
        }
        self.inner.give_back(owed, now).await
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        self.inner.forget(keys).await
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        self.inner.peek(charges).await
    }
}

/// A provider that takes messages, or not, and does not always say which.
pub(crate) struct SimMessenger {
    pub(crate) world: Arc<World>,
    pub(crate) instance: usize,
}

impl SimMessenger {
    async fn answer(&self, message: &Message) -> Result<Accepted, SendError> {
        switch().await;
        if !self.world.trouble.load(std::sync::atomic::Ordering::Relaxed) {
            self.world.oracle.took(message);
            return Ok(Accepted {
                held: false,
                message: None,
                number: None,
            });
        }
        let step = match self.world.dice.roll(26) {
            0 => NextStep::Rejected(Rejection::Undeliverable),
            1 => NextStep::Misconfigured(Fault::Request),
            2 => NextStep::Throttled {
                scope: ThrottleScope::Recipient,
                retry_after: None,
            },
            3 => NextStep::Throttled {
                scope: ThrottleScope::Sender,
                retry_after: Some(Duration::from_secs(20)),
            },
            4 | 5 => NextStep::Unavailable,
            10 => NextStep::Misconfigured(Fault::Account),
            11 => NextStep::Misconfigured(Fault::Template),
            12 => NextStep::AnotherLanguage,
            13 => NextStep::Unclear,
            14 => NextStep::Throttled {
                scope: ThrottleScope::Account,
                retry_after: None,
            },
            // Lost on the way there.
            6 => NextStep::Uncertain,
            // Lost on the way back.
            7 | 8 => {
                self.world.oracle.took(message);
                NextStep::Uncertain
            }
            roll => {
                self.world.oracle.took(message);
                switch().await;
                return Ok(Accepted {
                    held: roll == 9,
                    message: None,
                    number: None,
                });
            }
        };
        switch().await;
        Err(SendError {
            step,
            report: Some(ProviderReport::new(1, "simulated", "")),
            cause: None,
        })
    }
}

#[async_trait]
impl Messenger for SimMessenger {
    async fn send(&self, message: &Message) -> Result<Accepted, SendError> {
        self.world
            .oracle
            .attempted(message, self.instance, self.world.clock.now());
        let answer = self.answer(message).await;
        self.world.oracle.answered_attempt(message);
        answer
    }
}

/// What a message costs, and how many of them the budget is for.
pub(crate) const PRICE: u64 = 31_500;
pub(crate) const BUDGET: u64 = 9 * PRICE;
/// How many messages may go to a phone in a year.
pub(crate) const SENDS_MAX: u64 = 11;

/// So many in a year: no history is as long.
pub(crate) fn year(amount: u64) -> Quota {
    Quota::Budget {
        amount: NonZeroU64::new(amount).unwrap(),
        window: Window::Every(DAY * 365),
    }
}

/// What the messages of one address go out at.
pub(crate) fn pace() -> Quota {
    Quota::Rate {
        burst: NonZeroU32::new(2).unwrap(),
        interval: Duration::from_secs(40),
    }
}

/// Rules of every action and shape, a budget, and the guard.
pub(crate) fn limited(mut rulebook: Rulebook) -> Rulebook {
    let rule = |name, applies_to, part, quota| RuleSettings {
        name: RuleLabel::parse(name).unwrap(),
        parts: KeyParts::of(&[part]),
        quotas: vec![quota],
        applies_to,
        mode: ChargeMode::Refuse,
        absent: Absent::Shared,
        apps: BTreeSet::new(),
    };
    let shadow = RuleSettings {
        mode: ChargeMode::Shadow,
        ..rule("shadow", Action::Send, KeyPart::Country, year(4))
    };
    let rules = vec![
        rule("sends", Action::Send, KeyPart::Phone, year(SENDS_MAX)),
        rule("starts", Action::Start, KeyPart::Purpose, year(8)),
        rule("pace", Action::Send, KeyPart::ClientIp, pace()),
        rule("guesses", Action::Check, KeyPart::Phone, year(12)),
        shadow,
    ];
    rulebook.rules = Rules::new(rules).unwrap();
    let prices = PriceTable::new(PriceList {
        currency: Currency::parse("USD").unwrap(),
        as_of: "2026-10-01".to_owned(),
        countries: BTreeMap::new(),
        regions: Vec::new(),
        other: Some(Rate {
            authentication: Amount::from_micros(PRICE),
            international: None,
        }),
        international: BTreeSet::new(),
    });
    let budget = BudgetSettings {
        name: RuleLabel::parse("money").unwrap(),
        parts: KeyParts::EVERYTHING,
        amount: Amount::from_micros(BUDGET),
        window: Window::Month,
        soft_percent: 80,
        mode: ChargeMode::Refuse,
        apps: BTreeSet::new(),
    };
    rulebook.money = Some(Money::new(prices.unwrap(), vec![budget]).unwrap());
    rulebook.guard = Some(GuardSettings {
        unfinished_per_block_max: 4,
        ..GuardSettings::default()
    });
    rulebook
}

/// One sender of the app is slow, so that messages wait for it or take the other one; and in one language there are two
/// templates.
pub(crate) fn with_two_senders(policy: Policy) -> Rulebook {
    let mut rulebook = fixture::rulebook_with(policy);
    let apps = rulebook.apps.iter().map(|(id, app)| {
        let slow = Sender {
            throughput: NonZeroU16::MIN,
            ..fixture::sender_named("1002")
        };
        let second = Template {
            name: TemplateName::parse("second").unwrap(),
            languages: vec![fixture::language("pt_BR")],
            ..fixture::template()
        };
        let app = App {
            senders: vec![fixture::sender(), slow],
            templates: Templates::new(vec![fixture::template(), second], None, BTreeMap::new()),
            ..app.clone()
        };
        (id.clone(), app)
    });
    rulebook.apps = Apps::new(apps.collect::<Vec<_>>());
    rulebook
}

/// What a webhook says of a template, somewhere between approved and gone for good.
pub(crate) fn news_of_a_template(rng: &mut StdRng) -> TemplateNews {
    let status = ["APPROVED", "APPROVED", "PAUSED", "REJECTED", "DISABLED"][rng.random_range(0..5)];
    TemplateNews {
        account: None,
        name: TemplateName::parse(["otp", "second"][rng.random_range(0..2)]).unwrap(),
        language: fixture::language(["pt_BR", "en_US"][rng.random_range(0..2)]),
        word: TemplateWord::Status {
            status: TemplateStatus::read(status),
            reason: String::new(),
        },
        at: None,
    }
}

/// Tight numbers, so that every budget is met within one history. Ten digits, so that no guess is right by luck.
pub(crate) fn policy(rng: &mut StdRng) -> Policy {
    Policy::new(PolicySettings {
        code_length: 10,
        guesses_max: 3,
        wrong_guesses_per_day_max: 4,
        consecutive_wrong_guesses_max: 6,
        send_waits: [30, 60, 120].map(Duration::from_secs).to_vec(),
        sends_per_window_max: 3,
        sends_per_day_max: 6,
        unanswered_sends_max: 5,
        hold: Duration::from_secs(40_000),
        silence: Duration::from_secs(50_000),
        resend_code: [ResendCode::Same, ResendCode::Fresh, ResendCode::FreshKeepPrevious][rng.random_range(0..3)],
        ..fixture::policy_settings()
    })
    .expect("the numbers hold together")
}
