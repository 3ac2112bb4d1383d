//! Apply delivery: what a webhook says about messages moves them forward, or changes nothing. It can never approve.
//!
//! A provider tells several things in one post, often `sent`, `delivered` and `read` of one message. What a post says
//! of one recipient is decided together, so it costs one load and at most one replace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::delivery::DeliveryReport;
use crate::event::{Event, IgnoredReport};
use crate::id::RecipientKey;
use crate::ports::{Observer, Random};
use crate::recipient::Recipient;
use crate::reference::DeliveryReference;
use crate::use_case::records::{Decision, Moment};
use crate::use_case::{Error, Faults, Ports, Records};

/// One thing that a post says about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedDelivery {
    /// The reference as it came back, if one did.
    pub reference: Option<String>,
    /// What became of the message.
    pub report: DeliveryReport,
}

/// What one post says about one recipient, in the order of the post; or what it says about nobody we know.
#[derive(Debug)]
pub struct RecipientReports(About);

#[derive(Debug)]
enum About {
    Recipient(RecipientKey, Vec<(DeliveryReference, DeliveryReport)>),
    Nobody(Vec<IgnoredReport>),
}

impl RecipientReports {
    /// How many reports these are, at least one.
    pub fn count(&self) -> usize {
        match &self.0 {
            About::Recipient(_, reports) => reports.len(),
            About::Nobody(reasons) => reasons.len(),
        }
    }
}

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

    /// Sorts a post by recipient, each in the order of the post. Every report is in exactly one of the answers; each
    /// of these goes to [`ApplyDelivery::execute`], in any order or at once, since they share no record.
    pub fn by_recipient(&self, post: Vec<ReportedDelivery>) -> Vec<RecipientReports> {
        let mut recipients = BTreeMap::<_, Vec<_>>::new();
        let mut nobody = Vec::new();
        for ReportedDelivery { reference, report } in post {
            match self.open(reference.as_deref()) {
                Ok(reference) => {
                    let reports = recipients.entry(reference.verification.recipient()).or_default();
                    reports.push((reference, report));
                }
                Err(why) => nobody.push(why),
            }
        }
        // Apart from the others: what is not ours needs no store, and so cannot fail when the store does.
        let nobody = (!nobody.is_empty()).then_some(About::Nobody(nobody));
        let recipients = recipients
            .into_iter()
            .map(|(key, reports)| About::Recipient(key, reports));
        recipients.chain(nobody).map(RecipientReports).collect()
    }

    /// Applies what a post says about one recipient, as if one after the other, in one write or in none. Answers what
    /// became of each report, in order. Fails only when the store does, or every race was lost: then nobody knows that
    /// any of them was recorded, and the provider should repeat.
    pub async fn execute(&self, reports: &RecipientReports) -> Result<Vec<Applied>, Error> {
        let applied = match &reports.0 {
            About::Recipient(key, reports) => self.apply(*key, reports).await?,
            About::Nobody(reasons) => reasons.iter().copied().map(Applied::Ignored).collect(),
        };
        for applied in &applied {
            if let Applied::Ignored(why) = *applied {
                self.observer.record(&Event::ReportIgnored { why });
            }
        }
        Ok(applied)
    }

    fn open(&self, reference: Option<&str>) -> Result<DeliveryReference, IgnoredReport> {
        let rulebook = &self.records.rulebook;
        let reference = reference.ok_or(IgnoredReport::Unreferenced)?;
        DeliveryReference::open(&rulebook.identity, &rulebook.environment, reference).map_err(IgnoredReport::Reference)
    }

    async fn apply(
        &self,
        key: RecipientKey,
        reports: &[(DeliveryReference, DeliveryReport)],
    ) -> Result<Vec<Applied>, Error> {
        // One for all of them: at most one leads to a new message, since only the newest message is tried again, and
        // nothing can have been said yet about the one that takes its place.
        let mut jitter = [0; 8];
        self.random.fill(&mut jitter);
        let jitter = u64::from_be_bytes(jitter);
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    let forgotten = Applied::Ignored(IgnoredReport::Forgotten);
                    return Ok(Decision::Keep(vec![forgotten; reports.len()]));
                };
                let applied: Vec<_> = reports
                    .iter()
                    .map(|(reference, report)| self.apply_one(&mut recipient, reference, report, jitter, moment))
                    .collect();
                if !applied.contains(&Applied::Moved) {
                    return Ok(Decision::Keep(applied));
                }
                // One write tells of one move: a delivery that was sent, delivered and read in one post is observed as
                // read. Nothing that matters is lost by it. Where the message ended is told, and so are the provider's
                // words about a failure on the way, the new message that follows from it, and the verification's end,
                // with the reason that is true once all of it is known.
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer: applied,
                })
            })
            .await?;
        Ok(decided.answer)
    }

    fn apply_one(
        &self,
        recipient: &mut Recipient,
        reference: &DeliveryReference,
        report: &DeliveryReport,
        jitter: u64,
        moment: &Moment,
    ) -> Applied {
        let (id, number) = (reference.verification, reference.delivery);
        // A record that was forgotten and made anew has the same key and another salt.
        let genuine = id.belongs_to(&self.records.rulebook.identity, &recipient.salt.0);
        let known = recipient
            .verification(id.serial())
            .is_some_and(|it| genuine && it.deliveries.iter().any(|it| it.number == number));
        if !known {
            return Applied::Ignored(IgnoredReport::Forgotten);
        }
        let (policy, now) = (&moment.policy, moment.now);
        if !recipient.apply_report(id.serial(), number, report, policy, jitter, now) {
            return Applied::Ignored(IgnoredReport::Stale);
        }
        self.faults.learn(&recipient.app, report, policy.fault_memory, now);
        Applied::Moved
    }
}
