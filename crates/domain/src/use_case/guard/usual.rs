//! What this instance knows of what is usual. It is made of whole hours, and so is read anew once an hour.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::Apps;
use crate::country::CountryCode;
use crate::guard::{
    Area, Baseline, Bucket, CountryHistory, GuardSettings, Hours, Points, WRONG_MAX, guess_points, send_points,
    usual_wrong,
};
use crate::time::Timestamp;
use crate::use_case::guard::{FINISHED, GUESSES, SENDS, WRONG};

/// What is usual in the countries that were met, and about guesses.
#[derive(Debug)]
pub(in crate::use_case) struct Usual {
    /// The countries that were met, and the guesses, of each app and of the whole service.
    met: BTreeSet<Bucket>,
    /// In which hour each of them was learnt last.
    learnt_in: BTreeMap<Bucket, Timestamp>,
    countries: BTreeMap<Bucket, Baseline>,
    wrong: BTreeMap<Bucket, u16>,
}

impl Usual {
    /// Nothing is known yet.
    pub(in crate::use_case) fn of(apps: &Apps) -> Self {
        let guesses = |app| Bucket {
            app,
            area: Area::Guesses,
        };
        let apps = apps.iter().map(|(id, _)| guesses(Some(id.clone())));
        Self {
            met: apps.chain([guesses(None)]).collect(),
            learnt_in: BTreeMap::new(),
            countries: BTreeMap::new(),
            wrong: BTreeMap::new(),
        }
    }

    /// Takes note of the countries among the buckets.
    pub(in crate::use_case) fn meet(&mut self, buckets: &[Bucket]) {
        for bucket in buckets {
            if matches!(bucket.area, Area::Country(_)) && !self.met.contains(bucket) {
                self.met.insert(bucket.clone());
            }
        }
    }

    /// What was met and is not known for this hour, those of which nothing is known at all first; at most `most`. A clock
    /// that was ahead is no reason to know something: what it learnt is learnt anew.
    pub(in crate::use_case) fn unread(&self, most: usize, now: Timestamp) -> Vec<Bucket> {
        let last = |it: &&Bucket| self.learnt_in.get(*it).copied();
        let mut unread: Vec<_> = self.met.iter().filter(|it| last(it) != Some(now.hour())).collect();
        unread.sort_by_key(last);
        unread.into_iter().take(most).cloned().collect()
    }

    /// Learns of one bucket from its two series: everything, and the part of it that matters.
    pub(in crate::use_case) fn learn(
        &mut self,
        bucket: Bucket,
        all: Hours,
        part: Hours,
        settings: &GuardSettings,
        now: Timestamp,
    ) {
        self.learnt_in.insert(bucket.clone(), now.hour());
        if bucket.area == Area::Guesses {
            self.wrong.insert(bucket, usual_wrong(&all, &part, now));
            return;
        }
        let history = CountryHistory {
            sends: all,
            finished: part,
        };
        self.countries.insert(bucket, Baseline::learn(&history, settings, now));
    }

    /// The points of a send for a bucket of the country: by what is usual for the bucket's app there, or for the whole
    /// service as long as nothing was learnt of the app.
    pub(in crate::use_case) fn send_points(&self, bucket: &Bucket, country: Option<CountryCode>) -> Points {
        let learnt = |app| {
            let area = Area::Country(country?);
            let known = self.countries.get(&Bucket { app, area })?;
            known.is_learnt.then_some(known.finished)
        };
        let usual = learnt(bucket.app.clone()).or_else(|| learnt(None));
        send_points(usual.unwrap_or(Baseline::FINISHED_UNLEARNT))
    }

    /// The points of a guess for a bucket of guesses.
    pub(in crate::use_case) fn guess_points(&self, bucket: &Bucket) -> Points {
        guess_points(self.wrong.get(bucket).copied().unwrap_or(WRONG_MAX))
    }

    /// How many unfinished sends a country may have, and whether this instance has read what is usual there. Numbers of
    /// no country share the least.
    pub(in crate::use_case) fn unfinished_max(
        &self,
        settings: &GuardSettings,
        country: Option<CountryCode>,
    ) -> (u32, bool) {
        let Some(country) = country else {
            return (settings.unfinished_per_country_min, true);
        };
        let area = Area::Country(country);
        match self.countries.get(&Bucket { app: None, area }) {
            Some(known) => (known.unfinished_max, true),
            None => (settings.unfinished_per_country_min, false),
        }
    }
}

/// The series of a bucket: everything, and the part of it that matters.
pub(in crate::use_case) fn series_of(bucket: &Bucket) -> [&'static str; 2] {
    match bucket.area {
        Area::Guesses => [GUESSES, WRONG],
        Area::TenThousand(_) | Area::Thousand(_) | Area::Country(_) => [SENDS, FINISHED],
    }
}
