//! What each use case costs: the commands a server sees of it. Those that tell listeners of a change go behind the
//! answer and are counted apart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::delivery::DeliveryReport;
use countersign_domain::guard::{PersonKey, SeriesKey};
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::ports::{
    Accepted, BatchId, Erased, GuardStore, RecipientStore, Replaced, ScoreChange, StoreError, Stored, Tally,
    TallyStore, Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::use_case::VerificationName;
use countersign_domain::verification::{CheckOutcome, StartOutcome};
use countersign_store_redis::recipients::RedisRecipients;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, phone, phone_number};
use countersign_testkit::house::House;
use countersign_testkit::messenger::accepted;
use countersign_testkit::redis_server::RedisServer;

use crate::common::guard::bucket_in;
use crate::common::proxy::Proxy;
use crate::common::records::{key_in, record, write};
use crate::common::service::{check, guarded_house_on, house_on, instance_of_house, post, said_of, start};
use crate::common::{config, open};

/// The commands that clients sent while `work` went on, without those that tell of changes.
fn asked<T>(server: &RedisServer, work: impl Future<Output = T>) -> impl Future<Output = (Vec<String>, T)> {
    // A whole use case is too large to be carried around in a test's future.
    let work = Box::pin(work);
    async move {
        let monitor = server.monitor();
        let done = work.await;
        let asked = monitor.finish().into_iter().filter(|it| !it.from_script);
        let asked = asked.map(|it| it.command).filter(|it| it != "PUBLISH").collect();
        (asked, done)
    }
}

async fn open_house() -> (RedisServer, House) {
    let server = RedisServer::start();
    let redis = instance_of_house(&config(&server));
    redis.look().await.unwrap();
    (server, house_on(&redis))
}

#[tokio::test]
async fn a_start_is_four_round_trips_and_the_record_of_its_send_one() {
    let (server, house) = open_house().await;
    let (commands, started) = asked(&server, start(&house, &phone())).await;
    assert_eq!(started.unwrap().outcome, StartOutcome::Opened);
    // Whose line it is, the record, the charge, and the write.
    assert_eq!(commands, ["MGET", "GET", "EVALSHA", "EVALSHA"]);
    let (commands, ()) = asked(&server, house.run_errands()).await;
    // One for a slice of the sender's throughput, which serves the next 50 messages too, and one for the record.
    assert_eq!(commands, ["EVALSHA", "EVALSHA"]);
    assert_eq!(house.messenger.sent().len(), 1);
    start(&house, &phone_number(1)).await.unwrap();
    let (commands, ()) = asked(&server, house.run_errands()).await;
    assert_eq!(commands, ["EVALSHA"]);
    assert_eq!(house.messenger.sent().len(), 2);
}

#[tokio::test]
async fn with_all_the_defaults_and_a_budget_neither_a_start_nor_a_check_is_a_round_trip_more() {
    let server = RedisServer::start();
    let redis = instance_of_house(&config(&server));
    redis.look().await.unwrap();
    let house = guarded_house_on(&redis);
    let (commands, started) = asked(&server, start(&house, &phone())).await;
    let started = started.unwrap();
    assert_eq!(started.outcome, StartOutcome::Opened);
    // What the guard knows is answered with the line. Rules, budgets and what is unfinished are charged in one step,
    // whichever shards they are in.
    assert_eq!(commands, ["MGET", "GET", "EVALSHA", "EVALSHA"]);
    let (commands, ()) = asked(&server, house.run_errands()).await;
    assert_eq!(commands, ["EVALSHA", "EVALSHA"]);
    let (commands, joined) = asked(&server, start(&house, &phone())).await;
    assert_eq!(joined.unwrap().outcome, StartOutcome::Joined);
    assert_eq!(commands, ["MGET", "GET"]);
    let code = house.messenger.last_code_for(&phone()).unwrap();
    let (commands, checked) = asked(&server, check(&house, VerificationName::Id(started.view.id), &code)).await;
    assert_eq!(checked.unwrap().outcome, CheckOutcome::Approved);
    assert_eq!(commands, ["GET", "EVALSHA"]);
    // What is no longer unanswered, what is no longer unfinished, and what the guess cost.
    let (commands, ()) = asked(&server, house.run_errands()).await;
    assert_eq!(commands, ["EVALSHA"]);
}

