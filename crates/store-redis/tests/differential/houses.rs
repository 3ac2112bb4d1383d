//! Whole use cases: two houses under one clock, one on Redis and one in memory, live the same life.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::{
    DeliveryReport, Fault, IdentityHash, NextStep, ProviderReport, Rejection, ThrottleScope,
};
use countersign_domain::id::{Purpose, VerificationId};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::policy::Policy;
use countersign_domain::ports::{Accepted, Clock};
use countersign_domain::request::RequestId;
use countersign_domain::template::Platform;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{CheckRequest, Disowned, ReportedDelivery, StartRequest, VerificationName};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::clock::ManualClock;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{
    app_id, caller, language, now, phone_number, policy_settings, rulebook, rulebook_with,
};
use countersign_testkit::house::{House, HouseBuilder};
use countersign_testkit::messenger::SentMessage;
use countersign_testkit::random::seed_or;
use countersign_testkit::redis_server::RedisServer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::config;
use crate::common::service::instance_of_house;

const HISTORIES: u64 = 16;
const STEPS: usize = 400;
const PHONES: u32 = 4;
/// Within this no record comes to its end: when it is forgotten after that differs.
const SPAN_MAX: Duration = Duration::from_secs(20 * 60 * 60);

/// Two houses that are told the same.
struct Twins {
    redis: House,
    memory: House,
    clock: Arc<ManualClock>,
    random: StdRng,
    ids: Vec<VerificationId>,
    place: String,
}

