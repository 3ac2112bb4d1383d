//! The difference between what an app describes and what the provider has.

use std::collections::BTreeSet;

use crate::template::{
    ButtonKind, CatalogEntry, Category, Language, MessageLife, Said, SeenButton, Template, TemplateId, TemplateName,
    TemplateStatus,
};
use crate::time::{DAY, Timestamp};

/// What would have to be done so that an account has what an app describes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One step for each template and language, those of the configuration first and in its order.
    pub steps: Vec<PlanStep>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_settled(&self) -> bool {
        self.steps
            .iter()
            .all(|it| matches!(it.action, Action::Unchanged { .. } | Action::Extra { .. }))
    }
}

/// What has to be done about one template in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// The template.
    pub template: TemplateName,
    /// The language.
    pub language: Language,
    /// What has to be done.
    pub action: Action,
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The provider has none.
    Create,
    /// The provider has another one, which can be changed.
    Edit {
        /// What the provider calls it.
        id: TemplateId,
        /// What differs.
        differences: Vec<Difference>,
        /// Meta allows one edit of an approved template in 24 hours: before this it may refuse.
        refused_until: Option<Timestamp>,
    },
    /// They agree.
    Unchanged {
        /// Whether it can be sent.
        status: TemplateStatus,
    },
    /// The provider has one that cannot be changed now: another one, one that is archived, or one that goes or is gone.
    NotEditable {
        /// What differs; empty when only its status is wrong.
        differences: Vec<Difference>,
        /// Why it cannot be changed.
        status: TemplateStatus,
    },
    /// The provider has one that the app does not describe. It is left alone.
    Extra {
        /// What the provider calls it.
        id: TemplateId,
        /// Whether it can be sent.
        status: TemplateStatus,
    },
}

/// One thing that differs, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field as in the configuration: `security_recommendation`, `footer_minutes`, `button`, `supported_apps`,
    /// `button_texts.copy`, `button_texts.autofill`, `message_life`; or `category`, which nobody configures.
    pub field: &'static str,
    /// What the provider has.
    pub has: String,
    /// What the app describes.
    pub wanted: String,
}

impl Difference {
    pub(crate) fn is_message_life(&self) -> bool {
        self.field == MESSAGE_LIFE
    }

    pub(crate) fn is_category(&self) -> bool {
        self.field == CATEGORY
    }
}

const MESSAGE_LIFE: &str = "message_life";
const CATEGORY: &str = "category";

/// Compares what an app describes with what one account has. Pure.
///
/// What the provider did not say is compared with nothing, and neither is a label of the button that the app left to
/// the provider. Of what the app does not describe, authentication templates alone are told.
pub fn plan(wanted: &[Template], has: &[CatalogEntry], now: Timestamp) -> Plan {
    let described = wanted
        .iter()
        .flat_map(|template| template.languages.iter().map(move |language| (template, language)));
    let mut steps: Vec<_> = described
        .map(|(template, language)| PlanStep {
            template: template.name.clone(),
            language: language.clone(),
            action: match entry_of(has, &template.name, language) {
                None => Action::Create,
                Some(entry) => action(template, entry, now),
            },
        })
        .collect();
    steps.extend(extras(wanted, has).map(|entry| PlanStep {
        template: entry.name.clone(),
        language: entry.language.clone(),
        action: Action::Extra {
            id: entry.id.clone(),
            status: entry.status.clone(),
        },
    }));
    Plan { steps }
}

/// The entry of a template in a language. What is gone or going counts only while nothing else has taken its place.
pub(crate) fn entry_of<'a>(
    has: &'a [CatalogEntry],
    name: &TemplateName,
    language: &Language,
) -> Option<&'a CatalogEntry> {
    let entries = || has.iter().filter(|it| it.name == *name && it.language == *language);
    entries().find(|it| !is_going(&it.status)).or_else(|| entries().next())
}

/// The authentication templates that nobody describes, by name and language. What was deleted is not one any more.
pub(crate) fn extras<'a>(wanted: &[Template], has: &'a [CatalogEntry]) -> impl Iterator<Item = &'a CatalogEntry> {
    let is_described = |entry: &CatalogEntry| {
        let mut templates = wanted.iter();
        templates.any(|it| it.name == entry.name && it.languages.contains(&entry.language))
    };
    let mut extras: Vec<_> = has
        .iter()
        .filter(|it| it.category == Category::Authentication && it.status != TemplateStatus::Deleted)
        .filter(|it| !is_described(it))
        .collect();
    extras.sort_by_key(|it| (&it.name, &it.language, &it.id));
    extras.into_iter()
}

