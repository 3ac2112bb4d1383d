//! The world of one history: a store, limits and a messenger that yield, fail, lose answers, and tell the oracle.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::app::{App, Apps};
use countersign_domain::delivery::{Fault, NextStep, ProviderReport, Rejection, ThrottleScope};
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::limit::{Charge, Remaining};
use countersign_domain::policy::Policy;
use countersign_domain::ports::{
    Accepted, Clock, LimitStore, Message, Messenger, RecipientStore, Replaced, SendError, StoreError, Stored, Taken,
    Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::sender::Sender;
use countersign_domain::template::{Template, TemplateName, TemplateNews, TemplateStatus, TemplateWord, Templates};
use countersign_domain::time::Timestamp;
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
}

impl World {
    fn goes_wrong(&self, once_in: u32) -> bool {
        self.trouble.load(std::sync::atomic::Ordering::Relaxed) && self.dice.once_in(once_in)
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
        self.inner.take(charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: Timestamp) -> Result<(), StoreError> {
        switch().await;
        if self.world.goes_wrong(20) {
            return Err(away());
        }
        self.inner.give_back(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Remaining>, StoreError> {
        self.inner.peek(charges, now).await
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
