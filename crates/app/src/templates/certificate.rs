//! X.509 certificates from files, in PEM or DER; and of any other file what it is and how to come by the certificate.
//!
//! A certificate is recognized by its outline, and not checked: which one an app is signed with is the person's to say.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// The most bytes of a file that is read. A certificate has one or two thousand.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// DER's tags of what a certificate and its look-alikes are made of (X.690).
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const CONTEXT_0: u8 = 0xa0;

/// Why no certificate was found in a file: what the file is instead.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be read.
    Unreadable(std::io::Error),
    /// There is nothing in it.
    Empty,
    /// It is text in UTF-16, as PowerShell writes what is sent to a file.
    Utf16,
    /// It is a keystore: JKS, JCEKS or PKCS#12.
    Keystore,
    /// It is an archive: an APK or an AAB.
    Archive,
    /// It is a private key.
    PrivateKey,
    /// It is a public key.
    PublicKey,
    /// It is a request for a certificate.
    Request,
    /// It is a PKCS#7 bundle, such as a `CERT.RSA` out of an APK; the flag says whether it is in PEM.
    Bundle { pem: bool },
    /// It has the beginning of a certificate, and the rest is missing or was changed.
    Broken,
    /// It is something else.
    Other,
}

impl Fault {
    /// What the file at `path` is, and what to do, with commands that can be pasted.
    pub(super) fn advice(&self, path: &Path) -> String {
        let file = quoted(path);
        match self {
            Self::Unreadable(error) => format!("cannot be read: {error}"),
            Self::Empty => "is empty; export the certificate again".to_owned(),
            Self::Utf16 => "is text in UTF-16; export the certificate again and let the tool write the file \
                            (`keytool` with -file, `openssl` with -out)"
                .to_owned(),
            Self::Keystore => format!(
                "is a keystore; export the certificate from it with `keytool -exportcert -rfc -alias <alias> \
                 -keystore {file} -file certificate.pem` (`keytool -list -keystore {file}` names the aliases)"
            ),
            Self::Archive => format!(
                "is an APK or AAB; of an APK as it is installed, `apksigner verify --print-certs-pem {file} > \
                 certificate.pem` writes the certificate. An AAB is signed with the upload key only: take the app signing \
                 certificate from the Play Console, or `keytool -exportcert -rfc -alias <alias> -keystore <keystore> \
                 -file certificate.pem` when Google Play does not sign for you"
            ),
            Self::PrivateKey => "is a private key, which nobody but its owner should hold; the hash is made from the \
                                 certificate: `keytool -exportcert -rfc -alias <alias> -keystore <keystore> -file \
                                 certificate.pem` writes it"
                .to_owned(),
            Self::PublicKey => "is a public key; the hash is made from the whole certificate: `keytool -exportcert \
                                -rfc -alias <alias> -keystore <keystore> -file certificate.pem` writes it"
                .to_owned(),
            Self::Request => "is a request for a certificate; the hash is made from the certificate the app is signed \
                              with"
                .to_owned(),
            Self::Bundle { pem } => {
                let form = if *pem { "pem" } else { "der" };
                format!(
                    "is a PKCS#7 bundle; take the certificates out with `openssl pkcs7 -inform {form} -in {file} \
                     -print_certs -out certificate.pem`"
                )
            }
            Self::Broken => "has a certificate that is cut off or was changed; export it again".to_owned(),
            Self::Other => "is not an X.509 certificate in PEM (-----BEGIN CERTIFICATE-----) or DER".to_owned(),
        }
    }
}

/// The certificates in a file, in order: one of DER, or all of PEM, whatever else is in there.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(Fault::Unreadable)?;
    match bytes.as_slice() {
        [] => Err(Fault::Empty),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(Fault::Utf16),
        // JKS, JCEKS, and PKCS#12 of a length that is not said in advance.
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] | [SEQUENCE, 0x80, INTEGER, 1, 3, ..] => {
            Err(Fault::Keystore)
        }
        [b'P', b'K', 3, 4, ..] => Err(Fault::Archive),
        [SEQUENCE, ..] => match fault_of_der(&bytes) {
            None => Ok(vec![CertificateDer::from(bytes)]),
            Some(fault) => Err(fault),
        },
        text if contains(text, "-----BEGIN ") => from_pem(text),
        _ => Err(Fault::Other),
    }
}

fn from_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| Fault::Broken)?;
    if let Some(fault) = certificates.iter().find_map(|der| fault_of_der(der)) {
        return Err(fault);
    }
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    let labels = [
        ("PRIVATE KEY-----", Fault::PrivateKey),
        ("PUBLIC KEY-----", Fault::PublicKey),
        ("CERTIFICATE REQUEST-----", Fault::Request),
        ("PKCS7-----", Fault::Bundle { pem: true }),
    ];
    let found = labels.into_iter().find(|(label, _)| contains(text, label));
    Err(found.map_or(Fault::Other, |(_, fault)| fault))
}

/// What speaks against DER that begins with a sequence being a certificate; nothing when it has a certificate's outline:
/// three parts, and in the first of them serial number, algorithm, issuer, validity, subject and key (RFC 5280, 4.1).
fn fault_of_der(der: &[u8]) -> Option<Fault> {
    let Some((SEQUENCE, whole, [])) = element(der) else {
        return Some(Fault::Broken);
    };
    let Some(parts) = elements(whole) else {
        return Some(Fault::Broken);
    };
    let fault = match parts.as_slice() {
        [(SEQUENCE, signed), (SEQUENCE, _), (BIT_STRING, _)] => match elements(signed) {
            Some(fields) => return fault_of_signed(&fields),
            None => Fault::Broken,
        },
        [(SEQUENCE, _), (BIT_STRING, _)] | [(INTEGER, _), (INTEGER, _)] => Fault::PublicKey,
        // PKCS#8, PKCS#1 and SEC 1; and PKCS#8 under a password.
        [(INTEGER, [0 | 1]), ..] | [(SEQUENCE, _), (OCTET_STRING, _)] => Fault::PrivateKey,
        [(INTEGER, [3]), ..] => Fault::Keystore,
        [(OBJECT_IDENTIFIER, _), (CONTEXT_0, _)] => Fault::Bundle { pem: false },
        _ => Fault::Other,
    };
    Some(fault)
}

fn fault_of_signed(fields: &[(u8, &[u8])]) -> Option<Fault> {
    const FROM_SERIAL_NUMBER_TO_KEY: [u8; 6] = [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE];
    let tags: Vec<_> = fields.iter().map(|(tag, _)| *tag).collect();
    // The first version of certificates does not name its version.
    if tags
        .strip_prefix(&[CONTEXT_0])
        .unwrap_or(&tags)
        .starts_with(&FROM_SERIAL_NUMBER_TO_KEY)
    {
        return None;
    }
    match tags.as_slice() {
        [INTEGER, SEQUENCE, SEQUENCE, CONTEXT_0] => Some(Fault::Request),
        _ => Some(Fault::Other),
    }
}

/// All elements that follow each other in `der`, each with its tag; nothing when they do not fill it.
fn elements(mut der: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (tag, content, rest) = element(der)?;
        found.push((tag, content));
        der = rest;
    }
    Some(found)
}

/// The first element of `der`: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = der.split_first_chunk()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        // So many bytes hold the length. A file is shorter than what fits into three.
        0x81..=0x83 => {
            let (long, rest) = rest.split_at_checked(usize::from(short - 0x80))?;
            (
                long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if text.bytes().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
