//! The languages Meta has templates in. Kept out: the sentences of each (see `texts`).

/// Meta: supported languages page, and the list of the preview endpoint.
pub(crate) const LANGUAGES: [&str; 71] = [
    "af", "sq", "ar", "az", "bn", "bg", "ca", "zh_CN", "zh_HK", "zh_TW", "hr", "cs", "da", "nl", "en", "en_GB",
    "en_US", "et", "fil", "fi", "fr", "ka", "de", "el", "gu", "ha", "he", "hi", "hu", "id", "ga", "it", "ja", "kn",
    "kk", "ko", "ky_KG", "lo", "lv", "lt", "mk", "ml", "ms", "mr", "nb", "fa", "pl", "pt_BR", "pt_PT", "pa", "ro",
    "ru", "rw_RW", "sr", "sk", "sl", "es", "es_AR", "es_ES", "es_MX", "sw", "sv", "ta", "te", "th", "tr", "uk", "ur",
    "uz", "vi", "zu",
];

/// Whether Meta has templates in this language. Codes are compared as they are written: `en_us` is not one.
pub(crate) fn is_known(code: &str) -> bool {
    LANGUAGES.contains(&code)
}
