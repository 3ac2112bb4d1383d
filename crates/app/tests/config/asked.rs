//! Asking the binary about a configuration.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::common::plan::{
    CALLER_TOKEN, CODE_KEY, IDENTITY_KEY, META_APP_SECRET, META_TOKEN, META_VERIFY_TOKEN, Plan, write_config,
};
use crate::common::process::{Ended, countersign, run};

/// The exit code of a bad configuration.
pub(crate) const BAD: Option<i32> = Some(64);

/// One mistake: what is written instead of what, and what the one line must begin with and contain.
pub(crate) type Wrong = (&'static str, &'static str, &'static str, &'static str);

/// A configuration in a folder of its own.
pub(crate) struct Asked {
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
    environment: Vec<(&'static str, &'static str)>,
}

impl Asked {
    /// A configuration with this text, and the secrets of every plan beside it.
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = write_config(folder.path(), text);
        Self {
            folder,
            config,
            environment: Vec::new(),
        }
    }

    /// With a variable in the environment.
    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Runs `check-config`.
    pub(crate) async fn check(&self, args: &[&str]) -> Ended {
        self.run("check-config", args).await
    }

    /// Runs `serve` to its end: only for a configuration that is refused.
    pub(crate) async fn serve(&self) -> Ended {
        self.run("serve", &[]).await
    }

    async fn run(&self, verb: &str, args: &[&str]) -> Ended {
        let mut command = countersign(self.folder.path());
        command.arg(verb).arg("--config").arg(&self.config).args(args);
        command.envs(self.environment.iter().copied());
        let ended = run(&mut command).await;
        assert_tells_no_secret(&ended);
        ended
    }
}

/// The text of a configuration that is right.
pub(crate) fn right() -> String {
    Plan::new("https://graph.facebook.com".to_owned()).text()
}

/// The right configuration with `from` written as `to`.
#[track_caller]
pub(crate) fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(right(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from} is not there exactly once");
        text.replace(from, to)
    })
}

/// Checks each mistake alone: it is one line.
pub(crate) async fn assert_one_line_each(wrongs: &[Wrong]) {
    let mut otherwise = Vec::new();
    for (from, to, path, advice) in wrongs {
        let ended = Asked::new(&with(&[(from, to)])).check(&[]).await;
        let said = ended.stderr;
        let as_wanted =
            ended.code == BAD && said.lines().count() == 1 && said.starts_with(path) && said.contains(advice);
        if !as_wanted {
            otherwise.push(format!(
                "{to:?} should say {path}… {advice}, and ended with {:?}: {said}",
                ended.code
            ));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

/// Demands that no secret of a plan is in what was written.
pub(crate) fn assert_tells_no_secret(ended: &Ended) {
    for secret in [
        META_TOKEN,
        META_APP_SECRET,
        META_VERIFY_TOKEN,
        CALLER_TOKEN,
        CODE_KEY,
        IDENTITY_KEY,
    ] {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!said.contains(secret), "a secret was written: {said}");
    }
}
