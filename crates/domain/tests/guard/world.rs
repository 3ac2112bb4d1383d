//! A country under a virtual clock: people, an attacker, and the pure functions of the guard between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::guard::{
    ALARM, Alarm, Area, Baseline, Block, Bucket, CountryHistory, GuardSettings, NumberBlock, Rung, UNFINISHED_LIFE,
    buckets_of, send_points,
};
use countersign_domain::id::AppId;
use countersign_domain::limit::{LimitState, give_back, take};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::time::Timestamp;

use crate::dice::Dice;

/// So many hours.
pub(crate) fn hours(count: u32) -> Duration {
    Duration::from_secs(3_600) * count
}

/// What somebody asks for, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) app: AppId,
    pub(crate) phone: PhoneNumber,
    /// After how long the code is given back, if it is.
    pub(crate) finished_after: Option<Duration>,
    /// Whether whoever asks meets challenges.
    pub(crate) meets_challenges: bool,
}

/// What is said to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Sent,
    Challenged,
    Stopped,
    TooFast,
}

/// An order that was sent.
struct Sent {
    buckets: Vec<Bucket>,
    at: Timestamp,
    is_missed: bool,
    block: NumberBlock,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Finish(usize),
    Mature(usize),
}

/// The guard of one country.
pub(crate) struct World {
    pub(crate) settings: GuardSettings,
    pub(crate) baseline: Baseline,
    pub(crate) alarms: Vec<(Bucket, Rung, Timestamp)>,
    now: Timestamp,
    sent: Vec<Sent>,
    finished: Vec<bool>,
    steps: BinaryHeap<Reverse<(Timestamp, Step)>>,
    scores: BTreeMap<Bucket, i64>,
    blocks: BTreeMap<Bucket, Block>,
    unfinished: BTreeMap<Option<NumberBlock>, LimitState>,
    history: BTreeMap<Timestamp, (u64, u64)>,
    learn_at: Timestamp,
}

impl World {
    /// Nothing has happened; it is a Thursday, at midnight.
    pub(crate) fn new() -> Self {
        let settings = GuardSettings::default();
        let now = Timestamp::from_unix_millis(20_720 * 86_400_000);
        Self {
            baseline: Baseline::unlearnt(&settings),
            settings,
            alarms: Vec::new(),
            now,
            sent: Vec::new(),
            finished: Vec::new(),
            steps: BinaryHeap::new(),
            scores: BTreeMap::new(),
            blocks: BTreeMap::new(),
            unfinished: BTreeMap::new(),
            history: BTreeMap::new(),
            learn_at: now,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets time pass, with everything that becomes due in it.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now.plus(span);
        while let Some(Reverse((at, step))) = self.steps.peek().copied()
            && at <= until
        {
            self.steps.pop();
            self.now = at;
            match step {
                Step::Finish(place) => self.finish(place),
                Step::Mature(place) => self.mature(place),
            }
        }
        self.now = until;
        if until >= self.learn_at {
            self.learn_at = until.plus(hours(1));
            let hours = |of: fn(&(u64, u64)) -> u64| self.history.iter().map(|(at, it)| (*at, of(it))).collect();
            let history = CountryHistory {
                sends: hours(|it| it.0),
                finished: hours(|it| it.1),
            };
            self.baseline = Baseline::learn(&history, &self.settings, until);
        }
    }

    /// Asks for a code.
    pub(crate) fn ask(&mut self, order: &Order) -> Answer {
        let country = CountryCode::parse("BR");
        let mut buckets = buckets_of(&order.app, &order.phone, country);
        buckets.retain(|it| it.area != Area::Guesses);
        let rungs = buckets
            .iter()
            .filter_map(|it| self.blocks.get(it)?.in_force(&self.settings, self.now));
        match rungs.max() {
            Some(Rung::Challenge) if !order.meets_challenges => return Answer::Challenged,
            Some(Rung::Challenge) | None => {}
            Some(_) => return Answer::Stopped,
        }
        let block = NumberBlock::of(&order.phone, 4);
        let quotas = [
            (Some(block.clone()), self.settings.unfinished_per_block_max),
            (None, self.baseline.unfinished_max),
        ];
        let mut states = Vec::new();
        for (key, most) in quotas {
            let before = self.unfinished.get(&key).copied();
            match take(before, GuardSettings::unfinished(most), NonZeroU64::MIN, self.now) {
                Ok(after) => states.push((key, after)),
                Err(_) => return Answer::TooFast,
            }
        }
        self.unfinished.extend(states);
        let place = self.sent.len();
        self.sent.push(Sent {
            buckets,
            at: self.now,
            is_missed: false,
            block,
        });
        self.finished.push(false);
        self.steps
            .push(Reverse((self.now.plus(self.settings.maturity), Step::Mature(place))));
        if let Some(after) = order.finished_after.filter(|it| *it < UNFINISHED_LIFE) {
            self.steps.push(Reverse((self.now.plus(after), Step::Finish(place))));
        }
        Answer::Sent
    }

    fn mature(&mut self, place: usize) {
        if !self.finished[place] {
            self.sent[place].is_missed = true;
            self.count(place, true, false);
            self.score(place, send_points(self.baseline.finished).bad);
        }
    }

    fn finish(&mut self, place: usize) {
        self.finished[place] = true;
        let points = send_points(self.baseline.finished);
        let Sent {
            at,
            is_missed,
            ref block,
            ..
        } = self.sent[place];
        for key in [Some(block.clone()), None] {
            let before = self.unfinished.get(&key).copied();
            let after = give_back(before, GuardSettings::unfinished(1), NonZeroU64::MIN, at, self.now);
            match after {
                Some(after) => self.unfinished.insert(key, after),
                None => self.unfinished.remove(&key),
            };
        }
        self.count(place, !is_missed, true);
        self.score(
            place,
            if is_missed {
                points.good - points.bad
            } else {
                points.good
            },
        );
    }

    fn count(&mut self, place: usize, is_new: bool, is_finished: bool) {
        let hour = self.sent[place].at.unix_millis() / 3_600_000 * 3_600_000;
        let counts = self.history.entry(Timestamp::from_unix_millis(hour)).or_default();
        counts.0 += u64::from(is_new);
        counts.1 += u64::from(is_finished);
    }

    fn score(&mut self, place: usize, points: i64) {
        for bucket in &self.sent[place].buckets {
            if self
                .blocks
                .get(bucket)
                .is_some_and(|it| self.sent[place].at <= it.raised_at)
            {
                continue;
            }
            let score = self.scores.entry(bucket.clone()).or_default();
            *score = (*score + points).max(0);
            if *score < ALARM {
                continue;
            }
            let before = self.blocks.get(bucket);
            let raised = Block::raised(before, bucket, Alarm::Conversion, *score, &self.settings, self.now);
            *score = 0;
            if let Some(block) = raised {
                self.alarms.push((bucket.clone(), block.rung, self.now));
                self.blocks.insert(bucket.clone(), block);
            }
        }
    }
}

/// People who ask for codes, more by day than by night and fewer on weekends.
#[derive(Clone, Debug)]
pub(crate) struct People {
    pub(crate) sends_per_day: u64,
    /// How many of a thousand give their code back.
    pub(crate) finish: u64,
    /// How many of a thousand of those need two to eight minutes; the others 5 to 90 seconds.
    pub(crate) are_late: u64,
    /// Over how many blocks of ten thousand they live.
    pub(crate) blocks: u64,
}

/// What a side got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) sent: u64,
    pub(crate) challenged: u64,
    pub(crate) stopped: u64,
    pub(crate) too_fast: u64,
}

