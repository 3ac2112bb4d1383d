//! The board: what this instance knows about the templates of every account, from its looks and from webhooks.
//!
//! Knowledge is this instance's own, like the health of senders. What nobody has told is taken to be as the
//! configuration says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::delivery::ProviderReport;
use crate::event::{Event, HeardNews};
use crate::id::AppId;
use crate::policy::Policy;
use crate::ports::{CatalogError, Clock, Observer, TemplateCatalog};
use crate::sender::{AccountId, Quality};
use crate::template::{Drift, Language, TemplateFacts, TemplateName, TemplateNews};
use crate::time::Timestamp;
use crate::use_case::templates::known::Known;
use crate::use_case::{Ports, Rulebook};

/// Something that is wrong with a template of an app, for one line of a log or a screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The app.
    pub app: AppId,
    /// The account.
    pub account: AccountId,
    /// The template.
    pub template: TemplateName,
    /// The language.
    pub language: Language,
    /// What is wrong.
    pub drift: Drift,
    /// Whether it is passed over because of it, at least for one purpose: not used while something else can be, and
    /// under [`crate::policy::OnDrift::Refuse`] not at all.
    pub passed_over: bool,
}

/// What this instance knows about templates.
pub struct TemplateBoard {
    rulebook: Arc<Rulebook>,
    catalog: Arc<dyn TemplateCatalog>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    known: Mutex<Known>,
    /// Held while events are made out of what is known, so that they come in the order in which things were learned.
    /// Always taken before `known`.
    told: Mutex<Told>,
    /// Whether nothing is known to be wrong with any template: mostly so, and asked for each message and sender.
    is_quiet: AtomicBool,
}

/// What events have said so far.
#[derive(Default)]
struct Told {
    faults: BTreeMap<FaultKey, TemplateFault>,
    qualities: BTreeMap<(AccountId, TemplateName, Language), Quality>,
    /// The accounts the provider does not speak of, and why.
    unseen: BTreeMap<AccountId, &'static str>,
}

