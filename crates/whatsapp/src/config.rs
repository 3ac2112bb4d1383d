//! How to reach the provider and as whom. Kept out: reading files or the environment, and the webhook's own settings.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use countersign_domain::sender::{AccountId, SenderId};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use sha2::Sha256;

use crate::mistake::{Mistake, Mistakes};
use crate::secret::Secret;

/// The longest a connection may take to be established.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// Where messages go and as whom. The defaults speak to Meta; other providers that take Cloud API bodies, such as
/// 360dialog, need another base URL, another header and no version or number in the path.
#[derive(Clone, Debug)]
pub struct Config {
    /// Scheme and host, with a port if need be. `https`, or `http` to this machine itself. Default:
    /// `https://graph.facebook.com`.
    pub base_url: String,
    /// What stands in the path before the version, such as `gateway/meta`; may be empty. Default: empty.
    pub path_prefix: String,
    /// The Graph version, such as `v23.0`; `None` leaves it out of the path. Meta retires a version about two years
    /// after it appeared. Default: `v23.0`.
    pub version: Option<String>,
    /// Whether the sender's id stands in the path, as Meta wants it. Default: `true`.
    pub number_in_path: bool,
    /// The header that carries the token.
    pub auth: AuthHeader,
    /// How long a connection may take to be established, 1 ms to 30 s; keep it well below the policies' send time-out.
    /// A connection that takes longer counts as not sent, while a message whose whole time is up may have been sent.
    /// Default: 3 s.
    pub connect_timeout: Duration,
    /// The senders, by what the domain calls them: at Meta the ids of their phone numbers (not the numbers), which
    /// stand in the path.
    pub senders: BTreeMap<SenderId, Sender>,
    /// The accounts whose templates can be looked at or changed, by what the domain calls them. Two may name the same
    /// business account. Default: none.
    pub accounts: BTreeMap<AccountId, Account>,
}

/// The header that carries the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthHeader {
    /// Its name. Default: `Authorization`.
    pub name: String,
    /// What stands before the token, such as `Bearer`; `None` sends the bare token. Default: `Bearer`.
    pub scheme: Option<String>,
}

/// How a sender proves itself.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The token of a system user with `whatsapp_business_messaging`, or the provider's key.
    pub token: Secret,
    /// The secret of the app the token belongs to. With it every call carries `appsecret_proof`, which makes a stolen
    /// token useless when the app requires it (Meta: secure Graph API calls).
    pub app_secret: Option<Secret>,
}

/// A business account, and how whoever manages its templates proves it. A process that only sends needs no token of
/// it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The id of the WhatsApp business account: digits, which stand in the path.
    pub business_account_id: String,
    /// The token of a system user with `whatsapp_business_management`. Without one this process neither looks at the
    /// account's templates nor changes them. Only over Meta's Graph: other providers have other paths.
    pub token: Option<Secret>,
    /// The secret of the app the token belongs to. With it every call carries `appsecret_proof`.
    pub app_secret: Option<Secret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: "https://graph.facebook.com".to_owned(),
            path_prefix: String::new(),
            version: Some("v23.0".to_owned()),
            number_in_path: true,
            auth: AuthHeader::default(),
            connect_timeout: Duration::from_secs(3),
            senders: BTreeMap::new(),
            accounts: BTreeMap::new(),
        }
    }
}

impl Default for AuthHeader {
    fn default() -> Self {
        Self {
            name: "Authorization".to_owned(),
            scheme: Some("Bearer".to_owned()),
        }
    }
}

impl Config {
    /// Says everything that is wrong, or nothing.
    pub fn check(&self) -> Result<(), Vec<Mistake>> {
        self.routes().map(|_| ())
    }

