//! The guard: whether it is on, what it does, and its numbers. Their limits are the domain's, and of
//! challenges the adapter's.

use countersign_challenge::ProofOfWorkSettings;
use countersign_domain::guard::GuardSettings;
use countersign_domain::limit::ChargeMode;

use crate::config::reader::{Mistakes, Section};

const PROOF_OF_WORK_MAX: &str = "proof_of_work_max";
const PROOF_OF_WORK_LIFE: &str = "proof_of_work_life";

/// Who tells people from programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeKind {
    /// This service, with a signed proof of work.
    ProofOfWork(ProofOfWorkSettings),
    /// The caller, by its own means; its word is believed.
    Caller,
}

impl Default for ChallengeKind {
    fn default() -> Self {
        Self::ProofOfWork(ProofOfWorkSettings::default())
    }
}

/// Reads `[guard]`; no settings when it is off. What is wrong with the numbers is told even then.
pub(super) fn read_guard(mut section: Section, mistakes: &mut Mistakes) -> (Option<GuardSettings>, ChallengeKind) {
    let is_enabled = section.flag("enabled", mistakes).unwrap_or(true);
    let challenge = read_challenge(&mut section, mistakes);
    let base = GuardSettings::default();
    let settings = GuardSettings {
        mode: section.parsed("action", action, mistakes).unwrap_or(base.mode),
        unfinished_per_block_max: section
            .number("unfinished_per_block_max", mistakes)
            .unwrap_or(base.unfinished_per_block_max),
        unfinished_per_country_min: section
            .number("unfinished_per_country_min", mistakes)
            .unwrap_or(base.unfinished_per_country_min),
        maturity: section.duration("maturity", mistakes).unwrap_or(base.maturity),
        returning_memory: section
            .duration("returning_memory", mistakes)
            .unwrap_or(base.returning_memory),
        challenge_length: section
            .duration("challenge_length", mistakes)
            .unwrap_or(base.challenge_length),
        clean_period: section.duration("clean_period", mistakes).unwrap_or(base.clean_period),
    };
    for mistake in settings.mistakes() {
        mistakes.add(&section.path(mistake.field), mistake.problem);
    }
    section.end(mistakes);
    (is_enabled.then_some(settings), challenge)
}

/// Reads who tells people from programs, and how hard that is for them.
fn read_challenge(section: &mut Section, mistakes: &mut Mistakes) -> ChallengeKind {
    let kind = section.parsed("challenge", challenge, mistakes).unwrap_or_default();
    let ChallengeKind::ProofOfWork(base) = kind else {
        for key in [PROOF_OF_WORK_MAX, PROOF_OF_WORK_LIFE] {
            if section.pass_over(key) {
                mistakes.add(
                    &section.path(key),
                    "is of no use with challenge = \"caller\"; leave it out",
                );
            }
        }
        return kind;
    };
    let settings = ProofOfWorkSettings {
        number_max: section.number(PROOF_OF_WORK_MAX, mistakes).unwrap_or(base.number_max),
        life: section.duration(PROOF_OF_WORK_LIFE, mistakes).unwrap_or(base.life),
    };
    for mistake in settings.mistakes() {
        let key = match mistake.field {
            "number_max" => PROOF_OF_WORK_MAX,
            _ => PROOF_OF_WORK_LIFE,
        };
        mistakes.add(&section.path(key), mistake.problem);
    }
    ChallengeKind::ProofOfWork(settings)
}

fn action(text: &str) -> Result<ChargeMode, &'static str> {
    match text {
        "refuse" => Ok(ChargeMode::Refuse),
        "shadow" => Ok(ChargeMode::Shadow),
        _ => Err("must be \"refuse\" or \"shadow\""),
    }
}

fn challenge(text: &str) -> Result<ChallengeKind, &'static str> {
    match text {
        "proof_of_work" => Ok(ChallengeKind::default()),
        "caller" => Ok(ChallengeKind::Caller),
        _ => Err("must be \"proof_of_work\" or \"caller\""),
    }
}
