//! The guard at work: looks before a send, listens after it, and learns what is usual.

mod heard;
mod share;
mod usual;

#[cfg(test)]
mod tests;

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::country::CountryCode;
use crate::event::Event;
use crate::guard::{
    Area, Block, Bucket, GuardSettings, NumberBlock, PersonKey, Rung, SPRAYED_CODE_LENGTH_MIN, buckets_of,
    guess_change, guess_counts, send_change, send_counts,
};
use crate::id::AppId;
use crate::key::Identity;
use crate::limit::{Charge, ChargeMode, KeyPart, KeyParts, LimitKey, Quota, RuleName};
use crate::phone::PhoneNumber;
use crate::ports::{
    CHALLENGE_LIFE_MAX, ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, Clock, GuardStore,
    GuardView, NumberingPlan, Observer, Random, TallyStore,
};
use crate::recipient::{Comparison, Conversion, Recipient};
use crate::rule::Subject;
use crate::time::Timestamp;
use crate::use_case::{Error, Ports, Rulebook};
use heard::Heard;
pub(super) use usual::Usual;

/// How long a challenge that was met is remembered, so that it passes once: longer than any challenge is accepted, also
/// by a clock that is five minutes behind.
const CHALLENGE_ONCE: Quota = Quota::Rate {
    burst: NonZeroU32::MIN,
    interval: CHALLENGE_LIFE_MAX.saturating_mul(2),
};

/// What stops those who have codes sent that nobody gives back.
///
/// What it hears is kept in this process until the next [`Guard::flush`], a second later at most; what it decided is
/// shared by all instances.
pub struct Guard {
    rulebook: Arc<Rulebook>,
    store: Arc<dyn GuardStore>,
    tallies: Arc<dyn TallyStore>,
    challenges: Arc<dyn ChallengeVerifier>,
    numbering: Arc<dyn NumberingPlan>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    observer: Arc<dyn Observer>,
    heard: Mutex<Heard>,
    usual: Mutex<Usual>,
}

/// What the guard knows before a send.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlook {
    /// The buckets of the send, in the order of the blocks.
    pub(super) buckets: Vec<Bucket>,
    /// What the store says of them.
    pub(super) view: GuardView,
}

/// What the guard says to a send.
#[derive(Debug, Default)]
pub(super) struct Clearance {
    /// What the send costs: unfinished sends, and the challenge that was met.
    pub(super) charges: Vec<Charge>,
    /// Whether the send counts for the scores: it does not for a returning person.
    pub(super) counts: bool,
    /// How many characters a new code has at least, while guesses are sprayed.
    pub(super) code_length_min: u8,
    /// What a guard that only tells would have done; to be observed once the send is written.
    pub(super) shadowed: Option<Event>,
}

/// What stands in a send's way.
pub(super) struct Obstacle<'a> {
    block: &'a Block,
    pub(super) rung: Rung,
    ends_at: Option<Timestamp>,
}

