//! What recipients leave in Redis: bytes of each in all, and which keys there are, how large they are and how long they
//! live.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::time::sleep;

use crate::Outcome;
use crate::arena::Contestant;
use crate::cost::{IDLE, PIECE};
use crate::load::{self, Span};
use crate::redis_server::{RedisServer, fault};
use crate::stats::{length, median, number};
use crate::table::{set, short, whole};

/// Recipients whose bytes are measured.
const RECIPIENTS: u64 = 20_000;
/// Checks in flight while they are approved.
const CHECKING: usize = 64;
/// Keys of one kind that are looked at.
const LOOKED_AT: usize = 2_000;

/// What stays in Redis of one recipient whose message was accepted and not yet answered. Each has an address and a device
/// of its own, and few share a network.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Footprint {
    /// The contestant.
    pub(crate) target: &'static str,
    /// How many there were.
    pub(crate) recipients: u64,
    /// Bytes of `used_memory` for each.
    pub(crate) bytes_each: f64,
    /// The same once all are approved; their places in the index are still there, because no webhook told of delivery.
    pub(crate) approved_bytes_each: f64,
    /// Keys for each, while open.
    pub(crate) keys_each: f64,
    /// The kinds of keys while open.
    pub(crate) open: Vec<KeyKind>,
    /// The kinds of keys once approved.
    pub(crate) approved: Vec<KeyKind>,
}

/// Keys of one kind.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KeyKind {
    /// Its letter in `crates/store-redis/src/keys.rs`.
    pub(crate) letter: char,
    /// How many there are for each recipient.
    pub(crate) keys_each: f64,
    /// Bytes of one, as `MEMORY USAGE` says.
    pub(crate) bytes: f64,
    /// Seconds the median of them has to live, and the longest.
    pub(crate) life: f64,
    pub(crate) life_max: f64,
}

/// Measures what recipients leave in Redis, with their keys, their index and their limits.
pub(crate) async fn measure(service: &Contestant, redis: &RedisServer) -> Outcome<Footprint> {
    // The first ones make the keys of which there is one each.
    service.caller.fresh(64).await?;
    let (bytes, keys) = (used_memory(service, redis).await?, redis.keys().await?);
    let mut made = 0;
    while made < RECIPIENTS {
        let piece = PIECE.min(RECIPIENTS - made);
        made += piece;
        service.caller.prepare(made).await?;
    }
    let open_bytes = used_memory(service, redis).await?.saturating_sub(bytes);
    let keys = redis.keys().await?.saturating_sub(keys);
    let open = kinds(redis).await?;
    let approving = service.caller.clone();
    load::run(CHECKING, Span::Calls(RECIPIENTS), move |client| {
        let caller = approving.clone();
        async move { caller.check(client, CHECKING).await }
    })
    .await?;
    let approved_bytes = used_memory(service, redis).await?.saturating_sub(bytes);
    Ok(Footprint {
        target: service.name,
        recipients: RECIPIENTS,
        bytes_each: number(open_bytes) / number(RECIPIENTS),
        approved_bytes_each: number(approved_bytes) / number(RECIPIENTS),
        keys_each: number(keys) / number(RECIPIENTS),
        open,
        approved: kinds(redis).await?,
    })
}

/// Everything as text.
pub(crate) fn words(footprints: &[Footprint]) -> String {
    let mut paragraphs = Vec::new();
    let mut rows = Vec::new();
    for footprint in footprints {
        let (bytes, keys) = (whole(footprint.bytes_each), short(footprint.keys_each));
        paragraphs.push(format!(
            "\nMemory of Redis, {}: {bytes} bytes and {keys} keys for each of {} recipients with one open verification \
             whose\nmessage was accepted, with Redis' own share; {} once all are approved.\n",
            footprint.target,
            footprint.recipients,
            whole(footprint.approved_bytes_each),
        ));
        for (state, kinds) in [("open", &footprint.open), ("approved", &footprint.approved)] {
            rows.extend(kinds.iter().map(|kind| {
                vec![
                    footprint.target.to_owned(),
                    state.to_owned(),
                    kind.letter.to_string(),
                    short(kind.keys_each),
                    whole(kind.bytes),
                    whole(kind.life),
                    whole(kind.life_max),
                ]
            }));
        }
    }
    let header = [
        "target",
        "state",
        "key",
        "keys each",
        "bytes of one",
        "life s",
        "longest s",
    ];
    format!("{}\n{}", paragraphs.concat(), set(&header, 3, &rows))
}

/// The keys by their kind.
async fn kinds(redis: &RedisServer) -> Outcome<Vec<KeyKind>> {
    let mut connection = redis.connection();
    let keys: Result<Vec<Vec<u8>>, _> = redis::cmd("KEYS").arg("cs:{*").query_async(&mut connection).await;
    let mut by_letter: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
    for key in keys.map_err(|error| fault(&error))? {
        let letter = key.iter().position(|it| *it == b'}').and_then(|end| key.get(end + 2));
        if let Some(letter) = letter.copied() {
            by_letter.entry(letter).or_default().push(key);
        }
    }
    let mut kinds = Vec::new();
    for (letter, keys) in by_letter {
        let mut questions = redis::pipe();
        for key in keys.iter().step_by(keys.len().div_ceil(LOOKED_AT)) {
            questions.cmd("MEMORY").arg("USAGE").arg(key).cmd("PTTL").arg(key);
        }
        let answers: Result<Vec<Option<i64>>, _> = questions.query_async(&mut connection).await;
        let answers = answers.map_err(|error| fault(&error))?;
        let (pairs, _) = answers.as_chunks::<2>();
        let of = |place: usize| {
            let values = pairs.iter().filter_map(move |pair| u64::try_from(pair[place]?).ok());
            values.map(number)
        };
        kinds.push(KeyKind {
            letter: char::from(letter),
            keys_each: length(&keys) / number(RECIPIENTS),
            bytes: median(of(0)).unwrap_or_default(),
            life: median(of(1)).unwrap_or_default() / 1e3,
            life_max: of(1).fold(0.0, f64::max) / 1e3,
        });
    }
    Ok(kinds)
}

/// The bytes Redis holds, once what it has yet to write to its file is written.
async fn used_memory(service: &Contestant, redis: &RedisServer) -> Outcome<u64> {
    service.caller.settle(service.process()).await?;
    sleep(IDLE).await;
    let info = redis.info().await?;
    info.number("used_memory")
        .ok_or_else(|| "Redis does not say how much memory it uses".to_owned())
}
