//! Where the running `countersign dev` is and with which token it may be called, for the command line beside it.
//!
//! A file only its owner can read, made anew by every `dev`; the token in it is random and ends with the process.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;

/// How to call the running `countersign dev`.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Profile {
    /// Its gRPC address.
    pub(crate) server: String,
    /// The demo caller's token.
    pub(crate) token: String,
}

impl Profile {
    /// The profile of the last `dev`, if there is a readable one.
    pub(crate) fn read(environment: &Environment) -> Option<Self> {
        let text = std::fs::read_to_string(path(environment)?).ok()?;
        toml::from_str(&text).ok()
    }

    /// Writes the profile, readable by its owner only. Answers where it is.
    pub(crate) fn write(&self, environment: &Environment) -> Result<PathBuf, String> {
        let path = path(environment).ok_or("neither XDG_STATE_HOME nor HOME is set, so there is no place for it")?;
        let text = toml::to_string(self).map_err(|error| error.to_string())?;
        let written = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // Removed first: the mode below counts only for a file that is made.
            if path.exists() {
                std::fs::remove_file(&path)?;
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(text.as_bytes())
        };
        written().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// Removes the profile if it is still this one.
    pub(crate) fn remove(&self, environment: &Environment) {
        let is_this = Self::read(environment).is_some_and(|it| it.token == self.token);
        if let (true, Some(path)) = (is_this, path(environment)) {
            // Left behind, it names a server that no longer answers; nothing worse.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn path(environment: &Environment) -> Option<PathBuf> {
    let state = environment.get("XDG_STATE_HOME").map(PathBuf::from);
    let home = || {
        environment
            .get("HOME")
            .map(|home| PathBuf::from(home).join(".local/state"))
    };
    Some(state.or_else(home)?.join("countersign/dev.toml"))
}
