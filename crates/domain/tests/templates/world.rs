//! An app that sends from accounts of a provider that obeys Meta's rules, and short words for what is asked of it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use countersign_domain::app::Apps;
use countersign_domain::id::{AppId, ShardCount};
use countersign_domain::sender::{AccountId, Sender};
use countersign_domain::template::{Action, CatalogEntry, Language, PlanStep, Template, TemplateName, Templates};
use countersign_domain::use_case::{
    AccountPlan, ApplyProgress, ApplyResult, ManageTemplates, Rulebook, TemplatesError,
};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::catalog::{CatalogCall, FakeCatalog};
use countersign_testkit::clock::ManualClock;
use countersign_testkit::fixture::{self, app_id, caller};
use countersign_testkit::house::House;

/// The account of [`fixture::sender`].
pub(crate) fn account() -> AccountId {
    account_named("a1")
}

pub(crate) fn account_named(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

pub(crate) fn name(text: &str) -> TemplateName {
    TemplateName::parse(text).unwrap()
}

pub(crate) struct World {
    pub(crate) catalog: Arc<FakeCatalog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) manage: Arc<ManageTemplates>,
}

/// What an apply told, and what it answered.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) told: Vec<ApplyProgress>,
    pub(crate) left: Result<Vec<AccountPlan>, TemplatesError>,
}

impl World {
    /// One account, held and empty.
    pub(crate) fn of(templates: Vec<Template>) -> Self {
        let world = Self::sending_from(templates, &["a1"]);
        world.catalog.hold(&account());
        world
    }

    /// An app with one sender in each of the accounts, none of which is held yet.
    pub(crate) fn sending_from(templates: Vec<Template>, accounts: &[&str]) -> Self {
        let mut rulebook = fixture::rulebook();
        let mut app = rulebook.apps.get(&app_id()).unwrap().clone();
        app.templates = Templates::new(templates, None, BTreeMap::new());
        let senders = accounts.iter().zip(1..).map(|(account, number)| Sender {
            account: account_named(account),
            weight: NonZeroU16::MIN,
            ..fixture::sender_named(&format!("{number}"))
        });
        app.senders = senders.collect();
        rulebook.apps = Apps::new([(app_id(), app)]);
        Self::ruled_by(rulebook)
    }

    /// Two apps that send from one account and describe the same templates.
    pub(crate) fn of_two_apps(templates: Vec<Template>, other: &AppId) -> Self {
        let mut rulebook = fixture::rulebook();
        let mut app = rulebook.apps.get(&app_id()).unwrap().clone();
        app.templates = Templates::new(templates, None, BTreeMap::new());
        rulebook.apps = Apps::new([(app_id(), app.clone()), (other.clone(), app)]);
        let world = Self::ruled_by(rulebook);
        world.catalog.hold(&account());
        world
    }

    fn ruled_by(rulebook: Rulebook) -> Self {
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::builder(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()))
            .rulebook(rulebook)
            .build();
        house.catalog.read_clock(&house.clock);
        Self {
            catalog: house.catalog,
            clock: house.clock,
            manage: house.use_cases.manage_templates,
        }
    }

    pub(crate) async fn plan(&self) -> Vec<PlanStep> {
        let [plan] = self
            .manage
            .plan(&caller(), &app_id())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        plan.plan.steps
    }

    pub(crate) async fn apply(&self) -> Applied {
        let told = Mutex::new(Vec::new());
        let progress = |it| told.lock().unwrap().push(it);
        let left = self.manage.apply(&caller(), &app_id(), &progress).await;
        let told = told.into_inner().unwrap();
        Applied { told, left }
    }

    /// Applies until the provider lets a call hang, and drops it there; says whether it ended before.
    pub(crate) async fn apply_until_it_hangs(&self) -> bool {
        tokio::select! {
            biased;
            applied = self.apply() => {
                applied.left.unwrap();
                true
            }
            // Nothing in the apply waits for anything but the provider, so that one look is enough.
            () = std::future::ready(()) => false,
        }
    }

    pub(crate) fn entries(&self) -> Vec<CatalogEntry> {
        self.catalog.entries(&account())
    }

    pub(crate) fn entry(&self, name: &TemplateName, language: &Language) -> CatalogEntry {
        let mut entries = self.entries().into_iter();
        let is_it = |it: &CatalogEntry| it.name == *name && it.language == *language;
        entries.find(is_it).unwrap()
    }

    /// Every order so far: `create otp en_US`, `upsert otp en_US,es`.
    pub(crate) fn orders(&self) -> Vec<String> {
        self.catalog.orders().iter().map(order).collect()
    }

    pub(crate) fn looks(&self) -> usize {
        let calls = self.catalog.calls();
        calls.iter().filter(|it| matches!(it, CatalogCall::List(_))).count()
    }
}

fn order(call: &CatalogCall) -> String {
    let (word, order) = match call {
        CatalogCall::Create(_, order) => ("create", order),
        CatalogCall::Upsert(_, order) => ("upsert", order),
        CatalogCall::Edit(_, _, order) => ("edit", order),
        CatalogCall::Delete(_, name, id) => {
            let id = id.as_ref().map(|it| format!(" {}", it.as_str()));
            return format!("delete {name}{}", id.unwrap_or_default());
        }
        CatalogCall::List(_) | CatalogCall::Get(..) | CatalogCall::Preview(..) => return "no order".to_owned(),
    };
    let languages: Vec<_> = order.languages.iter().map(Language::as_str).collect();
    format!("{word} {} {}", order.template.name, languages.join(","))
}

impl Applied {
    /// What was told of each step: `otp en_US created`.
    pub(crate) fn words(&self) -> Vec<String> {
        let words = self.told.iter().map(|it| {
            let result = match &it.result {
                ApplyResult::Unchanged => "unchanged".to_owned(),
                ApplyResult::Created => "created".to_owned(),
                ApplyResult::Edited => "edited".to_owned(),
                ApplyResult::Failed { why, .. } => format!("failed: {why}"),
            };
            format!("{} {} {result}", it.step.template, it.step.language)
        });
        words.collect()
    }

    /// What is left in the one account.
    pub(crate) fn left(&self) -> &[PlanStep] {
        let [plan] = self.left.as_ref().unwrap().as_slice() else {
            panic!("not one account");
        };
        &plan.plan.steps
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.left.as_ref().unwrap().iter().all(|it| it.plan.is_settled())
    }

    /// The steps that are left to be done.
    pub(crate) fn open(&self) -> Vec<&PlanStep> {
        let is_open = |it: &&PlanStep| !matches!(it.action, Action::Unchanged { .. } | Action::Extra { .. });
        self.left().iter().filter(is_open).collect()
    }
}
