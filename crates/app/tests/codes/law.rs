//! What every code has to come to, written down a second time and apart from the table under test.

use std::collections::BTreeSet;

use countersign_simulator::ErrorCode;

use crate::cases::{Case, Path, Phase};
use crate::seen::Seen;

/// What a code means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Never again for this person.
    Undeliverable,
    /// Never again for this country.
    Country,
    /// Somebody else has the number.
    Identity,
    /// It may pass.
    Later,
    /// Nobody knows: once more.
    Unclear,
    /// Not in this language.
    Language,
    /// The template is wrong: an operator has to act.
    Template,
    /// The request is wrong: an operator has to act.
    Request,
    /// The account is wrong: an operator has to act.
    Account,
    /// Too much for this person.
    SlowPerson,
    /// Too much for this sender.
    SlowSender,
    /// Too much for this sender, for hours.
    SlowSenderForHours,
    /// Too much for the account.
    SlowAccount,
    /// Too much for the account, for the two minutes that the answer asks for.
    SlowAccountAsked,
    /// It may have been sent.
    Uncertain,
}

use Class::{
    Account, Country, Identity, Language, Later, Request, SlowAccount, SlowAccountAsked, SlowPerson, SlowSender,
    SlowSenderForHours, Template, Uncertain, Unclear, Undeliverable,
};

/// Class by class, the codes that are of it (reference §3.4).
pub(crate) const CODES: &[(Class, &[u32])] = &[
    (
        Undeliverable,
        &[130_403, 130_472, 131_021, 131_026, 131_030, 131_049, 131_050],
    ),
    (Country, &[130_497]),
    (Identity, &[137_000]),
    (Later, &[2, 131_000, 131_016, 131_057, 133_004]),
    (Unclear, &[1]),
    (Language, &[132_001]),
    (
        Template,
        &[
            132_000, 132_005, 132_007, 132_008, 132_012, 132_015, 132_016, 132_018, 132_068, 132_069,
        ],
    ),
    (
        Request,
        &[
            100, 131_008, 131_009, 131_047, 131_051, 131_052, 131_053, 131_055, 131_059, 131_062, 131_063, 134_100,
            134_101, 134_102, 135_000,
        ],
    ),
    (
        Account,
        &[
            0, 3, 10, 33, 104, 190, 200, 368, 131_005, 131_031, 131_037, 131_042, 131_045, 131_064, 133_000, 133_005,
            133_006, 133_008, 133_009, 133_010, 133_015, 134_011,
        ],
    ),
    (SlowPerson, &[131_056]),
    (SlowSender, &[130_429]),
    (SlowSenderForHours, &[131_048]),
    (SlowAccount, &[4, 613, 80_007, 80_008, 133_016]),
];

/// What a case comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whether, when and how it is tried again, and whether further starts are taken.
    pub(crate) decision: String,
    /// The state and the reason of each message.
    pub(crate) deliveries: String,
    /// The state and the reason of the verification.
    pub(crate) verification: String,
}

impl Class {
    /// The class as one word or a few.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Undeliverable => "undeliverable",
            Country => "country barred",
            Identity => "identity changed",
            Later => "later",
            Unclear => "unclear",
            Language => "another language",
            Template => "template wrong",
            Request => "request wrong",
            Account => "account wrong",
            SlowPerson => "too much for the person",
            SlowSender => "too much for the sender",
            SlowSenderForHours => "too much for the sender, for hours",
            SlowAccount => "too much for the account",
            SlowAccountAsked => "too much for the account, for 120 s",
            Uncertain => "may have been sent",
        }
    }

    /// The next step as the log has it.
    pub(crate) const fn step(self) -> &'static str {
        match self {
            Undeliverable => "Rejected(Undeliverable)",
            Country => "Rejected(Country)",
            Identity => "Rejected(Identity)",
            Later => "Unavailable",
            Unclear => "Unclear",
            Language => "AnotherLanguage",
            Template => "Misconfigured(Template)",
            Request => "Misconfigured(Request)",
            Account => "Misconfigured(Account)",
            SlowPerson => "Throttled { scope: Recipient, retry_after: None }",
            SlowSender => "Throttled { scope: Sender, retry_after: None }",
            SlowSenderForHours => "Throttled { scope: Sender, retry_after: Some(3600s) }",
            SlowAccount => "Throttled { scope: Account, retry_after: None }",
            SlowAccountAsked => "Throttled { scope: Account, retry_after: Some(120s) }",
            Uncertain => "Uncertain",
        }
    }

    /// Whether the same is tried again after a while, so that it is of interest what happens if it goes on.
    pub(crate) const fn is_tried_again(self) -> bool {
        match self {
            Later | Unclear | SlowPerson | SlowSender | SlowAccount | Uncertain => true,
            Undeliverable | Country | Identity | Language | Template | Request | Account | SlowSenderForHours
            | SlowAccountAsked => false,
        }
    }

    /// The reason a message of this class fails for in the end.
    const fn reason(self) -> &'static str {
        match self {
            Undeliverable => "UNDELIVERABLE",
            Country => "COUNTRY_BARRED",
            Identity => "IDENTITY_CHANGED",
            Later | Uncertain => "PROVIDER_UNAVAILABLE",
            Unclear | Language | Template | Request | Account => "MISCONFIGURED",
            SlowPerson | SlowSender | SlowSenderForHours | SlowAccount | SlowAccountAsked => "THROTTLED",
        }
    }

    /// What the next start of the same app hears, for somebody else.
    const fn next_start(self) -> &'static str {
        match self {
            Language | Template => "; starts: TEMPLATE_UNUSABLE",
            // An hour is longer than any code of this app is of use.
            Account | SlowSenderForHours => "; starts: ACCOUNT_UNUSABLE",
            Undeliverable | Country | Identity | Later | Unclear | Request | SlowPerson | SlowSender | SlowAccount
            | SlowAccountAsked | Uncertain => "",
        }
    }
}

