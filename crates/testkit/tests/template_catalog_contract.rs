//! The fake catalogue keeps every promise of the port, so that what is tested against it holds against an adapter.
//!
//! What goes wrong on the way to a provider is the stage's, here a catalogue around the fake.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::AccountId;
use countersign_domain::template::{CatalogEntry, Template, TemplateId, TemplateName};
use countersign_testkit::catalog::{FakeCatalog, agreeing_entry};
use countersign_testkit::contract::Fresh;
use countersign_testkit::contract::template_catalog::{Behaviour, CatalogHarness, SLOW_DOWN, Seed};
use countersign_testkit::fixture;

/// The fake, behind a way on which things go wrong.
struct Stage {
    fake: FakeCatalog,
    behaviour: Mutex<Behaviour>,
    calls: AtomicUsize,
}

impl Stage {
    async fn call<T>(
        &self,
        account: &AccountId,
        work: impl Future<Output = Result<T, CatalogError>> + Send,
    ) -> Result<T, CatalogError> {
        if *account != fixture::sender().account {
            return work.await;
        }
        let behaviour = *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        if behaviour == Behaviour::Unreachable {
            return Err(CatalogError::Unavailable("away".into()));
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let report = ProviderReport::new(1, "no", "");
        match behaviour {
            Behaviour::DeniesToken => Err(CatalogError::Denied(report)),
            Behaviour::Refuses => Err(CatalogError::Refused(report)),
            Behaviour::Throttles => Err(CatalogError::Throttled {
                retry_after: Some(SLOW_DOWN),
                report: Some(report),
            }),
            Behaviour::Fails => Err(CatalogError::Unavailable("failed".into())),
            Behaviour::LosesAnswers | Behaviour::AnswersGarbage => {
                // Whatever it was, nobody hears it.
                drop(work.await);
                Err(CatalogError::Unavailable("lost".into()))
            }
            Behaviour::Obeys | Behaviour::NoPreviews | Behaviour::Unreachable => work.await,
        }
    }
}

#[async_trait]
impl TemplateCatalog for Stage {
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
        self.call(account, self.fake.list(account)).await
    }

    async fn get(&self, account: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError> {
        self.call(account, self.fake.get(account, id)).await
    }

    async fn create(&self, account: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
        self.call(account, self.fake.create(account, order)).await
    }

    async fn upsert(&self, account: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
        self.call(account, self.fake.upsert(account, order)).await
    }

    async fn edit(&self, account: &AccountId, id: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError> {
        self.call(account, self.fake.edit(account, id, order)).await
    }

    async fn delete(
        &self,
        account: &AccountId,
        name: &TemplateName,
        id: Option<TemplateId>,
    ) -> Result<(), CatalogError> {
        self.call(account, self.fake.delete(account, name, id)).await
    }

    async fn preview(&self, account: &AccountId, order: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
        self.call(account, self.fake.preview(account, order)).await
    }
}

struct Harness(Arc<Stage>);

fn fresh() -> Ready<Fresh<dyn CatalogHarness>> {
    let fake = FakeCatalog::default();
    fake.hold(&fixture::sender().account);
    let stage = Stage {
        fake,
        behaviour: Mutex::new(Behaviour::Obeys),
        calls: AtomicUsize::new(0),
    };
    ready(Fresh::new(Arc::new(Harness(Arc::new(stage)))))
}

#[async_trait]
impl CatalogHarness for Harness {
    fn catalog(&self) -> Arc<dyn TemplateCatalog> {
        Arc::clone(&self.0) as _
    }

    fn account(&self) -> AccountId {
        fixture::sender().account
    }

    fn token(&self) -> String {
        "a-token-nobody-has".to_owned()
    }

    async fn seed(&self, seeds: &[Seed]) {
        for seed in seeds {
            let template = Template {
                name: seed.name.clone(),
                ..fixture::template()
            };
            let entry = CatalogEntry {
                category: seed.category,
                ..agreeing_entry(&template, &seed.language)
            };
            self.0.fake.seed(&self.account(), entry);
        }
    }

    async fn behave(&self, behaviour: Behaviour) {
        self.0
            .fake
            .behave(|habits| habits.withholds_previews = behaviour == Behaviour::NoPreviews);
        *self.0.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    async fn page(&self, _templates: usize) {}

    async fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }
}

countersign_testkit::template_catalog_contract!(fresh);
