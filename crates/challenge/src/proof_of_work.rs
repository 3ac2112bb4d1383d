//! A proof of work that this installation signed: a number has to be found whose hash is known.
//!
//! The form is that of ALTCHA, version 1, so that its widget solves it, too (`docs/challenge.md`). What the signature
//! covers is ours alone: beside the challenge the salt, which holds nonce and expiry, and for whom the challenge is.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use countersign_domain::client::Client;
use countersign_domain::key::Identity;
use countersign_domain::policy::Mistake;
use countersign_domain::ports::{
    CHALLENGE_LIFE_MAX, ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, IssuedChallenge,
};
use countersign_domain::time::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::wire::{Answer, Salt, challenge_text};

/// What a device may be asked to hash. Fewer cost a program nothing: some milliseconds. More are 20 seconds and longer
/// on a slow phone, and nobody waits for that (`docs/challenge.md`).
const NUMBERS: RangeInclusive<u32> = 1_000..=1_000_000;

/// Shorter, and people on slow devices are refused for nothing. Longer, and what was met could pass twice.
const LIVES: RangeInclusive<Duration> = Duration::from_secs(60)..=CHALLENGE_LIFE_MAX;

/// How hard a proof of work is, and how long there is for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofOfWorkSettings {
    /// The largest number that may have to be found; half as many hashes are needed on average. 1,000 to 1,000,000,
    /// by default 100,000: 50,000 hashes on average. `docs/challenge.md` says how long these take.
    pub number_max: u32,
    /// How long an answer is accepted: 1 to 10 minutes ([`CHALLENGE_LIFE_MAX`]), by default 10.
    pub life: Duration,
}

impl Default for ProofOfWorkSettings {
    fn default() -> Self {
        Self {
            number_max: 100_000,
            life: CHALLENGE_LIFE_MAX,
        }
    }
}

impl ProofOfWorkSettings {
    /// Everything that is wrong with these settings.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let Self { number_max, life } = self;
        let mut mistakes = Vec::new();
        if !NUMBERS.contains(number_max) {
            mistakes.push(Mistake {
                field: "number_max",
                problem: "must be 1000 to 1000000: half as many hashes are needed on average".to_owned(),
            });
        }
        if !LIVES.contains(life) {
            mistakes.push(Mistake {
                field: "life",
                problem: "must be 1 to 10 minutes".to_owned(),
            });
        }
        mistakes
    }
}

/// A signed proof of work that a web page can solve. Keeps nothing: what it needs to know again is in the answer.
#[derive(Clone)]
pub struct ProofOfWork {
    key: Zeroizing<[u8; 32]>,
    settings: ProofOfWorkSettings,
}

impl ProofOfWork {
    /// Challenges signed under a key that follows from the installation's own, as hard as the defaults say.
    pub fn new(identity: &Identity) -> Self {
        Self {
            key: identity.derive_key("countersign challenge v1"),
            settings: ProofOfWorkSettings::default(),
        }
    }

    /// The same, as hard as `settings` say. Answers with everything that is wrong with them.
    ///
    /// How hard a challenge is, is decided when it is given out: an answer to an easier or harder one of before counts.
    pub fn with_settings(identity: &Identity, settings: ProofOfWorkSettings) -> Result<Self, Vec<Mistake>> {
        let mistakes = settings.mistakes();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            settings,
            ..Self::new(identity)
        })
    }

    /// The number that has to be found. Nobody without the key can tell it from the nonce.
    fn number(&self, nonce: &[u8; 16]) -> u64 {
        let digest = self.mac("number", &[nonce]).finalize().into_bytes();
        let wide = digest.iter().take(8).fold(0, |wide, byte| wide << 8 | u64::from(*byte));
        wide % (u64::from(self.settings.number_max) + 1)
    }

    /// What seals a challenge for one app and phone.
    fn seal(&self, subject: &ChallengeSubject<'_>, salt: &str, challenge: &[u8]) -> Hmac<Sha256> {
        let phone = subject.phone.expose().as_bytes();
        self.mac(
            "seal",
            &[subject.app.as_str().as_bytes(), phone, salt.as_bytes(), challenge],
        )
    }

    /// Authenticates fields, each preceded by its length, so that none can run over into the next.
    fn mac(&self, label: &str, fields: &[&[u8]]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, so this cannot fail")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC accepts every key length");
        for field in std::iter::once(label.as_bytes()).chain(fields.iter().copied()) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac
    }
}

impl ChallengeVerifier for ProofOfWork {
    fn issue(&self, subject: &ChallengeSubject<'_>, nonce: [u8; 16], now: Timestamp) -> Option<IssuedChallenge> {
        let salt = Salt {
            nonce,
            expires_at: whole_seconds(now.plus(self.settings.life)),
        };
        let expires_at = salt.expires_at;
        let salt = salt.to_text();
        let challenge = solution_hash(&salt, self.number(&nonce));
        let signature = self.seal(subject, &salt, &challenge).finalize().into_bytes();
        let text = challenge_text(&challenge, self.settings.number_max, &salt, &signature);
        Some(IssuedChallenge { text, expires_at })
    }

    /// An answer is looked at in the order of what it costs an attacker to pass: its shape, its signature, the work,
    /// and the time last, so that nothing is believed that was not signed.
    fn verify(
        &self,
        subject: &ChallengeSubject<'_>,
        client: &Client,
        now: Timestamp,
    ) -> Result<ChallengePass, ChallengeRefusal> {
        let text = client.challenge_answer.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Err(ChallengeRefusal::Missing);
        }
        let answer = Answer::read(text).ok_or(ChallengeRefusal::Malformed)?;
        // In constant time (R9): `verify_slice` tells nothing about how far a guess was right.
        self.seal(subject, &answer.salt_text, &answer.challenge)
            .verify_slice(&answer.signature)
            .map_err(|_| ChallengeRefusal::Wrong)?;
        // The challenge is public, so this comparison needs no care.
        if solution_hash(&answer.salt_text, answer.number) != answer.challenge {
            return Err(ChallengeRefusal::Wrong);
        }
        if answer.salt.expires_at <= now {
            return Err(ChallengeRefusal::Expired);
        }
        Ok(ChallengePass {
            once: Some(answer.salt.nonce),
        })
    }
}

impl fmt::Debug for ProofOfWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofOfWork")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The hash of the salt and the number in decimal digits, as ALTCHA defines it.
fn solution_hash(salt: &str, number: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update(salt)
        .chain_update(number.to_string())
        .finalize()
        .into()
}

/// A salt holds whole seconds.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() / 1000 * 1000)
}
