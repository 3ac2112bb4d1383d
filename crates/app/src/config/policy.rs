//! The numbers of an app, and of a purpose that overrides some of them. Their limits are the domain's.

use std::collections::BTreeSet;

use countersign_domain::code::Alphabet;
use countersign_domain::country::CountryCode;
use countersign_domain::policy::{Countries, OnDrift, Policy, PolicySettings, ResendCode};

use crate::config::reader::{Mistakes, Section};

/// Reads the settings that are written over those of `base`.
pub(super) fn read(mut section: Section, base: &PolicySettings, mistakes: &mut Mistakes) -> PolicySettings {
    let mut settings = base.clone();
    let s = &mut settings;
    set(&mut s.code_length, section.number("code_length", mistakes));
    set(&mut s.alphabet, section.parsed("alphabet", alphabet, mistakes));
    set(&mut s.code_life, section.duration("code_life", mistakes));
    set(&mut s.accept_long_life, section.flag("accept_long_life", mistakes));
    set(&mut s.resend_code, section.parsed("resend_code", resend_code, mistakes));
    set(&mut s.guesses_max, section.number("guesses_max", mistakes));
    set(
        &mut s.wrong_guesses_per_day_max,
        section.number("wrong_guesses_per_day_max", mistakes),
    );
    set(
        &mut s.consecutive_wrong_guesses_max,
        section.number("consecutive_wrong_guesses_max", mistakes),
    );
    set(&mut s.hold, section.duration("hold", mistakes));
    set(
        &mut s.wrong_guess_memory,
        section.duration("wrong_guess_memory", mistakes),
    );
    set(&mut s.send_waits, section.durations("send_waits", mistakes));
    set(
        &mut s.sends_per_window_max,
        section.number("sends_per_window_max", mistakes),
    );
    set(&mut s.send_window, section.duration("send_window", mistakes));
    set(&mut s.sends_per_day_max, section.number("sends_per_day_max", mistakes));
    set(
        &mut s.unanswered_sends_max,
        section.number("unanswered_sends_max", mistakes),
    );
    set(&mut s.silence, section.duration("silence", mistakes));
    set_some(&mut s.message_life, section.duration("message_life", mistakes));
    set_some(&mut s.footer_minutes, section.number("footer_minutes", mistakes));
    set(&mut s.on_drift, section.parsed("on_drift", on_drift, mistakes));
    set(&mut s.drop_buffer, section.duration("drop_buffer", mistakes));
    set(&mut s.useful_life_min, section.duration("useful_life_min", mistakes));
    set(
        &mut s.finished_retention,
        section.duration("finished_retention", mistakes),
    );
    if let Some(memory) = section.duration("identity_memory", mistakes) {
        s.identity_memory = Some(memory).filter(|memory| !memory.is_zero());
    }
    set(&mut s.send_timeout, section.duration("send_timeout", mistakes));
    set(&mut s.settle_wait, section.duration("settle_wait", mistakes));
    set(&mut s.fault_memory, section.duration("fault_memory", mistakes));
    let before = mistakes.0.len();
    set(
        &mut s.countries,
        section.list("countries", country, mistakes).map(countries),
    );
    if mistakes.0.len() > before {
        // What is wrong with the list was said; that no country is left of it is no second mistake.
        s.countries = Countries::All;
    }
    if section.has("retry") {
        let mut retry = section.section("retry", mistakes);
        set(&mut s.retry.tries_max, retry.number("tries_max", mistakes));
        set(&mut s.retry.first_wait, retry.duration("first_wait", mistakes));
        set(&mut s.retry.wait_max, retry.duration("wait_max", mistakes));
        retry.end(mistakes);
    }
    section.end(mistakes);
    settings
}

/// Checks settings as a whole; every mistake carries the path of its section. Those that `base` has too were said
/// where it is.
pub(super) fn check(
    settings: PolicySettings,
    base: Option<&PolicySettings>,
    path: &str,
    mistakes: &mut Mistakes,
) -> Option<Policy> {
    match Policy::new(settings) {
        Ok(policy) => Some(policy),
        Err(wrong) => {
            let said = base
                .and_then(|base| Policy::new(base.clone()).err())
                .unwrap_or_default();
            for mistake in wrong.into_iter().filter(|mistake| !said.contains(mistake)) {
                mistakes.add(&format!("{path}.{}", mistake.field), mistake.problem);
            }
            None
        }
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn set_some<T>(field: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *field = value;
    }
}

fn alphabet(text: &str) -> Result<Alphabet, &'static str> {
    match text {
        "numeric" => Ok(Alphabet::Numeric),
        "unambiguous" => Ok(Alphabet::Unambiguous),
        _ => Err("must be \"numeric\" or \"unambiguous\""),
    }
}

fn resend_code(text: &str) -> Result<ResendCode, &'static str> {
    match text {
        "same" => Ok(ResendCode::Same),
        "fresh" => Ok(ResendCode::Fresh),
        "fresh_keep_previous" => Ok(ResendCode::FreshKeepPrevious),
        _ => Err("must be \"same\", \"fresh\" or \"fresh_keep_previous\""),
    }
}

fn on_drift(text: &str) -> Result<OnDrift, &'static str> {
    match text {
        "alarm" => Ok(OnDrift::Alarm),
        "refuse" => Ok(OnDrift::Refuse),
        _ => Err("must be \"alarm\" or \"refuse\""),
    }
}

/// A country, or `None` for all of them.
fn country(text: &str) -> Result<Option<CountryCode>, &'static str> {
    if text == "*" {
        return Ok(None);
    }
    CountryCode::parse(text)
        .map(Some)
        .ok_or("must be two letters of ISO 3166, for example \"BR\", or \"*\" for all")
}

fn countries(list: Vec<Option<CountryCode>>) -> Countries {
    if list.contains(&None) {
        return Countries::All;
    }
    Countries::Only(list.into_iter().flatten().collect::<BTreeSet<_>>())
}
