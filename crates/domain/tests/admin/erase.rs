//! Erasures: nothing that is stored is found any more by whoever has the keys, the configuration and the phone.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign_domain::id::Shard;
use countersign_domain::ports::{Accepted, Erased, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_testkit::messenger::accepted;

use super::*;

/// Everything that leads from a phone to what is stored.
struct Traces {
    records: usize,
    limits: usize,
    persons: usize,
}

impl Office {
    /// What is still found by whoever has the keys, the configuration and the phone.
    async fn traces(&self, phone: &str) -> Traces {
        let (rulebook, phone) = (&self.house.rulebook, number(phone));
        let mut traces = Traces {
            records: 0,
            limits: 0,
            persons: 0,
        };
        let person = PersonKey::of(&rulebook.identity, &phone);
        let view = self.guard.look(&[], Some(person)).await.expect("the store answers");
        traces.persons += usize::from(view.is_returning);
        for (app, known) in rulebook.apps.iter() {
            for purpose in known.purposes.keys() {
                let key = RecipientKey::derive(&rulebook.identity, app, purpose, &phone);
                let record = self.records.load(key).await.expect("the store answers");
                traces.records += usize::from(record.is_some());
                let charges = self.charges(&phone, app, purpose);
                let own: Vec<_> = charges.into_iter().filter(|it| it.parts.has(KeyPart::Phone)).collect();
                let held = self.limits.peek(&own).await.expect("the store answers");
                traces.limits += held.into_iter().flatten().count();
            }
        }
        traces
    }

    fn charges(&self, phone: &PhoneNumber, app: &AppId, purpose: &Purpose) -> Vec<Charge> {
        let subject = Subject {
            phone,
            line: PersonKey::of(&self.house.rulebook.identity, phone),
            country: CountryCode::parse("BR"),
            client: &Client::default(),
            app,
            purpose,
            caller: &everywhere().id,
        };
        let of = |action| {
            self.house
                .rulebook
                .rules
                .charges(&self.house.rulebook.identity, action, &subject)
        };
        Action::ALL.into_iter().flat_map(of).collect()
    }

    /// Takes what a start, a message and a check cost, so that there is something to find of every rule.
    async fn charge(&self, phone: &str) {
        let payment = Purpose::parse("payment").expect("a slug");
        let charges = self.charges(&number(phone), &fixture::app_id(), &payment);
        let taken = self.limits.take(&charges, self.now()).await;
        assert!(matches!(taken, Ok(Taken::All(_))));
    }
}

#[tokio::test]
async fn after_an_erasure_nothing_in_the_stores_is_reachable_from_the_phone() {
    let office = Office::new();
    let (app, other) = (fixture::app_id(), other_app());
    office.charge(OTHER).await;
    office.opened(OTHER).await;
    let (records, limits, guard) = (office.records.len(), office.limits.len(), office.guard.len());

    office.charge(PHONE).await;
    let approved = office.opened(PHONE).await;
    let answer = office
        .check(approved, &office.code(PHONE))
        .await
        .expect("an outcome is data");
    assert_eq!(answer.outcome, CheckOutcome::Approved);
    office
        .start(&app, PHONE, "payment")
        .await
        .expect("nothing stands in the way");
    let open = office
        .start(&other, PHONE, "sign_in")
        .await
        .expect("nothing stands in the way")
        .view
        .id;
    // A record of before there was a canonical spelling, and what the guard remembers.
    let old = office
        .records
        .load(open.recipient())
        .await
        .expect("the store answers")
        .expect("just written");
    let sign_in = Purpose::parse("sign_in").expect("a slug");
    let old_key = RecipientKey::derive(&office.house.rulebook.identity, &app, &sign_in, &number(ALIAS));
    let written = office
        .records
        .replace(old_key, None, &old.recipient, office.now())
        .await;
    written.expect("the store answers");
    let person = PersonKey::of(&office.house.rulebook.identity, &number(PHONE));
    let remembered = office
        .guard
        .remember(person, office.now().plus(DAY), office.now())
        .await;
    remembered.expect("the store answers");
    let before = office.traces(PHONE).await;
    assert!(before.records == 3 && before.limits > 3 && before.persons == 1);
    assert_eq!(office.traces(ALIAS).await.records, 1);
    office.take_events();

    let erased = office
        .house
        .use_cases
        .admin
        .erase_recipient(&everywhere(), &number(ALIAS))
        .await;
    assert_eq!(erased.expect("operates"), 4);
    for phone in [PHONE, ALIAS] {
        let after = office.traces(phone).await;
        assert_eq!((after.records, after.limits, after.persons), (0, 0, 0), "{phone}");
    }
    // The other person lost nothing, and nothing else is left: what one country and one caller share was there before.
    assert_eq!(
        (office.records.len(), office.limits.len(), office.guard.len()),
        (records, limits, guard)
    );
    assert_eq!(office.traces(OTHER).await.records, 1);

    let events = office.take_events();
    assert!(matches!(
        events.last(),
        Some(Event::PhoneErased { caller, records: 4, traces }) if *caller == everywhere().id && *traces > 3
    ));
    assert!(!format!("{events:?}").contains("987654"));
    let again = office
        .house
        .use_cases
        .admin
        .erase_recipient(&everywhere(), &number(PHONE))
        .await;
    assert_eq!(again.expect("operates"), 0);
}

#[tokio::test]
async fn an_erasure_forgets_the_line_that_a_phone_turned_out_to_be_and_what_counted_there() {
    let office = Office::new();
    let known = "+34700000002";
    office.house.messenger.answer_next(Ok(Accepted {
        number: Some(number(known)),
        ..accepted()
    }));
    office.opened(PHONE).await;
    let identity = &office.house.rulebook.identity;
    let [person, line] = [PHONE, known].map(|it| PersonKey::of(identity, &number(it)));
    let learnt = async || {
        let view = office.guard.look(&[], Some(person)).await;
        view.expect("the store answers").line
    };
    assert_eq!(learnt().await, Some(line));
    assert!(office.traces(known).await.limits > 0);

    let admin = &office.house.use_cases.admin;
    let erased = admin.erase_recipient(&here(), &number(PHONE)).await;
    assert_eq!(erased.expect("operates"), 1);
    assert_eq!(learnt().await, None);
    for phone in [PHONE, known] {
        let after = office.traces(phone).await;
        assert_eq!((after.records, after.limits, after.persons), (0, 0, 0), "{phone}");
    }
    assert_eq!(office.guard.len(), 0);
}

#[tokio::test]
async fn an_erasure_ends_what_is_open_and_its_code_is_worthless() {
    let office = Office::new();
    let id = office.opened(PHONE).await;
    let code = office.code(PHONE);
    office.take_events();
    let erased = office
        .house
        .use_cases
        .admin
        .erase_recipient(&here(), &number(PHONE))
        .await;
    assert_eq!(erased.expect("operates"), 1);
    let is_canceled = |event: &Event| {
        let Event::Ended { subject, state, .. } = event else {
            return false;
        };
        let by_caller = matches!(
            state,
            VerificationState::Canceled {
                by: CanceledBy::Caller,
                ..
            }
        );
        subject.verification == id && by_caller
    };
    assert_eq!(office.take_events().iter().filter(|it| is_canceled(it)).count(), 1);
    assert!(matches!(office.check(id, &code).await, Err(Error::NotFound)));
    let again = office.opened(PHONE).await;
    assert!(matches!(office.check(id, &code).await, Err(Error::NotFound)));
    assert_ne!(office.code(PHONE), code);
    assert!(office.state(again).await.is_ok());
}

#[tokio::test]
async fn an_erasure_spares_the_apps_that_the_caller_does_not_operate() {
    let office = Office::new();
    office.opened(PHONE).await;
    office
        .start(&other_app(), PHONE, "sign_in")
        .await
        .expect("nothing stands in the way");
    let erased = office
        .house
        .use_cases
        .admin
        .erase_recipient(&here(), &number(PHONE))
        .await;
    assert_eq!(erased.expect("operates"), 1);
    assert_eq!(office.traces(PHONE).await.records, 1);
}

/// A store in which somebody else writes just before the first erasures.
struct Busy {
    inner: MemoryStore,
    writes_left: AtomicUsize,
}

#[async_trait]
impl RecipientStore for Busy {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.inner.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.inner.replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.inner.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        let writes_left = &self.writes_left;
        let is_busy = writes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if let (Ok(_), Some(stored)) = (is_busy, self.inner.load(key).await?) {
            let now = stored.recipient.changed_at;
            self.inner.replace(key, Some(seen), &stored.recipient, now).await?;
        }
        self.inner.erase(key, seen).await
    }
}

#[tokio::test]
async fn an_erasure_that_loses_races_erases_what_is_there_by_then() {
    let records = Arc::new(Busy {
        inner: MemoryStore::new(ShardCount::DEFAULT),
        writes_left: AtomicUsize::new(7),
    });
    let (limits, feed) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
    let office = Office {
        house: House::new(Arc::clone(&records) as _, Arc::clone(&limits) as _, feed),
        records: Arc::new(MemoryStore::new(ShardCount::DEFAULT)),
        limits,
        guard: Arc::new(MemoryGuard::new()),
    };
    office.opened(PHONE).await;
    office.take_events();
    let erased = office
        .house
        .use_cases
        .admin
        .erase_recipient(&here(), &number(PHONE))
        .await;
    assert_eq!(erased.expect("operates"), 1);
    assert_eq!(
        (records.inner.len(), records.writes_left.load(Ordering::SeqCst)),
        (0, 0)
    );
    let is_ended = |event: &&Event| matches!(event, Event::Ended { .. });
    assert_eq!(office.take_events().iter().filter(is_ended).count(), 1);
}
