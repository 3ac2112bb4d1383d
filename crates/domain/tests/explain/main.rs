//! What is explained is what happens: for random rules, budgets, states of the guard, requests and histories, the
//! verdict of an explanation is the answer of the start that follows it, and explaining changes nothing.
//!
//! `COUNTERSIGN_SEED=n` replays from history `n`; the seed is printed.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

mod configuration;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_domain::app::Caller;
use countersign_domain::client::{Client, DeviceId};
use countersign_domain::code::Guess;
use countersign_domain::country::CountryCode;
use countersign_domain::delivery::{Fault, NextStep, Rejection};
use countersign_domain::guard::{Alarm, Block, Bucket, GuardSettings, PersonKey, Rung, buckets_of};
use countersign_domain::id::{CallerId, Purpose, ShardCount, VerificationId};
use countersign_domain::limit::RuleName;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{ChallengeRefusal, Clock, Errand, GuardStore, RecipientStore};
use countersign_domain::request::RequestId;
use countersign_domain::template::Platform;
use countersign_domain::use_case::{CheckRequest, Error, StartRequest, VerificationName};
use countersign_domain::verification::StartOutcome;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::configuration::rulebook;
use crate::stores::Frozen;

const HISTORIES: u64 = 1_500;
const STEPS: usize = 40;

/// One installation and what is known of its people.
struct History {
    rng: StdRng,
    house: House,
    /// While it is set, every store panics when it is written.
    is_frozen: Arc<AtomicBool>,
    guard: Arc<Frozen<MemoryGuard>>,
    recipients: Arc<Frozen<MemoryStore>>,
    opened: Vec<VerificationId>,
}

#[tokio::test]
async fn an_explanation_says_what_the_start_then_answers() {
    let first = seed_or(1);
    println!("seeds {first} to {}", first + HISTORIES - 1);
    let mut answers = BTreeMap::<String, u32>::new();
    for seed in first..first + HISTORIES {
        let mut history = History::new(seed);
        for step in 0..STEPS {
            let answer = history.step(&format!("COUNTERSIGN_SEED={seed}, step {step}")).await;
            if let Some(answer) = answer {
                *answers.entry(answer).or_default() += 1;
            }
        }
    }
    println!("{answers:#?}");
    let count: u32 = answers.values().sum();
    assert!(count > 5_000, "only {count} starts were explained");
    for wanted in [
        "opened",
        "resent",
        "joined",
        "blocked",
        "challenge",
        "send_wait",
        "unanswered_sends",
        "operator_hold",
        "unfinished_per_block",
        "used challenge",
        "rule",
        "budget",
        "cannot send",
    ] {
        let count = answers.get(wanted).copied().unwrap_or_default();
        assert!(count > 10, "{wanted} came up {count} times");
    }
}

