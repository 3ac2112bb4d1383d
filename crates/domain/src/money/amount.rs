//! Amounts of money in whole millionths, and currencies. Nothing is rounded: a price that does not fit is refused.

use std::fmt;

use thiserror::Error;

/// Millionths in one unit of a currency.
const MICROS: u64 = 1_000_000;
/// How many digits millionths have behind the point.
const DECIMALS: usize = 6;

/// An amount of money, in millionths of a currency's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The most that is counted, 2^52 millionths or about 4.5 billion units: stores add up in floating point, which is
    /// exact up to twice as much.
    pub const MAX: Self = Self(1 << 52);

    /// That many millionths.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// In millionths.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads digits with at most six more behind a point, such as `50` or `0.0314`, exactly. At most [`Amount::MAX`].
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(units) || !are_digits(decimals) {
            return Err(AmountError::Shape);
        }
        if decimals.len() > DECIMALS {
            return Err(AmountError::TooFine);
        }
        let units: u64 = units.parse().map_err(|_| AmountError::TooMuch)?;
        let decimals: u64 = format!("{decimals:0<DECIMALS$}")
            .parse()
            .map_err(|_| AmountError::TooFine)?;
        let micros = units.checked_mul(MICROS).and_then(|it| it.checked_add(decimals));
        let amount = micros.map(Self).filter(|it| *it <= Self::MAX);
        amount.ok_or(AmountError::TooMuch)
    }

    /// So many times the amount, at most what can be counted.
    #[must_use]
    pub(crate) const fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl fmt::Display for Amount {
    /// Exactly, with at least two digits behind the point: `0.0314`, `50.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS$}", self.0 % MICROS);
        let cents = decimals.trim_end_matches('0');
        write!(f, "{}.{cents:0<2}", self.0 / MICROS)
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AmountError {
    /// It is no plain decimal number.
    #[error("must be a plain decimal number in quotes, for example \"50.00\" or \"0.0314\"")]
    Shape,
    /// It says more than is counted.
    #[error("has more than six digits behind the point; millionths are the least that is counted")]
    TooFine,
    /// It is beyond [`Amount::MAX`].
    #[error("is more than 4503599627.370496, the most that is counted")]
    TooMuch,
}

/// A currency, as three capital letters of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads three capital letters.
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if bytes.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(bytes))
        } else {
            Err(CurrencyError)
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be three capital letters of ISO 4217, for example USD")]
pub struct CurrencyError;
