//! The Android apps a template hands codes to: their package names, the hashes of their signatures, the list of both.
//!
//! Pure: certificates arrive as bytes. Reading files is kept out.

use std::collections::BTreeSet;
use std::fmt;

use data_encoding::{BASE64_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The most bytes of a package name (Meta: `package_name`).
pub const PACKAGE_NAME_BYTES_MAX: usize = 224;
/// How many characters the hash of a signature has (Meta: `signature_hash`).
pub const SIGNATURE_HASH_CHARACTERS: usize = 11;
/// The most apps one template may name (Meta: `supported_apps`).
pub const SUPPORTED_APPS_MAX: usize = 5;

/// The package name of an Android app, such as `com.example.app`.
///
/// At least two segments with dots between them, each of `a-z`, `A-Z`, `0-9` and `_` and beginning with a letter; at
/// most [`PACKAGE_NAME_BYTES_MAX`] bytes (Meta: one-tap autofill authentication templates).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// Reads a package name.
    pub fn parse(text: &str) -> Result<Self, PackageNameError> {
        if text.len() > PACKAGE_NAME_BYTES_MAX {
            return Err(PackageNameError::TooLong);
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        if !text.bytes().all(fits) {
            return Err(PackageNameError::Character);
        }
        if !text.contains('.') {
            return Err(PackageNameError::OneSegment);
        }
        for segment in text.split('.') {
            match segment.bytes().next() {
                None => return Err(PackageNameError::EmptySegment),
                Some(first) if !first.is_ascii_alphabetic() => return Err(PackageNameError::NotALetter),
                Some(_) => {}
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a package name: the rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PackageNameError {
    /// The text has more than [`PACKAGE_NAME_BYTES_MAX`] bytes.
    #[error("must be a package name of at most {PACKAGE_NAME_BYTES_MAX} characters, for example com.example.app")]
    TooLong,
    /// The text has a character that no package name has.
    #[error("must consist of a-z, A-Z, 0-9, '_' and dots, for example com.example.app")]
    Character,
    /// The text has no dot.
    #[error("must have at least two segments with a dot between them, for example com.example.app")]
    OneSegment,
    /// The text begins or ends with a dot, or has two in a row.
    #[error("must have something before and after every dot, for example com.example.app")]
    EmptySegment,
    /// A segment begins with a digit or `_`.
    #[error("must begin with a letter, and so must each segment after a dot, for example com.example.app")]
    NotALetter,
}

/// The hash of an app's package name and the certificate it is signed with, as Meta and Android's SMS Retriever know it.
///
/// [`SIGNATURE_HASH_CHARACTERS`] characters of `A-Z`, `a-z`, `0-9`, `+`, `/` and `=`. Public: it tells builds apart, and
/// is no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureHash(String);

impl SignatureHash {
    /// Reads a hash. What people often take for it, a URL-encoded hash or a certificate's fingerprint, is an error that
    /// says what to do.
    pub fn parse(text: &str) -> Result<Self, SignatureHashError> {
        if is_hash(text) {
            return Ok(Self(text.to_owned()));
        }
        if is_fingerprint(text) {
            return Err(SignatureHashError::Fingerprint);
        }
        if let Some(hash) = url_decoded(text).filter(|decoded| is_hash(decoded)) {
            return Err(SignatureHashError::UrlEncoded(Self(hash)));
        }
        match text.chars().count() {
            SIGNATURE_HASH_CHARACTERS => Err(SignatureHashError::Character),
            characters => Err(SignatureHashError::Length(characters)),
        }
    }

    /// The hash of `package` signed with the certificate in `certificate_der`, an X.509 certificate in DER.
    ///
    /// SHA-256 over the package name, a space and the certificate in lower-case hexadecimal digits; of the digest the
    /// first nine bytes in Base64, and of that the first eleven characters (Google: SMS Retriever, "Computing your
    /// app's hash string", to which Meta refers). Whether the bytes are a certificate is not looked at: other bytes
    /// have a hash, too, that matches no app.
    pub fn of(package: &PackageName, certificate_der: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(package.as_str())
            .chain_update(" ")
            .chain_update(HEXLOWER.encode(certificate_der))
            .finalize();
        let mut hash = BASE64_NOPAD.encode(&digest[..9]);
        hash.truncate(SIGNATURE_HASH_CHARACTERS);
        Self(hash)
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SignatureHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the hash of a signature, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureHashError {
    /// The text is the fingerprint of a certificate (SHA-256, SHA-1 or MD5), with or without colons.
    #[error("is the certificate's fingerprint; compute the hash with `countersign templates hash`")]
    Fingerprint,
    /// The text is a hash in the form it has in an address; this is the form to write.
    #[error("is URL-encoded; write {0}")]
    UrlEncoded(SignatureHash),
    /// The text has another length; this is how many characters it has.
    #[error(
        "must be exactly {SIGNATURE_HASH_CHARACTERS} characters, not {0}: what `countersign templates hash` prints"
    )]
    Length(usize),
    /// The text has the right length and a character that no hash has.
    #[error("must consist of A-Z, a-z, 0-9, '+', '/' and '=': what `countersign templates hash` prints")]
    Character,
}

/// One build of an Android app that may receive codes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SupportedApp {
    /// The package name.
    pub package: PackageName,
    /// The hash of what the build is signed with.
    pub hash: SignatureHash,
}

/// The apps of one template: 1 to [`SUPPORTED_APPS_MAX`], none of them twice.
///
/// A package may be there with several hashes, because a debug build and a release build are signed differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportedApps(Vec<SupportedApp>);

impl SupportedApps {
    /// Takes the apps in the order they are to be named in.
    pub fn new(apps: Vec<SupportedApp>) -> Result<Self, SupportedAppsError> {
        if !(1..=SUPPORTED_APPS_MAX).contains(&apps.len()) {
            return Err(SupportedAppsError::Count(apps.len()));
        }
        let mut seen = BTreeSet::new();
        match apps.iter().find(|app| !seen.insert(*app)) {
            Some(twice) => Err(SupportedAppsError::Twice(twice.clone())),
            None => Ok(Self(apps)),
        }
    }

    /// The apps, in order.
    pub fn iter(&self) -> impl Iterator<Item = &SupportedApp> {
        self.0.iter()
    }

    /// Whether a build of that package is among the apps.
    pub fn supports(&self, package: &PackageName) -> bool {
        self.iter().any(|app| app.package == *package)
    }
}

/// Why apps cannot be the apps of a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SupportedAppsError {
    /// There are none, or too many; this is how many.
    #[error("must be 1 to {SUPPORTED_APPS_MAX} apps, not {0}")]
    Count(usize),
    /// The same package is there twice with the same hash.
    #[error("names {} with the hash {} twice; name it once", .0.package, .0.hash)]
    Twice(SupportedApp),
}

fn is_hash(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    text.len() == SIGNATURE_HASH_CHARACTERS && text.bytes().all(fits)
}

/// Whether the text is a digest in hexadecimal digits, bare or with a colon after each pair, as `keytool`, `apksigner`
/// and Google Play show a certificate.
fn is_fingerprint(text: &str) -> bool {
    let digits = match text.len() {
        // SHA-256, SHA-1 and MD5.
        64 | 40 | 32 => text.to_owned(),
        95 | 59 | 47 if text.split(':').all(|pair| pair.len() == 2) => text.replace(':', ""),
        _ => return false,
    };
    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text with its `%2F`, `%2B` and `%3D` undone, the only characters of a hash that an address encodes; nothing when
/// it has none of them or is too long to be a hash.
fn url_decoded(text: &str) -> Option<String> {
    if text.len() > SIGNATURE_HASH_CHARACTERS * 3 || !text.contains('%') {
        return None;
    }
    let escapes = [
        ("%2F", "/"),
        ("%2f", "/"),
        ("%2B", "+"),
        ("%2b", "+"),
        ("%3D", "="),
        ("%3d", "="),
    ];
    Some(
        escapes
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to)),
    )
}
