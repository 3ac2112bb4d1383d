//! Meta's fixed texts of authentication templates, in our own transcription: what is shown when Meta does not tell.
//!
//! Nobody can edit those sentences (Meta: authentication templates), and Meta may put them differently one day. Whoever
//! needs the very words asks the provider.

use crate::ports::Preview;
use crate::template::{ButtonKind, Language, Template};

/// The sentences of one language. `{}` in the footer stands for a number of minutes other than one.
struct Texts {
    body: &'static str,
    security: &'static str,
    footer: &'static str,
    footer_one: &'static str,
    copy: &'static str,
    autofill: &'static str,
}

/// What a message of a template says in a language, and whether it says so in that language or in English for want of
/// its texts. The labels are Meta's, whatever the template says of them.
pub(crate) fn preview(template: &Template, language: &Language) -> (Preview, bool) {
    let own = texts_in(language);
    let texts = own.unwrap_or(&ENGLISH);
    let mut body = texts.body.to_owned();
    if template.security_recommendation {
        body = format!("{body} {}", texts.security);
    }
    let preview = Preview {
        language: language.clone(),
        body,
        footer: template.footer_minutes.map(|minutes| texts.footer_for(minutes)),
        copy_text: texts.copy.to_owned(),
        autofill_text: (template.button.kind() != ButtonKind::CopyCode).then(|| texts.autofill.to_owned()),
    };
    (preview, own.is_some())
}

/// Whether a language is written from right to left, among those Meta has.
pub(crate) fn is_right_to_left(language: &Language) -> bool {
    matches!(language.base(), "ar" | "fa" | "he" | "ur")
}

impl Texts {
    fn footer_for(&self, minutes: u8) -> String {
        match minutes {
            1 => self.footer_one.to_owned(),
            _ => self.footer.replace("{}", &minutes.to_string()),
        }
    }
}

fn texts_in(language: &Language) -> Option<&'static Texts> {
    let code = language.as_str();
    TEXTS
        .iter()
        .find(|(codes, _)| codes.contains(&code))
        .map(|(_, texts)| texts)
}

const ENGLISH: Texts = Texts {
    body: "*{{1}}* is your verification code.",
    security: "For your security, do not share this code.",
    footer: "This code expires in {} minutes.",
    footer_one: "This code expires in 1 minute.",
    copy: "Copy code",
    autofill: "Autofill",
};