/// Whether it was deleted or is about to be. Its name is locked meanwhile.
pub(crate) const fn is_going(status: &TemplateStatus) -> bool {
    matches!(status, TemplateStatus::PendingDeletion | TemplateStatus::Deleted)
}

fn action(template: &Template, entry: &CatalogEntry, now: Timestamp) -> Action {
    let (id, status) = (entry.id.clone(), entry.status.clone());
    if entry.category == Category::Other {
        let differences = vec![difference(CATEGORY, "other", "authentication")];
        return Action::NotEditable { differences, status };
    }
    let differences = differences(template, entry);
    // These two have to be dealt with at the provider, whatever they say.
    if is_going(&status) || status == TemplateStatus::Archived {
        return Action::NotEditable { differences, status };
    }
    if differences.is_empty() {
        return Action::Unchanged { status };
    }
    if !status.is_editable() {
        return Action::NotEditable { differences, status };
    }
    Action::Edit {
        id,
        differences,
        refused_until: refused_until(entry, now),
    }
}

/// Meta edits an approved template once in 24 hours (Meta: template management).
fn refused_until(entry: &CatalogEntry, now: Timestamp) -> Option<Timestamp> {
    let until = entry.changed_at?.plus(DAY);
    (entry.status == TemplateStatus::Approved && until > now).then_some(until)
}

fn differences(template: &Template, entry: &CatalogEntry) -> Vec<Difference> {
    let seen = &entry.content;
    let mut found = Vec::new();
    if let Said::Yes(has) = seen.security_recommendation
        && has != template.security_recommendation
    {
        let words = [has, template.security_recommendation].map(|it| if it { "true" } else { "false" });
        found.push(difference("security_recommendation", words[0], words[1]));
    }
    if let Said::Yes(has) = seen.footer_minutes
        && has != template.footer_minutes
    {
        let words = [has, template.footer_minutes].map(|it| it.map_or("none".to_owned(), |it| it.to_string()));
        found.push(difference("footer_minutes", &words[0], &words[1]));
    }
    match &seen.button {
        Some(button) => found.extend(button_differences(template, &entry.language, button)),
        // With a body and without a button the provider has none; with neither, it did not say.
        None if seen.body.is_some() => found.push(difference("button", "none", template.button.kind().name())),
        None => {}
    }
    let wanted = MessageLife::Limited(template.message_life);
    if let Said::Yes(has) = entry.message_life
        && has != wanted
    {
        found.push(difference(MESSAGE_LIFE, &has.to_string(), &wanted.to_string()));
    }
    found
}

fn button_differences(template: &Template, language: &Language, seen: &SeenButton) -> Vec<Difference> {
    let kind = template.button.kind();
    let mut found = Vec::new();
    if let Said::Yes(has) = seen.kind
        && has != kind
    {
        found.push(difference("button", has.name(), kind.name()));
    }
    if let Said::Yes(has) = &seen.apps
        && let Some(wanted) = template.button.apps()
        && seen.kind != Said::Yes(ButtonKind::CopyCode)
    {
        let (has, wanted): (BTreeSet<_>, BTreeSet<_>) = (has.iter().collect(), wanted.iter().collect());
        if has != wanted {
            let words = [has, wanted].map(|apps| {
                let words: Vec<_> = apps
                    .iter()
                    .map(|it| format!("{} {}", it.package, it.hash.as_str()))
                    .collect();
                if words.is_empty() {
                    "none".to_owned()
                } else {
                    words.join(", ")
                }
            });
            found.push(difference("supported_apps", &words[0], &words[1]));
        }
    }
    if let Some(wanted) = template.button_texts.get(language) {
        let labels = [
            ("button_texts.copy", &seen.copy_text, &wanted.copy),
            ("button_texts.autofill", &seen.autofill_text, &wanted.autofill),
        ];
        for (field, has, wanted) in labels {
            if let (Some(has), Some(wanted)) = (has, wanted)
                && has != wanted.as_str()
            {
                found.push(difference(field, has, wanted.as_str()));
            }
        }
    }
    found
}

fn difference(field: &'static str, has: &str, wanted: &str) -> Difference {
    Difference {
        field,
        has: has.to_owned(),
        wanted: wanted.to_owned(),
    }
}
