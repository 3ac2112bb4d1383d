//! The storm: people who are asked, while instances are killed, Redis is killed, and Meta misbehaves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use countersign_simulator::{Fault, Mischief, Odds, Pace};
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::interval;

use crate::common::clock::Stopwatch;
use crate::common::meta::{Meta, error_answer};
use crate::fleet::{Fleet, Kill, Point};
use crate::oracle::{Evidence, Rules};
use crate::people::{People, pause};

/// The shortest life a code can have, and a lease that is over before anybody has to wait for it, but not before the
/// webhooks that come again to an instance that was just started.
const POLICY: &str = "code_life = \"60s\"\nuseful_life_min = \"20s\"\nmessage_life = \"30s\"\ndrop_buffer = \"0s\"\n\
                      send_timeout = \"1s\"\nsettle_wait = \"5s\"\nsend_waits = [\"6s\", \"6s\", \"6s\"]";
/// What the oracle holds the service to: the numbers of that policy.
const RULES: Rules = Rules {
    useful_life_min: Duration::from_secs(20),
    send_timeout: Duration::from_secs(1),
    lease: Duration::from_secs(6),
};
/// How far every message gets that Meta accepts, and how fast.
const PACE: Pace = Pace {
    to_sent: Some(Duration::from_millis(200)),
    to_delivered: Some(Duration::from_millis(600)),
    to_read: Some(Duration::from_secs(2)),
};
/// How often, in thousandths, a message meets each kind of mischief on top of that.
const ODDS: Odds = Odds {
    refused: 20,
    hung_up_before: 10,
    hung_up_after: 10,
    silent_after: 5,
    half_answered: 10,
    late: 100,
    doubled: 100,
    reversed: 100,
    missing: 50,
    forged: 50,
    failed: 10,
};
/// How often Meta misbehaves once more.
const MISCHIEF_EVERY: Duration = Duration::from_millis(400);
/// The longest an instance is given to catch up before it is killed again.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(5);
/// The longest it takes until nobody has to look at anything again, once the last person is done: a code's life and
/// that of its last message.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// How much of everything.
struct Storm {
    instances: usize,
    people: u64,
    /// How often somebody is asked.
    pace: Duration,
    kills: u64,
    redis_kills: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_50_kills_each_of_2000_starts_ends_in_exactly_one_honest_state() {
    let storm = Storm {
        instances: 1,
        people: 2_000,
        pace: Duration::from_millis(30),
        kills: 50,
        redis_kills: 6,
    };
    LocalSet::new().run_until(storm.rage()).await;
}

/// Both at once: mostly, they wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_two_and_over_three_instances_every_start_ends_in_exactly_one_honest_state_too() {
    let over = |instances| Storm {
        instances,
        people: 500,
        pace: Duration::from_millis(50),
        kills: 15,
        redis_kills: 2,
    };
    let storms = async { tokio::join!(Box::pin(over(2).rage()), Box::pin(over(3).rage())) };
    LocalSet::new().run_until(storms).await;
}

impl Storm {
    async fn rage(self) {
        let seed = seed_or(1);
        println!("COUNTERSIGN_SEED={seed}");
        let watch = Stopwatch::start();
        let mut fleet = Fleet::start(self.instances, POLICY, RULES.lease, PACE).await;
        let people = People::new(seed, Rc::clone(&fleet.lines));
        let reading = spawn_local(Rc::clone(&people).read_messages(fleet.meta.phone.clone()));
        fleet
            .meta
            .controls
            .set_mischief(Some(Mischief { seed, per_mille: ODDS }));
        let mischief = spawn_local(misbehave_on(Arc::clone(&fleet.meta), Rc::clone(&fleet.callback), seed));
        let living = spawn_local(Rc::clone(&people).live_all(self.people, self.pace));
        let kills = self.kill_on(&mut fleet, &people, seed).await;
        let raged = watch.elapsed();
        living.await.unwrap();
        mischief.abort();
        fleet.meta.controls.set_callback_url(&fleet.callback.borrow()).unwrap();
        fleet.meta.controls.clear_faults();
        let done = fleet.meta.controls.mischief_done();
        fleet.meta.controls.set_mischief(None);
        fleet.until_nobody_is_to_be_woken(SETTLED_WITHIN).await;
        reading.abort();

        let evidence = Evidence::gather(&fleet, &people, RULES).await;
        let title = format!("{} instances, {} people", self.instances, self.people);
        println!("{title}: {raged:.1?} of storm, {:.1?} in all", watch.elapsed());
        print_kills(&kills, self.redis_kills);
        println!("  {done:?}");
        let webhooks = fleet.meta.controls.webhooks();
        println!("  {webhooks:?}");
        assert!(done.messages > self.people / 2, "mischief was drawn for few messages");
        assert_eq!(webhooks.forged_taken, 0, "a forged webhook was taken");
        evidence.print(&kills);
        evidence.judge();
        let missed = kills.iter().filter(|kill| !kill.hit).count();
        assert!(missed * 10 <= kills.len(), "{missed} points were not reached");
    }

