//! Watching at one instance what happens at another: in order, to the end, and through a feed that is cut.

use countersign_grpc::v1::{CheckOutcome, DeliveryState, Verification, VerificationState};
use countersign_grpc::{Client, reason};
use countersign_simulator::Message;
use countersign_testkit::redis_server::{RedisServer, Reply};
use countersign_testkit::wait::{eventually, soon};
use tokio::task::JoinSet;
use tonic::Code;

use crate::common::calls::{assert_refused, check, get, next, open, other_than, watch};
use crate::common::clock::Stopwatch;
use crate::common::crowd::phone;
use crate::common::meta::{Meta, post_signed, status_webhook};
use crate::common::plan::Plan;
use crate::common::serve::Serve;

const PERSON: &str = "+5511987654321";
/// How many are watched at a time.
const CROWD: u64 = 100;

/// Two instances on one Redis: where one watches, and where things happen.
struct Pair {
    here: Serve,
    there: Serve,
    meta: Meta,
    redis: RedisServer,
}

impl Pair {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let meta = Meta::start_silent().await;
        let plan = Plan::new(meta.base_url()).redis(&redis.address(), "");
        Self {
            here: Serve::start(&plan).await,
            there: Serve::start(&plan).await,
            meta,
            redis,
        }
    }

    /// Opens a verification there and waits until Meta has its message.
    async fn opened(&self, client: &Client) -> (String, Message) {
        let id = open(client, PERSON).await.id;
        eventually("that the message is accepted", async || {
            let delivery = get(client, &id).await.deliveries.pop()?;
            (delivery.state() == DeliveryState::Accepted).then_some(())
        })
        .await;
        (id, (*self.meta.phone.messages_to(PERSON)[0]).clone())
    }

    /// Posts a webhook there.
    async fn tell(&self, message: &Message, status: &str) {
        let body = status_webhook(message, status).to_string();
        assert_eq!(post_signed(&self.there.callback(), &body).await.status, 200);
    }

    /// Throws every listener of every instance out of Redis.
    fn cut_the_feed(&self) {
        let Reply::Integer(cut) = self.redis.ask_text("CLIENT KILL TYPE pubsub") else {
            panic!("Redis does not cut");
        };
        assert!(cut > 0, "nobody listened");
    }
}

fn delivery(it: &Verification) -> DeliveryState {
    it.deliveries[0].state()
}

#[tokio::test]
async fn what_happens_at_one_instance_is_seen_at_the_other_in_order_and_at_once() {
    let pair = Pair::start().await;
    let (here, there) = (pair.here.client().await, pair.there.client().await);
    let (id, message) = pair.opened(&there).await;
    let mut watch = watch(&here, &id).await;
    let first = next(&mut watch).await;
    assert_eq!(
        (delivery(&first), first.state()),
        (DeliveryState::Accepted, VerificationState::Open)
    );

    let clock = Stopwatch::start();
    for (status, state) in [
        ("sent", DeliveryState::Sent),
        ("delivered", DeliveryState::Delivered),
        ("read", DeliveryState::Read),
    ] {
        pair.tell(&message, status).await;
        assert_eq!(delivery(&next(&mut watch).await), state);
    }
    for left in [4, 3, 2, 1] {
        let wrong = check(&there, &id, &other_than(&message.code)).await;
        assert_eq!(wrong, CheckOutcome::Incorrect);
        assert_eq!(next(&mut watch).await.guesses_left, left);
    }
    assert_eq!(check(&there, &id, &message.code).await, CheckOutcome::Approved);
    let last = next(&mut watch).await;
    assert_eq!(last, get(&here, &id).await);
    assert_eq!(last.state(), VerificationState::Approved);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
    let took = clock.elapsed();
    println!("eight changes at one instance, each seen at the other before the next: {took:.1?}");
    // Without hints each is seen only after 1.6 s at the earliest.
    assert!(took.as_secs() < 10, "nobody hinted at the changes: {took:?}");
}

