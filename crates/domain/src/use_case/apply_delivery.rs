//! Apply delivery: what a webhook says about messages moves them forward, or changes nothing. It can never approve.
//!
//! A provider tells several things in one post, often `sent`, `delivered` and `read` of one message. What a post says
//! of one recipient is decided together, so it costs one load and at most one replace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::delivery::{Delivery, DeliveryReport, IdentityHash, MessageId};
use crate::event::{Event, IgnoredReport};
use crate::id::RecipientKey;
use crate::money::Pricing;
use crate::phone::PhoneNumber;
use crate::ports::{Courier, Errand, Observer, Random};
use crate::recipient::{Detour, Recipient, StatusReport};
use crate::reference::DeliveryReference;
use crate::sender::SenderId;
use crate::use_case::records::{Decision, Moment};
use crate::use_case::senders::SenderFailure;
use crate::use_case::{Error, Ports, Records, Senders, roll};

/// One thing that a post says about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedDelivery {
    /// The reference as it came back, if one did.
    pub reference: Option<String>,
    /// What became of the message.
    pub report: DeliveryReport,
    /// What the provider calls the message.
    pub message: Option<MessageId>,
    /// Who received it.
    pub identity: Option<IdentityHash>,
    /// The sender it went out from.
    pub sender: Option<SenderId>,
    /// What it is billed as.
    pub pricing: Option<Pricing>,
    /// Whom it went to. Believed only where it leads to the record that the reference is about.
    pub phone: Option<PhoneNumber>,
}

impl ReportedDelivery {
    /// A report with nothing beside what it says.
    pub const fn new(reference: Option<String>, report: DeliveryReport) -> Self {
        Self {
            reference,
            report,
            message: None,
            identity: None,
            sender: None,
            pricing: None,
            phone: None,
        }
    }
}

/// What one post says about one recipient, in the order of the post; or what it says about nobody we know.
#[derive(Debug)]
pub struct RecipientReports(About);

#[derive(Debug)]
enum About {
    Recipient(RecipientKey, Vec<(DeliveryReference, ReportedDelivery)>),
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
    /// It moved the delivery forward, or told of a message the delivery became.
    Moved,
    /// It was not applied; observed, and no error.
    Ignored(IgnoredReport),
}

/// Applies delivery reports from signed webhooks.
pub struct ApplyDelivery {
    records: Arc<Records>,
    senders: Arc<Senders>,
    observer: Arc<dyn Observer>,
    random: Arc<dyn Random>,
    courier: Arc<dyn Courier>,
}