    /// Where and with which header each sender's messages go, or everything that is wrong.
    pub(crate) fn routes(&self) -> Result<Routes, Vec<Mistake>> {
        let Self {
            base_url,
            path_prefix,
            version,
            number_in_path,
            auth,
            connect_timeout,
            senders,
            accounts,
        } = self;
        let mut mistakes = Mistakes::default();
        let base = read_base(base_url, &mut mistakes);
        let prefix = read_prefix(path_prefix, &mut mistakes);
        if version.as_deref().is_some_and(|version| !is_version(version)) {
            mistakes.add("version", "must look like 'v23.0', or be left out");
        }
        if connect_timeout.is_zero() || *connect_timeout > CONNECT_TIMEOUT_MAX {
            mistakes.add("connect_timeout", "must be above zero and at most 30 s");
        }
        let header = HeaderName::try_from(&auth.name).ok();
        if header.is_none() {
            mistakes.add("auth.name", "must be the name of an HTTP header");
        }
        if senders.is_empty() {
            mistakes.add("senders", "must name at least one sender, or nothing can be sent");
        }
        let mut by_sender = BTreeMap::new();
        for (id, sender) in senders {
            let auth = read_sender(id, sender, auth, *number_in_path, &mut mistakes);
            let number = number_in_path.then_some(id.as_str());
            let url = |last: Option<&str>| {
                let path = [prefix, version.as_deref(), number, last];
                let url = at(base.as_ref()?, path.into_iter().flatten());
                Some(proven(url, sender.app_secret.as_ref(), &sender.token))
            };
            if let (Some(auth), Some(messages)) = (auth, url(Some("messages"))) {
                let itself = number.and_then(|_| url(None));
                by_sender.insert(id.clone(), Route { messages, itself, auth });
            }
        }
        let mut by_account = BTreeMap::new();
        for (name, account) in accounts {
            let credentials = read_account(name, account, auth, *number_in_path, &mut mistakes);
            if let (Some((token, auth)), Some(base)) = (credentials, &base) {
                let graph = at(base, [prefix, version.as_deref()].into_iter().flatten());
                let desk = Desk {
                    graph: proven(graph, account.app_secret.as_ref(), token),
                    business_account_id: account.business_account_id.clone(),
                    auth,
                };
                by_account.insert(name.clone(), desk);
            }
        }
        let routes = base.zip(header).map(|(base, header)| Routes {
            header,
            by_sender,
            by_account,
            stays_here: is_loopback(&base),
        });
        mistakes.unless(routes)
    }
}

/// The configuration, read.
pub(crate) struct Routes {
    /// The header that carries the token.
    pub(crate) header: HeaderName,
    /// Each sender's route.
    pub(crate) by_sender: BTreeMap<SenderId, Route>,
    /// Where the templates of each account are managed; only accounts with a token.
    pub(crate) by_account: BTreeMap<AccountId, Desk>,
    /// Whether messages never leave this machine.
    pub(crate) stays_here: bool,
}

/// Where one sender's messages go, and with which proof of identity.
pub(crate) struct Route {
    /// Where messages go. Never logged: it may carry the proof.
    pub(crate) messages: Url,
    /// Where the sender itself is asked about; `None` when the provider has no place for that. Never logged either.
    pub(crate) itself: Option<Url>,
    /// The value of the header, marked sensitive.
    pub(crate) auth: HeaderValue,
}

/// Where the templates of one account are managed, and with which proof of identity.
pub(crate) struct Desk {
    /// The root of the Graph: everything before an id. Never logged: it may carry the proof.
    graph: Url,
    business_account_id: String,
    /// The value of the header, marked sensitive.
    pub(crate) auth: HeaderValue,
}

impl Desk {
    /// What hangs on the account, such as `message_templates`. Never logged.
    pub(crate) fn edge(&self, name: &str) -> Url {
        self.beneath([self.business_account_id.as_str(), name])
    }

    /// The node of that id. Never logged.
    pub(crate) fn node(&self, id: &str) -> Url {
        self.beneath([id])
    }

    fn beneath<'a>(&'a self, path: impl IntoIterator<Item = &'a str>) -> Url {
        at(
            &self.graph,
            self.graph.path_segments().into_iter().flatten().chain(path),
        )
    }
}

/// `base` with another path; what follows the path stays.
fn at<'a>(base: &Url, path: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    let path: Vec<_> = path.into_iter().filter(|it| !it.is_empty()).collect();
    url.set_path(&path.join("/"));
    url
}

/// `url` with the proof that whoever has the token has the app's secret, too, if there is one.
fn proven(mut url: Url, app_secret: Option<&Secret>, token: &Secret) -> Url {
    if let Some(secret) = app_secret {
        let proof = proof(secret, token);
        url.query_pairs_mut().append_pair("appsecret_proof", &proof);
    }
    url
}

