//! A board over accounts that have what a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::app::{App, Apps};
use countersign_domain::event::{Event, HeardNews};
use countersign_domain::id::{AppId, Purpose, ShardCount};
use countersign_domain::policy::{OnDrift, Policy, PolicySettings};
use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::{AccountId, Quality, Sender};
use countersign_domain::template::{
    CatalogEntry, Category, Language, MessageLife, Said, SeenContent, TemplateId, TemplateName, TemplateNews,
    TemplateStatus, TemplateWord,
};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Ports, Rulebook, TemplateBoard, TemplateFault};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use tokio::sync::Semaphore;

/// What the accounts have, and how often each was asked.
pub(crate) struct Shelves {
    pub(crate) entries: Mutex<BTreeMap<AccountId, Vec<CatalogEntry>>>,
    pub(crate) failure: Mutex<Option<fn() -> CatalogError>>,
    pub(crate) asked: Mutex<Vec<AccountId>>,
    /// The next listings end only when theirs has a permit.
    pub(crate) gates: Mutex<VecDeque<Arc<Semaphore>>>,
    /// A permit for each listing that was asked for and read.
    pub(crate) began: Semaphore,
}

#[async_trait]
impl TemplateCatalog for Shelves {
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
        lock(&self.asked).push(account.clone());
        if let Some(failure) = *lock(&self.failure) {
            return Err(failure());
        }
        let listed = lock(&self.entries).get(account).cloned();
        self.began.add_permits(1);
        let gate = lock(&self.gates).pop_front();
        if let Some(gate) = gate {
            gate.acquire().await.expect("never closed").forget();
        }
        listed.ok_or(CatalogError::NotHeld)
    }

    async fn get(&self, _: &AccountId, _: &TemplateId) -> Result<CatalogEntry, CatalogError> {
        Err(CatalogError::NotHeld)
    }

    async fn create(&self, _: &AccountId, _: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
        Err(CatalogError::NotHeld)
    }

    async fn upsert(&self, _: &AccountId, _: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
        Err(CatalogError::NotHeld)
    }

    async fn edit(&self, _: &AccountId, _: &TemplateId, _: &TemplateOrder) -> Result<(), CatalogError> {
        Err(CatalogError::NotHeld)
    }

    async fn delete(&self, _: &AccountId, _: &TemplateName, _: Option<TemplateId>) -> Result<(), CatalogError> {
        Err(CatalogError::NotHeld)
    }

    async fn preview(&self, _: &AccountId, _: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
        Err(CatalogError::NotHeld)
    }
}

