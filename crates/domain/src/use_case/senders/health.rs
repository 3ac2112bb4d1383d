//! How healthy each sender is, as far as this instance knows, and what keeps one from being used.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::delivery::{Fault, ProviderReport};
use crate::id::AppId;
use crate::sender::{Breaker, Pace, Quality, Sender, SenderId};
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
    /// Templates that failed, per sender, since each account has its own.
    pub(super) templates: BTreeMap<(AppId, SenderId), Fallen>,
}

/// How one sender is.
pub(super) struct Condition {
    pub(super) breaker: Breaker,
    /// What the provider said when the breaker opened, or when it asked to slow down.
    pub(super) report: Option<ProviderReport>,
    pub(super) rest_until: Timestamp,
    pub(super) rests: u32,
    pub(super) pace: Pace,
    pub(super) quality: Quality,
}

pub(super) struct Fallen {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) report: Option<ProviderReport>,
}

/// What keeps a sender from being used.
pub(super) enum Hindrance {
    Shut(StandingFault),
    Resting(Duration, Option<ProviderReport>),
}

impl Known {
    pub(super) fn condition(&mut self, sender: &Sender) -> &mut Condition {
        self.senders.entry(sender.id.clone()).or_insert_with(|| Condition {
            breaker: Breaker::default(),
            report: None,
            rest_until: Timestamp::EPOCH,
            rests: 0,
            pace: Pace::new(sender.throughput),
            quality: Quality::Unknown,
        })
    }

    pub(super) fn hindrance(&mut self, app: &AppId, sender: &Sender, now: Timestamp) -> Option<Hindrance> {
        let fallen = self.templates.get(&(app.clone(), sender.id.clone()));
        if let Some(fallen) = fallen.filter(|it| it.until > now) {
            return Some(Hindrance::Shut(StandingFault {
                fault: Fault::Template,
                report: fallen.report.clone(),
                retry_after: fallen.until.since(now),
            }));
        }
        let condition = self.condition(sender);
        if let Some(until) = condition.breaker.open_until(now) {
            return Some(Hindrance::Shut(StandingFault {
                fault: Fault::Account,
                report: condition.report.clone(),
                retry_after: until.since(now),
            }));
        }
        let until = condition
            .breaker
            .probing_until(now)
            .unwrap_or_default()
            .max(condition.rest_until);
        (until > now).then(|| Hindrance::Resting(until.since(now), condition.report.clone()))
    }
}

impl Condition {
    /// Lets the sender rest. Answers for how long, unless it already rests for as long.
    pub(super) fn rest(
        &mut self,
        report: Option<&ProviderReport>,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Option<Duration> {
        let is_resting = self.rest_until > now;
        if is_resting && retry_after.is_none() {
            return None;
        }
        let own = REST_FIRST.saturating_mul(1 << self.rests.min(16)).min(REST_MAX);
        let until = now.plus(retry_after.unwrap_or(own));
        if until <= self.rest_until {
            return None;
        }
        self.rests = self.rests.saturating_add(u32::from(!is_resting));
        self.rest_until = until;
        self.report = report.cloned();
        Some(until.since(now))
    }
}
