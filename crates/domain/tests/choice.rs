//! Which template and language a message is written with: the chain of languages first, and then what suits the
//! person's platform.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

use std::collections::BTreeMap;

use countersign_domain::country::CountryCode;
use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{
    Audience, Button, ChosenTemplate, Language, LanguageStep, Pick, Platform, Template, TemplateName, Templates,
};
use countersign_testkit::fixture;
use proptest::prelude::*;

fn language(text: &str) -> Language {
    Language::parse(text).unwrap()
}

fn package(text: &str) -> PackageName {
    PackageName::parse(text).unwrap()
}

fn apps(packages: &[&str]) -> SupportedApps {
    let app = |it: &&str| SupportedApp {
        package: package(it),
        hash: SignatureHash::parse("K8a/AINcGX7").unwrap(),
    };
    SupportedApps::new(packages.iter().map(app).collect()).unwrap()
}

fn template(name: &str, languages: &[&str], button: Button) -> Template {
    Template {
        name: TemplateName::parse(name).unwrap(),
        languages: languages.iter().map(|it| language(it)).collect(),
        button,
        ..fixture::template()
    }
}

fn only(languages: &[&str], default: Option<&str>) -> Templates {
    let template = template("otp", languages, Button::CopyCode);
    Templates::new(vec![template], default.map(language), BTreeMap::new())
}