#[rustfmt::skip]
const TEXTS: &[(&[&str], Texts)] = &[
    (&["en", "en_US", "en_GB"], ENGLISH),
    (&["es", "es_ES", "es_MX", "es_AR"], Texts {
        body: "Tu código de verificación es *{{1}}*.",
        security: "Por tu seguridad, no lo compartas.",
        footer: "Este código caduca en {} minutos.",
        footer_one: "Este código caduca en 1 minuto.",
        copy: "Copiar código",
        autofill: "Autocompletar",
    }),
    (&["pt_BR"], Texts {
        body: "Seu código de verificação é *{{1}}*.",
        security: "Para sua segurança, não o compartilhe.",
        footer: "Este código expira em {} minutos.",
        footer_one: "Este código expira em 1 minuto.",
        copy: "Copiar código",
        autofill: "Preencher automaticamente",
    }),
    (&["pt_PT"], Texts {
        body: "O seu código de verificação é *{{1}}*.",
        security: "Para sua segurança, não o partilhe.",
        footer: "Este código expira dentro de {} minutos.",
        footer_one: "Este código expira dentro de 1 minuto.",
        copy: "Copiar código",
        autofill: "Preencher automaticamente",
    }),
    (&["ru"], Texts {
        body: "*{{1}}* — ваш код подтверждения.",
        security: "Из соображений безопасности не сообщайте его никому.",
        // Abbreviated, so that it is right for every number.
        footer: "Срок действия кода: {} мин.",
        footer_one: "Срок действия кода: 1 мин.",
        copy: "Скопировать код",
        autofill: "Автозаполнение",
    }),
    (&["fr"], Texts {
        body: "Votre code de vérification est *{{1}}*.",
        security: "Pour votre sécurité, ne le partagez pas.",
        footer: "Ce code expire dans {} minutes.",
        footer_one: "Ce code expire dans 1 minute.",
        copy: "Copier le code",
        autofill: "Saisie automatique",
    }),
    (&["de"], Texts {
        body: "*{{1}}* ist dein Verifizierungscode.",
        security: "Teile diesen Code zu deiner Sicherheit nicht mit anderen.",
        footer: "Dieser Code läuft in {} Minuten ab.",
        footer_one: "Dieser Code läuft in 1 Minute ab.",
        copy: "Code kopieren",
        autofill: "Automatisch ausfüllen",
    }),
    (&["hi"], Texts {
        body: "*{{1}}* आपका वेरिफ़िकेशन कोड है.",
        security: "अपनी सुरक्षा के लिए, इस कोड को किसी के साथ शेयर न करें.",
        footer: "यह कोड {} मिनट में एक्सपायर हो जाएगा.",
        footer_one: "यह कोड 1 मिनट में एक्सपायर हो जाएगा.",
        copy: "कोड कॉपी करें",
        autofill: "ऑटोफ़िल करें",
    }),
    (&["ar"], Texts {
        body: "رمز التحقق الخاص بك هو *{{1}}*.",
        security: "للحفاظ على أمانك، لا تشارك هذا الرمز.",
        footer: "تنتهي صلاحية هذا الرمز خلال {} من الدقائق.",
        footer_one: "تنتهي صلاحية هذا الرمز خلال دقيقة واحدة.",
        copy: "نسخ الرمز",
        autofill: "ملء تلقائي",
    }),
    (&["id"], Texts {
        body: "*{{1}}* adalah kode verifikasi Anda.",
        security: "Demi keamanan, jangan bagikan kode ini.",
        footer: "Kode ini kedaluwarsa dalam {} menit.",
        footer_one: "Kode ini kedaluwarsa dalam 1 menit.",
        copy: "Salin kode",
        autofill: "Isi otomatis",
    }),
    (&["he"], Texts {
        body: "קוד האימות שלך הוא *{{1}}*.",
        security: "למען ביטחונך, אין לשתף את הקוד.",
        footer: "תוקף הקוד יפוג בעוד {} דקות.",
        footer_one: "תוקף הקוד יפוג בעוד דקה.",
        copy: "העתקת הקוד",
        autofill: "מילוי אוטומטי",
    }),
    (&["it"], Texts {
        body: "*{{1}}* è il tuo codice di verifica.",
        security: "Per la tua sicurezza, non condividerlo.",
        footer: "Questo codice scade tra {} minuti.",
        footer_one: "Questo codice scade tra 1 minuto.",
        copy: "Copia codice",
        autofill: "Compila automaticamente",
    }),
    (&["fa"], Texts {
        body: "کد تأیید شما *{{1}}* است.",
        security: "برای حفظ امنیت خود، این کد را با کسی در میان نگذارید.",
        footer: "این کد تا {} دقیقه دیگر منقضی می‌شود.",
        footer_one: "این کد تا ۱ دقیقه دیگر منقضی می‌شود.",
        copy: "کپی کردن کد",
        autofill: "تکمیل خودکار",
    }),
    (&["ur"], Texts {
        body: "آپ کا تصدیقی کوڈ *{{1}}* ہے۔",
        security: "اپنی حفاظت کے لیے یہ کوڈ کسی کے ساتھ شیئر نہ کریں۔",
        footer: "یہ کوڈ {} منٹ میں ختم ہو جائے گا۔",
        footer_one: "یہ کوڈ 1 منٹ میں ختم ہو جائے گا۔",
        copy: "کوڈ کاپی کریں",
        autofill: "آٹو فل",
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{ButtonText, META_LANGUAGES};

    #[test]
    fn every_language_with_texts_is_metas_and_there_once_and_whole() {
        let mut seen = Vec::new();
        for (codes, texts) in TEXTS {
            for code in *codes {
                assert!(META_LANGUAGES.contains(code), "{code}");
                assert!(!seen.contains(code), "{code} twice");
                seen.push(code);
            }
            assert_eq!(texts.body.matches("*{{1}}*").count(), 1, "{codes:?}");
            assert_eq!(texts.footer.matches("{}").count(), 1, "{codes:?}");
            assert!(
                !texts.footer_one.contains('{') && !texts.security.is_empty(),
                "{codes:?}"
            );
            for label in [texts.copy, texts.autofill] {
                assert!(ButtonText::parse(label).is_ok(), "{label}");
            }
        }
        for code in "en en_US en_GB es es_ES es_MX es_AR pt_BR pt_PT ru fr de hi ar id he it".split(' ') {
            assert!(seen.contains(&code), "{code}");
        }
    }

    #[test]
    fn every_language_that_runs_from_right_to_left_has_texts() {
        let leftwards = META_LANGUAGES.map(|it| Language::parse(it).unwrap());
        let leftwards = leftwards.into_iter().filter(is_right_to_left);
        let codes: Vec<_> = leftwards
            .inspect(|it| assert!(texts_in(it).is_some(), "{it}"))
            .collect();
        assert_eq!(
            codes.iter().map(Language::as_str).collect::<Vec<_>>(),
            ["ar", "fa", "he", "ur"]
        );
    }

    #[test]
    fn a_footer_of_one_minute_is_in_the_singular() {
        assert_eq!(ENGLISH.footer_for(1), "This code expires in 1 minute.");
        assert_eq!(ENGLISH.footer_for(21), "This code expires in 21 minutes.");
    }
}
