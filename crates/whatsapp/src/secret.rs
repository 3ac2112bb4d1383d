//! Tokens and app secrets as a type that does not show itself. Kept out: where they come from.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text. Redacted in `Debug`, wiped when dropped, no `Display`, not comparable.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret as it was read, without the white space around it.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// The secret text. Every call is a place where it leaves its type: keep them few.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
