//! `templates hash`: the hash of an Android app's signature, from the certificates the app is signed with.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp};
use data_encoding::HEXUPPER;
use rustls_pki_types::CertificateDer;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{WRONG_INPUT, certificate};
use crate::cli::HashArgs;

/// Prints the hash of each certificate. Says everything that is wrong, prints no hash and ends with 64 when the package
/// name is none or a file holds no certificate.
pub(super) fn run(args: &HashArgs) -> ExitCode {
    match signatures(args) {
        Ok(signatures) if args.json => print(&lines(&signatures)),
        Ok(signatures) => print(&page(&signatures)),
        Err(mistakes) => {
            if args.json {
                print(&format!("{:#}\n", json!({ "mistakes": mistakes })));
            } else {
                eprintln!("{}", mistakes.join("\n"));
            }
            return ExitCode::from(WRONG_INPUT);
        }
    }
    ExitCode::SUCCESS
}

/// One certificate and what follows from it.
struct Signature {
    /// Where the certificate is from.
    label: String,
    app: SupportedApp,
    /// The SHA-256 of the certificate as `keytool` and Google Play show it: upper-case pairs with colons.
    fingerprint: String,
}

impl Signature {
    fn new(package: &PackageName, label: String, der: &[u8]) -> Self {
        let pairs: Vec<_> = Sha256::digest(der)
            .iter()
            .map(|byte| HEXUPPER.encode(&[*byte]))
            .collect();
        Self {
            label,
            app: SupportedApp {
                package: package.clone(),
                hash: SignatureHash::of(package, der),
            },
            fingerprint: pairs.join(":"),
        }
    }
}

/// Reads every file that was named, or says what is wrong with any of it.
fn signatures(args: &HashArgs) -> Result<Vec<Signature>, Vec<String>> {
    let mut mistakes = Vec::new();
    let package = PackageName::parse(&args.package)
        .map_err(|error| mistakes.push(format!("--package: {error}")))
        .ok();
    let mut signatures = Vec::new();
    for path in &args.certificates {
        let file = path.display().to_string();
        match (certificate::read(path), &package) {
            (Err(fault), _) => mistakes.push(format!("{file}: {}", fault.advice(path))),
            (Ok(found), Some(package)) => {
                signatures.extend(label(&file, found).map(|(label, der)| Signature::new(package, label, &der)));
            }
            (Ok(_), None) => {}
        }
    }
    if mistakes.is_empty() {
        Ok(signatures)
    } else {
        Err(mistakes)
    }
}

/// Names each certificate of a file: by the file alone when it is the only one in it.
fn label<'a>(
    file: &str,
    certificates: Vec<CertificateDer<'a>>,
) -> impl Iterator<Item = (String, CertificateDer<'a>)> + use<'a> {
    let (file, alone) = (file.to_owned(), certificates.len() == 1);
    (1..).zip(certificates).map(move |(number, der)| {
        let label = if alone {
            file.clone()
        } else {
            format!("{file}, certificate {number}")
        };
        (label, der)
    })
}

/// What a person reads: every hash with the fingerprint it can be recognized by, and the lines of the configuration.
fn page(signatures: &[Signature]) -> String {
    let mut page = String::new();
    let mut entries = Vec::new();
    for Signature {
        label,
        app,
        fingerprint,
    } in signatures
    {
        let SupportedApp { package, hash } = app;
        let _ = writeln!(page, "{label}\n  hash     {hash}\n  SHA-256  {fingerprint}\n");
        let entry = format!("{{ package = \"{package}\", hash = \"{hash}\" }},");
        // The same certificate from two files is one app, and a template refuses to name it twice.
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let _ = writeln!(
        page,
        "For the supported apps of the template:\n\n{}",
        entries.join("\n")
    );
    page
}

/// What a program reads: one object in a line for each certificate.
fn lines(signatures: &[Signature]) -> String {
    signatures.iter().fold(
        String::new(),
        |mut lines,
         Signature {
             label: _,
             app,
             fingerprint,
         }| {
            let line = json!({
                "package": app.package.as_str(),
                "hash": app.hash.as_str(),
                "certificate_sha256": fingerprint,
            });
            let _ = writeln!(lines, "{line}");
            lines
        },
    )
}

/// Writes to standard output. Whoever reads it may stop early, as `head` does; that is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
