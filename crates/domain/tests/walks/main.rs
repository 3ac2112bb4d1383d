//! The walks of one verification through the use cases: what each decision answers, and when.

mod accounts;
mod adverse;
mod charges;
mod check;
mod detours;
mod disown;
mod guard;
mod identity;
mod lines;
mod news;
mod post_order;
mod posts;
mod replays;
mod send;
mod senders;
mod settlement;
mod start;
mod throughput;
mod watch;
mod webhook;
mod wording;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::DeliveryReport;
use countersign_domain::id::{ShardCount, VerificationId};
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::recipient::VerificationView;
use countersign_domain::request::RequestId;
use countersign_domain::template::Platform;
use countersign_domain::use_case::{
    Applied, CheckAnswer, CheckRequest, Error, ReportedDelivery, Rulebook, StartAnswer, StartRequest, VerificationName,
};
use countersign_domain::verification::{CheckOutcome, StartOutcome};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

/// A house, and short words for what callers ask of it.
struct Walk {
    house: House,
}

impl Walk {
    fn new() -> Self {
        Self::under(fixture::policy_settings())
    }

    fn under(settings: PolicySettings) -> Self {
        let policy = Policy::new(settings).expect("the numbers hold together");
        Self::ruled_by(fixture::rulebook_with(policy), 1)
    }

    fn ruled_by(rulebook: Rulebook, seed: u64) -> Self {
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::builder(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()))
            .rulebook(rulebook)
            .seed(seed)
            .build();
        Self { house }
    }

    fn request() -> StartRequest {
        StartRequest {
            app: fixture::app_id(),
            phone: fixture::phone(),
            purpose: fixture::purpose(),
            language: Some(fixture::language("en_US")),
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            client: Client::default(),
            request_id: None,
            deadline: None,
        }
    }

    /// Starts, and lets the message go out.
    async fn start(&self) -> Result<StartAnswer, Error> {
        self.start_as(Self::request()).await
    }

    async fn start_as(&self, request: StartRequest) -> Result<StartAnswer, Error> {
        let answer = self.house.use_cases.start.execute(&fixture::caller(), request).await;
        self.house.run_errands().await;
        answer
    }

    async fn opened(&self) -> VerificationId {
        let answer = self.start().await.expect("nothing stands in the way");
        assert_eq!(answer.outcome, StartOutcome::Opened);
        answer.view.id
    }

    fn code(&self) -> String {
        self.house
            .messenger
            .last_code_for(&fixture::phone())
            .expect("a message was sent")
    }

    /// A code that is not the right one.
    fn wrong(&self) -> String {
        let code: u32 = self.code().parse().expect("digits");
        format!("{:06}", (code + 1) % 1_000_000)
    }

    async fn check(&self, id: VerificationId, code: &str) -> Result<CheckAnswer, Error> {
        self.check_as(Self::guess(id, code)).await
    }

    fn guess(id: VerificationId, code: &str) -> CheckRequest {
        CheckRequest {
            name: VerificationName::Id(id),
            guess: Guess::parse(code).expect("the shape of a code"),
            context: BTreeMap::new(),
            client: Client::default(),
            request_id: None,
            deadline: None,
        }
    }

    async fn check_as(&self, request: CheckRequest) -> Result<CheckAnswer, Error> {
        let answer = self.house.use_cases.check.execute(&fixture::caller(), request).await;
        self.house.run_errands().await;
        answer
    }

    async fn outcome(&self, id: VerificationId, code: &str) -> CheckOutcome {
        self.check(id, code).await.expect("an outcome is data").outcome
    }

    async fn approve(&self, id: VerificationId) {
        assert_eq!(self.outcome(id, &self.code()).await, CheckOutcome::Approved);
    }

    async fn view(&self, id: VerificationId) -> VerificationView {
        self.house
            .use_cases
            .get
            .execute(&fixture::caller(), &VerificationName::Id(id))
            .await
            .expect("readable")
    }

    /// Hears a post, recipient by recipient.
    async fn hears_post(&self, post: Vec<ReportedDelivery>) -> Vec<Result<Vec<Applied>, Error>> {
        let apply = &self.house.use_cases.apply_delivery;
        let mut applied = Vec::new();
        for reports in apply.by_recipient(post) {
            applied.push(apply.execute(&reports).await);
        }
        applied
    }

    /// Hears a post that says one thing.
    async fn hears_of(&self, reference: Option<&str>, report: &DeliveryReport) -> Applied {
        let post = vec![ReportedDelivery::new(reference.map(str::to_owned), report.clone())];
        let applied = self.hears_post(post).await.pop().expect("one recipient, or nobody");
        let [applied] = applied.expect("the store is there")[..] else {
            panic!("one report has one answer");
        };
        applied
    }

    fn wait(&self, seconds: u64) {
        self.house.clock.advance(Duration::from_secs(seconds));
    }

    async fn wake(&self) -> usize {
        self.house
            .wake_due(ShardCount::DEFAULT)
            .await
            .expect("the store is there")
    }
}

fn request_id(text: &str) -> Option<RequestId> {
    RequestId::parse(text).expect("the shape of a request id")
}

fn pairs(amount: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("amount".to_owned(), amount.to_owned()),
        ("payee".to_owned(), "x".to_owned()),
    ])
}
