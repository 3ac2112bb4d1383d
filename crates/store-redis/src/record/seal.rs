//! Phones at rest: sealed with AES-256-GCM, under a key that belongs to one recipient alone.
//!
//! The recipient's key is HMAC-SHA-256 of its name under a key derived from the installation's `identity`. Whoever
//! holds `identity` could find a phone by trying all numbers against the recipient keys anyway, so a second secret
//! would protect nothing more (docs/adr/0013). The nonce is the record's version: 64 random bits, in the record
//! already. Under one recipient's key only one phone is ever sealed, so that even a repeated nonce would tell nothing
//! new, and the number of records is not bound by GCM's limit on random nonces (NIST SP 800-38D, 8.3).
//!
//! The prefix of a number block is sealed in the same way, under a key that belongs to its bucket. A bucket's name is a
//! keyed digest under a label of its own, so that it is no recipient's.
//!
//! The plain text is always eight bytes, whatever the length of the number: its digits as nibbles, filled up with ones.

use std::fmt;

use countersign_domain::guard::{BucketKey, NumberBlock};
use countersign_domain::id::RecipientKey;
use countersign_domain::phone::{DIGITS_MAX, PhoneNumber};
use countersign_domain::ports::Version;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use zeroize::Zeroizing;

/// A phone's digits, two to a byte.
const PACKED: usize = 8;
/// A sealed phone: its digits and the tag.
pub(crate) const SEALED: usize = PACKED + 16;
/// What fills the places a short number leaves.
const FILLER: u8 = 0xf;

/// Seals phones and opens them.
pub(crate) struct Sealer(hmac::Key);

