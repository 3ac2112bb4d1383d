//! Senders: the phone numbers an app's messages go out from. Either one in the app itself, or a table of them.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use countersign_domain::sender::{AccountId, Sender, SenderId, THROUGHPUT_DEFAULT, THROUGHPUT_MAX, WEIGHT_MAX};
use countersign_whatsapp::{Secret, Sender as Credentials};

use crate::config::reader::{Mistakes, SecretSources, Section};

/// The share of a sender whose share is not written down.
const WEIGHT_DEFAULT: NonZeroU16 = NonZeroU16::new(100).expect("not zero");

/// Every sender, as it was read first.
#[derive(Default)]
pub(super) struct ReadSenders(BTreeMap<SenderId, Known>);

struct Known {
    app: String,
    /// The table it was read from.
    path: String,
    sender: Sender,
    token: Written,
    app_secret: Option<Written>,
}

/// A secret, and the key it was read from.
#[derive(Clone)]
pub(super) struct Written {
    path: String,
    pub(super) text: String,
}

/// What a sender has of its app unless it says otherwise.
struct OfApp {
    /// Whether the app says one, right or wrong.
    says_token: bool,
    token: Option<Written>,
    app_secret: Option<Written>,
    account: Option<AccountId>,
    throughput: NonZeroU16,
}

impl ReadSenders {
    /// The credentials, as the adapter wants them.
    pub(super) fn credentials(&self) -> BTreeMap<SenderId, Credentials> {
        let credentials = |known: &Known| Credentials {
            token: Secret::new(&known.token.text),
            app_secret: known.app_secret.as_ref().map(|it| Secret::new(&it.text)),
        };
        self.0
            .iter()
            .map(|(id, known)| (id.clone(), credentials(known)))
            .collect()
    }

    /// Every account a sender belongs to.
    pub(super) fn accounts(&self) -> BTreeSet<&AccountId> {
        self.0.values().map(|it| &it.sender.account).collect()
    }

    /// The key in the file that `field` of a sender was read from: for what is the app's, the app's.
    pub(super) fn path_of(&self, id: &str, field: &str) -> Option<String> {
        let (_, known) = self.0.iter().find(|(known, _)| known.as_str() == id)?;
        Some(match (field, &known.app_secret) {
            ("token", _) => known.token.path.clone(),
            ("app_secret", Some(app_secret)) => app_secret.path.clone(),
            _ => format!("{}.{field}", known.path),
        })
    }

    /// Reads the senders of an app: `phone_number_id` in the app itself, or each `[apps.NAME.senders.SENDER]`. One
    /// that is not right is left out, so that what follows from it is no second mistake.
    pub(super) fn read(
        &mut self,
        name: &str,
        app: &mut Section,
        secrets: &SecretSources<'_>,
        mistakes: &mut Mistakes,
    ) -> Vec<Sender> {
        let has_table = app.has("senders");
        let before = mistakes.0.len();
        let tables = app.sections("senders", mistakes);
        if has_table && tables.is_empty() && mistakes.0.len() == before {
            let problem = "there is none; name at least one, or write phone_number_id into the app instead";
            mistakes.add(&app.path("senders"), problem);
        }
        refuse_misplaced(app, has_table, mistakes);
        let before = mistakes.0.len();
        let of_app = OfApp::read(name, app, secrets, mistakes, !has_table);
        let app_is_right = mistakes.0.len() == before;
        if !has_table {
            let id = app.required("phone_number_id", sender_id, mistakes);
            let id = id.filter(|_| app_is_right);
            let path = app.path("");
            let path = path.trim_end_matches('.');
            let read = id.and_then(|id| self.add(name, path, id, WEIGHT_DEFAULT, of_app, mistakes));
            return read.into_iter().collect();
        }
        let mut senders = Vec::new();
        for (sender, mut section) in tables {
            let path = format!("{}.{sender}", app.path("senders"));
            let before = mistakes.0.len();
            let own = of_app.with(&mut section, secrets, mistakes);
            let weight = bounded(&mut section, "weight", WEIGHT_MAX, mistakes).unwrap_or(WEIGHT_DEFAULT);
            let id = section.required("phone_number_id", sender_id, mistakes);
            section.end(mistakes);
            let is_right = app_is_right && mistakes.0.len() == before;
            let id = id.filter(|_| is_right);
            senders.extend(id.and_then(|id| self.add(name, &path, id, weight, own, mistakes)));
        }
        senders
    }

