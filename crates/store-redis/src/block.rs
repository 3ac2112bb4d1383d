//! A block of the guard as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | the version: 64 random bits, drawn by whoever writes (docs/adr/0012) |
//! | 8 | the format: [`FORMAT`] |
//! | 9– | the block, as [`Stored`] in postcard |
//!
//! The digits that the numbers of a block begin with are sealed like a phone. To change the format: a variant at the end
//! of an enum, or a new format number.

use countersign_domain::country::CountryCode;
use countersign_domain::guard::{Alarm, Area, Block, Bucket, BucketKey, Rung};
use countersign_domain::id::AppId;
use countersign_domain::ports::{StoreError, StoredBlock, Version};
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::seal::{SEALED, Sealer};

const FORMAT: u8 = 1;
/// Where the body begins.
const BODY: usize = 9;

/// Why a block cannot be read. Never says what is in it.
#[derive(Debug, Error)]
enum BlockError {
    #[error("the block has {0} bytes, fewer than its head")]
    TooShort(usize),
    #[error(
        "the block's format is {0}, and this version of Countersign knows format {FORMAT}; is a newer one running?"
    )]
    Format(u8),
    #[error("the block's body cannot be read: {0}")]
    Body(#[from] postcard::Error),
    #[error("the block's {0} is not one")]
    Value(&'static str),
    #[error("the block was sealed with another identity key, or for another bucket")]
    Sealed,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    app: Option<&'a str>,
    area: StoredArea,
    alarm: StoredAlarm,
    rung: StoredRung,
    score: i64,
    raised_at: u64,
    since: u64,
}

#[derive(Serialize, Deserialize)]
enum StoredArea {
    TenThousand([u8; SEALED]),
    Thousand([u8; SEALED]),
    Country([u8; 2]),
    Guesses,
}

#[derive(Serialize, Deserialize)]
enum StoredAlarm {
    Conversion,
    WrongGuesses,
}

#[derive(Serialize, Deserialize)]
enum StoredRung {
    Challenge,
    Hour,
    SixHours,
    Day,
    Manual,
}

/// Writes the block of a bucket.
pub(crate) fn write(sealer: &Sealer, key: BucketKey, version: Version, block: &Block) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    bytes.extend_from_slice(&version.0.to_be_bytes());
    bytes.push(FORMAT);
    let Block {
        bucket: Bucket { app, area },
        alarm,
        rung,
        score,
        raised_at,
        since,
    } = block;
    let stored = Stored {
        app: app.as_ref().map(AppId::as_str),
        area: match area {
            Area::TenThousand(block) => StoredArea::TenThousand(sealer.seal_prefix(key, version, block)),
            Area::Thousand(block) => StoredArea::Thousand(sealer.seal_prefix(key, version, block)),
            Area::Country(code) => StoredArea::Country(letters(*code)),
            Area::Guesses => StoredArea::Guesses,
        },
        alarm: match alarm {
            Alarm::Conversion => StoredAlarm::Conversion,
            Alarm::WrongGuesses => StoredAlarm::WrongGuesses,
        },
        rung: match rung {
            Rung::Challenge => StoredRung::Challenge,
            Rung::Hour => StoredRung::Hour,
            Rung::SixHours => StoredRung::SixHours,
            Rung::Day => StoredRung::Day,
            Rung::Manual => StoredRung::Manual,
        },
        score: *score,
        raised_at: raised_at.unix_millis(),
        since: since.unix_millis(),
    };
    #[expect(
        clippy::expect_used,
        reason = "a vector takes everything, and no type here can refuse"
    )]
    let bytes = postcard::to_extend(&stored, bytes).expect("a block can always be written");
    bytes
}

/// Reads the block of a bucket.
pub(crate) fn read(sealer: &Sealer, key: BucketKey, bytes: &[u8]) -> Result<StoredBlock, StoreError> {
    parse(sealer, key, bytes).map_err(|error| StoreError::Corrupt(error.into()))
}