impl History {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let is_frozen = Arc::<AtomicBool>::default();
        let guard = Arc::new(Frozen::new(MemoryGuard::new(), &is_frozen));
        let limits = Arc::new(Frozen::new(MemoryLimits::new(), &is_frozen));
        let recipients = Arc::new(Frozen::new(MemoryStore::new(ShardCount::DEFAULT), &is_frozen));
        let house = House::builder(Arc::clone(&recipients) as _, limits, Arc::new(MemoryFeed::new()))
            .rulebook(rulebook(&mut rng))
            .guard(Arc::clone(&guard) as _, Arc::new(MemoryTallies::new()))
            .seed(seed)
            .build();
        Self {
            rng,
            house,
            is_frozen,
            guard,
            recipients,
            opened: Vec::new(),
        }
    }

    /// One thing that happens. Starts answer how they ended.
    async fn step(&mut self, place: &str) -> Option<String> {
        match self.rng.random_range(0..20) {
            0..=10 => return Some(self.start(place).await),
            11..=12 => self.check().await,
            13..=15 => {
                let seconds = [1, 20, 70, 400, 4_000, 40_000][self.rng.random_range(0..6)];
                self.house.clock.advance(Duration::from_secs(seconds));
                self.house.wake_due(ShardCount::DEFAULT).await.unwrap();
            }
            16 => self.stop_something().await,
            17 => self.remember_somebody().await,
            18 => self.hold_somebody().await,
            _ => self.go_wrong_next(),
        }
        self.house.run_errands().await;
        self.house.use_cases.guard.flush().await.unwrap();
        None
    }

    async fn start(&mut self, place: &str) -> String {
        let request = self.request();
        let caller = self.caller();
        let operator = Caller {
            operates: true,
            ..fixture::caller()
        };
        let explain = &self.house.use_cases.explain_start;
        self.is_frozen.store(true, Ordering::Relaxed);
        let events = self.house.recorder.take();
        let explained = explain.execute(&operator, Some(&caller), &request).await;
        assert_eq!(self.house.recorder.take(), [], "{place}: explaining was observed");
        assert_eq!(self.house.courier.take().len(), 0, "{place}: explaining left an errand");
        self.is_frozen.store(false, Ordering::Relaxed);
        drop(events);

        let restrained = explained.as_ref().is_ok_and(|it| it.quotas.iter().any(|it| it.refuses));
        let verdict = explained.and_then(|it| it.verdict);
        let answer = self.house.use_cases.start.execute(&caller, request).await;
        let outcome = answer.as_ref().map(|it| it.outcome);
        assert_eq!(
            format!("{verdict:?}"),
            format!("{outcome:?}"),
            "{place}: explained and done"
        );
        let errands = self.house.courier.take();
        let is_sent = errands.iter().any(|it| matches!(it, Errand::Send(_)));
        self.house.courier.put_back(errands);
        assert!(!(restrained && is_sent), "{place}: a quota that refuses was passed");
        if let Ok(answer) = &answer {
            self.opened.push(answer.view.id);
        }
        self.house.run_errands().await;
        word(answer.map(|it| it.outcome), &self.house)
    }

    fn request(&mut self) -> StartRequest {
        let rng = &mut self.rng;
        // Two lines of one block, one of them in two spellings, and one in another country.
        let phone = ["+5511987654321", "+551187654321", "+5511987650000", "+4915112345678"];
        let address = [None, Some("203.0.113.7"), Some("203.0.113.8"), Some("2001:db8::1")];
        let answers = [None, None, Some("met"), Some("wrong")];
        let context = if rng.random_bool(0.9) { "10" } else { "20" };
        StartRequest {
            app: fixture::app_id(),
            phone: PhoneNumber::parse(phone[rng.random_range(0..4)]).unwrap(),
            purpose: Purpose::parse(["sign_in", "payment"][rng.random_range(0..2)]).unwrap(),
            language: None,
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::from([("amount".to_owned(), context.to_owned())]),
            accept_identity_change: rng.random_bool(0.1),
            client: Client {
                address: address[rng.random_range(0..4)].map(|it| it.parse().unwrap()),
                device: DeviceId::parse(["", "device-1", "device-2"][rng.random_range(0..3)]).unwrap(),
                challenge_answer: answers[rng.random_range(0..4)].map(str::to_owned),
                is_challenged: false,
            },
            request_id: RequestId::parse(["", "", "", "r1", "r2"][rng.random_range(0..5)]).unwrap(),
            deadline: None,
        }
    }

    fn caller(&mut self) -> Caller {
        let name = ["shop", "bank"][self.rng.random_range(0..2)];
        Caller {
            id: CallerId::parse(name).unwrap(),
            ..fixture::caller()
        }
    }

    /// The right code or a wrong one, for any verification so far.
    async fn check(&mut self) {
        if self.opened.is_empty() {
            return;
        }
        let id = self.opened[self.rng.random_range(0..self.opened.len())];
        let sent = self.house.messenger.sent();
        let code = match sent.last() {
            Some(message) if self.rng.random_bool(0.7) => message.code.clone(),
            _ => "000000".to_owned(),
        };
        let request = CheckRequest {
            name: VerificationName::Id(id),
            guess: Guess::parse(&code).unwrap(),
            context: BTreeMap::from([("amount".to_owned(), "10".to_owned())]),
            client: Client::default(),
            request_id: None,
            deadline: None,
        };
        // A guess of another shape is refused, and a rule may be; what the start then finds is what matters here.
        let _ = self.house.use_cases.check.execute(&fixture::caller(), request).await;
    }

    /// An alarm, of any bucket and any rung.
    async fn stop_something(&mut self) {
        let settings = GuardSettings::default();
        let phone = PhoneNumber::parse("+5511987654321").unwrap();
        let buckets = buckets_of(&fixture::app_id(), &phone, CountryCode::parse("BR"));
        let bucket: Bucket = buckets[self.rng.random_range(0..buckets.len())].clone();
        let now = self.house.clock.now();
        let key = bucket.key(&self.house.rulebook.identity);
        let rungs = [Rung::Challenge, Rung::Challenge, Rung::Hour, Rung::SixHours, Rung::Day];
        let block = Block {
            bucket,
            alarm: Alarm::Conversion,
            rung: rungs[self.rng.random_range(0..rungs.len())],
            score: 14_000,
            raised_at: now,
            since: now,
        };
        let seen = self.guard.look(&[key], None).await.unwrap().blocks.remove(0);
        let until = block.kept_until(&settings);
        let seen = seen.map(|it| it.version);
        self.guard.replace(key, seen, Some(&block), until, now).await.unwrap();
    }

    /// Somebody gave a code back, or turned out to be known by another number.
    async fn remember_somebody(&mut self) {
        let mut phones = ["+5511987650000", "+4915112345678"].map(|it| PhoneNumber::parse(it).unwrap());
        phones.rotate_left(self.rng.random_range(0..2));
        let [person, other] = phones.map(|it| PersonKey::of(&self.house.rulebook.identity, &it));
        let now = self.house.clock.now();
        let until = now.plus(Duration::from_secs(1_000));
        if self.rng.random() {
            self.guard.learn_line(person, other, until, now).await.unwrap();
        } else {
            self.guard.remember(person, until, now).await.unwrap();
        }
    }

    async fn hold_somebody(&mut self) {
        let now = self.house.clock.now();
        let Some(stored) = self.recipients.load(fixture::recipient_key()).await.unwrap() else {
            return;
        };
        let mut recipient = stored.recipient;
        recipient.hold(now.plus(Duration::from_secs(900)), now);
        let seen = Some(stored.version);
        let key = fixture::recipient_key();
        self.recipients.replace(key, seen, &recipient, now).await.unwrap();
    }

    fn go_wrong_next(&mut self) {
        let steps = [
            NextStep::Rejected(Rejection::Undeliverable),
            NextStep::Misconfigured(Fault::Account),
            NextStep::Misconfigured(Fault::Template),
            NextStep::Unavailable,
            NextStep::Uncertain,
        ];
        let step = steps[self.rng.random_range(0..steps.len())];
        self.house.messenger.answer_next(Err(step));
    }
}

