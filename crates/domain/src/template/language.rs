//! Languages of templates, in Meta's form. Which of an app's is chosen is [`crate::template::Templates`]' business.

use std::fmt;

use thiserror::Error;

/// A language of a template in Meta's form: `pt`, `pt_BR`, `zh_CN`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

impl Language {
    /// Reads a language as Meta, a webhook or a device writes it: two or three letters, optionally a script of four and
    /// a region of two letters or three digits, with `_` or `-` between them. `pt-br`, `PT_BR` and `pt_BR` are one, and
    /// names that Meta knows otherwise are put in its words: `zh-Hant-TW` is `zh_TW`, `iw` is `he`, `no` is `nb`.
    pub fn parse(text: &str) -> Result<Self, LanguageError> {
        let mut parts = text.split(['_', '-']);
        let base = parts.next().filter(|it| is_letters(it, 2..=3)).ok_or(LanguageError)?;
        let base = modern(&base.to_ascii_lowercase()).to_owned();
        let mut rest = parts.peekable();
        let script = rest.next_if(|it| is_letters(it, 4..=4)).map(str::to_ascii_lowercase);
        let region = rest.next().map(str::to_ascii_uppercase);
        let is_region = |it: &String| is_letters(it, 2..=2) || is_digits(it, 3);
        if rest.next().is_some() || !region.as_ref().is_none_or(is_region) {
            return Err(LanguageError);
        }
        let region = region.or_else(|| region_of_script(&base, script.as_deref()).map(str::to_owned));
        Ok(Self(match region {
            Some(region) => format!("{base}_{region}"),
            None => base,
        }))
    }

    /// The language in Meta's form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn base(&self) -> &str {
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
#[error("must be a language such as 'pt', 'pt_BR' or 'pt-BR'")]
pub struct LanguageError;

fn is_letters(text: &str, count: std::ops::RangeInclusive<usize>) -> bool {
    count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The code Meta uses for a language that devices also call otherwise: Java wrote the old codes for Hebrew and
/// Indonesian, and Meta has one Norwegian and calls Tagalog Filipino.
fn modern(base: &str) -> &str {
    match base {
        "iw" => "he",
        "in" => "id",
        "no" | "nn" => "nb",
        "tl" => "fil",
        "ji" => "yi",
        other => other,
    }
}

/// The region that stands for a script at Meta, which tells the two ways of writing Chinese apart by region alone.
fn region_of_script(base: &str, script: Option<&str>) -> Option<&'static str> {
    match (base, script?) {
        ("zh", "hans") => Some("CN"),
        ("zh", "hant") => Some("TW"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Language::parse(text).ok().map(|it| it.as_str().to_owned())
    }

    #[test]
    fn every_way_of_writing_a_language_is_one() {
        for (written, language) in [
            ("pt_BR", "pt_BR"),
            ("pt-br", "pt_BR"),
            ("PT_br", "pt_BR"),
            ("pt", "pt"),
            ("es-419", "es_419"),
            ("fil", "fil"),
            ("zh-Hans-CN", "zh_CN"),
            ("zh-Hant", "zh_TW"),
            ("zh-Hans", "zh_CN"),
            ("zh_Hant_HK", "zh_HK"),
            ("sr-Latn", "sr"),
            ("sr-Latn-RS", "sr_RS"),
            ("iw-IL", "he_IL"),
            ("in", "id"),
            ("no", "nb"),
            ("nn-NO", "nb_NO"),
            ("tl-PH", "fil_PH"),
        ] {
            assert_eq!(read(written).as_deref(), Some(language), "{written}");
        }
    }

    #[test]
    fn what_is_no_language_is_refused() {
        for text in [
            "",
            "e",
            "english",
            "en_",
            "_US",
            "en_USA",
            "en_U",
            "en-US-x",
            "en US",
            "e1",
            "en_1",
            "pt__BR",
            "ptß",
            "en-Latn-",
            "en-Latn-US-POSIX",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
