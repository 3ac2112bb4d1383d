//! What is known of each template that an app describes, by account: the last look, and what webhooks said since.
//!
//! Pure: the board asks, listens and tells. There is an entry for each template and language of the configuration and
//! for nothing else, so that no webhook makes it grow.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::app::Apps;
use crate::event::HeardNews;
use crate::sender::{AccountId, Quality};
use crate::template::plan::is_going;
use crate::template::{CatalogEntry, Language, Said, TemplateFacts, TemplateName, TemplateNews, TemplateWord};
use crate::time::Timestamp;

/// How many looks webhooks and refused messages may bring about at one account between two regular ones.
const EXTRA_LOOKS_MAX: u8 = 10;
/// The longest an account is left alone that asked to slow down; Meta counts calls by the hour.
const REST_MAX: Duration = Duration::from_secs(60 * 60);
/// How far the provider's clock and ours may be apart when news is compared with a look.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// What this instance knows of every account.
pub(super) struct Known {
    accounts: BTreeMap<AccountId, Account>,
    /// Counts looks that began and words that were heard: what came first is told by it and not by a clock.
    ticks: u64,
}

/// A look that began.
#[derive(Clone, Copy)]
pub(super) struct Look {
    tick: u64,
    at: Timestamp,
}

#[derive(Default)]
struct Account {
    templates: BTreeMap<TemplateName, BTreeMap<Language, Entry>>,
    /// The newest look whose answer is known.
    seen: Option<Look>,
    /// Whether this process may not ask, which does not change while it runs.
    is_closed: bool,
    rest_until: Option<Timestamp>,
    wants_look: bool,
    extra_looks: u8,
}

struct Entry {
    facts: TemplateFacts,
    /// When it was last learned that messages can go out with it again.
    well_since: Option<Timestamp>,
    quality: Quality,
    status_heard: Heard,
    category_heard: Heard,
    quality_heard: Heard,
}

/// When a webhook last said something of one kind.
#[derive(Clone, Copy)]
struct Heard {
    tick: u64,
    at: Option<Timestamp>,
}

impl Known {
    /// Nothing is known of what the apps describe.
    pub(super) fn new(apps: &Apps) -> Self {
        let mut accounts = BTreeMap::<_, Account>::new();
        for (_, app) in apps.iter() {
            for sender in &app.senders {
                let templates = &mut accounts.entry(sender.account.clone()).or_default().templates;
                for template in app.templates.iter() {
                    let languages = templates.entry(template.name.clone()).or_default();
                    let unknown = |language: &Language| (language.clone(), Entry::UNKNOWN);
                    languages.extend(template.languages.iter().map(unknown));
                }
            }
        }
        Self { accounts, ticks: 0 }
    }

    /// What is known of a template; `None` when no app describes it there.
    pub(super) fn facts(
        &self,
        account: &AccountId,
        template: &TemplateName,
        language: &Language,
    ) -> Option<&TemplateFacts> {
        let entry = self.accounts.get(account)?.templates.get(template)?.get(language)?;
        Some(&entry.facts)
    }

    /// When it was last learned that messages can go out with a template again.
    pub(super) fn well_since(
        &self,
        account: &AccountId,
        template: &TemplateName,
        language: &Language,
    ) -> Option<Timestamp> {
        let entry = self.accounts.get(account)?.templates.get(template)?.get(language)?;
        entry.well_since
    }

    /// What people think of each template.
    pub(super) fn qualities(&self) -> impl Iterator<Item = (&AccountId, &TemplateName, &Language, Quality)> {
        self.accounts.iter().flat_map(|(account, it)| {
            it.templates.iter().flat_map(move |(name, languages)| {
                let languages = languages.iter();
                languages.map(move |(language, entry)| (account, name, language, entry.quality))
            })
        })
    }

    /// Every account that may be looked at now, in a regular look.
    pub(super) fn begin_looks(&mut self, now: Timestamp) -> Vec<AccountId> {
        let open = self.accounts.iter_mut().filter(|(_, it)| it.may_be_asked(now));
        open.map(|(id, account)| {
            account.extra_looks = 0;
            id.clone()
        })
        .collect()
    }

    /// Whether something wants a look at some account, and there is one left for it.
    pub(super) fn is_look_wanted(&self, now: Timestamp) -> bool {
        self.accounts.values().any(|it| it.is_look_wanted(now))
    }

