//! Phone numbers in strict E.164. Knows the shape only; what a number means is the numbering plan's business.

use std::fmt;

use thiserror::Error;

/// The fewest digits a number may have, country code included.
pub const DIGITS_MIN: usize = 7;
/// The most digits a number may have, country code included (ITU-T E.164).
pub const DIGITS_MAX: usize = 15;

/// A phone number in strict E.164: a plus and 7 to 15 ASCII digits, the first not zero.
///
/// `Debug` is redacted and there is no `Display`: a phone reaches text only through [`PhoneNumber::expose`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Reads a number and accepts exactly one spelling of it.
    ///
    /// Spaces, dashes, brackets, letters, extensions and the digits of other scripts are refused rather than mapped,
    /// so that one phone can never have two rate-limit buckets (A13) and no library sees hostile text (A18).
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let Some(digits) = text.strip_prefix('+') else {
            return Err(PhoneError::NoPlus);
        };
        // Length first: it bounds the work on hostile input (R10).
        if digits.len() > DIGITS_MAX {
            return Err(PhoneError::TooLong);
        }
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PhoneError::NotADigit);
        }
        if digits.len() < DIGITS_MIN {
            return Err(PhoneError::TooShort);
        }
        if digits.starts_with('0') {
            return Err(PhoneError::LeadingZero);
        }
        Ok(Self(text.to_owned()))
    }

    /// The number with its plus. Every call is a place where a phone leaves its type: keep them few.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(redacted)")
    }
}

/// Why a text is not a phone number. The message says what to write instead and never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PhoneError {
    /// The number does not start with a plus.
    #[error("must start with '+' and the country code, for example +5511987654321")]
    NoPlus,
    /// Something other than an ASCII digit follows the plus.
    #[error("must hold only the digits 0-9 after the '+': no spaces, dashes, brackets, letters or extensions")]
    NotADigit,
    /// There are fewer than 7 digits.
    #[error("is too short: 7 to 15 digits, country code included")]
    TooShort,
    /// There are more than 15 digits.
    #[error("is too long: 7 to 15 digits, country code included")]
    TooLong,
    /// The country code starts with a zero.
    #[error("must not start with a zero after the '+': country codes never do")]
    LeadingZero,
    /// The shape is right, but no such number can exist in its country's numbering plan.
    #[error("cannot exist in the numbering plan of its country")]
    Impossible,
}
