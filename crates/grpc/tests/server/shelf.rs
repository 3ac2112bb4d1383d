//! A catalogue of templates that behaves as a test wants.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::{AccountId, Quality};
use countersign_domain::template::{
    CatalogEntry, Category, Language, MessageLife, Said, SeenButton, SeenContent, TemplateId, TemplateName,
    TemplateStatus,
};

use crate::harness::{Gate, SECRET};

/// Makes a failure, again and again.
pub(crate) type Failing = Arc<dyn Fn() -> CatalogError + Send + Sync>;

/// How the catalogue behaves.
#[derive(Clone, Default)]
pub(crate) enum Manner {
    /// It does what is asked.
    #[default]
    Fine,
    /// It fails so, whatever is asked.
    Fails(Failing),
    /// Its adapter panics.
    Panics,
    /// Each order tells `asked` and waits for a permit of `answers`; looks are answered at once.
    WaitsWithOrders(Arc<Gate>),
    /// The same with each look.
    WaitsWithLooks(Arc<Gate>),
}

/// The templates of every account.
#[derive(Default)]
pub(crate) struct Shelf {
    manner: Mutex<Manner>,
    entries: Mutex<Vec<CatalogEntry>>,
}

impl Shelf {
    /// From now on it behaves so.
    pub(crate) fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Puts an approved template there in a language.
    pub(crate) fn put(&self, name: &str, language: &str) {
        let mut entries = self.entries.lock().unwrap();
        let id = TemplateId::new(&format!("{}", 1_000 + entries.len())).unwrap();
        entries.push(CatalogEntry {
            id,
            name: TemplateName::parse(name).unwrap(),
            language: Language::parse(language).unwrap(),
            category: Category::Authentication,
            status: TemplateStatus::Approved,
            rejected_reason: None,
            content: SeenContent {
                body: Some("*{{1}}* is your verification code.".to_owned()),
                ..SeenContent::default()
            },
            message_life: Said::No,
            quality: Quality::Unknown,
            changed_at: None,
        });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    async fn mind(&self, is_order: bool) -> Result<(), CatalogError> {
        let manner = self.manner.lock().unwrap().clone();
        let gate = match manner {
            Manner::Fails(error) => return Err(error()),
            Manner::Panics => panic!("{SECRET}"),
            Manner::WaitsWithOrders(gate) if is_order => gate,
            Manner::WaitsWithLooks(gate) if !is_order => gate,
            Manner::Fine | Manner::WaitsWithOrders(_) | Manner::WaitsWithLooks(_) => return Ok(()),
        };
        gate.asked.add_permits(1);
        gate.answers.acquire().await.unwrap().forget();
        Ok(())
    }

    fn make(&self, order: &TemplateOrder) -> Vec<TemplateReceipt> {
        let mut entries = self.entries.lock().unwrap();
        let template = &order.template;
        let mut receipts = Vec::new();
        for language in &order.languages {
            entries.retain(|it| it.name != template.name || it.language != *language);
            let id = TemplateId::new(&format!("made-{}", entries.len())).unwrap();
            receipts.push(TemplateReceipt {
                id: id.clone(),
                language: language.clone(),
                status: TemplateStatus::Pending,
            });
            entries.push(CatalogEntry {
                id,
                name: template.name.clone(),
                language: language.clone(),
                category: Category::Authentication,
                status: TemplateStatus::Pending,
                rejected_reason: None,
                content: SeenContent {
                    security_recommendation: Said::Yes(template.security_recommendation),
                    footer_minutes: Said::Yes(template.footer_minutes),
                    button: Some(SeenButton {
                        kind: Said::Yes(template.button.kind()),
                        copy_text: None,
                        autofill_text: None,
                        apps: Said::No,
                    }),
                    body: None,
                    footer: None,
                },
                message_life: Said::Yes(MessageLife::Limited(template.message_life)),
                quality: Quality::Unknown,
                changed_at: None,
            });
        }
        receipts
    }
}

#[async_trait]
impl TemplateCatalog for Shelf {
    async fn list(&self, _: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
        self.mind(false).await?;
        Ok(self.entries.lock().unwrap().clone())
    }

    async fn get(&self, _: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError> {
        self.mind(false).await?;
        let entries = self.entries.lock().unwrap();
        entries
            .iter()
            .find(|it| it.id == *id)
            .cloned()
            .ok_or(CatalogError::Gone)
    }

    async fn create(&self, _: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
        self.mind(true).await?;
        self.make(order).pop().ok_or(CatalogError::Gone)
    }

    async fn upsert(&self, _: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
        self.mind(true).await?;
        Ok(self.make(order))
    }

    async fn edit(&self, _: &AccountId, _: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError> {
        self.mind(true).await?;
        self.make(order);
        Ok(())
    }

    async fn delete(&self, _: &AccountId, name: &TemplateName, id: Option<TemplateId>) -> Result<(), CatalogError> {
        self.mind(true).await?;
        let goes = |it: &CatalogEntry| it.name == *name && id.as_ref().is_none_or(|id| it.id == *id);
        self.entries.lock().unwrap().retain(|it| !goes(it));
        Ok(())
    }

    async fn preview(&self, _: &AccountId, _: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
        self.mind(false).await?;
        Err(CatalogError::NotOffered)
    }
}
