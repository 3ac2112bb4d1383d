//! Rules as configuration: what is told apart, how much of it is allowed, of which action, and what happens beyond it.

mod defaults;
mod implied;
mod key;
mod mistakes;
mod quota_text;

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::id::AppId;
use crate::key::Identity;
use crate::limit::{Charge, ChargeMode, KeyPart, KeyParts, Quota, RuleLabel, RuleName};
use crate::time::DAY;

pub use defaults::default_rules;
pub use key::Subject;
pub(crate) use key::network_of;
pub use mistakes::RuleMistake;
pub(crate) use quota_text::period_number;
pub use quota_text::{QuotaTextError, parse_quota, quota_text};

/// The most quotas that one call may be charged against by rules: a start that sends a message counts those of
/// [`Action::Start`] and of [`Action::Send`]. Each is read and written by the store in one step.
pub const QUOTAS_MAX: usize = 16;
/// The largest budget: what a store that counts in floating point still counts exactly, with as much again to spare.
pub const AMOUNT_MAX: u64 = 1 << 52;
/// The longest a quota may take to be full again: a year, and a month to look back.
pub const SPAN_MAX: Duration = DAY.saturating_mul(400);

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A verification is opened.
    Start,
    /// A message is decided: the first of a verification, or a resend. What is sent again because it failed costs
    /// nothing more.
    Send,
    /// A guess is compared, right or wrong. A right one gives back what it cost.
    Check,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Start, Self::Send, Self::Check];

    /// The action as one word, as configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Send => "send",
            Self::Check => "check",
        }
    }
}

/// What a rule with [`KeyPart::Device`] does about a request that has none. An address that is absent is never free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Absent {
    /// All such requests of a caller count as one: for ids that are attested, and that nobody can make up (A15).
    #[default]
    Shared,
    /// It does not count them: for ids that whoever could leave them out could make up as well.
    Free,
}

/// One rule, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSettings {
    /// Its name.
    pub name: RuleLabel,
    /// What it tells apart.
    pub parts: KeyParts,
    /// How much is allowed; all of them hold.
    pub quotas: Vec<Quota>,
    /// What it counts.
    pub applies_to: Action,
    /// [`ChargeMode::Refuse`], or [`ChargeMode::Shadow`] to count and report only.
    pub mode: ChargeMode,
    /// What it does about a request that has no device.
    pub absent: Absent,
    /// The apps it is about; empty for all.
    pub apps: BTreeSet<AppId>,
}

/// Rules that hold together, each with its quotas in the order of [`Rules::new`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<RuleSettings>);

impl Rules {
    /// Checks the rules, each alone and against each other, and reports every mistake at once: names that are taken,
    /// parts that say nothing beside another part, quotas that another one implies, rules that repeat each other, and
    /// more than [`QUOTAS_MAX`] quotas for one call.
    ///
    /// The quotas of each rule are put in an order of their own, so that the one in which they were written does not
    /// matter: rates before budgets, and what is full again soonest first. Whether the apps exist is not known here.
    pub fn new(mut rules: Vec<RuleSettings>) -> Result<Self, Vec<RuleMistake>> {
        for rule in &mut rules {
            rule.quotas.sort_by_key(|quota| quota_order(*quota));
        }
        let mistakes = mistakes::find(&rules);
        if mistakes.is_empty() {
            Ok(Self(rules))
        } else {
            Err(mistakes)
        }
    }

    /// Every rule.
    pub fn iter(&self) -> impl Iterator<Item = &RuleSettings> {
        self.0.iter()
    }

    /// The rule of that name.
    pub fn get(&self, name: RuleLabel) -> Option<&RuleSettings> {
        self.iter().find(|rule| rule.name == name)
    }

    /// What an action costs against every rule that is about it, in the order of the rules; one charge for each quota.
    ///
    /// The key of a quota follows from its rule, the parts and its period, and not from its amount or its place: a number
    /// that is changed in the configuration goes on from what is used, and a quota that is added disturbs no other.
    pub fn charges(&self, identity: &Identity, action: Action, subject: &Subject<'_>) -> Vec<Charge> {
        let about = |rule: &&RuleSettings| rule.applies_to == action && rule.is_about(subject);
        self.iter()
            .filter(about)
            .flat_map(|rule| rule.charges(identity, subject))
            .collect()
    }
}

impl RuleSettings {
    /// Whether it counts what `subject` does.
    fn is_about(&self, subject: &Subject<'_>) -> bool {
        let is_absent = self.parts.has(KeyPart::Device) && subject.client.device.is_none();
        let is_free = is_absent && self.absent == Absent::Free;
        !is_free && (self.apps.is_empty() || self.apps.contains(subject.app))
    }

    fn charges(&self, identity: &Identity, subject: &Subject<'_>) -> impl Iterator<Item = Charge> {
        let rule = RuleName::Named(self.name);
        let keys = subject.keys(identity, rule, self.parts);
        self.quotas.iter().map(move |quota| Charge {
            rule,
            parts: self.parts,
            key: keys.of(period_number(*quota)),
            quota: *quota,
            amount: NonZeroU64::MIN,
            mode: self.mode,
        })
    }
}

/// By shape, by how long it takes to be full again, and by how much it is.
fn quota_order(quota: Quota) -> (u8, Duration, u64) {
    let (shape, span) = match quota {
        Quota::Rate { burst, interval } => (0, interval.saturating_mul(burst.get())),
        Quota::Budget { window, .. } => (1, implied::longest(window)),
        Quota::Unfinished { life, .. } => (2, life),
    };
    (shape, span, quota.most())
}