/// What a case has to come to.
fn outcome(case: &Case) -> Outcome {
    let Case { class, path, phase, .. } = *case;
    match phase {
        Phase::AtFirst => at_first(class, path),
        Phase::EveryTime => every_time(class, path),
        Phase::Asked => open("again when the 120 s that were asked for are over", "DUE"),
        Phase::AnotherSender => carried(class, path, "again at once from another sender"),
        Phase::Once => carried(class, path, "again at once in the default language"),
    }
}

fn at_first(class: Class, path: Path) -> Outcome {
    let reason = class.reason();
    let failed = format!("FAILED {reason}");
    if class == Uncertain {
        return open("waits for word", "UNKNOWN");
    }
    if class.is_tried_again() {
        return match path {
            Path::Http => open("again soon", "DUE"),
            Path::Webhook => open("a new message soon", &format!("{failed}, DUE")),
        };
    }
    let decision = match class {
        // Each language is approved, paused and shaped alone.
        Language | Template => "again at once in the default language, then never",
        _ => "never again",
    };
    let deliveries = match (class, path) {
        (Language | Template, Path::Webhook) => format!("{failed}, {failed}"),
        _ => failed.clone(),
    };
    Outcome {
        decision: format!("{decision}{}", class.next_start()),
        deliveries,
        verification: failed,
    }
}

fn every_time(class: Class, path: Path) -> Outcome {
    if class == Uncertain {
        return open("2 tries, then waits for word", "UNKNOWN");
    }
    // The policy of these cases allows three.
    let tries: usize = if class == Unclear { 2 } else { 3 };
    let pauses = match class {
        SlowPerson | SlowSender | SlowAccount => ", with pauses",
        _ => "",
    };
    let failed = format!("FAILED {}", class.reason());
    let (what, messages) = match path {
        Path::Http => ("tries", 1),
        Path::Webhook => ("messages", tries),
    };
    Outcome {
        decision: format!("{tries} {what}{pauses}, then never"),
        deliveries: vec![failed.as_str(); messages].join(", "),
        verification: failed,
    }
}

fn carried(class: Class, path: Path, decision: &str) -> Outcome {
    match path {
        Path::Http => open(decision, "ACCEPTED"),
        Path::Webhook => open(decision, &format!("FAILED {}, ACCEPTED", class.reason())),
    }
}

fn open(decision: &str, deliveries: &str) -> Outcome {
    Outcome {
        decision: decision.to_owned(),
        deliveries: deliveries.to_owned(),
        verification: "OPEN".to_owned(),
    }
}

/// In what a case differs from what it has to come to.
pub(crate) fn breach(case: &Case, seen: &Seen) -> Option<String> {
    let expected = outcome(case);
    if seen.outcome != expected {
        return Some(format!("{case}: expected {expected:?}, saw {:?}", seen.outcome));
    }
    let (code, title) = case.told()?;
    let is_told = |report: &(i32, String)| i64::from(report.0) == i64::from(code) && report.1.contains(title);
    // Of a message that was refused, the log tells the sender.
    if (case.path, case.phase) == (Path::Webhook, Phase::AnotherSender) && seen.from_senders == 1 {
        return Some(format!("{case}: both messages are from one sender"));
    }
    match (&seen.report, case.path, case.phase) {
        // What was taken in the end carries no old complaint.
        (None, Path::Http, Phase::AnotherSender | Phase::Once) => None,
        (Some(report), ..) if is_told(report) => None,
        (report, ..) => Some(format!(
            "{case}: the caller is told {report:?} instead of {code} {title}"
        )),
    }
}

#[test]
fn every_code_that_meta_may_answer_is_written_down_once() {
    let known: Vec<_> = ErrorCode::all().iter().map(|it| it.code).collect();
    let mut written: Vec<_> = CODES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
    written.sort_unstable();
    assert_eq!(written, known);
    let classes: BTreeSet<_> = CODES.iter().map(|(class, _)| *class).collect();
    assert_eq!(classes.len(), CODES.len(), "a class is written down twice");
}
