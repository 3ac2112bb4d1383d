//! The environment, read once. Nothing else in the workspace reads it.

use std::collections::BTreeMap;

/// The variables of the process, or of a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own variables; those that are not text are left out.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// How a person calls this binary again. Under cargo it is not on the PATH, and what is printed is to be pasted as
    /// it is.
    pub(crate) fn command(&self) -> String {
        match self.get("CARGO") {
            Some(_) => "cargo run --release --".to_owned(),
            None => std::env::args().next().unwrap_or_else(|| "countersign".to_owned()),
        }
    }

    /// The value of a variable; an empty one counts as not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}
