//! That a secret is found in every form in which it could slip out.

use data_encoding::BASE64;

use crate::common::secrets::{Secrets, in_base64};

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