    fn add(
        &mut self,
        app: &str,
        path: &str,
        id: SenderId,
        weight: NonZeroU16,
        own: OfApp,
        mistakes: &mut Mistakes,
    ) -> Option<Sender> {
        let read = Known {
            app: app.to_owned(),
            path: path.to_owned(),
            sender: Sender {
                id,
                account: own.account?,
                weight,
                throughput: own.throughput,
            },
            token: own.token?,
            app_secret: own.app_secret,
        };
        let sender = read.sender.clone();
        match self.0.get(&sender.id) {
            Some(known) => read.compare(known, mistakes),
            None => {
                self.0.insert(sender.id.clone(), read);
            }
        }
        Some(sender)
    }
}

impl Known {
    /// A number is one sender, wherever it is used: what differs from where it was read before is a mistake.
    fn compare(&self, known: &Self, mistakes: &mut Mistakes) {
        let (path, there) = (&self.path, &known.path);
        if self.app == known.app {
            let problem = format!("is that of {there}, too; name a number once in an app, with the weight of both");
            mistakes.add(&format!("{path}.phone_number_id"), problem);
            return;
        }
        let secret = |it: &Self| it.app_secret.as_ref().map(|it| it.text.clone());
        if self.token.text != known.token.text || secret(self) != secret(known) {
            let problem = format!(
                "is that of {there}, too, with another token or app_secret; a number has one of each, so write the \
                 same at both"
            );
            mistakes.add(&format!("{path}.phone_number_id"), problem);
        }
        let (here, before) = (&self.sender, &known.sender);
        if here.throughput != before.throughput {
            let problem = format!(
                "is {} here and {} at {there}, for one number; write the same at both",
                here.throughput, before.throughput
            );
            mistakes.add(&format!("{path}.throughput"), problem);
        }
        if here.account != before.account {
            let problem = format!(
                "is \"{}\" here and \"{}\" at {there}, for one number; write the same at both (default: the app's name)",
                here.account, before.account
            );
            mistakes.add(&format!("{path}.account"), problem);
        }
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
        let says_token = needs_token || app.has("token");
        Self {
            says_token,
            token: says_token.then(|| written(app, "token", secrets, mistakes)).flatten(),
            app_secret: optional(app, "app_secret", secrets, mistakes),
            // An app is mostly one account, and its name is one that no other app has.
            account: app
                .parsed("account", AccountId::parse, mistakes)
                .or_else(|| AccountId::parse(name).ok()),
            throughput: bounded(app, "throughput", THROUGHPUT_MAX, mistakes).unwrap_or(THROUGHPUT_DEFAULT),
        }
    }

    /// What a sender has, with what its own table says in front.
    fn with(&self, section: &mut Section, secrets: &SecretSources<'_>, mistakes: &mut Mistakes) -> Self {
        // Where the app's token is wrong, that was said there.
        let has_own = section.has("token") || !self.says_token;
        let own_token = has_own.then(|| written(section, "token", secrets, mistakes)).flatten();
        Self {
            says_token: true,
            token: own_token.or_else(|| self.token.clone()),
            app_secret: optional(section, "app_secret", secrets, mistakes).or_else(|| self.app_secret.clone()),
            account: section
                .parsed("account", AccountId::parse, mistakes)
                .or_else(|| self.account.clone()),
            throughput: bounded(section, "throughput", THROUGHPUT_MAX, mistakes).unwrap_or(self.throughput),
        }
    }
}

/// What belongs into a sender's table when there is one, and nowhere when there is none.
fn refuse_misplaced(app: &mut Section, has_table: bool, mistakes: &mut Mistakes) {
    if has_table && app.pass_over("phone_number_id") {
        let problem = "belongs into each sender, since there is a table of senders; take it out here";
        mistakes.add(&app.path("phone_number_id"), problem);
    }
    if app.pass_over("weight") {
        let problem = if has_table {
            "belongs into each sender: it is its share, compared with the others; take it out here"
        } else {
            "is a share among several senders, and the app has one; take it out"
        };
        mistakes.add(&app.path("weight"), problem);
    }
}

fn sender_id(text: &str) -> Result<SenderId, &'static str> {
    SenderId::parse(text)
        .map_err(|_| "must be the id of the sender's phone number: digits only, and not the number itself")
}

fn written(
    section: &mut Section,
    key: &'static str,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Option<Written> {
    let path = section.path(key);
    let text = section.secret(key, secrets, mistakes)?;
    Some(Written { path, text })
}

/// The secret at a key that need not be there.
pub(super) fn optional(
    section: &mut Section,
    key: &'static str,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Option<Written> {
    section
        .has(key)
        .then(|| written(section, key, secrets, mistakes))
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
