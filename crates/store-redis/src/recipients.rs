//! Recipients on Redis: one string each, and one sorted set per shard as the wake-up index.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::ports::{Erased, Random, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::Timestamp;
use redis::{Script, Value, cmd, pipe};

use crate::keys::{INDEX_SLACK, Keys, life};
use crate::link::{Link, Trouble};
use crate::record::{self, seal::Sealer};

pub(crate) static SWAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/swap.lua")));
pub(crate) static ERASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/erase.lua")));
pub(crate) static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/forget.lua")));

/// The latest moment an index tells apart, in milliseconds: scores are doubles.
const SCORE_MAX: u64 = 1 << 53;

/// Keeps recipients on Redis.
///
/// A load is one round trip, and so are a replace and an erasure, whether done or handing back what is there. `due` is one, and
/// a second one when somebody is due.
pub struct RedisRecipients {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) random: Arc<dyn Random>,
}

#[async_trait]
impl RecipientStore for RedisRecipients {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        let record: Option<Vec<u8>> = self.link.ask(cmd("GET").arg(self.keys.record(key))).await?;
        record.map(|bytes| record::read(&self.sealer, key, &bytes)).transpose()
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let version = fresh_version(&*self.random);
        let seen = seen.map(|version| version.0.to_be_bytes());
        let life = life(new.keep_until, now);
        let mut swap = SWAP.prepare_invoke();
        swap.key(self.keys.record(key))
            .key(self.keys.wake_ups(key.shard(self.keys.shard_count())))
            .arg(seen.as_ref().map_or(&[][..], |seen| seen))
            .arg(record::write(&self.sealer, key, version, new))
            .arg(life);
        match new.wake_at() {
            Some(at) => swap.arg(score(at)),
            None => swap.arg(""),
        };
        swap.arg(key.as_bytes()).arg(life + INDEX_SLACK);
        match self.link.run(&swap).await? {
            Value::Int(_) => Ok(Replaced::Written(version)),
            Value::Nil => Ok(Replaced::Conflict(None)),
            Value::BulkString(bytes) => {
                let there = record::read(&self.sealer, key, &bytes)?;
                Ok(Replaced::Conflict(Some(Box::new(there))))
            }
            _ => Err(Trouble::Failed("the compare-and-swap script answered something else".to_owned()).into()),
        }
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        if shard.number() >= self.keys.shard_count().get() {
            // A shard this installation does not have holds nobody.
            return Ok(Vec::new());
        }
        let index = self.keys.wake_ups(shard);
        let mut query = cmd("ZRANGE");
        query
            .arg(&index)
            .arg("-inf")
            .arg(score(now))
            .arg("BYSCORE")
            .arg("LIMIT")
            .arg(0)
            .arg(limit);
        let members: Vec<Vec<u8>> = self.link.ask(&query).await?;
        let listed = members.into_iter().filter_map(|member| member.try_into().ok());
        let listed: Vec<_> = listed.map(RecipientKey::from_bytes).collect();
        self.only_present(listed, &index).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        let mut erase = ERASE.prepare_invoke();
        erase
            .key(self.keys.record(key))
            .key(self.keys.wake_ups(key.shard(self.keys.shard_count())))
            .arg(&seen.0.to_be_bytes())
            .arg(key.as_bytes());
        match self.link.run(&erase).await? {
            Value::Int(_) => Ok(Erased::Gone),
            Value::BulkString(bytes) => {
                let there = record::read(&self.sealer, key, &bytes)?;
                Ok(Erased::Conflict(Box::new(there)))
            }
            _ => Err(Trouble::Failed("the script of an erasure answered something else".to_owned()).into()),
        }
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut counts = pipe();
        for shard in self.keys.shard_count().shards() {
            counts
                .cmd("ZCOUNT")
                .arg(self.keys.wake_ups(shard))
                .arg("-inf")
                .arg(score(now));
        }
        let counts: Vec<u64> = self.link.ask_all(&counts).await?;
        Ok(counts.into_iter().sum())
    }
}

impl RedisRecipients {
    /// Those whose record is still there. A record that outlived its time while nobody woke it left its place in the
    /// index behind; here it is taken out.
    async fn only_present(&self, listed: Vec<RecipientKey>, index: &[u8]) -> Result<Vec<RecipientKey>, StoreError> {
        if listed.is_empty() {
            return Ok(listed);
        }
        let mut lookups = pipe();
        for key in &listed {
            lookups.cmd("EXISTS").arg(self.keys.record(*key));
        }
        let present: Vec<bool> = self.link.ask_all(&lookups).await?;
        for (key, _) in listed.iter().zip(&present).filter(|(_, present)| !**present) {
            let mut forget = FORGET.prepare_invoke();
            forget.key(self.keys.record(*key)).key(index).arg(key.as_bytes());
            let () = self.link.run(&forget).await?;
        }
        Ok(listed
            .into_iter()
            .zip(present)
            .filter_map(|(key, present)| present.then_some(key))
            .collect())
    }
}

/// A version that nobody has had, as far as 64 random bits go (docs/adr/0012).
pub(crate) fn fresh_version(random: &dyn Random) -> Version {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    Version(u64::from_be_bytes(bytes))
}

/// A moment as the score of a sorted set.
pub(crate) fn score(at: Timestamp) -> u64 {
    at.unix_millis().min(SCORE_MAX)
}
