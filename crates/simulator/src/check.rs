//! What can be wrong with a configuration, all of it said at once. Kept out: the defaults.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::Uri;
use thiserror::Error;

use crate::catalogue::button::check_button;
use crate::catalogue::rules::is_name;
use crate::config::Config;
use crate::pricing::INTERNATIONAL;

/// Meta: time-to-live page, authentication templates.
const LIFE_MIN: Duration = Duration::from_secs(30);
const LIFE_MAX: Duration = Duration::from_secs(900);

/// One thing that is wrong with a [`Config`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{field}` {problem}")]
pub struct Mistake {
    /// Field of [`Config`].
    pub field: &'static str,
    /// What is wrong with it; never quotes a secret.
    pub problem: String,
}

/// A [`Config`] that contradicts itself.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("invalid simulator configuration: {}", listed(.mistakes))]
pub struct InvalidConfig {
    /// Every mistake, in the order of the fields. Never empty.
    pub mistakes: Vec<Mistake>,
}

impl Config {
    /// Says everything that is wrong, or nothing.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let mut mistakes = Mistakes::default();
        self.check_identities(&mut mistakes);
        self.check_templates(&mut mistakes);
        self.check_webhooks(&mut mistakes);
        self.check_limits(&mut mistakes);
        if mistakes.0.is_empty() {
            Ok(())
        } else {
            Err(InvalidConfig { mistakes: mistakes.0 })
        }
    }

    fn check_identities(&self, mistakes: &mut Mistakes) {
        let usable = !self.tokens.is_empty() && self.tokens.iter().all(|token| is_header_text(token));
        mistakes.unless(
            usable,
            "tokens",
            "must hold at least one token of visible ASCII characters",
        );
        mistakes.unless(
            !self.phone_numbers.is_empty(),
            "phone_numbers",
            "must hold at least one number",
        );
        for number in &self.phone_numbers {
            let digits = is_digits(&number.id) && is_digits(&number.display);
            mistakes.unless(
                digits,
                "phone_numbers",
                "must have an id and a display number of digits only",
            );
        }
        let mut throughputs = self.phone_numbers.iter().map(|number| number.throughput);
        let possible = throughputs.all(|throughput| (1..=1_000).contains(&throughput));
        mistakes.unless(
            possible,
            "phone_numbers",
            "must have a throughput of 1 to 1000 messages a second",
        );
        let distinct: BTreeSet<_> = self.phone_numbers.iter().map(|number| &number.id).collect();
        mistakes.unless(
            distinct.len() == self.phone_numbers.len(),
            "phone_numbers",
            "holds an id twice",
        );
        mistakes.unless(
            is_digits(&self.business_account_id),
            "business_account_id",
            "must be digits only",
        );
    }

    fn check_templates(&self, mistakes: &mut Mistakes) {
        mistakes.unless(
            !self.templates.is_empty(),
            "templates",
            "must hold at least one template",
        );
        let mut seen = BTreeSet::new();
        for template in &self.templates {
            let name = &template.name;
            mistakes.unless(
                is_name(name),
                "templates",
                "must have names of 1 to 512 of a-z, 0-9 and _",
            );
            let spoken = !template.languages.is_empty() && template.languages.iter().all(|code| is_language(code));
            mistakes.unless(spoken, "templates", "must each have languages such as `en` or `en_US`");
            let minutes = template
                .code_expiration_minutes
                .is_none_or(|minutes| (1..=90).contains(&minutes));
            mistakes.unless(minutes, "templates", "can promise 1 to 90 minutes in the footer");
            let life = template
                .message_life
                .is_none_or(|life| (LIFE_MIN..=LIFE_MAX).contains(&life));
            mistakes.unless(life, "templates", "can have messages live for 30 to 900 seconds");
            mistakes.unless(seen.insert(name), "templates", "holds a name twice");
            let pressable = check_button(&template.button).is_ok();
            mistakes.unless(pressable, "templates", "must have buttons that keep Meta's rules");
        }
    }

    fn check_webhooks(&self, mistakes: &mut Mistakes) {
        mistakes.unless(!self.app_secret.is_empty(), "app_secret", "must not be empty");
        let verifiable = self.verify_token.as_ref().is_none_or(|token| !token.is_empty());
        mistakes.unless(verifiable, "verify_token", "must not be empty");
        if let Some(Err(mistake)) = self.callback_url.as_deref().map(parse_callback_url) {
            mistakes.0.push(mistake);
        }
        mistakes.unless(
            self.retries.attempts_max > 0,
            "retries",
            "must allow at least one attempt",
        );
        let ordered = self.retries.first_wait <= self.retries.wait_max;
        mistakes.unless(ordered, "retries", "has a first wait longer than its longest wait");
        mistakes.unless(
            !self.webhook_timeout.is_zero(),
            "webhook_timeout",
            "must be more than zero",
        );
        mistakes.unless(self.webhooks_max > 0, "webhooks_max", "must be at least 1");
        mistakes.0.extend(check_international(&self.international).err());
    }

    fn check_limits(&self, mistakes: &mut Mistakes) {
        mistakes.unless(self.messages_max > 0, "messages_max", "must be at least 1");
        // A kept message that nobody reads stays on its way: it must not take the last place of a new one.
        let room = self.in_flight_max > self.messages_max;
        mistakes.unless(room, "in_flight_max", "must be more than `messages_max`");
        mistakes.unless(self.body_bytes_max >= 1_024, "body_bytes_max", "must be at least 1024");
        mistakes.unless(self.viewers_max > 0, "viewers_max", "must be at least 1");
        mistakes.unless(self.connections_max > 0, "connections_max", "must be at least 1");
    }
}