impl Sealer {
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
    }

    /// Seals the phone of one recipient in one version of its record.
    pub(crate) fn seal(&self, owner: RecipientKey, version: Version, phone: &PhoneNumber) -> [u8; SEALED] {
        self.seal_digits(owner.as_bytes(), version, phone.expose())
    }

    /// Opens a sealed phone; `None` when it was sealed for another recipient, another version, or with another key.
    pub(crate) fn open(&self, owner: RecipientKey, version: Version, sealed: [u8; SEALED]) -> Option<PhoneNumber> {
        let text = self.open_digits(owner.as_bytes(), version, sealed)?;
        PhoneNumber::parse(&text).ok()
    }

    /// Seals the prefix of one bucket's numbers in one version of its block.
    pub(crate) fn seal_prefix(&self, owner: BucketKey, version: Version, block: &NumberBlock) -> [u8; SEALED] {
        self.seal_digits(owner.as_bytes(), version, block.prefix())
    }

    /// Opens a sealed prefix; `None` in the cases of [`Self::open`].
    pub(crate) fn open_prefix(&self, owner: BucketKey, version: Version, sealed: [u8; SEALED]) -> Option<NumberBlock> {
        let text = self.open_digits(owner.as_bytes(), version, sealed)?;
        Some(NumberBlock::from_prefix(&text))
    }

    fn seal_digits(&self, owner: &[u8; 16], version: Version, text: &str) -> [u8; SEALED] {
        let mut sealed = [0; SEALED];
        let (digits, tag) = sealed.split_at_mut(PACKED);
        digits.copy_from_slice(&pack(text));
        let key = self.key_of(owner);
        #[expect(clippy::expect_used, reason = "eight bytes are never too long for GCM")]
        let written = key
            .seal_in_place_separate_tag(nonce(version), Aad::empty(), digits)
            .expect("a phone can always be sealed");
        tag.copy_from_slice(written.as_ref());
        sealed
    }

    /// The digits with their plus.
    fn open_digits(&self, owner: &[u8; 16], version: Version, mut sealed: [u8; SEALED]) -> Option<String> {
        let key = self.key_of(owner);
        let digits = key.open_in_place(nonce(version), Aad::empty(), &mut sealed).ok()?;
        unpack(digits)
    }

    fn key_of(&self, owner: &[u8; 16]) -> LessSafeKey {
        let secret = hmac::sign(&self.0, owner);
        #[expect(clippy::expect_used, reason = "HMAC-SHA-256 has as many bytes as AES-256 wants")]
        let key = UnboundKey::new(&AES_256_GCM, secret.as_ref()).expect("32 bytes are a key");
        LessSafeKey::new(key)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

fn nonce(version: Version) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&version.0.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn pack(text: &str) -> [u8; PACKED] {
    let mut packed = [FILLER << 4 | FILLER; PACKED];
    let digits = text.bytes().filter(u8::is_ascii_digit).take(DIGITS_MAX);
    for (place, digit) in digits.enumerate() {
        let digit = digit - b'0';
        let byte = &mut packed[place / 2];
        *byte = if place % 2 == 0 {
            digit << 4 | FILLER
        } else {
            *byte & (FILLER << 4) | digit
        };
    }
    packed
}

fn unpack(packed: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(1 + DIGITS_MAX);
    text.push('+');
    let nibbles = packed.iter().flat_map(|byte| [byte >> 4, byte & FILLER]);
    for digit in nibbles.take_while(|nibble| *nibble != FILLER) {
        text.push(char::from_digit(u32::from(digit), 10)?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: RecipientKey = RecipientKey::from_bytes([1; 16]);
    const VERSION: Version = Version(77);

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Zeroizing::new([byte; 32]))
    }

    fn phone(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).unwrap()
    }

    #[test]
    fn numbers_of_every_length_come_back_and_are_equally_long_when_sealed() {
        for text in [
            "+1234567",
            "+12345678",
            "+5511987654321",
            "+123456789012345",
            "+9990000009",
        ] {
            let sealed = sealer(1).seal(OWNER, VERSION, &phone(text));
            assert_eq!(sealer(1).open(OWNER, VERSION, sealed), Some(phone(text)), "{text}");
        }
    }

    #[test]
    fn nobody_opens_it_with_another_key_for_another_recipient_or_in_another_version() {
        let sealed = sealer(1).seal(OWNER, VERSION, &phone("+5511987654321"));
        assert_eq!(sealer(2).open(OWNER, VERSION, sealed), None);
        assert_eq!(sealer(1).open(RecipientKey::from_bytes([2; 16]), VERSION, sealed), None);
        assert_eq!(sealer(1).open(OWNER, Version(78), sealed), None);
    }

    #[test]
    fn a_prefix_comes_back_for_its_bucket_and_its_version_alone() {
        let (bucket, other) = (BucketKey::from_bytes([1; 16]), BucketKey::from_bytes([2; 16]));
        for text in ["+", "+1", "+551198765", "+12345678901"] {
            let block = NumberBlock::from_prefix(text);
            let sealed = sealer(1).seal_prefix(bucket, VERSION, &block);
            assert_eq!(sealer(1).open_prefix(bucket, VERSION, sealed), Some(block), "{text}");
            assert_eq!(sealer(1).open_prefix(other, VERSION, sealed), None);
            assert_eq!(sealer(1).open_prefix(bucket, Version(78), sealed), None);
            assert_eq!(sealer(2).open_prefix(bucket, VERSION, sealed), None);
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let sealed = sealer(1).seal(OWNER, VERSION, &phone("+5511987654321"));
        for place in 0..SEALED {
            let mut changed = sealed;
            changed[place] ^= 1;
            assert_eq!(sealer(1).open(OWNER, VERSION, changed), None, "byte {place}");
        }
    }

    #[test]
    fn one_phone_looks_different_in_every_version_and_for_every_recipient() {
        let number = phone("+5511987654321");
        let sealed = sealer(1).seal(OWNER, VERSION, &number);
        assert_ne!(sealed, sealer(1).seal(OWNER, Version(78), &number));
        assert_ne!(
            sealed,
            sealer(1).seal(RecipientKey::from_bytes([2; 16]), VERSION, &number)
        );
    }
}