impl Twins {
    fn assert_same<T: Debug>(&self, redis: &T, memory: &T) {
        assert_eq!(format!("{redis:?}"), format!("{memory:?}"), "{}", self.place);
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.random.random_range(0..choices.len())].clone()
    }

    fn any_phone(&mut self) -> PhoneNumber {
        phone_number(self.random.random_range(0..PHONES))
    }

    fn any_purpose(&mut self) -> Purpose {
        let name = self.one_of(&["sign_in", "sign_in", "payment", "unknown"]);
        Purpose::parse(name).unwrap()
    }

    fn any_context(&mut self) -> BTreeMap<String, String> {
        let amount = self.one_of(&[None, None, None, Some("10"), Some("11")]);
        amount
            .map(|it| ("amount".to_owned(), it.to_owned()))
            .into_iter()
            .collect()
    }

    fn any_request_id(&mut self) -> Option<RequestId> {
        let name = self.random.random_range(0..20);
        let name = if name < 8 {
            format!("request-{name}")
        } else {
            String::new()
        };
        RequestId::parse(&name).unwrap()
    }

    fn any_deadline(&mut self) -> Option<Timestamp> {
        let at = self.clock.now();
        self.one_of(&[None, None, None, None, Some(at.plus(Duration::from_secs(5))), Some(at)])
    }

    fn any_name(&mut self) -> VerificationName {
        if self.random.random_bool(0.6) && !self.ids.is_empty() {
            let newest = self.ids.len().saturating_sub(6);
            let id = self.ids[self.random.random_range(newest..self.ids.len())];
            return VerificationName::Id(id);
        }
        VerificationName::Newest {
            app: app_id(),
            phone: self.any_phone(),
            purpose: self.any_purpose(),
        }
    }

    async fn start(&mut self) {
        let request = StartRequest {
            app: app_id(),
            phone: self.any_phone(),
            purpose: self.any_purpose(),
            language: self.one_of(&[None, Some(language("pt_BR")), Some(language("fr"))]),
            platform: Platform::Unknown,
            package: None,
            context: self.any_context(),
            accept_identity_change: self.random.random_bool(0.1),
            client: Client::default(),
            request_id: self.any_request_id(),
            deadline: self.any_deadline(),
        };
        let redis = self.redis.use_cases.start.execute(&caller(), request.clone()).await;
        let memory = self.memory.use_cases.start.execute(&caller(), request).await;
        self.assert_same(&redis, &memory);
        self.ids.extend(redis.ok().map(|it| it.view.id));
    }

    /// A code that was sent to somebody, most often the newest, or something else.
    fn any_guess(&mut self) -> String {
        let sent = self.memory.messenger.sent();
        match self.random.random_range(0..10) {
            0..5 if !sent.is_empty() => {
                let newest = sent.len().saturating_sub(8);
                sent[self.random.random_range(newest..sent.len())].code.clone()
            }
            5 => "ABCDEF".to_owned(),
            6 => "1234567".to_owned(),
            _ => format!("{:06}", self.random.random_range(0..1_000_000)),
        }
    }

    async fn check(&mut self) {
        let (name, guess) = (self.any_name(), self.any_guess());
        let (context, request_id, deadline) = (self.any_context(), self.any_request_id(), self.any_deadline());
        let request = || CheckRequest {
            name: name.clone(),
            guess: Guess::parse(&guess).unwrap(),
            context: context.clone(),
            client: Client::default(),
            request_id: request_id.clone(),
            deadline,
        };
        let redis = self.redis.use_cases.check.execute(&caller(), request()).await;
        let memory = self.memory.use_cases.check.execute(&caller(), request()).await;
        self.assert_same(&redis, &memory);
    }

    async fn cancel(&mut self) {
        let name = self.any_name();
        let redis = self.redis.use_cases.cancel.execute(&caller(), &name).await;
        let memory = self.memory.use_cases.cancel.execute(&caller(), &name).await;
        self.assert_same(&redis, &memory);
    }

    async fn get(&mut self) {
        let name = self.any_name();
        let redis = self.redis.use_cases.get.execute(&caller(), &name).await;
        let memory = self.memory.use_cases.get.execute(&caller(), &name).await;
        self.assert_same(&redis, &memory);
    }

    async fn run_errands(&mut self) {
        if self.random.random_bool(0.1) {
            // Both instances die with what they had to do.
            assert_eq!(self.redis.courier.take().len(), self.memory.courier.take().len());
            return;
        }
        self.redis.run_errands().await;
        self.memory.run_errands().await;
    }

    async fn wake(&mut self) {
        let redis = self.redis.wake_due(SHARDS).await;
        let memory = self.memory.wake_due(SHARDS).await;
        self.assert_same(&redis, &memory);
    }

    fn any_report(&mut self) -> ReportedDelivery {
        let message = self.any_sent();
        let reference = match self.random.random_range(0..12) {
            0 => None,
            1 => Some("cs1.nonsense".to_owned()),
            _ => message.as_ref().map(|it| it.reference.clone()),
        };
        let step = self.any_step();
        let report = match self.random.random_range(0..5) {
            0 => DeliveryReport::Sent,
            1 | 2 => DeliveryReport::Delivered,
            3 => DeliveryReport::Read,
            _ => DeliveryReport::Failed {
                step,
                report: ProviderReport::new(131_026, "Message undeliverable", "details"),
            },
        };
        let hash = self.one_of(&[None, Some("DF2lS5v2W6x="), Some("DF2lS5v2W6x="), Some("somebody=else")]);
        ReportedDelivery {
            message: message.as_ref().map(|it| it.id.clone()),
            sender: message.map(|it| it.sender),
            identity: hash.and_then(IdentityHash::new),
            ..ReportedDelivery::new(reference, report)
        }
    }

    /// One of the newest messages.
    fn any_sent(&mut self) -> Option<SentMessage> {
        let sent = self.memory.messenger.sent();
        let newest = sent.len().saturating_sub(6);
        (!sent.is_empty()).then(|| sent[self.random.random_range(newest..sent.len())].clone())
    }

    async fn disown(&mut self) {
        let Some(message) = self.any_sent() else { return };
        let disowned = Disowned {
            sender: Some(message.sender),
            from: message.to,
            message: message.id,
        };
        let redis = self.redis.use_cases.disown.execute(&disowned).await;
        let memory = self.memory.use_cases.disown.execute(&disowned).await;
        self.assert_same(&redis, &memory);
    }

    async fn post(&mut self) {
        let count = self.random.random_range(1..5);
        let reports: Vec<_> = (0..count).map(|_| self.any_report()).collect();
        let (redis, memory) = (
            &self.redis.use_cases.apply_delivery,
            &self.memory.use_cases.apply_delivery,
        );
        let sorted = redis
            .by_recipient(reports.clone())
            .into_iter()
            .zip(memory.by_recipient(reports));
        for (ours, theirs) in sorted {
            let (redis, memory) = (redis.execute(&ours).await, memory.execute(&theirs).await);
            self.assert_same(&redis, &memory);
        }
    }

    fn any_step(&mut self) -> NextStep {
        let throttled = |scope, seconds: Option<u64>| NextStep::Throttled {
            scope,
            retry_after: seconds.map(Duration::from_secs),
        };
        self.one_of(&[
            NextStep::Rejected(Rejection::Undeliverable),
            NextStep::Rejected(Rejection::Identity),
            NextStep::Misconfigured(Fault::Template),
            NextStep::Misconfigured(Fault::Account),
            NextStep::AnotherLanguage,
            NextStep::Unclear,
            throttled(ThrottleScope::Recipient, None),
            throttled(ThrottleScope::Account, Some(20)),
            NextStep::Unavailable,
            NextStep::Unavailable,
            NextStep::Uncertain,
            NextStep::Uncertain,
        ])
    }

    fn script_an_answer(&mut self) {
        let step = self.any_step();
        let answer = self.one_of(&[
            Err(step),
            Err(step),
            Ok(Accepted {
                held: true,
                message: None,
                number: None,
            }),
        ]);
        for house in [&self.redis, &self.memory] {
            house.messenger.answer_next(answer.clone());
        }
    }

    fn move_the_clock(&mut self) {
        let at = self.clock.now();
        let span = match self.random.random_range(0..10) {
            0..4 => 2_000,
            4..7 => 90_000,
            7 | 8 => 700_000,
            _ => 5_000_000,
        };
        let span = Duration::from_millis(self.random.random_range(0..span));
        if self.random.random_bool(0.15) {
            self.clock.set(at.minus(span.min(Duration::from_secs(300))).max(now()));
        } else {
            self.clock.set(at.plus(span).min(now().plus(SPAN_MAX)));
        }
    }

    async fn step(&mut self) {
        match self.random.random_range(0..24) {
            0..5 => self.start().await,
            5..10 => self.check().await,
            10 => self.cancel().await,
            11 => self.get().await,
            12..15 => self.run_errands().await,
            15 | 16 => self.wake().await,
            17..20 => self.post().await,
            20 => self.script_an_answer(),
            21 => self.disown().await,
            _ => self.move_the_clock(),
        }
        self.assert_same(&self.redis.recorder.take(), &self.memory.recorder.take());
        let (redis, memory) = (self.redis.messenger.sent(), self.memory.messenger.sent());
        assert!(redis == memory, "{}: other messages were sent", self.place);
    }
}

