//! Everything the world has to provide. Each promise below has a test of its name in `countersign-testkit`.
//!
//! A port is for what can fail, block, or differ by deployment. Absence is `Option`, contention is a value, failure is
//! an error whose variants are the caller's next step. Signatures hold no driver's types. To write an adapter, see
//! `docs/adapters.md`.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::code::Code;
use crate::country::CountryCode;
use crate::delivery::{IdentityHash, MessageId, NextStep, ProviderReport};
use crate::event::Event;
use crate::id::{AppId, RecipientKey, Shard};
use crate::limit::{Charge, Remaining, RuleName};
use crate::phone::PhoneNumber;
use crate::recipient::{Claim, Recipient};
use crate::sender::{AccountId, Quality, SenderId};
use crate::template::{CatalogEntry, Language, Template, TemplateId, TemplateName, TemplateStatus};
use crate::time::Timestamp;

/// What went wrong underneath, for the log at the edge.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The version of a stored record. Stores number them; nobody else reads anything into the number.
///
/// A store never gives the same version twice for one key, not even after it forgot the record: a slow writer that saw
/// the old record must not overwrite the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A record as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The version a later replace has to have seen.
    pub version: Version,
    /// The record.
    pub recipient: Recipient,
}

/// What became of a replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The record was written and has this version.
    Written(Version),
    /// Somebody else was first; this is what is there now.
    Conflict(Option<Box<Stored>>),
}

/// Why a store could not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached or refuses to work now. A write may or may not have happened. Repeat later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// What it holds cannot be read. Repeating does not help; an operator has to look.
    #[error("a stored record cannot be read")]
    Corrupt(#[source] Cause),
}

/// Keeps recipients and knows no rules.
///
/// Promises: `load` answers with the last written record and its version. Of concurrent replaces that saw the same
/// version exactly one is written. The wake-up index moves in the same step as the record. A record stays readable
/// at least until its `keep_until`, and never for ever.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RecipientStore: Send + Sync {
    /// The record at `key`, if there is one.
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError>;

    /// Writes `new` if the stored version is `seen`, or if nothing is stored and nothing was seen, and moves the
    /// wake-up to `new.wake_at()` in the same step. On conflict hands back what is there and changes nothing.
    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError>;

    /// The recipients of `shard` whose wake-up is at or before `now`, earliest first, at most `limit`. Never one whose
    /// record is gone.
    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError>;

    /// How many recipients' wake-ups are at or before `now`, over all shards.
    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// What became of charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of them were taken.
    All,
    /// None was: this rule refuses.
    Refused {
        /// The rule of the first charge, in the order given, that was refused.
        rule: RuleName,
        /// How long until that charge could be taken; `None` when it never could.
        retry_after: Option<Duration>,
    },
}

/// Keeps the state of shared limits.
///
/// Promise: for every history the answers equal those of the functions in [`crate::limit`], as long as no caller's
/// clock is more than five minutes behind the latest one heard. A state may be forgotten once it counts for nothing
/// even then.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Takes every charge, or none when one is refused. Charges on one key count one after the other.
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError>;

    /// Gives every charge back, never beyond full.
    async fn give_back(&self, charges: &[Charge], now: Timestamp) -> Result<(), StoreError>;

    /// What is left for each charge, in order. Changes nothing.
    async fn peek(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Remaining>, StoreError>;
}

/// Hints across instances that a recipient changed. The listener loads the truth.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// Hints that the recipient changed. Never blocks; the hint may be lost.
    fn publish(&self, key: RecipientKey);

    /// Listens for changes of one recipient. Every change published after this returns is heard.
    async fn subscribe(&self, key: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError>;
}

/// The hints about one recipient.
#[async_trait]
pub trait ChangeHints: Send {
    /// Waits for the next hint; several may come as one. `None` when the feed has ended. A wait that is dropped loses
    /// no hint.
    async fn next(&mut self) -> Option<()>;
}

