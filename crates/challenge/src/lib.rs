//! Challenges behind the domain's port: a signed proof of work, and the word of a caller.
//!
//! Kept out: when a challenge is asked for, and that an answer passes once. The domain counts the `once` of a pass.

mod proof_of_work;
mod wire;

use countersign_domain::client::Client;
use countersign_domain::ports::{
    ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, IssuedChallenge,
};
use countersign_domain::time::Timestamp;

pub use proof_of_work::{ProofOfWork, ProofOfWorkSettings};

/// Believes callers that say they have challenged the person.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallersWord;

impl ChallengeVerifier for CallersWord {
    fn issue(&self, _: &ChallengeSubject<'_>, _: [u8; 16], _: Timestamp) -> Option<IssuedChallenge> {
        None
    }

    fn verify(
        &self,
        _: &ChallengeSubject<'_>,
        client: &Client,
        _: Timestamp,
    ) -> Result<ChallengePass, ChallengeRefusal> {
        if client.is_challenged {
            Ok(ChallengePass { once: None })
        } else {
            Err(ChallengeRefusal::Missing)
        }
    }
}