fn under_the_rules_of(history: u64, builder: HouseBuilder) -> HouseBuilder {
    if history.is_multiple_of(2) {
        return builder.rulebook(rulebook());
    }
    // So many sends that a phone falls silent.
    let mut settings = policy_settings();
    settings.send_waits = vec![Duration::from_secs(6); 9];
    settings.unanswered_sends_max = 3;
    settings.identity_memory = Some(Duration::from_secs(7 * 86_400));
    builder.rulebook(rulebook_with(Policy::new(settings).unwrap()))
}

#[tokio::test]
async fn a_house_on_redis_and_one_in_memory_live_the_same_life() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let server = RedisServer::start();
    let (mut started, mut sent) = (0, 0);
    for history in 0..HISTORIES {
        server.ask_text("FLUSHALL");
        let redis = instance_of_house(&config(&server));
        redis.look().await.unwrap();
        let clock = Arc::<ManualClock>::default();
        let seed = seed.wrapping_mul(1_000).wrapping_add(history);
        let on_redis = House::builder(Arc::new(redis.recipients()), Arc::new(redis.limits()), redis.feed());
        let in_memory = House::builder(
            Arc::new(MemoryStore::new(SHARDS)),
            Arc::new(MemoryLimits::new()),
            Arc::new(MemoryFeed::new()),
        );
        let build = |builder| {
            under_the_rules_of(history, builder)
                .clock(Arc::clone(&clock))
                .seed(seed)
                .build()
        };
        let mut twins = Twins {
            redis: build(on_redis),
            memory: build(in_memory),
            clock: Arc::clone(&clock),
            random: StdRng::seed_from_u64(seed),
            ids: Vec::new(),
            place: String::new(),
        };
        for step in 0..STEPS {
            twins.place = format!("history {history}, step {step}");
            twins.step().await;
        }
        started += twins.ids.len();
        sent += twins.redis.messenger.sent().len();
    }
    assert!(started > 200 && sent > 100, "only {started} starts and {sent} messages");
}
