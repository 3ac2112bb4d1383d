//! The guard at work on a record: scores, blocks and what is usual, kept in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::country::CountryCode;
use crate::guard::{
    ALARM, Alarm, Area, Block, Bucket, GuardSettings, buckets_of, guess_change, guess_counts, is_outdated, send_change,
    send_counts,
};
use crate::id::AppId;
use crate::phone::PhoneNumber;
use crate::ports::{GuardView, StoredBlock, Version};
use crate::recipient::{Comparison, Conversion};
use crate::rule::Subject;
use crate::time::Timestamp;
use crate::use_case::Rulebook;
use crate::use_case::guard::{Outlook, Usual};
use crate::use_case::replay::recorded::RecordedSubject;

/// A send that counts.
#[derive(Clone, Debug)]
struct Send {
    at: Timestamp,
    buckets: Vec<Bucket>,
    country: Option<CountryCode>,
    conversion: Conversion,
}

/// What the guard has seen. Without settings it sees nothing.
pub(super) struct Watch<'a> {
    settings: Option<&'a GuardSettings>,
    usual: Usual,
    hours: BTreeMap<Bucket, [BTreeMap<Timestamp, u64>; 2]>,
    scores: BTreeMap<Bucket, i64>,
    blocks: BTreeMap<Bucket, Block>,
    /// Sends of which something may still be heard, by number; and the numbers by when they are old enough.
    sends: BTreeMap<u64, Send>,
    maturing: BTreeSet<(Timestamp, u64)>,
    count: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(rulebook: &'a Rulebook) -> Self {
        Self {
            settings: rulebook.guard.as_ref(),
            usual: Usual::of(&rulebook.apps),
            hours: BTreeMap::new(),
            scores: BTreeMap::new(),
            blocks: BTreeMap::new(),
            sends: BTreeMap::new(),
            maturing: BTreeSet::new(),
            count: 0,
        }
    }

    /// Lets time pass: sends grow old, and once an hour what is usual is learnt anew.
    pub(super) fn pass(&mut self, now: Timestamp) {
        let Some(settings) = self.settings else { return };
        while let Some(&(at, number)) = self.maturing.first()
            && at <= now
        {
            self.maturing.pop_first();
            self.learn(settings, at);
            self.miss(number, at);
        }
        self.learn(settings, now);
    }

    fn learn(&mut self, settings: &GuardSettings, now: Timestamp) {
        for bucket in self.usual.unread(usize::MAX, now) {
            let [all, part] = self.hours.get(&bucket).cloned().unwrap_or_default();
            let (all, part) = (all.into_iter().collect(), part.into_iter().collect());
            self.usual.learn(bucket, all, part, settings, now);
        }
    }

    /// What the guard knows before a send.
    pub(super) fn outlook(&mut self, subject: &Subject<'_>, is_returning: bool) -> Outlook {
        let buckets = buckets_of(subject.app, subject.phone, subject.country);
        self.usual.meet(&buckets);
        let stored = |bucket: &Bucket| {
            let block = self.blocks.get(bucket)?.clone();
            Some(StoredBlock {
                version: Version(0),
                block,
            })
        };
        let view = GuardView {
            blocks: buckets.iter().map(stored).collect(),
            is_returning,
            line: None,
        };
        Outlook { buckets, view }
    }

    /// How many unfinished sends a country may have.
    pub(super) fn unfinished_max(&self, settings: &GuardSettings, country: Option<CountryCode>) -> u32 {
        self.usual.unfinished_max(settings, country).0
    }

    /// Counts a send once its fate is known; answers with its number.
    pub(super) fn await_fate(&mut self, phone: &PhoneNumber, of: &RecordedSubject, now: Timestamp) -> Option<u64> {
        let settings = self.settings?;
        let mut buckets = buckets_of(&of.app, phone, of.country);
        buckets.retain(|it| it.area != Area::Guesses);
        self.count += 1;
        let send = Send {
            at: now,
            buckets,
            country: of.country,
            conversion: Conversion::Awaited,
        };
        self.sends.insert(self.count, send);
        self.maturing.insert((now.plus(settings.maturity), self.count));
        Some(self.count)
    }

    /// A compared guess.
    pub(super) fn guess(&mut self, app: &AppId, comparison: Comparison, now: Timestamp) {
        let Some(settings) = self.settings else { return };
        for app in [Some(app.clone()), None] {
            let bucket = Bucket {
                app,
                area: Area::Guesses,
            };
            self.tally(&bucket, now, guess_counts(comparison));
            let points = self.usual.guess_points(&bucket);
            self.add(bucket, guess_change(points, comparison), settings, now);
        }
    }

    /// Counts a send as missed that nobody knows anything of.
    pub(super) fn miss(&mut self, number: u64, now: Timestamp) {
        let is_awaited = |it: &Send| it.conversion == Conversion::Awaited;
        if self.sends.get(&number).is_some_and(is_awaited) {
            self.convert(number, Conversion::Missed, now);
        }
    }

    /// Counts a send for good.
    pub(super) fn settle(&mut self, number: u64, to: Conversion, now: Timestamp) {
        self.convert(number, to, now);
        self.forget(number);
    }

    /// Forgets a send of which nothing more is heard.
    pub(super) fn forget(&mut self, number: u64) {
        self.sends.remove(&number);
    }

    /// Counts a send otherwise than before, in the hour in which it was decided and in the scores of its buckets.
    fn convert(&mut self, number: u64, to: Conversion, now: Timestamp) {
        let Some(settings) = self.settings else { return };
        let Some(send) = self.sends.get_mut(&number) else {
            return;
        };
        let from = std::mem::replace(&mut send.conversion, to);
        let send = send.clone();
        for bucket in send.buckets {
            if matches!(bucket.area, Area::Country(_)) {
                self.tally(&bucket, send.at, send_counts(from, to));
            }
            let raised_at = self.blocks.get(&bucket).map(|it| it.raised_at);
            if raised_at.is_none_or(|raised_at| !is_outdated(send.at, raised_at)) {
                let points = self.usual.send_points(&bucket, send.country);
                self.add(bucket, send_change(points, from, to), settings, now);
            }
        }
    }

    /// Counts in the hour of `at`: how many, and the part of them that matters.
    fn tally(&mut self, bucket: &Bucket, at: Timestamp, counts: [u64; 2]) {
        let hours = self.hours.entry(bucket.clone()).or_default();
        for (hours, count) in hours.iter_mut().zip(counts) {
            *hours.entry(at.hour()).or_default() += count;
        }
    }

    /// Adds to a score, and raises the alarm when it is time. Either way the score begins anew.
    fn add(&mut self, bucket: Bucket, points: i64, settings: &GuardSettings, now: Timestamp) {
        let score = self.scores.entry(bucket.clone()).or_default();
        *score = score.saturating_add(points).max(0);
        if *score < ALARM {
            return;
        }
        let score = std::mem::take(score);
        let (before, alarm) = (self.blocks.get(&bucket), Alarm::of(&bucket.area));
        if let Some(block) = Block::raised(before, &bucket, alarm, score, settings, now) {
            self.blocks.insert(bucket, block);
        }
    }
}
