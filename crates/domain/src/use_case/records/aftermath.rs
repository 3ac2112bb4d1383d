//! What follows a write: everybody is told what changed, and what is owed goes back.

use crate::delivery::{Delivery, DeliveryState};
use crate::event::{Event, Settlement};
use crate::id::{AppId, Identified, RecipientKey};
use crate::limit::{Charge, Taken};
use crate::ports::{Errand, GiveBack};
use crate::recipient::{Effects, Freed, Recipient, Repriced};
use crate::time::Timestamp;
use crate::use_case::Records;
use crate::verification::Verification;

impl Records {
    /// Gives charges back behind the answer, or at once when nobody has room to do it.
    pub(in crate::use_case) async fn give_back_soon(&self, owed: Vec<GiveBack>) {
        if owed.is_empty() {
            return;
        }
        if let Err(Errand::GiveBack(owed)) = self.courier.hand_over(Errand::GiveBack(owed)) {
            self.give_back(&owed).await;
        }
    }

    /// Gives charges back, all in one call. A failure is only noted: what was taken comes back by itself with time.
    pub(in crate::use_case) async fn give_back(&self, owed: &[GiveBack]) {
        if owed.is_empty() || self.limits.give_back(owed, self.clock.now()).await.is_ok() {
            return;
        }
        for charge in owed.iter().flat_map(|it| &it.charges) {
            self.observer.record(&Event::GiveBackLost { rule: charge.rule });
        }
    }

    /// Does what follows from a written decision; `taken` is what it was charged, if anything. A failure is only noted:
    /// what was taken comes back by itself with time, and what was spent beyond a reservation is spent, whether or not
    /// a budget knows.
    pub(super) async fn carry_out(&self, app: &AppId, effects: Effects, taken: Option<GiveBack>, now: Timestamp) {
        let Effects {
            freed,
            is_free,
            repriced,
            converted: _,
            phone: _,
        } = effects;
        let charge_of = |it: &_| self.book.charge_of(it);
        let freed = freed.into_iter().map(|Freed { charges, taken_at }| GiveBack {
            charges: charges.iter().filter_map(charge_of).collect(),
            taken_at,
        });
        let taken = taken.filter(|_| is_free);
        let mut owed: Vec<_> = freed.chain(taken).filter(|it| !it.charges.is_empty()).collect();
        let mut spent = Vec::new();
        for repriced in &repriced {
            let difference = repriced.difference(charge_of, now);
            owed.extend(difference.give_back);
            spent.extend(difference.take);
            let Repriced { reserved, actual, .. } = *repriced;
            self.observer.record(&Event::Settled {
                app: app.clone(),
                reserved,
                actual,
            });
        }
        self.give_back_soon(owed).await;
        self.spend(&spent, now).await;
    }

    /// Charges what was spent and nobody may refuse, whether or not it fits. A failure is only noted: what cannot be
    /// counted now is not worth a failed webhook, or a failed message.
    pub(in crate::use_case) async fn spend(&self, spent: &[Charge], now: Timestamp) {
        if spent.is_empty() || matches!(self.limits.take(spent, now).await, Ok(Taken::All(_))) {
            return;
        }
        for charge in spent {
            self.observer.record(&Event::ChargeLost { rule: charge.rule });
        }
    }

    /// Tells everybody what the write changed. Events come from comparing before and after, so that no decision can
    /// forget one.
    pub(super) fn tell(&self, key: RecipientKey, before: Option<&Recipient>, after: &Recipient) {
        self.feed.publish(key);
        for verification in &after.verifications {
            let known = before.and_then(|it| it.verification(verification.serial));
            let subject = || self.subject(key, verification.serial, after);
            self.tell_deliveries(known, verification, &subject);
            let was_open = known.is_none_or(Verification::is_open);
            if let (true, Some(ended_at), Some(reason)) =
                (was_open, verification.state.ended_at(), verification.end_reason())
            {
                self.observer.record(&Event::Ended {
                    subject: subject(),
                    state: verification.state,
                    reason,
                    open_for: ended_at.since(verification.opened_at),
                });
            }
        }
    }

    fn tell_deliveries(
        &self,
        known: Option<&Verification>,
        verification: &Verification,
        subject: &dyn Fn() -> Identified,
    ) {
        for delivery in &verification.deliveries {
            let before = known.and_then(|it| it.deliveries.iter().find(|it| it.number == delivery.number));
            if let Some(by) = before.and_then(|before| settlement(before, delivery)) {
                self.observer.record(&Event::UncertainSettled {
                    subject: subject(),
                    delivery: delivery.number,
                    by,
                });
            }
            let from = before.map(|it| it.state);
            if from == Some(delivery.state) {
                continue;
            }
            self.observer.record(&Event::DeliveryMoved {
                subject: subject(),
                delivery: delivery.number,
                from,
                to: delivery.state,
                tries: delivery.tries,
                report: delivery.report.clone(),
            });
        }
    }
}

/// How a message was accounted for whose fate nobody knew, if it was.
fn settlement(before: &Delivery, after: &Delivery) -> Option<Settlement> {
    let wait_is_over = after.repeated && !before.repeated;
    let was_unknown = matches!(before.state, DeliveryState::Unknown { .. }) || wait_is_over;
    // Beyond what we can find out ourselves, and not presumed: only a webhook says so. It may come after the wait and
    // before the loop; then nothing was sent twice.
    let is_told = after.state.rank() >= DeliveryState::Sent.rank() && after.state != DeliveryState::Dropped;
    if is_told {
        return was_unknown.then_some(Settlement::Webhook);
    }
    // A verification that ended with the same write repeats nothing.
    let goes_out = matches!(after.state, DeliveryState::Due { .. } | DeliveryState::Sending { .. });
    (wait_is_over && goes_out).then_some(Settlement::Repeat)
}
