//! The cases: which trouble is made for whom, on which path, and for how long one looks on.

use std::fmt;
use std::time::Duration;

use countersign_simulator::{ErrorCode, Fate, Fault, Scenario};

use crate::law::{CODES, Class};

/// A code of which Meta's pages know nothing.
const UNKNOWN: u32 = 999_999;
/// What an account is asked to wait; Meta counts in minutes.
const ASKED: Duration = Duration::from_secs(120);

/// When a webhook tells of a failure: well after the answer to the send was recorded. One that overtakes it shuts a
/// sender that the answer opens again.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// On which path the trouble is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// In the answer to the send.
    Http,
    /// In a webhook, after the message was accepted.
    Webhook,
}

/// How long the trouble lasts, and how far one looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It lasts. The next try is minutes away, so what is seen is what is decided first.
    AtFirst,
    /// It lasts. The next try is at once and there are three, so what is seen is the end.
    EveryTime,
    /// It lasts, and the answer says for how long.
    Asked,
    /// It happens once, and the app has another sender.
    AnotherSender,
    /// It happens once.
    Once,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// One of Meta's codes, or one that nobody knows, on either path.
    Code(u32),
    /// An answer that has no code, or more beside it.
    Answer(Fault),
}

/// One case: an app with senders of its own, and a person of its own.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Its place in the order, which also makes its app, sender and person.
    pub(crate) number: usize,
    /// The code, or a few words.
    pub(crate) name: String,
    pub(crate) path: Path,
    pub(crate) phase: Phase,
    pub(crate) class: Class,
    pub(crate) trouble: Trouble,
}

/// Every case, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    let mut codes: Vec<_> = CODES
        .iter()
        .flat_map(|(class, codes)| codes.iter().map(|code| (*code, *class)))
        .collect();
    codes.sort_unstable();
    for (code, class) in codes {
        cases.on_both_paths(&code.to_string(), class, &Trouble::Code(code));
    }
    cases.with_a_way_around();
    cases.asked();
    cases.without_a_known_code();
    cases.0
}

struct Cases(Vec<Case>);

impl Cases {
    fn on_both_paths(&mut self, name: &str, class: Class, trouble: &Trouble) {
        self.at_first_and_every_time(name, Path::Http, class, trouble);
        self.at_first_and_every_time(name, Path::Webhook, class, trouble);
    }

    fn at_first_and_every_time(&mut self, name: &str, path: Path, class: Class, trouble: &Trouble) {
        self.add(name, path, Phase::AtFirst, class, trouble);
        if class.is_tried_again() {
            self.add(name, path, Phase::EveryTime, class, trouble);
        }
    }

    fn add(&mut self, name: &str, path: Path, phase: Phase, class: Class, trouble: &Trouble) {
        self.0.push(Case {
            number: self.0.len(),
            name: name.to_owned(),
            path,
            phase,
            class,
            trouble: trouble.clone(),
        });
    }

    /// One code of the account, of the template, of a throttle, of the language: something else can carry the message.
    fn with_a_way_around(&mut self) {
        for (code, class, phase) in [
            (190, Class::Account, Phase::AnotherSender),
            (132_015, Class::Template, Phase::AnotherSender),
            (130_429, Class::SlowSender, Phase::AnotherSender),
            (132_001, Class::Language, Phase::Once),
        ] {
            for path in [Path::Http, Path::Webhook] {
                self.add(&code.to_string(), path, phase, class, &Trouble::Code(code));
            }
        }
    }

    fn asked(&mut self) {
        let throttle = |code| Trouble::Answer(Fault::Throttle { code, regain: ASKED });
        let name = "80007, 120 s asked for";
        self.add(
            name,
            Path::Http,
            Phase::Asked,
            Class::SlowAccountAsked,
            &throttle(80_007),
        );
        // The account's wait says nothing about the sender, nor about one person.
        for (code, class) in [(130_429, Class::SlowSender), (131_056, Class::SlowPerson)] {
            let name = format!("{code}, 120 s asked of the account");
            self.add(&name, Path::Http, Phase::AtFirst, class, &throttle(code));
        }
    }