fn parse(sealer: &Sealer, key: BucketKey, bytes: &[u8]) -> Result<StoredBlock, BlockError> {
    let (head, body) = bytes.split_at_checked(BODY).ok_or(BlockError::TooShort(bytes.len()))?;
    if head[8] != FORMAT {
        return Err(BlockError::Format(head[8]));
    }
    let mut version = [0; 8];
    version.copy_from_slice(&head[..8]);
    let version = Version(u64::from_be_bytes(version));
    let (stored, rest): (Stored<'_>, _) = postcard::take_from_bytes(body)?;
    if !rest.is_empty() {
        return Err(BlockError::Value("end"));
    }
    let prefix = |digits| sealer.open_prefix(key, version, digits).ok_or(BlockError::Sealed);
    let area = match stored.area {
        StoredArea::TenThousand(digits) => Area::TenThousand(prefix(digits)?),
        StoredArea::Thousand(digits) => Area::Thousand(prefix(digits)?),
        StoredArea::Country(letters) => Area::Country(country(letters).ok_or(BlockError::Value("country"))?),
        StoredArea::Guesses => Area::Guesses,
    };
    let app = stored.app.map(AppId::parse).transpose();
    let block = Block {
        bucket: Bucket {
            app: app.map_err(|_| BlockError::Value("app"))?,
            area,
        },
        alarm: match stored.alarm {
            StoredAlarm::Conversion => Alarm::Conversion,
            StoredAlarm::WrongGuesses => Alarm::WrongGuesses,
        },
        rung: match stored.rung {
            StoredRung::Challenge => Rung::Challenge,
            StoredRung::Hour => Rung::Hour,
            StoredRung::SixHours => Rung::SixHours,
            StoredRung::Day => Rung::Day,
            StoredRung::Manual => Rung::Manual,
        },
        score: stored.score,
        raised_at: Timestamp::from_unix_millis(stored.raised_at),
        since: Timestamp::from_unix_millis(stored.since),
    };
    Ok(StoredBlock { version, block })
}

fn letters(code: CountryCode) -> [u8; 2] {
    let mut letters = [0; 2];
    for (letter, byte) in letters.iter_mut().zip(code.to_string().bytes()) {
        *letter = byte;
    }
    letters
}

fn country(letters: [u8; 2]) -> Option<CountryCode> {
    CountryCode::parse(std::str::from_utf8(&letters).ok()?)
}

#[cfg(test)]
mod tests {
    use countersign_domain::guard::NumberBlock;
    use zeroize::Zeroizing;

    use super::*;

    const KEY: BucketKey = BucketKey::from_bytes([0x6b; 16]);
    const VERSION: Version = Version(0x0102_0304_0506_0708);

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Zeroizing::new([byte; 32]))
    }

    fn block() -> Block {
        Block {
            bucket: Bucket {
                app: AppId::parse("demo").ok(),
                area: Area::TenThousand(NumberBlock::from_prefix("+551198765")),
            },
            alarm: Alarm::WrongGuesses,
            rung: Rung::SixHours,
            score: 14_321,
            raised_at: Timestamp::from_unix_millis(1_760_531_696_789),
            since: Timestamp::from_unix_millis(1_760_531_600_000),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn format_1_is_what_it_was_when_it_was_new() {
        let golden = "010203040506070801010464656d6f006053ee11a9de399dfaaa38edc94fa5b390cf0d7bb653c83f0102e2df01\
                      9599f7be9e3380a5f1be9e33";
        assert_eq!(hex(&write(&sealer(7), KEY, VERSION, &block())), golden);
    }

    #[test]
    fn a_block_comes_back_with_its_version_for_its_bucket_alone() {
        let written = write(&sealer(7), KEY, VERSION, &block());
        let stored = read(&sealer(7), KEY, &written).unwrap();
        assert_eq!((stored.version, stored.block), (VERSION, block()));
        for (sealer, key) in [(sealer(8), KEY), (sealer(7), BucketKey::from_bytes([1; 16]))] {
            assert!(matches!(read(&sealer, key, &written), Err(StoreError::Corrupt(_))));
        }
    }

    #[test]
    fn neither_a_cut_block_nor_a_longer_one_nor_another_format_is_read() {
        let written = write(&sealer(7), KEY, VERSION, &block());
        for length in 0..written.len() {
            assert!(matches!(
                read(&sealer(7), KEY, &written[..length]),
                Err(StoreError::Corrupt(_))
            ));
        }
        assert!(read(&sealer(7), KEY, &[&written[..], &[0]].concat()).is_err());
        let mut newer = written;
        newer[8] = FORMAT + 1;
        assert!(read(&sealer(7), KEY, &newer).is_err());
    }
}
