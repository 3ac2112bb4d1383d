//! What the guard remembers, on Redis: a string for each block, score, person and line, and a sorted set per shard as
//! the index of blocks.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use countersign_domain::guard::{Block, BucketKey, PersonKey};
use countersign_domain::ports::{
    BatchId, COUNT_MAX, GuardStore, GuardView, Random, ScoreChange, StoreError, StoredBlock, Version,
};
use countersign_domain::time::Timestamp;
use redis::{Script, cmd, pipe};

use crate::block;
use crate::keys::{BATCH_LIFE, GUARD_LIFE, INDEX_SLACK, Keys, life};
use crate::link::Link;
use crate::recipients::{FORGET, fresh_version, score};
use crate::record::seal::Sealer;

pub(crate) static BLOCK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/block.lua")));
pub(crate) static SCORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/score.lua")));

/// How many times the list of blocks is made anew because some of those listed were gone.
const ROUNDS_MAX: u32 = 8;
/// The most blocks of one list, whatever is asked for.
const LISTED_MAX: usize = 10_000;

/// Remembers for all instances.
///
/// Every call is one round trip, but for `blocks`, which is two, and lists at most 10,000. On one node the keys of a
/// look and of a batch may be in different slots; a cluster will want one call per shard. A batch of a hundred changes
/// takes 0.2 ms of the server's one thread, and one of a thousand 4 ms, in which it serves nobody else: batches should
/// be small.
pub struct RedisGuard {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) random: Arc<dyn Random>,
}

#[async_trait]
impl GuardStore for RedisGuard {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        let mut names: Vec<_> = buckets.iter().map(|key| self.keys.block(*key)).collect();
        names.extend(
            person
                .iter()
                .flat_map(|it| [self.keys.person(*it), self.keys.line(*it)]),
        );
        let mut found = self.values(&names).await?.into_iter();
        let blocks: Vec<_> = found.by_ref().take(buckets.len()).collect();
        let is_returning = found.next().flatten().is_some();
        let line = found.next().flatten().map(|bytes| read_line(&bytes)).transpose()?;
        let block = |(key, bytes): (&BucketKey, Option<Vec<u8>>)| {
            bytes.map(|bytes| block::read(&self.sealer, *key, &bytes)).transpose()
        };
        let blocks = buckets.iter().zip(blocks).map(block);
        Ok(GuardView {
            blocks: blocks.collect::<Result<_, _>>()?,
            is_returning,
            line,
        })
    }

    async fn score(&self, batch: BatchId, changes: &[ScoreChange], _: Timestamp) -> Result<Vec<i64>, StoreError> {
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let most = i64::try_from(COUNT_MAX).unwrap_or(i64::MAX);
        let mut add = SCORE.prepare_invoke();
        add.key(self.keys.score_batch(batch));
        add.arg(BATCH_LIFE).arg(GUARD_LIFE).arg(most);
        for ScoreChange { bucket, points } in changes {
            add.key(self.keys.score(*bucket)).arg((*points).clamp(-most, most));
        }
        Ok(self.link.run(&add).await?)
    }

    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        kept_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let seen = seen.map(|version| version.0.to_be_bytes());
        let life = life(kept_until, now);
        let mut swap = BLOCK.prepare_invoke();
        swap.key(self.keys.block(bucket))
            .key(self.keys.blocks(bucket.shard(self.keys.shard_count())))
            .key(self.keys.score(bucket))
            .arg(seen.as_ref().map_or(&[][..], |seen| seen));
        match block.filter(|_| kept_until > now) {
            Some(block) => {
                let written = block::write(&self.sealer, bucket, fresh_version(&*self.random), block);
                swap.arg(written).arg(life).arg(score(block.raised_at))
            }
            None => swap.arg("").arg("").arg(""),
        };
        swap.arg(bucket.as_bytes()).arg(life + INDEX_SLACK);
        Ok(self.link.run(&swap).await?)
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        let names: Vec<_> = buckets.iter().map(|key| self.keys.score(*key)).collect();
        let found = self.values(&names).await?;
        // What is no number is none, as for the script.
        let number = |bytes: Vec<u8>| String::from_utf8(bytes).ok()?.parse().ok();
        Ok(found.into_iter().map(|it| it.and_then(number).unwrap_or(0)).collect())
    }

    async fn blocks(&self, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        let mut blocks = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let listed = self.raised_last(limit).await?;
            let names: Vec<_> = listed.iter().map(|key| self.keys.block(*key)).collect();
            let found = self.values(&names).await?;
            blocks.clear();
            let mut gone = Vec::new();
            for (key, bytes) in listed.into_iter().zip(found) {
                match bytes {
                    Some(bytes) => blocks.push(block::read(&self.sealer, key, &bytes)?),
                    None => gone.push(key),
                }
            }
            if gone.is_empty() {
                break;
            }
            // What is gone took the place of others in the list.
            self.take_out(&gone).await?;
        }
        Ok(blocks)
    }

    async fn remember(&self, person: PersonKey, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.keep(&self.keys.person(person), b"1", until, now).await
    }

    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.keep(&self.keys.line(person), line.as_bytes(), until, now).await
    }

    async fn forget(&self, person: PersonKey) -> Result<(), StoreError> {
        // Both are in the person's shard.
        let mut forget = cmd("DEL");
        forget.arg(self.keys.person(person)).arg(self.keys.line(person));
        Ok(self.link.ask(&forget).await?)
    }
}

