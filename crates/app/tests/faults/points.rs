//! The named points are where they say: what Meta has and what Redis has when an instance is killed at each, and what
//! the next one makes of it. Meta tells nothing, so that nobody learns what was lost.

use std::rc::Rc;
use std::time::Duration;

use countersign_grpc::v1::DeliveryState;
use countersign_simulator::Pace;
use countersign_testkit::wait::eventually;
use tokio::task::{LocalSet, spawn_local};

use crate::common::crowd::phone;
use crate::common::meta::error_answer;
use crate::fleet::{Fleet, Point};
use crate::people::People;

/// A lease of four seconds: longer than an instance takes to start.
const LEASE: Duration = Duration::from_secs(4);
const POLICY: &str = "send_timeout = \"2s\"\nsettle_wait = \"2s\"";

/// One person is asked, and the only instance is killed at this point: how many messages Meta has then, and how many
/// in the end.
async fn kill_at(point: Point) -> (u64, u64) {
    let silent = Pace {
        to_sent: None,
        to_delivered: None,
        to_read: None,
    };
    let mut fleet = Fleet::start(1, POLICY, LEASE, silent).await;
    if point == Point::AfterClaim {
        // The first claim is the start's own; the loop claims what is tried again.
        let busy = error_answer(503, 131_016, "(#131016) Service unavailable", "Try again later.");
        fleet.meta.controls.fail_next(1, busy);
    }
    let people = People::new(0, Rc::clone(&fleet.lines));
    let asking = Rc::clone(&people);
    let asked = spawn_local(async move { asking.start(&phone(1), "first").await });
    let kill = fleet.kill(0, point).await;
    assert!(kill.hit, "{point:?} was not reached");
    let at_kill = fleet.meta.phone.accepted();
    fleet.revive(0).await;
    let id = asked.await.unwrap().id;
    let delivery = people.get(&id).await.deliveries.pop().unwrap();
    assert_eq!(delivery.state(), DeliveryState::Sending, "{point:?}");
    eventually("that it is sent", async || {
        let delivery = people.get(&id).await.deliveries.pop()?;
        (delivery.state() == DeliveryState::Accepted).then_some(())
    })
    .await;
    let messages = fleet.meta.phone.messages();
    assert!(messages.iter().all(|it| it.code == messages[0].code), "two codes");
    (at_kill, fleet.meta.phone.accepted())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_killed_at_a_named_point_leaves_a_claim_and_the_message_is_sent_again_if_meta_had_it() {
    let points = async {
        let kills = [
            (Point::AfterCommit, (0, 1)),
            (Point::AfterClaim, (0, 1)),
            (Point::AfterAcceptance, (1, 2)),
            (Point::BeforeResult, (1, 2)),
        ]
        .map(|(point, expected)| (point, expected, spawn_local(kill_at(point))));
        for (point, expected, messages) in kills {
            assert_eq!(messages.await.unwrap(), expected, "{point:?}");
        }
    };
    LocalSet::new().run_until(points).await;
}
