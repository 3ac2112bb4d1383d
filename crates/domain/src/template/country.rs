//! The language that most people of a country read, among those Meta has texts for.
//!
//! A guess for people of whom nothing else is known; an app's configuration may say otherwise for any country.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::country::CountryCode;
use crate::template::Language;

/// A language of Meta's, and the countries it is most likely to be read in.
const TABLE: &[(&str, &str)] = &[
    ("af", "ZA NA"),
    ("sq", "AL XK"),
    (
        "ar",
        "DZ BH EG IQ JO KW LB LY MR MA OM PS QA SA SD SY TN AE YE SO DJ KM TD",
    ),
    ("az", "AZ"),
    ("bn", "BD"),
    ("bg", "BG"),
    ("zh_CN", "CN SG"),
    ("zh_HK", "HK MO"),
    ("zh_TW", "TW"),
    ("hr", "HR BA"),
    ("cs", "CZ"),
    ("da", "DK GL FO"),
    ("nl", "NL SR AW CW BQ SX BE"),
    ("en_US", "US PR GU VI AS MP PH LR"),
    ("en_GB", "GB IE AU NZ GG JE IM GI MT FK"),
    (
        "en",
        "NG GH KE UG ZM ZW BW MW SL GM LS SZ JM TT BB BS BZ GY AG DM GD LC VC KN AI BM KY VG TC MS FJ PG SB WS TO VU KI NR TV FM MH PW CM MU SC SS PK LK MM",
    ),
    ("et", "EE"),
    ("fi", "FI AX"),
    (
        "fr",
        "FR MC CD CG CI SN ML BF NE BJ TG GN GA CF BI MG HT GP MQ GF RE YT NC PF PM WF BL MF LU",
    ),
    ("ka", "GE"),
    ("de", "DE AT LI CH"),
    ("el", "GR CY"),
    ("he", "IL"),
    ("hi", "IN"),
    ("hu", "HU"),
    ("id", "ID"),
    ("it", "IT SM VA"),
    ("ja", "JP"),
    ("kk", "KZ"),
    ("ko", "KR KP"),
    ("ky_KG", "KG"),
    ("lo", "LA"),
    ("lv", "LV"),
    ("lt", "LT"),
    ("mk", "MK"),
    ("ms", "MY BN"),
    ("nb", "NO SJ"),
    ("fa", "IR AF"),
    ("pl", "PL"),
    ("pt_BR", "BR"),
    ("pt_PT", "PT AO MZ CV GW ST TL"),
    ("ro", "RO MD"),
    ("ru", "RU BY TJ TM"),
    ("rw_RW", "RW"),
    ("sr", "RS ME"),
    ("sk", "SK"),
    ("sl", "SI"),
    ("es_AR", "AR UY PY"),
    ("es_ES", "ES AD"),
    ("es_MX", "MX"),
    ("es", "BO CL CO CR CU DO EC SV GT GQ HN NI PA PE VE"),
    ("sw", "TZ"),
    ("sv", "SE"),
    ("th", "TH"),
    ("tr", "TR"),
    ("uk", "UA"),
    ("uz", "UZ"),
    ("vi", "VN"),
];

/// The language most people read in a country, when there is one of Meta's that is.
pub(super) fn language_read_in(country: CountryCode) -> Option<&'static Language> {
    static READ_IN: LazyLock<BTreeMap<CountryCode, Language>> = LazyLock::new(|| {
        let rows = TABLE.iter().flat_map(|(language, countries)| {
            let countries = countries.split(' ').filter_map(CountryCode::parse);
            countries.filter_map(|country| Some((country, Language::parse(language).ok()?)))
        });
        rows.collect()
    });
    READ_IN.get(&country)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_a_language_and_no_country_stands_in_two() {
        let mut seen = BTreeSet::new();
        for (language, countries) in TABLE {
            assert!(
                Language::parse(language).is_ok_and(|it| it.as_str() == *language),
                "{language}"
            );
            for country in countries.split(' ') {
                assert!(CountryCode::parse(country).is_some(), "{country}");
                assert!(seen.insert(country), "{country} stands twice");
            }
        }
    }

    #[test]
    fn a_country_reads_its_language() {
        let read = |country: &str| {
            let language = language_read_in(CountryCode::parse(country).unwrap());
            language.map(|it| it.as_str().to_owned())
        };
        assert_eq!(read("BR").as_deref(), Some("pt_BR"));
        assert_eq!(read("AO").as_deref(), Some("pt_PT"));
        assert_eq!(read("AT").as_deref(), Some("de"));
        assert_eq!(read("IL").as_deref(), Some("he"));
        assert_eq!(read("ET"), None, "Meta has no Amharic");
    }
}