#[tokio::test]
async fn what_the_guard_heard_of_many_is_shared_in_two_round_trips_and_one_for_each_who_gave_a_code_back() {
    let server = RedisServer::start();
    let redis = instance_of_house(&config(&server));
    redis.look().await.unwrap();
    let house = guarded_house_on(&redis);
    // The first flush also reads what is usual in a country that was not met before.
    start(&house, &phone()).await.unwrap();
    house.use_cases.guard.flush().await.unwrap();
    for n in 0..10 {
        let id = start(&house, &phone_number(n * 10_000)).await.unwrap().view.id;
        house.run_errands().await;
        let code = house.messenger.last_code_for(&phone_number(n * 10_000)).unwrap();
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let guess = if n < 2 { &*code } else { wrong };
        check(&house, VerificationName::Id(id), guess).await.unwrap();
    }
    let (commands, flushed) = asked(&server, house.use_cases.guard.flush()).await;
    flushed.unwrap();
    let counts = |command: &str| commands.iter().filter(|it| *it == command).count();
    assert_eq!((counts("EVALSHA"), counts("SET")), (2, 2), "{commands:?}");
    let (commands, flushed) = asked(&server, house.use_cases.guard.flush()).await;
    flushed.unwrap();
    assert!(commands.is_empty(), "nothing new was heard: {commands:?}");
}

#[tokio::test]
async fn a_start_that_joins_is_two_round_trips() {
    let (server, house) = open_house().await;
    start(&house, &phone()).await.unwrap();
    house.run_errands().await;
    let (commands, joined) = asked(&server, start(&house, &phone())).await;
    assert_eq!(joined.unwrap().outcome, StartOutcome::Joined);
    assert_eq!(commands, ["MGET", "GET"]);
}

