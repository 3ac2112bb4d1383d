//! A configuration file and the secret files beside it.

use std::path::{Path, PathBuf};

use countersign_grpc::token_sha256;

/// The token with which messages are handed to Meta.
pub(crate) const META_TOKEN: &str = "EAATestTokenOfTheSystemUser7Qx2";
/// What webhooks are signed with.
pub(crate) const META_APP_SECRET: &str = "9f3c1be2a7d64508b1e2testappsecret";
/// What the handshake has to carry.
pub(crate) const META_VERIFY_TOKEN: &str = "verify-me-5b1d0c7e-with-care";
/// As whom is sent.
pub(crate) const PHONE_NUMBER_ID: &str = "106540352242922";
/// A second number, for apps that send from two.
pub(crate) const OTHER_PHONE_NUMBER_ID: &str = "106540352242923";
/// The token of the caller `shop`.
pub(crate) const CALLER_TOKEN: &str = "caller-token-of-the-shop-81c4f0aa2d";
/// The password of a Redis user, in the file `store_password`.
pub(crate) const STORE_PASSWORD: &str = "store-password-4e1d77b09ac2";
/// The key codes are derived with.
pub(crate) const CODE_KEY: &str = "5e1fa3c9d70b2846e1fa3c9d70b28465e1fa3c9d70b2846e1fa3c9d70b28465e";
/// The key of the installation.
pub(crate) const IDENTITY_KEY: &str = "c0ffee11d15ea5edc0ffee22d15ea5edc0ffee33d15ea5edc0ffee44d15ea5ed";

/// What differs from test to test.
pub(crate) struct Plan {
    /// Whose messages these are: two installations may share a number.
    pub(crate) environment: &'static str,
    /// Where messages are handed in.
    pub(crate) base_url: String,
    /// As whom is sent: one stands in the app itself, several as its senders `s0`, `s1` and so on.
    pub(crate) senders: Vec<&'static str>,
    /// Messages a second from each of them.
    pub(crate) throughput: u16,
    /// Lines of `[apps.shop.policy]`.
    pub(crate) policy: String,
    /// Lines of `[limits]`.
    pub(crate) limits: String,
    /// Lines of `[guard]`.
    pub(crate) guard: String,
    /// Lines of `[store]`.
    pub(crate) store: String,
    /// `json` or `text`.
    pub(crate) log: &'static str,
    /// Whole tables, behind all others.
    pub(crate) tables: String,
}

impl Plan {
    /// A plan that differs in nothing from the defaults, but that it is without the default rules, and that the guard only
    /// tells: the crowds of these tests have no addresses and live in one block of numbers, and would count as one.
    pub(crate) fn new(base_url: String) -> Self {
        Self {
            environment: "test",
            base_url,
            senders: vec![PHONE_NUMBER_ID],
            throughput: 1_000,
            policy: String::new(),
            limits: "defaults = false".to_owned(),
            guard: "action = \"shadow\"".to_owned(),
            store: "kind = \"memory\"".to_owned(),
            log: "json",
            tables: String::new(),
        }
    }

    /// The plan with these lines of `[apps.shop.policy]`.
    pub(crate) fn policy(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.policy);
        self
    }

    /// The plan with its state on the Redis server at an address, and with these further lines of `[store]`.
    pub(crate) fn redis(mut self, address: &str, lines: &str) -> Self {
        self.store = format!("kind = \"redis\"\naddress = \"{address}\"\n{lines}");
        self
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let Self {
            environment,
            base_url,
            senders,
            throughput,
            policy,
            limits,
            guard,
            store,
            log,
            tables,
        } = self;
        let (number, senders) = sender_lines(senders);
        let digest = data_encoding::HEXLOWER.encode(&token_sha256(CALLER_TOKEN).unwrap());
        format!(
            r#"environment = "{environment}"

[listen]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
shutdown_grace = "20s"

[log]
format = "{log}"

[store]
{store}

[guard]
{guard}

[keys]
identity = {{ file = "identity" }}
current = "k1"
codes.k1 = {{ file = "k1" }}

[whatsapp]
base_url = "{base_url}"

[whatsapp.webhook]
verify_token = {{ file = "verify_token" }}
app_secrets = [{{ file = "app_secret" }}]

[apps.shop]
{number}
throughput = {throughput}
token = {{ file = "token" }}
app_secret = {{ file = "app_secret" }}

{senders}[apps.shop.template]
name = "verification_code"
languages = ["en_US", "pt_BR"]

[apps.shop.policy]
countries = ["BR"]
{policy}

[apps.shop.purposes.sign_in]

[apps.shop.purposes.payment]

[limits]
{limits}

[callers.shop]
token_sha256 = ["{digest}"]
apps = ["shop"]

{tables}
"#
        )
    }

    /// Writes the file and its secrets into a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        write_config(folder, &self.text())
    }
}

/// The line of the app and the tables under it that say as whom is sent.
fn sender_lines(senders: &[&str]) -> (String, String) {
    let number = |id: &&str| format!("phone_number_id = \"{id}\"");
    if let [only] = senders {
        return (number(only), String::new());
    }
    let table = |(index, id)| format!("[apps.shop.senders.s{index}]\n{}\n\n", number(id));
    (String::new(), senders.iter().enumerate().map(table).collect())
}

/// Writes a configuration, and the secrets of every [`Plan`] beside it.
pub(crate) fn write_config(folder: &Path, text: &str) -> PathBuf {
    for (file, secret) in [
        ("identity", IDENTITY_KEY),
        ("k1", CODE_KEY),
        ("verify_token", META_VERIFY_TOKEN),
        ("app_secret", META_APP_SECRET),
        ("token", META_TOKEN),
        ("store_password", STORE_PASSWORD),
    ] {
        std::fs::write(folder.join(file), format!("{secret}\n")).unwrap();
    }
    let path = folder.join("countersign.toml");
    std::fs::write(&path, text).unwrap();
    path
}
