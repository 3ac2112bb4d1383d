//! Small records, and the keys they lie at.

use std::time::Duration;

use countersign_domain::code::{Alphabet, CodeRecipe, Salt};
use countersign_domain::id::RecipientKey;
use countersign_domain::key::KeyId;
use countersign_domain::ports::{RecipientStore, Replaced, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::verification::{Verification, VerificationState};
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture;

/// The `n`-th of many keys in shard `shard`.
pub(crate) fn key_in(shard: u16, n: u32) -> RecipientKey {
    let mut bytes = [0x5a; 16];
    bytes[..2].copy_from_slice(&shard.to_be_bytes());
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    RecipientKey::from_bytes(bytes)
}

/// The `n`-th of many keys, spread over all shards.
pub(crate) fn key(n: u32) -> RecipientKey {
    key_in(u16::try_from(n % u32::from(SHARDS.get())).unwrap(), n)
}

/// A record that changed at `now`, has a phone, has to be looked after at `wake_at`, and is kept a day beyond either.
pub(crate) fn record(number: u32, now: Timestamp, wake_at: Option<Timestamp>) -> Recipient {
    let mut recipient = Recipient::new(fixture::app_id(), fixture::purpose(), Salt([3; 16]));
    recipient.phone = Some(fixture::phone_number(number));
    recipient.unanswered_sends = number;
    recipient.changed_at = now;
    recipient.keep_until = wake_at.unwrap_or(now).max(now).plus(DAY);
    recipient.verifications = wake_at.map(open_until).into_iter().collect();
    recipient.last_serial = 1;
    recipient
}

fn open_until(expires_at: Timestamp) -> Verification {
    Verification {
        serial: 1,
        opened_at: expires_at.minus(Duration::from_secs(600)),
        expires_at,
        recipe: CodeRecipe {
            key: KeyId::parse("k2").unwrap(),
            generation: 0,
            keep_previous: false,
            length: 6,
            alphabet: Alphabet::Numeric,
            context: None,
        },
        wrong_guesses: 0,
        guesses_max: 5,
        deliveries: Vec::new(),
        identity: None,
        state: VerificationState::Open,
    }
}

/// Writes, and expects that nobody was faster.
pub(crate) async fn write(
    store: &dyn RecipientStore,
    key: RecipientKey,
    seen: Option<Version>,
    new: &Recipient,
    now: Timestamp,
) -> Version {
    match store.replace(key, seen, new, now).await.unwrap() {
        Replaced::Written(version) => version,
        Replaced::Conflict(there) => panic!("a conflict that should not be: {there:?}"),
    }
}
