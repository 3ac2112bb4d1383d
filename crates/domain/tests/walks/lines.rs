//! One line under two numbers that only the provider knows to be one: one budget, from the second message on.

use std::num::NonZeroU64;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_domain::client::Client;
use countersign_domain::delivery::{DeliveryState, NextStep, ProviderReport};
use countersign_domain::event::Event;
use countersign_domain::guard::{Block, BucketKey, GuardSettings, LINE_MEMORY, PersonKey};
use countersign_domain::id::{Purpose, RecipientKey, ShardCount};
use countersign_domain::limit::{Charge, ChargeMode, KeyPart, KeyParts, LimitKey, RuleLabel, RuleName, peek};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{
    Accepted, BatchId, Clock as _, GuardStore, GuardView, LimitStore as _, ScoreChange, StoreError, StoredBlock,
    Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::rule::{Action, RuleSettings, Rules, Subject};
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::{Error, RecordedEvent, Rulebook, StartAnswer, StartRequest};
use countersign_domain::verification::{CheckOutcome, StartOutcome};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::guard::NoGuard;
use countersign_testkit::house::House;
use countersign_testkit::messenger::accepted;

use crate::Walk;
use crate::charges::scene::rule;

/// What is asked for, and the number WhatsApp knows the person by. No numbering plan leads from one to the other.
const ASKED: &str = "+34600000001";
const KNOWN: &str = "+34700000002";

/// A walk whose provider knows one person by another number, and its stores.
struct Scene {
    walk: Walk,
    guard: Arc<MemoryGuard>,
    limits: Arc<MemoryLimits>,
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("a number")
}

fn of(parts: &[KeyPart], rule: RuleSettings) -> RuleSettings {
    RuleSettings {
        parts: KeyParts::of(parts),
        ..rule
    }
}

impl Scene {
    fn under(rules: Vec<RuleSettings>) -> Self {
        Self::with(Rulebook {
            rules: Rules::new(rules).expect("they hold together"),
            ..fixture::rulebook()
        })
    }

    fn with(rulebook: Rulebook) -> Self {
        let (guard, limits) = (Arc::new(MemoryGuard::new()), Arc::new(MemoryLimits::new()));
        let records = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::builder(records, Arc::clone(&limits) as _, Arc::new(MemoryFeed::new()))
            .guard(Arc::clone(&guard) as _, Arc::new(MemoryTallies::new()))
            .rulebook(rulebook)
            .build();
        let scene = Self {
            walk: Walk { house },
            guard,
            limits,
        };
        scene.knows_by(Some(KNOWN));
        scene
    }

    /// The number with which the provider answers from now on.
    fn knows_by(&self, known: Option<&str>) {
        self.walk.house.messenger.answer_always(Ok(Accepted {
            number: known.map(number),
            ..accepted()
        }));
    }

    async fn start(&self, phone: &str, purpose: &str) -> Result<StartAnswer, Error> {
        let request = StartRequest {
            phone: number(phone),
            purpose: Purpose::parse(purpose).expect("a slug"),
            ..Walk::request()
        };
        self.walk.start_as(request).await
    }

    async fn refused_by(&self, phone: &str, purpose: &str) -> Option<RuleName> {
        match self.start(phone, purpose).await {
            Ok(_) => None,
            Err(Error::LimitReached { rule, .. }) => Some(rule),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn line(&self, phone: &str) -> PersonKey {
        PersonKey::of(&self.walk.house.rulebook.identity, &number(phone))
    }

    async fn learnt(&self, phone: &str) -> Option<PersonKey> {
        let view = self.guard.look(&[], Some(self.line(phone))).await;
        view.expect("the store answers").line
    }

    /// How much of every rule of messages that line has used, in the order of the rules.
    async fn used(&self, line: &str) -> Vec<u64> {
        let rulebook = &self.walk.house.rulebook;
        let subject = Subject {
            phone: &number(ASKED),
            line: self.line(line),
            country: None,
            client: &Client::default(),
            app: &fixture::app_id(),
            purpose: &fixture::purpose(),
            caller: &fixture::caller().id,
        };
        let mut used = Vec::new();
        for action in Action::ALL {
            for charge in rulebook.rules.charges(&rulebook.identity, action, &subject) {
                used.push(self.used_of(charge).await);
            }
        }
        used
    }

    /// How many unanswered messages count at that line.
    async fn unanswered(&self, line: &str) -> u64 {
        let rule = RuleName::UnansweredSends;
        let charge = Charge {
            rule,
            parts: KeyParts::of(&[KeyPart::Phone]),
            key: LimitKey::derive(&fixture::identity(), rule, self.line(line).as_bytes()),
            quota: fixture::policy().unanswered_quota(),
            amount: NonZeroU64::MIN,
            mode: ChargeMode::Refuse,
        };
        self.used_of(charge).await
    }

    async fn used_of(&self, charge: Charge) -> u64 {
        let held = self.limits.peek(&[charge]).await.expect("the store answers");
        peek(held[0], charge.quota, self.walk.house.clock.now()).used
    }

    async fn record(&self, phone: &str) -> Recipient {
        let rulebook = &self.walk.house.rulebook;
        let key = RecipientKey::derive(
            &rulebook.identity,
            &fixture::app_id(),
            &fixture::purpose(),
            &number(phone),
        );
        let stored = self.walk.house.ports.recipients.load(key).await;
        stored.expect("the store answers").expect("there is one").recipient
    }

    fn lines_learnt(&self) -> usize {
        let events = self.walk.house.recorder.take();
        events.iter().filter(|it| **it == Event::LineLearnt).count()
    }
}

#[tokio::test]
async fn two_spellings_of_a_line_share_its_budget_from_the_second_message_on() {
    for guard in [None, Some(GuardSettings::default())] {
        let scene = Scene::with(Rulebook {
            rules: Rules::new(vec![rule("sends", Action::Send, 3)]).expect("they hold together"),
            guard,
            ..fixture::rulebook()
        });
        assert_eq!(scene.refused_by(ASKED, "sign_in").await, None);
        assert_eq!(scene.learnt(ASKED).await, Some(scene.line(KNOWN)));
        assert_eq!(scene.used(KNOWN).await, [1], "the first message is counted, too");
        assert_eq!(scene.refused_by(KNOWN, "sign_in").await, None);
        assert_eq!(scene.refused_by(ASKED, "payment").await, None);
        assert_eq!(scene.used(KNOWN).await, [3]);
        let sends = RuleName::Named(RuleLabel::parse("sends").expect("a slug"));
        assert_eq!(scene.refused_by(KNOWN, "payment").await, Some(sends));
        scene.walk.wait(3_600);
        assert_eq!(scene.refused_by(ASKED, "sign_in").await, Some(sends));
        assert_eq!(scene.lines_learnt(), 1);
    }
}

#[tokio::test]
async fn what_follows_from_the_record_is_counted_at_a_line_that_is_new_and_nothing_else() {
    let rules = vec![
        rule("starts", Action::Start, 50),
        of(&[KeyPart::Phone, KeyPart::App], rule("of_app", Action::Send, 50)),
        of(
            &[KeyPart::Phone, KeyPart::Purpose],
            rule("of_purpose", Action::Send, 50),
        ),
        of(&[KeyPart::Phone, KeyPart::Caller], rule("of_caller", Action::Send, 50)),
        of(
            &[KeyPart::Phone, KeyPart::ClientIp],
            rule("of_address", Action::Send, 50),
        ),
        of(&[KeyPart::App], rule("apps", Action::Send, 500)),
    ];
    let scene = Scene::under(rules);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    assert_eq!(scene.used(KNOWN).await, [1, 1, 1, 0, 0, 1]);
    assert_eq!(scene.used(ASKED).await, [1, 1, 1, 1, 1, 1]);
    scene.walk.wait(60);
    scene.start(ASKED, "sign_in").await.expect("a resend");
    // Only what is another message, and no other verification.
    assert_eq!(scene.used(KNOWN).await, [1, 2, 2, 1, 1, 2]);
    assert_eq!(scene.used(ASKED).await, [1, 1, 1, 1, 1, 2]);
}

#[tokio::test]
async fn the_first_message_that_leaves_stands_for_opening_the_verification_at_a_line_that_is_new() {
    let scene = Scene::under(vec![rule("starts", Action::Start, 50)]);
    let report = ProviderReport::new(2, "Service unavailable", "");
    scene.walk.house.messenger.refuse_next(NextStep::Unavailable, report);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    assert_eq!(scene.used(KNOWN).await, [0], "nobody took it");
    scene.walk.wait(60);
    let again = scene.start(ASKED, "sign_in").await.expect("a resend");
    assert_eq!(again.outcome, StartOutcome::Resent);
    assert_eq!(scene.used(KNOWN).await, [1]);
}

#[tokio::test]
async fn counting_at_a_line_refuses_nothing_and_stands_beyond_its_quota() {
    let scene = Scene::under(vec![rule("sends", Action::Send, 1)]);
    scene.start(KNOWN, "sign_in").await.expect("nothing stands in the way");
    scene.start(ASKED, "sign_in").await.expect("its line is not known yet");
    assert_eq!(scene.used(KNOWN).await, [2]);
}

#[tokio::test]
async fn a_right_guess_gives_back_what_it_answered_at_the_line() {
    let scene = Scene::under(vec![rule("guesses", Action::Check, 5)]);
    // The line is learnt with the first message, and known before the second one.
    for _ in 0..2 {
        let answer = scene.start(ASKED, "sign_in").await;
        let id = answer.expect("nothing stands in the way").view.id;
        assert_eq!(scene.record(ASKED).await.line, Some(scene.line(KNOWN)));
        assert_eq!(scene.unanswered(KNOWN).await, 1);
        let code = scene.walk.house.messenger.last_code_for(&number(ASKED));
        let outcome = scene.walk.outcome(id, &code.expect("it was sent")).await;
        assert_eq!(outcome, CheckOutcome::Approved);
        assert_eq!(scene.unanswered(KNOWN).await, 0);
        assert_eq!(scene.record(ASKED).await.line, None, "it is kept as long as the phone");
        scene.walk.wait(60);
    }
    assert_eq!(scene.used(KNOWN).await, [0], "and a right guess costs nothing there");
    let id = scene.start(ASKED, "sign_in").await.expect("it is a new day").view.id;
    let wrong = scene
        .walk
        .house
        .messenger
        .last_code_for(&number(ASKED))
        .expect("it was sent");
    let wrong = if wrong == "000000" { "000001" } else { "000000" };
    assert_eq!(scene.walk.outcome(id, wrong).await, CheckOutcome::Incorrect);
    assert_eq!((scene.used(KNOWN).await, scene.used(ASKED).await), (vec![1], vec![0]));
}

#[tokio::test]
async fn nothing_is_learnt_from_the_same_number_from_none_or_from_a_spelling_of_the_plan() {
    let scene = Scene::under(vec![rule("sends", Action::Send, 50)]);
    for (asked, known) in [
        (ASKED, Some(ASKED)),
        (ASKED, None),
        ("+5511987654321", Some("+551187654321")),
        ("+551187654321", Some("+5511987654321")),
    ] {
        scene.knows_by(known);
        scene.start(asked, "sign_in").await.expect("nothing stands in the way");
        scene.walk.wait(3_600);
        assert_eq!(scene.learnt(asked).await, None);
    }
    assert_eq!((scene.lines_learnt(), scene.guard.len()), (0, 0));
}

#[tokio::test]
async fn a_message_that_was_not_taken_teaches_nothing() {
    let scene = Scene::under(Vec::new());
    scene.walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    scene.start(ASKED, "sign_in").await.expect("decided");
    assert_eq!(scene.guard.len(), 0);
}

#[tokio::test]
async fn a_line_is_renewed_by_each_message_and_counted_once() {
    let scene = Scene::under(vec![rule("sends", Action::Send, 50)]);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    scene.walk.wait(3_600);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    assert_eq!((scene.used(KNOWN).await, scene.lines_learnt()), (vec![2], 1));
    // Without a word of it the line stays what it was.
    scene.knows_by(None);
    scene.walk.wait(3_600);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    assert_eq!(scene.used(KNOWN).await, [3]);
    assert_eq!(LINE_MEMORY, DAY * 400);
}

#[tokio::test]
async fn a_number_that_is_its_own_line_again_has_a_budget_again() {
    let scene = Scene::under(vec![rule("sends", Action::Send, 50)]);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    scene.knows_by(Some(ASKED));
    scene.walk.wait(3_600);
    scene
        .start(ASKED, "sign_in")
        .await
        .expect("decided at the line that was known");
    assert_eq!(
        (scene.learnt(ASKED).await, scene.record(ASKED).await.line),
        (None, None)
    );
    // Decided at the line of before, it counts at the number's own, too.
    assert_eq!((scene.used(KNOWN).await, scene.used(ASKED).await), (vec![2], vec![2]));
    scene.walk.wait(3_600);
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    assert_eq!((scene.used(KNOWN).await, scene.used(ASKED).await), (vec![2], vec![3]));
}

/// A guard's store that answers, and takes nothing.
struct Deaf;

fn deaf<T>() -> Result<T, StoreError> {
    Err(StoreError::Unavailable("away".into()))
}

#[async_trait]
impl GuardStore for Deaf {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        NoGuard.look(buckets, person).await
    }

    async fn score(&self, _: BatchId, _: &[ScoreChange], _: Timestamp) -> Result<Vec<i64>, StoreError> {
        deaf()
    }

    async fn replace<'a>(
        &self,
        _: BucketKey,
        _: Option<Version>,
        _: Option<&'a Block>,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        deaf()
    }

    async fn scores(&self, _: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        deaf()
    }

    async fn blocks(&self, _: usize) -> Result<Vec<StoredBlock>, StoreError> {
        deaf()
    }

    async fn remember(&self, _: PersonKey, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        deaf()
    }

    async fn learn_line(&self, _: PersonKey, _: PersonKey, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        deaf()
    }

    async fn forget(&self, _: PersonKey) -> Result<(), StoreError> {
        deaf()
    }
}

#[tokio::test]
async fn a_line_that_the_store_does_not_take_is_told_and_fails_no_message() {
    let mut scene = Scene::under(vec![rule("sends", Action::Send, 50)]);
    let records = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
    scene.walk.house = House::builder(records, Arc::clone(&scene.limits) as _, Arc::new(MemoryFeed::new()))
        .guard(Arc::new(Deaf), Arc::new(MemoryTallies::new()))
        .rulebook(Rulebook {
            rules: scene.walk.house.rulebook.rules.clone(),
            ..fixture::rulebook()
        })
        .build();
    scene.knows_by(Some(KNOWN));
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    let record = scene.record(ASKED).await;
    assert_eq!(record.verifications[0].deliveries[0].state, DeliveryState::Accepted);
    assert_eq!(scene.used(KNOWN).await, [1], "what can be counted is");
    let events = scene.walk.house.recorder.take();
    assert!(events.contains(&Event::GuardUnheard));
}

#[tokio::test]
async fn recipients_keep_their_own_waits_whatever_their_line() {
    let scene = Scene::under(Vec::new());
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    // The same recipient would have joined.
    let other = scene.start(KNOWN, "sign_in").await.expect("nothing stands in the way");
    assert_eq!(other.outcome, StartOutcome::Opened);
}

#[tokio::test]
async fn recorded_decisions_have_one_mark_for_a_line() {
    let scene = Scene::with(Rulebook {
        records_decisions: true,
        ..fixture::rulebook()
    });
    scene.start(ASKED, "sign_in").await.expect("nothing stands in the way");
    scene.start(ASKED, "payment").await.expect("nothing stands in the way");
    scene.start(KNOWN, "sign_in").await.expect("nothing stands in the way");
    let events = scene.walk.house.recorder.take();
    let mark = |event: &Event| match event {
        Event::Decided(recorded) => match &**recorded {
            RecordedEvent::Start { subject, .. } => Some(subject.phone),
            _ => None,
        },
        _ => None,
    };
    let marks: Vec<_> = events.iter().filter_map(mark).collect();
    assert_eq!((marks.len(), marks[1]), (3, marks[2]));
    assert_ne!(marks[0], marks[1], "nobody knew the line then");
}