    fn without_a_known_code(&mut self) {
        let answer = |status, body: &str| {
            let body = body.to_owned();
            Trouble::Answer(Fault::Answer { status, body })
        };
        let unknown = "unknown code";
        self.at_first_and_every_time(unknown, Path::Webhook, Class::Later, &Trouble::Code(UNKNOWN));
        let body = r#"{"error":{"message":"(#999999) New","code":999999,"error_data":{"details":"Never seen."}}}"#;
        let transient = r#"{"error":{"message":"(#999999) New","code":999999,"is_transient":true}}"#;
        let no_code = r#"{"error":{"message":"Something"}}"#;
        for (name, class, trouble) in [
            ("unknown code with 400", Class::Request, answer(400, body)),
            (
                "unknown code with 400 that will pass",
                Class::Later,
                answer(400, transient),
            ),
            ("unknown code with 500", Class::Later, answer(500, body)),
            ("unknown code with 200", Class::Request, answer(200, body)),
            ("an error without a code, 400", Class::Request, answer(400, no_code)),
            (
                "empty, 200",
                Class::Uncertain,
                Trouble::Answer(Fault::Empty { status: 200 }),
            ),
            (
                "empty, 401",
                Class::Account,
                Trouble::Answer(Fault::Empty { status: 401 }),
            ),
            (
                "empty, 429",
                Class::SlowAccount,
                Trouble::Answer(Fault::Empty { status: 429 }),
            ),
            (
                "empty, 503",
                Class::Later,
                Trouble::Answer(Fault::Empty { status: 503 }),
            ),
            (
                "html, 404",
                Class::Request,
                Trouble::Answer(Fault::Html { status: 404 }),
            ),
            (
                "html, 502",
                Class::Uncertain,
                Trouble::Answer(Fault::Html { status: 502 }),
            ),
            ("html, 503", Class::Later, Trouble::Answer(Fault::Html { status: 503 })),
            (
                "half an answer",
                Class::Uncertain,
                Trouble::Answer(Fault::AcceptThenHalfAnswer),
            ),
            (
                "no answer, hung up",
                Class::Uncertain,
                Trouble::Answer(Fault::AcceptThenHangUp),
            ),
        ] {
            self.at_first_and_every_time(name, Path::Http, class, &trouble);
        }
    }
}

impl Case {
    /// The app it is played with.
    pub(crate) fn app(&self) -> String {
        format!("app{}", self.number)
    }

    /// The ids of the numbers that app sends from.
    pub(crate) fn senders(&self) -> Vec<String> {
        let senders = if self.phase == Phase::AnotherSender { 2 } else { 1 };
        (0..senders)
            .map(|sender| format!("2000{:04}{sender}", self.number))
            .collect()
    }

    /// The person to whom it happens, each time it is played another one.
    pub(crate) fn person(&self, round: usize) -> String {
        format!("+551197{:04}{round:03}", self.number)
    }

    /// Somebody else, to whom nothing happens.
    pub(crate) fn bystander(&self) -> String {
        self.person(999)
    }

    /// What makes the trouble happen to a person.
    pub(crate) fn scenario(&self, person: &str) -> Scenario {
        let scenario = match (&self.trouble, self.path) {
            (Trouble::Code(code), Path::Http) => Scenario::to(person).fault(Fault::Error { code: *code }),
            (Trouble::Code(code), Path::Webhook) => Scenario::to(person).fate(Fate::failed(*code, TOLD_AFTER)),
            (Trouble::Answer(fault), _) => Scenario::to(person).fault(fault.clone()),
        };
        match self.phase {
            Phase::AnotherSender | Phase::Once => scenario.times(1),
            Phase::AtFirst | Phase::EveryTime | Phase::Asked => scenario,
        }
    }

    /// Meta's code and title, of which the caller has to be told.
    pub(crate) fn told(&self) -> Option<(u32, &'static str)> {
        let (Trouble::Code(code) | Trouble::Answer(Fault::Throttle { code, .. })) = self.trouble else {
            return None;
        };
        ErrorCode::of(code).map(|row| (code, row.title))
    }

    /// The path and the phase, in words.
    pub(crate) fn way(&self) -> String {
        let path = match self.path {
            Path::Http => "http",
            Path::Webhook => "webhook",
        };
        match self.phase {
            Phase::AtFirst | Phase::Asked => path.to_owned(),
            Phase::EveryTime => format!("{path}, every time"),
            Phase::AnotherSender => format!("{path}, two senders"),
            Phase::Once => format!("{path}, once"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} | {} | {}", self.name, self.way(), self.class.words())
    }
}
