//! What the guard keeps, and everything it ever does with it.

use countersign_domain::guard::{Alarm, Area, Block, Bucket, BucketKey, NumberBlock, PersonKey, Rung, SeriesKey};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, StoreError, Tally, TallyStore};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_redis::Redis;
use countersign_testkit::fixture::app_id;

/// Sixteen bytes of the `n`-th of many keys in shard `shard`.
pub(crate) fn bytes_in(shard: u16, n: u32) -> [u8; 16] {
    let mut bytes = [0x6b; 16];
    bytes[..2].copy_from_slice(&shard.to_be_bytes());
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn bucket_in(shard: u16, n: u32) -> BucketKey {
    BucketKey::from_bytes(bytes_in(shard, n))
}

/// The block of ten thousand numbers of an app.
pub(crate) fn block(prefix: &str, raised_at: Timestamp) -> Block {
    Block {
        bucket: Bucket {
            app: Some(app_id()),
            area: Area::TenThousand(NumberBlock::from_prefix(prefix)),
        },
        alarm: Alarm::Conversion,
        rung: Rung::SixHours,
        score: 14_321,
        raised_at,
        since: raised_at,
    }
}

/// Everything the guard does with its stores, at that moment, with `count` of each thing.
pub(crate) async fn live(redis: &Redis, count: u32, now: Timestamp) -> Result<(), StoreError> {
    let (guard, tallies) = (redis.guard(), redis.tallies());
    for n in 0..count {
        let shard = u16::try_from(n % 16).unwrap();
        let (bucket, bytes) = (bucket_in(shard, n), bytes_in(shard, n));
        let (batch, person) = (BatchId(bytes), PersonKey::from_bytes(bytes));
        let changes = [14_000, -1, -20_000, 253].map(|points| ScoreChange { bucket, points });
        for _ in 0..2 {
            guard.score(batch, &changes, now).await?;
        }
        let until = now.plus(DAY * (n + 1));
        guard
            .replace(bucket, None, Some(&block("+551198765", now)), until, now)
            .await?;
        guard.replace(bucket, None, None, until, now).await?;
        let seen = guard.look(&[bucket], Some(person)).await?.blocks.remove(0);
        let seen = seen.map(|it| it.version);
        if n % 3 == 0 {
            guard.replace(bucket, seen, None, until, now).await?;
        }
        guard.scores(&[bucket]).await?;
        // After the block, so that the score is there.
        guard.score(BatchId(bytes_in(shard, n + count)), &changes, now).await?;
        guard.remember(person, until, now).await?;
        guard
            .learn_line(person, PersonKey::from_bytes([7; 16]), until, now)
            .await?;
        if n % 3 == 0 {
            guard.forget(person).await?;
        }
        let tally = |count| Tally {
            series: SeriesKey::from_bytes(bytes),
            at: now,
            count,
        };
        // Beyond the most a count goes to, too.
        for _ in 0..2 {
            tallies.add(batch, &[tally(1), tally(u64::MAX)], now).await?;
        }
        tallies
            .read(&[SeriesKey::from_bytes(bytes)], now.minus(DAY), now)
            .await?;
    }
    guard.blocks(100).await?;
    Ok(())
}
