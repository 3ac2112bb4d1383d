//! What the guard keeps on the server: how long it lives, how large it is, and what becomes of it when somebody else was
//! there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use countersign_domain::guard::{BucketKey, PersonKey, SeriesKey};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, StoreError, Tally, TallyStore};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_redis::guard::RedisGuard;
use countersign_testkit::fixture::now;
use countersign_testkit::redis_server::RedisServer;

use crate::common::guard::{block, bucket_in, bytes_in};
use crate::common::{open, open_on};

const DAY_MILLIS: i64 = 86_400_000;
/// What a slow machine may take from a life before it is looked at, in milliseconds.
const SLACK: i64 = 20_000;
/// What the life of a key takes, and its place among all keys, in bytes.
const LIFE: i64 = 45;

fn name(shard: u16, kind: &str, n: u32) -> Vec<u8> {
    [format!("cs:{{{shard}}}:{kind}:").as_bytes(), &bytes_in(shard, n)].concat()
}

#[track_caller]
fn assert_lives(server: &RedisServer, key: &[u8], span: i64) {
    let life = server.ask(&[b"PTTL", key]).integer();
    let name = String::from_utf8_lossy(key);
    assert!(
        (span - SLACK..=span).contains(&life),
        "{name} lives {life} ms, and should live {span} ms"
    );
}

fn change(bucket: BucketKey, points: i64) -> ScoreChange {
    ScoreChange { bucket, points }
}

fn tally(shard: u16, n: u32, at: Timestamp) -> Tally {
    Tally {
        series: SeriesKey::from_bytes(bytes_in(shard, n)),
        at,
        count: 1,
    }
}

/// Writes a block over nothing, for that many days.
async fn put(store: &RedisGuard, shard: u16, n: u32, raised_at: Timestamp, days: u32) {
    let new = block("+551198765", raised_at);
    let seen = store.look(&[bucket_in(shard, n)], None).await.unwrap().blocks.remove(0);
    let seen = seen.map(|it| it.version);
    let until = now().plus(DAY * days);
    let written = store.replace(bucket_in(shard, n), seen, Some(&new), until, now()).await;
    assert!(written.unwrap());
}

#[tokio::test]
async fn every_life_counts_from_the_callers_now_in_1970_and_in_2100() {
    for now in [Timestamp::EPOCH, now(), Timestamp::from_unix_millis(4_102_444_800_000)] {
        let (server, redis) = open().await;
        let (guard, bucket) = (redis.guard(), bucket_in(1, 1));
        let until = now.plus(DAY * 30);
        let new = block("+551198765", now);
        assert!(guard.replace(bucket, None, Some(&new), until, now).await.unwrap());
        guard
            .score(BatchId(bytes_in(1, 2)), &[change(bucket, 5)], now)
            .await
            .unwrap();
        guard
            .remember(PersonKey::from_bytes(bytes_in(1, 3)), until, now)
            .await
            .unwrap();
        let (person, line) = (PersonKey::from_bytes(bytes_in(1, 3)), PersonKey::from_bytes([9; 16]));
        guard.learn_line(person, line, until, now).await.unwrap();
        let tallies = [tally(1, 5, now)];
        redis
            .tallies()
            .add(BatchId(bytes_in(1, 4)), &tallies, now)
            .await
            .unwrap();

        assert_lives(&server, &name(1, "b", 1), DAY_MILLIS * 30);
        assert_lives(&server, b"cs:{1}:i", DAY_MILLIS * 31);
        assert_lives(&server, &name(1, "s", 1), DAY_MILLIS * 35);
        assert_lives(&server, &name(1, "m", 2), 20 * 60_000);
        assert_lives(&server, &name(1, "p", 3), DAY_MILLIS * 30);
        assert_lives(&server, &name(1, "a", 3), DAY_MILLIS * 30);
        assert_lives(&server, &name(1, "n", 4), 20 * 60_000);
        let (day, rest) = (now.unix_millis() / 86_400_000, now.unix_millis() % 86_400_000);
        let tallies = [name(1, "t", 5), format!(":{day}").into_bytes()].concat();
        let until_midnight = DAY_MILLIS - i64::try_from(rest).unwrap();
        assert_lives(&server, &tallies, until_midnight + DAY_MILLIS * 35 + 3_600_000);
    }
}

#[tokio::test]
async fn a_score_lives_35_days_from_its_last_change_and_a_score_of_zero_not_at_all() {
    let (server, redis) = open().await;
    let (guard, bucket) = (redis.guard(), bucket_in(1, 1));
    for (n, points) in (0..).zip([5, 3, -1]) {
        guard
            .score(BatchId(bytes_in(1, n)), &[change(bucket, points)], now())
            .await
            .unwrap();
        assert_lives(&server, &name(1, "s", 1), DAY_MILLIS * 35);
        server.ask(&[b"PEXPIRE", &name(1, "s", 1), b"100000"]);
    }
    // Neither a repetition nor a look is a change.
    guard
        .score(BatchId(bytes_in(1, 0)), &[change(bucket, 5)], now())
        .await
        .unwrap();
    assert_eq!(guard.scores(&[bucket]).await.unwrap(), [7]);
    assert_lives(&server, &name(1, "s", 1), 100_000);
    guard
        .score(BatchId(bytes_in(1, 9)), &[change(bucket, -7)], now())
        .await
        .unwrap();
    assert_eq!(server.ask(&[b"EXISTS", &name(1, "s", 1)]).integer(), 0);
}

