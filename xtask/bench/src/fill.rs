//! Fills a Redis with recipients that are finished: what the service itself leaves of a few, copied under other keys.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::Outcome;
use crate::arena::Contestant;
use crate::load::{self, Span};
use crate::redis_server::{RedisServer, fault};

/// Recipients that are made by the service.
const PATTERNS: u64 = 64;
/// Keys that go to Redis in one piece.
const PIECE: u64 = 2_000;
/// The same keys in every run.
const SEED: u64 = 0x00c0_ffee;

/// One thing the service stored: where its key's own bytes begin, and what it holds.
struct Pattern {
    head: Vec<u8>,
    value: Vec<u8>,
    life: i64,
}

/// Sees to it that about `wanted` recipients with an approved verification are stored, besides those of the measuring.
///
/// An approval gives the phone's unanswered send back, so what is left of a recipient is its record. The copies have
/// the bytes and the life of real ones and keys that nobody asks for.
pub(crate) async fn fill(service: &Contestant, redis: &RedisServer, wanted: u64) -> Outcome<()> {
    if wanted == 0 {
        return Ok(());
    }
    let caller = &service.caller;
    caller.prepare(PATTERNS).await?;
    let checking = caller.clone();
    load::run(1, Span::Calls(PATTERNS), move |client| {
        let caller = checking.clone();
        async move { caller.check(client, 1).await }
    })
    .await?;
    caller.settle(service.process()).await?;
    let patterns = read(redis).await?;
    let copies = wanted.saturating_sub(PATTERNS);
    each_copy(redis, &patterns, copies, |pipeline, pattern, key| {
        let life = pattern.life;
        pipeline
            .cmd("SET")
            .arg(key)
            .arg(&pattern.value)
            .arg("PX")
            .arg(life)
            .ignore();
    })
    .await?;
    // Redis grows its tables a little with every call after the one that found them full. That belongs to the fill and
    // not to the first cell after it.
    each_copy(redis, &patterns, copies, |pipeline, _, key| {
        pipeline.cmd("PTTL").arg(key).ignore();
    })
    .await?;
    // Whatever the fill still owes the disk is not the first cell's.
    tokio::time::sleep(Duration::from_secs(2)).await;
    crate::target::idle(&redis.process).await
}

/// Asks something about every copy, a piece at a time; the same keys each time.
async fn each_copy(
    redis: &RedisServer,
    patterns: &[Pattern],
    copies: u64,
    ask: impl Fn(&mut redis::Pipeline, &Pattern, Vec<u8>),
) -> Outcome<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut connection = redis.connection();
    let mut left = copies;
    while left > 0 {
        let piece = left.min(PIECE);
        let mut pipeline = redis::pipe();
        for (_, pattern) in (0..piece).zip(patterns.iter().cycle()) {
            let mut key = pattern.head.clone();
            key.extend_from_slice(&random.random::<[u8; 16]>());
            ask(&mut pipeline, pattern, key);
        }
        let asked: Result<(), _> = pipeline.query_async(&mut connection).await;
        asked.map_err(|error| fault(&error))?;
        left -= piece;
    }
    Ok(())
}

/// The records that the service left.
async fn read(redis: &RedisServer) -> Outcome<Vec<Pattern>> {
    let mut connection = redis.connection();
    let keys: Result<Vec<Vec<u8>>, _> = redis::cmd("KEYS").arg("cs:{*}:r:*").query_async(&mut connection).await;
    let mut patterns = Vec::new();
    for key in keys.map_err(|error| fault(&error))? {
        let mut both = redis::pipe();
        both.cmd("GET").arg(&key).cmd("PTTL").arg(&key);
        let (value, life) = both.query_async(&mut connection).await.map_err(|error| fault(&error))?;
        let head = key[..key.len().saturating_sub(16)].to_vec();
        patterns.push(Pattern { head, value, life });
    }
    if patterns.is_empty() {
        return Err("the service left no records to copy".to_owned());
    }
    Ok(patterns)
}
