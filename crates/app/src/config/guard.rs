//! The guard: whether it is on, what it does, and its numbers. Their limits are the domain's.

use countersign_domain::guard::GuardSettings;
use countersign_domain::limit::ChargeMode;

use crate::config::reader::{Mistakes, Section};

/// Who tells people from programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ChallengeKind {
    /// This service, with a signed proof of work.
    #[default]
    ProofOfWork,
    /// The caller, by its own means; its word is believed.
    Caller,
}

/// Reads `[guard]`; no settings when it is off. What is wrong with the numbers is told even then.
pub(super) fn read_guard(mut section: Section, mistakes: &mut Mistakes) -> (Option<GuardSettings>, ChallengeKind) {
    let is_enabled = section.flag("enabled", mistakes).unwrap_or(true);
    let challenge = section.parsed("challenge", challenge, mistakes).unwrap_or_default();
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

fn action(text: &str) -> Result<ChargeMode, &'static str> {
    match text {
        "refuse" => Ok(ChargeMode::Refuse),
        "shadow" => Ok(ChargeMode::Shadow),
        _ => Err("must be \"refuse\" or \"shadow\""),
    }
}

fn challenge(text: &str) -> Result<ChallengeKind, &'static str> {
    match text {
        "proof_of_work" => Ok(ChallengeKind::ProofOfWork),
        "caller" => Ok(ChallengeKind::Caller),
        _ => Err("must be \"proof_of_work\" or \"caller\""),
    }
}
