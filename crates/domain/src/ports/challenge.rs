//! Telling people from programs.

use std::time::Duration;

use crate::client::Client;
use crate::id::AppId;
use crate::phone::PhoneNumber;
use crate::time::Timestamp;

/// How long an answer to a challenge may be accepted (R17). What was met is remembered for twice as long, so that it
/// passes once even where a clock is minutes behind.
pub const CHALLENGE_LIFE_MAX: Duration = Duration::from_secs(10 * 60);

/// Whom a challenge is for.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeSubject<'a> {
    /// The app.
    pub app: &'a AppId,
    /// The phone, in its canonical form. It is in no challenge, only bound to it.
    pub phone: &'a PhoneNumber,
}

/// A challenge for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedChallenge {
    /// What the caller hands to the person's device.
    pub text: String,
    /// Until when an answer is accepted: at most [`CHALLENGE_LIFE_MAX`] after it was given out.
    pub expires_at: Timestamp,
}

/// A challenge that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengePass {
    /// What makes the challenge countable, so that it passes once; `None` when it need not.
    pub once: Option<[u8; 16]>,
}

/// Why an answer to a challenge is not accepted. A verifier never says [`ChallengeRefusal::Used`]: the use case does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeRefusal {
    /// There is no answer.
    Missing,
    /// It is not an answer, or not to a challenge of ours.
    Malformed,
    /// It is wrong, or for another app or phone.
    Wrong,
    /// It came too late.
    Expired,
    /// It was right, and has passed before.
    Used,
}

impl ChallengeRefusal {
    /// The reason as one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Expired => "expired",
            Self::Used => "used",
        }
    }
}

/// Tells people from programs, or at least makes programs pay. Pure: no I/O; that an answer passes once is counted by
/// the use case.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait ChallengeVerifier: Send + Sync {
    /// A challenge for the subject, made unique by `nonce`. `None` when the caller has to challenge by its own means.
    #[cfg_attr(feature = "mocks", mockall::concretize)]
    fn issue(&self, subject: &ChallengeSubject<'_>, nonce: [u8; 16], now: Timestamp) -> Option<IssuedChallenge>;

    /// Whether the subject's client has met a challenge.
    #[cfg_attr(feature = "mocks", mockall::concretize)]
    fn verify(
        &self,
        subject: &ChallengeSubject<'_>,
        client: &Client,
        now: Timestamp,
    ) -> Result<ChallengePass, ChallengeRefusal>;
}
