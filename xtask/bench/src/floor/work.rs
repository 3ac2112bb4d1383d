//! The round trips of a start and a check, and nothing else: the service's scripts, keys and values of its lengths. Each
//! write is told on a channel behind the answer, those of one moment together, as the service does.

use std::net::SocketAddr;
use std::sync::Arc;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, Script, Value};
use tokio::sync::{Semaphore, mpsc};

use crate::Outcome;
use crate::clock::wall_millis;
use crate::exchange::Exchange;
use crate::options::FloorOptions;
use crate::redis_server::fault;
use crate::service::{META_TOKEN, PHONE_NUMBER_ID};

/// Hash tags the keys are spread over.
const SHARDS: u8 = 16;
/// Messages on their way at a time, as in the service.
const SENDING_MAX: usize = 256;
/// Changes that are published in one round trip, as in the service.
const PUBLISHED_MAX: usize = 256;
/// Milliseconds a record lives, and an index: the ten minutes of a code and the day after it; one more day.
const RECORD_LIFE: u64 = 87_000_000;
const INDEX_LIFE: u64 = RECORD_LIFE + 86_400_000;
/// Milliseconds one unanswered send counts, how many there may be, and how long their state is kept beyond that.
const SILENCE: u64 = 86_400_000;
const UNANSWERED_MAX: u64 = 10;
const GRACE: u64 = 300_000;

/// What stands behind a floor that works.
#[derive(Clone)]
pub(super) struct Work(Arc<Shared>);

struct Shared {
    redis: ConnectionManager,
    swap: String,
    take: String,
    give_back: String,
    http: Exchange,
    url: String,
    authorization: String,
    reference: String,
    record: Vec<u8>,
    sending: Semaphore,
    changed: mpsc::UnboundedSender<[u8; 16]>,
}

impl Work {
    /// Connects and loads the scripts.
    pub(super) async fn connect(redis: &str, sink: SocketAddr, options: &FloorOptions) -> Outcome<Self> {
        let client = Client::open(redis).map_err(|error| fault(&error))?;
        // A time-out for every answer would be a timer for every answer: the clients have one.
        let config = ConnectionManagerConfig::new().set_response_timeout(None);
        let redis = ConnectionManager::new_with_config(client, config).await;
        let mut redis = redis.map_err(|error| fault(&error))?;
        let mut hashes = Vec::new();
        for text in [
            include_str!("../../../../crates/store-redis/src/lua/swap.lua"),
            include_str!("../../../../crates/store-redis/src/lua/take.lua"),
            include_str!("../../../../crates/store-redis/src/lua/give_back.lua"),
        ] {
            let loaded: Result<String, _> = Script::new(text).prepare_invoke().load_async(&mut redis).await;
            hashes.push(loaded.map_err(|error| fault(&error))?);
        }
        let [swap, take, give_back] = <[String; 3]>::try_from(hashes).unwrap_or_default();
        let (changed, batches) = mpsc::unbounded_channel();
        tokio::spawn(publish(batches, redis.clone()));
        Ok(Self(Arc::new(Shared {
            redis,
            swap,
            take,
            give_back,
            http: Exchange::new(),
            url: format!("http://{sink}/v23.0/{PHONE_NUMBER_ID}/messages"),
            authorization: format!("Bearer {META_TOKEN}"),
            reference: "r".repeat(options.reference_bytes),
            record: vec![0xa5; options.record_bytes.saturating_sub(8)],
            sending: Semaphore::new(SENDING_MAX),
            changed,
        })))
    }

    /// What a start does: looks for a line, reads nothing, takes one charge, writes a record; sends behind the answer
    /// and writes again.
    pub(super) async fn start(&self, phone: String) -> Outcome<[u8; 16]> {
        let key = key_for(&phone);
        let record = name(key, b'r');
        let mut look = redis::cmd("MGET");
        look.arg(name(key, b'p')).arg(name(key, b'a'));
        let _: Vec<Option<Vec<u8>>> = ask(&self.0.redis, &look).await?;
        let found: Option<Vec<u8>> = ask(&self.0.redis, redis::cmd("GET").arg(&record)).await?;
        if found.is_some() {
            return Err("a fresh number has a record".to_owned());
        }
        let now = wall_millis();
        let mut take = redis::cmd("EVALSHA");
        take.arg(&self.0.take).arg(1).arg(name(key, b'l')).arg(now).arg(GRACE);
        take.arg("rate")
            .arg("refuse")
            .arg(SILENCE * UNANSWERED_MAX)
            .arg(SILENCE);
        let taken: Vec<Value> = ask(&self.0.redis, &take).await?;
        if taken.first() != Some(&Value::Int(0)) {
            return Err("a fresh number was refused".to_owned());
        }
        self.swap(key, Vec::new(), Some(now + 15_000)).await?;
        let work = self.clone();
        tokio::spawn(async move {
            if let Err(message) = work.send(key, &phone).await {
                eprintln!("floor: {message}");
            }
        });
        Ok(key)
    }