impl Guard {
    /// Wires the guard to its ports.
    pub fn new(rulebook: &Arc<Rulebook>, ports: &Ports) -> Self {
        Self {
            usual: Mutex::new(Usual::of(&rulebook.apps)),
            heard: Mutex::default(),
            rulebook: Arc::clone(rulebook),
            store: Arc::clone(&ports.guard),
            tallies: Arc::clone(&ports.tallies),
            challenges: Arc::clone(&ports.challenges),
            numbering: Arc::clone(&ports.numbering),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// What is known before a send to the subject. One call of the store. When the guard is off, the line is all that is
    /// answered: rules count by it, whoever else looks.
    pub(super) async fn look(&self, subject: &Subject<'_>) -> Result<Outlook, Error> {
        let identity = &self.rulebook.identity;
        let person = PersonKey::of(identity, subject.phone);
        if self.rulebook.guard.is_none() {
            let line = self.store.look(&[], Some(person)).await?.line;
            let view = GuardView {
                line,
                ..GuardView::default()
            };
            return Ok(Outlook {
                view,
                ..Outlook::default()
            });
        }
        let buckets = buckets_of(subject.app, subject.phone, subject.country);
        self.usual().meet(&buckets);
        let keys: Vec<_> = buckets.iter().map(|it| it.key(identity)).collect();
        let view = self.store.look(&keys, Some(person)).await?;
        for stored in view.blocks.iter().flatten() {
            self.heard().alarmed(&stored.block);
        }
        Ok(Outlook { buckets, view })
    }

    /// Lets a send pass and says what it costs, or says why not. Changes nothing, so that explaining is the same as
    /// deciding.
    ///
    /// Who gave a code back lately passes whatever was stopped for codes that nobody gave back, and is not counted.
    /// While guesses are sprayed everybody is challenged: it is those persons' phones that are guessed at.
    pub(super) fn clear(&self, outlook: &Outlook, subject: &Subject<'_>, now: Timestamp) -> Result<Clearance, Error> {
        let Some(settings) = &self.rulebook.guard else {
            return Ok(Clearance::default());
        };
        let is_returning = outlook.view.is_returning;
        let mut clearance = Clearance {
            counts: !is_returning,
            ..Clearance::default()
        };
        if let Some(obstacle) = strongest(outlook, settings, now) {
            if settings.mode == ChargeMode::Shadow {
                clearance.shadowed = Some(Event::GuardShadowed {
                    app: subject.app.clone(),
                    area: obstacle.block.bucket.area.name(),
                    rung: obstacle.rung,
                });
            } else {
                let pass = self.overcome(&obstacle, subject, now)?;
                clearance.charges.extend(pass.once.map(|id| self.once(&id)));
                clearance.code_length_min = code_length_min(outlook, settings, now);
            }
        }
        if !is_returning {
            let most = self.usual().unfinished_max(settings, subject.country);
            clearance
                .charges
                .extend(unfinished(&self.rulebook.identity, settings, subject, most));
        }
        Ok(clearance)
    }

    /// What a caller is told whose challenge has passed before: to meet another one. `None` when nothing asks for one
    /// any more, and the next start needs none.
    pub(super) fn ask_anew(&self, outlook: &Outlook, subject: &Subject<'_>, now: Timestamp) -> Option<Error> {
        let obstacle = strongest(outlook, self.rulebook.guard.as_ref()?, now)?;
        let person = ChallengeSubject {
            app: subject.app,
            phone: subject.phone,
        };
        let area = obstacle.block.bucket.area.name();
        Some(self.ask(area, &person, ChallengeRefusal::Used, now))
    }

    /// Hears what a written record says about sends that were decided, finished or not. Never blocks.
    pub(super) fn hear(&self, before: Option<&Recipient>, after: &Recipient, now: Timestamp) {
        let Some(settings) = &self.rulebook.guard else { return };
        let is_approved = newly_approved(before, after);
        if after.effects.converted.is_empty() && !is_approved {
            return;
        }
        // An approval forgets the phone in the same write, and so does every other end; webhooks that come later say it.
        let phone = after.phone.as_ref().or_else(|| before?.phone.as_ref());
        let phone = phone.or(after.effects.phone.as_ref());
        let Some(phone) = phone.map(|it| self.numbering.canonical(it)) else {
            return;
        };
        if is_approved {
            let person = PersonKey::of(&self.rulebook.identity, &phone);
            self.heard().person(person, now.plus(settings.returning_memory));
        }
        let country = self.numbering.lookup(&phone).country;
        for converted in &after.effects.converted {
            self.hear_send(
                &after.app,
                &phone,
                country,
                converted.from,
                converted.to,
                converted.sent_at,
            );
        }
    }

    /// Hears of a compared guess. Never blocks.
    pub(super) fn hear_guess(&self, app: &AppId, comparison: Comparison, now: Timestamp) {
        let [all, wrong] = guess_counts(comparison);
        if self.rulebook.guard.is_none() {
            return;
        }
        for app in [Some(app), None] {
            let bucket = Bucket {
                app: app.cloned(),
                area: Area::Guesses,
            };
            let points = self.usual().guess_points(&bucket);
            let mut heard = self.heard();
            heard.tally(&bucket, GUESSES, now, all);
            heard.tally(&bucket, WRONG, now, wrong);
            heard.score(bucket, guess_change(points, comparison));
        }
    }

    fn hear_send(
        &self,
        app: &AppId,
        phone: &PhoneNumber,
        country: Option<CountryCode>,
        from: Conversion,
        to: Conversion,
        sent_at: Timestamp,
    ) {
        let [known, finished] = send_counts(from, to);
        for bucket in buckets_of(app, phone, country) {
            if bucket.area == Area::Guesses {
                continue;
            }
            let points = self.usual().send_points(&bucket, country);
            let mut heard = self.heard();
            if matches!(bucket.area, Area::Country(_)) {
                heard.tally(&bucket, SENDS, sent_at, known);
                heard.tally(&bucket, FINISHED, sent_at, finished);
            }
            if !heard.is_outdated(&bucket, sent_at) {
                heard.score(bucket, send_change(points, from, to));
            }
        }
    }

    /// Passes a challenge that was met; everything else is in the way.
    fn overcome(&self, obstacle: &Obstacle<'_>, subject: &Subject<'_>, now: Timestamp) -> Result<ChallengePass, Error> {
        let area = obstacle.block.bucket.area.name();
        if obstacle.rung > Rung::Challenge {
            return Err(Error::Blocked {
                area,
                alarm: obstacle.block.alarm.name(),
                retry_after: obstacle.ends_at.map(|at| at.since(now)),
            });
        }
        let person = ChallengeSubject {
            app: subject.app,
            phone: subject.phone,
        };
        let met = self.challenges.verify(&person, subject.client, now);
        met.map_err(|refusal| self.ask(area, &person, refusal, now))
    }

    /// Asks for a challenge, and says why the answer that was given does not count.
    fn ask(
        &self,
        area: &'static str,
        person: &ChallengeSubject<'_>,
        refusal: ChallengeRefusal,
        now: Timestamp,
    ) -> Error {
        let mut nonce = [0; 16];
        self.random.fill(&mut nonce);
        Error::ChallengeRequired {
            area,
            refusal,
            challenge: self.challenges.issue(person, nonce, now),
        }
    }

    /// The one time a challenge passes.
    fn once(&self, id: &[u8; 16]) -> Charge {
        Charge {
            rule: RuleName::ChallengeOnce,
            parts: KeyParts::of(&[KeyPart::Phone, KeyPart::App]),
            key: LimitKey::derive(&self.rulebook.identity, RuleName::ChallengeOnce, id),
            quota: CHALLENGE_ONCE,
            amount: NonZeroU64::MIN,
            mode: ChargeMode::Refuse,
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn usual(&self) -> MutexGuard<'_, Usual> {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted of a country and of guesses, hour by hour.
const SENDS: &str = "sends";
const FINISHED: &str = "finished";
const GUESSES: &str = "guesses";
const WRONG: &str = "wrong";

/// The velocity gate: one unfinished send to the block and to the country, over all apps.
///
/// An instance that has met a country and not yet read what is usual there counts and refuses nothing by the country;
/// the next flush, a second later, reads it.
pub(super) fn unfinished(
    identity: &Identity,
    settings: &GuardSettings,
    subject: &Subject<'_>,
    (most, is_read): (u32, bool),
) -> [Charge; 2] {
    let charge = |rule, part, of: &[u8], most, mode| Charge {
        rule,
        parts: KeyParts::of(&[part]),
        key: LimitKey::derive(identity, rule, of),
        quota: GuardSettings::unfinished(most),
        amount: NonZeroU64::MIN,
        mode,
    };
    let block = NumberBlock::of(subject.phone, 4);
    let country = subject.country.map(|it| it.to_string()).unwrap_or_default();
    let of_country = match settings.mode {
        ChargeMode::Refuse if !is_read => ChargeMode::Always,
        mode => mode,
    };
    [
        charge(
            RuleName::UnfinishedPerBlock,
            KeyPart::NumberBlock,
            block.prefix().as_bytes(),
            settings.unfinished_per_block_max,
            settings.mode,
        ),
        charge(
            RuleName::UnfinishedPerCountry,
            KeyPart::Country,
            country.as_bytes(),
            most,
            of_country,
        ),
    ]
}

/// Of the rungs in force the one that stands in the way longest, if one does.
pub(super) fn strongest<'a>(outlook: &'a Outlook, settings: &GuardSettings, now: Timestamp) -> Option<Obstacle<'a>> {
    let passes = outlook.view.is_returning;
    let blocks = outlook.view.blocks.iter().flatten().map(|it| &it.block);
    let obstacles = blocks
        .filter(|it| !passes || it.bucket.area == Area::Guesses)
        .filter_map(|block| {
            Some(Obstacle {
                block,
                rung: block.in_force(settings, now)?,
                ends_at: block.ends_at(settings),
            })
        });
    obstacles.max_by_key(|it| (it.rung, it.ends_at.is_none(), it.ends_at))
}

fn code_length_min(outlook: &Outlook, settings: &GuardSettings, now: Timestamp) -> u8 {
    let mut blocks = outlook.view.blocks.iter().flatten().map(|it| &it.block);
    let is_sprayed = blocks.any(|it| it.bucket.area == Area::Guesses && it.in_force(settings, now).is_some());
    if is_sprayed { SPRAYED_CODE_LENGTH_MIN } else { 0 }
}

/// Whether the write approved a verification.
fn newly_approved(before: Option<&Recipient>, after: &Recipient) -> bool {
    let approved = after.verifications.iter().filter(|it| it.state.is_approved());
    let mut new = approved.filter(|it| {
        let known = before.and_then(|before| before.verification(it.serial));
        known.is_none_or(|known| !known.state.is_approved())
    });
    new.next().is_some()
}
