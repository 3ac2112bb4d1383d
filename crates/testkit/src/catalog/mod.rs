//! A provider's catalogue of templates that obeys Meta's rules, remembers what was asked, and fails as it is told.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{
    CatalogError, Clock, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt,
};
use countersign_domain::sender::AccountId;
use countersign_domain::template::{CatalogEntry, Language, TemplateId, TemplateName, TemplateStatus};
use countersign_domain::time::Timestamp;

use crate::clock::ManualClock;
use crate::sync::lock;

use rules::Account;
pub use rules::agreeing_entry;

/// The templates of accounts that a test names. Of every other account it answers [`CatalogError::NotHeld`], and by
/// default it holds none.
#[derive(Debug, Default)]
pub struct FakeCatalog(Mutex<State>);

#[derive(Clone, Debug, Default)]
struct State {
    clock: Arc<ManualClock>,
    accounts: BTreeMap<AccountId, Account>,
    habits: Habits,
    calls: Vec<CatalogCall>,
    orders: usize,
    faults: BTreeMap<usize, CatalogFault>,
    looks: usize,
    lost_looks: Range<usize>,
    last_id: u64,
}

/// How the provider goes about its business. A test changes it with [`FakeCatalog::behave`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// When templates are reviewed that were made or changed.
    pub review: Review,
    /// What is not told when templates are read back.
    pub unsaid: BTreeSet<Unsaid>,
    /// Whether an upsert leaves message lives as they are, and gives new templates Meta's ten minutes.
    pub ignores_message_life_in_upserts: bool,
    /// Whether previews are offered.
    pub withholds_previews: bool,
}

/// When templates are reviewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Review {
    /// At once: they are approved as soon as they are made or changed.
    #[default]
    AtOnce,
    /// When the test calls [`FakeCatalog::review_all`].
    ByHand,
}

/// Something the provider does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsaid {
    /// Whether the body advises not to share the code.
    SecurityRecommendation,
    /// The minutes of the footer.
    FooterMinutes,
    /// The button's kind.
    ButtonKind,
    /// The button's labels.
    ButtonTexts,
    /// The button's apps.
    Apps,
    /// How long messages live.
    MessageLife,
    /// When the template was last changed.
    ChangedAt,
}

/// What goes wrong with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogFault {
    /// It is refused with these words, and nothing is done.
    Refuse(ProviderReport),
    /// It is refused for there being too many, and nothing is done.
    Throttle(Option<Duration>),
    /// The token is refused, and nothing is done.
    Deny(ProviderReport),
    /// It never arrives.
    LoseOrder,
    /// It is done, and the answer never arrives.
    LoseAnswer,
    /// It never arrives, and the call never ends: to be dropped there.
    HangBefore,
    /// It is done, and the call never ends: to be dropped there.
    HangAfter,
}

/// One call, as it came in, whatever was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogCall {
    /// A look at everything.
    List(AccountId),
    /// A look at one.
    Get(AccountId, TemplateId),
    /// An order to make one.
    Create(AccountId, TemplateOrder),
    /// An order to make or change several.
    Upsert(AccountId, TemplateOrder),
    /// An order to change one.
    Edit(AccountId, TemplateId, TemplateOrder),
    /// An order to delete.
    Delete(AccountId, TemplateName, Option<TemplateId>),
    /// A question what messages would say.
    Preview(AccountId, PreviewOrder),
}

impl CatalogCall {
    /// Whether it is about changing something.
    pub const fn is_order(&self) -> bool {
        match self {
            Self::Create(..) | Self::Upsert(..) | Self::Edit(..) | Self::Delete(..) => true,
            Self::List(_) | Self::Get(..) | Self::Preview(..) => false,
        }
    }
}

impl FakeCatalog {
    /// Reads that clock from now on. Until then its time stands still at [`crate::fixture::now`].
    pub fn read_clock(&self, clock: &Arc<ManualClock>) {
        lock(&self.0).clock = Arc::clone(clock);
    }