    /// What a check does: reads and writes the record; gives the charge back behind the answer.
    pub(super) async fn check(&self, key: [u8; 16]) -> Outcome<()> {
        let found: Option<Vec<u8>> = ask(&self.0.redis, redis::cmd("GET").arg(name(key, b'r'))).await?;
        let mut seen = found.ok_or("a record is missing")?;
        seen.truncate(8);
        self.swap(key, seen, None).await?;
        let work = self.clone();
        tokio::spawn(async move {
            let mut give_back = redis::cmd("EVALSHA");
            give_back.arg(&work.0.give_back).arg(1).arg(name(key, b'l'));
            give_back.arg("rate").arg(&[SILENCE, 0, 0, 0]);
            if let Err(message) = ask::<()>(&work.0.redis, &give_back).await {
                eprintln!("floor: {message}");
            }
        });
        Ok(())
    }

    async fn send(&self, key: [u8; 16], phone: &str) -> Outcome<()> {
        let place = self.0.sending.acquire().await.map_err(|error| error.to_string())?;
        let header = ("authorization", &self.0.authorization[..]);
        self.0.http.post(&self.0.url, header, self.message(phone)).await?;
        // The version that the start wrote, unless the check was faster.
        self.swap(key, 1_u64.to_be_bytes().to_vec(), Some(wall_millis() + 600_000))
            .await?;
        drop(place);
        Ok(())
    }

    /// Writes the next version of a record; where somebody was faster, the one after that.
    async fn swap(&self, key: [u8; 16], mut seen: Vec<u8>, wake: Option<u64>) -> Outcome<()> {
        loop {
            let version = <[u8; 8]>::try_from(&seen[..]).map_or(0, u64::from_be_bytes);
            let mut record = (version + 1).to_be_bytes().to_vec();
            record.extend_from_slice(&self.0.record);
            let wake = wake.map(|wake| wake.to_string()).unwrap_or_default();
            let mut swap = redis::cmd("EVALSHA");
            swap.arg(&self.0.swap).arg(2).arg(name(key, b'r')).arg(index(key));
            swap.arg(&seen).arg(record).arg(RECORD_LIFE).arg(wake);
            swap.arg(&key[..]).arg(INDEX_LIFE);
            match ask::<Value>(&self.0.redis, &swap).await? {
                Value::Int(1) => {
                    return self.0.changed.send(key).map_err(|_| "nobody publishes".to_owned());
                }
                Value::BulkString(newer) if newer.len() >= 8 => seen = newer[..8].to_vec(),
                _ => return Err("a record went away".to_owned()),
            }
        }
    }

    /// The body of a message, as the service writes it.
    fn message(&self, phone: &str) -> String {
        let reference = &self.0.reference;
        format!(
            "{{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"to\":\"{phone}\",\
             \"type\":\"template\",\"biz_opaque_callback_data\":\"{reference}\",\
             \"template\":{{\"name\":\"verification_code\",\"language\":{{\"code\":\"en_US\"}},\"components\":[\
             {{\"type\":\"body\",\"parameters\":[{{\"type\":\"text\",\"text\":\"123456\"}}]}},\
             {{\"type\":\"button\",\"sub_type\":\"url\",\"index\":\"0\",\
             \"parameters\":[{{\"type\":\"text\",\"text\":\"123456\"}}]}}]}}}}"
        )
    }
}

/// Tells what was written, on a channel each.
async fn publish(mut changes: mpsc::UnboundedReceiver<[u8; 16]>, mut redis: ConnectionManager) {
    let mut batch = Vec::with_capacity(PUBLISHED_MAX);
    while changes.recv_many(&mut batch, PUBLISHED_MAX).await > 0 {
        let mut messages = redis::pipe();
        for key in batch.drain(..) {
            messages.cmd("PUBLISH").arg(name(key, b'c')).arg("").ignore();
        }
        if let Err(error) = messages.query_async::<()>(&mut redis).await {
            eprintln!("floor: {}", fault(&error));
        }
    }
}

async fn ask<T: redis::FromRedisValue>(redis: &ConnectionManager, command: &Cmd) -> Outcome<T> {
    command
        .query_async(&mut redis.clone())
        .await
        .map_err(|error| fault(&error))
}

/// Sixteen bytes for a number: its digits, which differ, and what fills them up.
fn key_for(phone: &str) -> [u8; 16] {
    let mut key = [b'0'; 16];
    for (place, digit) in key.iter_mut().zip(phone.bytes().rev()) {
        *place = digit;
    }
    key
}

/// A key of one kind, named like the service's but under a prefix of its own.
fn name(key: [u8; 16], kind: u8) -> Vec<u8> {
    let mut name = index(key);
    name.pop();
    name.extend_from_slice(&[kind, b':']);
    name.extend_from_slice(&key);
    name
}

/// The wake-up index of a key's shard.
fn index(key: [u8; 16]) -> Vec<u8> {
    format!("bf:{{{}}}:w", (key[0].wrapping_mul(10).wrapping_add(key[1])) % SHARDS).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_key_of_its_own_in_the_shape_of_the_services() {
        let (one, other) = (key_for("+5511900000001"), key_for("+5511900000002"));
        assert_ne!(one, other);
        assert_eq!(name(one, b'r').len(), index(one).len() + 17);
        assert!(name(one, b'l').starts_with(b"bf:{"));
        assert!(index(one).ends_with(b"}:w"));
    }
}
