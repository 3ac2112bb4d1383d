//! The record of a recipient as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | the version: 64 random bits, drawn by whoever writes |
//! | 8 | the format: [`FORMAT`] |
//! | 9– | the recipient, as [`stored::StoredRecipient`] in postcard |
//! | after it | since format 2: [`extras::Extras`] in postcard |
//! | after that | since format 3: [`chosen::Chosen`] in postcard |
//! | after that | since format 4: [`costs::Costs`] in postcard |
//! | after that | since format 5: [`lines::Lines`] in postcard |
//!
//! Versions are random and not counted, because a counter that an asynchronous failover or a restored backup sets back
//! gives the same version twice, and then a slow writer overwrites what it never saw (docs/adr/0012).
//!
//! The phone in it is sealed ([`seal`]), everything else is neither secret nor about a person.
//!
//! To change the format: add a variant at the end of an enum, or a new format number beside this one. A reader knows
//! every format since the first; a writer writes the newest only after every instance can read it.

mod chosen;
mod convert;
mod costs;
mod extras;
mod lines;
pub(crate) mod seal;
mod stored;
mod variants;

use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use thiserror::Error;

use chosen::Chosen;
use costs::Costs;
use extras::Extras;
use lines::Lines;
use seal::Sealer;
use stored::StoredRecipient;

/// The format this code writes.
const FORMAT: u8 = 5;
/// The oldest format this code reads.
const FORMAT_OLDEST: u8 = 1;
/// Where the body begins.
const BODY: usize = 9;

/// Why a record cannot be read. Never says what is in it.
#[derive(Debug, Error)]
enum RecordError {
    #[error("it has {0} bytes, fewer than its head")]
    TooShort(usize),
    #[error("its format is {0}, and this version of Countersign knows formats up to {FORMAT}; is a newer one running?")]
    Format(u8),
    #[error("its body cannot be read: {0}")]
    Body(#[from] postcard::Error),
    #[error("its {0} is not one")]
    Value(&'static str),
    #[error("its phone was sealed with another identity key, or for another recipient")]
    Sealed,
}

/// Writes a record.
pub(crate) fn write(sealer: &Sealer, key: RecipientKey, version: Version, recipient: &Recipient) -> Vec<u8> {
    let head = version.0.to_be_bytes();
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&head);
    bytes.push(FORMAT);
    let phone = recipient.phone.as_ref().map(|phone| sealer.seal(key, version, phone));
    let stored = StoredRecipient::of(recipient, phone);
    #[expect(
        clippy::expect_used,
        reason = "a vector takes everything, and no type here can refuse"
    )]
    let bytes = postcard::to_extend(&stored, bytes)
        .and_then(|bytes| postcard::to_extend(&Extras::of(recipient), bytes))
        .and_then(|bytes| postcard::to_extend(&Chosen::of(recipient), bytes))
        .and_then(|bytes| postcard::to_extend(&Costs::of(recipient), bytes))
        .and_then(|bytes| postcard::to_extend(&Lines::of(recipient), bytes))
        .expect("a record can always be written");
    bytes
}

/// Reads a record.
pub(crate) fn read(sealer: &Sealer, key: RecipientKey, bytes: &[u8]) -> Result<Stored, StoreError> {
    parse(sealer, key, bytes).map_err(|error| StoreError::Corrupt(error.into()))
}

fn parse(sealer: &Sealer, key: RecipientKey, bytes: &[u8]) -> Result<Stored, RecordError> {
    let (head, body) = bytes.split_at_checked(BODY).ok_or(RecordError::TooShort(bytes.len()))?;
    let (head, format) = (&head[..8], head[8]);
    if !(FORMAT_OLDEST..=FORMAT).contains(&format) {
        return Err(RecordError::Format(format));
    }
    let mut version = [0; 8];
    version.copy_from_slice(head);
    let version = Version(u64::from_be_bytes(version));
    let (stored, rest): (StoredRecipient<'_>, _) = postcard::take_from_bytes(body)?;
    let (extras, rest) = match format {
        ..2 => (Extras::default(), rest),
        _ => postcard::take_from_bytes(rest)?,
    };
    let (chosen, rest) = match format {
        ..3 => (Chosen::default(), rest),
        _ => postcard::take_from_bytes(rest)?,
    };
    let (costs, rest) = match format {
        ..4 => (Costs::default(), rest),
        _ => postcard::take_from_bytes(rest)?,
    };
    let (lines, rest) = match format {
        ..5 => (Lines::default(), rest),
        _ => postcard::take_from_bytes(rest)?,
    };
    if !rest.is_empty() {
        return Err(RecordError::Value("end"));
    }
    let phone = match stored.phone {
        Some(phone) => Some(sealer.open(key, version, phone).ok_or(RecordError::Sealed)?),
        None => None,
    };
    let mut recipient = stored.into_recipient(phone)?;
    extras.complete(&mut recipient)?;
    chosen.complete(&mut recipient)?;
    costs.complete(&mut recipient)?;
    lines.complete(&mut recipient);
    Ok(Stored { version, recipient })
}

#[cfg(test)]
mod tests;