#[tokio::test]
async fn an_index_of_blocks_outlives_the_longest_block_in_it_whatever_the_order() {
    let (server, redis) = open().await;
    let guard = redis.guard();
    for (n, days) in [(1, 1), (2, 40), (3, 2), (4, 41), (5, 400), (2, 1), (5, 1), (6, 3)] {
        put(&guard, 1, n, now(), days).await;
        let index = server.ask_text("PTTL cs:{1}:i").integer();
        for n in 1..=6 {
            let block = server.ask(&[b"PTTL", &name(1, "b", n)]).integer();
            assert!(block <= index, "block {n} lives {block}, the index {index}");
        }
    }
    assert_eq!(server.ask_text("ZCARD cs:{1}:i").integer(), 6);
}

#[tokio::test]
async fn a_block_that_outlived_its_time_is_listed_no_more_and_takes_no_place_from_others() {
    let (server, redis) = open().await;
    let guard = redis.guard();
    for n in 0..20 {
        let raised_at = now().plus(DAY * n);
        put(&guard, u16::try_from(n % 3).unwrap(), n, raised_at, 90).await;
    }
    for n in 5..20 {
        server.ask(&[b"DEL", &name(u16::try_from(n % 3).unwrap(), "b", n)]);
    }
    // One is raised again meanwhile, and keeps its place.
    put(&guard, 1, 7, now().plus(DAY * 7), 90).await;
    let listed = guard.blocks(3).await.unwrap();
    let raised: Vec<_> = listed.iter().map(|it| it.block.raised_at).collect();
    assert_eq!(raised, [7, 4, 3].map(|n| now().plus(DAY * n)));
    assert_eq!(guard.blocks(100).await.unwrap().len(), 6);
    let left: i64 = (0..3)
        .map(|shard| server.ask_text(&format!("ZCARD cs:{{{shard}}}:i")).integer())
        .sum();
    assert_eq!(left, 6);
}

#[tokio::test]
async fn what_another_instance_raised_is_seen_at_once() {
    let (server, redis) = open().await;
    let other = open_on(&server).await;
    put(&redis.guard(), 1, 1, now(), 1).await;
    let view = other.guard().look(&[bucket_in(1, 1)], None).await.unwrap();
    assert_eq!(
        view.blocks[0].as_ref().map(|it| &it.block),
        Some(&block("+551198765", now()))
    );
}

#[tokio::test]
async fn a_block_that_was_cut_or_is_another_buckets_is_corrupt_and_keys_of_another_type_are_never_a_panic() {
    let (server, redis) = open().await;
    let guard = redis.guard();
    put(&guard, 1, 1, now(), 1).await;
    let bytes = server.ask(&[b"GET", &name(1, "b", 1)]).bytes().to_vec();
    for (n, stored) in [(1, &bytes[..bytes.len() - 1]), (1, &bytes[..4]), (2, &bytes[..])] {
        server.ask(&[b"SET", &name(1, "b", n), stored, b"PX", b"100000"]);
        let looked = guard.look(&[bucket_in(1, n)], None).await;
        assert!(matches!(looked, Err(StoreError::Corrupt(_))), "{looked:?}");
    }
    for kind in ["b", "s"] {
        server.ask(&[b"DEL", &name(1, kind, 1)]);
        server.ask(&[b"LPUSH", &name(1, kind, 1), b"x"]);
    }
    // A line that was cut is an error, too: taken for none, it would have a budget more.
    let person = PersonKey::from_bytes(bytes_in(1, 3));
    server.ask(&[b"SET", &name(1, "a", 3), &[9; 15], b"PX", b"100000"]);
    let looked = guard.look(&[], Some(person)).await;
    assert!(matches!(looked, Err(StoreError::Corrupt(_))), "{looked:?}");
    let bucket = bucket_in(1, 1);
    assert_eq!(guard.look(&[bucket], None).await.unwrap().blocks, [None]);
    assert_eq!(guard.scores(&[bucket]).await.unwrap(), [0]);
    assert!(guard.replace(bucket, None, None, now(), now()).await.is_err());
    assert!(
        guard
            .score(BatchId([1; 16]), &[change(bucket, 1)], now())
            .await
            .is_err()
    );
    server.ask(&[b"DEL", &name(1, "b", 2)]);
    // The index still names the one whose key is of another type. It ends all the same.
    assert_eq!(guard.blocks(10).await.unwrap(), []);
    let odd = [
        &b"\xff\xfe"[..],
        b"",
        b"nan",
        b"inf",
        b"-1",
        b"1e300",
        b"0x10",
        b"99999999999999999999",
    ];
    for (n, odd) in (0..).zip(odd) {
        server.ask(&[b"SET", &name(1, "s", 1), odd, b"PX", b"100000"]);
        guard.scores(&[bucket]).await.unwrap();
        let batch = BatchId(bytes_in(3, n));
        let after = guard.score(batch, &[change(bucket, 1)], now()).await.unwrap();
        assert!(after[0] >= 1, "{after:?}");
        assert!(server.ask(&[b"PTTL", &name(1, "s", 1)]).integer() > 0);
    }
}

