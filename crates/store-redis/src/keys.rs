//! Every key this adapter writes: what it holds, how long it lives, how large it is. Read this before any code.
//!
//! `cs` stands for the prefix of the configuration, `{n}` for the number of a shard, written with the braces, and
//! `<16>` for sixteen raw bytes. What stands in braces is the hash tag of Redis Cluster: all keys of one recipient are
//! in one slot, so every script is legal there, and shards spread over the nodes. The number of shards is fixed when
//! the first instance starts.
//!
//! | key | type | holds | lives | bytes in Redis |
//! |---|---|---|---|---|
//! | `cs:meta` | hash | format, number of shards, fingerprints of the keys | 400 days, renewed by every instance each minute | 300, once |
//! | `cs:{n}:r:<16>` | string | the record of one recipient (`record`, which has its own version) | from the writer's `now` to `keep_until` | 150 and the record, which has 150 with one verification, and 21 more for each charge that is not settled yet |
//! | `cs:{n}:w` | sorted set | the wake-up index of a shard: recipient keys by `wake_at`, in milliseconds | a day beyond the longest record in it | 105 per recipient that has to be woken |
//! | `cs:{n}:l:<16>` | string | the state of one limit (`limits`) | from the last charger's `now` to the moment it counts for nothing, and five minutes; giving back moves no end | 120; 150 when it counts unfinished things |
//! | `cs:{n}:b:<16>` | string | the block of one bucket of the guard (`block`, which has its own version) | from the writer's `now` to `kept_until` | 185 |
//! | `cs:{n}:i` | sorted set | the blocks of a shard: buckets by `raised_at`, in milliseconds | a day beyond the longest block in it | 120 per block |
//! | `cs:{n}:s:<16>` | string | the score of one bucket, in thousandths; none for zero | 35 days from its last change | 120 |
//! | `cs:{n}:p:<16>` | string | 1: a person who gave a code back | as long as the caller says (90 days) | 120 |
//! | `cs:{n}:a:<16>` | string | sixteen bytes: the line that a person's number is another spelling of, a `PersonKey` | as long as the caller says (400 days), renewed by every message to it | 155 |
//! | `cs:{n}:t:<16>:<day>` | hash | how often something happened in each hour of a day, by the hours since 1970 | 35 days and an hour beyond its day, from the writer's `now` | 390 with all its hours |
//! | `cs:{n}:m:<16>` | string | 1: a batch of scores that was counted | 20 minutes | 120 |
//! | `cs:{n}:n:<16>` | string | 1: a batch of tallies that was counted | 20 minutes | 120 |
//! | `cs:{n}:c:<16>` | channel | nothing: a message says that the recipient changed | – | 0 unless somebody listens |
//!
//! The sixteen bytes are keyed digests made by the domain (`RecipientKey`, `LimitKey`, `BucketKey`, `PersonKey`,
//! `SeriesKey`), and of a batch its random id: nobody learns a phone from a key. A block names the numbers it stops by
//! the digits they begin with, all but the last three or four. That is no phone, but it is for operators alone, so it
//! is sealed like one. Every life is a span and not a moment, so that the clock of the Redis server means nothing. No
//! key is ever written without a life, and the step that creates a key gives it its life.
//!
//! A batch of scores or tallies is one script and one key `m` or `n`, in the shard its own id falls into; the buckets
//! and days it changes are in many. That is lawful on one node. For a cluster a batch is cut by shard, and each part
//! sets the key of the batch in its own shard: the same names, one for each part.
//!
//! A change to what a key holds takes a new letter or a new version in the record, never the old one: instances of two
//! versions run side by side during a roll-out.

use std::fmt;

use countersign_domain::guard::{BucketKey, PersonKey, SeriesKey};
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::limit::LimitKey;
use countersign_domain::ports::BatchId;
use countersign_domain::time::Timestamp;
use thiserror::Error;

