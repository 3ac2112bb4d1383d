//! Every number of an app's verifications, in one struct that is either right or refused with all its mistakes.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::time::Duration;

use crate::code::{Alphabet, LENGTH_MAX, LENGTH_MIN};
use crate::country::CountryCode;
use crate::limit::Quota;
use crate::retry::RetrySettings;
use crate::time::DAY;

/// The longest a code may live unless the policy accepts a longer life in so many words (R2: NIST, ASVS).
pub const CODE_LIFE_MAX: Duration = Duration::from_secs(10 * 60);
/// The longest a code may live at all: the most minutes Meta's footer can say.
pub const CODE_LIFE_LIMIT: Duration = Duration::from_secs(90 * 60);
/// The shortest and the longest message life Meta allows for authentication templates.
pub const MESSAGE_LIFE_RANGE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(900));

/// What a resend sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendCode {
    /// The same code: whichever message arrives first is right.
    Same,
    /// A fresh code; the one before is worthless from then on.
    Fresh,
    /// A fresh code; the one before is accepted too, which doubles the odds of a guess.
    FreshKeepPrevious,
}

/// What is done about a template that is not as it should be (see [`crate::template::Drift`]). It is told either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDrift {
    /// One whose clocks disagree with the code's life goes on being used. One that the provider does not send is passed
    /// over while there is another, and tried when there is none: what is known of it may be old.
    Alarm,
    /// It is not used until it is as it should be; when nothing else can be sent, starts are refused.
    Refuse,
}

/// Which countries an app sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Countries {
    /// Every country.
    All,
    /// Only these (R18: denied unless allowed).
    Only(BTreeSet<CountryCode>),
}

impl Countries {
    /// Whether a number of `country` may be sent to; a number of no country only where every country is allowed.
    pub fn allows(&self, country: Option<CountryCode>) -> bool {
        match self {
            Self::All => true,
            Self::Only(allowed) => country.is_some_and(|country| allowed.contains(&country)),
        }
    }
}

/// The numbers of one app and purpose, not yet checked. [`Default`] is what `deploy/countersign.toml` shows, with no country allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Characters in a code, 4 to 15.
    pub code_length: u8,
    /// What codes are drawn from.
    pub alphabet: Alphabet,
    /// How long a code is accepted: at most 10 minutes, or 90 with `accept_long_life`.
    pub code_life: Duration,
    /// Accepts a code life beyond the ten minutes of NIST and ASVS.
    pub accept_long_life: bool,
    /// What a resend sends.
    pub resend_code: ResendCode,
    /// Wrong guesses a verification bears, 1 to 10 (R5).
    pub guesses_max: u8,
    /// Wrong guesses a recipient bears within 24 hours, over all its verifications, 1 to 100 (R6).
    pub wrong_guesses_per_day_max: u8,
    /// Wrong guesses in a row after which a recipient is held, 1 to 100 (R6: NIST's ceiling is 100).
    pub consecutive_wrong_guesses_max: u8,
    /// How long a recipient is held.
    pub hold: Duration,
    /// How long wrong guesses in a row are remembered after the last one, 7 to 365 days.
    pub wrong_guess_memory: Duration,
    /// The waits between sends to a recipient since its last approval; when they are used up, nothing is sent until
    /// the first of those sends is a day old (R13).
    pub send_waits: Vec<Duration>,
    /// Sends to a recipient within `send_window`, 1 to 100 (R14).
    pub sends_per_window_max: u8,
    /// The window of `sends_per_window_max`, at most a day.
    pub send_window: Duration,
    /// Sends to a recipient within 24 hours, 1 to 100 (R14).
    pub sends_per_day_max: u8,
    /// Sends to a phone, over all apps, that nobody answered, before it is left in peace, 1 to 1000 (R15).
    pub unanswered_sends_max: u32,
    /// How long a phone is left in peace.
    pub silence: Duration,
    /// How long Meta tries to deliver a message (the template's `message_send_ttl_seconds`): 30 to 900 seconds and
    /// never longer than the code lives (R31). `None`: the code's life, cut to what Meta allows.
    pub message_life: Option<Duration>,
    /// The minutes the template's footer promises, 1 to 90 and never more than the code lives. `None`: the code's
    /// life, rounded down.
    pub footer_minutes: Option<u8>,
    /// What is done about a template that outlives or overpromises its codes.
    pub on_drift: OnDrift,
    /// How long after its life a message without word counts as dropped.
    pub drop_buffer: Duration,
    /// With less life than this left, a code is never sent; a start opens a new verification instead.
    pub useful_life_min: Duration,
    /// How long a finished verification stays readable: at least the code's life, at most 7 days.
    pub finished_retention: Duration,
    /// How long after an approval the provider's word for the person is kept and sent along with later codes, so that
    /// they do not reach the next owner of the number: 1 to 400 days. `None`: it is not kept.
    pub identity_memory: Option<Duration>,
    /// How failed attempts are repeated.
    pub retry: RetrySettings,
    /// How long one attempt to send may take.
    pub send_timeout: Duration,
    /// How long an uncertain attempt waits for a webhook before the same code is sent once more.
    pub settle_wait: Duration,
    /// How long a fault of the template or the account refuses new starts before the next one may probe it. A sender
    /// whose probes go on failing rests twice as long each time, up to 15 minutes.
    pub fault_memory: Duration,
    /// The countries numbers may belong to.
    pub countries: Countries,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            code_length: 6,
            alphabet: Alphabet::Numeric,
            code_life: CODE_LIFE_MAX,
            accept_long_life: false,
            resend_code: ResendCode::Same,
            guesses_max: 5,
            wrong_guesses_per_day_max: 15,
            consecutive_wrong_guesses_max: 30,
            hold: DAY,
            wrong_guess_memory: DAY * 30,
            send_waits: [60, 120, 300, 600].map(Duration::from_secs).to_vec(),
            sends_per_window_max: 5,
            send_window: Duration::from_secs(10 * 60),
            sends_per_day_max: 10,
            unanswered_sends_max: 10,
            silence: DAY,
            message_life: None,
            footer_minutes: None,
            on_drift: OnDrift::Alarm,
            drop_buffer: Duration::from_secs(30),
            useful_life_min: Duration::from_secs(60),
            finished_retention: DAY,
            identity_memory: None,
            retry: RetrySettings::default(),
            send_timeout: Duration::from_secs(5),
            settle_wait: Duration::from_secs(10),
            fault_memory: Duration::from_secs(60),
            countries: Countries::Only(BTreeSet::new()),
        }
    }
}

