//! Which language and which button a message gets: what the phone shows, and what callers are told of it.

use countersign_grpc::v1;
use countersign_simulator::{Button, SupportedApp, Template, TemplateOrder};
use serde_json::{Value, json};

use crate::common::calls::{check, get};
use crate::common::crowd::phone;
use crate::common::meta::post_signed;
use crate::scene::{Described, OVER, PASSED_OVER, Scene, request};
use v1::{LanguageStep, Platform, TemplateButton};

/// A number of Japan, whose language no app here has.
const JAPAN: &str = "+819012345678";
/// One of Mexico.
const MEXICO: &str = "+525512345678";
/// One of Switzerland, where an app says which language.
const SWITZERLAND: &str = "+41791234567";

/// An app that French people made.
fn french() -> Described {
    Described {
        app: "default_language = \"fr\"\ncountry_languages = { CH = \"it\" }",
        ..Described::new(
            "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"fr\", \"pt_BR\", \"es\", \"it\", \"en_GB\"]\n",
        )
    }
}

fn has_french() -> Vec<Template> {
    vec![Template::new("otp", ["fr", "pt_BR", "es", "it", "en_GB"])]
}

fn chosen(it: &v1::Delivery) -> (&str, &str, TemplateButton, LanguageStep) {
    (&it.template, &it.language, it.button(), it.language_step())
}

#[tokio::test]
async fn each_step_of_the_chain_is_what_the_phone_shows_and_what_callers_are_told() {
    let scene = Scene::set(&french(), has_french()).await;
    let steps = [
        (phone(0), "es", "es", LanguageStep::Exact),
        (phone(1), "en_GB", "en_GB", LanguageStep::Exact),
        (phone(2), "en-GB", "en_GB", LanguageStep::Exact),
        (phone(3), "es-MX", "es", LanguageStep::Kin),
        (phone(4), "en-US", "en_GB", LanguageStep::Kin),
        (phone(5), "pt", "pt_BR", LanguageStep::Kin),
        (phone(6), "", "pt_BR", LanguageStep::Country),
        (phone(7), "he", "pt_BR", LanguageStep::Country),
        (MEXICO.to_owned(), "", "es", LanguageStep::Country),
        (SWITZERLAND.to_owned(), "", "it", LanguageStep::Country),
        (JAPAN.to_owned(), "", "fr", LanguageStep::Default),
    ];
    for (person, asked, language, step) in steps {
        let sent = scene.sent(request("shop", &person, asked)).await;
        let expected = ("otp", language, TemplateButton::CopyCode, step);
        assert_eq!(chosen(&sent), expected, "{asked}");
        let message = &scene.meta.phone.messages_to(&person)[0];
        assert_eq!(
            (message.template.as_str(), message.language.as_str()),
            ("otp", language),
            "{asked}"
        );
    }
    // English is for when the app's own language cannot be used.
    scene.order("otp", "fr", TemplateOrder::Pause);
    scene.tells(PASSED_OVER, "fr", "not_sendable", 1).await;
    let sent = scene.sent(request("shop", "+819012345679", "")).await;
    let expected = ("otp", "en_GB", TemplateButton::CopyCode, LanguageStep::English);
    assert_eq!(chosen(&sent), expected);
    scene.end().await;
}

#[tokio::test]
async fn on_the_command_line_a_start_a_get_and_a_watch_say_what_was_chosen_and_why() {
    let scene = Scene::set(&french(), has_french()).await;
    let (asked, person) = ("es-MX", phone(0));
    let started = scene
        .run(&["start", &person, "--app", "shop", "--language", asked, "--json"])
        .await;
    let answer: Value = serde_json::from_str(&started.stdout).unwrap();
    let delivery = &answer["verification"]["deliveries"][0];
    let expected = [json!("otp"), json!("COPY_CODE"), json!("es"), json!("KIN")];
    let said = ["template", "button", "language", "language_step"].map(|it| delivery[it].clone());
    assert_eq!(said, expected, "{answer}");
    scene.meta.code_for(&person).await;
    let id = answer["verification"]["id"].as_str().unwrap();
    let got = scene.run(&["get", id]).await;
    let rows = "  message 1 accepted in es\n  template  otp (copy code); es is the nearest to the language asked for\n";
    assert!(got.stdout.contains(rows), "{}", got.stdout);
    let watched = scene.run(&["watch", id, "--timeout", "1"]).await;
    let wording = "  message 1 in es, the nearest to the language asked for, with otp (copy code)\n";
    assert!(watched.stdout.contains(wording), "{}", watched.stdout);
    scene.end().await;
}

