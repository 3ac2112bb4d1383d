//! Everything a Redis server holds.

use countersign_testkit::redis_server::{RedisServer, Reply};

/// Bytes that are at rest, and where.
pub(crate) struct Held {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

/// Every key, with what it holds as it is and as Redis writes it into a file, and the append-only file.
pub(crate) fn everything(redis: &RedisServer) -> Vec<Held> {
    let mut everything = vec![Held {
        place: "the append-only file".to_owned(),
        bytes: redis.appended(),
    }];
    for key in redis.every_key() {
        let kind = redis.ask(&[b"TYPE", &key]).text().to_owned();
        let value = match kind.as_str() {
            "string" => redis.ask(&[b"GET", &key]),
            "hash" => redis.ask(&[b"HGETALL", &key]),
            "zset" => redis.ask(&[b"ZRANGE", &key, b"0", b"-1", b"WITHSCORES"]),
            other => panic!("{} is a {other}, which nobody here writes", key.escape_ascii()),
        };
        let mut hold = |what: &str, bytes: Vec<u8>| {
            let place = format!("{what} {}", key.escape_ascii());
            everything.push(Held { place, bytes });
        };
        hold("the key", key.clone());
        hold("the value of", flat(&value));
        hold("the dump of", redis.ask(&[b"DUMP", &key]).bytes().to_vec());
    }
    everything
}

/// The keys that live for ever.
pub(crate) fn immortal(redis: &RedisServer) -> Vec<String> {
    let keys = redis.every_key().into_iter();
    let immortal = keys.filter(|key| redis.ask(&[b"PTTL", key]).integer() <= 0);
    immortal.map(|key| key.escape_ascii().to_string()).collect()
}

fn flat(reply: &Reply) -> Vec<u8> {
    match reply {
        Reply::Array(items) => items.iter().flat_map(|item| [flat(item), vec![0]].concat()).collect(),
        Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?} is no value"),
    }
}
