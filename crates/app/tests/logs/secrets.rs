//! What must not be written, in every form in which it could slip out.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};

/// Texts that must not be found, each with what it is.
#[derive(Default)]
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
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
fn in_base64(secret: &str) -> [String; 3] {
    [0, 1, 2].map(|shift| {
        let bytes = [&vec![0; shift], secret.as_bytes()].concat();
        let encoded = BASE64.encode(&bytes);
        let known = encoded.trim_end_matches('=');
        // The first characters hold bits of what stands before, the last one may hold bits of what follows.
        let (from, to) = ([0, 2, 3][shift], known.len() - 1);
        known[from..to].to_owned()
    })
}

#[test]
fn base64_is_found_wherever_the_secret_stands() {
    for before in ["", "x", "xy", "xyz", "\u{1c}\u{18}\r"] {
        let encoded = BASE64.encode(format!("{before}5511987654321-after").as_bytes());
        assert!(
            in_base64("5511987654321").iter().any(|it| encoded.contains(it)),
            "{encoded}"
        );
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    secrets.add_phone("+5511987654321");
    for line in [
        "to +5511987654321 now",
        "to=5511987654321",
        "national=11987654321",
        "1234567891155",
        "35353131393837363534333231",
        "[53, 53, 49, 49, 57, 56, 55, 54, 53, 52, 51, 50, 49]",
        "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjFCMERGODY1RkMyMkYwMjQwNQA=",
        "55 11 987654321",
    ] {
        assert!(!secrets.found_in(line).is_empty(), "{line}");
    }
    assert!(secrets.found_in("2026-11-21T23:39:21.790123Z port 54321").is_empty());
}