fn read_base(text: &str, mistakes: &mut Mistakes) -> Option<Url> {
    let Ok(url) = Url::parse(text) else {
        mistakes.add("base_url", "must be a URL such as 'https://graph.facebook.com'");
        return None;
    };
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !bare {
        mistakes.add(
            "base_url",
            "must be only a scheme and a host; a path belongs into path_prefix",
        );
    }
    match url.scheme() {
        "https" => Some(url),
        "http" if is_loopback(&url) => Some(url),
        "http" => {
            mistakes.add(
                "base_url",
                "must be https: only this machine itself may be spoken to in the clear",
            );
            None
        }
        _ => {
            mistakes.add("base_url", "must start with 'https://'");
            None
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn read_prefix<'a>(text: &'a str, mistakes: &mut Mistakes) -> Option<&'a str> {
    let prefix = text.trim_matches('/');
    let fits = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain)
    };
    if prefix.is_empty() {
        return None;
    }
    if !prefix.split('/').all(fits) {
        mistakes.add(
            "path_prefix",
            "must be segments of letters, digits, '-', '_' and '.', separated by '/'",
        );
    }
    Some(prefix)
}

/// `v`, a whole number, a dot and one digit.
fn is_version(text: &str) -> bool {
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_prefix('v')
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| digits(major, 3) && digits(minor, 1))
}

/// The header value of a sender.
fn read_sender(
    id: &SenderId,
    sender: &Sender,
    auth: &AuthHeader,
    number_in_path: bool,
    mistakes: &mut Mistakes,
) -> Option<HeaderValue> {
    let Sender { token, app_secret } = sender;
    if number_in_path && !is_graph_id(id.as_str()) {
        mistakes.add(
            format!("senders.{id}.phone_number_id"),
            "must be the id of the sender's phone number: digits only, and not the number itself",
        );
    }
    let path = format!("senders.{id}");
    check_app_secret(&path, app_secret.as_ref(), mistakes);
    read_token(&path, token, auth, mistakes)
}

/// The token of an account and the header value it makes; `None` for an account that is not managed here.
fn read_account<'a>(
    name: &AccountId,
    account: &'a Account,
    auth: &AuthHeader,
    is_graph: bool,
    mistakes: &mut Mistakes,
) -> Option<(&'a Secret, HeaderValue)> {
    let Account {
        business_account_id,
        token,
        app_secret,
    } = account;
    let path = format!("accounts.{name}");
    if !is_graph_id(business_account_id) {
        mistakes.add(
            format!("{path}.business_account_id"),
            "must be the id of the WhatsApp business account: digits only",
        );
    }
    check_app_secret(&path, app_secret.as_ref(), mistakes);
    let token = token.as_ref()?;
    if !is_graph {
        mistakes.add(
            format!("{path}.token"),
            "must be left out: templates are managed over Meta's Graph alone, and number_in_path = false is for a \
             provider with other paths",
        );
    }
    Some((token, read_token(&path, token, auth, mistakes)?))
}

/// Whether a text is an id as the Graph gives them. Never read as a number: some are longer than one.
fn is_graph_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_app_secret(path: &str, app_secret: Option<&Secret>, mistakes: &mut Mistakes) {
    if app_secret.is_some_and(Secret::is_empty) {
        mistakes.add(format!("{path}.app_secret"), "must not be empty; leave it out instead");
    }
}

/// The header value that a token makes.
fn read_token(path: &str, token: &Secret, auth: &AuthHeader, mistakes: &mut Mistakes) -> Option<HeaderValue> {
    let text = match &auth.scheme {
        Some(scheme) => format!("{} {}", scheme.trim(), token.expose()),
        None => token.expose().to_owned(),
    };
    let value = HeaderValue::from_str(&text).ok().filter(|_| !token.is_empty());
    if value.is_none() {
        mistakes.add(format!("{path}.token"), "must be one line of printable characters");
    }
    value.map(|mut value| {
        value.set_sensitive(true);
        value
    })
}

/// HMAC-SHA-256 of the token, keyed with the app secret, in lowercase hexadecimal (Meta: secure Graph API calls).
fn proof(secret: &Secret, token: &Secret) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, so this cannot fail")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC accepts every key length");
    mac.update(token.expose().as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}
