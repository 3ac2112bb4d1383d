//! How messages would look: in the provider's words, and in our own when it does not tell.

use std::collections::BTreeMap;

use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{Button, ButtonText, ButtonTexts, Template};
use countersign_domain::use_case::{PreviewSource, PreviewTemplates, ShownPreview, TemplatesError};
use countersign_testkit::catalog::CatalogCall;
use countersign_testkit::fixture::{app_id, caller, language, template};

use crate::world::{World, account, account_named, name};

fn request() -> PreviewTemplates {
    PreviewTemplates {
        app: app_id(),
        template: None,
        languages: Vec::new(),
    }
}

fn in_languages(codes: &[&str]) -> Template {
    Template {
        languages: codes.iter().map(|it| language(it)).collect(),
        ..template()
    }
}

fn one_tap(codes: &[&str]) -> Template {
    let app = SupportedApp {
        package: PackageName::parse("com.example.app").unwrap(),
        hash: SignatureHash::parse("K8a/AINcGX7").unwrap(),
    };
    Template {
        name: name("otp_tap"),
        button: Button::OneTap(SupportedApps::new(vec![app]).unwrap()),
        ..in_languages(codes)
    }
}

async fn shown(world: &World, request: &PreviewTemplates) -> Vec<ShownPreview> {
    world.manage.preview(&caller(), request).await.unwrap()
}

fn asked(world: &World) -> Vec<(usize, Option<u8>)> {
    let calls = world.catalog.calls();
    let orders = calls.iter().filter_map(|it| match it {
        CatalogCall::Preview(_, order) => Some((order.languages.len(), order.footer_minutes)),
        _ => None,
    });
    orders.collect()
}

#[tokio::test]
async fn the_providers_words_are_shown_and_asked_for_once_for_templates_that_say_the_same() {
    let other = Template {
        name: name("short"),
        footer_minutes: Some(5),
        ..in_languages(&["es"])
    };
    let world = World::of(vec![in_languages(&["en_US", "es"]), one_tap(&["en_US", "fr"]), other]);
    let shown = shown(&world, &request()).await;
    assert_eq!(asked(&world), [(3, Some(10)), (1, Some(5))]);
    let words: Vec<_> = shown
        .iter()
        .map(|it| format!("{} {} {:?}", it.template, it.preview.language, it.source))
        .collect();
    assert_eq!(
        words,
        [
            "otp en_US Provider",
            "otp es Provider",
            "otp_tap en_US Provider",
            "otp_tap fr Provider",
            "short es Provider",
        ]
    );
    assert_eq!(
        shown[0].preview.body,
        "The provider says in en_US: *{{1}}*. Do not share it."
    );
    assert_eq!(
        shown[4].preview.footer.as_deref(),
        Some("The provider says: 5 minutes.")
    );
    // What is copied cannot be filled in.
    assert_eq!(shown[0].preview.autofill_text, None);
    assert_eq!(shown[2].preview.autofill_text.as_deref(), Some("The provider fills in"));
}

#[tokio::test]
async fn a_provider_that_does_not_tell_is_asked_once_and_our_own_words_are_shown() {
    let other = Template {
        name: name("plain"),
        security_recommendation: false,
        footer_minutes: None,
        ..in_languages(&["de"])
    };
    let world = World::of(vec![one_tap(&["en_US", "ar", "zu"]), other]);
    world.catalog.behave(|it| it.withholds_previews = true);
    let shown = shown(&world, &request()).await;
    assert_eq!(asked(&world).len(), 1);
    let [english, arabic, zulu, german] = shown.try_into().unwrap();
    assert_eq!(english.source, PreviewSource::Own);
    assert_eq!(
        english.preview.body,
        "*{{1}}* is your verification code. For your security, do not share this code."
    );
    assert_eq!(
        english.preview.footer.as_deref(),
        Some("This code expires in 10 minutes.")
    );
    assert_eq!(english.preview.copy_text, "Copy code");
    assert_eq!(english.preview.autofill_text.as_deref(), Some("Autofill"));
    assert_eq!((arabic.source, arabic.right_to_left), (PreviewSource::Own, true));
    assert_eq!((zulu.source, zulu.right_to_left), (PreviewSource::OwnInEnglish, false));
    assert_eq!(zulu.preview.language, language("zu"));
    assert_eq!(zulu.preview.body, english.preview.body);
    assert_eq!(german.preview.body, "*{{1}}* ist dein Verifizierungscode.");
    assert_eq!((german.preview.footer, german.preview.autofill_text), (None, None));
}

#[tokio::test]
async fn accounts_that_are_not_held_do_not_keep_another_from_telling() {
    let world = World::sending_from(vec![in_languages(&["es"])], &["a1", "a2"]);
    assert_eq!(shown(&world, &request()).await[0].source, PreviewSource::Own);
    world.catalog.hold(&account_named("a2"));
    assert_eq!(shown(&world, &request()).await[0].source, PreviewSource::Provider);
}

#[tokio::test]
async fn labels_of_ones_own_take_the_place_of_the_providers() {
    let texts = ButtonTexts {
        copy: Some(ButtonText::parse("Copy it").unwrap()),
        autofill: Some(ButtonText::parse("Fill it in").unwrap()),
    };
    let template = Template {
        button_texts: BTreeMap::from([(language("en_US"), texts)]),
        ..one_tap(&["en_US", "es"])
    };
    let world = World::of(vec![template]);
    for withholds in [false, true] {
        world.catalog.behave(|it| it.withholds_previews = withholds);
        let shown = shown(&world, &request()).await;
        let english = &shown[0].preview;
        assert_eq!(
            (english.copy_text.as_str(), english.autofill_text.as_deref()),
            ("Copy it", Some("Fill it in"))
        );
        assert_ne!(shown[1].preview.copy_text, "Copy it");
    }
}

#[tokio::test]
async fn one_template_and_some_languages_can_be_asked_for() {
    let world = World::of(vec![in_languages(&["en_US", "es"]), one_tap(&["es", "fr"])]);
    let one = PreviewTemplates {
        template: Some(name("otp_tap")),
        languages: vec![language("fr")],
        ..request()
    };
    let found = shown(&world, &one).await;
    assert_eq!((found.len(), &found[0].template), (1, &name("otp_tap")));
    let some = PreviewTemplates {
        languages: vec![language("es")],
        ..request()
    };
    assert_eq!(shown(&world, &some).await.len(), 2);
    assert_eq!(asked(&world), [(1, Some(10)), (1, Some(10))]);
}

#[tokio::test]
async fn what_is_not_there_to_be_previewed_is_refused_with_what_is() {
    let world = World::of(vec![in_languages(&["en_US", "es"]), one_tap(&["es", "fr"])]);
    let refused = async |template: Option<&str>, code: &str| {
        let request = PreviewTemplates {
            template: template.map(name),
            languages: vec![language(code)],
            ..request()
        };
        let error = world.manage.preview(&caller(), &request).await.unwrap_err();
        assert!(matches!(error, TemplatesError::Invalid { .. }));
        error.to_string()
    };
    assert_eq!(
        refused(Some("other"), "es").await,
        "template is none of the app's, which are otp, otp_tap"
    );
    assert_eq!(
        refused(Some("otp"), "fr").await,
        "languages must be those of the template, which are en_US, es; fr is not"
    );
    assert_eq!(
        refused(None, "de").await,
        "languages must be those of the app's templates, which are en_US, es, fr; de is not"
    );
    assert_eq!(world.catalog.calls().len(), 0);
    assert!(world.catalog.entries(&account()).is_empty());
}