/// Every pick as `template/language/step`, the best first.
fn told(picks: &[Pick<'_>]) -> Vec<String> {
    let told = |it: &Pick<'_>| format!("{}/{}/{}", it.template.name, it.language, it.step.name());
    picks.iter().map(told).collect()
}

/// The first of them.
fn best(templates: &Templates, wanted: Option<&str>, country: Option<&str>) -> String {
    let wanted = wanted.map(language);
    let audience = Audience {
        language: wanted.as_ref(),
        country: country.and_then(CountryCode::parse),
        ..Audience::default()
    };
    told(&templates.picks(&audience)).remove(0)
}

#[test]
fn each_step_of_the_chain_is_taken_in_its_turn() {
    let templates = only(&["fr", "en_GB", "es", "es_MX", "pt_PT", "de"], Some("fr"));
    for (wanted, country, chosen) in [
        (Some("es_MX"), Some("DE"), "otp/es_MX/exact"),
        (Some("es-AR"), Some("DE"), "otp/es/kin"),
        (Some("pt_BR"), Some("DE"), "otp/pt_PT/kin"),
        (Some("ja"), Some("MX"), "otp/es_MX/country"),
        (Some("ja"), Some("CO"), "otp/es/country"),
        (Some("ja"), Some("BR"), "otp/pt_PT/country"),
        (None, Some("AT"), "otp/de/country"),
        (Some("ja"), Some("JP"), "otp/fr/default"),
        (Some("ja"), None, "otp/fr/default"),
        (None, None, "otp/fr/default"),
    ] {
        assert_eq!(best(&templates, wanted, country), chosen, "{wanted:?} in {country:?}");
    }
}

#[test]
fn english_comes_last_and_its_plain_form_first() {
    let templates = only(&["en_GB", "fr", "en"], Some("fr"));
    let picks = templates.picks(&Audience::default());
    assert_eq!(told(&picks), ["otp/fr/default", "otp/en/english", "otp/en_GB/english"]);
}

#[test]
fn a_language_nobody_can_be_thought_to_read_is_not_among_the_picks() {
    let templates = only(&["ja", "ko"], Some("ja"));
    assert_eq!(told(&templates.picks(&Audience::default())), ["otp/ja/default"]);
}

#[test]
fn without_a_default_the_first_language_of_the_first_template_is_the_default() {
    assert_eq!(best(&only(&["sw", "en"], None), None, None), "otp/sw/default");
}

#[test]
fn an_app_may_say_what_a_country_reads() {
    let template = template("otp", &["de", "fr", "it"], Button::CopyCode);
    let country = |it| CountryCode::parse(it).unwrap();
    let said = BTreeMap::from([(country("CH"), language("it"))]);
    let templates = Templates::new(vec![template], Some(language("fr")), said);
    assert_eq!(best(&templates, None, Some("CH")), "otp/it/country");
    assert_eq!(best(&templates, None, Some("AT")), "otp/de/country");
}

#[test]
fn without_a_template_nothing_is_picked() {
    assert!(Templates::default().picks(&Audience::default()).is_empty());
}

fn of_every_kind(languages: &[&str]) -> Templates {
    let kinds = vec![
        template(
            "tap",
            languages,
            Button::OneTap(apps(&["com.example.app", "com.example.old"])),
        ),
        template("zero", languages, Button::ZeroTap(apps(&["com.example.app"]))),
        template("copy", languages, Button::CopyCode),
    ];
    Templates::new(kinds, Some(language("en_US")), BTreeMap::new())
}

fn for_app(platform: Platform, app: Option<&str>) -> Vec<String> {
    let templates = of_every_kind(&["en_US"]);
    let app = app.map(package);
    let audience = Audience {
        platform,
        package: app.as_ref(),
        ..Audience::default()
    };
    let picks = templates.picks(&audience);
    picks.iter().map(|it| it.template.name.to_string()).collect()
}

#[test]
fn an_android_app_gets_the_least_work_its_package_allows() {
    assert_eq!(
        for_app(Platform::Android, Some("com.example.app")),
        ["zero", "tap", "copy"]
    );
    assert_eq!(
        for_app(Platform::Android, Some("com.example.old")),
        ["tap", "copy", "zero"]
    );
    assert_eq!(
        for_app(Platform::Android, Some("com.other.app")),
        ["copy", "tap", "zero"]
    );
}

#[test]
fn everybody_else_copies() {
    for platform in [Platform::Ios, Platform::Web, Platform::Unknown] {
        assert_eq!(
            for_app(platform, Some("com.example.app")),
            ["copy", "tap", "zero"],
            "{platform:?}"
        );
    }
    assert_eq!(for_app(Platform::Android, None), ["copy", "tap", "zero"]);
}

#[test]
fn a_language_the_person_reads_comes_before_a_button_that_saves_work() {
    let templates = vec![
        template("zero", &["en_US"], Button::ZeroTap(apps(&["com.example.app"]))),
        template("copy", &["pt_BR", "en_US"], Button::CopyCode),
    ];
    let templates = Templates::new(templates, Some(language("en_US")), BTreeMap::new());
    let (wanted, app) = (language("pt_BR"), package("com.example.app"));
    let audience = Audience {
        language: Some(&wanted),
        platform: Platform::Android,
        package: Some(&app),
        country: None,
    };
    assert_eq!(
        told(&templates.picks(&audience)),
        ["copy/pt_BR/exact", "zero/en_US/default", "copy/en_US/default"]
    );
}

#[test]
fn what_takes_the_place_of_a_template_is_in_the_same_language_first() {
    let templates = of_every_kind(&["de", "en_US", "en_GB"]);
    let zero = TemplateName::parse("zero").unwrap();
    let others = templates.others(&zero, &language("de"), LanguageStep::Exact);
    let expected = [
        "copy/de/exact",
        "tap/de/exact",
        "copy/en_US/default",
        "tap/en_US/default",
        "zero/en_US/default",
        "copy/en_GB/english",
        "tap/en_GB/english",
        "zero/en_GB/english",
    ];
    assert_eq!(told(&others), expected);
}

#[test]
fn what_takes_its_place_next_is_what_the_chain_has_after_it() {
    let templates = only(&["pt_BR", "pt_PT", "pt", "en_US"], Some("en_US"));
    let otp = TemplateName::parse("otp").unwrap();
    let others = |text: &str, step| told(&templates.others(&otp, &language(text), step));
    assert_eq!(
        others("pt_BR", LanguageStep::Exact),
        ["otp/pt/kin", "otp/pt_PT/kin", "otp/en_US/default"]
    );
    assert_eq!(
        others("pt_BR", LanguageStep::Country),
        ["otp/pt/country", "otp/pt_PT/country", "otp/en_US/default"],
        "nobody asked for it"
    );
    assert!(others("en_US", LanguageStep::Default).is_empty());
}

#[test]
fn a_message_whose_template_left_goes_out_with_one_that_has_its_language() {
    let templates = Templates::new(
        vec![
            template("first", &["en_US"], Button::CopyCode),
            template("second", &["de"], Button::CopyCode),
        ],
        None,
        BTreeMap::new(),
    );
    let chosen = |name: &str| ChosenTemplate {
        name: TemplateName::parse(name).unwrap(),
        button: countersign_domain::template::ButtonKind::CopyCode,
        step: LanguageStep::Exact,
    };
    let name = |chosen: Option<ChosenTemplate>, text: &str| {
        let template = templates.of_message(chosen.as_ref(), &language(text));
        template.map(|it| it.name.to_string())
    };
    assert_eq!(name(Some(chosen("second")), "de").as_deref(), Some("second"));
    assert_eq!(name(Some(chosen("gone")), "de").as_deref(), Some("second"));
    assert_eq!(name(None, "de").as_deref(), Some("second"));
    assert_eq!(name(None, "ja").as_deref(), Some("first"));
}

fn some_languages() -> impl Strategy<Value = Vec<&'static str>> {
    let known = [
        "en", "en_US", "en_GB", "es", "es_MX", "pt_BR", "pt_PT", "de", "fr", "ja", "ar",
    ];
    prop::sample::subsequence(known.to_vec(), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_pick_exists_once_and_the_steps_are_in_order(
        first in some_languages(),
        second in some_languages(),
        wanted in prop::option::of(some_languages()),
        country in prop::option::of(prop::sample::select(vec!["BR", "MX", "DE", "JP", "AQ", "US"])),
    ) {
        let templates = Templates::new(
            vec![
                template("first", &first, Button::CopyCode),
                template("second", &second, Button::OneTap(apps(&["com.example.app"]))),
            ],
            None,
            BTreeMap::new(),
        );
        let wanted = wanted.map(|it| language(it[0]));
        let audience = Audience {
            language: wanted.as_ref(),
            country: country.and_then(CountryCode::parse),
            ..Audience::default()
        };
        let picks = templates.picks(&audience);
        prop_assert!(!picks.is_empty(), "the default is always there");
        prop_assert!(picks.is_sorted_by_key(|it| it.step));
        for (at, pick) in picks.iter().enumerate() {
            prop_assert!(pick.template.languages.contains(pick.language));
            prop_assert!(!picks[..at].contains(pick));
        }
    }
}
