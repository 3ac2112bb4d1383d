//! The templates of the account: which there are, and what the account allows to be done about them. Kept out: what a
//! template may say (see `rules`), and what becomes of one by itself or by order (see `life`).
//!
//! Meta: template management page. Where it says too little, what is assumed is said at the constant or the function.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::catalogue::changes::{Alarm, Changes};
use crate::catalogue::entry::{Content, Edit, Entry, TemplateStatus};
use crate::catalogue::quota::check_editable;
use crate::catalogue::refusal::{LANGUAGE_EXISTS, STATUS_FIXED, refused, refused_as, unknown};
use crate::catalogue::rules::{Amendment, Draft, Life};
use crate::catalogue::settings::{ManagementLimits, Readable, Review};
use crate::config::Config;
use crate::wire::GraphError;

/// The templates of one business account.
pub(crate) struct Catalogue {
    limits: ManagementLimits,
    state: Mutex<State>,
}

/// What a send needs of an approved template.
pub(crate) struct Sendable {
    pub(crate) name: String,
    pub(crate) security: bool,
    pub(crate) minutes: Option<u8>,
    pub(crate) life: Option<Duration>,
    /// The label of the button that copies, where it is not Meta's.
    pub(crate) label: Option<String>,
}

/// Everything that changes.
pub(super) struct State {
    /// By id, which ascends: in order of creation.
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Ids by name and language, for sends.
    names: BTreeMap<String, BTreeMap<String, u64>>,
    /// Until when a name is locked, in one language or, with `None`, in all.
    pub(super) locks: BTreeMap<(String, Option<String>), u64>,
    /// When templates were created in the last hour.
    pub(super) creations: VecDeque<u64>,
    /// How many ids were given out.
    ids: u64,
    /// Moves when cursors are to expire.
    pub(super) cursors: u64,
    pub(super) review: Review,
    pub(super) readable: Readable,
}

/// How long a deleted name is locked (Meta: template management page).
const LOCKED_MS: u64 = 30 * 24 * 3_600_000;
/// Ids look like Meta's: 15 digits, ascending, not consecutive.
const FIRST_ID: u64 = 594_425_479_261_596;
const ID_STEP: u64 = 104_729;

impl Catalogue {
    pub(crate) fn new(config: &Config, now_ms: u64) -> Self {
        let mut state = State {
            entries: BTreeMap::new(),
            names: BTreeMap::new(),
            locks: BTreeMap::new(),
            creations: VecDeque::new(),
            ids: 0,
            cursors: 0,
            review: config.review.clone(),
            readable: config.readable,
        };
        for template in &config.templates {
            for language in &template.languages {
                state.insert(Entry::configured(template, language, now_ms));
            }
        }
        Self {
            limits: config.management_limits,
            state: Mutex::new(state),
        }
    }

    /// The template a send names, if it can be sent.
    pub(crate) fn sendable(&self, name: &str, language: &str) -> Result<Sendable, GraphError> {
        let state = self.state();
        let entry = state.named(name, language);
        match entry.map(|entry| entry.status) {
            Some(TemplateStatus::Paused) => return Err(GraphError::documented(132_015)),
            Some(TemplateStatus::Disabled) => return Err(GraphError::documented(132_016)),
            _ => {}
        }
        let entry = entry.filter(|entry| entry.status == TemplateStatus::Approved);
        let entry = entry.ok_or_else(|| {
            GraphError::new(132_001, "Template name does not exist in the translation")
                .with_details(format!("template name ({name}) does not exist in {language}"))
        })?;
        Ok(Sendable {
            name: entry.name.clone(),
            security: entry.content.security,
            minutes: entry.content.minutes,
            life: entry.life,
            label: entry.content.button.text().map(str::to_owned),
        })
    }

