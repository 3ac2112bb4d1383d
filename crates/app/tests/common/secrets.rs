//! What must not be written, in every form in which it could slip out.

use std::collections::BTreeMap;

use countersign_simulator::signature;
use data_encoding::{BASE64, HEXLOWER};

use crate::common::plan::{
    CALLER_TOKEN, CODE_KEY, IDENTITY_KEY, META_APP_SECRET, META_TOKEN, META_VERIFY_TOKEN, STORE_PASSWORD,
};

/// Texts that must not be found, each with what it is.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// The secrets that every [`Plan`](crate::common::plan::Plan) has, and what is made of them.
    pub(crate) fn of_every_plan() -> Self {
        let mut secrets = Self::default();
        // With the app secret every call to Meta carries the proof of it, in the address.
        let proof = signature(META_APP_SECRET, META_TOKEN.as_bytes()).replace("sha256=", "");
        for (what, secret) in [
            ("Meta's token", META_TOKEN),
            ("the app secret", META_APP_SECRET),
            ("the proof of the app secret", &proof),
            ("the verify token", META_VERIFY_TOKEN),
            ("a caller's token", CALLER_TOKEN),
            ("the store's password", STORE_PASSWORD),
            ("the key of codes", CODE_KEY),
            ("the key of the installation", IDENTITY_KEY),
        ] {
            secrets.add(what, secret);
        }
        secrets
    }

    /// Adds a text that is not to be found as it is, backwards, in hexadecimal or in Base64.
    pub(crate) fn add(&mut self, what: &str, secret: &str) {
        assert!(secret.len() >= 8, "{secret} could be found by accident");
        let backwards: String = secret.chars().rev().collect();
        self.0.insert(secret.to_owned(), what.to_owned());
        self.0.insert(backwards, format!("{what}, backwards"));
        self.0
            .insert(HEXLOWER.encode(secret.as_bytes()), format!("{what}, in hexadecimal"));
        self.0
            .insert(format!("{:?}", secret.as_bytes()), format!("{what}, as bytes"));
        for (shift, encoded) in in_base64(secret).into_iter().enumerate() {
            self.0.insert(encoded, format!("{what}, in Base64 after {shift} bytes"));
        }
    }

    /// Adds a phone: its digits, and those without the country.
    pub(crate) fn add_phone(&mut self, phone: &str) {
        let digits = phone.trim_start_matches('+');
        self.add("a phone", digits);
        self.add("a phone without its country", &digits[2..]);
        let grouped = format!("{} {} {}", &digits[..2], &digits[2..4], &digits[4..]);
        self.add("a phone with spaces", &grouped);
    }

    /// Adds a message id, whole and without its mark.
    pub(crate) fn add_message_id(&mut self, id: &str) {
        self.add("a message id", id.trim_start_matches("wamid."));
    }

    /// How many texts are looked for.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Every secret that is in a text, with the first line that has it.
    pub(crate) fn found_in<'a>(&self, text: &'a str) -> Vec<(String, &'a str)> {
        let mut found = Vec::new();
        for (secret, what) in &self.0 {
            // One line shows what is wrong; the others say the same.
            if text.contains(secret.as_str()) {
                let line = text.lines().find(|line| line.contains(secret.as_str()));
                found.push((format!("{what}: {secret}"), line.unwrap_or_default()));
            }
        }
        found
    }
}

/// What of the Base64 of `secret` is the same whatever stands around it, for each of the three places it can begin at.
pub(crate) fn in_base64(secret: &str) -> [String; 3] {
    [0, 1, 2].map(|shift| {
        let bytes = [&vec![0; shift], secret.as_bytes()].concat();
        let encoded = BASE64.encode(&bytes);
        let known = encoded.trim_end_matches('=');
        // The first characters hold bits of what stands before, the last one may hold bits of what follows.
        let (from, to) = ([0, 2, 3][shift], known.len() - 1);
        known[from..to].to_owned()
    })
}