#[tokio::test]
async fn when_memory_is_full_batches_and_blocks_are_written_whole_later_or_not_at_all() {
    let (server, redis) = open().await;
    let (guard, tallies) = (redis.guard(), redis.tallies());
    put(&guard, 1, 1, now(), 1).await;
    let before = guard.look(&[bucket_in(1, 1)], None).await.unwrap();
    let changes = [change(bucket_in(1, 1), 5), change(bucket_in(2, 1), 6)];
    let counts = [tally(1, 1, now()), tally(2, 1, now())];
    let (batch, keys) = (BatchId([1; 16]), [bucket_in(1, 1), bucket_in(2, 1)]);
    let series = counts.map(|it| it.series);
    server.ask_text("CONFIG SET maxmemory 1");
    assert!(guard.score(batch, &changes, now()).await.is_err());
    assert!(tallies.add(batch, &counts, now()).await.is_err());
    let new = block("+123", now());
    let seen = before.blocks[0].as_ref().map(|it| it.version);
    let replaced = guard.replace(keys[0], seen, Some(&new), now().plus(DAY), now()).await;
    assert!(replaced.is_err());
    assert_eq!(guard.scores(&keys).await.unwrap(), [0, 0]);
    assert_eq!(guard.look(&keys[..1], None).await.unwrap(), before);
    assert_eq!(tallies.read(&series, now(), now()).await.unwrap(), [[], []]);
    server.ask_text("CONFIG SET maxmemory 0");
    redis.look().await.unwrap();
    assert_eq!(guard.score(batch, &changes, now()).await.unwrap(), [5, 6]);
    tallies.add(batch, &counts, now()).await.unwrap();
    let read = tallies.read(&series, now(), now()).await.unwrap();
    assert!(read.iter().all(|it| it.len() == 1));
}

#[tokio::test]
async fn what_the_guard_keeps_is_as_large_as_keys_rs_says() {
    let (server, redis) = open().await;
    let (guard, tallies) = (redis.guard(), redis.tallies());
    for n in 0..1_000 {
        put(&guard, 1, n, now(), 1).await;
        guard
            .score(BatchId(bytes_in(1, n)), &[change(bucket_in(1, n), 14_000)], now())
            .await
            .unwrap();
        guard
            .remember(PersonKey::from_bytes(bytes_in(1, n)), now().plus(DAY), now())
            .await
            .unwrap();
        let (person, line) = (PersonKey::from_bytes(bytes_in(1, n)), PersonKey::from_bytes([9; 16]));
        guard.learn_line(person, line, now().plus(DAY), now()).await.unwrap();
    }
    let midnight = Timestamp::from_unix_millis(now().unix_millis() / 86_400_000 * 86_400_000);
    let hours: Vec<_> = (0..24)
        .map(|hour| Tally {
            count: 100_000,
            ..tally(1, 1, midnight.plus(DAY / 24 * hour))
        })
        .collect();
    tallies.add(BatchId(bytes_in(1, 1)), &hours, now()).await.unwrap();
    let size = |key: &[u8]| server.ask(&[b"MEMORY", b"USAGE", key, b"SAMPLES", b"0"]).integer();
    let day = format!(":{}", now().unix_millis() / 86_400_000);
    let sizes = [
        size(&name(1, "b", 1)),
        size(b"cs:{1}:i") / 1_000,
        size(&name(1, "s", 1)),
        size(&name(1, "p", 1)),
        size(&name(1, "a", 1)),
        size(&[name(1, "t", 1), day.into_bytes()].concat()),
        size(&name(1, "m", 1)),
        size(&name(1, "n", 1)),
    ];
    println!("block, index, score, person, line, day of tallies, batches: {sizes:?}");
    // In keys.rs, less the life of each key, of which the command says nothing.
    let most = [
        185 - LIFE,
        120,
        120 - LIFE,
        120 - LIFE,
        155 - LIFE,
        390 - LIFE,
        120 - LIFE,
        120 - LIFE,
    ];
    assert!(sizes.iter().zip(&most).all(|(size, most)| size <= most), "{sizes:?}");
}
