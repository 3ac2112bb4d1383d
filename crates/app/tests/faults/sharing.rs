//! Several instances on one Redis: they share what is to be sent, and one that dies delays what it had claimed by its
//! lease and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_simulator::Pace;
use countersign_testkit::wait::{eventually, soon};
use tokio::task::JoinSet;

use crate::common::calls::open;
use crate::common::clock::wall_millis;
use crate::common::crowd::phone;
use crate::fleet::{Fleet, Point};
use crate::meta_door::Sighting;
use crate::questions::key_of;

/// A lease of three seconds.
const LEASE: Duration = Duration::from_secs(3);
const POLICY: &str = "send_timeout = \"2s\"\nsettle_wait = \"1s\"";
/// How long after the end of a lease somebody else has sent: the loop looks five times a second, and a busy machine
/// gets the rest.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(1);
/// Connections to an instance that is asked by all at once; each takes 64 calls at a time.
const CONNECTIONS: usize = 10;
/// No word of any message ever comes.
const SILENT: Pace = Pace {
    to_sent: None,
    to_delivered: None,
    to_read: None,
};

/// Asks so many people at one instance, all at once: when each was asked, by id.
async fn ask_at(fleet: &Fleet, instance: usize, people: std::ops::Range<u64>) -> BTreeMap<String, u64> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(fleet.client_of(instance).await);
    }
    let mut starts = JoinSet::new();
    for (person, client) in people.zip(clients.iter().cycle().cloned()) {
        starts.spawn(async move {
            let asked_ms = wall_millis();
            (open(&client, &phone(person)).await.id, asked_ms)
        });
    }
    starts.join_all().await.into_iter().collect()
}

/// Waits until so much was sent by all but the first instance: what each of them sent.
async fn carried_by_the_others(fleet: &Fleet, messages: u64) -> Vec<Vec<Sighting>> {
    eventually("that everything was sent", async || {
        let by_instance: Vec<_> = fleet.instances[1..].iter().map(|it| it.meta.carried()).collect();
        let carried: usize = by_instance.iter().map(Vec::len).sum();
        (u64::try_from(carried).unwrap() >= messages).then_some(by_instance)
    })
    .await
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_one_of_three_instances_delays_its_deliveries_by_no_more_than_the_lease() {
    const CLAIMED: u64 = 60;
    let mut fleet = Fleet::start(3, POLICY, LEASE, SILENT).await;
    fleet.instances[0].meta.swallow();
    let claimed = ask_at(&fleet, 0, 0..CLAIMED).await;
    let doomed = fleet.instances[0].meta.clone();
    soon("that all are under way", doomed.until_swallowed(claimed.len())).await;
    let killed_ms = fleet.kill(0, Point::Random).await.at_ms;
    assert!(fleet.instances[1..].iter().all(|it| it.meta.carried().is_empty()));

    let (mut since_asked, mut since_claimed) = (Vec::new(), Vec::new());
    for sent in carried_by_the_others(&fleet, CLAIMED).await.into_iter().flatten() {
        assert!(sent.at_ms > killed_ms);
        since_asked.push(sent.at_ms - claimed[&sent.id]);
        since_claimed.push(sent.at_ms - fleet.instances[0].redis.opened_at_ms(&key_of(&sent.id)));
    }
    let (first, last) = (since_asked.iter().min().unwrap(), since_claimed.iter().max().unwrap());
    println!(
        "{CLAIMED} claimed by an instance that was killed: the first was sent {first} ms after it was asked for, the \
         last {last} ms after it was claimed; lease {LEASE:?}"
    );
    assert_eq!(fleet.meta.phone.accepted(), CLAIMED, "something was sent twice");
    // A claim begins after the call does.
    assert!(*first >= ms(LEASE), "somebody else sent before the lease was over");
    assert!(*last <= ms(LEASE + TAKEN_OVER_WITHIN), "the last one took {last} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_due_messages_is_sent_by_all_three_instances_and_each_message_once() {
    const BACKLOG: u64 = 600;
    let mut fleet = Fleet::start(4, POLICY, LEASE, SILENT).await;
    // Claims of an instance that is gone are due at the same time for all that are left.
    fleet.instances[0].meta.swallow();
    let claimed = ask_at(&fleet, 0, 0..BACKLOG).await;
    fleet.kill(0, Point::Random).await;

    let by_instance = carried_by_the_others(&fleet, BACKLOG).await;
    let shares: Vec<_> = by_instance.iter().map(Vec::len).collect();
    let sent: BTreeSet<_> = by_instance.iter().flatten().map(|it| &it.id).collect();
    println!("a backlog of {BACKLOG} messages: {shares:?} by each of three instances");
    assert_eq!(fleet.meta.phone.accepted(), BACKLOG, "something was sent twice");
    assert!(claimed.keys().all(|id| sent.contains(id)), "something was not sent");
    let least = u64::try_from(*shares.iter().min().unwrap()).unwrap();
    assert!(least * 20 >= BACKLOG, "one instance had nearly nothing to do");
}