#[tokio::test]
async fn a_feed_that_is_cut_again_and_again_hides_no_change_and_not_the_end() {
    let pair = Pair::start().await;
    let (here, there) = (pair.here.client().await, pair.there.client().await);
    let (id, message) = pair.opened(&there).await;
    let mut watch = watch(&here, &id).await;
    assert_eq!(delivery(&next(&mut watch).await), DeliveryState::Accepted);
    for (status, state) in [("sent", DeliveryState::Sent), ("read", DeliveryState::Read)] {
        pair.cut_the_feed();
        pair.tell(&message, status).await;
        assert_eq!(delivery(&next(&mut watch).await), state);
        // Listened to again, or there is nothing to cut the next time.
        eventually("that the watch listens again", async || {
            let channels = pair.redis.ask_text("PUBSUB CHANNELS *");
            (!channels.items().is_empty()).then_some(())
        })
        .await;
    }
    pair.cut_the_feed();
    assert_eq!(check(&there, &id, &message.code).await, CheckOutcome::Approved);
    assert_eq!(next(&mut watch).await.state(), VerificationState::Approved);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_watch_at_an_instance_that_stops_is_gone_on_with_at_another() {
    let mut pair = Pair::start().await;
    let (here, there) = (pair.here.client().await, pair.there.client().await);
    let (id, message) = pair.opened(&there).await;
    let mut first = watch(&here, &id).await;
    let seen = next(&mut first).await;
    pair.here.process.signal("TERM");
    let left = soon("the end", first.message()).await.unwrap_err();
    assert_refused(&left, Code::Unavailable, reason::CONNECTION_ENDING);
    assert_eq!(pair.here.process.ended().await.code, Some(0));

    let mut second = watch(&there, &id).await;
    assert_eq!(next(&mut second).await, seen);
    assert_eq!(check(&there, &id, &message.code).await, CheckOutcome::Approved);
    assert_eq!(next(&mut second).await.state(), VerificationState::Approved);
}

#[tokio::test]
async fn nobody_is_listened_for_once_the_watches_have_ended_or_gone() {
    let pair = Pair::start().await;
    let (here, there) = (pair.here.client().await, pair.there.client().await);
    let listeners = || pair.redis.ask_text("PUBSUB CHANNELS *").items().len();
    let (id, message) = pair.opened(&there).await;
    assert_eq!(listeners(), 0, "nobody watches yet");
    let (mut ends, goes) = (watch(&here, &id).await, watch(&there, &id).await);
    assert_eq!(listeners(), 1);
    drop(goes);
    assert_eq!(check(&there, &id, &message.code).await, CheckOutcome::Approved);
    while soon("the end", ends.message()).await.unwrap().is_some() {}
    eventually("that nobody listens", async || (listeners() == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_watchers_each_sees_its_own_end_and_nothing_goes_backwards() {
    let pair = Pair::start().await;
    // A connection takes 64 calls at a time.
    let here = [pair.here.client().await, pair.here.client().await];
    let there = pair.there.client().await;
    let mut watchers = JoinSet::new();
    for (person, here) in (0..CROWD).zip(here.iter().cycle()) {
        let id = open(&there, &phone(person)).await.id;
        let mut watch = watch(here, &id).await;
        let (there, code) = (there.clone(), pair.meta.code_for(&phone(person)).await);
        watchers.spawn(async move {
            let mut seen = vec![next(&mut watch).await];
            check(&there, &id, &other_than(&code)).await;
            check(&there, &id, &code).await;
            while let Some(answer) = soon("the end", watch.message()).await.unwrap() {
                seen.push(answer.verification.unwrap());
            }
            seen
        });
    }
    for seen in watchers.join_all().await {
        let left: Vec<_> = seen.iter().map(|it| it.guesses_left).collect();
        assert!(left.is_sorted_by(|a, b| a >= b), "{left:?}");
        let open = seen
            .iter()
            .take_while(|it| it.state() == VerificationState::Open)
            .count();
        assert_eq!(open + 1, seen.len(), "something came after the end");
        assert_eq!(seen[open].state(), VerificationState::Approved);
        assert!(
            seen.windows(2).all(|pair| pair[0] != pair[1]),
            "one state was told twice"
        );
    }
}
