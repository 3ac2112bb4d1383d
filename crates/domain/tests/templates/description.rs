//! What a description may say: one test for each rule, with the words a person sees.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::supported_app::{PackageName, SignatureHash};
use countersign_domain::template::{ButtonKind, Template, TemplateSettings};
use proptest::prelude::*;

/// A description that is right.
pub(crate) fn settings() -> TemplateSettings {
    TemplateSettings {
        name: "otp".to_owned(),
        languages: vec!["en_US".to_owned(), "pt_BR".to_owned()],
        security_recommendation: true,
        footer_minutes: Some(10),
        button: "copy_code".to_owned(),
        message_life_seconds: 600,
        ..TemplateSettings::default()
    }
}

fn one_tap() -> TemplateSettings {
    TemplateSettings {
        button: "one_tap".to_owned(),
        supported_apps: vec![("com.example.app".to_owned(), "K8a/AINcGX7".to_owned())],
        ..settings()
    }
}

fn zero_tap() -> TemplateSettings {
    TemplateSettings {
        button: "zero_tap".to_owned(),
        zero_tap_terms_accepted: true,
        ..one_tap()
    }
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect()
}

fn mistakes(settings: TemplateSettings) -> Vec<String> {
    let mistakes = Template::new(settings).expect_err("should be refused");
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_description_that_is_right_is_taken_as_it_stands() {
    let template = Template::new(TemplateSettings {
        languages: vec!["en-us".to_owned(), "pt_BR".to_owned(), "fil".to_owned()],
        copy_texts: texts(&[("pt-br", "Copiar o código")]),
        autofill_texts: texts(&[("pt_BR", "Preencher"), ("en_US", "Fill in")]),
        ..zero_tap()
    })
    .unwrap();
    assert_eq!(template.name.as_str(), "otp");
    let languages: Vec<_> = template.languages.iter().map(ToString::to_string).collect();
    assert_eq!(languages, ["en_US", "pt_BR", "fil"]);
    assert_eq!(
        (template.security_recommendation, template.footer_minutes),
        (true, Some(10))
    );
    assert_eq!(template.button.kind(), ButtonKind::ZeroTap);
    assert_eq!(template.button.apps().unwrap().iter().count(), 1);
    assert_eq!(template.message_life, Duration::from_secs(600));
    let labels = |language: usize| {
        let texts = &template.button_texts[&template.languages[language]];
        [&texts.copy, &texts.autofill].map(|it| it.as_ref().map(|it| it.as_str().to_owned()))
    };
    assert_eq!(labels(0), [None, Some("Fill in".to_owned())]);
    assert_eq!(
        labels(1),
        [Some("Copiar o código".to_owned()), Some("Preencher".to_owned())]
    );
    assert_eq!(template.button_texts.len(), 2);
}

#[test]
fn a_footer_may_be_left_out() {
    let template = Template::new(TemplateSettings {
        footer_minutes: None,
        ..settings()
    });
    assert_eq!(template.unwrap().footer_minutes, None);
}

#[test]
fn a_name_is_lower_case_letters_digits_and_underscores() {
    let long = "a".repeat(513);
    for (name, example) in [
        ("", "otp_login"),
        ("OTP-Login 2", "otp_login_2"),
        ("código", "otp_login"),
        (long.as_str(), "otp_login"),
    ] {
        let settings = TemplateSettings {
            name: name.to_owned(),
            ..settings()
        };
        assert_eq!(
            mistakes(settings),
            [format!(
                "name must be 1 to 512 characters of a-z, 0-9 and '_', for example {example}"
            )]
        );
    }
    let longest = TemplateSettings {
        name: "a".repeat(512),
        ..settings()
    };
    assert!(Template::new(longest).is_ok());
}

#[test]
fn there_is_at_least_one_language() {
    let settings = TemplateSettings {
        languages: Vec::new(),
        ..settings()
    };
    assert_eq!(
        mistakes(settings),
        ["languages must name at least one language, for example [\"en_US\"]"]
    );
}

#[test]
fn a_language_is_one_of_metas_and_there_once_however_it_is_spelled() {
    let languages = ["en_US", "english", "en-us", "pt", "de_CH", "es_CL"];
    let settings = TemplateSettings {
        languages: languages.map(str::to_owned).to_vec(),
        ..settings()
    };
    assert_eq!(
        mistakes(settings),
        [
            "languages[1] must be a language such as 'pt', 'pt_BR' or 'pt-BR'",
            "languages[2] is en_US, as languages[0] is; take one of them out",
            "languages[3] is pt, which Meta does not have; Meta has pt_BR and pt_PT",
            "languages[4] is de_CH, which Meta does not have; write de",
            "languages[5] is es_CL, which Meta does not have; Meta has es, es_AR, es_ES and es_MX",
        ]
    );
}

#[test]
fn a_footer_promises_1_to_90_minutes() {
    for minutes in [0, 91, -1, 256 + 10, i64::MAX] {
        let settings = TemplateSettings {
            footer_minutes: Some(minutes),
            ..settings()
        };
        assert_eq!(mistakes(settings), ["footer_minutes must be 1 to 90"]);
    }
    for minutes in [1, 90] {
        let settings = TemplateSettings {
            footer_minutes: Some(minutes),
            ..settings()
        };
        assert!(Template::new(settings).is_ok());
    }
}

#[test]
fn a_button_is_of_one_of_three_kinds() {
    let with = |button: &str| TemplateSettings {
        button: button.to_owned(),
        ..settings()
    };
    assert_eq!(
        mistakes(with("copy")),
        ["button must be copy_code, one_tap or zero_tap"]
    );
    assert_eq!(
        mistakes(with("COPY-CODE")),
        ["button must be copy_code, one_tap or zero_tap; write copy_code"]
    );
}

#[test]
fn a_label_is_one_line_of_1_to_25_characters() {
    let settings = TemplateSettings {
        languages: ["de", "es", "fr", "it", "ja"].map(str::to_owned).to_vec(),
        copy_texts: texts(&[
            ("de", ""),
            ("es", "Copiar\nel código"),
            ("fr", "Copier le code de connexion"),
            ("it", "Copia "),
            ("ja", &"コ".repeat(25)),
        ]),
        ..settings()
    };
    assert_eq!(
        mistakes(settings),
        [
            "copy_texts.de must not be empty; leave it out for the label Meta has in that language",
            "copy_texts.es must be one line, without line breaks and tabs",
            "copy_texts.fr must be at most 25 characters, not 27",
            "copy_texts.it must not begin or end with a space",
        ]
    );
}

#[test]
fn a_label_is_for_a_language_of_the_template_and_there_once() {
    let settings = TemplateSettings {
        copy_texts: texts(&[
            ("de", "Kopieren"),
            ("pt-BR", "Copiar"),
            ("pt_BR", "Copie"),
            ("x", "Copy"),
        ]),
        ..settings()
    };
    assert_eq!(
        mistakes(settings),
        [
            "copy_texts.de is for de, which the template does not have; add it to languages or take it out",
            "copy_texts.pt_BR is for pt_BR a second time; take one of them out",
            "copy_texts.x must be a language such as 'pt', 'pt_BR' or 'pt-BR'",
        ]
    );
}

#[test]
fn a_button_to_copy_has_nothing_to_fill_in() {
    let settings = TemplateSettings {
        autofill_texts: texts(&[("en_US", "Fill in")]),
        ..settings()
    };
    assert_eq!(
        mistakes(settings),
        ["autofill_texts is for one_tap and zero_tap: nothing is filled in by a copy_code button; take it out"]
    );
}

#[test]
fn a_button_to_copy_hands_codes_to_no_app() {
    let settings = TemplateSettings {
        button: "copy_code".to_owned(),
        ..one_tap()
    };
    assert_eq!(
        mistakes(settings),
        ["supported_apps is for one_tap and zero_tap: a copy_code button hands codes to no app; take it out"]
    );
}

#[test]
fn a_button_that_hands_codes_over_names_1_to_5_apps() {
    for settings in [one_tap(), zero_tap()] {
        let settings = TemplateSettings {
            supported_apps: Vec::new(),
            ..settings
        };
        assert_eq!(
            mistakes(settings),
            ["supported_apps must name 1 to 5 apps, as in \
              supported_apps = [{ package = \"com.example.app\", hash = \"K8a/AINcGX7\" }]"]
        );
    }
    let six = (0..6).map(|it| (format!("com.example.app{it}"), "K8a/AINcGX7".to_owned()));
    let settings = TemplateSettings {
        supported_apps: six.collect(),
        ..one_tap()
    };
    let [mistake] = mistakes(settings).try_into().unwrap();
    assert!(mistake.starts_with("supported_apps must be 1 to 5 "), "{mistake}");
}

#[test]
fn what_is_wrong_with_a_package_or_a_hash_is_said_of_each() {
    let hash = "K8a%2FAINcGX7";
    let apps = [("app", "K8a/AINcGX7"), ("com.example.app", hash)];
    let settings = TemplateSettings {
        supported_apps: apps
            .map(|(package, hash)| (package.to_owned(), hash.to_owned()))
            .to_vec(),
        ..one_tap()
    };
    assert_eq!(
        mistakes(settings),
        [
            format!("supported_apps[0].package {}", PackageName::parse("app").unwrap_err()),
            format!("supported_apps[1].hash {}", SignatureHash::parse(hash).unwrap_err()),
        ]
    );
}

#[test]
fn the_one_app_beside_the_button_is_refused_with_the_lines_to_write() {
    let old = TemplateSettings {
        supported_apps: Vec::new(),
        package_name: Some("com.example.luckyshrub".to_owned()),
        signature_hash: Some("K8a%2FAINcGX7".to_owned()),
        ..one_tap()
    };
    assert_eq!(
        mistakes(old.clone()),
        [
            "package_name is the form of before Graph v21, which Meta no longer takes; instead of package_name and \
          signature_hash write \
          supported_apps = [{ package = \"com.example.luckyshrub\", hash = \"K8a/AINcGX7\" }]"
        ]
    );
    let hash_alone = TemplateSettings {
        package_name: None,
        ..old.clone()
    };
    assert_eq!(
        mistakes(hash_alone),
        [
            "signature_hash is the form of before Graph v21, which Meta no longer takes; instead of package_name and \
          signature_hash write supported_apps = [{ package = \"com.example.app\", hash = \"K8a/AINcGX7\" }]"
        ]
    );
    let copied = TemplateSettings {
        button: "copy_code".to_owned(),
        ..old
    };
    assert_eq!(
        mistakes(copied),
        [
            "package_name is for one_tap and zero_tap, and in the form of before Graph v21; \
          take package_name and signature_hash out"
        ]
    );
}

#[test]
fn the_terms_of_zero_tap_are_accepted_for_zero_tap_and_for_nothing_else() {
    let unaccepted = TemplateSettings {
        zero_tap_terms_accepted: false,
        ..zero_tap()
    };
    assert_eq!(
        mistakes(unaccepted),
        ["zero_tap_terms_accepted must be true for zero_tap: \
          write it once the business has accepted Meta's terms for zero-tap"]
    );
    for settings in [settings(), one_tap()] {
        let accepted = TemplateSettings {
            zero_tap_terms_accepted: true,
            ..settings
        };
        assert_eq!(
            mistakes(accepted),
            ["zero_tap_terms_accepted is for zero_tap; take it out"]
        );
    }
}

#[test]
fn a_message_lives_30_to_900_seconds() {
    let with = |seconds| TemplateSettings {
        message_life_seconds: seconds,
        ..settings()
    };
    for seconds in [29, 901, 0, -2, i64::MAX] {
        assert_eq!(mistakes(with(seconds)), ["message_life_seconds must be 30 to 900 s"]);
    }
    assert_eq!(
        mistakes(with(-1)),
        [
            "message_life_seconds must be 30 to 900 s: with -1 Meta tries for 30 days, \
          and a code that arrives after it died helps nobody"
        ]
    );
    for seconds in [30, 900] {
        assert!(Template::new(with(seconds)).is_ok());
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let settings = TemplateSettings {
        name: String::new(),
        languages: vec!["pt".to_owned()],
        security_recommendation: true,
        footer_minutes: Some(0),
        button: "one_tap".to_owned(),
        zero_tap_terms_accepted: true,
        copy_texts: texts(&[("pt", "")]),
        message_life_seconds: -1,
        ..TemplateSettings::default()
    };
    let fields: Vec<_> = Template::new(settings).unwrap_err();
    let fields: Vec<_> = fields.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "name",
            "languages[0]",
            "footer_minutes",
            "supported_apps",
            "zero_tap_terms_accepted",
            "copy_texts.pt",
            "message_life_seconds"
        ]
    );
}

proptest! {
    #[test]
    fn no_description_makes_the_check_panic(
        name in any::<String>(), language in any::<String>(), button in any::<String>(), text in any::<String>(),
        footer in any::<Option<i64>>(), life in any::<i64>(), old in any::<Option<String>>(),
    ) {
        let settings = TemplateSettings {
            name,
            languages: vec![language.clone(), "en".to_owned()],
            button: if life % 2 == 0 { button } else { "one_tap".to_owned() },
            copy_texts: BTreeMap::from([(language, text.clone())]),
            supported_apps: vec![(text.clone(), text)],
            package_name: old.clone(),
            signature_hash: old,
            footer_minutes: footer,
            message_life_seconds: life,
            ..TemplateSettings::default()
        };
        let mistakes = Template::new(settings).unwrap_err();
        prop_assert!(mistakes.iter().all(|it| !it.field.is_empty() && !it.problem.is_empty()));
    }
}
