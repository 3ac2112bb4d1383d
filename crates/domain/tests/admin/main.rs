//! What operators may do: see and lift blocks, hold and release recipients, erase what is known about a phone.

mod blocks;
mod erase;
mod holds;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::app::{App, Apps, Caller};
use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::country::CountryCode;
use countersign_domain::event::Event;
use countersign_domain::guard::{Alarm, Area, Block, Bucket, BucketKey, GuardSettings, NumberBlock, PersonKey, Rung};
use countersign_domain::id::{AppId, CallerId, Purpose, RecipientKey, ShardCount, VerificationId};
use countersign_domain::limit::{Charge, ChargeMode, KeyPart, KeyParts, Quota, RuleLabel, RuleName, Taken, Window};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::ports::{BatchId, GuardStore, LimitStore, RecipientStore, ScoreChange};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules, Subject, default_rules};
use countersign_domain::template::Platform;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::{
    CheckAnswer, CheckRequest, Error, Field, HOLD_MAX, HOLD_MIN, Rulebook, StartAnswer, StartRequest, VerificationName,
};
use countersign_domain::verification::{CanceledBy, CheckOutcome, VerificationState};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

const HOUR: Duration = Duration::from_secs(60 * 60);
const PHONE: &str = "+5511987654321";
const ALIAS: &str = "+551187654321";
const OTHER: &str = "+5511987650000";

/// A house with two apps over stores that can be looked into.
struct Office {
    house: House,
    records: Arc<MemoryStore>,
    limits: Arc<MemoryLimits>,
    guard: Arc<MemoryGuard>,
}

impl Office {
    fn new() -> Self {
        Self::with(fixture::policy_settings(), None)
    }

    fn with(settings: PolicySettings, guard_settings: Option<GuardSettings>) -> Self {
        let policy = Policy::new(settings).expect("the numbers hold together");
        let rulebook = fixture::rulebook_with(policy);
        let demo = rulebook
            .apps
            .get(&fixture::app_id())
            .expect("the fixture's app")
            .clone();
        let rulebook = Rulebook {
            apps: Apps::new([(fixture::app_id(), demo.clone()), (other_app(), App { ..demo })]),
            rules: rules(),
            guard: guard_settings,
            ..rulebook
        };
        let records = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let (limits, guard) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryGuard::new()));
        let feed = Arc::new(MemoryFeed::new());
        let house = House::builder(Arc::clone(&records) as _, Arc::clone(&limits) as _, feed)
            .guard(Arc::clone(&guard) as _, Arc::new(MemoryTallies::new()))
            .rulebook(rulebook)
            .build();
        Self {
            house,
            records,
            limits,
            guard,
        }
    }

    fn now(&self) -> Timestamp {
        self.house.ports.clock.now()
    }

    fn take_events(&self) -> Vec<Event> {
        self.house.recorder.take()
    }

    async fn start(&self, app: &AppId, phone: &str, purpose: &str) -> Result<StartAnswer, Error> {
        let request = StartRequest {
            app: app.clone(),
            phone: number(phone),
            purpose: Purpose::parse(purpose).expect("a slug"),
            language: Some(fixture::language("en_US")),
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            client: Client::default(),
            request_id: None,
            deadline: None,
        };
        let answer = self.house.use_cases.start.execute(&everywhere(), request).await;
        self.house.run_errands().await;
        answer
    }

    /// Opens a verification of the first app.
    async fn opened(&self, phone: &str) -> VerificationId {
        let answer = self.start(&fixture::app_id(), phone, "sign_in").await;
        answer.expect("nothing stands in the way").view.id
    }

    async fn check(&self, id: VerificationId, code: &str) -> Result<CheckAnswer, Error> {
        let request = CheckRequest {
            name: VerificationName::Id(id),
            guess: Guess::parse(code).expect("the shape of a code"),
            context: BTreeMap::new(),
            client: Client::default(),
            request_id: None,
            deadline: None,
        };
        let answer = self.house.use_cases.check.execute(&everywhere(), request).await;
        self.house.run_errands().await;
        answer
    }

    fn code(&self, phone: &str) -> String {
        let code = self.house.messenger.last_code_for(&number(phone));
        code.expect("a message was sent")
    }

    async fn state(&self, id: VerificationId) -> Result<VerificationState, Error> {
        let name = VerificationName::Id(id);
        let view = self.house.use_cases.get.execute(&everywhere(), &name).await?;
        Ok(view.verification.state)
    }
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("E.164")
}

fn other_app() -> AppId {
    AppId::parse("other").expect("a slug")
}

/// The default rules; one that tells phones apart together with everything the configuration knows, and one of a country.
fn rules() -> Rules {
    let rule = |name: &str, applies_to, parts: &[KeyPart]| RuleSettings {
        name: RuleLabel::parse(name).expect("a slug"),
        parts: KeyParts::of(parts),
        quotas: vec![Quota::Budget {
            amount: NonZeroU64::new(40).expect("not zero"),
            window: Window::DAY,
        }],
        applies_to,
        mode: ChargeMode::Refuse,
        absent: Absent::Shared,
        apps: BTreeSet::new(),
    };
    let own = [
        rule(
            "guesses_per_phone",
            Action::Check,
            &[KeyPart::Phone, KeyPart::App, KeyPart::Purpose],
        ),
        rule("sends_per_country", Action::Send, &[KeyPart::Country]),
    ];
    Rules::new(default_rules().into_iter().chain(own).collect()).expect("the rules hold together")
}

fn caller(id: &str, apps: &[AppId], operates: bool) -> Caller {
    Caller {
        id: CallerId::parse(id).expect("a slug"),
        apps: apps.iter().cloned().collect(),
        manages_templates: false,
        operates,
    }
}

/// An operator of both apps.
fn everywhere() -> Caller {
    caller("ops", &[fixture::app_id(), other_app()], true)
}

/// An operator of the first app.
fn here() -> Caller {
    caller("desk", &[fixture::app_id()], true)
}
