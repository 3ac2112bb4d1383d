//! The oracle: what callers were told, what Meta accepted, and what Redis holds, against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_grpc::v1::{self, DeliveryState, VerificationReason, VerificationState};
use countersign_simulator::{Message, Status};

use crate::book::{Book, Started};
use crate::fleet::{Fleet, Kill, Point};
use crate::meta_door::Sighting;
use crate::people::{People, millis};
use crate::questions::key_of;

/// The numbers the service is held to.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) useful_life_min: Duration,
    /// How long an attempt may take that began in time.
    pub(crate) send_timeout: Duration,
    pub(crate) lease: Duration,
}

/// Everything that is known at the end.
pub(crate) struct Evidence {
    rules: Rules,
    ends: BTreeMap<String, End>,
    statuses: BTreeMap<(&'static str, String), u64>,
    /// What was handed to Meta, whatever came of it.
    asked: Vec<Sighting>,
    wrongs: Vec<String>,
    /// Recipients, and keys without a life, on Redis.
    records: usize,
    immortal: usize,
}

/// One verification at its end.
struct End {
    verification: v1::Verification,
    started: Started,
    /// What Meta accepted of it, oldest first.
    messages: Vec<Arc<Message>>,
}

impl Evidence {
    /// Asks every instance about every start, and reads what Meta and Redis have.
    pub(crate) async fn gather(fleet: &Fleet, people: &People, rules: Rules) -> Self {
        let ids: Vec<_> = people.book.borrow().started.keys().cloned().collect();
        let mut found = Vec::new();
        for id in &ids {
            let verification = people.get(id).await;
            for _ in 1..fleet.instances.len() {
                let elsewhere = people.get(id).await;
                let is_same = (elsewhere.state, elsewhere.reason) == (verification.state, verification.reason);
                assert!(is_same, "two instances differ");
            }
            people.book.borrow_mut().note_state(&verification);
            found.push(verification);
        }
        let Book {
            started,
            statuses,
            mut wrongs,
            ..
        } = people.book.take();
        let mut messages = BTreeMap::<String, Vec<_>>::new();
        for message in fleet.meta.phone.messages().into_iter().rev() {
            let (id, _) = reference_of(&message);
            messages.entry(id).or_default().push(message);
        }
        let ends: BTreeMap<_, _> = started
            .into_iter()
            .zip(found)
            .map(|((id, started), verification)| {
                let messages = messages.remove(&id).unwrap_or_default();
                let end = End {
                    verification,
                    started,
                    messages,
                };
                (id, end)
            })
            .collect();
        wrongs.extend(
            messages
                .values()
                .map(|_| "a message of a start that nobody was told of".to_owned()),
        );
        let keys = fleet.redis().every_key();
        let lives_for_ever = |key: &&Vec<u8>| fleet.redis().ask(&[b"PTTL", key]).integer() < 0;
        Self {
            rules,
            ends,
            statuses,
            asked: fleet.instances.iter().flat_map(|it| it.meta.asked()).collect(),
            wrongs,
            records: keys.iter().filter(|key| is_record(key)).count(),
            immortal: keys.iter().filter(lives_for_ever).count(),
        }
    }

    /// Demands everything that has to be so, and says all that is not.
    pub(crate) fn judge(mut self) {
        for end in self.ends.values() {
            let said = end.judge(self.rules);
            self.wrongs
                .extend(said.into_iter().map(|wrong| format!("{wrong}: {}", end.told())));
        }
        let phones: BTreeSet<_> = self.ends.values().map(|end| &end.started.phone).collect();
        if self.records != phones.len() {
            self.wrongs.push(format!(
                "{} phones were asked, Redis has {} records",
                phones.len(),
                self.records
            ));
        }
        if self.immortal > 0 {
            self.wrongs.push(format!("{} keys live for ever", self.immortal));
        }
        let (duplicates, accepted) = (self.sum(End::duplicates), self.sum(|end| end.messages.len()));
        if duplicates * 200 > accepted {
            self.wrongs
                .push(format!("{duplicates} of {accepted} messages were sent twice"));
        }
        assert!(
            self.wrongs.is_empty(),
            "{} wrongs:\n{:#?}",
            self.wrongs.len(),
            self.wrongs
        );
    }

