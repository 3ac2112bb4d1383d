//! `templates`, as a person calls it: what the real binary prints for files that are right, and says of all others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod business;
mod documents;
mod hash;
mod interrupted;
mod looks;
mod manage;
mod obstacles;
mod programs;
mod removal;
mod wrong;

use tempfile::TempDir;

use common::process::{Ended, countersign, run};

/// A self-signed certificate in PEM, as `keytool -exportcert -rfc` wrote it. Its key is gone, like that of every file.
const RELEASE: &[u8] = include_bytes!("files/release.pem");
/// Another one in DER, from `openssl x509 -outform der`.
const UPLOAD: &[u8] = include_bytes!("files/upload.der");

/// A folder with files in it, and the binary called there.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    /// Runs `templates hash --package com.example.app` with these arguments.
    async fn hash(&self, args: &[&str]) -> Ended {
        self.hash_of("com.example.app", args).await
    }

    /// Runs `templates hash` for another package.
    async fn hash_of(&self, package: &str, args: &[&str]) -> Ended {
        let mut command = countersign(self.0.path());
        command.current_dir(self.0.path());
        run(command.args(["templates", "hash", "--package", package]).args(args)).await
    }
}
