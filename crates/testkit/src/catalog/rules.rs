//! What Meta lets be done with the templates of an account, and what it keeps of them (Meta: template management).

use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::Quality;
use countersign_domain::template::{
    ButtonKind, CatalogEntry, Category, Language, MessageLife, Said, SeenButton, SeenContent, Template, TemplateId,
    TemplateName, TemplateStatus,
};
use countersign_domain::time::{DAY, Timestamp};

use super::{Habits, Review, Unsaid, Work};

/// What Meta gives authentication templates that do not say.
const MESSAGE_LIFE_DEFAULT: Duration = Duration::from_secs(600);
/// How long the name of a deleted template is locked.
const LOCK: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often an approved template is edited within [`LOCK`]'s span of 30 days.
const EDITS_MAX: usize = 10;

/// The templates of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    kept: Vec<Kept>,
    locks: Vec<Lock>,
}

#[derive(Clone, Debug)]
struct Kept {
    entry: CatalogEntry,
    edits: Vec<Timestamp>,
}

#[derive(Clone, Debug)]
struct Lock {
    name: TemplateName,
    language: Language,
    until: Timestamp,
}

/// The entry that agrees with a description in one language: approved, with everything said, changed long ago.
pub fn agreeing_entry(template: &Template, language: &Language) -> CatalogEntry {
    let id = format!(
        "{}-{language}",
        &template.name.as_str()[..template.name.as_str().len().min(50)]
    );
    CatalogEntry {
        id: TemplateId::new(&id).expect("an id"),
        name: template.name.clone(),
        language: language.clone(),
        category: Category::Authentication,
        status: TemplateStatus::Approved,
        rejected_reason: None,
        content: content(template, language, true),
        message_life: Said::Yes(MessageLife::Limited(template.message_life)),
        quality: Quality::Unknown,
        changed_at: Some(crate::fixture::now().minus(LOCK)),
    }
}

impl Account {
    pub(super) fn seed(&mut self, entry: CatalogEntry) {
        self.kept.retain(|it| it.entry.id != entry.id);
        self.kept.push(Kept {
            entry,
            edits: Vec::new(),
        });
    }

    pub(super) fn note_edits(&mut self, id: &TemplateId, at: &[Timestamp]) {
        for kept in self.kept.iter_mut().filter(|it| it.entry.id == *id) {
            kept.edits.extend_from_slice(at);
        }
    }

    pub(super) fn entries(&self) -> Vec<CatalogEntry> {
        self.kept.iter().map(|it| it.entry.clone()).collect()
    }

    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut CatalogEntry> {
        self.kept.iter_mut().map(|it| &mut it.entry)
    }

    pub(super) fn create(
        &mut self,
        order: &TemplateOrder,
        work: &mut Work<'_>,
    ) -> Result<TemplateReceipt, CatalogError> {
        let [language] = order.languages.as_slice() else {
            panic!(
                "a template is made in exactly one language, not in {:?}",
                order.languages
            );
        };
        self.check_new(&order.template.name, language, work.now)?;
        if self.place_of(&order.template.name, language).is_some() {
            return Err(refused("content in this language already exists (2388024)"));
        }
        let life = MessageLife::Limited(order.template.message_life);
        Ok(self.make(
            &order.template,
            language,
            content(&order.template, language, true),
            life,
            work,
        ))
    }

    /// All of it or nothing.
    pub(super) fn upsert(
        &mut self,
        order: &TemplateOrder,
        work: &mut Work<'_>,
    ) -> Result<Vec<TemplateReceipt>, CatalogError> {
        let template = &order.template;
        assert!(!order.languages.is_empty(), "an upsert is about at least one language");
        for language in &order.languages {
            match self.place_of(&template.name, language) {
                Some(place) => check_edit(&self.kept[place], work.now)?,
                None => self.check_new(&template.name, language, work.now)?,
            }
        }
        let mut receipts = Vec::new();
        for language in &order.languages {
            let content = content(template, language, false);
            let wanted = MessageLife::Limited(template.message_life);
            let ignores = work.habits.ignores_message_life_in_upserts;
            if let Some(place) = self.place_of(&template.name, language) {
                let kept = &mut self.kept[place];
                let life = if ignores {
                    kept.entry.message_life
                } else {
                    Said::Yes(wanted)
                };
                receipts.push(kept.change(content, life, work));
            } else {
                let life = if ignores {
                    MessageLife::Limited(MESSAGE_LIFE_DEFAULT)
                } else {
                    wanted
                };
                receipts.push(self.make(template, language, content, life, work));
            }
        }
        Ok(receipts)
    }