    /// Creates one language. Returns what became of it.
    pub(crate) fn create(
        &self,
        draft: &Draft,
        language: &str,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Result<Entry, GraphError> {
        let mut state = self.state();
        state.check_name(draft, language, now_ms)?;
        if state.named(&draft.name, language).is_some() {
            return Err(refused_as(
                LANGUAGE_EXISTS,
                "Content in this language already exists",
                format!(
                    "The template {} exists in {language}: edit it, or choose another name.",
                    draft.name
                ),
            ));
        }
        state.check_room(self.limits, 1, now_ms)?;
        Ok(state.add(draft, language, now_ms, changes))
    }

    /// Changes what exists and creates the rest, all or nothing.
    pub(crate) fn upsert(
        &self,
        draft: &Draft,
        languages: &[String],
        now_ms: u64,
        changes: &mut Changes,
    ) -> Result<Vec<Entry>, GraphError> {
        let mut state = self.state();
        let mut created = 0;
        for language in languages {
            if let Some(entry) = state.named(&draft.name, language) {
                check_editable(entry, self.limits, now_ms)?;
            } else {
                state.check_name(draft, language, now_ms)?;
                created += 1;
            }
        }
        state.check_room(self.limits, created, now_ms)?;
        let mut done = Vec::new();
        for language in languages {
            let known = state.named(&draft.name, language).map(|entry| entry.id);
            done.push(match known {
                Some(id) => {
                    let content = Some((&draft.content, &draft.components));
                    state.amend(id, content, draft.life, now_ms, changes)
                }
                None => Some(state.add(draft, language, now_ms, changes)),
            });
        }
        Ok(done.into_iter().flatten().collect())
    }

    /// Changes one template.
    pub(crate) fn edit(
        &self,
        id: u64,
        amendment: &Amendment,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Result<(), GraphError> {
        let Amendment {
            content,
            life,
            category,
        } = amendment;
        let mut state = self.state();
        let entry = state.entries.get_mut(&id).ok_or_else(|| unknown("post"))?;
        check_editable(entry, self.limits, now_ms)?;
        if let Some(category) = category.as_ref().filter(|category| **category != entry.category) {
            if entry.status == TemplateStatus::Approved {
                return Err(refused(
                    "Category cannot be changed",
                    "The category of an approved template cannot be edited.",
                ));
            }
            entry.category.clone_from(category);
        }
        let content = content.as_ref().map(|(content, sent)| (content, sent));
        state.amend(id, content, *life, now_ms, changes);
        Ok(())
    }

    /// Deletes a name in all its languages, or with an id that one language of it. Says whether there was any.
    ///
    /// Assumed of the lock: a deleted language is locked by itself, a deleted name as a whole, and either only where it
    /// was approved.
    pub(crate) fn delete(
        &self,
        name: &str,
        id: Option<u64>,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Result<(), GraphError> {
        let mut state = self.state();
        let ids: Vec<u64> = match id {
            Some(id) => vec![id],
            None => state
                .names
                .get(name)
                .into_iter()
                .flat_map(BTreeMap::values)
                .copied()
                .collect(),
        };
        let meant: Vec<_> = ids.iter().filter_map(|id| state.entries.get(id)).collect();
        if meant.is_empty() || meant.iter().any(|entry| entry.name != name) {
            return Err(refused(
                "Template not found",
                "There is no template of this name, or none with this hsm_id under it.",
            ));
        }
        if meant.iter().any(|entry| entry.status == TemplateStatus::Disabled) {
            return Err(refused_as(
                STATUS_FIXED,
                "Template cannot be deleted",
                "A disabled template cannot be deleted.",
            ));
        }
        let was_approved = meant.iter().any(|entry| entry.status == TemplateStatus::Approved);
        for deleted in ids {
            state.remove(deleted, now_ms, changes);
        }
        if was_approved && id.is_none() {
            state
                .locks
                .insert((name.to_owned(), None), now_ms.saturating_add(LOCKED_MS));
        }
        Ok(())
    }

    /// The template with this id.
    pub(crate) fn find(&self, id: u64) -> Option<Entry> {
        self.state().entries.get(&id).cloned()
    }

    /// Every template, newest first.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.state().entries.values().rev().cloned().collect()
    }

    /// The id of a template by its name and language.
    pub(crate) fn id_of(&self, name: &str, language: &str) -> Option<u64> {
        self.state().named(name, language).map(|entry| entry.id)
    }

    pub(crate) fn readable(&self) -> Readable {
        self.state().readable
    }

    pub(crate) fn set_readable(&self, readable: Readable) {
        self.state().readable = readable;
    }

    pub(crate) fn set_review(&self, review: Review) {
        self.state().review = review;
    }

    /// Which cursors are still good: those with this number.
    pub(crate) fn cursors(&self) -> u64 {
        self.state().cursors
    }

    pub(crate) fn expire_cursors(&self) {
        self.state().cursors += 1;
    }

    /// Lets happen what an alarm was set for.
    pub(crate) fn ring(&self, alarm: Alarm, now_ms: u64) -> Changes {
        self.state().ring(alarm, now_ms)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a template away, and locks its language if it was approved.
    pub(super) fn remove(&mut self, id: u64, now_ms: u64, changes: &mut Changes) {
        let Some(mut entry) = self.entries.remove(&id) else {
            return;
        };
        if let Some(languages) = self.names.get_mut(&entry.name) {
            languages.remove(&entry.language);
        }
        if entry.status == TemplateStatus::Approved || entry.before_archiving == Some(TemplateStatus::Approved) {
            let lock = (entry.name.clone(), Some(entry.language.clone()));
            self.locks.insert(lock, now_ms.saturating_add(LOCKED_MS));
        }
        entry.changed_at_ms = now_ms;
        changes.status(&entry, "PENDING_DELETION", None);
    }

    fn named(&self, name: &str, language: &str) -> Option<&Entry> {
        let id = self.names.get(name)?.get(language)?;
        self.entries.get(id)
    }

    /// Adds an entry under an id of its own.
    fn insert(&mut self, mut entry: Entry) -> u64 {
        let id = FIRST_ID + self.ids * ID_STEP;
        self.ids += 1;
        entry.id = id;
        let languages = self.names.entry(entry.name.clone()).or_default();
        languages.insert(entry.language.clone(), id);
        self.entries.insert(id, entry);
        id
    }

    fn add(&mut self, draft: &Draft, language: &str, now_ms: u64, changes: &mut Changes) -> Entry {
        self.creations.push_back(now_ms);
        let id = self.insert(Entry::drafted(draft, language, now_ms));
        self.enter_review(id, now_ms, changes);
        self.entries[&id].clone()
    }

    fn amend(
        &mut self,
        id: u64,
        content: Option<(&Content, &Value)>,
        life: Option<Life>,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Option<Entry> {
        let entry = self.entries.get_mut(&id)?;
        let counts = entry.status == TemplateStatus::Approved;
        entry.edits.push(Edit { at_ms: now_ms, counts });
        entry.changed_at_ms = now_ms;
        if let Some(Life(life)) = life {
            entry.life = life;
        }
        if let Some((content, sent)) = content {
            let is_new = entry.content != *content;
            entry.content = content.clone();
            entry.sent = sent.clone();
            if is_new {
                changes.components(entry);
            }
        }
        // Meta: what is approved stays so unless it fails a review; what is not has to pass one.
        if !counts {
            self.enter_review(id, now_ms, changes);
        }
        self.entries.get(&id).cloned()
    }
}
