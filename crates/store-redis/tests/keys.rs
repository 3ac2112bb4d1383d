//! What is on the server: nothing but the keys that are documented, each with a life, and nothing in them or in the
//! append-only file that tells a phone or a code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::limit::{
    Charge, ChargeMode, KeyParts, LimitKey, LimitState, Quota, RuleName, SLICES, Taken, Window,
};
use countersign_domain::ports::{ChangeFeed, LimitStore, RecipientStore, Replaced, StoreError};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_redis::Redis;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, owed, recipient_with_everything};
use countersign_testkit::redis_server::RedisServer;

use crate::common::guard;
use crate::common::records::{key, key_in, record, write};
use crate::common::{code_keys, config, identity, instance_of, open};

const META_LIFE: i64 = 400 * 24 * 60 * 60 * 1000;
/// What a slow machine may take from a life before it is looked at, in milliseconds.
const SLACK: i64 = 20_000;

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap()
}

fn life(server: &RedisServer, key: &[u8]) -> i64 {
    server.ask(&[b"PTTL", key]).integer()
}

#[track_caller]
fn assert_lives(server: &RedisServer, key: &[u8], span: i64) {
    let life = life(server, key);
    let name = String::from_utf8_lossy(key);
    assert!(
        (span - SLACK..=span).contains(&life),
        "{name} lives {life} ms, and should live {span} ms"
    );
}

fn record_at(shard: u16, n: u32) -> Vec<u8> {
    [format!("cs:{{{shard}}}:r:").as_bytes(), key_in(shard, n).as_bytes()].concat()
}

fn charge(n: u8, quota: Quota) -> Charge {
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::from_bytes([n; 16]),
        quota,
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::MIN,
    }
}

fn rate() -> Quota {
    Quota::Rate {
        burst: NonZeroU32::new(10).unwrap(),
        interval: Duration::from_secs(3_600),
    }
}

fn budget() -> Quota {
    Quota::Budget {
        amount: NonZeroU64::new(10).unwrap(),
        window: Window::DAY,
    }
}

fn unfinished() -> Quota {
    Quota::Unfinished {
        amount: NonZeroU32::new(10).unwrap(),
        life: Duration::from_secs(600),
    }
}

fn limits_on(server: &RedisServer) -> Vec<Vec<u8>> {
    let keys = server.every_key().into_iter();
    keys.filter(|key| key.windows(3).any(|it| it == b":l:")).collect()
}

/// Everything an instance ever writes, at that moment.
async fn live(redis: &Redis, now: Timestamp) {
    let (store, limits, feed) = (redis.recipients(), redis.limits(), redis.feed());
    let hints = feed.subscribe(key(1)).await.unwrap();
    for n in 0..40 {
        let mut everything = recipient_with_everything();
        everything.changed_at = now;
        everything.keep_until = now.plus(DAY * (n + 1));
        let version = write(&store, key(n), None, &everything, now).await;
        let wake_at = (n % 3 > 0).then(|| now.plus(Duration::from_secs(u64::from(n))));
        write(&store, key(n), Some(version), &record(n, now, wake_at), now).await;
        assert!(matches!(
            store.replace(key(n), None, &record(n, now, None), now).await,
            Ok(Replaced::Conflict(_))
        ));
        feed.publish(key(n));
    }
    for n in 0..20 {
        let charges = [
            charge(n, rate()),
            charge(n + 100, budget()),
            charge(n + 40, unfinished()),
        ];
        limits.take(&charges, now).await.unwrap();
        limits.take(&charges, now).await.unwrap();
        limits.give_back(&owed(&charges, now), now).await.unwrap();
        limits
            .give_back(&owed(&[charge(n + 200, budget())], now), now)
            .await
            .unwrap();
        let gone = charge(n + 70, unfinished());
        limits.take(&[gone], now).await.unwrap();
        limits.give_back(&owed(&[gone], now), now).await.unwrap();
    }
    for shard in SHARDS.shards() {
        store.due(now.plus(DAY), shard, 100).await.unwrap();
    }
    store.backlog(now).await.unwrap();
    drop(hints);
}

/// Whether a key is one of those in the table of `keys.rs`.
fn is_documented(key: &[u8]) -> bool {
    if key == b"cs:meta" {
        return true;
    }
    SHARDS.shards().any(|shard| {
        let head = format!("cs:{{{}}}:", shard.number());
        let Some(rest) = key.strip_prefix(head.as_bytes()) else {
            return false;
        };
        let is_tally = rest.starts_with(b"t:") && rest.len() > 19 && rest[18] == b':';
        let is_digest = rest.len() == 18 && b"rlbspamn".contains(&rest[0]) && rest[1] == b':';
        rest == b"w" || rest == b"i" || is_tally || is_digest
    })
}

