//! An instance that is killed while it sends: another one sends what was claimed, when the lease is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_grpc::v1::{CheckOutcome, DeliveryState};
use countersign_simulator::Fault;
use countersign_testkit::redis_server::RedisServer;
use tokio::task::JoinSet;

use crate::common::calls::{check, get, open};
use crate::common::clock::Stopwatch;
use crate::common::crowd::phone;
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use countersign_testkit::wait::{eventually, soon};

/// Messages that were under way and reached nobody.
const LOST: u64 = 40;
/// Messages that were under way and reached Meta, but whose answer did not come back.
const TAKEN: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_was_sending_when_it_was_killed_is_sent_by_another_one() {
    let redis = RedisServer::start();
    let meta = Arc::new(Meta::start_silent().await);
    // The shortest lease there may be: two seconds.
    let policy = "send_timeout = \"1s\"\nsettle_wait = \"1s\"";
    let plan = Plan::new(meta.base_url()).policy(policy).redis(&redis.address(), "");
    let (mut doomed, heir) = (Serve::start(&plan).await, Serve::start(&plan).await);
    meta.controls.fail_next(u32::try_from(LOST).unwrap(), Fault::Silence);
    meta.controls
        .fail_next(u32::try_from(TAKEN).unwrap(), Fault::AcceptThenSilence);
    // A connection takes 64 calls at a time.
    let clients = [doomed.client().await, doomed.client().await];
    let mut starts = JoinSet::new();
    for (person, client) in (0..LOST + TAKEN).zip(clients.iter().cycle()) {
        let client = client.clone();
        starts.spawn(async move { (phone(person), open(&client, &phone(person)).await.id) });
    }
    let ids: BTreeMap<String, String> = starts.join_all().await.into_iter().collect();
    // Faults are used up in order, so by then every message is under way, and none was answered.
    soon("what Meta takes without a word", meta.phone.wait_until(TAKEN)).await;
    doomed.process.signal("KILL");
    let watch = Stopwatch::start();
    assert_eq!(doomed.process.ended().await.code, None);
    meta.controls.clear_faults();

    let client = heir.client().await;
    eventually("that every message is sent", async || {
        for id in ids.values() {
            let delivery = get(&client, id).await.deliveries.pop()?;
            if delivery.state() != DeliveryState::Accepted {
                return None;
            }
        }
        Some(())
    })
    .await;
    println!(
        "{} messages under way at a SIGKILL, {TAKEN} of them taken by Meta: all sent by the other instance within {:.1?}, \
         {} messages in all",
        ids.len(),
        watch.elapsed(),
        meta.phone.accepted()
    );
    assert_eq!(meta.phone.accepted(), LOST + TAKEN + TAKEN);
    let mut several = 0;
    for (phone, id) in &ids {
        let messages = meta.phone.messages_to(phone);
        assert!(!messages.is_empty(), "nothing was sent to one of them");
        assert!(messages.iter().all(|it| it.code == messages[0].code), "two codes");
        several += u64::from(messages.len() == 2);
        assert_eq!(check(&client, id, &messages[0].code).await, CheckOutcome::Approved);
    }
    assert_eq!(several, TAKEN, "sent twice is only what nobody could know of");
}
