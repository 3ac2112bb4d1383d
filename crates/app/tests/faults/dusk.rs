//! The end of a code's useful life: messages that are still tried when it comes, and instances that are dead over it.

use std::rc::Rc;
use std::time::Duration;

use countersign_simulator::Pace;
use tokio::task::LocalSet;

use crate::common::clock::wall_millis;
use crate::common::crowd::phone;
use crate::common::meta::{Meta, error_answer};
use crate::fleet::{Fleet, Point};
use crate::oracle::{Evidence, Rules};
use crate::people::{People, millis, pause};

/// A useful life as short as it can be, and tries enough that some are left when it ends.
const POLICY: &str = "code_life = \"60s\"\nuseful_life_min = \"30s\"\nmessage_life = \"30s\"\ndrop_buffer = \"0s\"\n\
                      send_timeout = \"1s\"\nsettle_wait = \"1s\"\nretry = { tries_max = 20, wait_max = \"5s\" }";
const RULES: Rules = Rules {
    useful_life_min: Duration::from_secs(30),
    send_timeout: Duration::from_secs(1),
    lease: Duration::from_secs(2),
};
const PEOPLE: u64 = 60;
/// More refusals than there are tries.
const WHOLE_NIGHT: u32 = 100_000;
/// How long before the end of the useful life Meta takes messages again.
const LAST_LIGHT_MS: u64 = 500;
/// How long after the start an instance is killed, and how long before that nothing is answered any more.
const KILLED_AFTER: Duration = Duration::from_secs(8);
const SILENT_BEFORE: Duration = Duration::from_millis(700);
/// The longest until everything is settled after the last useful moment.
const SETTLED_WITHIN: Duration = Duration::from_secs(70);

/// One instance at which everybody was asked while Meta refuses everything.
struct Night {
    fleet: Fleet,
    people: Rc<People>,
    /// The last moment at which the first of them may be sent, and the last of them.
    dusk_ms: (u64, u64),
}

impl Night {
    async fn fall() -> Self {
        let silent = Pace {
            to_sent: None,
            to_delivered: None,
            to_read: None,
        };
        let fleet = Fleet::start(1, POLICY, RULES.lease, silent).await;
        let busy = error_answer(503, 131_016, "(#131016) Service unavailable", "Try again later.");
        fleet.meta.controls.fail_next(WHOLE_NIGHT, busy);
        let people = People::new(0, Rc::clone(&fleet.lines));
        let mut dusks = Vec::new();
        for person in 0..PEOPLE {
            let opened = people.start(&phone(person), "first").await;
            let useful_life_min = u64::try_from(RULES.useful_life_min.as_millis()).unwrap();
            dusks.push(millis(opened.expire_time) - useful_life_min);
        }
        Self {
            fleet,
            people,
            dusk_ms: (dusks[0], dusks[dusks.len() - 1]),
        }
    }

    /// Waits until everything is over, and says what came of it.
    async fn end(self, title: &str) -> (u64, usize) {
        self.fleet.until_nobody_is_to_be_woken(SETTLED_WITHIN).await;
        let evidence = Evidence::gather(&self.fleet, &self.people, RULES).await;
        println!("{title}");
        evidence.print(&[]);
        let too_late = evidence.ended("FAILED SENT_TOO_LATE");
        evidence.judge();
        (self.fleet.meta.phone.accepted(), too_late)
    }
}

/// Waits for a moment.
async fn until(at_ms: u64) {
    pause(Duration::from_millis(at_ms.saturating_sub(wall_millis()))).await;
}

/// The last message that was taken, and how long after the last useful moment of all.
fn overtime(meta: &Meta, dusk_ms: u64) -> u64 {
    let messages = meta.phone.messages();
    let last = messages.first().map_or(0, |newest| newest.history[0].at_ms);
    last.saturating_sub(dusk_ms)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_until_its_useful_life_ends_is_sent_before_or_never() {
    let tried = async {
        let night = Night::fall().await;
        until(night.dusk_ms.0 - LAST_LIGHT_MS).await;
        night.fleet.meta.controls.clear_faults();
        let (meta, dusk_ms) = (night.fleet.meta.clone(), night.dusk_ms.1);
        let (accepted, _) = night.end("refused until the end of the useful life came near").await;
        println!(
            "  {accepted} of {PEOPLE} sent, the last of them {} ms too late",
            overtime(&meta, dusk_ms)
        );
        assert!(accepted > 0, "nothing was sent in the last {LAST_LIGHT_MS} ms");
        assert!(accepted < PEOPLE, "nothing was left when it ended");
    };
    LocalSet::new().run_until(tried).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_was_dead_when_the_useful_life_ended_sends_nothing_after_it() {
    let died = async {
        let mut night = Night::fall().await;
        pause(KILLED_AFTER.saturating_sub(SILENT_BEFORE)).await;
        // Some are under way when it dies, and some are due.
        night.fleet.instances[0].meta.swallow();
        pause(SILENT_BEFORE).await;
        night.fleet.kill(0, Point::Random).await;
        night.fleet.meta.controls.clear_faults();
        until(night.dusk_ms.1 + 1).await;
        night.fleet.revive(0).await;
        let (accepted, too_late) = night.end("dead when the useful life ended").await;
        assert_eq!(accepted, 0, "sent too late");
        assert!(too_late > 0, "nothing was due when it died");
    };
    LocalSet::new().run_until(died).await;
}