#[tokio::test]
async fn every_key_of_the_guard_is_documented_and_has_a_life() {
    let (server, redis) = open().await;
    guard::live(&redis, 40, now()).await.unwrap();
    let mut kinds = BTreeSet::new();
    for key in &server.every_key() {
        assert!(is_documented(key), "{}", String::from_utf8_lossy(key));
        assert!(life(&server, key) > 0, "{}", String::from_utf8_lossy(key));
        let kind = key.iter().position(|byte| *byte == b'}').map(|place| key[place + 2]);
        kinds.extend(kind.map(char::from));
    }
    assert_eq!(kinds, "abispmnt".chars().collect());
}

#[tokio::test]
async fn every_key_is_documented_and_has_a_life() {
    let (server, redis) = open().await;
    live(&redis, now()).await;
    let keys = server.every_key();
    for key in &keys {
        assert!(is_documented(key), "{}", String::from_utf8_lossy(key));
        assert!(life(&server, key) > 0, "{}", String::from_utf8_lossy(key));
    }
    // One of meta, forty records, sixty limits, and an index for each shard somebody has to be woken in.
    assert!((102..=117).contains(&keys.len()), "{}", keys.len());
    assert_lives(&server, b"cs:meta", META_LIFE);
}

#[tokio::test]
async fn a_life_counts_from_the_callers_now_in_1970_and_in_2100() {
    for now in [
        Timestamp::EPOCH.plus(DAY),
        now(),
        Timestamp::from_unix_millis(4_102_444_800_000),
    ] {
        let (server, redis) = open().await;
        let mut kept = record(1, now, Some(now));
        kept.keep_until = now.plus(DAY * 30);
        write(&redis.recipients(), key_in(1, 1), None, &kept, now).await;
        assert_lives(&server, &record_at(1, 1), millis(DAY * 30));
        assert_lives(&server, b"cs:{1}:w", millis(DAY * 31));

        redis
            .limits()
            .take(&[charge(1, rate()), charge(2, budget()), charge(3, unfinished())], now)
            .await
            .unwrap();
        let limits = limits_on(&server);
        let until_the_window_turns = 86_400_000 - i64::try_from(now.unix_millis() % 86_400_000).unwrap();
        assert_lives(&server, &limits[0], 3_600_000 + 300_000);
        assert_lives(&server, &limits[1], until_the_window_turns + 300_000);
        let of_the_slice = i64::try_from(now.unix_millis() % 60_000).unwrap();
        assert_lives(&server, &limits[2], 11 * 60_000 - of_the_slice + 300_000);
        for key in server.every_key() {
            assert!(life(&server, &key) > 0);
        }
    }
}

/// As text that instances of every version read; rates and budgets since the first.
#[tokio::test]
async fn a_limit_is_kept_as_its_file_says() {
    let (server, redis) = open().await;
    let limits = redis.limits();
    let at = now();
    let slice = at.unix_millis() / 60_000;
    let texts = [
        (rate(), (at.unix_millis() + 3_600_000).to_string()),
        (budget(), format!("{}:1", at.unix_millis() / 86_400_000)),
        (unfinished(), format!("{slice}/1")),
    ];
    for (n, (quota, text)) in (1..).zip(texts) {
        limits.take(&[charge(n, quota)], at).await.unwrap();
        let key = limits_on(&server)
            .into_iter()
            .find(|key| key.ends_with(&[n; 16]))
            .unwrap();
        assert_eq!(server.ask(&[b"GET", &key]).text(), text);
    }
    let later = charge(3, unfinished());
    for minutes in [0, 2, 2] {
        limits
            .take(&[later], at.plus(Duration::from_secs(60) * minutes))
            .await
            .unwrap();
    }
    let key = limits_on(&server)
        .into_iter()
        .find(|key| key.ends_with(&[3; 16]))
        .unwrap();
    assert_eq!(server.ask(&[b"GET", &key]).text(), format!("{}/2,0,2", slice + 2));
    let mut begun = [0; SLICES];
    begun[..3].copy_from_slice(&[2, 0, 2]);
    let newest = slice + 2;
    assert_eq!(
        limits.peek(&[later]).await.unwrap(),
        [Some(LimitState::Unfinished { newest, begun })]
    );
    // What is given back moves no end.
    server.ask(&[b"PEXPIRE", &key, b"500000"]);
    limits
        .give_back(&owed(&[later], at), at.plus(Duration::from_secs(120)))
        .await
        .unwrap();
    assert_eq!(server.ask(&[b"GET", &key]).text(), format!("{}/2,0,1", slice + 2));
    assert_lives(&server, &key, 500_000);
}