    pub(super) fn edit(
        &mut self,
        id: &TemplateId,
        order: &TemplateOrder,
        work: &mut Work<'_>,
    ) -> Result<(), CatalogError> {
        let [language] = order.languages.as_slice() else {
            panic!(
                "a template is changed in exactly one language, not in {:?}",
                order.languages
            );
        };
        let kept = self.kept.iter_mut().find(|it| it.entry.id == *id);
        let kept = kept.ok_or(CatalogError::Gone)?;
        assert_eq!(
            (&kept.entry.name, &kept.entry.language),
            (&order.template.name, language),
            "an edit is about the template of that id"
        );
        check_edit(kept, work.now)?;
        let life = Said::Yes(MessageLife::Limited(order.template.message_life));
        kept.change(content(&order.template, language, true), life, work);
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        name: &TemplateName,
        id: Option<&TemplateId>,
        work: &Work<'_>,
    ) -> Result<(), CatalogError> {
        let is_meant = |it: &Kept| it.entry.name == *name && id.is_none_or(|id| it.entry.id == *id);
        let meant: Vec<_> = self.kept.iter().filter(|it| is_meant(it)).collect();
        if meant.is_empty() {
            return Err(CatalogError::Gone);
        }
        if meant.iter().any(|it| it.entry.status == TemplateStatus::Disabled) {
            return Err(refused("a disabled template cannot be deleted"));
        }
        let locks = meant.iter().filter(|it| it.entry.status == TemplateStatus::Approved);
        self.locks.extend(locks.map(|it| Lock {
            name: name.clone(),
            language: it.entry.language.clone(),
            until: work.now.plus(LOCK),
        }));
        self.kept.retain(|it| !is_meant(it));
        Ok(())
    }

    fn place_of(&self, name: &TemplateName, language: &Language) -> Option<usize> {
        let is_it = |it: &Kept| it.entry.name == *name && it.entry.language == *language;
        self.kept
            .iter()
            .position(|it| is_it(it) && it.entry.status != TemplateStatus::Deleted)
    }

    fn check_new(&self, name: &TemplateName, language: &Language, now: Timestamp) -> Result<(), CatalogError> {
        let is_locked = |it: &Lock| it.name == *name && it.language == *language && it.until > now;
        let is_deleted = |it: &Kept| it.entry.name == *name && it.entry.language == *language;
        if self.locks.iter().any(is_locked) || self.kept.iter().any(|it| is_deleted(it) && is_gone(it)) {
            return Err(refused("content in this language is being deleted (2388023)"));
        }
        Ok(())
    }

    fn make(
        &mut self,
        template: &Template,
        language: &Language,
        content: SeenContent,
        life: MessageLife,
        work: &mut Work<'_>,
    ) -> TemplateReceipt {
        *work.last_id += 1;
        let entry = CatalogEntry {
            id: TemplateId::new(&format!("{:015}", *work.last_id)).expect("an id"),
            status: reviewed(work.habits),
            content,
            message_life: Said::Yes(life),
            changed_at: Some(work.now),
            ..agreeing_entry(template, language)
        };
        let receipt = receipt(&entry);
        self.seed(entry);
        receipt
    }
}

impl Kept {
    fn change(&mut self, content: SeenContent, life: Said<MessageLife>, work: &Work<'_>) -> TemplateReceipt {
        // What is not approved may be edited as often as anybody likes.
        if self.entry.status == TemplateStatus::Approved {
            self.edits.push(work.now);
        }
        self.entry.content = content;
        self.entry.message_life = life;
        self.entry.status = reviewed(work.habits);
        self.entry.rejected_reason = None;
        self.entry.changed_at = Some(work.now);
        receipt(&self.entry)
    }
}

