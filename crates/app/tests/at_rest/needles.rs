//! Looking for many byte strings at once.

use std::collections::BTreeMap;

use crate::forms::{Form, of_digits, of_text};

/// With fewer bytes, a needle would be found by accident.
const LENGTH_MIN: usize = 6;
/// The bytes by which a needle is looked up.
const HEAD: usize = 4;

/// Byte strings that must not be found, each with what it is.
#[derive(Default)]
pub(crate) struct Needles {
    by_head: BTreeMap<[u8; HEAD], Vec<(Vec<u8>, String)>>,
    /// One bit for each three bytes a needle begins with: most places of a haystack need no more than one look.
    begins: Vec<u64>,
    count: usize,
}

/// A needle that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// What it is, and in which form.
    pub(crate) what: String,
    /// Where it begins.
    pub(crate) at: usize,
}

impl Needles {
    /// Adds a phone: with and without its country, and as people write it.
    pub(crate) fn add_phone(&mut self, phone: &str) {
        let digits = phone.trim_start_matches('+');
        self.add("a phone", digits, of_digits(digits));
        self.add("a phone without its country", &digits[2..], of_digits(&digits[2..]));
        for written in written(phone) {
            self.add("a phone as people write it", phone, of_text(&written));
        }
    }

    /// Adds a code.
    pub(crate) fn add_code(&mut self, code: &str) {
        self.add("a code", code, of_digits(code));
    }

    /// Adds a text.
    pub(crate) fn add_text(&mut self, what: &str, text: &str) {
        self.add(what, text, of_text(text));
    }

    /// Adds bytes.
    pub(crate) fn add_bytes(&mut self, what: &str, bytes: &[u8]) {
        self.add(what, "", vec![("as they are", bytes.to_vec())]);
    }

    fn add(&mut self, what: &str, secret: &str, forms: Vec<Form>) {
        self.begins.resize((1 << 24) / 64, 0);
        for (name, bytes) in forms {
            if bytes.len() < LENGTH_MIN {
                continue;
            }
            let (word, bit) = place(&bytes);
            self.begins[word] |= 1 << bit;
            let head = bytes[..HEAD].try_into().unwrap();
            let same = self.by_head.entry(head).or_default();
            same.push((bytes, format!("{what} {secret}, {name}")));
            self.count += 1;
        }
    }

    /// How many byte strings are looked for.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Every needle in the haystack.
    pub(crate) fn found_in(&self, haystack: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        for at in 0..haystack.len().saturating_sub(LENGTH_MIN - 1) {
            let rest = &haystack[at..];
            let (word, bit) = place(rest);
            if self.begins[word] >> bit & 1 == 0 {
                continue;
            }
            let head: [u8; HEAD] = rest[..HEAD].try_into().unwrap();
            for (needle, what) in self.by_head.get(&head).into_iter().flatten() {
                if rest.starts_with(needle) {
                    found.push(Found { what: what.clone(), at });
                }
            }
        }
        found
    }
}

/// A phone as people write it.
pub(crate) fn written(phone: &str) -> Vec<String> {
    let digits = phone.trim_start_matches('+');
    let (area, front, back) = (&digits[2..4], &digits[4..9], &digits[9..]);
    vec![
        format!("+{} {area} {front}-{back}", &digits[..2]),
        format!("({area}) {front}-{back}"),
        format!("{area} {front}{back}"),
        format!("{front}-{back}"),
    ]
}

/// The place of the bit for the first three bytes.
fn place(bytes: &[u8]) -> (usize, usize) {
    let index = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
    (index / 64, index % 64)
}

#[test]
fn every_form_is_found_wherever_it_stands_and_nothing_else_is() {
    let (phone, code) = ("+5511987654321", "073519402864117");
    let mut needles = Needles::default();
    needles.add_phone(phone);
    needles.add_code(code);
    let noise: Vec<u8> = (0..1_000_u32).map(|it| (it * it).to_le_bytes()[1]).collect();
    assert!(needles.found_in(&noise).is_empty());
    let forms = of_digits(&phone[1..]).into_iter().chain(of_digits(code));
    for (name, bytes) in forms.filter(|(_, bytes)| bytes.len() >= LENGTH_MIN) {
        for at in [0, 500, 1_000] {
            let haystack = [&noise[..at], &bytes, &noise[at..]].concat();
            let found = needles.found_in(&haystack);
            assert!(found.iter().any(|it| it.at == at), "{name} at {at}");
        }
    }
}