/// How long `cs:meta` lives without an instance that renews it, in milliseconds: 400 days, more than the longest life
/// a record can have by policy (365 days and a hold).
pub(crate) const META_LIFE: u64 = 400 * 24 * 60 * 60 * 1000;
/// How much longer than a record the index of its shard lives, in milliseconds: a day, so that its life has to be
/// moved once a day and not with every write.
pub(crate) const INDEX_SLACK: u64 = 24 * 60 * 60 * 1000;
/// How long a limit's state is kept after it counts for nothing, in milliseconds: five minutes, for callers whose
/// clocks are behind (the promise of `LimitStore`).
pub(crate) const LIMIT_GRACE: u64 = 5 * 60 * 1000;
/// How long a score is kept that nobody changes, and how long a day of tallies after its end, in milliseconds: 35 days
/// (the promises of `GuardStore` and `TallyStore`).
pub(crate) const GUARD_LIFE: u64 = 35 * 24 * 60 * 60 * 1000;
/// How long it is remembered that a batch was counted, in milliseconds: 20 minutes, twice what the ports promise.
pub(crate) const BATCH_LIFE: u64 = 20 * 60 * 1000;
/// The longest life a key is given, in milliseconds: 35 years. Beyond any policy, and within what Redis takes whatever
/// a record says.
const LIFE_MAX: u64 = 1 << 40;

/// What stands before every key of one installation: 1 to 16 of `a-z`, `0-9`, `-` and `_`.
#[derive(Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Reads a prefix.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let fits = (1..=16).contains(&text.len())
            && text
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixError)
        }
    }
}

impl Default for Prefix {
    /// `cs`.
    fn default() -> Self {
        Self("cs".to_owned())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prefix({})", self.0)
    }
}

/// Why a text is not a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 16 characters of a-z, 0-9, '-' and '_'")]
pub struct PrefixError;

/// The names of keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    count: ShardCount,
}

impl Keys {
    pub(crate) fn new(prefix: &Prefix, count: ShardCount) -> Self {
        Self {
            prefix: prefix.0.clone(),
            count,
        }
    }

    pub(crate) const fn shard_count(&self) -> ShardCount {
        self.count
    }

    pub(crate) fn meta(&self) -> String {
        format!("{}:meta", self.prefix)
    }

    pub(crate) fn record(&self, key: RecipientKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'r', key.as_bytes())
    }

    pub(crate) fn wake_ups(&self, shard: Shard) -> Vec<u8> {
        self.tagged(shard.number(), b'w')
    }

    pub(crate) fn limit(&self, key: LimitKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'l', key.as_bytes())
    }

    pub(crate) fn block(&self, key: BucketKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'b', key.as_bytes())
    }

    /// The index of the blocks of a shard.
    pub(crate) fn blocks(&self, shard: Shard) -> Vec<u8> {
        self.tagged(shard.number(), b'i')
    }

    pub(crate) fn score(&self, key: BucketKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b's', key.as_bytes())
    }

    pub(crate) fn person(&self, key: PersonKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'p', key.as_bytes())
    }

    /// The line that the person's number is another spelling of.
    pub(crate) fn line(&self, key: PersonKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'a', key.as_bytes())
    }

    /// The counts of one day, which is numbered from the first one of 1970.
    pub(crate) fn tallies(&self, key: SeriesKey, day: u64) -> Vec<u8> {
        let mut name = self.digest(key.shard(self.count).number(), b't', key.as_bytes());
        name.push(b':');
        name.extend_from_slice(day.to_string().as_bytes());
        name
    }

    pub(crate) fn score_batch(&self, batch: BatchId) -> Vec<u8> {
        self.digest(batch.shard(self.count).number(), b'm', &batch.0)
    }

    pub(crate) fn tally_batch(&self, batch: BatchId) -> Vec<u8> {
        self.digest(batch.shard(self.count).number(), b'n', &batch.0)
    }

    /// The channel on which changes of a recipient are told.
    pub(crate) fn channel(&self, key: RecipientKey) -> Vec<u8> {
        self.digest(key.shard(self.count).number(), b'c', key.as_bytes())
    }

    /// The recipient whose channel this is.
    pub(crate) fn recipient_of_channel(&self, channel: &[u8]) -> Option<RecipientKey> {
        let start = channel.len().checked_sub(16)?;
        let bytes: [u8; 16] = channel[start..].try_into().ok()?;
        let key = RecipientKey::from_bytes(bytes);
        (self.channel(key) == channel).then_some(key)
    }

    fn digest(&self, shard: u16, kind: u8, digest: &[u8; 16]) -> Vec<u8> {
        let mut key = self.tagged(shard, kind);
        key.push(b':');
        key.extend_from_slice(digest);
        key
    }

    /// `cs:{n}:k`, with room for the rest. Written by hand, because every call makes two or three of them.
    fn tagged(&self, shard: u16, kind: u8) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 27);
        key.extend_from_slice(self.prefix.as_bytes());
        key.extend_from_slice(b":{");
        key.extend_from_slice(shard.to_string().as_bytes());
        key.extend_from_slice(b"}:");
        key.push(kind);
        key
    }
}

