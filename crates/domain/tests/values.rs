//! The small types: phones, ids, references, languages, request ids, contexts. What they accept and what they refuse.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use std::collections::BTreeMap;

use countersign_domain::context::{ContextDigest, ContextError};
use countersign_domain::id::{AppId, Environment, IdError, Purpose, RecipientKey, VerificationId};
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::phone::{PhoneError, PhoneNumber};
use countersign_domain::reference::{DeliveryReference, ReferenceError};
use countersign_domain::request::RequestId;
use countersign_domain::template::Language;
use proptest::prelude::*;

fn identity() -> Identity {
    Identity::new(SecretKey::new([3; 32]))
}

fn id_of(phone: &str, serial: u32, salt: u8) -> VerificationId {
    let (app, purpose) = (AppId::parse("shop").unwrap(), Purpose::parse("sign_in").unwrap());
    let key = RecipientKey::derive(&identity(), &app, &purpose, &PhoneNumber::parse(phone).unwrap());
    VerificationId::new(&identity(), key, serial, &[salt; 16])
}

#[test]
fn a_phone_has_exactly_one_spelling() {
    let cases = [
        ("5511987654321", PhoneError::NoPlus),
        ("", PhoneError::NoPlus),
        (" +5511987654321", PhoneError::NoPlus),
        ("tel:+5511987654321", PhoneError::NoPlus),
        ("+55 11 98765", PhoneError::NotADigit),
        ("+55-1198765432", PhoneError::NotADigit),
        ("+5511987654a", PhoneError::NotADigit),
        ("+١٢٣٤٥٦٧", PhoneError::NotADigit),
        ("+５５１１９", PhoneError::NotADigit),
        ("+5511\u{202a}9876", PhoneError::NotADigit),
        (".;phone-context=", PhoneError::NoPlus),
        ("+1;phone-context=", PhoneError::TooLong),
        ("+;phone-cont=+", PhoneError::NotADigit),
        ("+123456", PhoneError::TooShort),
        ("+1234567890123456", PhoneError::TooLong),
        ("+0123456789", PhoneError::LeadingZero),
        ("+", PhoneError::TooShort),
        ("++551198765432", PhoneError::NotADigit),
        ("+551198765432\n", PhoneError::NotADigit),
    ];
    for (text, expected) in cases {
        assert_eq!(PhoneNumber::parse(text).unwrap_err(), expected, "{text:?}");
    }
    for text in ["+551198765432100", "+1234567"] {
        assert!(PhoneNumber::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn a_phone_never_shows_in_debug() {
    let phone = PhoneNumber::parse("+5511987654321").unwrap();
    assert_eq!(format!("{phone:?}"), "PhoneNumber(redacted)");
    assert_eq!(phone.expose(), "+5511987654321");
}

#[test]
fn an_id_reads_back_as_itself_and_in_one_spelling_only() {
    let id = id_of("+5511987654321", 7, 1);
    let text = id.to_string();
    assert_eq!(text.len(), 42);
    assert_eq!(VerificationId::parse(&text), Ok(id));
    for wrong in [
        text.to_uppercase(),
        text[3..].to_owned(),
        format!("{text}a"),
        text[..41].to_owned(),
        format!(" {text}"),
        text.replace("cs_", "cs-"),
        format!("{}1", &text[..41]),
        String::new(),
    ] {
        assert_eq!(VerificationId::parse(&wrong), Err(IdError::Verification), "{wrong}");
    }
}

#[test]
fn ids_of_other_recipients_serials_and_records_differ() {
    let id = id_of("+5511987654321", 7, 1);
    assert_ne!(id, id_of("+5511987654322", 7, 1));
    assert_ne!(id, id_of("+5511987654321", 8, 1));
    // A record that was evicted and made anew has another salt: the old id must not name the new verification.
    assert_ne!(id, id_of("+5511987654321", 7, 2));
}

#[test]
fn a_reference_is_followed_only_by_the_installation_that_sealed_it() {
    let here = Environment::parse("production").unwrap();
    let reference = DeliveryReference {
        verification: id_of("+5511987654321", 1, 1),
        delivery: 2,
    };
    let text = reference.seal(&identity(), &here);
    assert!(text.len() <= 512, "Meta takes at most 512 characters");
    assert!(!text.contains("5511987654321"));
    assert_eq!(DeliveryReference::open(&identity(), &here, &text), Ok(reference));

    let elsewhere = Environment::parse("staging").unwrap();
    assert_eq!(
        DeliveryReference::open(&identity(), &elsewhere, &text),
        Err(ReferenceError::OtherEnvironment)
    );
    let stranger = Identity::new(SecretKey::new([4; 32]));
    assert_eq!(
        DeliveryReference::open(&stranger, &here, &text),
        Err(ReferenceError::Forged)
    );
    for text in [
        "",
        "hello",
        "cs1.production",
        "cs2.production.a.1.b",
        "cs1.production.x.1.y.z",
    ] {
        assert_eq!(
            DeliveryReference::open(&identity(), &here, text),
            Err(ReferenceError::NotOurs),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn no_change_of_a_reference_passes(position in 0_usize..512, replacement in "[ -~]") {
        let here = Environment::parse("production").unwrap();
        let text = DeliveryReference { verification: id_of("+5511987654321", 1, 1), delivery: 2 }.seal(&identity(), &here);
        let position = position % text.len();
        let mut changed = text.clone();
        changed.replace_range(position..=position, &replacement);
        prop_assume!(changed != text);
        prop_assert!(DeliveryReference::open(&identity(), &here, &changed).is_err());
    }

    #[test]
    fn hostile_texts_never_panic(text in ".{0,80}") {
        let _ = PhoneNumber::parse(&text);
        let _ = VerificationId::parse(&text);
        let _ = Language::parse(&text);
        let _ = RequestId::parse(&text);
        let _ = AppId::parse(&text);
        let _ = DeliveryReference::open(&identity(), &Environment::parse("e").unwrap(), &text);
    }
}

#[test]
fn slugs_and_request_ids_have_a_shape() {
    for text in ["", "Shop", "1shop", "sh op", "_shop", "shöp", &"a".repeat(33)] {
        assert!(AppId::parse(text).is_err(), "{text:?}");
    }
    assert!(AppId::parse("shop_2-eu").is_ok());
    assert_eq!(RequestId::parse(""), Ok(None));
    assert!(RequestId::parse(&"x".repeat(65)).is_err());
    assert!(RequestId::parse("with space").is_err());
    assert!(
        RequestId::parse("3f2504e0-4f89-11d3-9a0c-0305e82c3301")
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_context_is_the_same_whatever_order_its_pairs_came_in() {
    let digest = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        ContextDigest::new(&identity(), &pairs)
    };
    assert_eq!(
        digest(&[("amount", "10"), ("payee", "x")]),
        digest(&[("payee", "x"), ("amount", "10")])
    );
    assert_eq!(digest(&[]), Ok(None));
    assert_ne!(digest(&[("amount", "10")]), digest(&[("amount", "100")]));
    assert_ne!(digest(&[("a", "bc")]), digest(&[("ab", "c")]));
    assert_ne!(digest(&[("a", "b"), ("c", "d")]), digest(&[("a", "d"), ("c", "b")]));
    assert_eq!(digest(&[("", "x")]), Err(ContextError::KeyLength));
    assert_eq!(digest(&[("k", &"v".repeat(257))]), Err(ContextError::ValueTooLong));
    let many: BTreeMap<String, String> = (0..17).map(|i| (format!("k{i}"), String::new())).collect();
    assert_eq!(ContextDigest::new(&identity(), &many), Err(ContextError::TooManyPairs));
}