#[tokio::test]
async fn a_record_whose_time_is_over_when_it_is_written_goes_at_once_and_is_never_kept_for_ever() {
    let (server, redis) = open().await;
    let mut over = record(1, now(), Some(now()));
    over.keep_until = now().minus(DAY);
    write(&redis.recipients(), key_in(1, 1), None, &over, now()).await;
    let mut for_ever = record(1, now(), Some(now()));
    for_ever.keep_until = Timestamp::from_unix_millis(u64::MAX);
    write(&redis.recipients(), key_in(1, 2), None, &for_ever, now()).await;
    countersign_testkit::wait::eventually("the end of the record", async || {
        let gone = redis.recipients().load(key_in(1, 1)).await.unwrap().is_none();
        gone.then_some(())
    })
    .await;
    for key in server.every_key() {
        assert!((1..=1 << 41).contains(&life(&server, &key)));
    }
    assert_eq!(
        redis
            .recipients()
            .due(now(), key_in(1, 1).shard(SHARDS), 9)
            .await
            .unwrap(),
        [key_in(1, 2)]
    );
}

#[tokio::test]
async fn an_index_outlives_the_longest_record_in_it_whatever_the_order() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let mut longest = 0;
    for (n, days) in [(1, 1), (2, 40), (3, 2), (4, 41), (5, 400), (2, 1), (5, 1), (6, 3)] {
        let seen = store.load(key_in(1, n)).await.unwrap().map(|it| it.version);
        let mut new = record(n, now(), Some(now()));
        new.keep_until = now().plus(DAY * days);
        write(&store, key_in(1, n), seen, &new, now()).await;
        longest = longest.max(days);
        let index = life(&server, b"cs:{1}:w");
        for n in 1..=6 {
            assert!(life(&server, &record_at(1, n)) <= index, "record {n}, index {index}");
        }
    }
    // Emptied and filled again, it has a life again.
    for n in 1..=6 {
        let seen = store.load(key_in(1, n)).await.unwrap().map(|it| it.version);
        write(&store, key_in(1, n), seen, &record(n, now(), None), now()).await;
    }
    assert_eq!(life(&server, b"cs:{1}:w"), -2);
    let seen = store.load(key_in(1, 1)).await.unwrap().map(|it| it.version);
    write(&store, key_in(1, 1), seen, &record(1, now(), Some(now())), now()).await;
    assert!(life(&server, b"cs:{1}:w") >= life(&server, &record_at(1, 1)));
}

