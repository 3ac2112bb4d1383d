//! The pace of a number: as fast as Meta takes, and never so fast that it refuses.

use countersign_grpc::v1;
use countersign_simulator::Limits;
use tokio::task::JoinSet;

use crate::common::calls::open;
use crate::common::crowd::phone;
use crate::common::plan::Plan;
use crate::scene::{SILENT, Scene};
use countersign_testkit::wait::soon;

/// Messages a second of the number.
const THROUGHPUT: u16 = 20;
const PEOPLE: u64 = 60;
/// The most in any second: the throughput, and two slices of the one instance, of which each is one message here.
const IN_A_SECOND_MAX: usize = 22;
/// What may come on top where it is counted: on a busy machine some messages take up to a fifth of a second longer
/// than others from the service to Meta, and catch up with those behind them.
const CAUGHT_UP_MAX: usize = 4;

/// The most messages that were accepted within a second.
fn most_in_a_second(mut accepted_at_ms: Vec<u64>) -> usize {
    accepted_at_ms.sort_unstable();
    let from = |first: &u64| {
        let within = accepted_at_ms.iter().filter(|at| (*first..first + 1_000).contains(*at));
        within.count()
    };
    accepted_at_ms.iter().map(from).max().unwrap()
}

#[tokio::test]
async fn a_crowd_is_sent_to_at_the_pace_of_the_number_and_meta_refuses_nothing() {
    let meta = |config: &mut countersign_simulator::Config| {
        config.limits = Limits::all();
        config.phone_numbers[0].throughput = u32::from(THROUGHPUT);
    };
    let plan = |plan| Plan {
        throughput: THROUGHPUT,
        ..plan
    };
    let scene = Scene::set_with(SILENT, "", meta, plan).await;
    let mut starts = JoinSet::new();
    for person in 0..PEOPLE {
        let client = scene.client.clone();
        starts.spawn(async move { (phone(person), open(&client, &phone(person)).await.id) });
    }
    let opened = starts.join_all().await;
    let messages = soon("every message", scene.meta.phone.wait_until(PEOPLE)).await;
    for (phone, id) in opened {
        let accepted = scene.delivered_as(&id, v1::DeliveryState::Accepted).await;
        let delivery = &accepted.deliveries[0];
        assert!(delivery.report.is_none() && delivery.tries == 1, "{delivery:?}");
        let code = scene.message_to(&phone).code;
        assert_eq!(scene.check(&id, &code).await, v1::CheckOutcome::Approved);
    }
    assert!(scene.said("a sender is slowed down by the provider").is_empty());
    let accepted_at_ms: Vec<u64> = messages.iter().map(|it| it.history[0].at_ms).collect();
    let lasted = accepted_at_ms.iter().max().unwrap() - accepted_at_ms.iter().min().unwrap();
    let most = most_in_a_second(accepted_at_ms);
    println!("{PEOPLE} messages in {lasted} ms, at most {most} in a second");
    assert!(most <= IN_A_SECOND_MAX + CAUGHT_UP_MAX, "{most} in a second");
    scene.end().await;
}
