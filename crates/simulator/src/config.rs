//! What the simulator accepts, how fast it is and how much it keeps. Kept out: what of it is wrong (see `check`), and
//! reading a file or the environment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::settings::{ManagementLimits, Readable, Review};
use crate::limits::Limits;
use crate::template::Template;
use crate::texts::supported_languages;
use crate::time::VirtualClock;

/// Tells the wall time in milliseconds since the Unix epoch. It stamps messages and webhooks; waiting is left to
/// `tokio::time`.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Everything that can be chosen. [`Config::new`] has defaults for all of it; [`crate::Simulator::bind`] refuses a
/// contradiction and names every mistake at once.
#[derive(Clone)]
pub struct Config {
    /// Bearer tokens the Graph endpoint accepts. Default: `simulator-token`.
    pub tokens: Vec<String>,
    /// Sender numbers. Default: one, with id `106540352242922`.
    pub phone_numbers: Vec<PhoneNumber>,
    /// Id of the business account that webhooks name, digits only. Default: `102290129340398`.
    pub business_account_id: String,
    /// Authentication templates that are approved from the start. Default: one, `verification_code`, in every language
    /// of [`supported_languages`].
    pub templates: Vec<Template>,
    /// What becomes of templates that are created or edited. Default: approved at once.
    pub review: Review,
    /// Which of Meta's limits on the management of templates hold. Default: those of templates; not that of calls.
    pub management_limits: ManagementLimits,
    /// What the account may read. Default: everything.
    pub readable: Readable,
    /// Key of the webhook signature. Default: `simulator-app-secret`.
    pub app_secret: String,
    /// Token of the verification handshake; `None` skips the handshake. Default: `simulator-verify-token`.
    pub verify_token: Option<String>,
    /// Where webhooks go, `http` only; `None` sends none until [`crate::Controls::set_callback_url`] is called.
    /// Default: `None`.
    pub callback_url: Option<String>,
    /// How long a message stays in each status.
    pub pace: Pace,
    /// How a webhook that was not answered with 200 is repeated.
    pub retries: Retries,
    /// Longest wait for the whole answer to one webhook attempt. Default: 5 s.
    pub webhook_timeout: Duration,
    /// Most webhook attempts in progress at once. Default: 64.
    pub webhooks_max: usize,
    /// Most messages kept; beyond it the oldest is forgotten. Default: 10,000.
    pub messages_max: usize,
    /// Most messages whose statuses are still to come; beyond it a send is answered with Meta's throughput error
    /// 130429. Must be more than `messages_max`. Default: 20,000.
    pub in_flight_max: usize,
    /// Largest request body in bytes, at least 1,024. Default: 65,536.
    pub body_bytes_max: usize,
    /// Most browsers that follow `/events` at once. Default: 64.
    pub viewers_max: usize,
    /// Most connections served at once; beyond it, new ones wait. Default: 1,024.
    pub connections_max: usize,
    /// Whether phone numbers of certain last digits misbehave by themselves; `docs/simulator.md` lists them. Default:
    /// `false`.
    pub magic_numbers: bool,
    /// Which of Meta's limits hold. Default: both.
    pub limits: Limits,
    /// Whether webhooks tell the hash of who holds a number, as at Meta after the identity check was switched on for
    /// the sender. Default: `true`.
    pub identity_key_check: bool,
    /// Calling codes of countries to which messages are billed as international, as at Meta for a business that is based
    /// elsewhere and sends a lot: digits only, and only of countries that have such a price. Default: none.
    pub international: Vec<String>,
    /// Wall time.
    pub clock: Clock,
    /// A clock that tests move, which takes the place of [`Config::clock`] and of real waits. Default: `None`.
    pub virtual_clock: Option<VirtualClock>,
}

/// A sender number registered with Meta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber {
    /// The id in the path, digits only.
    pub id: String,
    /// The number as webhooks show it, digits only.
    pub display: String,
    /// The name people see beside it.
    pub verified_name: String,
    /// Messages a second it may send, 1 to 1,000. Default: 80.
    pub throughput: u32,
}

