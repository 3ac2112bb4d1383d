//! The name of a template.

use std::fmt;

use thiserror::Error;

/// The name of an authentication template: lower-case letters, digits and underscores, at most 512 (Meta: templates).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateName(String);

impl TemplateName {
    /// Reads a template's name.
    pub fn parse(text: &str) -> Result<Self, TemplateNameError> {
        let fits = (1..=512).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(TemplateNameError::Shape)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a template's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TemplateNameError {
    /// The text has the wrong shape.
    #[error("must be 1 to 512 characters of a-z, 0-9 and '_'")]
    Shape,
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