    /// Holds that account from now on; a new one is empty.
    pub fn hold(&self, account: &AccountId) {
        lock(&self.0).accounts.entry(account.clone()).or_default();
    }

    /// Puts a template into an account as it stands, whatever the rules say, in place of one with the same id. Holds the
    /// account.
    pub fn seed(&self, account: &AccountId, entry: CatalogEntry) {
        let mut state = lock(&self.0);
        state.accounts.entry(account.clone()).or_default().seed(entry);
    }

    /// Changes how the provider goes about its business.
    pub fn behave(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut lock(&self.0).habits);
    }

    /// Approves everything that waits for a review, in every account.
    pub fn review_all(&self) {
        self.change_all(|entry| {
            if entry.status == TemplateStatus::Pending {
                entry.status = TemplateStatus::Approved;
            }
        });
    }

    /// Changes every template behind everybody's back, in every account.
    pub fn change_all(&self, mut change: impl FnMut(&mut CatalogEntry)) {
        for account in lock(&self.0).accounts.values_mut() {
            account.entries_mut().for_each(&mut change);
        }
    }

    /// Lets the `nth` order from now on (1 is the next one) go wrong.
    pub fn fail_order(&self, nth: usize, fault: CatalogFault) {
        let mut state = lock(&self.0);
        let index = state.orders + nth;
        state.faults.insert(index, fault);
    }

    /// Lets `count` looks at accounts go unanswered, after `after` more that are answered.
    pub fn lose_looks(&self, after: usize, count: usize) {
        let mut state = lock(&self.0);
        let first = state.looks + after + 1;
        state.lost_looks = first..first + count;
    }

    /// Lets a template have been edited at those moments, as far as Meta's limits are concerned.
    pub fn note_edits(&self, account: &AccountId, id: &TemplateId, at: &[Timestamp]) {
        if let Some(account) = lock(&self.0).accounts.get_mut(account) {
            account.note_edits(id, at);
        }
    }

    /// Forgets every fault that did not come up.
    pub fn mend(&self) {
        let mut state = lock(&self.0);
        state.faults.clear();
        state.lost_looks = 0..0;
    }

    /// What the account truly has, also what it does not tell. Empty for an account that is not held.
    pub fn entries(&self, account: &AccountId) -> Vec<CatalogEntry> {
        let state = lock(&self.0);
        state.accounts.get(account).map(Account::entries).unwrap_or_default()
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<CatalogCall> {
        lock(&self.0).calls.clone()
    }

    /// Every order so far, whatever came of it.
    pub fn orders(&self) -> Vec<CatalogCall> {
        let mut calls = self.calls();
        calls.retain(CatalogCall::is_order);
        calls
    }

    /// Another catalogue in the same state, which nothing goes wrong with and which remembers no call.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = lock(&self.0).clone();
        Self(Mutex::new(State {
            calls: Vec::new(),
            faults: BTreeMap::new(),
            lost_looks: 0..0,
            ..state
        }))
    }

    /// Notes an order and does it, unless a fault is due; hangs where the fault says so.
    async fn order<T>(
        &self,
        account: &AccountId,
        call: CatalogCall,
        work: impl FnOnce(&mut Account, &mut Work<'_>) -> Result<T, CatalogError> + Send,
    ) -> Result<T, CatalogError> {
        let (answer, hangs) = self.order_now(account, call, work);
        if hangs {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn order_now<T>(
        &self,
        account: &AccountId,
        call: CatalogCall,
        work: impl FnOnce(&mut Account, &mut Work<'_>) -> Result<T, CatalogError>,
    ) -> (Result<T, CatalogError>, bool) {
        let mut state = lock(&self.0);
        let state = &mut *state;
        state.calls.push(call);
        state.orders += 1;
        let Some(found) = state.accounts.get_mut(account) else {
            return (Err(CatalogError::NotHeld), false);
        };
        let lost = || CatalogError::Unavailable("a test lost it".into());
        let (is_answered, hangs) = match state.faults.remove(&state.orders) {
            None => (true, false),
            Some(CatalogFault::Refuse(report)) => return (Err(CatalogError::Refused(report)), false),
            Some(CatalogFault::Deny(report)) => return (Err(CatalogError::Denied(report)), false),
            Some(CatalogFault::Throttle(retry_after)) => {
                let report = None;
                return (Err(CatalogError::Throttled { retry_after, report }), false);
            }
            Some(CatalogFault::LoseOrder) => return (Err(lost()), false),
            Some(CatalogFault::HangBefore) => return (Err(lost()), true),
            Some(CatalogFault::LoseAnswer) => (false, false),
            Some(CatalogFault::HangAfter) => (false, true),
        };
        let mut circumstances = Work {
            habits: &state.habits,
            now: state.clock.now(),
            last_id: &mut state.last_id,
        };
        let answer = work(found, &mut circumstances);
        (if is_answered { answer } else { Err(lost()) }, hangs)
    }

    /// Notes a question and answers it.
    fn ask<T>(
        &self,
        account: &AccountId,
        call: CatalogCall,
        answer: impl FnOnce(&Account, &Habits) -> Result<T, CatalogError>,
    ) -> Result<T, CatalogError> {
        let mut state = lock(&self.0);
        let is_look = matches!(call, CatalogCall::List(_));
        state.calls.push(call);
        if !state.accounts.contains_key(account) {
            return Err(CatalogError::NotHeld);
        }
        state.looks += usize::from(is_look);
        if is_look && state.lost_looks.contains(&state.looks) {
            return Err(CatalogError::Unavailable("a test lost it".into()));
        }
        answer(&state.accounts[account], &state.habits)
    }
}

/// Under which circumstances an order is carried out.
struct Work<'a> {
    habits: &'a Habits,
    now: Timestamp,
    last_id: &'a mut u64,
}

#[async_trait]
impl TemplateCatalog for FakeCatalog {
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
        self.ask(account, CatalogCall::List(account.clone()), |it, habits| {
            Ok(it
                .entries()
                .into_iter()
                .map(|entry| rules::told(entry, habits))
                .collect())
        })
    }

    async fn get(&self, account: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError> {
        self.ask(account, CatalogCall::Get(account.clone(), id.clone()), |it, habits| {
            let entry = it.entries().into_iter().find(|entry| entry.id == *id);
            entry.map(|entry| rules::told(entry, habits)).ok_or(CatalogError::Gone)
        })
    }

    async fn create(&self, account: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
        let call = CatalogCall::Create(account.clone(), order.clone());
        self.order(account, call, |it, work| it.create(order, work)).await
    }

    async fn upsert(&self, account: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
        let call = CatalogCall::Upsert(account.clone(), order.clone());
        self.order(account, call, |it, work| it.upsert(order, work)).await
    }

    async fn edit(&self, account: &AccountId, id: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError> {
        let call = CatalogCall::Edit(account.clone(), id.clone(), order.clone());
        self.order(account, call, |it, work| it.edit(id, order, work)).await
    }

    async fn delete(
        &self,
        account: &AccountId,
        name: &TemplateName,
        id: Option<TemplateId>,
    ) -> Result<(), CatalogError> {
        let call = CatalogCall::Delete(account.clone(), name.clone(), id.clone());
        self.order(account, call, |it, work| it.delete(name, id.as_ref(), work))
            .await
    }

    async fn preview(&self, account: &AccountId, order: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
        self.ask(
            account,
            CatalogCall::Preview(account.clone(), order.clone()),
            |_, habits| {
                if habits.withholds_previews {
                    return Err(CatalogError::NotOffered);
                }
                let preview = |language: &Language| rules::preview(order, language);
                Ok(order.languages.iter().map(preview).collect())
            },
        )
    }
}
