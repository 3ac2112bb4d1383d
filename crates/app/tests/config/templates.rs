//! Templates, accounts and who may manage them: what is right, and one line for each mistake.

use crate::asked::{Asked, BAD, Wrong, assert_one_line_each, right, with};

/// Where the template says its languages, and may say more.
const LANGUAGES: &str = "languages = [\"en_US\", \"pt_BR\"]\n";
/// The whole template.
const TEMPLATE: &str = "[apps.shop.template]\nname = \"verification_code\"\nlanguages = [\"en_US\", \"pt_BR\"]\n";
/// Where the app says more about itself.
const APP: &str = "throughput = 1000\n";
/// Where accounts may stand.
const WEBHOOK: &str = "[whatsapp.webhook]";

async fn assert_right(changes: &[(&str, &str)]) {
    let text = with(changes);
    let ended = Asked::new(&text).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{changes:?}");
}

/// A mistake in what the template says after its languages.
fn says(to: &'static str, path: &'static str, advice: &'static str) -> Wrong {
    (LANGUAGES, to, path, advice)
}

#[tokio::test]
async fn a_template_may_say_everything_meta_lets_it_say() {
    let everything = "languages = [\"en_US\", \"pt-br\"]\nsecurity_recommendation = false\nfooter = true\n\
        footer_minutes = 3\nmessage_life = \"90s\"\nbutton = \"zero_tap\"\nzero_tap_terms_accepted = true\n\
        supported_apps = [{ package = \"com.example.shop\", hash = \"K8a/AINcGX7\" }]\n\
        button_texts = { copy = { en_US = \"Copy it\" }, autofill = { pt_BR = \"Preencher\" } }\n\
        default_language = \"pt_BR\"\n";
    assert_right(&[(LANGUAGES, everything)]).await;
    let no_footer = format!("{LANGUAGES}footer = false\n");
    assert_right(&[(LANGUAGES, &no_footer)]).await;
}

#[tokio::test]
async fn an_app_may_have_several_templates_a_default_language_and_languages_of_countries() {
    let several = "[apps.shop.templates.copy]\nname = \"copy\"\nlanguages = [\"en_US\", \"pt_BR\", \"es_MX\"]\n\
        [apps.shop.templates.tap]\nname = \"tap\"\nlanguages = [\"pt_BR\"]\nbutton = \"one_tap\"\n\
        supported_apps = [{ package = \"com.example.shop\", hash = \"K8a/AINcGX7\" }]\n";
    // Whoever reads Spanish reads that of Mexico rather than nothing.
    let app = "throughput = 1000\ndefault_language = \"pt_BR\"\ncountry_languages = { CL = \"es\", PT = \"pt_BR\" }\n";
    assert_right(&[(TEMPLATE, several), (APP, app)]).await;
    let one = "throughput = 1000\ndefault_language = \"pt_BR\"\n";
    assert_right(&[(APP, one)]).await;
}

#[tokio::test]
async fn a_template_that_says_nothing_of_time_fits_the_shortest_purpose() {
    let payment = "[apps.shop.purposes.payment]\ncode_life = \"2m\"\nuseful_life_min = \"30s\"\n";
    assert_right(&[("[apps.shop.purposes.payment]\n", payment)]).await;
}

#[tokio::test]
async fn each_mistake_of_a_template_has_one_line() {
    assert_one_line_each(&[
        says("", "apps.shop.template.languages: ", "at least one language"),
        says(
            "languages = [\"en_US\", \"pt_BR\", \"en-us\"]\n",
            "apps.shop.template.languages[2]: ",
            "take one of them out",
        ),
        says(
            "languages = [\"en_US\", 7]\n",
            "apps.shop.template.languages[1]: ",
            "must be a text in quotes, not a number",
        ),
        says(
            "languages = [\"en_US\"]\ndefault_language = \"pt_BR\"\n",
            "apps.shop.template.languages: ",
            "must contain the default language pt_BR",
        ),
        says(
            "languages = [\"en_US\"]\nfooter_minutes = 91\n",
            "apps.shop.template.footer_minutes: ",
            "must be 1 to 90",
        ),
        says(
            "languages = [\"en_US\"]\nfooter_minutes = \"10\"\n",
            "apps.shop.template.footer_minutes: ",
            "must be a whole number",
        ),
        says(
            "languages = [\"en_US\"]\nfooter = false\nfooter_minutes = 5\n",
            "apps.shop.template.footer_minutes: ",
            "take one of them out",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one tap\"\n",
            "apps.shop.template.button: ",
            "write one_tap",
        ),
        says(
            "languages = [\"en_US\"]\nmessage_life = \"10s\"\n",
            "apps.shop.template.message_life: ",
            "must be 30 to 900 s",
        ),
        says(
            "languages = [\"en_US\"]\nmessage_life = \"90s 500ms\"\n",
            "apps.shop.template.message_life: ",
            "whole seconds",
        ),
        says(
            "languages = [\"en_US\"]\nbutton_text = { }\n",
            "apps.shop.template.button_text: ",
            "did you mean button_texts?",
        ),
        says(
            "languages = [\"en_US\"]\nbutton_texts = { copy = { pt_BR = \"Copiar\" } }\n",
            "apps.shop.template.button_texts.copy.pt_BR: ",
            "add it to languages or take it out",
        ),
        says(
            "languages = [\"en_US\"]\nbutton_texts = { copy = { en_US = 1 } }\n",
            "apps.shop.template.button_texts.copy.en_US: ",
            "must be a text in quotes",
        ),
        says(
            "languages = [\"en_US\"]\nbutton_texts = { autofill = { en_US = \"Fill in\" } }\n",
            "apps.shop.template.button_texts.autofill: ",
            "one_tap and zero_tap",
        ),
    ])
    .await;
}

