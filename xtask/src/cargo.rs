//! Runs cargo the way a person would, and shows what it runs.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// One call of cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    arguments: Vec<String>,
    variable: Option<(&'static str, &'static str)>,
}

impl Call {
    /// Takes the arguments as one line, parted by spaces.
    pub(crate) fn new(arguments: &str) -> Self {
        Self {
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            variable: None,
        }
    }

    /// Appends arguments as they are.
    pub(crate) fn with(mut self, arguments: &[String]) -> Self {
        self.arguments.extend_from_slice(arguments);
        self
    }

    /// Sets one variable of the environment for this call.
    pub(crate) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variable = Some((name, value));
        self
    }

    /// Prints the command, runs it in `folder`, and answers with its exit code; 1 when a signal ended it.
    pub(crate) fn run(&self, folder: &Path) -> Result<u8, String> {
        println!("$ {self}");
        let status = self
            .command(folder)
            .status()
            .map_err(|error| format!("cannot run `{self}`: {error}"))?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }

    /// Runs it in `folder` without a word and says whether it succeeded.
    pub(crate) fn succeeds(&self, folder: &Path) -> bool {
        let mut command = self.command(folder);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new("cargo");
        command.args(&self.arguments).current_dir(folder).envs(self.variable);
        command
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, value)) = self.variable {
            write!(formatter, "{name}=\"{value}\" ")?;
        }
        write!(formatter, "cargo {}", self.arguments.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_it_would_be_typed() {
        let call = Call::new("doc --no-deps")
            .with(&["--locked".to_owned()])
            .variable("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            call.to_string(),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps --locked"
        );
    }

    #[test]
    fn answers_with_the_code_of_cargo() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(Call::new("version").run(folder), Ok(0));
        assert_eq!(Call::new("metadata --no-such-flag").run(folder), Ok(1));
        assert!(!Call::new("no-such-command").succeeds(folder));
    }
}
