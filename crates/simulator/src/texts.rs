//! What the messenger writes around a code, by language. Kept out: the code itself and who gets it.
//!
//! Meta fixes the sentences of authentication templates; nobody can edit them (Meta: authentication templates page).
//! The English ones are Meta's. The others say the same in the same order and may differ from Meta's in a word: a
//! deployment that must show the very words asks Meta's preview endpoint.

use serde::Serialize;

/// Which way a language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Direction {
    /// Left to right.
    #[serde(rename = "ltr")]
    LeftToRight,
    /// Right to left.
    #[serde(rename = "rtl")]
    RightToLeft,
}

/// The sentences of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Language tag for a browser, such as `pt-BR`.
    pub tag: &'static str,
    /// Which way it is written.
    pub direction: Direction,
    /// The body; `{code}` stands for the code, which is shown in bold.
    pub body: &'static str,
    /// The optional advice not to share the code.
    pub security: &'static str,
    /// The optional footer; `{minutes}` stands for a number of minutes other than one.
    pub footer: &'static str,
    /// The footer for one minute.
    pub footer_one: &'static str,
    /// The label of the copy button.
    pub copy: &'static str,
    /// The label of the button that fills the code in.
    pub autofill: &'static str,
}

/// The codes that have sentences of their own, as templates name them.
pub fn supported_languages() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().flat_map(|(codes, _)| codes.iter().copied())
}

/// The sentences in `language` (`pt_BR`), else those of its base language (`pt`), else English. Meta knows some
/// seventy languages; the simulator accepts any that a template lists and shows those it does not know in English.
pub fn text_in(language: &str) -> &'static Text {
    let base = language.split('_').next().unwrap_or(language);
    exact(language)
        .or_else(|| exact(base))
        .or_else(|| of_base(base))
        .unwrap_or(&ENGLISH)
}

impl Text {
    /// The footer for this many minutes.
    pub fn footer_for(&self, minutes: u8) -> String {
        if minutes == 1 {
            self.footer_one.into()
        } else {
            self.footer.replace("{minutes}", &minutes.to_string())
        }
    }
}

fn exact(language: &str) -> Option<&'static Text> {
    TEXTS
        .iter()
        .find(|(codes, _)| codes.contains(&language))
        .map(|(_, text)| text)
}

fn of_base(base: &str) -> Option<&'static Text> {
    let speaks = |code: &&str| code.split('_').next() == Some(base);
    TEXTS
        .iter()
        .find(|(codes, _)| codes.iter().any(speaks))
        .map(|(_, text)| text)
}

const ENGLISH: Text = Text {
    tag: "en",
    direction: Direction::LeftToRight,
    body: "{code} is your verification code.",
    security: "For your security, do not share this code.",
    footer: "This code expires in {minutes} minutes.",
    footer_one: "This code expires in 1 minute.",
    copy: "Copy code",
    autofill: "Autofill",
};

