//! What the guard tells apart: blocks of numbers and countries, of one app and of the whole service.

use std::fmt;

use crate::country::CountryCode;
use crate::id::{AppId, Shard, ShardCount};
use crate::key::{Identity, truncated};
use crate::phone::PhoneNumber;

/// Numbers that differ in their last digits only: a phone without its last four or three digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberBlock(String);

impl NumberBlock {
    /// The block of ten thousand numbers (`digits` = 4) or of a thousand (3) that holds `phone`.
    pub fn of(phone: &PhoneNumber, digits: usize) -> Self {
        let all = phone.expose();
        Self(all[..all.len().saturating_sub(digits)].to_owned())
    }

    /// A block from its digits with their plus, for stores.
    pub fn from_prefix(prefix: &str) -> Self {
        Self(prefix.to_owned())
    }

    /// The digits all its numbers begin with, with the plus. For operators and stores; never for logs and metrics.
    pub fn prefix(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NumberBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NumberBlock(redacted)")
    }
}

/// A part of the world, or a kind of trouble, that the guard keeps a score of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Ten thousand numbers.
    TenThousand(NumberBlock),
    /// A thousand numbers.
    Thousand(NumberBlock),
    /// A country.
    Country(CountryCode),
    /// Every guess: many wrong ones at many phones are spraying (A4).
    Guesses,
}

impl Area {
    /// The kind of area as one word, for refusals, logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TenThousand(_) => "number_block_10000",
            Self::Thousand(_) => "number_block_1000",
            Self::Country(_) => "country",
            Self::Guesses => "guesses",
        }
    }
}

/// One area, as one app sees it or the whole service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket {
    /// The app; `None` for the whole service.
    pub app: Option<AppId>,
    /// The area.
    pub area: Area,
}

/// Where a bucket's state is kept: a keyed digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketKey([u8; 16]);

/// Where it is remembered that a person gave a code back, and what names a line without its number: a keyed digest of
/// the phone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey([u8; 16]);

/// Where hourly counts are kept: a keyed digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey([u8; 16]);

macro_rules! digest_key {
    ($name:ident) => {
        impl $name {
            /// A key from bytes, for stores and tests.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the key.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The shard a store keeps it in.
            pub fn shard(&self, count: ShardCount) -> Shard {
                Shard::of(&self.0, count)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

digest_key!(BucketKey);
digest_key!(PersonKey);
digest_key!(SeriesKey);

impl Bucket {
    /// Where its state is kept.
    pub fn key(&self, identity: &Identity) -> BucketKey {
        BucketKey(self.digest(identity, "countersign guard bucket v1"))
    }

    /// Where the hourly counts of `what` are kept for it.
    pub fn series(&self, identity: &Identity, what: &str) -> SeriesKey {
        SeriesKey(self.digest(identity, &format!("countersign tally {what} v1")))
    }

    fn digest(&self, identity: &Identity, label: &str) -> [u8; 16] {
        let country;
        let area = match &self.area {
            Area::TenThousand(block) | Area::Thousand(block) => block.prefix(),
            Area::Country(code) => {
                country = code.to_string();
                &country
            }
            Area::Guesses => "",
        };
        let app = self.app.as_ref().map_or("", AppId::as_str);
        let fields = [app.as_bytes(), self.area.name().as_bytes(), area.as_bytes()];
        truncated(identity.digest(label, &fields))
    }
}

impl PersonKey {
    /// The key of a phone in its canonical form.
    pub fn of(identity: &Identity, phone: &PhoneNumber) -> Self {
        let fields = [phone.expose().as_bytes()];
        Self(truncated(identity.digest("countersign returning person v1", &fields)))
    }
}

/// The buckets a send to a phone belongs to: its blocks and its country, of the app and of the whole service; and the
/// guesses of the app and of the service, which are looked at before a send, too.
pub fn buckets_of(app: &AppId, phone: &PhoneNumber, country: Option<CountryCode>) -> Vec<Bucket> {
    let areas = [
        Some(Area::TenThousand(NumberBlock::of(phone, 4))),
        Some(Area::Thousand(NumberBlock::of(phone, 3))),
        country.map(Area::Country),
        Some(Area::Guesses),
    ];
    areas
        .into_iter()
        .flatten()
        .flat_map(|area| {
            let own = Bucket {
                app: Some(app.clone()),
                area: area.clone(),
            };
            [own, Bucket { app: None, area }]
        })
        .collect()
}