/// A fault without what may change about it.
type FaultKey = (AppId, AccountId, TemplateName, Language, &'static str);

impl TemplateBoard {
    /// Wires the board to its ports.
    pub fn new(rulebook: &Arc<Rulebook>, ports: &Ports) -> Self {
        Self {
            known: Mutex::new(Known::new(&rulebook.apps)),
            rulebook: Arc::clone(rulebook),
            catalog: Arc::clone(&ports.catalog),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(&ports.observer),
            told: Mutex::default(),
            is_quiet: AtomicBool::new(true),
        }
    }

    /// What keeps messages for codes of that policy from going out with a template in a language from senders of an
    /// account, as far as this instance knows; the worst, when it is more than one thing. `None` also for what nobody has
    /// told. [`Drift::report`] is what a caller is shown. Cheap: asked for each message.
    pub fn why_unusable(
        &self,
        account: &AccountId,
        template: &TemplateName,
        language: &Language,
        policy: &Policy,
    ) -> Option<Drift> {
        if self.is_quiet.load(Ordering::Acquire) {
            return None;
        }
        let known = self.known();
        let facts = known.facts(account, template, language)?;
        let mut drifts = facts.drifts(policy.code_life);
        drifts.find(|it| it.is_refused_under(policy))
    }

    /// When this instance last learned that messages can go out with a template again: what failed before says nothing
    /// about now.
    pub(in crate::use_case) fn well_since(
        &self,
        account: &AccountId,
        template: &TemplateName,
        language: &Language,
    ) -> Option<Timestamp> {
        self.known().well_since(account, template, language)
    }

    /// Asks the provider what every account has, and compares the clocks. An account for which this process may not ask
    /// is not asked again; when the provider does not answer, what was known goes on being believed.
    ///
    /// One listing for each account, which is one call for each page of its templates.
    pub async fn look_around(&self) {
        let accounts = self.known().begin_looks(self.clock.now());
        self.look_at(accounts).await;
    }

    /// Takes note that the provider refused a message for its template, which it was not known to do: what is known of
    /// the account is old.
    pub(in crate::use_case) fn doubt(&self, account: &AccountId) {
        self.known().want_look(account);
    }

    /// Whether a webhook or a refused message said that something changed which only a look tells. At most ten times for
    /// each account between two calls of [`TemplateBoard::look_around`], so that no storm of them uses up the calls that
    /// the provider allows.
    pub fn look_wanted(&self) -> bool {
        self.known().is_look_wanted(self.clock.now())
    }

    /// Asks the provider like [`TemplateBoard::look_around`], only for the accounts of which one of them said so.
    pub async fn look_again(&self) {
        let accounts = self.known().begin_extra_looks(self.clock.now());
        self.look_at(accounts).await;
    }

    /// Takes a webhook's word. It holds until the next look that begins after it. News without an account is about
    /// every account for which the template is described.
    pub fn hear(&self, news: &TemplateNews) -> HeardNews {
        let outcome = self.known().hear(news, self.clock.now());
        self.observer.record(&Event::TemplateHeard {
            template: news.name.clone(),
            language: news.language.clone(),
            word: news.word.name(),
            outcome,
        });
        if outcome == HeardNews::Taken {
            self.tell();
        }
        outcome
    }

    /// Everything that is wrong now, as far as this instance knows: by app, account, template and language as in the
    /// configuration, and of each the worst first. Clocks are compared with the shortest life of the app's codes.
    pub fn faults(&self) -> Vec<TemplateFault> {
        self.faults_of(&self.known())
    }

    async fn look_at(&self, accounts: Vec<AccountId>) {
        for account in accounts {
            let look = self.known().begin_look(&account, self.clock.now());
            match self.catalog.list(&account).await {
                Ok(entries) => {
                    self.known().saw(&account, look, &entries);
                    self.seen(&account);
                    self.tell();
                }
                Err(CatalogError::NotHeld) => self.known().close(&account),
                Err(error) => self.unseen(&account, &error),
            }
        }
    }

    fn seen(&self, account: &AccountId) {
        let mut told = self.told();
        if told.unseen.remove(account).is_some() {
            let account = account.clone();
            self.observer.record(&Event::TemplatesSeen { account });
        }
    }

    fn unseen(&self, account: &AccountId, error: &CatalogError) {
        if let CatalogError::Throttled {
            retry_after: Some(wait),
            ..
        } = error
        {
            self.known().rest(account, *wait, self.clock.now());
        }
        let (why, report) = in_words(error);
        let mut told = self.told();
        if told.unseen.insert(account.clone(), why) != Some(why) {
            self.observer.record(&Event::TemplatesUnseen {
                account: account.clone(),
                why,
                report: report.cloned(),
            });
        }
    }

    /// Says what is otherwise than it was when something was said last.
    fn tell(&self) {
        let mut told = self.told();
        let (faults, rated) = {
            let known = self.known();
            (self.faults_of(&known), told.newly_rated(&known))
        };
        // What is wrong for any policy is wrong for the app's codes that live shortest, of which the faults speak.
        self.is_quiet.store(faults.is_empty(), Ordering::Release);
        for event in told.newly_faulty(faults).into_iter().chain(rated) {
            self.observer.record(&event);
        }
    }

    fn faults_of(&self, known: &Known) -> Vec<TemplateFault> {
        let mut faults = Vec::new();
        for (id, app) in self.rulebook.apps.iter() {
            let accounts: BTreeSet<_> = app.senders.iter().map(|it| &it.account).collect();
            for account in accounts {
                for template in app.templates.iter() {
                    for language in &template.languages {
                        let facts = known.facts(account, &template.name, language);
                        let drifts = facts.into_iter().flat_map(|it| drifts_for(app, it));
                        faults.extend(drifts.map(|(drift, passed_over)| TemplateFault {
                            app: id.clone(),
                            account: account.clone(),
                            template: template.name.clone(),
                            language: language.clone(),
                            drift,
                            passed_over,
                        }));
                    }
                }
            }
        }
        faults
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong for the codes of an app that live shortest, and whether a template is passed over because of it.
fn drifts_for(app: &App, facts: &TemplateFacts) -> impl Iterator<Item = (Drift, bool)> {
    let policies = || app.purposes.values();
    let shortest = policies().map(|it| it.code_life).min().unwrap_or(Duration::MAX);
    facts.drifts(shortest).map(move |drift| {
        let is_refused = |policy: &Arc<Policy>| {
            let mut same = facts.drifts(policy.code_life).filter(|it| it.name() == drift.name());
            same.any(|it| it.is_refused_under(policy))
        };
        let passed_over = !drift.is_clock() || policies().any(is_refused);
        (drift, passed_over)
    })
}

/// Why a listing failed as one word, and what the provider said.
const fn in_words(error: &CatalogError) -> (&'static str, Option<&ProviderReport>) {
    match error {
        CatalogError::NotHeld => ("not_held", None),
        CatalogError::Denied(report) => ("denied", Some(report)),
        CatalogError::Refused(report) => ("refused", Some(report)),
        CatalogError::Gone => ("gone", None),
        CatalogError::NotOffered => ("not_offered", None),
        CatalogError::Throttled { report, .. } => ("throttled", report.as_ref()),
        CatalogError::Unavailable(_) => ("unavailable", None),
    }
}

impl Told {
    /// What is over, and then what is new.
    fn newly_faulty(&mut self, faults: Vec<TemplateFault>) -> Vec<Event> {
        let now: BTreeMap<_, _> = faults.iter().map(|it| (key(it), it)).collect();
        let mut events = Vec::new();
        for (key, fault) in &self.faults {
            if !now.contains_key(key) {
                let fault = fault.clone();
                events.push(Event::TemplateWell {
                    app: fault.app,
                    account: fault.account,
                    template: fault.template,
                    language: fault.language,
                    was: fault.drift,
                });
            }
        }
        self.faults.retain(|key, _| now.contains_key(key));
        for fault in faults {
            if self.faults.insert(key(&fault), fault.clone()).as_ref() != Some(&fault) {
                events.push(Event::TemplateFaulty { fault });
            }
        }
        events
    }

    fn newly_rated(&mut self, known: &Known) -> Vec<Event> {
        let mut events = Vec::new();
        for (account, template, language, quality) in known.qualities() {
            // That nobody says any more is no news.
            if quality == Quality::Unknown {
                continue;
            }
            let key = (account.clone(), template.clone(), language.clone());
            let before = self.qualities.insert(key, quality).unwrap_or_default();
            if before != quality && (before, quality) != (Quality::Unknown, Quality::Green) {
                events.push(Event::TemplateRated {
                    account: account.clone(),
                    template: template.clone(),
                    language: language.clone(),
                    quality,
                });
            }
        }
        events
    }
}

fn key(fault: &TemplateFault) -> FaultKey {
    (
        fault.app.clone(),
        fault.account.clone(),
        fault.template.clone(),
        fault.language.clone(),
        fault.drift.name(),
    )
}