const SHOP_PACKAGE: &str = "com.example.shop";
const HASH: &str = "K8a/AINcGX7";

/// An app with a template for each button, in an order that suits nobody.
fn buttons() -> Described {
    let apps = format!("supported_apps = [{{ package = \"{SHOP_PACKAGE}\", hash = \"{HASH}\" }}]");
    let languages = "languages = [\"en_US\", \"pt_BR\"]";
    Described::new(&format!(
        "[apps.shop.templates.a]\nname = \"one_tap\"\n{languages}\nbutton = \"one_tap\"\n{apps}\n\n\
         [apps.shop.templates.b]\nname = \"copy\"\n{languages}\n\n\
         [apps.shop.templates.c]\nname = \"zero_tap\"\n{languages}\nbutton = \"zero_tap\"\n\
         zero_tap_terms_accepted = true\n{apps}\n\n\
         [apps.shop.templates.d]\nname = \"only_german\"\nlanguages = [\"de\"]\n\n"
    ))
}

fn has_buttons() -> Vec<Template> {
    let apps = || {
        [SupportedApp {
            package_name: SHOP_PACKAGE.to_owned(),
            signature_hash: HASH.to_owned(),
        }]
    };
    let both = ["en_US", "pt_BR"];
    let with = |name: &str, button| Template {
        button,
        ..Template::new(name, both)
    };
    vec![
        Template::new("copy", both),
        with("one_tap", Button::one_tap(apps())),
        with("zero_tap", Button::zero_tap(apps())),
        Template::new("only_german", ["de"]),
    ]
}

fn on(platform: Platform, package: &str, request: v1::StartVerificationRequest) -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        platform: platform.into(),
        app_package: package.to_owned(),
        ..request
    }
}

#[tokio::test]
async fn the_button_suits_what_the_person_uses_and_the_language_goes_before_it() {
    let scene = Scene::set(&buttons(), has_buttons()).await;
    let copy = ("copy", TemplateButton::CopyCode);
    let asked = [
        (
            Platform::Android,
            SHOP_PACKAGE,
            "en_US",
            ("zero_tap", TemplateButton::ZeroTap),
        ),
        (Platform::Android, "com.example.other", "en_US", copy),
        (Platform::Android, "", "en_US", copy),
        (Platform::Ios, "", "en_US", copy),
        (Platform::Web, "", "en_US", copy),
        (Platform::Unspecified, "", "en_US", copy),
        (
            Platform::Android,
            SHOP_PACKAGE,
            "de",
            ("only_german", TemplateButton::CopyCode),
        ),
    ];
    for (person, (platform, package, language, (template, button))) in (0..).zip(asked) {
        let sent = scene
            .sent(on(platform, package, request("shop", &phone(person), language)))
            .await;
        assert_eq!(
            chosen(&sent),
            (template, language, button, LanguageStep::Exact),
            "{platform:?} {package}"
        );
        assert_eq!(scene.meta.phone.messages_to(&phone(person))[0].template, template);
    }
    scene.end().await;
}

