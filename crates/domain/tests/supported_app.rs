//! Supported apps: which package names and hashes are taken, what is said of the others, and the hash of a certificate.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use proptest::prelude::*;

/// The certificate of a key that `keytool -genkeypair -keyalg EC -dname "CN=Example App"` made and that is gone.
const RELEASE: &[u8] = include_bytes!("supported_app/release.der");

fn package(text: &str) -> PackageName {
    PackageName::parse(text).unwrap()
}

fn app(name: &str, hash: &str) -> SupportedApp {
    SupportedApp {
        package: package(name),
        hash: SignatureHash::parse(hash).unwrap(),
    }
}

#[track_caller]
fn assert_package_refused(text: &str, said: &str) {
    assert_eq!(PackageName::parse(text).unwrap_err().to_string(), said, "{text:?}");
}

#[track_caller]
fn assert_hash_refused(text: &str, said: &str) {
    assert_eq!(SignatureHash::parse(text).unwrap_err().to_string(), said, "{text:?}");
}

#[test]
fn a_package_name_is_kept_as_it_was_written() {
    for text in ["com.example.app", "a.b", "Com.Example.App_2", "com.example.a1.b_"] {
        assert_eq!(package(text).as_str(), text);
        assert_eq!(package(text).to_string(), text);
    }
}

#[test]
fn a_package_name_of_one_segment_is_told_that_it_needs_two() {
    for text in ["", "app", "com_example"] {
        assert_package_refused(
            text,
            "must have at least two segments with a dot between them, for example com.example.app",
        );
    }
}

#[test]
fn a_package_name_with_a_segment_of_nothing_is_told_so() {
    for text in [".", "com.", ".com", "com..app"] {
        assert_package_refused(
            text,
            "must have something before and after every dot, for example com.example.app",
        );
    }
}

#[test]
fn a_segment_that_does_not_begin_with_a_letter_is_told_that_it_must() {
    for text in ["1com.app", "com.2app", "com._app", "_com.app"] {
        assert_package_refused(
            text,
            "must begin with a letter, and so must each segment after a dot, for example com.example.app",
        );
    }
}

#[test]
fn a_package_name_with_another_character_is_told_which_ones_there_are() {
    for text in [
        "com.example-app",
        "com.example.app ",
        "com/example",
        "com.exämple",
        "com.example.\u{661}",
    ] {
        assert_package_refused(
            text,
            "must consist of a-z, A-Z, 0-9, '_' and dots, for example com.example.app",
        );
    }
}

#[test]
fn a_package_name_has_at_most_224_bytes() {
    let longest = format!("com.{}", "a".repeat(220));
    assert_eq!(package(&longest).as_str(), longest);
    assert_package_refused(
        &format!("{longest}a"),
        "must be a package name of at most 224 characters, for example com.example.app",
    );
}

#[test]
fn a_hash_is_kept_as_it_was_written() {
    for text in ["K8a/AINcGX7", "+++++++++++", "0123456789=", "///////////"] {
        let hash = SignatureHash::parse(text).unwrap();
        assert_eq!((hash.as_str(), hash.to_string().as_str()), (text, text));
    }
}

#[test]
fn a_url_encoded_hash_is_told_the_form_to_write() {
    for text in ["K8a%2FAINcGX7", "K8a%2fAINcGX7"] {
        assert_hash_refused(text, "is URL-encoded; write K8a/AINcGX7");
    }
    assert_hash_refused("%2B%2F%3d12345678", "is URL-encoded; write +/=12345678");
    assert_hash_refused(&"%2F".repeat(11), "is URL-encoded; write ///////////");
}

#[test]
fn a_fingerprint_is_told_what_computes_the_hash_instead() {
    let said = "is the certificate's fingerprint; compute the hash with `countersign templates hash`";
    for bytes in [32, 20, 16] {
        assert_hash_refused(&"4b".repeat(bytes), said);
        assert_hash_refused(&"4B".repeat(bytes), said);
        assert_hash_refused(&vec!["4B"; bytes].join(":"), said);
    }
}

#[test]
fn what_only_resembles_a_fingerprint_is_a_hash_of_the_wrong_length() {
    for text in [
        "4b".repeat(31),
        "4g".repeat(32),
        ["4"; 48].join(":"),
        vec!["4G"; 32].join(":"),
        ":".repeat(95),
    ] {
        let characters = text.len();
        assert_hash_refused(
            &text,
            &format!("must be exactly 11 characters, not {characters}: what `countersign templates hash` prints"),
        );
    }
}

#[test]
fn a_hash_of_another_length_is_told_how_many_characters_it_has() {
    for (text, characters) in [
        ("", 0),
        ("K8a/AINcGX", 10),
        // Base64 of the nine bytes, with the twelfth character still there.
        ("K8a/AINcGX7Q", 12),
        ("K8a%2FAINcGX", 12),
        ("ääääääääää", 10),
    ] {
        assert_hash_refused(
            text,
            &format!("must be exactly 11 characters, not {characters}: what `countersign templates hash` prints"),
        );
    }
}

