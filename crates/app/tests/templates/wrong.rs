//! Everything else: what a file is instead of a certificate, and what to do. No hash is printed, and the end is 64.

use serde_json::{Value, json};

use crate::hash::private_key;
use crate::{Folder, RELEASE, UPLOAD};

/// The exit code of wrong input.
const WRONG: Option<i32> = Some(64);

/// Demands that a file with these bytes is refused in one line that has all of these parts.
async fn assert_said(bytes: &[u8], parts: &[&str]) {
    let ended = Folder::new(&[("given", bytes)]).hash(&["given"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (WRONG, ""), "{}", ended.stderr);
    let said = &ended.stderr;
    assert!(said.starts_with("given: ") && said.lines().count() == 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[tokio::test]
async fn a_keystore_is_told_how_to_export_the_certificate() {
    let keystores: [&[u8]; 4] = [
        b"\xfe\xed\xfe\xed\0\0\0\x02",
        b"\xce\xce\xce\xce\0\0\0\x02",
        // PKCS#12: a sequence that begins with version 3, its length said in advance or not.
        b"\x30\x05\x02\x01\x03\x30\x00",
        b"\x30\x80\x02\x01\x03\x30\x80",
    ];
    for keystore in keystores {
        let command = "`keytool -exportcert -rfc -alias <alias> -keystore given -file certificate.pem`";
        assert_said(
            keystore,
            &["is a keystore;", command, "`keytool -list -keystore given`"],
        )
        .await;
    }
}

#[tokio::test]
async fn a_file_with_a_space_in_its_name_is_quoted_in_the_command() {
    let folder = Folder::new(&[("my key's.jks", b"\xfe\xed\xfe\xed")]);
    let ended = folder.hash(&["my key's.jks"]).await;
    assert!(
        ended.stderr.contains(r"-keystore 'my key'\''s.jks' -file"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn an_apk_is_told_how_to_print_its_certificate_even_if_one_is_packed_in_it() {
    let archive = [b"PK\x03\x04", RELEASE].concat();
    let command = "`apksigner verify --print-certs-pem given > certificate.pem`";
    assert_said(
        &archive,
        &["is an APK or AAB;", command, "Play Console", "keytool -exportcert"],
    )
    .await;
}

#[tokio::test]
async fn a_private_key_is_told_what_the_hash_is_made_from() {
    let keys: [&[u8]; 4] = [
        &private_key(),
        // PKCS#8, SEC 1, and PKCS#8 under a password.
        b"\x30\x07\x02\x01\x00\x30\x00\x04\x00",
        b"\x30\x05\x02\x01\x01\x04\x00",
        b"\x30\x04\x30\x00\x04\x00",
    ];
    for key in keys {
        assert_said(key, &["is a private key", "keytool -exportcert"]).await;
    }
}

#[tokio::test]
async fn a_public_key_is_told_that_the_whole_certificate_is_needed() {
    let pem = include_bytes!("files/public.pem");
    assert_said(pem, &["is a public key;", "keytool -exportcert"]).await;
    assert_said(b"\x30\x06\x02\x01\x05\x02\x01\x03", &["is a public key;"]).await;
}

#[tokio::test]
async fn a_request_for_a_certificate_is_not_taken_for_one() {
    let pem = include_bytes!("files/request.pem");
    assert_said(pem, &["is a request for a certificate"]).await;
    let text = std::str::from_utf8(pem)
        .unwrap()
        .replace("CERTIFICATE REQUEST", "CERTIFICATE");
    assert_said(text.as_bytes(), &["is a request for a certificate"]).await;
}

#[tokio::test]
async fn a_bundle_is_told_how_to_take_the_certificates_out() {
    let bundle = include_bytes!("files/bundle.der");
    let command = "`openssl pkcs7 -inform der -in given -print_certs -out certificate.pem`";
    assert_said(bundle, &["is a PKCS#7 bundle;", command]).await;
    let pem = b"-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n";
    assert_said(pem, &["is a PKCS#7 bundle;", "-inform pem"]).await;
}

#[tokio::test]
async fn a_certificate_that_is_cut_off_or_goes_on_is_told_to_be_exported_again() {
    let longer = [UPLOAD, b"\n"].concat();
    let unended = &RELEASE[..RELEASE.len() / 2];
    let garbled = std::str::from_utf8(RELEASE).unwrap().replacen("MII", "M%I", 1);
    for broken in [
        &UPLOAD[..UPLOAD.len() - 1],
        &UPLOAD[..1],
        &longer,
        unended,
        garbled.as_bytes(),
    ] {
        assert_said(broken, &["cut off or was changed; export it again"]).await;
    }
}

#[tokio::test]
async fn text_of_powershell_is_told_to_let_the_tool_write_the_file() {
    let text = std::str::from_utf8(RELEASE).unwrap();
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    let bytes: Vec<_> = units.flat_map(u16::to_le_bytes).collect();
    assert_said(&bytes, &["is text in UTF-16;", "-file"]).await;
}

#[tokio::test]
async fn an_empty_file_and_one_of_another_kind_are_told_apart() {
    assert_said(b"", &["is empty;"]).await;
    let neither: [&[u8]; 4] = [
        b"6hJDclzb7Pi\n",
        b"-----BEGIN PGP MESSAGE-----\n-----END PGP MESSAGE-----\n",
        b"\x30\x00",
        // The outline of a signed thing that is no certificate.
        b"\x30\x06\x30\x00\x30\x00\x03\x00",
    ];
    for bytes in neither {
        assert_said(
            bytes,
            &["is not an X.509 certificate in PEM (-----BEGIN CERTIFICATE-----) or DER"],
        )
        .await;
    }
}

#[tokio::test]
async fn every_mistake_is_said_at_once_and_nothing_is_printed_of_what_is_right() {
    let folder = Folder::new(&[("release.pem", RELEASE), ("empty", b"")]);
    let ended = folder.hash_of("app", &["release.pem", "empty", "nowhere", "."]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (WRONG, ""));
    let said: Vec<_> = ended.stderr.lines().collect();
    let begins = [
        "--package: must have at least two segments",
        "empty: is empty",
        "nowhere: cannot be read: ",
        ".: ",
    ];
    assert_eq!(said.len(), begins.len(), "{said:?}");
    for (line, begin) in said.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[tokio::test]
async fn a_program_reads_the_mistakes_as_a_list() {
    let ended = Folder::new(&[("empty", b"")]).hash(&["--json", "empty"]).await;
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = json!({ "mistakes": ["empty: is empty; export the certificate again"] });
    assert_eq!((ended.code, said, ended.stderr.as_str()), (WRONG, expected, ""));
}