/// A board over [`Shelves`] that have what the fixture's app describes, as it should be.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) shelves: Arc<Shelves>,
    pub(crate) board: TemplateBoard,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::ruled_by(fixture::rulebook())
    }

    pub(crate) fn ruled_by(rulebook: Rulebook) -> Self {
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::builder(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()))
            .rulebook(rulebook)
            .build();
        let accounts = house.rulebook.apps.senders().into_values().map(|it| it.account.clone());
        let shelves = Arc::new(Shelves {
            entries: Mutex::new(accounts.map(|it| (it, entries())).collect()),
            failure: Mutex::default(),
            asked: Mutex::default(),
            gates: Mutex::default(),
            began: Semaphore::new(0),
        });
        let ports = Ports {
            catalog: Arc::clone(&shelves) as _,
            ..house.ports.clone()
        };
        let board = TemplateBoard::new(&house.rulebook, &ports);
        Self { house, shelves, board }
    }

    /// Changes what an account has in `en_US`.
    pub(crate) fn change(&self, account: &str, change: impl FnOnce(&mut CatalogEntry)) {
        let mut shelves = lock(&self.shelves.entries);
        let entries = shelves.get_mut(&self::account(account)).expect("an account");
        let entry = entries.iter_mut().find(|it| it.language == english());
        change(entry.expect("it is there"));
    }

    /// What the accounts have is as it should be, again.
    pub(crate) fn mend(&self) {
        *lock(&self.shelves.entries) = BTreeMap::from([(account("a1"), entries())]);
    }

    pub(crate) fn take_away(&self, account: &str) {
        let mut shelves = lock(&self.shelves.entries);
        let entries = shelves.get_mut(&self::account(account)).expect("an account");
        entries.retain(|it| it.language != english());
    }

    /// The account has its template in `en_US` a second time, as one that was deleted.
    pub(crate) fn add_deleted(&self, account: &str, is_first: bool) {
        let mut shelves = lock(&self.shelves.entries);
        let entries = shelves.get_mut(&self::account(account)).expect("an account");
        let present = entries.iter().find(|it| it.language == english());
        let deleted = CatalogEntry {
            id: TemplateId::new("7").expect("an id"),
            status: TemplateStatus::Deleted,
            ..present.expect("it is there").clone()
        };
        entries.insert(if is_first { 0 } else { entries.len() }, deleted);
    }

    pub(crate) fn fail(&self, failure: Option<fn() -> CatalogError>) {
        *lock(&self.shelves.failure) = failure;
    }

    pub(crate) async fn look(&self) {
        self.house.clock.advance(Duration::from_secs(300));
        self.board.look_around().await;
    }

    /// Gates for so many of the next listings.
    pub(crate) fn gates<const N: usize>(&self) -> [Arc<Semaphore>; N] {
        let gates = std::array::from_fn(|_| Arc::new(Semaphore::new(0)));
        lock(&self.shelves.gates).extend(gates.iter().cloned());
        gates
    }

    /// Waits until a listing was read and is not yet answered.
    pub(crate) async fn began(&self) {
        self.shelves.began.acquire().await.expect("never closed").forget();
    }

    pub(crate) fn looks(&self) -> usize {
        self.asked().len()
    }

    pub(crate) fn hear(&self, word: TemplateWord) -> HeardNews {
        self.hear_at(None, word)
    }

    pub(crate) fn hear_at(&self, at: Option<Timestamp>, word: TemplateWord) -> HeardNews {
        self.board.hear(&TemplateNews { at, ..news(word) })
    }

    /// Who was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<AccountId> {
        std::mem::take(&mut *lock(&self.shelves.asked))
    }

    /// What was said since this was asked last, but for what webhooks said.
    pub(crate) fn said(&self) -> Vec<String> {
        let line = |fault: &TemplateFault, word: &str| {
            let passed_over = if fault.passed_over { " passed over" } else { "" };
            format!(
                "{word} {}/{}/{}/{}: {}{passed_over}",
                fault.app,
                fault.account,
                fault.template,
                fault.language,
                fault.drift.name()
            )
        };
        let events = self.house.recorder.take().into_iter();
        let lines = events.filter_map(|event| match event {
            Event::TemplateFaulty { fault } => Some(line(&fault, "faulty")),
            Event::TemplateWell {
                app,
                account,
                template,
                language,
                was,
            } => Some(format!("well {app}/{account}/{template}/{language}: {}", was.name())),
            Event::TemplateRated {
                account,
                template,
                language,
                quality,
            } => Some(format!("rated {account}/{template}/{language}: {}", quality.name())),
            Event::TemplatesUnseen { account, why, report } => {
                let code = report.map_or(0, |it| it.code);
                Some(format!("unseen {account}: {why} {code}"))
            }
            Event::TemplatesSeen { account } => Some(format!("seen {account}")),
            Event::TemplateHeard { .. } => None,
            other => panic!("{other:?}"),
        });
        lines.collect()
    }

    pub(crate) fn is_usable(&self, policy: &Policy) -> bool {
        let template = fixture::template_name();
        let drift = self.board.why_unusable(&account("a1"), &template, &english(), policy);
        drift.is_none()
    }
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::parse(name).expect("an account's name")
}

pub(crate) fn english() -> Language {
    fixture::language("en_US")
}

pub(crate) fn entries() -> Vec<CatalogEntry> {
    let entry = |language: &Language| CatalogEntry {
        id: TemplateId::new(&format!("1{language}")).expect("an id"),
        name: fixture::template_name(),
        language: language.clone(),
        category: Category::Authentication,
        status: TemplateStatus::Approved,
        rejected_reason: None,
        content: SeenContent {
            footer_minutes: Said::Yes(Some(10)),
            ..SeenContent::default()
        },
        message_life: Said::Yes(MessageLife::Limited(Duration::from_secs(600))),
        quality: Quality::Green,
        changed_at: None,
    };
    fixture::template().languages.iter().map(entry).collect()
}

pub(crate) fn news(word: TemplateWord) -> TemplateNews {
    TemplateNews {
        account: Some(account("a1")),
        name: fixture::template_name(),
        language: english(),
        at: None,
        word,
    }
}

pub(crate) fn status(status: TemplateStatus) -> TemplateWord {
    TemplateWord::Status {
        status,
        reason: String::new(),
    }
}

pub(crate) fn policy(code_life: u64, on_drift: OnDrift) -> Policy {
    let settings = PolicySettings {
        code_life: Duration::from_secs(code_life),
        useful_life_min: Duration::from_secs(30),
        on_drift,
        ..fixture::policy_settings()
    };
    Policy::new(settings).expect("the numbers hold together")
}

/// The fixture's app with two accounts, one purpose of ten minutes that sounds an alarm, and one of five that refuses.
pub(crate) fn two_accounts() -> Rulebook {
    let rulebook = fixture::rulebook();
    let demo = rulebook.apps.get(&fixture::app_id()).expect("the fixture's app");
    let of = |name: &str, id: &str| Sender {
        account: account(name),
        ..fixture::sender_named(id)
    };
    let purpose = |name: &str| Purpose::parse(name).expect("a slug");
    let app = App {
        senders: vec![of("b2", "22"), of("a1", "11"), of("b2", "33")],
        purposes: BTreeMap::from([
            (purpose("sign_in"), Arc::new(policy(600, OnDrift::Alarm))),
            (purpose("payment"), Arc::new(policy(300, OnDrift::Refuse))),
        ]),
        ..demo.clone()
    };
    Rulebook {
        apps: Apps::new([(AppId::parse("demo").expect("a slug"), app)]),
        ..rulebook
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