/// The line is remembered and the message counted there. Once it is known, only the line is remembered anew.
#[tokio::test]
async fn a_message_to_another_spelling_is_two_round_trips_more_when_that_is_learnt_and_then_one() {
    let (server, house) = open_house().await;
    for (n, expected) in (10..).zip([&["SET", "EVALSHA", "EVALSHA"][..], &["SET", "EVALSHA"]]) {
        // Somebody else's, for a slice of the sender's throughput.
        start(&house, &phone_number(n)).await.unwrap();
        house.run_errands().await;
        house.messenger.answer_next(Ok(Accepted {
            number: Some(phone_number(1)),
            ..accepted()
        }));
        let (commands, started) = asked(&server, start(&house, &phone_number(2))).await;
        assert!(started.is_ok());
        assert_eq!(commands, ["MGET", "GET", "EVALSHA", "EVALSHA"]);
        let (commands, ()) = asked(&server, house.run_errands()).await;
        assert_eq!(commands, expected);
        house.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_check_is_two_round_trips_whatever_it_says() {
    let (server, house) = open_house().await;
    let id = start(&house, &phone()).await.unwrap().view.id;
    house.run_errands().await;
    let code = house.messenger.last_code_for(&phone()).unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (guess, outcome) in [(wrong, CheckOutcome::Incorrect), (&*code, CheckOutcome::Approved)] {
        let (commands, checked) = asked(&server, check(&house, VerificationName::Id(id), guess)).await;
        assert_eq!(checked.unwrap().outcome, outcome);
        assert_eq!(commands, ["GET", "EVALSHA"], "{outcome:?}");
    }
    // What an approval gives back goes behind the answer.
    let (commands, ()) = asked(&server, house.run_errands()).await;
    assert_eq!(commands, ["EVALSHA"]);
}

#[tokio::test]
async fn what_a_post_says_of_one_recipient_is_two_round_trips_however_much_it_is() {
    let (server, house) = open_house().await;
    let reports = [DeliveryReport::Sent, DeliveryReport::Delivered, DeliveryReport::Read];
    for (n, count) in [(1, 1), (2, 3)] {
        start(&house, &phone_number(n)).await.unwrap();
        house.run_errands().await;
        let said = |report: &DeliveryReport| said_of(&house, &phone_number(n), report.clone());
        let said = reports[..count].iter().map(said).collect();
        let (commands, ()) = asked(&server, post(&house, said)).await;
        assert_eq!(commands, ["GET", "EVALSHA"], "{count} reports");
    }
}

#[tokio::test]
async fn an_old_report_is_one_round_trip() {
    let (server, house) = open_house().await;
    start(&house, &phone()).await.unwrap();
    house.run_errands().await;
    post(&house, vec![said_of(&house, &phone(), DeliveryReport::Read)]).await;
    let (commands, ()) = asked(
        &server,
        post(&house, vec![said_of(&house, &phone(), DeliveryReport::Sent)]),
    )
    .await;
    assert_eq!(commands, ["GET"]);
}

/// Writes what is to be written a moment before it is, when it is armed: then that is a conflict.
struct Rival {
    store: RedisRecipients,
    is_armed: AtomicBool,
}

#[async_trait]
impl RecipientStore for Rival {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.store.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        if self.is_armed.swap(false, Ordering::SeqCst) {
            let mut rival = match seen {
                Some(_) => self.store.load(key).await?.unwrap().recipient,
                None => record(1, now, None),
            };
            rival.keep_until = new.keep_until;
            write(&self.store, key, seen, &rival, now).await;
        }
        self.store.replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.store.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.store.erase(key, seen).await
    }
}

#[tokio::test]
async fn a_conflict_costs_exactly_one_round_trip_more() {
    let server = RedisServer::start();
    let redis = instance_of_house(&config(&server));
    redis.look().await.unwrap();
    let rival = Arc::new(Rival {
        store: redis.recipients(),
        is_armed: AtomicBool::new(false),
    });
    let house = House::builder(Arc::clone(&rival) as _, Arc::new(redis.limits()), redis.feed())
        .guard(Arc::new(redis.guard()), Arc::new(redis.tallies()))
        .build();

    rival.is_armed.store(true, Ordering::SeqCst);
    let (commands, started) = asked(&server, start(&house, &phone())).await;
    assert_eq!(started.unwrap().outcome, StartOutcome::Opened);
    // The line, the load and the charge, the rival's write, the conflict, and the write of what was decided anew.
    assert_eq!(commands, ["MGET", "GET", "EVALSHA", "EVALSHA", "EVALSHA", "EVALSHA"]);

    house.run_errands().await;
    let code = house.messenger.last_code_for(&phone()).unwrap();
    let name = VerificationName::Newest {
        app: countersign_testkit::fixture::app_id(),
        phone: phone(),
        purpose: countersign_testkit::fixture::purpose(),
    };
    rival.is_armed.store(true, Ordering::SeqCst);
    let (commands, checked) = asked(&server, check(&house, name, &code)).await;
    assert_eq!(checked.unwrap().outcome, CheckOutcome::Approved);
    // The load, the rival's load and write, the conflict, and the write of what was decided anew.
    assert_eq!(commands, ["GET", "GET", "EVALSHA", "EVALSHA", "EVALSHA"]);
}

#[tokio::test]
async fn looking_for_work_is_one_round_trip_and_a_second_one_when_there_is_some() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let shard = key_in(3, 0).shard(SHARDS);
    let (commands, due) = asked(&server, store.due(now(), shard, 100)).await;
    assert_eq!((commands, due.unwrap().len()), (vec!["ZRANGE".to_owned()], 0));
    for n in 0..3 {
        write(&store, key_in(3, n), None, &record(n, now(), Some(now())), now()).await;
    }
    let (commands, due) = asked(&server, store.due(now(), shard, 100)).await;
    assert_eq!(due.unwrap().len(), 3);
    assert_eq!(commands, ["ZRANGE", "EXISTS", "EXISTS", "EXISTS"]);
}

