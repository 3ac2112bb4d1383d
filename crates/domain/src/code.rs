//! The code: derived from a key and what it is for, compared in constant time, never kept.
//!
//! `docs/code-derivation.md` specifies the derivation with test vectors for whoever has to repeat it elsewhere.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::context::ContextDigest;
use crate::id::{AppId, Purpose, Serial};
use crate::key::{KeyId, SecretKey, digest};
use crate::phone::PhoneNumber;

/// The shortest code a policy may ask for.
pub const LENGTH_MIN: u8 = 4;
/// The longest code Meta's templates take (Cloud API, authentication templates: 15 characters).
pub const LENGTH_MAX: u8 = 15;

/// The salt of a recipient's record: 128 random bits that only the record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// Which characters a code is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// The ten decimal digits: 3.32 bits a character.
    Numeric,
    /// 24 digits and capital letters that no reader confuses and no word can be made of: 4.58 bits a character, so
    /// 14 characters exceed 64 bits (R12).
    Unambiguous,
}

impl Alphabet {
    /// The characters, in the order the derivation numbers them.
    pub const fn symbols(self) -> &'static [u8] {
        match self {
            Self::Numeric => b"0123456789",
            Self::Unambiguous => b"23456789CFGHJKMNPQRTVWXY",
        }
    }
}

/// Everything but the key that a verification remembers about its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeRecipe {
    /// The name of the key it is derived with.
    pub key: KeyId,
    /// Moves only when the policy asks for a fresh code on resend; from 0.
    pub generation: u16,
    /// Whether the generation before the current one is accepted too.
    pub keep_previous: bool,
    /// How many characters the code has.
    pub length: u8,
    /// Which characters it is drawn from.
    pub alphabet: Alphabet,
    /// What the caller bound the code to.
    pub context: Option<ContextDigest>,
}

/// Whose code it is: the part of the derivation that the record and not the verification holds.
#[derive(Clone, Copy, Debug)]
pub struct CodeOwner<'a> {
    /// The app.
    pub app: &'a AppId,
    /// The purpose.
    pub purpose: &'a Purpose,
    /// The phone.
    pub phone: &'a PhoneNumber,
    /// The record's salt.
    pub salt: &'a Salt,
    /// The verification's number within the record.
    pub serial: Serial,
}

/// The secret characters. Redacted in `Debug`, wiped when dropped, no `Display`.
pub struct Code(Zeroizing<String>);

impl Code {
    /// Derives the code of one generation.
    ///
    /// Characters are drawn from HMAC-SHA-256 blocks byte by byte; a byte beyond the last whole multiple of the
    /// alphabet is thrown away, so that every character is equally likely (R1).
    pub fn derive(key: &SecretKey, owner: &CodeOwner<'_>, recipe: &CodeRecipe, generation: u16) -> Self {
        let symbols = recipe.alphabet.symbols();
        let fair = 256 - 256 % symbols.len();
        let wanted = usize::from(recipe.length);
        let mut code = Zeroizing::new(String::with_capacity(wanted));
        for block in 0_u32.. {
            let bytes = Zeroizing::new(block_of(key, owner, recipe, generation, block));
            let fair_bytes = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
            for byte in fair_bytes.take(wanted - code.len()) {
                code.push(char::from(symbols[byte % symbols.len()]));
            }
            if code.len() == wanted {
                break;
            }
        }
        Self(code)
    }

    /// The characters. Only a messenger may read them, to put them into the message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `guess` is this code, in time that does not depend on where they differ.
    pub fn matches(&self, guess: &Guess) -> bool {
        self.0.as_bytes().ct_eq(guess.0.as_bytes()).into()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(redacted)")
    }
}

/// What a person typed. Redacted in `Debug`, wiped when dropped.
pub struct Guess(Zeroizing<String>);

impl Guess {
    /// Reads a guess: 4 to 15 ASCII digits and capital letters. Whether it has the length and the characters of the
    /// verification's code is decided where that is known.
    pub fn parse(text: &str) -> Result<Self, GuessError> {
        let (min, max) = (usize::from(LENGTH_MIN), usize::from(LENGTH_MAX));
        let fits = (min..=max).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if fits {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(GuessError::Shape)
        }
    }

    /// Whether the guess could be a code of that recipe.
    pub(crate) fn fits(&self, recipe: &CodeRecipe) -> bool {
        let symbols = recipe.alphabet.symbols();
        self.0.len() == usize::from(recipe.length) && self.0.bytes().all(|byte| symbols.contains(&byte))
    }

    /// The characters, for digests under a key that the store never sees.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess(redacted)")
    }
}

/// Why a text cannot be a guess. It cost nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GuessError {
    /// The text cannot be any app's code.
    #[error("must be 4 to 15 characters, only the digits 0-9 and, where the app's codes have them, capital letters")]
    Shape,
}

fn block_of(key: &SecretKey, owner: &CodeOwner<'_>, recipe: &CodeRecipe, generation: u16, block: u32) -> [u8; 32] {
    digest(
        key,
        "countersign code v1",
        &[
            owner.app.as_str().as_bytes(),
            owner.purpose.as_str().as_bytes(),
            owner.phone.expose().as_bytes(),
            &owner.serial.to_be_bytes(),
            &generation.to_be_bytes(),
            // No context is an empty field: a digest is never empty, so the two cannot be confused.
            recipe
                .context
                .as_ref()
                .map_or(&[], |context| context.as_bytes().as_slice()),
            &owner.salt.0,
            &block.to_be_bytes(),
        ],
    )
}