const TEXTS: &[(&[&str], Text)] = &[
    (&["en", "en_US", "en_GB"], ENGLISH),
    (
        &["es", "es_ES", "es_MX", "es_AR"],
        Text {
            tag: "es",
            direction: Direction::LeftToRight,
            body: "Tu código de verificación es {code}.",
            security: "Por tu seguridad, no lo compartas.",
            footer: "Este código caduca en {minutes} minutos.",
            footer_one: "Este código caduca en 1 minuto.",
            copy: "Copiar código",
            autofill: "Autocompletar",
        },
    ),
    (
        &["pt_BR"],
        Text {
            tag: "pt-BR",
            direction: Direction::LeftToRight,
            body: "Seu código de verificação é {code}.",
            security: "Para sua segurança, não o compartilhe.",
            footer: "Este código expira em {minutes} minutos.",
            footer_one: "Este código expira em 1 minuto.",
            copy: "Copiar código",
            autofill: "Preencher automaticamente",
        },
    ),
    (
        &["pt_PT"],
        Text {
            tag: "pt-PT",
            direction: Direction::LeftToRight,
            body: "O seu código de verificação é {code}.",
            security: "Para sua segurança, não o partilhe.",
            footer: "Este código expira dentro de {minutes} minutos.",
            footer_one: "Este código expira dentro de 1 minuto.",
            copy: "Copiar código",
            autofill: "Preencher automaticamente",
        },
    ),
    (
        &["de"],
        Text {
            tag: "de",
            direction: Direction::LeftToRight,
            body: "{code} ist dein Verifizierungscode.",
            security: "Teile diesen Code zu deiner Sicherheit nicht mit anderen.",
            footer: "Dieser Code läuft in {minutes} Minuten ab.",
            footer_one: "Dieser Code läuft in 1 Minute ab.",
            copy: "Code kopieren",
            autofill: "Automatisch ausfüllen",
        },
    ),
    (
        &["fr"],
        Text {
            tag: "fr",
            direction: Direction::LeftToRight,
            body: "Votre code de vérification est {code}.",
            security: "Pour votre sécurité, ne le partagez pas.",
            footer: "Ce code expire dans {minutes} minutes.",
            footer_one: "Ce code expire dans 1 minute.",
            copy: "Copier le code",
            autofill: "Remplissage auto",
        },
    ),
    (
        &["it"],
        Text {
            tag: "it",
            direction: Direction::LeftToRight,
            body: "{code} è il tuo codice di verifica.",
            security: "Per la tua sicurezza, non condividerlo.",
            footer: "Questo codice scade tra {minutes} minuti.",
            footer_one: "Questo codice scade tra 1 minuto.",
            copy: "Copia codice",
            autofill: "Compilazione automatica",
        },
    ),
    (
        &["ru"],
        Text {
            tag: "ru",
            direction: Direction::LeftToRight,
            body: "{code} — ваш код подтверждения.",
            security: "Из соображений безопасности не сообщайте его никому.",
            footer: "Срок действия кода: {minutes} мин.",
            footer_one: "Срок действия кода: 1 мин.",
            copy: "Скопировать код",
            autofill: "Автозаполнение",
        },
    ),
    (
        &["hi"],
        Text {
            tag: "hi",
            direction: Direction::LeftToRight,
            body: "{code} आपका वेरिफ़िकेशन कोड है.",
            security: "अपनी सुरक्षा के लिए, इस कोड को किसी के साथ शेयर न करें.",
            footer: "यह कोड {minutes} मिनट में एक्सपायर हो जाएगा.",
            footer_one: "यह कोड 1 मिनट में एक्सपायर हो जाएगा.",
            copy: "कोड कॉपी करें",
            autofill: "ऑटोफ़िल करें",
        },
    ),
    (
        &["ar"],
        Text {
            tag: "ar",
            direction: Direction::RightToLeft,
            body: "رمز التحقق الخاص بك هو {code}.",
            security: "للحفاظ على أمانك، لا تشارك هذا الرمز.",
            footer: "تنتهي صلاحية هذا الرمز خلال {minutes} من الدقائق.",
            footer_one: "تنتهي صلاحية هذا الرمز خلال دقيقة واحدة.",
            copy: "نسخ الرمز",
            autofill: "تعبئة تلقائية",
        },
    ),
    (
        &["he"],
        Text {
            tag: "he",
            direction: Direction::RightToLeft,
            body: "קוד האימות שלך הוא {code}.",
            security: "למען ביטחונך, אין לשתף את הקוד.",
            footer: "תוקף הקוד יפוג בעוד {minutes} דקות.",
            footer_one: "תוקף הקוד יפוג בעוד דקה.",
            copy: "העתקת הקוד",
            autofill: "מילוי אוטומטי",
        },
    ),
    (
        &["id"],
        Text {
            tag: "id",
            direction: Direction::LeftToRight,
            body: "{code} adalah kode verifikasi Anda.",
            security: "Demi keamanan, jangan bagikan kode ini.",
            footer: "Kode ini kedaluwarsa dalam {minutes} menit.",
            footer_one: "Kode ini kedaluwarsa dalam 1 menit.",
            copy: "Salin kode",
            autofill: "Isi Otomatis",
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promised_language_has_whole_sentences() {
        for language in [
            "en", "en_US", "es", "es_ES", "pt_BR", "de", "fr", "ru", "hi", "ar", "id",
        ] {
            assert!(exact(language).is_some(), "{language} has no text");
        }
        for language in supported_languages() {
            let text = text_in(language);
            assert_eq!(text.body.matches("{code}").count(), 1, "{language}");
            assert_eq!(text.footer.matches("{minutes}").count(), 1, "{language}");
            let sentences = [text.tag, text.security, text.footer_one, text.copy, text.autofill];
            assert!(sentences.iter().all(|sentence| !sentence.is_empty()), "{language}");
        }
    }

    #[test]
    fn only_arabic_and_hebrew_run_from_right_to_left() {
        let leftwards: Vec<_> = supported_languages()
            .filter(|language| text_in(language).direction == Direction::RightToLeft)
            .collect();
        assert_eq!(leftwards, ["ar", "he"]);
    }

    #[test]
    fn an_unknown_region_falls_back_to_its_language_and_an_unknown_language_to_english() {
        assert_eq!(text_in("de_AT").tag, "de");
        assert_eq!(text_in("pt").tag, "pt-BR");
        assert_eq!(text_in("zu").tag, "en");
    }

    #[test]
    fn the_footer_says_how_many_minutes() {
        assert_eq!(text_in("en_US").footer_for(10), "This code expires in 10 minutes.");
        assert_eq!(text_in("en_US").footer_for(1), "This code expires in 1 minute.");
        assert_eq!(text_in("id").footer_for(5), "Kode ini kedaluwarsa dalam 5 menit.");
    }
}
