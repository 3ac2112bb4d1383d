//! The languages Meta has fixed texts for, and which of them somebody meant who wrote another one.

use crate::template::Language;

/// Every language an authentication template can have (Meta: supported languages).
pub const META_LANGUAGES: [&str; 71] = [
    "af", "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "en_GB", "en_US", "es", "es_AR", "es_ES",
    "es_MX", "et", "fa", "fi", "fil", "fr", "ga", "gu", "ha", "he", "hi", "hr", "hu", "id", "it", "ja", "ka", "kk",
    "kn", "ko", "ky_KG", "lo", "lt", "lv", "mk", "ml", "mr", "ms", "nb", "nl", "pa", "pl", "pt_BR", "pt_PT", "ro",
    "ru", "rw_RW", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tr", "uk", "ur", "uz", "vi", "zh_CN",
    "zh_HK", "zh_TW", "zu",
];

/// What is wrong with a language that Meta does not have, and which of Meta's to write; `None` for one Meta has.
pub(super) fn problem_of(language: &Language) -> Option<String> {
    let (code, base) = (language.as_str(), language.base());
    if META_LANGUAGES.contains(&code) {
        return None;
    }
    let kin: Vec<_> = META_LANGUAGES
        .into_iter()
        .filter(|it| it.split('_').next() == Some(base))
        .collect();
    let write = match kin.as_slice() {
        [] => format!("write one of {}", META_LANGUAGES.join(", ")),
        [only] => format!("write {only}"),
        [first @ .., last] => format!("Meta has {} and {last}", first.join(", ")),
    };
    Some(format!("is {code}, which Meta does not have; {write}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: &str) -> Option<String> {
        problem_of(&Language::parse(code).unwrap())
    }

    #[test]
    fn every_code_of_metas_is_a_language_and_in_metas_form() {
        for code in META_LANGUAGES {
            assert_eq!(Language::parse(code).map(|it| it.to_string()).as_deref(), Ok(code));
            assert_eq!(problem(code), None);
        }
        assert!(META_LANGUAGES.is_sorted());
    }

    #[test]
    fn a_language_meta_does_not_have_leads_to_those_that_were_meant() {
        for (code, write) in [
            ("pt", "Meta has pt_BR and pt_PT"),
            ("zh", "Meta has zh_CN, zh_HK and zh_TW"),
            ("es_CL", "Meta has es, es_AR, es_ES and es_MX"),
            ("de_CH", "write de"),
            ("ky", "write ky_KG"),
            ("no_NO", "write nb"),
        ] {
            let code = Language::parse(code).unwrap();
            assert_eq!(
                problem_of(&code),
                Some(format!("is {code}, which Meta does not have; {write}"))
            );
        }
    }

    #[test]
    fn a_language_unlike_any_of_metas_leads_to_the_whole_list() {
        let problem = problem("eo").unwrap();
        assert!(problem.starts_with("is eo, which Meta does not have; write one of af, ar, az, "));
        assert!(problem.ends_with(", zh_TW, zu"));
    }
}