impl RedisGuard {
    /// Keeps a value until then; not at all when that is over.
    async fn keep(&self, name: &[u8], value: &[u8], until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        if until <= now {
            return Ok(self.link.ask(cmd("DEL").arg(name)).await?);
        }
        let mut set = cmd("SET");
        set.arg(name).arg(value).arg("PX").arg(life(until, now));
        Ok(self.link.ask(&set).await?)
    }

    /// The values of keys, in order and as of one moment. Asks nothing for nothing.
    async fn values(&self, names: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.link.ask(cmd("MGET").arg(names)).await?)
    }

    /// The buckets of the index of each shard, those raised last first, at most `limit` of all.
    async fn raised_last(&self, limit: usize) -> Result<Vec<BucketKey>, StoreError> {
        let limit = limit.min(LISTED_MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut queries = pipe();
        for shard in self.keys.shard_count().shards() {
            let query = queries.cmd("ZRANGE").arg(self.keys.blocks(shard));
            query.arg(0).arg(limit - 1).arg("REV").arg("WITHSCORES");
        }
        let listed: Vec<Vec<(Vec<u8>, f64)>> = self.link.ask_all(&queries).await?;
        let member = |(member, at): (Vec<u8>, f64)| Some((at, BucketKey::from_bytes(member.try_into().ok()?)));
        let mut listed: Vec<_> = listed.into_iter().flatten().filter_map(member).collect();
        listed.sort_by(|one, other| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)));
        Ok(listed.into_iter().take(limit).map(|(_, key)| key).collect())
    }

    /// Takes buckets out of their index whose block is gone: one that outlived its time while nobody replaced it.
    async fn take_out(&self, gone: &[BucketKey]) -> Result<(), StoreError> {
        for key in gone {
            let index = self.keys.blocks(key.shard(self.keys.shard_count()));
            let mut forget = FORGET.prepare_invoke();
            forget.key(self.keys.block(*key)).key(index).arg(key.as_bytes());
            let () = self.link.run(&forget).await?;
        }
        Ok(())
    }
}

/// A line that cannot be read is an error: taken for none, it would have a budget more.
fn read_line(bytes: &[u8]) -> Result<PersonKey, StoreError> {
    let bytes = bytes.try_into();
    bytes
        .map(PersonKey::from_bytes)
        .map_err(|_| StoreError::Corrupt("a line that is not one".into()))
}

impl std::fmt::Debug for RedisGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisGuard")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
