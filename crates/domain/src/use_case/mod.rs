//! What callers, webhooks and the loop may ask for. Each use case is short: load, decide, replace, observe.
//!
//! Driving adapters call these structs and nothing else. The one loop that loads, decides and replaces is
//! `Records::decide`; no use case writes its own.

mod admin;
mod apply_delivery;
mod budgets;
mod cancel;
mod check;
mod costs;
mod disown;
mod dispatch;
mod error;
mod explain;
mod get;
mod guard;
mod judge;
mod lines;
mod records;
mod replay;
mod senders;
mod start;
mod templates;
mod turns;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::{Apps, Caller};
use crate::context::ContextDigest;
use crate::guard::GuardSettings;
use crate::id::{AppId, Environment, Purpose, RecipientKey, Serial, VerificationId};
use crate::key::{Identity, KeyRing};
use crate::money::Money;
use crate::phone::PhoneNumber;
use crate::policy::{Countries, Policy, PolicySettings};
use crate::ports::{
    ChallengeVerifier, ChangeFeed, Clock, Courier, GuardStore, LimitStore, Messenger, NumberingPlan, Observer, Random,
    RecipientStore, SenderDirectory, TallyStore, TemplateCatalog,
};
use crate::recipient::Recipient;
use crate::rule::Rules;

pub use admin::{Admin, BLOCKS_LISTED_MAX, HOLD_MAX, HOLD_MIN, ListedBlock};
pub use apply_delivery::{Applied, ApplyDelivery, RecipientReports, ReportedDelivery};
pub use cancel::Cancel;
pub use check::{Check, CheckAnswer, CheckRequest};
pub use disown::{Disown, Disowned};
pub use dispatch::{Dispatch, Postponed};
pub use error::{Error, Field, Violation};
pub use explain::{ExplainStart, ExplainedBucket, ExplainedQuota, StartExplanation};
pub use get::Get;
pub use guard::Guard;
pub use records::Records;
pub use replay::{Mark, RecordedEvent, RecordedSubject, RecordedVerdict, Replay, ReplayRow, ReplayTable};
pub use senders::{Senders, StandingFault};
pub use start::{Start, StartAnswer, StartRequest};
pub use templates::{
    AccountPlan, AccountTemplates, ApplyProgress, ApplyResult, DeleteTemplate, ListedTemplate, ManageTemplates,
    PreviewSource, PreviewTemplates, ShownPreview, TemplateBoard, TemplateFault, TemplatesError,
};
pub use watch::{Watch, Watching};

/// How often a decision is made again on a newer record before the caller is told it lost every race.
pub const DECISIONS_MAX: usize = 64;

/// What an installation is configured to do: its apps, keys and name. Does not change while it runs.
#[derive(Debug)]
pub struct Rulebook {
    /// The apps.
    pub apps: Apps,
    /// The keys codes are derived with.
    pub keys: KeyRing,
    /// The installation's own key.
    pub identity: Identity,
    /// The installation's name in webhook references.
    pub environment: Environment,
    /// The shared rules.
    pub rules: Rules,
    /// What messages cost and what may be spent; `None` when nobody counts.
    pub money: Option<Money>,
    /// The numbers of the guard; `None` when it is off.
    pub guard: Option<GuardSettings>,
    /// Whether every decision about a start is told as [`crate::event::Event::Decided`].
    pub records_decisions: bool,
}

impl Rulebook {
    /// The policy a record is brought up to date with. A record whose purpose left the configuration is finished
    /// under the default numbers.
    fn policy_of(&self, recipient: &Recipient) -> Arc<Policy> {
        let known = self.apps.policy(&recipient.app, &recipient.purpose);
        Arc::clone(known.unwrap_or_else(|| default_policy()))
    }
}

fn default_policy() -> &'static Arc<Policy> {
    static DEFAULT: std::sync::OnceLock<Arc<Policy>> = std::sync::OnceLock::new();
    DEFAULT.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "a constant, checked by a test of this module")]
        let policy = Policy::new(PolicySettings {
            countries: Countries::All,
            ..PolicySettings::default()
        })
        .expect("the default numbers hold together");
        Arc::new(policy)
    })
}

/// A caller's word for a verification.
#[derive(Clone, Debug)]
pub enum VerificationName {
    /// By its id.
    Id(VerificationId),
    /// The newest one of a recipient.
    Newest {
        /// The app.
        app: AppId,
        /// The phone.
        phone: PhoneNumber,
        /// The purpose.
        purpose: Purpose,
    },
}

impl VerificationName {
    fn key(&self, records: &Records) -> RecipientKey {
        match self {
            Self::Id(id) => id.recipient(),
            Self::Newest { app, phone, purpose } => records.key_of(app, purpose, phone),
        }
    }