#[tokio::test]
async fn each_mistake_with_android_apps_has_one_line() {
    assert_one_line_each(&[
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\n",
            "apps.shop.template.supported_apps: ",
            "1 to 5 apps",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\nsupported_apps = \"com.example.shop\"\n",
            "apps.shop.template.supported_apps: ",
            "must be a list, written [{ package = ",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\nsupported_apps = [\"com.example.shop\"]\n",
            "apps.shop.template.supported_apps[0]: ",
            "must be { package = ",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\nsupported_apps = [{ package = \"com.example.shop\" }]\n",
            "apps.shop.template.supported_apps[0].hash: ",
            "is missing",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\n\
             supported_apps = [{ package = \"com.example.shop\", hash = \"short\" }]\n",
            "apps.shop.template.supported_apps[0].hash: ",
            "11 characters",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"one_tap\"\npackage_name = \"com.example.shop\"\n\
             signature_hash = \"K8a%2FAINcGX7\"\n",
            "apps.shop.template.package_name: ",
            "supported_apps = [{ package = \"com.example.shop\", hash = \"K8a/AINcGX7\" }]",
        ),
        says(
            "languages = [\"en_US\"]\nbutton = \"zero_tap\"\n\
             supported_apps = [{ package = \"com.example.shop\", hash = \"K8a/AINcGX7\" }]\n",
            "apps.shop.template.zero_tap_terms_accepted: ",
            "must be true for zero_tap",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_template_that_outlives_a_purpose_or_promises_too_much_is_refused() {
    const PAYMENT: &str = "[apps.shop.purposes.payment]\n";
    let text = with(&[
        (PAYMENT, "[apps.shop.purposes.payment]\ncode_life = \"5m\"\n"),
        (
            LANGUAGES,
            "languages = [\"en_US\"]\nfooter_minutes = 6\nmessage_life = \"5m 1s\"\n",
        ),
    ]);
    let ended = Asked::new(&text).check(&[]).await;
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(ended.code, BAD);
    assert_eq!(
        lines,
        [
            "apps.shop.template.message_life: is 301 s, and a code for payment lives 300 s: it could arrive dead; make \
             it at most as long",
            "apps.shop.template.footer_minutes: promises 6 min, and a code for payment lives 300 s; promise less",
        ]
    );
}

#[tokio::test]
async fn each_mistake_among_several_templates_has_one_line() {
    assert_one_line_each(&[
        (
            TEMPLATE,
            "[apps.shop.templates]\n",
            "apps.shop.templates: ",
            "write [apps.shop.template] instead",
        ),
        (
            TEMPLATE,
            "[apps.shop.template]\nname = \"one\"\nlanguages = [\"en_US\"]\n\
             [apps.shop.templates.two]\nname = \"two\"\nlanguages = [\"en_US\"]\n",
            "apps.shop.template: ",
            "stands beside apps.shop.templates",
        ),
        (
            TEMPLATE,
            "[apps.shop.templates.a]\nname = \"one\"\nlanguages = [\"en_US\"]\n\
             [apps.shop.templates.b]\nname = \"one\"\nlanguages = [\"pt_BR\"]\n",
            "apps.shop.templates.b.name: ",
            "is that of apps.shop.templates.a, too",
        ),
        (
            TEMPLATE,
            "[apps.shop.templates.a]\nname = \"one\"\nlanguages = [\"en_US\"]\ndefault_language = \"en_US\"\n",
            "apps.shop.templates.a.default_language: ",
            "write apps.shop.default_language",
        ),
        (
            APP,
            "throughput = 1000\ndefault_language = \"de\"\n",
            "apps.shop.default_language: ",
            "is de, which no template of the app has; there are en_US, pt_BR",
        ),
        (
            APP,
            "throughput = 1000\ncountry_languages = { CH = \"fr\" }\n",
            "apps.shop.country_languages.CH: ",
            "is fr, which no template of the app has",
        ),
        (
            APP,
            "throughput = 1000\ncountry_languages = { Switzerland = \"en\" }\n",
            "apps.shop.country_languages.Switzerland: ",
            "two letters of ISO 3166",
        ),
        (
            APP,
            "throughput = 1000\ncountry_languages = { CH = 7 }\n",
            "apps.shop.country_languages.CH: ",
            "must be a language in quotes",
        ),
        (
            "countries = [\"BR\"]",
            "countries = [\"BR\"]\non_drift = \"panic\"",
            "apps.shop.policy.on_drift: ",
            "must be \"alarm\" or \"refuse\"",
        ),
    ])
    .await;
    let both = with(&[
        (APP, "throughput = 1000\ndefault_language = \"en_US\"\n"),
        (LANGUAGES, "languages = [\"en_US\"]\ndefault_language = \"en_US\"\n"),
    ]);
    let ended = Asked::new(&both).check(&[]).await;
    let twice =
        "apps.shop.template.default_language: is said by apps.shop.default_language, too; take one of them out\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (BAD, twice));
}

#[tokio::test]
async fn an_account_is_that_of_a_sender_and_a_caller_may_manage_its_templates() {
    let account = "[whatsapp.accounts.shop]\nbusiness_account_id = \"102290129340398\"\ntoken = { file = \"token\" }\n\
        app_secret = { file = \"app_secret\" }\n[whatsapp.webhook]";
    let manager = "apps = [\"shop\"]\nmanage_templates = true";
    assert_right(&[
        (WEBHOOK, account),
        ("apps = [\"shop\"]", manager),
        ("countries = [\"BR\"]", "countries = [\"BR\"]\non_drift = \"refuse\""),
    ])
    .await;
    assert_one_line_each(&[
        (
            WEBHOOK,
            "[whatsapp.accounts.bank]\nbusiness_account_id = \"1\"\n[whatsapp.webhook]",
            "whatsapp.accounts.bank: ",
            "write the name it has there: shop",
        ),
        (
            WEBHOOK,
            "[whatsapp.accounts.shop]\n[whatsapp.webhook]",
            "whatsapp.accounts.shop.business_account_id: ",
            "is missing",
        ),
        (
            WEBHOOK,
            "[whatsapp.accounts.shop]\nbusiness_account_id = \"1\"\ntoken = \"EAAsecret\"\n[whatsapp.webhook]",
            "whatsapp.accounts.shop.token: ",
            "{ file = ",
        ),
        (
            "apps = [\"shop\"]",
            "apps = [\"shop\"]\nmanage_templates = \"yes\"",
            "callers.shop.manage_templates: ",
            "must be true or false",
        ),
    ])
    .await;
    assert!(
        !right().contains("manage_templates"),
        "nobody manages templates unless it is said"
    );
}

/// The right configuration with accounts, and a second app that sends from one of them.
fn with_bank(accounts: &str, account: &str, template: &str) -> String {
    let bank = format!(
        "{accounts}[apps.bank]\naccount = \"{account}\"\nphone_number_id = \"1002\"\ntoken = {{ file = \"token\" }}\n\
         [apps.bank.policy]\ncountries = [\"BR\"]\n[apps.bank.purposes.sign_in]\n[apps.bank.template]\n\
         name = \"verification_code\"\n{template}{WEBHOOK}"
    );
    with(&[(WEBHOOK, &bank)])
}

#[tokio::test]
async fn two_apps_that_share_a_business_account_describe_a_template_alike() {
    let shop = "[whatsapp.accounts.shop]\nbusiness_account_id = \"1\"\n";
    let two_names = format!("{shop}[whatsapp.accounts.bank]\nbusiness_account_id = \"1\"\n");
    let apart = format!("{shop}[whatsapp.accounts.bank]\nbusiness_account_id = \"2\"\n");
    let (alike, otherwise) = (LANGUAGES, format!("{LANGUAGES}footer_minutes = 2\n"));
    let copy = "languages = [\"en_US\"]\nbutton_texts = { copy = { en_US = \"Copy it\" } }\n";
    for (accounts, account, template) in [
        (shop, "shop", alike),
        ("", "shop", &otherwise),
        (&apart, "bank", &otherwise),
        (shop, "shop", "languages = [\"es\"]\nfooter_minutes = 2\n"),
    ] {
        let ended = Asked::new(&with_bank(accounts, account, template)).check(&[]).await;
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{accounts} {template}"
        );
    }
    for (accounts, account, template) in [
        (shop, "shop", otherwise.as_str()),
        (&two_names, "bank", &otherwise),
        (shop, "shop", copy),
    ] {
        let ended = Asked::new(&with_bank(accounts, account, template)).check(&[]).await;
        let said = ended.stderr;
        assert_eq!((ended.code, said.lines().count()), (BAD, 1), "{said}");
        assert!(
            said.contains("verification_code") && said.contains("describe it alike"),
            "{said}"
        );
    }
}