#[tokio::test]
async fn looking_for_work_and_counting_it_wait_for_the_network_as_often_as_is_said() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.socket()).await;
    let redis = common::instance(&proxy.config(Duration::from_secs(2)));
    redis.look().await.unwrap();
    let store = redis.recipients();
    let shard = key_in(3, 0).shard(SHARDS);
    let turns = |before| proxy.turns() - before;

    let before = proxy.turns();
    assert_eq!(store.due(now(), shard, 100).await.unwrap().len(), 0);
    assert_eq!(turns(before), 1);
    for n in 0..50 {
        write(&store, key_in(3, n), None, &record(n, now(), Some(now())), now()).await;
    }
    let before = proxy.turns();
    assert_eq!(store.due(now(), shard, 100).await.unwrap().len(), 50);
    assert_eq!(turns(before), 2);
    let before = proxy.turns();
    let (commands, backlog) = asked(&server, store.backlog(now())).await;
    assert_eq!(backlog.unwrap(), 50);
    assert_eq!(turns(before), 1);
    assert_eq!(commands, ["ZCOUNT"; 16]);
}

#[tokio::test]
async fn a_look_in_between_is_one_round_trip() {
    let (server, redis) = open().await;
    let (commands, looked) = asked(&server, redis.look()).await;
    assert!(looked.unwrap().is_empty());
    assert_eq!(commands, ["HGETALL"]);
}

#[tokio::test]
async fn what_the_guard_asks_before_a_send_is_one_round_trip_and_so_is_a_batch_however_large() {
    let (server, redis) = open().await;
    let (guard, tallies) = (redis.guard(), redis.tallies());
    let buckets: Vec<_> = (0..8).map(|n| bucket_in(u16::try_from(n).unwrap(), n)).collect();
    let person = PersonKey::from_bytes([1; 16]);
    let (commands, view) = asked(&server, guard.look(&buckets, Some(person))).await;
    assert_eq!(view.unwrap().blocks.len(), 8);
    assert_eq!(commands, ["MGET"]);
    let changes: Vec<_> = buckets
        .iter()
        .map(|bucket| ScoreChange {
            bucket: *bucket,
            points: 5,
        })
        .collect();
    let (commands, scores) = asked(&server, guard.score(BatchId([1; 16]), &changes, now())).await;
    assert_eq!(scores.unwrap(), [5; 8]);
    assert_eq!(commands, ["EVALSHA"]);
    let tally = |n| Tally {
        series: SeriesKey::from_bytes([n; 16]),
        at: now(),
        count: 1,
    };
    let counts: Vec<_> = (0..100).map(tally).collect();
    let (commands, added) = asked(&server, tallies.add(BatchId([1; 16]), &counts, now())).await;
    added.unwrap();
    assert_eq!(commands, ["EVALSHA"]);
    // Fifteen days of each.
    let series: Vec<_> = counts.iter().map(|it| it.series).collect();
    let weeks = (now().minus(DAY * 14), now());
    let (commands, read) = asked(&server, tallies.read(&series, weeks.0, weeks.1)).await;
    assert!(read.unwrap().iter().all(|counts| counts.len() == 1 && counts[0].1 == 1));
    assert_eq!(commands, vec!["HGETALL"; 1_500]);
}

#[tokio::test]
async fn an_erasure_is_one_round_trip_whether_it_is_done_or_not() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let seen = write(&store, key_in(1, 1), None, &record(1, now(), Some(now())), now()).await;
    for (seen, is_gone) in [(Version(seen.0 ^ 1), false), (seen, true), (seen, true)] {
        let (commands, erased) = asked(&server, store.erase(key_in(1, 1), seen)).await;
        assert_eq!(erased.unwrap() == Erased::Gone, is_gone);
        assert_eq!(commands, ["EVALSHA"]);
    }
}
