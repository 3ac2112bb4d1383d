//! What may be done to a reference inside a body: varied, grafted, replaced, respelled.

use countersign_domain::id::Environment;
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::reference::DeliveryReference;
use countersign_testkit::fixture;

use super::draw::Draw;

/// The same messages as other installations would seal them: under another key, and in another environment.
pub(super) fn foreign(references: &[String]) -> Vec<String> {
    let (ours, here) = (fixture::identity(), fixture::environment());
    let theirs = Identity::new(SecretKey::new([0x2e; 32]));
    let elsewhere = Environment::parse("live").expect("a slug");
    let opened = references
        .iter()
        .map(|text| DeliveryReference::open(&ours, &here, text).expect("ours"));
    let opened: Vec<_> = opened.collect();
    let by_key = opened.iter().map(|it| it.seal(&theirs, &here));
    by_key
        .chain(opened.iter().map(|it| it.seal(&ours, &elsewhere)))
        .collect()
}

/// The body with one of its references changed; as it was if there is none.
pub(super) fn spoil(draw: &mut Draw, body: &[u8], ours: &[String], foreign: &[String]) -> Vec<u8> {
    let found: Vec<_> = ours.iter().filter_map(|it| Some((place(body, it)?, it))).collect();
    if found.is_empty() {
        return body.to_vec();
    }
    let (at, reference) = *draw.one_of(&found);
    let changed = change(draw, reference, ours, foreign);
    [&body[..at], changed.as_bytes(), &body[at + reference.len()..]].concat()
}

fn place(body: &[u8], reference: &str) -> Option<usize> {
    body.windows(reference.len()).position(|it| it == reference.as_bytes())
}

fn change(draw: &mut Draw, reference: &str, ours: &[String], foreign: &[String]) -> String {
    let at = draw.below(reference.len());
    let (head, tail) = reference.split_at(at);
    let (body, mac) = reference.rsplit_once('.').unwrap_or((reference, ""));
    let other = draw.one_of(ours);
    match draw.below(16) {
        0 => {
            let letter = char::from(*draw.one_of(b"abcdefghijklmnopqrstuvwxyz234567.-_ "));
            format!("{head}{letter}{}", &tail[1..])
        }
        1 => format!("{head}{}", &tail[1..]),
        2 => format!("{head}{}{tail}", char::from(*draw.one_of(b"a2. =:"))),
        3 => head.to_owned(),
        4 => reference.to_ascii_uppercase(),
        5 => format!("{body}.{}", mac.to_ascii_uppercase()),
        // A genuine MAC, of something else.
        6 => format!("{body}.{}", other.rsplit('.').next().unwrap_or_default()),
        7 => body.to_owned(),
        8 => format!("{body}."),
        // Another message of the same verification.
        9 => {
            let (rest, _) = body.rsplit_once('.').unwrap_or((body, ""));
            format!("{rest}.{}.{mac}", draw.word(&["0", "2", "01", "+1", "255", "-1", "１"]))
        }
        10 => reference.replacen("test", draw.word(&["live", "Test", "", "tes", "test.test"]), 1),
        11 => format!(
            "{reference}{}",
            draw.word(&[" ", "\\u0000", "\\n", ".", "=", "\u{200b}"])
        ),
        12 => draw.one_of(foreign).clone(),
        13 => format!("{}{other}", draw.word(&["", " ", "cs1.", "\\ufeff"])),
        // The same text, spelled otherwise: this one is still genuine.
        14 => {
            let escaped = format!("\\u{:04x}", u32::from(tail.as_bytes()[0]));
            format!("{head}{escaped}{}", &tail[1..])
        }
        // Another message of ours altogether, and genuine, too.
        _ => other.clone(),
    }
}