impl Got {
    pub(crate) fn hear(&mut self, answer: Answer) {
        let place = match answer {
            Answer::Sent => &mut self.sent,
            Answer::Challenged => &mut self.challenged,
            Answer::Stopped => &mut self.stopped,
            Answer::TooFast => &mut self.too_fast,
        };
        *place += 1;
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.sent += more.sent;
        self.challenged += more.challenged;
        self.stopped += more.stopped;
        self.too_fast += more.too_fast;
    }

    pub(crate) fn asked(&self) -> u64 {
        self.sent + self.challenged + self.stopped + self.too_fast
    }
}

/// How many of a hundred thousand sends of a day come in each hour of it.
const DAY: [u64; 24] = [
    1_500, 900, 600, 500, 500, 900, 2_200, 4_000, 5_200, 5_600, 5_800, 5_900, 6_000, 5_800, 5_600, 5_500, 5_500, 5_700,
    6_100, 6_300, 6_200, 5_500, 4_900, 3_300,
];

impl People {
    /// How many of a billion seconds like this one somebody asks in.
    fn odds(&self, now: Timestamp) -> u64 {
        let hour = now.unix_millis() / 3_600_000;
        let weekday = (hour / 24 + 3) % 7;
        let weight = if weekday >= 5 { 7 } else { 10 };
        let of_day = usize::try_from(hour % 24).unwrap();
        self.sends_per_day * DAY[of_day] * weight * 1_000 / 3_600
    }

    fn order(&self, dice: &mut Dice) -> Order {
        let is_late = dice.happens(self.are_late);
        let seconds = if is_late {
            120 + dice.below(360)
        } else {
            5 + dice.below(85)
        };
        let finished_after = dice.happens(self.finish).then(|| Duration::from_secs(seconds));
        Order {
            app: app("shop"),
            phone: phone(dice.below(self.blocks), dice.below(10_000)),
            finished_after,
            meets_challenges: true,
        }
    }
}

pub(crate) fn app(name: &str) -> AppId {
    AppId::parse(name).unwrap()
}

/// A phone of a block of ten thousand.
pub(crate) fn phone(block: u64, last: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("+5511{block:05}{last:04}")).unwrap()
}

/// Runs a world for so long, second by second: people, and what an attacker asks for in each second.
pub(crate) fn run(
    world: &mut World,
    span: Duration,
    people: Option<&People>,
    dice: &mut Dice,
    mut attack: impl FnMut(u64, &mut Dice) -> Vec<Order>,
) -> (Got, Got) {
    let (mut honest, mut attacker) = (Got::default(), Got::default());
    for second in 0..span.as_secs() {
        world.pass(Duration::from_secs(1));
        if let Some(people) = people
            && dice.below(1_000_000_000) < people.odds(world.now())
        {
            let order = people.order(dice);
            honest.hear(world.ask(&order));
        }
        for order in attack(second, dice) {
            attacker.hear(world.ask(&order));
        }
    }
    (honest, attacker)
}

/// Nobody attacks.
pub(crate) fn nobody(_: u64, _: &mut Dice) -> Vec<Order> {
    Vec::new()
}