fn is_gone(kept: &Kept) -> bool {
    kept.entry.status == TemplateStatus::Deleted
}

fn check_edit(kept: &Kept, now: Timestamp) -> Result<(), CatalogError> {
    let entry = &kept.entry;
    if entry.category == Category::Other {
        return Err(refused("the category cannot be changed"));
    }
    if !entry.status.is_editable() {
        return Err(refused("the template cannot be edited in this state (2388039)"));
    }
    let edits = |span| kept.edits.iter().filter(|at| now.since(**at) < span).count();
    if entry.status == TemplateStatus::Approved && (edits(DAY) > 0 || edits(LOCK) >= EDITS_MAX) {
        return Err(refused("an approved template is edited once in 24 hours"));
    }
    Ok(())
}

fn reviewed(habits: &Habits) -> TemplateStatus {
    match habits.review {
        Review::AtOnce => TemplateStatus::Approved,
        Review::ByHand => TemplateStatus::Pending,
    }
}

fn receipt(entry: &CatalogEntry) -> TemplateReceipt {
    TemplateReceipt {
        id: entry.id.clone(),
        language: entry.language.clone(),
        status: entry.status.clone(),
    }
}

fn refused(details: &str) -> CatalogError {
    CatalogError::Refused(ProviderReport::new(100, "Invalid parameter", details))
}

/// What a template says once it is made, with the labels of the description or with the provider's.
fn content(template: &Template, language: &Language, has_own_labels: bool) -> SeenContent {
    let texts = template.button_texts.get(language).filter(|_| has_own_labels);
    let hands_over = template.button.kind() != ButtonKind::CopyCode;
    let copy = texts
        .and_then(|it| it.copy.as_ref())
        .map_or("Copy code", |it| it.as_str());
    let autofill = texts
        .and_then(|it| it.autofill.as_ref())
        .map_or("Autofill", |it| it.as_str());
    let apps = template.button.apps().map(|it| it.iter().cloned().collect());
    SeenContent {
        security_recommendation: Said::Yes(template.security_recommendation),
        footer_minutes: Said::Yes(template.footer_minutes),
        button: Some(SeenButton {
            kind: Said::Yes(template.button.kind()),
            copy_text: Some(copy.to_owned()),
            autofill_text: hands_over.then(|| autofill.to_owned()),
            apps: Said::Yes(apps.unwrap_or_default()),
        }),
        body: Some("*{{1}}* is your verification code.".to_owned()),
        footer: template
            .footer_minutes
            .map(|it| format!("This code expires in {it} minutes.")),
    }
}

/// What is told of a template.
pub(super) fn told(mut entry: CatalogEntry, habits: &Habits) -> CatalogEntry {
    for unsaid in &habits.unsaid {
        match unsaid {
            Unsaid::SecurityRecommendation => entry.content.security_recommendation = Said::No,
            Unsaid::FooterMinutes => entry.content.footer_minutes = Said::No,
            Unsaid::MessageLife => entry.message_life = Said::No,
            Unsaid::ChangedAt => entry.changed_at = None,
            Unsaid::ButtonKind | Unsaid::ButtonTexts | Unsaid::Apps => {
                let Some(button) = &mut entry.content.button else {
                    continue;
                };
                match unsaid {
                    Unsaid::ButtonKind => button.kind = Said::No,
                    Unsaid::Apps => button.apps = Said::No,
                    _ => (button.copy_text, button.autofill_text) = (None, None),
                }
            }
        }
    }
    entry
}

/// A preview that nobody takes for one of our own.
pub(super) fn preview(order: &PreviewOrder, language: &Language) -> Preview {
    let security = if order.security_recommendation {
        " Do not share it."
    } else {
        ""
    };
    Preview {
        language: language.clone(),
        body: format!("The provider says in {language}: *{{{{1}}}}*.{security}"),
        footer: order
            .footer_minutes
            .map(|it| format!("The provider says: {it} minutes.")),
        copy_text: "The provider copies".to_owned(),
        autofill_text: Some("The provider fills in".to_owned()),
    }
}
