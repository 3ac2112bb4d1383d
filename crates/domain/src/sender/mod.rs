//! Senders: the phone numbers an app's messages go out from, how healthy each is, and how fast it may send.
//!
//! Pure: what is kept here is kept by [`crate::use_case::Senders`], one per instance.

mod breaker;
mod pace;
mod pool;

pub use breaker::{Breaker, OPEN_MAX};
pub use pace::{Pace, SLICES_PER_SECOND};
pub use pool::pick;

use std::fmt;
use std::num::NonZeroU16;

use thiserror::Error;

/// The most messages a second that Meta takes from one number (Meta: throughput).
pub const THROUGHPUT_MAX: u16 = 1_000;
/// What Meta takes from a number that was not upgraded, in messages a second (Meta: throughput).
pub const THROUGHPUT_DEFAULT: NonZeroU16 = NonZeroU16::new(80).expect("not zero");
/// The largest weight of a sender in its pool.
pub const WEIGHT_MAX: u16 = 1_000;

/// Why a text is not the name of a sender or an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 64 characters of a-z, A-Z, 0-9, '_' and '-'")]
pub struct SenderIdError;

macro_rules! provider_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 64 characters of `a-z`, `A-Z`, `0-9`, `_` and `-`. Never a phone number.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads the name.
            pub fn parse(text: &str) -> Result<Self, SenderIdError> {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(SenderIdError)
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

provider_name! {
    /// What the provider calls a sender; at Meta the id of a phone number. Two apps that name the same one share it.
    SenderId
}
provider_name! {
    /// What the senders share that slow down together; at Meta the business account.
    AccountId
}

/// One phone number an app sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// What the provider calls it.
    pub id: SenderId,
    /// The account it belongs to.
    pub account: AccountId,
    /// Its share of the app's messages, compared with the other senders of the app; 1 to [`WEIGHT_MAX`].
    pub weight: NonZeroU16,
    /// How many messages a second it may send, over all instances; 1 to [`THROUGHPUT_MAX`].
    pub throughput: NonZeroU16,
}

/// What the provider thinks of a sender (Meta: `quality_rating`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// Nobody said.
    #[default]
    Unknown,
    /// Good.
    Green,
    /// People complain.
    Yellow,
    /// Many people complain; the number may be paused soon.
    Red,
}

impl Quality {
    /// What is left of a sender's weight, in eighths. A number people complain about is spared, and not given up: it
    /// has to go on being used to recover.
    pub const fn eighths(self) -> u64 {
        match self {
            Self::Unknown | Self::Green => 8,
            Self::Yellow => 4,
            Self::Red => 1,
        }
    }

    /// The quality as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}