/// One thing that is wrong with a policy, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The name of the setting.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// Settings that hold together. Read its numbers as fields: it derefs to the settings and cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(PolicySettings);

impl Deref for Policy {
    type Target = PolicySettings;

    fn deref(&self) -> &PolicySettings {
        &self.0
    }
}

impl Policy {
    /// Checks the settings, each alone and against each other, and reports every mistake at once.
    pub fn new(settings: PolicySettings) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Mistakes(Vec::new());
        mistakes.check_code(&settings);
        mistakes.check_guesses(&settings);
        mistakes.check_sends(&settings);
        mistakes.check_message(&settings);
        if mistakes.0.is_empty() {
            Ok(Self(settings))
        } else {
            Err(mistakes.0)
        }
    }

    /// How long Meta tries to deliver a message.
    pub fn message_life(&self) -> Duration {
        self.0
            .message_life
            .unwrap_or_else(|| self.code_life.clamp(MESSAGE_LIFE_RANGE.0, MESSAGE_LIFE_RANGE.1))
    }

    /// The minutes the footer promises.
    pub fn footer_minutes(&self) -> u8 {
        self.0
            .footer_minutes
            .unwrap_or_else(|| u8::try_from(self.code_life.as_secs() / 60).unwrap_or(u8::MAX))
    }

    /// How long a claimed delivery belongs to its claimer: an attempt, and the wait in which a webhook may settle it.
    pub fn lease(&self) -> Duration {
        self.send_timeout + self.settle_wait
    }

    /// The quota of unanswered sends: so many at once, then one each time the silence is over.
    pub fn unanswered_quota(&self) -> Quota {
        let burst = NonZeroU32::new(self.unanswered_sends_max).unwrap_or(NonZeroU32::MIN);
        Quota::Rate {
            burst,
            interval: self.silence,
        }
    }
}

struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn add(&mut self, field: &'static str, problem: impl Into<String>) {
        self.0.push(Mistake {
            field,
            problem: problem.into(),
        });
    }

    fn range<T: PartialOrd + fmt::Display + Copy>(&mut self, field: &'static str, value: T, min: T, max: T) {
        if value < min || value > max {
            self.add(field, format!("is {value}, must be {min} to {max}"));
        }
    }

    fn seconds(&mut self, field: &'static str, value: Duration, min: Duration, max: Duration) {
        if value < min || value > max {
            let (value, min, max) = (value.as_secs_f64(), min.as_secs(), max.as_secs());
            self.add(field, format!("is {value} s, must be {min} to {max} s"));
        }
    }

    fn check_code(&mut self, s: &PolicySettings) {
        self.range("code_length", s.code_length, LENGTH_MIN, LENGTH_MAX);
        let minute = Duration::from_secs(60);
        if s.code_life > CODE_LIFE_MAX && s.code_life <= CODE_LIFE_LIMIT && !s.accept_long_life {
            let life = s.code_life.as_secs();
            self.add(
                "code_life",
                format!("is {life} s: more than 600 s needs accept_long_life = true (NIST and ASVS ask for at most 10 minutes)"),
            );
        } else {
            self.seconds("code_life", s.code_life, minute, CODE_LIFE_LIMIT);
        }
        // Half the life must be useful, or the first retry would already come too late.
        if s.useful_life_min.saturating_mul(2) > s.code_life {
            self.add(
                "useful_life_min",
                "must be at most half of code_life, or no message could ever be sent again",
            );
        }
        self.seconds("finished_retention", s.finished_retention, s.code_life, DAY * 7);
        if let Some(memory) = s.identity_memory {
            self.seconds("identity_memory", memory, DAY, DAY * 400);
        }
    }

    fn check_guesses(&mut self, s: &PolicySettings) {
        self.range("guesses_max", s.guesses_max, 1, 10);
        self.range("wrong_guesses_per_day_max", s.wrong_guesses_per_day_max, 1, 100);
        self.range("consecutive_wrong_guesses_max", s.consecutive_wrong_guesses_max, 1, 100);
        if s.wrong_guesses_per_day_max < s.guesses_max {
            self.add(
                "wrong_guesses_per_day_max",
                "must be at least guesses_max, or a verification promises guesses it does not have",
            );
        }
        self.seconds("hold", s.hold, Duration::from_secs(60), DAY * 30);
        self.seconds("wrong_guess_memory", s.wrong_guess_memory, DAY * 7, DAY * 365);
    }

    fn check_sends(&mut self, s: &PolicySettings) {
        self.range("sends_per_window_max", s.sends_per_window_max, 1, 100);
        self.range("sends_per_day_max", s.sends_per_day_max, 1, 100);
        self.range("unanswered_sends_max", s.unanswered_sends_max, 1, 1000);
        self.seconds("send_window", s.send_window, Duration::from_secs(60), DAY);
        self.seconds("silence", s.silence, Duration::from_secs(60), DAY * 30);
        if s.sends_per_window_max > s.sends_per_day_max {
            self.add(
                "sends_per_window_max",
                "must be at most sends_per_day_max, or it never applies",
            );
        }
        if s.send_waits.is_empty() || s.send_waits.len() > 32 {
            self.add("send_waits", "must list 1 to 32 waits");
        }
        // Meta's pair limit is one message in 6 s to the same person (131056).
        if s.send_waits
            .iter()
            .any(|wait| *wait < Duration::from_secs(6) || *wait > DAY)
        {
            self.add(
                "send_waits",
                "each wait must be 6 to 86400 s (Meta's pair limit is one message in 6 s)",
            );
        }
        if !s.send_waits.is_sorted() {
            self.add(
                "send_waits",
                "must not shrink: each wait at least as long as the one before",
            );
        }
        if s.countries == Countries::Only(BTreeSet::new()) {
            self.add(
                "countries",
                "say which countries may be sent to, as ISO 3166 codes, or [\"*\"] for all",
            );
        }
    }

    fn check_message(&mut self, s: &PolicySettings) {
        if let Some(life) = s.message_life {
            self.seconds("message_life", life, MESSAGE_LIFE_RANGE.0, MESSAGE_LIFE_RANGE.1);
            if life > s.code_life {
                self.add(
                    "message_life",
                    "must be at most code_life, or a message can arrive whose code is dead",
                );
            }
        }
        if let Some(minutes) = s.footer_minutes {
            self.range("footer_minutes", minutes, 1, 90);
            if Duration::from_secs(u64::from(minutes) * 60) > s.code_life {
                self.add("footer_minutes", "must not promise more minutes than code_life has");
            }
        }
        self.seconds("drop_buffer", s.drop_buffer, Duration::ZERO, Duration::from_secs(600));
        self.range("retry.tries_max", s.retry.tries_max, 1, 20);
        if s.retry.first_wait.is_zero() || s.retry.first_wait > s.retry.wait_max {
            self.add("retry.first_wait", "must be above zero and at most retry.wait_max");
        }
        self.seconds(
            "retry.wait_max",
            s.retry.wait_max,
            Duration::from_millis(1),
            Duration::from_secs(600),
        );
        self.seconds(
            "send_timeout",
            s.send_timeout,
            Duration::from_secs(1),
            Duration::from_secs(30),
        );
        self.seconds(
            "settle_wait",
            s.settle_wait,
            Duration::from_secs(1),
            Duration::from_secs(60),
        );
        self.seconds(
            "fault_memory",
            s.fault_memory,
            Duration::from_secs(1),
            Duration::from_secs(3600),
        );
        if s.send_timeout.saturating_add(s.settle_wait) >= s.code_life {
            self.add(
                "send_timeout",
                "send_timeout and settle_wait together must be shorter than code_life",
            );
        }
    }
}