    /// What is known of the account is in doubt: a look would tell.
    pub(super) fn want_look(&mut self, account: &AccountId) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.wants_look = true;
        }
    }

    /// Every account that something wants a look at. Each costs it one of its extra looks.
    pub(super) fn begin_extra_looks(&mut self, now: Timestamp) -> Vec<AccountId> {
        let wanting = self.accounts.iter_mut().filter(|(_, it)| it.is_look_wanted(now));
        wanting
            .map(|(id, account)| {
                account.extra_looks += 1;
                id.clone()
            })
            .collect()
    }

    /// A look at one account begins.
    pub(super) fn begin_look(&mut self, account: &AccountId, now: Timestamp) -> Look {
        self.ticks += 1;
        if let Some(account) = self.accounts.get_mut(account) {
            account.wants_look = false;
        }
        Look {
            tick: self.ticks,
            at: now,
        }
    }

    /// The answer to a look: everything the account has. What was heard since the look began holds on.
    pub(super) fn saw(&mut self, account: &AccountId, look: Look, entries: &[CatalogEntry]) {
        let Some(account) = self.accounts.get_mut(account) else {
            return;
        };
        if account.seen.is_some_and(|it| it.tick > look.tick) {
            return;
        }
        account.seen = Some(look);
        account.rest_until = None;
        let mut seen = BTreeMap::new();
        for entry in entries {
            // What is gone or going counts only while nothing else has taken its place, as in a plan.
            let counts = seen.entry((&entry.name, &entry.language)).or_insert(entry);
            if is_going(&counts.status) {
                *counts = entry;
            }
        }
        for (name, languages) in &mut account.templates {
            for (language, entry) in languages {
                entry.saw(seen.get(&(name, language)).copied(), look);
            }
        }
    }

    /// This process may not ask for the account.
    pub(super) fn close(&mut self, account: &AccountId) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.is_closed = true;
        }
    }

    /// The account has to be left alone for a while.
    pub(super) fn rest(&mut self, account: &AccountId, wait: Duration, now: Timestamp) {
        if let Some(account) = self.accounts.get_mut(account) {
            account.rest_until = Some(now.plus(wait.min(REST_MAX)));
        }
    }

    /// Takes a webhook's word.
    pub(super) fn hear(&mut self, news: &TemplateNews, now: Timestamp) -> HeardNews {
        self.ticks += 1;
        // A time that is still to come says nothing, and would make everything after it old.
        let at = news.at.filter(|at| *at <= now.plus(SKEW_MAX));
        let heard = Heard { tick: self.ticks, at };
        let mut outcome = HeardNews::NotOurs;
        for (id, account) in &mut self.accounts {
            if news.account.as_ref().is_some_and(|it| it != id) {
                continue;
            }
            match account.hear(news, heard, now) {
                HeardNews::Taken => outcome = HeardNews::Taken,
                HeardNews::Old if outcome == HeardNews::NotOurs => outcome = HeardNews::Old,
                HeardNews::Old | HeardNews::NotOurs => {}
            }
        }
        outcome
    }
}

impl Account {
    fn may_be_asked(&self, now: Timestamp) -> bool {
        // A rest that is longer than any was begun by a clock that was set back since.
        let rests = |until| until > now && until <= now.plus(REST_MAX);
        !self.is_closed && !self.rest_until.is_some_and(rests)
    }

    fn is_look_wanted(&self, now: Timestamp) -> bool {
        self.wants_look && self.extra_looks < EXTRA_LOOKS_MAX && self.may_be_asked(now)
    }

    fn hear(&mut self, news: &TemplateNews, heard: Heard, now: Timestamp) -> HeardNews {
        let languages = self.templates.get_mut(&news.name);
        let Some(entry) = languages.and_then(|it| it.get_mut(&news.language)) else {
            return HeardNews::NotOurs;
        };
        // The provider repeats for days what it is not sure of: then a look knows better.
        let is_outlived = |at: Timestamp| self.seen.is_some_and(|it| at.plus(SKEW_MAX) < it.at);
        if heard.at.is_some_and(is_outlived) {
            return HeardNews::Old;
        }
        let before = match &news.word {
            TemplateWord::Status { .. } => &mut entry.status_heard,
            TemplateWord::Category(_) => &mut entry.category_heard,
            TemplateWord::Quality(_) => &mut entry.quality_heard,
            TemplateWord::Components => {
                self.wants_look = true;
                return HeardNews::Taken;
            }
        };
        if !before.gives_way_to(heard) {
            return HeardNews::Old;
        }
        entry.believe(&news.word, now);
        HeardNews::Taken
    }
}

impl Heard {
    const NEVER: Self = Self { tick: 0, at: None };

    /// Remembers a word, unless a newer one was heard.
    fn gives_way_to(&mut self, heard: Self) -> bool {
        if heard.at.zip(self.at).is_some_and(|(at, before)| at < before) {
            return false;
        }
        self.tick = heard.tick;
        self.at = heard.at.or(self.at);
        true
    }

    fn is_after(self, look: Look) -> bool {
        self.tick > look.tick
    }
}

impl Entry {
    const UNKNOWN: Self = Self {
        facts: TemplateFacts::UNKNOWN,
        well_since: None,
        quality: Quality::Unknown,
        status_heard: Heard::NEVER,
        category_heard: Heard::NEVER,
        quality_heard: Heard::NEVER,
    };

    fn believe(&mut self, word: &TemplateWord, now: Timestamp) {
        // That it is approved is news even of a template that was not known to be anything else: messages may have
        // failed before anybody said why.
        let is_approved = matches!(word, TemplateWord::Status { status, .. } if status.is_sendable());
        let was_sendable = self.facts.is_sendable() && !is_approved;
        match word {
            TemplateWord::Status { status, reason } => {
                self.facts.is_missing = false;
                self.facts.status = Said::Yes((status.clone(), reason.clone()));
            }
            TemplateWord::Category(category) => self.facts.category = Said::Yes(*category),
            TemplateWord::Quality(quality) => self.quality = *quality,
            TemplateWord::Components => {}
        }
        self.note_well(was_sendable, now);
    }

    /// Takes what a look saw, but for what was heard since it began.
    fn saw(&mut self, seen: Option<&CatalogEntry>, look: Look) {
        let facts = seen.map_or(TemplateFacts::MISSING, TemplateFacts::of);
        let before = std::mem::replace(&mut self.facts, facts);
        let was_sendable = before.is_sendable();
        if self.status_heard.is_after(look) {
            self.facts.is_missing = false;
            self.facts.status = before.status;
        }
        if self.category_heard.is_after(look) {
            self.facts.category = before.category;
        }
        self.note_well(was_sendable, look.at);
        if let Some(seen) = seen.filter(|_| !self.quality_heard.is_after(look)) {
            self.quality = seen.quality;
        }
    }

    fn note_well(&mut self, was_sendable: bool, at: Timestamp) {
        if !was_sendable && self.facts.is_sendable() {
            self.well_since = Some(at);
        }
    }
}