    /// Kills instances at every point, one after the other, and Redis now and then; each is started again at once.
    async fn kill_on(&self, fleet: &mut Fleet, people: &People, seed: u64) -> Vec<Kill> {
        let mut rng = StdRng::seed_from_u64(!seed);
        let mut points: Vec<_> = Point::ALL
            .into_iter()
            .cycle()
            .take(usize::try_from(self.kills).unwrap())
            .collect();
        points.shuffle(&mut rng);
        let each = self.people / self.kills;
        let mut kills = Vec::new();
        for (turn, point) in (0..).zip(points) {
            people.allowed.send_replace(each * turn + each / 2);
            let mut begun = people.begun.subscribe();
            begun.wait_for(|begun| *begun >= each * turn).await.unwrap();
            // At random, an instance is killed while it still has to catch up; at the points, when it has.
            if point != Point::Random {
                fleet.until_caught_up(CAUGHT_UP_WITHIN).await;
            }
            pause(Duration::from_millis(rng.random_range(0..300))).await;
            // Whoever is killed at a start needs people who start.
            people.allowed.send_replace(each * (turn + 1));
            if point == Point::AfterClaim {
                let busy = error_answer(503, 131_016, "(#131016) Service unavailable", "Try again later.");
                fleet.meta.controls.fail_next(4, busy);
            }
            let instance = rng.random_range(0..self.instances);
            // Redis dies now under instances that live, and now together with one.
            let is_redis_killed = turn * self.redis_kills / self.kills != (turn + 1) * self.redis_kills / self.kills;
            let away = Duration::from_millis(rng.random_range(0..1_500));
            let dies_first = rng.random_bool(0.5);
            if is_redis_killed && dies_first {
                fleet.restart_redis(away).await;
            }
            kills.push(fleet.kill(instance, point).await);
            if is_redis_killed && !dies_first {
                fleet.restart_redis(away).await;
            }
            fleet.revive(instance).await;
        }
        people.allowed.send_replace(u64::MAX);
        kills
    }
}

/// Lets Meta misbehave, a little more each time, without end.
async fn misbehave_on(meta: Arc<Meta>, callback: Rc<RefCell<String>>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed ^ 0x5eed);
    let mut ticks = interval(MISCHIEF_EVERY);
    loop {
        ticks.tick().await;
        misbehave(&meta, &callback.borrow(), &mut rng);
    }
}

/// The next misbehavior: what Meta answers, or does not, to the next messages that come; and now and then what it has
/// to tell until the time after is never told.
fn misbehave(meta: &Meta, callback: &str, rng: &mut StdRng) {
    if rng.random_range(0..12) == 0 {
        meta.controls.clear_callback_url();
    } else {
        meta.controls.set_callback_url(callback).unwrap();
    }
    let fault = match rng.random_range(0..20) {
        0..4 => error_answer(500, 131_000, "(#131000) Something went wrong", "Unknown."),
        4..8 => error_answer(503, 131_016, "(#131016) Service unavailable", "Try again later."),
        8..11 => error_answer(429, 130_429, "(#130429) Rate limit hit", "Too many messages."),
        11 => error_answer(400, 131_026, "(#131026) Message undeliverable", "Undeliverable."),
        12..14 => Fault::Answer {
            status: 502,
            body: "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(),
        },
        14..16 => Fault::HangUp,
        16 => Fault::Silence,
        17 => Fault::AcceptThenSilence,
        _ => Fault::AcceptThenHangUp,
    };
    meta.controls.fail_next(rng.random_range(1..=2), fault);
}

fn print_kills(kills: &[Kill], redis_kills: u64) {
    let mut by_point = BTreeMap::<Point, (u64, u64)>::new();
    for kill in kills {
        let (all, hit) = by_point.entry(kill.point).or_default();
        *all += 1;
        *hit += u64::from(kill.hit);
    }
    for (point, (all, hit)) in by_point {
        println!("  killed {:<32} {all:>6}  ({hit} at the point)", format!("{point:?}"));
    }
    println!("  {:<39} {redis_kills:>6}", "Redis killed and restarted");
}