/// Parses the address webhooks go to. Only `http`: the simulator stands beside the service, and TLS would only hide
/// what it sends.
pub(crate) fn parse_callback_url(text: &str) -> Result<Uri, Mistake> {
    let mistake = || Mistake {
        field: "callback_url",
        problem: "must look like http://host:port/path".into(),
    };
    let uri: Uri = text.parse().map_err(|_| mistake())?;
    if uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(mistake())
    }
}

/// Checks calling codes of countries that have an international price.
pub(crate) fn check_international(calling_codes: &[impl AsRef<str>]) -> Result<(), Mistake> {
    let known = |code: &str| INTERNATIONAL.contains(&code);
    if calling_codes.iter().all(|code| known(code.as_ref())) {
        return Ok(());
    }
    Err(Mistake {
        field: "international",
        problem: format!("must be of {}", INTERNATIONAL.join(", ")),
    })
}

#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn unless(&mut self, fine: bool, field: &'static str, problem: &str) {
        if !fine {
            self.0.push(Mistake {
                field,
                problem: problem.into(),
            });
        }
    }
}

fn listed(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_language(code: &str) -> bool {
    let (language, region) = code
        .split_once('_')
        .map_or((code, None), |(language, region)| (language, Some(region)));
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && region.is_none_or(|region| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{PhoneNumber, Retries};
    use crate::template::{Button, Template};

    fn config() -> Config {
        Config::new(Arc::new(|| 0))
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn every_mistake_is_listed_at_once() {
        let broken = Config {
            tokens: vec![],
            phone_numbers: vec![PhoneNumber {
                id: "abc".into(),
                display: "1".into(),
                throughput: 1_001,
                ..PhoneNumber::default()
            }],
            templates: vec![Template {
                code_expiration_minutes: Some(91),
                message_life: Some(Duration::from_secs(901)),
                button: Button::one_tap([]),
                ..Template::new("Not A Name", ["english"])
            }],
            app_secret: String::new(),
            callback_url: Some("https://example.test/webhook".into()),
            retries: Retries {
                attempts_max: 0,
                ..Retries::default()
            },
            in_flight_max: 10,
            international: vec!["91".into(), "55".into()],
            body_bytes_max: 1,
            ..config()
        };
        let mistakes = broken.check().unwrap_err().mistakes;
        let fields: Vec<_> = mistakes.iter().map(|mistake| mistake.field).collect();
        assert_eq!(
            fields,
            [
                "tokens",
                "phone_numbers",
                "phone_numbers",
                "templates",
                "templates",
                "templates",
                "templates",
                "templates",
                "app_secret",
                "callback_url",
                "retries",
                "international",
                "in_flight_max",
                "body_bytes_max"
            ]
        );
    }
}