/// One message to be sent.
#[derive(Debug)]
pub struct Message {
    /// For which app.
    pub app: AppId,
    /// To whom.
    pub to: PhoneNumber,
    /// The secret it carries.
    pub code: Code,
    /// From whom.
    pub sender: SenderId,
    /// Who has to be behind the number, if that is known; somebody else does not get the message.
    pub identity: Option<IdentityHash>,
    /// The template it is written with.
    pub template: TemplateName,
    /// The language of the template.
    pub language: Language,
    /// What every webhook about it must carry back.
    pub reference: String,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// The provider took a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether it holds it for a quality assessment first.
    pub held: bool,
    /// What it calls the message.
    pub message: Option<MessageId>,
}

/// Why a message was not taken, or may not have been.
#[derive(Debug, Error)]
#[error("the message was not accepted: {step:?}")]
pub struct SendError {
    /// What to do next.
    pub step: NextStep,
    /// What the provider said, if it said anything.
    pub report: Option<ProviderReport>,
    /// What went wrong underneath.
    #[source]
    pub cause: Option<Cause>,
}

/// Sends messages.
///
/// Promises: one call is one attempt; it ends within the message's time-out; an answer that was lost is `Uncertain`
/// and never `Unavailable`; the code and the phone appear in no error.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Makes one attempt.
    async fn send(&self, message: &Message) -> Result<Accepted, SendError>;
}

/// What the provider says about a sender of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderFacts {
    /// What it thinks of the number.
    pub quality: Quality,
}

/// Why the provider did not say.
#[derive(Debug, Error)]
#[error("the provider does not say how the sender is")]
pub struct LookError(#[source] pub Cause);

/// Knows how the provider thinks of our senders.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SenderDirectory: Send + Sync {
    /// Looks once. Providers count these calls and allow few (Meta: 200 an hour), so nobody asks more than once in a
    /// few minutes.
    async fn look(&self, sender: &SenderId) -> Result<SenderFacts, LookError>;
}

/// A template to be made or changed: what one description says in some of its languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateOrder {
    /// The description.
    pub template: Template,
    /// The languages this is about; at least one, and each of the description's.
    pub languages: Vec<Language>,
}

/// What the provider made of an order, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateReceipt {
    /// What it calls the template.
    pub id: TemplateId,
    /// The language.
    pub language: Language,
    /// Whether it can be sent already.
    pub status: TemplateStatus,
}

/// What a message would say, to be asked of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewOrder {
    /// In which languages; empty for all the provider has.
    pub languages: Vec<Language>,
    /// Whether the body advises not to share the code.
    pub security_recommendation: bool,
    /// The minutes of the footer, if there is one.
    pub footer_minutes: Option<u8>,
}

/// What a message says in one language. `{{1}}` stands for the code, and `*` around it for bold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The language.
    pub language: Language,
    /// The body.
    pub body: String,
    /// The footer, if there is one.
    pub footer: Option<String>,
    /// The label that copies.
    pub copy_text: String,
    /// The label that hands the code to an app.
    pub autofill_text: Option<String>,
}

/// Why the provider's catalogue did not do what was asked.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// This process has no business account or no token for managing that account. Nothing was asked.
    #[error("this process may not manage the templates of that account")]
    NotHeld,
    /// The provider refuses the token. An operator has to act.
    #[error("the provider refuses the token")]
    Denied(ProviderReport),
    /// The provider refuses the order; repeating it does not help, unless the report says when.
    #[error("the provider refuses: {0}")]
    Refused(ProviderReport),
    /// The provider has no such template.
    #[error("the provider has no such template")]
    Gone,
    /// The provider does not answer such questions (any more).
    #[error("the provider does not offer this")]
    NotOffered,
    /// Too many calls.
    #[error("the provider asks to slow down")]
    Throttled {
        /// For how long, when it said so.
        retry_after: Option<Duration>,
        /// What it said.
        report: Option<ProviderReport>,
    },
    /// It cannot be reached, failed, or its answer was lost: what was asked for may have been done. Look before
    /// repeating it.
    #[error("the provider did not answer")]
    Unavailable(#[source] Cause),
}