    /// How many ended so, by the name under which they are printed.
    pub(crate) fn ended(&self, name: &str) -> usize {
        self.sum(|end| usize::from(end.name() == name))
    }

    /// Prints what it came to.
    pub(crate) fn print(&self, kills: &[Kill]) {
        let line = |what: &str, count: usize| println!("  {what:<39} {count:>6}");
        for outcome in ["OPENED", "RESENT", "JOINED"] {
            line(
                &format!("starts answered {outcome}"),
                self.ends
                    .values()
                    .filter(|end| end.started.starts.contains_key(outcome))
                    .count(),
            );
        }
        let mut ended = BTreeMap::<_, usize>::new();
        for end in self.ends.values() {
            *ended.entry(end.name()).or_default() += 1;
        }
        for (name, count) in ended {
            line(&name, count);
        }
        let (accepted, duplicates) = (self.sum(|end| end.messages.len()), self.sum(End::duplicates));
        line("messages Meta accepted", accepted);
        let hundredths = duplicates * 10_000 / accepted.max(1);
        line("duplicates", duplicates);
        println!(
            "  {:<39} {:>4}.{:02} %",
            "  of all messages",
            hundredths / 100,
            hundredths % 100
        );
        line(
            "sent after the code's useful life",
            self.sum(|end| end.late(self.rules)),
        );
        line(
            "codes accepted twice",
            self.sum(|end| usize::from(end.started.approvals.len() > 1)),
        );
        line(
            "verifications with two codes",
            self.sum(|end| usize::from(end.codes() > 1)),
        );
        line(
            "delivered, and we were never told",
            self.sum(|end| usize::from(end.is_unheard())),
        );
        line(
            "expired, and Meta never had a message",
            self.sum(|end| {
                usize::from(end.messages.is_empty() && end.verification.state() == VerificationState::Expired)
            }),
        );
        self.print_slowest(kills);
        for ((method, told), count) in &self.statuses {
            println!("    {method:<6} {told:<32} {count:>6}");
        }
    }

    /// How long it took until somebody tried to send what a killed instance had claimed.
    fn print_slowest(&self, kills: &[Kill]) {
        let is_claim = |kill: &&Kill| kill.hit && matches!(kill.point, Point::AfterCommit | Point::AfterClaim);
        let claimed: Vec<_> = kills.iter().filter(is_claim).collect();
        let mut waits: Vec<_> = claimed
            .iter()
            .filter_map(|kill| {
                let about = self.asked.iter().filter(|it| Some(key_of(&it.id)) == kill.victim);
                let next = about.map(|it| it.at_ms).filter(|at| *at >= kill.at_ms).min()?;
                Some(next - kill.at_ms)
            })
            .collect();
        waits.sort_unstable();
        if let (Some(first), Some(last)) = (waits.first(), waits.last()) {
            // Those whose one repeat was interrupted, too, are handed over no more.
            println!(
                "  {} claims of killed instances: {} handed to Meta {first} to {last} ms later, {} at the median; lease {:?}",
                claimed.len(),
                waits.len(),
                waits[waits.len() / 2],
                self.rules.lease
            );
        }
    }