    /// The name as text, the same for the same name and the same recipient.
    fn as_given(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Newest { .. } => "newest".to_owned(),
        }
    }

    /// The verification this names in a record, for a caller who may know of it. Everything else is `NotFound`, so
    /// that an id of another app looks exactly like an unknown one.
    fn resolve(&self, recipient: Option<&Recipient>, caller: &Caller, identity: &Identity) -> Result<Serial, Error> {
        let recipient = recipient.filter(|it| caller.may_use(&it.app)).ok_or(Error::NotFound)?;
        let verification = match self {
            Self::Id(id) if id.belongs_to(identity, &recipient.salt.0) => recipient.verification(id.serial()),
            Self::Id(_) => None,
            Self::Newest { .. } => recipient.newest(),
        };
        verification.map(|it| it.serial).ok_or(Error::NotFound)
    }
}

/// A uniform 64-bit number.
fn roll(random: &dyn Random) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

/// The context pairs of a request.
pub type ContextPairs = BTreeMap<String, String>;

fn context_digest(identity: &Identity, pairs: &ContextPairs) -> Result<Option<ContextDigest>, Error> {
    ContextDigest::new(identity, pairs).map_err(|error| Error::invalid(Field::Context, &error))
}

/// Everything the use cases need from the world.
#[derive(Clone)]
pub struct Ports {
    /// Keeps recipients.
    pub recipients: Arc<dyn RecipientStore>,
    /// Keeps shared limits.
    pub limits: Arc<dyn LimitStore>,
    /// Counts what happens, hour by hour.
    pub tallies: Arc<dyn TallyStore>,
    /// What the guard remembers.
    pub guard: Arc<dyn GuardStore>,
    /// Tells people from programs.
    pub challenges: Arc<dyn ChallengeVerifier>,
    /// Hints at changes.
    pub feed: Arc<dyn ChangeFeed>,
    /// Sends messages.
    pub messenger: Arc<dyn Messenger>,
    /// Knows how the provider thinks of our senders.
    pub directory: Arc<dyn SenderDirectory>,
    /// Keeps the templates at the provider.
    pub catalog: Arc<dyn TemplateCatalog>,
    /// Knows the numbering plan.
    pub numbering: Arc<dyn NumberingPlan>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes randomness.
    pub random: Arc<dyn Random>,
    /// Hears what happened.
    pub observer: Arc<dyn Observer>,
    /// Runs errands in the background.
    pub courier: Arc<dyn Courier>,
}

/// The use cases of one installation, over one set of ports.
#[derive(Clone)]
pub struct UseCases {
    /// Ask a person for a code.
    pub start: Arc<Start>,
    /// Compare a guess.
    pub check: Arc<Check>,
    /// End a verification.
    pub cancel: Arc<Cancel>,
    /// Read a verification.
    pub get: Arc<Get>,
    /// Follow a verification.
    pub watch: Arc<Watch>,
    /// Send what is due.
    pub dispatch: Arc<Dispatch>,
    /// Apply what a webhook says.
    pub apply_delivery: Arc<ApplyDelivery>,
    /// Believe a person who did not ask.
    pub disown: Arc<Disown>,
    /// What messages go out from.
    pub senders: Arc<Senders>,
    /// What is known about templates.
    pub board: Arc<TemplateBoard>,
    /// Plan and change templates.
    pub manage_templates: Arc<ManageTemplates>,
    /// Say what a start would come to.
    pub explain_start: Arc<ExplainStart>,
    /// Lift blocks; hold, release and erase recipients.
    pub admin: Arc<Admin>,
    /// What stops those who send codes that nobody gives back.
    pub guard: Arc<Guard>,
}

impl UseCases {
    /// Wires the use cases to their ports.
    pub fn new(rulebook: &Arc<Rulebook>, ports: &Ports) -> Self {
        let board = Arc::new(TemplateBoard::new(rulebook, ports));
        let senders = Arc::new(Senders::new(rulebook, &board, ports));
        let guard = Arc::new(Guard::new(rulebook, ports));
        let records = Arc::new(Records::new(Arc::clone(rulebook), &guard, ports));
        let start = Start::new(&records, &senders, &guard, ports);
        let check = Check::new(&records, &guard, ports);
        let dispatch = Dispatch::new(&records, &senders, ports);
        Self {
            start: Arc::new(start),
            check: Arc::new(check),
            cancel: Arc::new(Cancel::new(&records)),
            get: Arc::new(Get::new(&records)),
            watch: Arc::new(Watch::new(&records)),
            dispatch: Arc::new(dispatch),
            apply_delivery: Arc::new(ApplyDelivery::new(&records, &senders, ports)),
            disown: Arc::new(Disown::new(&records)),
            explain_start: Arc::new(ExplainStart::new(&records, &senders, &guard, ports)),
            admin: Arc::new(Admin::new(&records, &guard, ports)),
            guard,
            board,
            manage_templates: Arc::new(ManageTemplates::new(
                rulebook,
                Arc::clone(&ports.catalog),
                Arc::clone(&ports.clock),
            )),
            senders,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_numbers_hold_together() {
        assert_eq!(super::default_policy().guesses_max, 5);
    }
}