/// How long a message stays in each status. Each wait counts from the status before; `None` means that the status is
/// not reached by itself, and so neither are those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From accepted to sent. Default: 300 ms.
    pub to_sent: Option<Duration>,
    /// From sent to delivered. Default: 900 ms.
    pub to_delivered: Option<Duration>,
    /// From delivered to read, unless the page shows the message first. Default: 3 s.
    pub to_read: Option<Duration>,
}

/// Bounded repetition with doubling waits. Meta repeats for days; a stand-in that is asked about seconds does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first included; at least 1. Default: 5.
    pub attempts_max: u32,
    /// Wait after the first failed attempt. Default: 500 ms.
    pub first_wait: Duration,
    /// Longest wait between attempts. Default: 8 s.
    pub wait_max: Duration,
}

impl Config {
    /// A configuration in which every field has its documented default.
    pub fn new(clock: Clock) -> Self {
        Self {
            tokens: vec!["simulator-token".into()],
            phone_numbers: vec![PhoneNumber::default()],
            business_account_id: "102290129340398".into(),
            templates: vec![Template::new("verification_code", supported_languages())],
            review: Review::default(),
            management_limits: ManagementLimits::default(),
            readable: Readable::default(),
            app_secret: "simulator-app-secret".into(),
            verify_token: Some("simulator-verify-token".into()),
            callback_url: None,
            pace: Pace::default(),
            retries: Retries::default(),
            webhook_timeout: Duration::from_secs(5),
            webhooks_max: 64,
            messages_max: 10_000,
            in_flight_max: 20_000,
            body_bytes_max: 65_536,
            viewers_max: 64,
            connections_max: 1_024,
            magic_numbers: false,
            limits: Limits::all(),
            identity_key_check: true,
            international: Vec::new(),
            clock,
            virtual_clock: None,
        }
    }

    /// The same on a clock that stands until the test moves it.
    #[must_use]
    pub fn with_virtual_clock(self, clock: &VirtualClock) -> Self {
        let reader = clock.clone();
        Self {
            clock: Arc::new(move || reader.now_ms()),
            virtual_clock: Some(clock.clone()),
            ..self
        }
    }
}

impl Default for PhoneNumber {
    fn default() -> Self {
        Self {
            id: "106540352242922".into(),
            display: "15550783881".into(),
            verified_name: "Countersign".into(),
            throughput: 80,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            to_sent: Some(Duration::from_millis(300)),
            to_delivered: Some(Duration::from_millis(900)),
            to_read: Some(Duration::from_secs(3)),
        }
    }
}

impl Pace {
    /// Every status at once, for tests that wait for the last one.
    pub fn instant() -> Self {
        Self {
            to_sent: Some(Duration::ZERO),
            to_delivered: Some(Duration::ZERO),
            to_read: Some(Duration::ZERO),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            first_wait: Duration::from_millis(500),
            wait_max: Duration::from_secs(8),
        }
    }
}

impl Retries {
    /// The waits between attempts: one fewer than attempts, each twice the one before, none above the longest.
    pub(crate) fn waits(self) -> impl Iterator<Item = Duration> {
        let doubled = std::iter::successors(Some(self.first_wait), |wait| Some(wait.saturating_mul(2)));
        let between = usize::try_from(self.attempts_max.saturating_sub(1)).unwrap_or(usize::MAX);
        doubled.map(move |wait| wait.min(self.wait_max)).take(between)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("phone_numbers", &self.phone_numbers)
            .field("templates", &self.templates)
            .field("pace", &self.pace)
            .field("retries", &self.retries)
            .field("messages_max", &self.messages_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retries = Retries {
            attempts_max: 5,
            first_wait: Duration::from_secs(1),
            wait_max: Duration::from_secs(3),
        };
        let seconds: Vec<_> = retries.waits().map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 3, 3]);
        assert_eq!(
            Retries {
                attempts_max: 1,
                ..retries
            }
            .waits()
            .count(),
            0
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Config::new(Arc::new(|| 0)));
        assert!(!shown.contains("simulator-token") && !shown.contains("secret") && !shown.contains("verify"));
    }
}
