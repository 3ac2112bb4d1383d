//! Certificates: the hash of each, to read, to paste and for programs.
//!
//! The expected hashes were computed by Python (`hashlib`, `base64`) and by a shell (`xxd`, `sha256sum`, `base64`); the
//! fingerprints by `openssl x509 -fingerprint -sha256`.

use serde_json::{Value, json};

use crate::{Folder, RELEASE, UPLOAD};

const RELEASE_SHA256: &str =
    "04:B1:AF:92:D5:83:11:56:1D:5C:65:64:EE:8B:AD:B2:9A:D5:CD:A2:EC:31:CF:13:81:D6:11:A9:A5:85:7D:88";
const UPLOAD_SHA256: &str =
    "A2:EB:29:E2:22:B2:9D:F1:51:F3:5B:5E:BD:01:F0:9A:8D:21:31:09:9C:23:A7:5B:4E:4B:FF:39:8C:32:2D:D9";

#[tokio::test]
async fn one_certificate_gives_its_hash_and_the_line_to_paste() {
    let ended = Folder::new(&[("release.pem", RELEASE)]).hash(&["release.pem"]).await;
    let page = format!(
        "release.pem
  hash     6hJDclzb7Pi
  SHA-256  {RELEASE_SHA256}

For the supported apps of the template:

{{ package = \"com.example.app\", hash = \"6hJDclzb7Pi\" }},
"
    );
    assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), page, ""));
}

#[tokio::test]
async fn the_lines_to_paste_are_entries_of_a_toml_list() {
    let folder = Folder::new(&[("release.pem", RELEASE), ("upload.der", UPLOAD)]);
    let ended = folder.hash(&["release.pem", "upload.der"]).await;
    let (_, entries) = ended.stdout.split_once("template:\n").unwrap();
    let read: Value = toml::from_str(&format!("apps = [{entries}]")).unwrap();
    let expected = json!({ "apps": [
        { "package": "com.example.app", "hash": "6hJDclzb7Pi" },
        { "package": "com.example.app", "hash": "nNmoAyUj8gR" },
    ] });
    assert_eq!(read, expected, "{}", ended.stdout);
}

#[tokio::test]
async fn a_program_reads_one_line_for_each_certificate() {
    let folder = Folder::new(&[("release.pem", RELEASE), ("upload.der", UPLOAD)]);
    let ended = folder.hash(&["--json", "release.pem", "upload.der"]).await;
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [
        json!({ "package": "com.example.app", "hash": "6hJDclzb7Pi", "certificate_sha256": RELEASE_SHA256 }),
        json!({ "package": "com.example.app", "hash": "nNmoAyUj8gR", "certificate_sha256": UPLOAD_SHA256 }),
    ];
    assert_eq!(
        (ended.code, lines.as_slice()),
        (Some(0), &expected[..]),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn another_package_gives_another_hash_of_the_same_certificate() {
    let folder = Folder::new(&[("release.pem", RELEASE)]);
    let ended = folder.hash_of("com.example.app.debug", &["release.pem"]).await;
    let line = "{ package = \"com.example.app.debug\", hash = \"cFj6DK9gfRy\" },\n";
    assert!(ended.stdout.ends_with(line), "{}", ended.stdout);
}

#[tokio::test]
async fn certificates_in_one_file_are_counted_whatever_text_is_between_them() {
    let twice = [b"Alias name: a\r\n\r\n", RELEASE, b"\nCertificate[2]:\n", RELEASE].concat();
    let ended = Folder::new(&[("list.txt", &twice)]).hash(&["list.txt"]).await;
    for label in ["list.txt, certificate 1\n", "list.txt, certificate 2\n"] {
        assert!(ended.stdout.contains(label), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn the_same_certificate_twice_is_one_line_to_paste() {
    let folder = Folder::new(&[("a.pem", RELEASE), ("b.pem", RELEASE)]);
    let ended = folder.hash(&["a.pem", "b.pem"]).await;
    assert_eq!(ended.stdout.matches("hash     6hJDclzb7Pi").count(), 2);
    assert_eq!(ended.stdout.matches("{ package").count(), 1, "{}", ended.stdout);
}

#[tokio::test]
async fn a_private_key_beside_the_certificate_is_passed_over() {
    let both = [&private_key()[..], RELEASE].concat();
    let ended = Folder::new(&[("server.pem", &both)]).hash(&["server.pem"]).await;
    assert!(ended.stdout.contains("hash     6hJDclzb7Pi"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("MAcCAQAwAAQA"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_certificate_of_the_first_version_is_one() {
    let old = include_bytes!("files/old.der");
    let ended = Folder::new(&[("old.der", old)]).hash(&["old.der"]).await;
    assert!(ended.stdout.contains("hash     RZJsm+xT/yl\n"), "{}", ended.stderr);
}

/// The outline of a private key in PEM: PKCS#8 of nothing.
pub(crate) fn private_key() -> Vec<u8> {
    let label = "PRIVATE KEY-----";
    format!("-----BEGIN {label}\nMAcCAQAwAAQA\n-----END {label}\n").into_bytes()
}
