//! Faults of ours that the provider told us about: while one stands, starts are refused honestly instead of opening
//! verifications that cannot be delivered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::delivery::{DeliveryReport, Fault, NextStep, ProviderReport};
use crate::id::AppId;
use crate::time::Timestamp;
use crate::use_case::Error;

/// What stands in the way of an app's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingFault {
    /// What of ours is wrong.
    pub fault: Fault,
    /// The provider's words.
    pub report: Option<ProviderReport>,
    /// How long it stands before the next start may probe.
    pub retry_after: Duration,
}

impl From<StandingFault> for Error {
    fn from(standing: StandingFault) -> Self {
        let StandingFault {
            fault,
            report,
            retry_after,
        } = standing;
        Self::CannotSend {
            fault,
            report,
            retry_after,
        }
    }
}

/// The faults this instance met, per app. Nothing is shared or stored: another instance learns with its next send.
#[derive(Debug, Default)]
pub struct Faults(Mutex<BTreeMap<AppId, (StandingFault, Timestamp)>>);

impl Faults {
    /// The fault that stands for `app` now, if any.
    pub fn standing(&self, app: &AppId, now: Timestamp) -> Option<StandingFault> {
        let faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, until) = faults.get(app).filter(|(_, until)| *until > now)?;
        Some(StandingFault {
            retry_after: until.since(now),
            ..fault.clone()
        })
    }

    /// Remembers a fault until `memory` has passed. A malformed request says nothing about the next one and is not
    /// remembered.
    pub fn raise(&self, app: &AppId, fault: Fault, report: Option<ProviderReport>, memory: Duration, now: Timestamp) {
        if fault == Fault::Request {
            return;
        }
        let standing = StandingFault {
            fault,
            report,
            retry_after: memory,
        };
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.insert(app.clone(), (standing, now.plus(memory)));
    }

    /// Remembers the fault that a webhook speaks of, if it does: unpaid accounts and paused templates are mostly told
    /// about after the message was accepted.
    pub fn learn(&self, app: &AppId, report: &DeliveryReport, memory: Duration, now: Timestamp) {
        if let DeliveryReport::Failed {
            step: NextStep::Misconfigured(fault),
            report,
        } = report
        {
            self.raise(app, *fault, Some(report.clone()), memory, now);
        }
    }

    /// Forgets the fault of an app whose message was just accepted.
    pub fn clear(&self, app: &AppId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(app);
    }
}
