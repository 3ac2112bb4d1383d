//! Apply delivery: what a webhook says about a message moves it forward, or changes nothing. It can never approve.

use std::sync::Arc;

use crate::delivery::DeliveryReport;
use crate::event::{Event, IgnoredReport};
use crate::ports::{Observer, Random};
use crate::reference::DeliveryReference;
use crate::use_case::records::Decision;
use crate::use_case::{Error, Faults, Ports, Records};

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It moved the delivery forward.
    Moved,
    /// It was not applied; observed, and no error.
    Ignored(IgnoredReport),
}

/// Applies delivery reports from signed webhooks.
pub struct ApplyDelivery {
    records: Arc<Records>,
    faults: Arc<Faults>,
    observer: Arc<dyn Observer>,
    random: Arc<dyn Random>,
}

impl ApplyDelivery {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, faults: &Arc<Faults>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            faults: Arc::clone(faults),
            observer: Arc::clone(&ports.observer),
            random: Arc::clone(&ports.random),
        }
    }

    /// Applies one report to the delivery its reference names. `reference` is what the webhook carried back, if
    /// anything. Fails only when the store does, or every race was lost: then the provider should repeat.
    pub async fn execute(&self, reference: Option<&str>, report: &DeliveryReport) -> Result<Applied, Error> {
        let applied = self.apply(reference, report).await?;
        if let Applied::Ignored(why) = applied {
            self.observer.record(&Event::ReportIgnored { why });
        }
        Ok(applied)
    }

    async fn apply(&self, reference: Option<&str>, report: &DeliveryReport) -> Result<Applied, Error> {
        let Some(reference) = reference else {
            return Ok(Applied::Ignored(IgnoredReport::Unreferenced));
        };
        let rulebook = &self.records.rulebook;
        let reference = match DeliveryReference::open(&rulebook.identity, &rulebook.environment, reference) {
            Ok(reference) => reference,
            Err(error) => return Ok(Applied::Ignored(IgnoredReport::Reference(error))),
        };
        let id = reference.verification;
        let mut jitter = [0; 8];
        self.random.fill(&mut jitter);
        let jitter = u64::from_be_bytes(jitter);
        let decided = self
            .records
            .decide(id.recipient(), None, None, |recipient, moment| {
                let genuine = recipient.filter(|it| id.belongs_to(&rulebook.identity, &it.salt.0));
                let Some(mut recipient) = genuine else {
                    return Ok(Decision::Keep(Applied::Ignored(IgnoredReport::Forgotten)));
                };
                let known = recipient
                    .verification(id.serial())
                    .is_some_and(|it| it.deliveries.iter().any(|it| it.number == reference.delivery));
                if !known {
                    return Ok(Decision::Keep(Applied::Ignored(IgnoredReport::Forgotten)));
                }
                let (policy, now) = (&moment.policy, moment.now);
                if recipient.apply_report(id.serial(), reference.delivery, report, policy, jitter, now) {
                    self.faults.learn(&recipient.app, report, policy.fault_memory, now);
                    Ok(Decision::Replace {
                        recipient,
                        charges: Vec::new(),
                        answer: Applied::Moved,
                    })
                } else {
                    Ok(Decision::Keep(Applied::Ignored(IgnoredReport::Stale)))
                }
            })
            .await?;
        Ok(decided.answer)
    }
}
