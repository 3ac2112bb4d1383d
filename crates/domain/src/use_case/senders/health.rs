//! How healthy each sender is, as far as this instance knows, and what keeps one from being used.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::delivery::{Fault, ProviderReport};
use crate::id::AppId;
use crate::sender::{Breaker, OPEN_MAX, Pace, Quality, Sender, SenderId};
use crate::template::{Language, TemplateName};
use crate::time::Timestamp;
use crate::use_case::senders::StandingFault;

/// How long a sender rests that was told to slow down without being told for how long, the first time; twice as long
/// each time after that.
const REST_FIRST: Duration = Duration::from_secs(1);
/// The longest such rest.
const REST_MAX: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(super) struct Known {
    pub(super) senders: BTreeMap<SenderId, Condition>,
    /// Templates that failed: per sender, since each account has its own, and per language, since each is approved and
    /// paused alone.
    pub(super) templates: BTreeMap<Way, Shutter>,
}

/// What a message goes by: an app's template in one language from one sender.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) app: AppId,
    pub(super) sender: SenderId,
    pub(super) template: TemplateName,
    pub(super) language: Language,
}

/// How one sender is.
pub(super) struct Condition {
    pub(super) shutter: Shutter,
    rest: Option<Rest>,
    rests: u32,
    pub(super) pace: Pace,
    pub(super) quality: Quality,
}

/// A breaker, and what the provider said when it opened.
#[derive(Default)]
pub(super) struct Shutter {
    pub(super) breaker: Breaker,
    pub(super) report: Option<ProviderReport>,
}

/// Until when a sender is left alone that was told to slow down.
struct Rest {
    since: Timestamp,
    until: Timestamp,
    report: Option<ProviderReport>,
}

/// What keeps a sender from being used.
pub(super) enum Hindrance {
    Shut(StandingFault),
    Resting(Duration, Option<ProviderReport>),
}

impl Known {
    pub(super) fn condition(&mut self, sender: &Sender) -> &mut Condition {
        self.senders.entry(sender.id.clone()).or_insert_with(|| Condition {
            shutter: Shutter::default(),
            rest: None,
            rests: 0,
            pace: Pace::new(sender.throughput),
            quality: Quality::Unknown,
        })
    }

    /// What keeps a sender from being used by a way. `well_since` is when the provider last said that it takes messages
    /// by it again.
    pub(super) fn hindrance(
        &mut self,
        sender: &Sender,
        way: impl FnOnce() -> Way,
        well_since: impl FnOnce() -> Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Hindrance> {
        // Asked for each message, and mostly there is nothing to look for.
        if !self.templates.is_empty()
            && let Some(template) = self.templates.get_mut(&way())
        {
            if let Some(at) = well_since() {
                template.breaker.relent(at, now);
            }
            if let Some(hindrance) = template.hindrance(Fault::Template, now) {
                return Some(hindrance);
            }
        }
        let condition = self.condition(sender);
        let account = condition.shutter.hindrance(Fault::Account, now);
        account.or_else(|| condition.resting(now))
    }

    /// A message sets out, and may take `timeout`.
    pub(super) fn begin(&mut self, sender: &Sender, way: &Way, timeout: Duration, now: Timestamp) {
        if let Some(template) = self.templates.get_mut(way) {
            template.breaker.begin(timeout, now);
        }
        self.condition(sender).shutter.breaker.begin(timeout, now);
    }
}

impl Shutter {
    fn hindrance(&self, fault: Fault, now: Timestamp) -> Option<Hindrance> {
        if let Some(until) = self.breaker.open_until(now) {
            return Some(Hindrance::Shut(StandingFault {
                fault,
                report: self.report.clone(),
                retry_after: until.since(now),
            }));
        }
        let until = self.breaker.probing_until(now)?;
        Some(Hindrance::Resting(until.since(now), self.report.clone()))
    }
}

impl Condition {
    fn resting(&self, now: Timestamp) -> Option<Hindrance> {
        // A rest that is longer than any was begun by a clock that was set back since.
        let rest = self
            .rest
            .as_ref()
            .filter(|it| it.until > now && it.until <= now.plus(OPEN_MAX))?;
        Some(Hindrance::Resting(rest.until.since(now), rest.report.clone()))
    }

    /// The provider took a message: the next rest is a short one again.
    pub(super) fn is_taken_from(&mut self, now: Timestamp) {
        if self.resting(now).is_none() {
            self.rests = 0;
        }
    }

    /// Lets the sender rest because of a message that set out at `began_at`. However long the provider asks for, after
    /// [`OPEN_MAX`] somebody finds out. Answers for how long, unless it already rests for as long, or the message set
    /// out before the rest began.
    pub(super) fn rest(
        &mut self,
        report: Option<&ProviderReport>,
        retry_after: Option<Duration>,
        began_at: Timestamp,
        now: Timestamp,
    ) -> Option<Duration> {
        let before = self.rest.as_ref().filter(|it| it.since <= now);
        let is_resting = self.resting(now).is_some();
        if before.is_some_and(|it| began_at <= it.since) || (is_resting && retry_after.is_none()) {
            return None;
        }
        let own = REST_FIRST.saturating_mul(1 << self.rests.min(16)).min(REST_MAX);
        let until = now.plus(retry_after.unwrap_or(own).min(OPEN_MAX));
        if is_resting && before.is_some_and(|it| until <= it.until) {
            return None;
        }
        self.rests = self.rests.saturating_add(u32::from(!is_resting));
        self.rest = Some(Rest {
            since: now,
            until,
            report: report.cloned(),
        });
        Some(until.since(now))
    }
}
