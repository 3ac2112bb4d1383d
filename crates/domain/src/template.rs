//! Templates a code can be written with: their names, their languages, and which language is chosen.

use std::fmt;

use thiserror::Error;

/// A language of a template in Meta's form: `pt`, `pt_BR`, `zh_CN`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// Reads a language: two or three letters, optionally `_` or `-` and a region of two letters or three digits.
    /// `pt-br`, `PT_BR` and `pt_BR` are one.
    pub fn parse(text: &str) -> Result<Self, LanguageError> {
        let (base, region) = match text.split_once(['_', '-']) {
            Some((base, region)) => (base, Some(region)),
            None => (text, None),
        };
        if !(2..=3).contains(&base.len()) || !base.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(LanguageError::Shape);
        }
        let base = base.to_ascii_lowercase();
        let Some(region) = region else { return Ok(Self(base)) };
        let letters = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_alphabetic());
        let digits = region.len() == 3 && region.bytes().all(|byte| byte.is_ascii_digit());
        if !letters && !digits {
            return Err(LanguageError::Shape);
        }
        Ok(Self(format!("{base}_{}", region.to_ascii_uppercase())))
    }

    /// The language in Meta's form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn base(&self) -> &str {
        self.0.split('_').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LanguageError {
    /// The text has the wrong shape.
    #[error("must be a language such as 'pt', 'pt_BR' or 'pt-BR'")]
    Shape,
}

/// The name of an authentication template: lower-case letters, digits and underscores, at most 512 (Meta: templates).
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A template that exists, and the languages it exists in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// The languages it can be sent in.
    pub languages: Vec<Language>,
    /// The language of whoever asks for none of them.
    pub default_language: Language,
}

impl Template {
    /// The language to write in: the one asked for, else one of the same base language, else the default. `None`
    /// when even the default does not exist.
    pub fn language(&self, wanted: Option<&Language>) -> Option<&Language> {
        let exact = wanted.and_then(|wanted| self.languages.iter().find(|language| *language == wanted));
        let base = || {
            wanted.and_then(|wanted| {
                self.languages
                    .iter()
                    .find(|language| language.as_str() == wanted.base())
            })
        };
        let kin = || wanted.and_then(|wanted| self.languages.iter().find(|language| language.base() == wanted.base()));
        let default = || {
            self.languages
                .iter()
                .find(|language| **language == self.default_language)
        };
        exact.or_else(base).or_else(kin).or_else(default)
    }
}