    fn sum(&self, count: impl Fn(&End) -> usize) -> usize {
        self.ends.values().map(count).sum()
    }
}

impl End {
    /// What is wrong with it.
    fn judge(&self, rules: Rules) -> Vec<&'static str> {
        let Self {
            verification,
            started,
            messages,
        } = self;
        let (state, reason) = (verification.state(), verification.reason());
        let is_delivered = messages.iter().any(|it| it.status() >= Status::Delivered);
        let is_honest = match state {
            VerificationState::Approved => reason == VerificationReason::CodeCorrect && started.approvals.len() == 1,
            VerificationState::Exhausted => {
                reason == VerificationReason::GuessesUsedUp && started.checks.contains("EXHAUSTED")
            }
            VerificationState::Canceled => match reason {
                VerificationReason::CanceledByCaller => started.was_canceled,
                VerificationReason::Superseded => started.was_superseded,
                _ => false,
            },
            VerificationState::Expired => match reason {
                VerificationReason::NotEntered => is_delivered,
                VerificationReason::NotConfirmed => true,
                _ => false,
            },
            // Meta may refuse the repeat of a message whose first answer was lost.
            VerificationState::Failed => {
                reason == VerificationReason::Undeliverable
                    || (messages.is_empty()
                        && matches!(
                            reason,
                            VerificationReason::ProviderUnavailable
                                | VerificationReason::Throttled
                                | VerificationReason::SentTooLate
                        ))
            }
            VerificationState::Open | VerificationState::Blocked | VerificationState::Unspecified => false,
        };
        let is_over = |it: &v1::Delivery| {
            !matches!(
                it.state(),
                DeliveryState::Due | DeliveryState::Sending | DeliveryState::Unspecified
            )
        };
        let ends_in_time =
            verification.end_time.is_some() && millis(verification.end_time) <= millis(verification.expire_time);
        let checks = [
            (!is_honest, "not an honest end"),
            (!ends_in_time, "ended after its life"),
            (
                !verification.deliveries.iter().all(is_over),
                "a message is still to be sent",
            ),
            (started.approvals.len() > 1, "a code was accepted twice"),
            (self.codes() > 1, "two codes"),
            (self.late(rules) > 0, "sent after the code's useful life"),
        ];
        checks
            .into_iter()
            .filter_map(|(is_wrong, what)| is_wrong.then_some(what))
            .collect()
    }

    fn name(&self) -> String {
        let (state, reason) = (self.verification.state(), self.verification.reason());
        let reason = reason.as_str_name().trim_start_matches("VERIFICATION_REASON_");
        format!(
            "{} {reason}",
            state.as_str_name().trim_start_matches("VERIFICATION_STATE_")
        )
    }

    /// What a failure says about it; neither its phone nor its code.
    fn told(&self) -> String {
        let opened = millis(self.verification.create_time);
        let sent: Vec<_> = self.messages.iter().map(|it| accepted_at(it) - opened).collect();
        let deliveries = self.verification.deliveries.iter();
        let deliveries: Vec<_> = deliveries.map(|it| (it.state().as_str_name(), it.tries)).collect();
        format!(
            "{}, deliveries {deliveries:?}, accepted after {sent:?} ms, checks {:?}, {} approvals",
            self.name(),
            self.started.checks,
            self.started.approvals.len()
        )
    }

    /// How often one and the same message was sent again.
    fn duplicates(&self) -> usize {
        let decided: BTreeSet<_> = self.messages.iter().map(|it| reference_of(it)).collect();
        self.messages.len() - decided.len()
    }

    fn codes(&self) -> usize {
        self.messages.iter().map(|it| &it.code).collect::<BTreeSet<_>>().len()
    }

    /// Messages that came to Meta when no attempt could be under way any more that began within the useful life.
    fn late(&self, rules: Rules) -> usize {
        let tail = rules.useful_life_min.saturating_sub(rules.send_timeout);
        let last = millis(self.verification.expire_time) - u64::try_from(tail.as_millis()).unwrap();
        self.messages.iter().filter(|it| accepted_at(it) > last).count()
    }

    /// Whether a message reached the phone, and every webhook that said so was lost.
    fn is_unheard(&self) -> bool {
        let is_delivered = self.messages.iter().any(|it| it.status() >= Status::Delivered);
        is_delivered && self.verification.reason() == VerificationReason::NotConfirmed
    }
}

/// The verification and the number of the delivery in the reference of a message.
fn reference_of(message: &Message) -> (String, u16) {
    let reference = message.reference.as_deref().unwrap();
    let parts: Vec<_> = reference.split('.').collect();
    let ["cs1", "test", id, delivery, _] = parts[..] else {
        panic!("not a reference");
    };
    (id.to_owned(), delivery.parse().unwrap())
}

fn accepted_at(message: &Message) -> u64 {
    message.history[0].at_ms
}

fn is_record(key: &[u8]) -> bool {
    key.strip_suffix(key.last_chunk::<16>().map_or(&[][..], |it| it))
        .is_some_and(|it| it.ends_with(b":r:"))
}
