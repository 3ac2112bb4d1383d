//! Descriptions beside each other, and beside the life of the codes they carry.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::template::{ButtonText, ButtonTexts, Drift, Template};
use countersign_testkit::fixture::{language, template};

fn in_languages(languages: &[&str]) -> Template {
    Template {
        languages: languages.iter().map(|it| language(it)).collect(),
        ..template()
    }
}

fn contradict(first: &Template, second: &Template) -> bool {
    assert_eq!(first.contradicts(second), second.contradicts(first), "either way");
    first.contradicts(second)
}

#[test]
fn descriptions_contradict_each_other_only_about_languages_that_both_have() {
    let english = in_languages(&["en_US", "es"]);
    assert!(!contradict(&english, &in_languages(&["es", "en_US"])));
    for otherwise in [
        Template {
            footer_minutes: Some(5),
            ..in_languages(&["es"])
        },
        Template {
            message_life: Duration::from_secs(60),
            ..in_languages(&["es"])
        },
        Template {
            security_recommendation: false,
            ..in_languages(&["es"])
        },
    ] {
        assert!(contradict(&english, &otherwise), "{otherwise:?}");
        let elsewhere = Template {
            languages: vec![language("de")],
            ..otherwise
        };
        assert!(!contradict(&english, &elsewhere), "{elsewhere:?}");
    }
}

#[test]
fn a_label_counts_in_its_own_language_alone() {
    let labelled = |code: &str| {
        let texts = ButtonTexts {
            copy: Some(ButtonText::parse("Take it").unwrap()),
            autofill: None,
        };
        Template {
            button_texts: BTreeMap::from([(language(code), texts)]),
            ..in_languages(&["en_US", "es"])
        }
    };
    let plain = in_languages(&["es", "de"]);
    assert!(!contradict(&labelled("en_US"), &plain));
    assert!(contradict(&labelled("es"), &plain));
}

#[test]
fn a_description_drifts_from_codes_that_live_shorter_than_it_says() {
    let drifts = |seconds: u64| {
        let drifts = template().drifts(Duration::from_secs(seconds));
        drifts.iter().map(Drift::name).collect::<Vec<_>>()
    };
    assert_eq!(drifts(600), Vec::<&str>::new());
    assert_eq!(drifts(599), ["message_life", "footer"]);
    let no_footer = Template {
        footer_minutes: None,
        ..template()
    };
    let drifts = no_footer.drifts(Duration::from_secs(60));
    assert_eq!(drifts.len(), 1, "{drifts:?}");
}