#[tokio::test]
async fn while_a_template_is_paused_the_apps_next_best_is_used_at_once_and_afterwards_the_first_again() {
    let scene = Scene::set(&buttons(), has_buttons()).await;
    let android = async |person: u64| {
        let sent = scene
            .sent(on(
                Platform::Android,
                SHOP_PACKAGE,
                request("shop", &phone(person), "en_US"),
            ))
            .await;
        assert_eq!((sent.tries, sent.language_step()), (1, LanguageStep::Exact));
        (sent.template, sent.language)
    };
    let in_english = |template: &str| (template.to_owned(), "en_US".to_owned());
    assert_eq!(android(0).await, in_english("zero_tap"));
    scene.order("zero_tap", "en_US", TemplateOrder::Pause);
    scene.tells(PASSED_OVER, "en_US", "not_sendable", 1).await;
    assert_eq!(android(1).await, in_english("one_tap"));
    scene.order("one_tap", "en_US", TemplateOrder::Pause);
    scene.tells(PASSED_OVER, "en_US", "not_sendable", 2).await;
    assert_eq!(android(2).await, in_english("copy"));
    // The last that can be used in a language is used by everybody, before another language is.
    scene.order("one_tap", "en_US", TemplateOrder::Unpause);
    scene.tells(OVER, "en_US", "not_sendable", 1).await;
    scene.order("copy", "en_US", TemplateOrder::Pause);
    scene.tells(PASSED_OVER, "en_US", "not_sendable", 3).await;
    let sent = scene
        .sent(on(Platform::Ios, "", request("shop", &phone(3), "en_US")))
        .await;
    let expected = ("one_tap", "en_US", TemplateButton::OneTap, LanguageStep::Exact);
    assert_eq!(chosen(&sent), expected);
    scene.order("zero_tap", "en_US", TemplateOrder::Approve);
    scene.tells(OVER, "en_US", "not_sendable", 2).await;
    assert_eq!(android(4).await, in_english("zero_tap"));
    scene.end().await;
}

#[tokio::test]
async fn a_language_is_one_whether_it_is_written_with_a_dash_or_an_underscore() {
    let described = Described::new("[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en-US\", \"pt_BR\"]\n");
    let scene = Scene::set(&described, vec![Template::new("otp", ["en_US", "pt_BR"])]).await;
    for (person, (written, event)) in (0..).step_by(2).zip([("en-US", "PAUSED"), ("en_US", "DISABLED")]) {
        let webhook = |event: &str| {
            json!({ "object": "whatsapp_business_account", "entry": [{
                "id": "102290129340398",
                "changes": [{ "field": "message_template_status_update", "value": {
                    "event": event,
                    "message_template_id": 594_425_479_261_596_u64,
                    "message_template_name": "otp",
                    "message_template_language": written,
                    "reason": "NONE",
                } }],
            }] })
            .to_string()
        };
        let times = usize::try_from(person).unwrap() / 2 + 1;
        assert_eq!(post_signed(&scene.serve.callback(), &webhook(event)).await.status, 200);
        scene.tells(PASSED_OVER, "en_US", "not_sendable", times).await;
        let sent = scene.sent(request("shop", &phone(person), "en-US")).await;
        assert_eq!(
            (sent.language.as_str(), sent.language_step()),
            ("pt_BR", LanguageStep::Country),
            "{written}"
        );
        assert_eq!(
            post_signed(&scene.serve.callback(), &webhook("APPROVED")).await.status,
            200
        );
        scene.tells(OVER, "en_US", "not_sendable", times).await;
        let sent = scene.sent(request("shop", &phone(person + 1), "en-US")).await;
        assert_eq!(
            (sent.language.as_str(), sent.language_step()),
            ("en_US", LanguageStep::Exact),
            "{written}"
        );
    }
    scene.end().await;
}

#[tokio::test]
async fn what_was_chosen_is_told_as_long_as_the_verification_is_kept() {
    let scene = Scene::set(&french(), has_french()).await;
    let started = scene.start(request("shop", &phone(0), "pt")).await.unwrap();
    let opened = started.verification.unwrap();
    // The answer to the start knows it before the message is sent.
    let expected = ("otp", "pt_BR", TemplateButton::CopyCode, LanguageStep::Kin);
    assert_eq!(chosen(&opened.deliveries[0]), expected);
    let code = scene.meta.code_for(&phone(0)).await;
    assert_eq!(
        check(&scene.client, &opened.id, &code).await,
        v1::CheckOutcome::Approved
    );
    let ended = get(&scene.client, &opened.id).await;
    assert_eq!(chosen(&ended.deliveries[0]), expected);
    scene.end().await;
}