#[tokio::test]
async fn due_lists_nobody_whose_record_is_gone_and_takes_them_out() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let shard = key_in(1, 0).shard(SHARDS);
    for n in 0..10 {
        write(&store, key_in(1, n), None, &record(n, now(), Some(now())), now()).await;
    }
    for n in 0..9 {
        server.ask(&[b"DEL", &record_at(1, n)]);
    }
    // One is written again meanwhile, and keeps its place.
    write(&store, key_in(1, 3), None, &record(3, now(), Some(now())), now()).await;
    let mut due = store.due(now(), shard, 100).await.unwrap();
    due.sort_unstable();
    assert_eq!(due, [key_in(1, 3), key_in(1, 9)]);
    assert_eq!(server.ask_text("ZCARD cs:{1}:w").integer(), 2);
    assert_eq!(store.backlog(now()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_record_written_while_its_ghost_is_taken_out_keeps_its_place() {
    let (server, redis) = open().await;
    let store = std::sync::Arc::new(redis.recipients());
    let shard = key_in(1, 0).shard(SHARDS);
    for round in 0..200 {
        let seen = store.load(key_in(1, 1)).await.unwrap().map(|it| it.version);
        write(&*store, key_in(1, 1), seen, &record(1, now(), Some(now())), now()).await;
        server.ask(&[b"DEL", &record_at(1, 1)]);
        let new = record(round, now(), Some(now()));
        let (due, version) = tokio::join!(
            store.due(now(), shard, 9),
            write(&*store, key_in(1, 1), None, &new, now())
        );
        due.unwrap();
        assert_eq!(store.load(key_in(1, 1)).await.unwrap().unwrap().version, version);
        assert_eq!(
            store.due(now(), shard, 9).await.unwrap(),
            [key_in(1, 1)],
            "round {round}"
        );
    }
}

#[tokio::test]
async fn a_record_of_another_identity_is_corrupt_and_names_no_wrong_phone() {
    let (server, redis) = open().await;
    write(&redis.recipients(), key_in(1, 1), None, &record(1, now(), None), now()).await;
    server.ask_text("DEL cs:meta");
    let stranger = instance_of(&config(&server), SHARDS, &identity(2), &code_keys(&[("k1", 1)]));
    stranger.look().await.unwrap();
    let loaded = stranger.recipients().load(key_in(1, 1)).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{loaded:?}");
    let replaced = stranger
        .recipients()
        .replace(key_in(1, 1), None, &record(2, now(), None), now())
        .await;
    assert!(matches!(replaced, Err(StoreError::Corrupt(_))), "{replaced:?}");
    // Another recipient's record under this one's name is no better.
    server.ask_text("DEL cs:meta");
    let copied = server.ask(&[b"COPY", &record_at(1, 1), &record_at(1, 2)]);
    assert_eq!(copied.integer(), 1);
    let loaded = redis.recipients().load(key_in(1, 2)).await;
    assert!(matches!(loaded, Err(StoreError::Corrupt(_))), "{loaded:?}");
}

#[tokio::test]
async fn a_record_that_was_cut_or_changed_anywhere_is_corrupt_or_another_record_and_never_a_panic() {
    let (server, redis) = open().await;
    let store = redis.recipients();
    let everything = recipient_with_everything();
    write(&store, key_in(1, 1), None, &everything, now()).await;
    let bytes = server.ask(&[b"GET", &record_at(1, 1)]).bytes().to_vec();
    for length in (0..bytes.len()).step_by(7).chain(bytes.len() - 10..bytes.len()) {
        server.ask(&[b"SET", &record_at(1, 1), &bytes[..length], b"PX", b"100000"]);
        let loaded = store.load(key_in(1, 1)).await;
        assert!(
            matches!(loaded, Err(StoreError::Corrupt(_))),
            "{length} bytes: {loaded:?}"
        );
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x55;
        server.ask(&[b"SET", &record_at(1, 1), &changed, b"PX", b"100000"]);
        match store.load(key_in(1, 1)).await {
            Err(StoreError::Corrupt(_)) => {}
            Ok(Some(there)) => assert_eq!(there.recipient.phone, everything.phone, "byte {place}"),
            other => panic!("byte {place}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn keys_of_another_type_and_states_that_are_none_are_errors_or_nothing_and_never_a_panic() {
    let (server, redis) = open().await;
    let (store, limits) = (redis.recipients(), redis.limits());
    server.ask(&[b"LPUSH", &record_at(1, 1), b"x"]);
    assert!(store.load(key_in(1, 1)).await.is_err());
    assert!(
        store
            .replace(key_in(1, 1), None, &record(1, now(), None), now())
            .await
            .is_err()
    );

    limits.take(&[charge(1, budget())], now()).await.unwrap();
    let limit = limits_on(&server).remove(0);
    server.ask(&[b"DEL", &limit]);
    server.ask(&[b"LPUSH", &limit, b"x"]);
    assert_eq!(limits.peek(&[charge(1, budget())]).await.unwrap(), [None]);
    assert!(
        limits
            .give_back(&owed(&[charge(1, budget())], now()), now())
            .await
            .is_err()
    );
    // What is no string is no state, and the next charge takes its place.
    limits.take(&[charge(1, budget())], now()).await.unwrap();
    assert!(limits.peek(&[charge(1, budget())]).await.unwrap()[0].is_some());
    for odd in [
        &b"\xff\xfe"[..],
        b"",
        b"nan",
        b"inf",
        b"-1",
        b"1e300",
        b"0x10",
        b"1:2:3",
        b"99999999999999999999:1",
        b"1:99999999999999999999",
        b"/",
        b"1/",
        b"1/,",
        b"99999999999999999999/1",
    ] {
        for quota in [rate(), budget(), unfinished()] {
            let name = String::from_utf8_lossy(odd);
            server.ask(&[b"SET", &limit, odd, b"PX", b"100000"]);
            assert_eq!(limits.peek(&[charge(1, quota)]).await.unwrap(), [None], "{name}");
            limits
                .give_back(&owed(&[charge(1, quota)], now()), now())
                .await
                .unwrap();
            let taken = limits.take(&[charge(1, quota)], now()).await.unwrap();
            assert!(
                matches!(&taken, Taken::All(all) if all[0].remaining.left == 9),
                "{name}: {taken:?}"
            );
            assert!(life(&server, &limit) > 0, "{name}");
        }
    }

    // What is no recipient's name in an index is passed over.
    server.ask_text("ZADD cs:{2}:w 1 short");
    write(&store, key_in(2, 1), None, &record(1, now(), Some(now())), now()).await;
    assert_eq!(
        store.due(now(), key_in(2, 1).shard(SHARDS), 9).await.unwrap(),
        [key_in(2, 1)]
    );
}