impl ApplyDelivery {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, senders: &Arc<Senders>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            senders: Arc::clone(senders),
            observer: Arc::clone(&ports.observer),
            random: Arc::clone(&ports.random),
            courier: Arc::clone(&ports.courier),
        }
    }

    /// Sorts a post by recipient, each in the order of the post. Every report is in exactly one of the answers; each
    /// of these goes to [`ApplyDelivery::execute`], in any order or at once, since they share no record.
    pub fn by_recipient(&self, post: Vec<ReportedDelivery>) -> Vec<RecipientReports> {
        let mut recipients = BTreeMap::<_, Vec<_>>::new();
        let mut nobody = Vec::new();
        for reported in post {
            match self.open(reported.reference.as_deref()) {
                Ok(reference) => {
                    let reports = recipients.entry(reference.verification.recipient()).or_default();
                    reports.push((reference, reported));
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
        reports: &[(DeliveryReference, ReportedDelivery)],
    ) -> Result<Vec<Applied>, Error> {
        // One for all of them: at most one leads to a new message, since only the newest message is tried again, and
        // nothing can have been said yet about the one that takes its place.
        let jitter = roll(&*self.random);
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    let forgotten = Applied::Ignored(IgnoredReport::Forgotten);
                    return Ok(Decision::Keep(vec![forgotten; reports.len()]));
                };
                let (app, purpose) = (&recipient.app, &recipient.purpose);
                let is_of = |phone: &&PhoneNumber| self.records.key_of(app, purpose, phone) == key;
                let mut phones = reports.iter().filter_map(|(_, report)| report.phone.as_ref());
                recipient.effects.phone = phones.find(is_of).cloned();
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
        let due = decided.written.as_ref().and_then(|(_, recipient)| recipient.wake_at());
        if due.is_some_and(|at| at <= self.records.clock.now()) {
            // A new message takes the place of a failed one. Without room it is the loop's work, at once.
            if self.courier.hand_over(Errand::Wake(key)).is_err() {
                self.courier.expect(self.records.clock.now());
            }
        }
        Ok(decided.answer)
    }

    fn apply_one(
        &self,
        recipient: &mut Recipient,
        reference: &DeliveryReference,
        reported: &ReportedDelivery,
        jitter: u64,
        moment: &Moment,
    ) -> Applied {
        let rulebook = &self.records.rulebook;
        let (id, number) = (reference.verification, reference.delivery);
        // A record that was forgotten and made anew has the same key and another salt.
        let genuine = id.belongs_to(&rulebook.identity, &recipient.salt.0);
        let known = recipient.verification(id.serial()).filter(|_| genuine).and_then(|it| {
            let delivery = it.deliveries.iter().find(|it| it.number == number)?;
            Some((it, delivery))
        });
        let Some((verification, delivery)) = known else {
            return Applied::Ignored(IgnoredReport::Forgotten);
        };
        // What failed long ago says nothing about now: providers repeat their posts for days.
        let news = verification.is_open() && delivery.state.rank() < reported.report.state().rank();
        let detour = if news {
            self.detour(recipient, delivery, reported, moment)
        } else {
            None
        };
        let status = StatusReport {
            report: &reported.report,
            message: reported.message.as_ref().map(|it| it.tag(&rulebook.identity)),
            identity: reported.identity.as_ref(),
            detour,
        };
        let (policy, now) = (&moment.policy, moment.now);
        let mut moved = recipient.apply_report(id.serial(), number, &status, policy, jitter, now);
        if let (Some(pricing), Some(money)) = (reported.pricing, &rulebook.money) {
            moved |= recipient.apply_pricing(id.serial(), number, pricing, money);
        }
        if moved {
            Applied::Moved
        } else {
            Applied::Ignored(IgnoredReport::Stale)
        }
    }

    /// Takes note of a failure that a webhook speaks of: unpaid accounts and paused templates are mostly told about
    /// after the message was accepted. Says what else could carry the message.
    fn detour(
        &self,
        recipient: &Recipient,
        delivery: &Delivery,
        reported: &ReportedDelivery,
        moment: &Moment,
    ) -> Option<Detour> {
        let DeliveryReport::Failed { step, report } = &reported.report else {
            return None;
        };
        let app = self.records.rulebook.apps.get(&recipient.app)?;
        let only = app.senders.first().filter(|_| app.senders.len() == 1).map(|it| &it.id);
        // A number that is not in the pool any more is nobody's fault now.
        let sender = reported.sender.as_ref().or(only)?;
        if !app.senders.iter().any(|it| it.id == *sender) {
            return None;
        }
        // The one it went out with, also when that left the configuration since: its successor is not to blame.
        let chosen = delivery.template.as_ref().map(|it| &it.name);
        let of_old = || app.templates.of_message(None, &delivery.language).map(|it| &it.name);
        let template = chosen.or_else(of_old)?;
        let failure = SenderFailure {
            app: &recipient.app,
            sender,
            template,
            language: &delivery.language,
            language_step: delivery.language_step(),
            step: *step,
            report: Some(report),
            // The message set out then or later; what it says may be old news.
            began_at: delivery.created_at,
        };
        self.senders.failed(failure, &moment.policy, self.records.clock.now())
    }
}