/// How long what is kept until `until` has to live from `now` on, in milliseconds; at least one.
pub(crate) fn life(until: Timestamp, now: Timestamp) -> u64 {
    let span = until.since(now).as_millis();
    u64::try_from(span).unwrap_or(u64::MAX).clamp(1, LIFE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(&Prefix::default(), ShardCount::DEFAULT)
    }

    #[test]
    fn every_key_is_named_as_this_file_says() {
        let recipient = RecipientKey::from_bytes([0x2b; 16]);
        let shard = recipient.shard(ShardCount::DEFAULT);
        let tail = "+".repeat(16);
        assert_eq!(keys().meta(), "cs:meta");
        assert_eq!(keys().record(recipient), format!("cs:{{11}}:r:{tail}").as_bytes());
        assert_eq!(keys().wake_ups(shard), b"cs:{11}:w");
        assert_eq!(
            keys().limit(LimitKey::from_bytes([0x2b; 16])),
            format!("cs:{{11}}:l:{tail}").as_bytes()
        );
        for (name, kind) in [
            (keys().block(BucketKey::from_bytes([0x2b; 16])), 'b'),
            (keys().score(BucketKey::from_bytes([0x2b; 16])), 's'),
            (keys().person(PersonKey::from_bytes([0x2b; 16])), 'p'),
            (keys().line(PersonKey::from_bytes([0x2b; 16])), 'a'),
            (keys().score_batch(BatchId([0x2b; 16])), 'm'),
            (keys().tally_batch(BatchId([0x2b; 16])), 'n'),
        ] {
            assert_eq!(name, format!("cs:{{11}}:{kind}:{tail}").as_bytes());
        }
        assert_eq!(keys().blocks(shard), b"cs:{11}:i");
        let series = SeriesKey::from_bytes([0x2b; 16]);
        assert_eq!(
            keys().tallies(series, 20_414),
            format!("cs:{{11}}:t:{tail}:20414").as_bytes()
        );
        assert_eq!(keys().channel(recipient), format!("cs:{{11}}:c:{tail}").as_bytes());
    }

    #[test]
    fn a_channel_names_its_recipient_and_no_other_channel_does() {
        let recipient = RecipientKey::from_bytes([7; 16]);
        let channel = keys().channel(recipient);
        assert_eq!(keys().recipient_of_channel(&channel), Some(recipient));
        assert_eq!(keys().recipient_of_channel(&keys().record(recipient)), None);
        assert_eq!(keys().recipient_of_channel(b"cs:{0}:c:short"), None);
        assert_eq!(keys().recipient_of_channel(b""), None);
    }

    #[test]
    fn a_prefix_is_short_and_plain() {
        for good in ["cs", "a", "staging-2_b", "0123456789abcdef"] {
            assert!(Prefix::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "CS", "a:b", "a{b", "0123456789abcdef0", "ü", "a b", "a*"] {
            assert_eq!(Prefix::parse(bad), Err(PrefixError), "{bad}");
        }
    }
}