#[test]
fn a_hash_with_another_character_is_told_which_ones_there_are() {
    for text in [
        "K8a-AINcGX7",
        "K8a_AINcGX7",
        "K8a AINcGX7",
        "K8a%AINcGX7",
        "K8aäAINcGX7",
    ] {
        assert_hash_refused(
            text,
            "must consist of A-Z, a-z, 0-9, '+', '/' and '=': what `countersign templates hash` prints",
        );
    }
}

/// The hash that other programs compute of the same file. Python:
///
/// ```python
/// import base64, hashlib
/// der = open("release.der", "rb").read()
/// digest = hashlib.sha256(f"com.example.app {der.hex()}".encode()).digest()
/// print(base64.b64encode(digest[:9]).decode()[:11])
/// ```
///
/// And a shell, from the keystore the certificate was exported from:
///
/// ```sh
/// { printf 'com.example.app '; keytool -exportcert -alias release -keystore release.p12 | xxd -p | tr -d '\n'; } |
///     sha256sum | cut -c1-18 | xxd -r -p | base64 | cut -c1-11
/// ```
#[test]
fn the_hash_of_a_certificate_is_the_one_that_python_and_a_shell_compute() {
    let hash = |name| SignatureHash::of(&package(name), RELEASE);
    assert_eq!(hash("com.example.app").as_str(), "6hJDclzb7Pi");
    assert_eq!(hash("com.example.app.debug").as_str(), "cFj6DK9gfRy");
}

#[test]
fn apps_are_kept_in_the_order_they_were_named_in() {
    let apps = vec![
        app("com.example.app", "K8a/AINcGX7"),
        app("com.example.app", "AAAAAAAAAAA"),
        app("com.example.admin", "K8a/AINcGX7"),
    ];
    let supported = SupportedApps::new(apps.clone()).unwrap();
    assert!(supported.iter().eq(&apps));
}

#[test]
fn a_package_is_supported_when_one_of_its_builds_is_named() {
    let supported = SupportedApps::new(vec![
        app("com.example.app", "K8a/AINcGX7"),
        app("com.example.admin", "K8a/AINcGX7"),
    ])
    .unwrap();
    assert!(supported.supports(&package("com.example.app")));
    assert!(supported.supports(&package("com.example.admin")));
    assert!(!supported.supports(&package("com.example")));
    assert!(!supported.supports(&package("com.example.App")));
}

#[test]
fn a_template_names_one_to_five_apps() {
    let named = |count: usize| -> Vec<_> {
        (0..count)
            .map(|number| app(&format!("com.example.app{number}"), "K8a/AINcGX7"))
            .collect()
    };
    for count in 1..=5 {
        assert_eq!(SupportedApps::new(named(count)).unwrap().iter().count(), count);
    }
    for count in [0, 6] {
        assert_eq!(
            SupportedApps::new(named(count)).unwrap_err().to_string(),
            format!("must be 1 to 5 apps, not {count}")
        );
    }
}

#[test]
fn the_same_build_named_twice_is_told_to_be_named_once() {
    let twice = vec![
        app("com.example.app", "K8a/AINcGX7"),
        app("com.example.app", "AAAAAAAAAAA"),
        app("com.example.app", "K8a/AINcGX7"),
    ];
    assert_eq!(
        SupportedApps::new(twice).unwrap_err().to_string(),
        "names com.example.app with the hash K8a/AINcGX7 twice; name it once"
    );
}

proptest! {
    #[test]
    fn whatever_is_read_is_kept_as_it_was_or_refused_without_a_panic(text in ".{0,300}") {
        if let Ok(package) = PackageName::parse(&text) {
            prop_assert_eq!(package.as_str(), &text);
        }
        if let Ok(hash) = SignatureHash::parse(&text) {
            prop_assert_eq!(hash.as_str(), &text);
        }
    }

    #[test]
    fn whatever_looks_like_a_hash_is_read_or_refused_without_a_panic(text in "[A-F0-9:%2Ffb+/=ä]{0,100}") {
        match SignatureHash::parse(&text) {
            Ok(hash) => prop_assert_eq!(hash.as_str(), &text),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn a_package_name_by_the_rules_is_read(text in "[a-zA-Z][a-zA-Z0-9_]{0,30}(\\.[a-zA-Z][a-zA-Z0-9_]{0,30}){1,6}") {
        let package = package(&text);
        prop_assert_eq!(package.as_str(), &text);
    }

    #[test]
    fn the_hash_of_any_bytes_can_be_read_again(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let hash = SignatureHash::of(&package("com.example.app"), &bytes);
        prop_assert_eq!(SignatureHash::parse(hash.as_str()), Ok(hash));
    }
}
