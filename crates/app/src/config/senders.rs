//! Senders: the phone numbers an app's messages go out from. Either one in the app itself, or a table of them.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use countersign_domain::sender::{AccountId, Sender, SenderId, THROUGHPUT_DEFAULT, THROUGHPUT_MAX, WEIGHT_MAX};
use countersign_whatsapp::{Secret, Sender as Credentials};

use crate::config::reader::{Mistakes, SecretSources, Section};

/// The share of a sender whose share is not written down.
const WEIGHT_DEFAULT: NonZeroU16 = NonZeroU16::new(100).expect("not zero");

/// The credentials of every sender, and where each was read from.
#[derive(Default)]
pub(super) struct ReadSenders(BTreeMap<SenderId, Known>);

struct Known {
    path: String,
    token: String,
    app_secret: Option<String>,
}

/// What a sender has of its app unless it says otherwise.
struct OfApp {
    token: Option<String>,
    app_secret: Option<String>,
    account: Option<AccountId>,
    throughput: NonZeroU16,
}

impl ReadSenders {
    /// The credentials, as the adapter wants them.
    pub(super) fn credentials(&self) -> BTreeMap<SenderId, Credentials> {
        let credentials = |known: &Known| Credentials {
            token: Secret::new(&known.token),
            app_secret: known.app_secret.as_deref().map(Secret::new),
        };
        self.0
            .iter()
            .map(|(id, known)| (id.clone(), credentials(known)))
            .collect()
    }

    /// Where in the file a sender was read from.
    pub(super) fn path_of(&self, id: &str) -> Option<&str> {
        let mut known = self.0.iter();
        known
            .find(|(known, _)| known.as_str() == id)
            .map(|(_, it)| it.path.as_str())
    }

    /// Reads the senders of an app: `phone_number_id` in the app itself, or each `[apps.NAME.senders.SENDER]`.
    pub(super) fn read(
        &mut self,
        name: &str,
        app: &mut Section,
        secrets: &SecretSources<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<Sender> {
        let has_table = app.has("senders");
        if has_table && app.has("phone_number_id") {
            let problem = "belongs into each sender, since there is a table of senders; take it out here";
            mistakes.add(&app.path("phone_number_id"), problem);
        }
        let of_app = OfApp::read(name, app, secrets, mistakes, !has_table);
        if !has_table {
            let path = app.path("");
            let path = path.trim_end_matches('.');
            let id = app.required("phone_number_id", sender_id, mistakes);
            let read = id.and_then(|id| self.add(path, id, WEIGHT_DEFAULT, &of_app, mistakes));
            return read.into_iter().collect();
        }
        // Every sender may have its own; what the app says is for those that do not.
        app.pass_over("phone_number_id");
        let sections = app.sections("senders", mistakes);
        if sections.is_empty() {
            let problem = "there is none; name at least one, or write phone_number_id into the app instead";
            mistakes.add(&app.path("senders"), problem);
        }
        let mut senders = Vec::new();
        for (sender, mut section) in sections {
            let path = format!("{}.{sender}", app.path("senders"));
            let own = of_app.with(&mut section, secrets, mistakes);
            let weight = bounded(&mut section, "weight", WEIGHT_MAX, mistakes).unwrap_or(WEIGHT_DEFAULT);
            let id = section.required("phone_number_id", sender_id, mistakes);
            section.end(mistakes);
            senders.extend(id.and_then(|id| self.add(&path, id, weight, &own, mistakes)));
        }
        senders
    }

    fn add(
        &mut self,
        path: &str,
        id: SenderId,
        weight: NonZeroU16,
        of_app: &OfApp,
        mistakes: &mut Mistakes,
    ) -> Option<Sender> {
        let token = of_app.token.clone()?;
        let app_secret = of_app.app_secret.clone();
        match self.0.get(&id) {
            Some(known) if (&known.token, &known.app_secret) != (&token, &app_secret) => {
                let problem = format!("has another token or app secret at {}; one number has one", known.path);
                mistakes.add(&format!("{path}.phone_number_id"), problem);
            }
            Some(_) => {}
            None => {
                let known = Known {
                    path: path.to_owned(),
                    token,
                    app_secret,
                };
                self.0.insert(id.clone(), known);
            }
        }
        Some(Sender {
            id,
            account: of_app.account.clone()?,
            weight,
            throughput: of_app.throughput,
        })
    }
}

impl OfApp {
    fn read(
        name: &str,
        app: &mut Section,
        secrets: &SecretSources<'_>,
        mistakes: &mut Mistakes,
        needs_token: bool,
    ) -> Self {
        let token = (needs_token || app.has("token"))
            .then(|| app.secret("token", secrets, mistakes))
            .flatten();
        Self {
            token,
            app_secret: optional(app, "app_secret", secrets, mistakes),
            // An app is mostly one account, and its name is one that no other app has.
            account: app
                .parsed("account", AccountId::parse, mistakes)
                .or_else(|| AccountId::parse(name).ok()),
            throughput: bounded(app, "throughput", THROUGHPUT_MAX, mistakes).unwrap_or(THROUGHPUT_DEFAULT),
        }
    }

    fn with(&self, section: &mut Section, secrets: &SecretSources<'_>, mistakes: &mut Mistakes) -> Self {
        let has_own = section.has("token") || self.token.is_none();
        let token = has_own.then(|| section.secret("token", secrets, mistakes)).flatten();
        Self {
            token: token.or_else(|| self.token.clone()),
            app_secret: optional(section, "app_secret", secrets, mistakes).or_else(|| self.app_secret.clone()),
            account: section
                .parsed("account", AccountId::parse, mistakes)
                .or_else(|| self.account.clone()),
            throughput: bounded(section, "throughput", THROUGHPUT_MAX, mistakes).unwrap_or(self.throughput),
        }
    }
}

fn sender_id(text: &str) -> Result<SenderId, &'static str> {
    SenderId::parse(text)
        .map_err(|_| "must be the id of the sender's phone number: digits only, and not the number itself")
}

fn optional(
    section: &mut Section,
    key: &'static str,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Option<String> {
    section
        .has(key)
        .then(|| section.secret(key, secrets, mistakes))
        .flatten()
}

/// A number of 1 to `max`.
fn bounded(section: &mut Section, key: &'static str, max: u16, mistakes: &mut Mistakes) -> Option<NonZeroU16> {
    let path = section.path(key);
    let number: i64 = section.number(key, mistakes)?;
    let fits = u16::try_from(number)
        .ok()
        .filter(|it| *it <= max)
        .and_then(NonZeroU16::new);
    if fits.is_none() {
        mistakes.add(&path, format!("is {number}, must be 1 to {max}"));
    }
    fits
}