/// How a start ended, in a word, so that a run that met nothing cannot pass.
fn word(answer: Result<StartOutcome, Error>, house: &House) -> String {
    let is_budget = |rule| {
        house
            .rulebook
            .money
            .as_ref()
            .is_some_and(|it| it.budget(rule).is_some())
    };
    match answer {
        Ok(outcome) => outcome.name().to_owned(),
        Err(Error::LimitReached { rule, .. }) => match rule {
            RuleName::Named(_) if is_budget(rule) => "budget".to_owned(),
            RuleName::Named(_) => "rule".to_owned(),
            built_in => built_in.as_str().to_owned(),
        },
        Err(Error::Blocked { .. }) => "blocked".to_owned(),
        Err(Error::ChallengeRequired {
            refusal: ChallengeRefusal::Used,
            ..
        }) => "used challenge".to_owned(),
        Err(Error::ChallengeRequired { .. }) => "challenge".to_owned(),
        Err(Error::CannotSend { .. }) => "cannot send".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_caller_who_does_not_operate_the_app_is_told_nothing() {
    let mut history = History::new(1);
    let request = history.request();
    let explain = &history.house.use_cases.explain_start;
    let stranger = Caller {
        apps: BTreeSet::new(),
        operates: true,
        ..fixture::caller()
    };
    let other = Caller {
        operates: false,
        ..fixture::caller()
    };
    let refused = explain.execute(&other, None, &request).await;
    assert!(matches!(refused, Err(Error::MayNotOperate)), "{refused:?}");
    let unknown = explain.execute(&stranger, None, &request).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
}