/// The templates an account has at the provider.
///
/// Promises: `list` answers with every authentication template and every other of the account, in every language,
/// whatever number of pages it takes; what was created is listed afterwards; an order that failed with anything but
/// `Unavailable` changed nothing. An upsert is one call for all its languages: those that exist are changed, the others
/// made. No token appears in an error.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TemplateCatalog: Send + Sync {
    /// Every template of the account.
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError>;

    /// One template in one language.
    async fn get(&self, account: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError>;

    /// Makes a template in exactly one language, with the labels of its button.
    async fn create(&self, account: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError>;

    /// Makes or changes a template in several languages at once. The labels of the button are the provider's.
    async fn upsert(&self, account: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError>;

    /// Changes a template in exactly one language, with the labels of its button.
    async fn edit(&self, account: &AccountId, id: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError>;

    /// Deletes a template in all its languages, or in the one of that id.
    async fn delete(
        &self,
        account: &AccountId,
        name: &TemplateName,
        id: Option<TemplateId>,
    ) -> Result<(), CatalogError>;

    /// What messages would say. [`CatalogError::NotOffered`] when the provider does not tell.
    async fn preview(&self, account: &AccountId, order: &PreviewOrder) -> Result<Vec<Preview>, CatalogError>;
}

/// What kind of line a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// A mobile line.
    Mobile,
    /// A fixed line.
    Fixed,
    /// A line that may be either; many countries do not tell them apart.
    FixedOrMobile,
    /// Anything else: toll-free, premium, shared cost, pager, voicemail, …
    Other,
}

/// What the numbering plan knows about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFacts {
    /// Its country; `None` for numbers of no country, such as satellite phones.
    pub country: Option<CountryCode>,
    /// Its kind.
    pub kind: NumberKind,
    /// Whether such a number can exist.
    pub possible: bool,
}

/// The world's numbering plan. Pure: no I/O, and it never panics on a well-formed number.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait NumberingPlan: Send + Sync {
    /// What is known about a number.
    fn lookup(&self, phone: &PhoneNumber) -> NumberFacts;

    /// The other spellings under which WhatsApp may know the line of `phone`: in some countries a digit came or went
    /// when numbers grew, and WhatsApp kept the old form (Meta: `wa_id` in Brazil, Mexico, Argentina). Never `phone`
    /// itself.
    fn aliases(&self, phone: &PhoneNumber) -> Vec<PhoneNumber>;
}

/// Tells the time.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time now. It may step back; decisions cope.
    fn now(&self) -> Timestamp;
}

/// Makes randomness fit for secrets.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Random: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Hears what happened. Logs, metrics, audit and tallies are observers.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Observer: Send + Sync {
    /// Takes note. Never blocks and never fails.
    fn record(&self, event: &Event);
}

/// What is carried out after the answer was given.
#[derive(Debug)]
pub enum Errand {
    /// Send a claimed message.
    Send(Box<ClaimedDelivery>),
    /// Give charges back.
    GiveBack(Vec<Charge>),
    /// Look after a recipient that has something to do at once.
    Wake(RecipientKey),
}

/// A message that this instance has claimed by writing the record it holds.
#[derive(Debug)]
pub struct ClaimedDelivery {
    pub(crate) key: RecipientKey,
    pub(crate) claim: Claim,
    pub(crate) stored: Stored,
}

/// Carries out what must not delay an answer.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Courier: Send + Sync {
    /// Takes an errand to be run soon by [`crate::use_case::Dispatch::run`], or hands it back when it has no room.
    /// Never blocks.
    fn hand_over(&self, errand: Errand) -> Result<(), Errand>;

    /// Something will be due at that moment: whoever looks after recipients should look then. Only a hint; without it
    /// they look a little later. Never blocks.
    fn expect(&self, at: Timestamp);
}
