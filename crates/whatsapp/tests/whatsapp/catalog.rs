//! Templates on the wire: what leaves is what Meta documents, and what Meta documents as an answer is understood.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::AccountId;
use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{
    Button, ButtonKind, MessageLife, Said, Template, TemplateId, TemplateName, TemplateStatus,
};
use countersign_testkit::fixture;
use countersign_whatsapp::{Account, CloudApi, Config, Secret, Sender};
use serde_json::{Value, json};

use crate::stub::{Answers, Request, Stub};

pub(crate) const TOKEN: &str = "EAAGm0PX4ZCpsBAKZCkZBz9vM4nagem3nt";

pub(crate) fn account() -> AccountId {
    AccountId::parse("main").expect("a name")
}

pub(crate) fn held() -> Account {
    Account {
        business_account_id: "102290129340398".to_owned(),
        token: Some(Secret::new(TOKEN)),
        app_secret: None,
    }
}

pub(crate) fn config(stub: &Stub) -> Config {
    let sender = Sender {
        token: Secret::new("token"),
        app_secret: None,
    };
    Config {
        base_url: format!("http://{}", stub.address),
        senders: BTreeMap::from([(fixture::sender().id, sender)]),
        accounts: BTreeMap::from([(account(), held())]),
        ..Config::default()
    }
}

pub(crate) fn catalog(stub: &Stub) -> CloudApi {
    CloudApi::new(&config(stub)).expect("a good configuration")
}

pub(crate) fn answer(body: &Value) -> Answers {
    Answers::With(200, "Content-Type: application/json\r\n", body.to_string())
}

/// The one request that the stub received.
fn only(stub: &Stub) -> Request {
    let requests = stub.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests[0].clone()
}

fn query(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn template(name: &str, minutes: u8, button: Button) -> Template {
    Template {
        name: TemplateName::parse(name).expect("a name"),
        languages: ["en_US", "es_ES", "fr"].map(fixture::language).to_vec(),
        security_recommendation: true,
        footer_minutes: Some(minutes),
        button,
        button_texts: BTreeMap::new(),
        message_life: Duration::from_secs(600),
    }
}

pub(crate) fn order(template: Template, languages: &[&str]) -> TemplateOrder {
    TemplateOrder {
        template,
        languages: languages.iter().map(|it| fixture::language(it)).collect(),
    }
}

fn lucky_shrub() -> SupportedApps {
    let app = SupportedApp {
        package: PackageName::parse("com.example.luckyshrub").expect("a package"),
        hash: SignatureHash::parse("K8a/AINcGX7").expect("a hash"),
    };
    SupportedApps::new(vec![app]).expect("one app")
}

pub(crate) fn id(text: &str) -> TemplateId {
    TemplateId::new(text).expect("an id")
}

fn receipt(of: &str, language: &str, status: TemplateStatus) -> TemplateReceipt {
    TemplateReceipt {
        id: id(of),
        language: fixture::language(language),
        status,
    }
}

/// A body with what Meta's pages leave out: how long its messages live is a property of every template of ours.
fn living(mut body: Value) -> Value {
    body["message_send_ttl_seconds"] = json!(600);
    body
}

#[tokio::test]
async fn previews_are_asked_for_as_documented() {
    let told = json!({"data": [
        {
            "body": "*{{1}}* is your verification code. For your security, do not share this code.",
            "buttons": [{"autofill_text": "Autofill", "text": "Copy code"}],
            "footer": "This code expires in 10 minutes.",
            "language": "en_US",
        },
        {
            "body": "Tu código de verificación es *{{1}}*. Por tu seguridad, no lo compartas.",
            "buttons": [{"autofill_text": "Autocompletar", "text": "Copiar código"}],
            "footer": "Este código caduca en 10 minutos.",
            "language": "es_ES",
        },
    ]});
    let stub = Stub::start(answer(&told)).await;
    let order = PreviewOrder {
        languages: ["en_US", "es_ES"].map(fixture::language).to_vec(),
        security_recommendation: true,
        footer_minutes: Some(10),
    };
    let previews = catalog(&stub).preview(&account(), &order).await.expect("previews");
    let expected = |body: &str, footer: &str, copy: &str, autofill: &str, language: &str| Preview {
        language: fixture::language(language),
        body: body.to_owned(),
        footer: Some(footer.to_owned()),
        copy_text: copy.to_owned(),
        autofill_text: Some(autofill.to_owned()),
    };
    assert_eq!(
        previews,
        [
            expected(
                "*{{1}}* is your verification code. For your security, do not share this code.",
                "This code expires in 10 minutes.",
                "Copy code",
                "Autofill",
                "en_US",
            ),
            expected(
                "Tu código de verificación es *{{1}}*. Por tu seguridad, no lo compartas.",
                "Este código caduca en 10 minutos.",
                "Copiar código",
                "Autocompletar",
                "es_ES",
            ),
        ]
    );
    let request = only(&stub);
    assert_eq!(request.method, "GET");
    assert_eq!(request.path, "/v23.0/102290129340398/message_template_previews");
    let asked = [
        ("category", "AUTHENTICATION"),
        ("languages", "en_US,es_ES"),
        ("add_security_recommendation", "true"),
        ("code_expiration_minutes", "10"),
        ("button_types", "OTP"),
    ];
    assert_eq!(request.query, query(&asked));
    assert!(
        request
            .head
            .contains(&format!("authorization: bearer {}", TOKEN.to_lowercase()))
    );
    assert_eq!(request.body, Value::Null);
}

#[tokio::test]
async fn a_preview_of_everything_leaves_out_what_is_optional() {
    let stub = Stub::start(answer(&json!({"data": []}))).await;
    let order = PreviewOrder {
        languages: Vec::new(),
        security_recommendation: false,
        footer_minutes: None,
    };
    assert_eq!(catalog(&stub).preview(&account(), &order).await.expect("none"), []);
    let asked = [("category", "AUTHENTICATION"), ("button_types", "OTP")];
    assert_eq!(only(&stub).query, query(&asked));
}

#[tokio::test]
async fn a_copy_code_template_is_upserted_as_documented() {
    let told = json!({"data": [
        {"id": "954638012257287", "status": "APPROVED", "language": "en_US"},
        {"id": "969725527415202", "status": "APPROVED", "language": "es_ES"},
        {"id": "969725530748535", "status": "APPROVED", "language": "fr"},
    ]});
    let stub = Stub::start(answer(&told)).await;
    let template = template("authentication_code_copy_code_button", 10, Button::CopyCode);
    let order = order(template, &["en_US", "es_ES", "fr"]);
    let receipts = catalog(&stub).upsert(&account(), &order).await.expect("receipts");
    assert_eq!(
        receipts,
        [
            receipt("954638012257287", "en_US", TemplateStatus::Approved),
            receipt("969725527415202", "es_ES", TemplateStatus::Approved),
            receipt("969725530748535", "fr", TemplateStatus::Approved),
        ]
    );
    let request = only(&stub);
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/v23.0/102290129340398/upsert_message_templates");
    assert_eq!(request.query, BTreeMap::new());
    assert!(request.head.contains("content-type: application/json"));
    let documented = json!({
        "name": "authentication_code_copy_code_button",
        "languages": ["en_US", "es_ES", "fr"],
        "category": "AUTHENTICATION",
        "components": [
            {"type": "BODY", "add_security_recommendation": true},
            {"type": "FOOTER", "code_expiration_minutes": 10},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
        ],
    });
    assert_eq!(request.body, living(documented));
}

#[tokio::test]
async fn a_one_tap_template_is_upserted_as_documented_and_never_in_its_old_form() {
    let told = json!({"data": [
        {"id": "954638012257287", "status": "APPROVED", "language": "en_US"},
        {"id": "969725527415202", "status": "PENDING", "language": "es_ES"},
        {"id": "969725530748535", "status": "PENDING", "language": "fr"},
    ]});
    let stub = Stub::start(answer(&told)).await;
    let template = template("authentication_code_autofill_button", 15, Button::OneTap(lucky_shrub()));
    let order = order(template, &["en_US", "es_ES", "fr"]);
    let receipts = catalog(&stub).upsert(&account(), &order).await.expect("receipts");
    assert_eq!(
        receipts,
        [
            receipt("954638012257287", "en_US", TemplateStatus::Approved),
            receipt("969725527415202", "es_ES", TemplateStatus::Pending),
            receipt("969725530748535", "fr", TemplateStatus::Pending),
        ]
    );
    let documented = json!({
        "name": "authentication_code_autofill_button",
        "languages": ["en_US", "es_ES", "fr"],
        "category": "AUTHENTICATION",
        "components": [
            {"type": "BODY", "add_security_recommendation": true},
            {"type": "FOOTER", "code_expiration_minutes": 15},
            {"type": "BUTTONS", "buttons": [{
                "type": "OTP",
                "otp_type": "ONE_TAP",
                "supported_apps": [{"package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7"}],
            }]},
        ],
    });
    let sent = only(&stub).body;
    assert_eq!(sent, living(documented));
    let button = &sent["components"][2]["buttons"][0];
    assert!(button.get("package_name").is_none() && button.get("signature_hash").is_none());
    assert!(!sent.to_string().contains("%2F"), "a hash is not URL-encoded in JSON");
}

#[tokio::test]
async fn a_template_is_created_as_documented() {
    let told = json!({"id": "572279198452421", "status": "PENDING", "category": "AUTHENTICATION"});
    let stub = Stub::start(answer(&told)).await;
    let mut template = template("zero_tap_auth_template", 5, Button::ZeroTap(lucky_shrub()));
    template.message_life = Duration::from_secs(60);
    let created = catalog(&stub).create(&account(), &order(template, &["en_US"])).await;
    let expected = receipt("572279198452421", "en_US", TemplateStatus::Pending);
    assert_eq!(created.expect("created"), expected);
    let request = only(&stub);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/v23.0/102290129340398/message_templates")
    );
    let documented = json!({
        "name": "zero_tap_auth_template",
        "language": "en_US",
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 60,
        "components": [
            {"type": "BODY", "add_security_recommendation": true},
            {"type": "FOOTER", "code_expiration_minutes": 5},
            {"type": "BUTTONS", "buttons": [{
                "type": "OTP",
                "otp_type": "ZERO_TAP",
                "zero_tap_terms_accepted": true,
                "supported_apps": [{"package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7"}],
            }]},
        ],
    });
    assert_eq!(request.body, documented);
}

#[tokio::test]
async fn a_template_is_edited_and_deleted_as_documented() {
    let stub = Stub::start(answer(&json!({"success": true}))).await;
    let catalog = catalog(&stub);
    let mut template = template("otp_login", 5, Button::CopyCode);
    template.footer_minutes = None;
    template.security_recommendation = false;
    let order = order(template, &["en_US"]);
    catalog
        .edit(&account(), &id("594425479261596"), &order)
        .await
        .expect("edited");
    let name = &order.template.name;
    catalog.delete(&account(), name, None).await.expect("deleted");
    let one = Some(id("594425479261596"));
    catalog.delete(&account(), name, one).await.expect("deleted");

    let requests = stub.requests();
    let [edit, delete, delete_one] = &requests[..] else {
        panic!("{requests:?}")
    };
    assert_eq!(
        (edit.method.as_str(), edit.path.as_str()),
        ("POST", "/v23.0/594425479261596")
    );
    // Components are replaced whole; name, language and category cannot be edited.
    let documented = json!({
        "components": [
            {"type": "BODY", "add_security_recommendation": false},
            {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
        ],
    });
    assert_eq!(edit.body, living(documented));
    for delete in [delete, delete_one] {
        assert_eq!(delete.method, "DELETE");
        assert_eq!(delete.path, "/v23.0/102290129340398/message_templates");
        assert_eq!(delete.body, Value::Null);
    }
    assert_eq!(delete.query, query(&[("name", "otp_login")]));
    assert_eq!(
        delete_one.query,
        query(&[("name", "otp_login"), ("hsm_id", "594425479261596")])
    );
}

#[tokio::test]
async fn a_template_of_before_v21_is_read_back() {
    let told = json!({
        "id": "594425479261596",
        "name": "authentication_code_autofill_button",
        "language": "en_US",
        "category": "AUTHENTICATION",
        "status": "APPROVED",
        "message_send_ttl_seconds": -1,
        "components": [
            {"type": "BODY", "text": "*{{1}}* is your verification code."},
            {"type": "FOOTER", "text": "This code expires in 15 minutes."},
            {"type": "BUTTONS", "buttons": [{
                "type": "OTP", "otp_type": "ONE_TAP", "text": "Copy code", "autofill_text": "Autofill",
                "package_name": "com.example.luckyshrub", "signature_hash": "K8a%2FAINcGX7",
            }]},
        ],
    });
    let stub = Stub::start(answer(&told)).await;
    let entry = catalog(&stub)
        .get(&account(), &id("594425479261596"))
        .await
        .expect("an entry");
    assert_eq!(entry.message_life, Said::Yes(MessageLife::Unlimited));
    assert_eq!(entry.content.security_recommendation, Said::No);
    assert_eq!(entry.content.footer_minutes, Said::No);
    let button = entry.content.button.expect("a button");
    assert_eq!(button.kind, Said::Yes(ButtonKind::OneTap));
    assert_eq!(button.apps, Said::Yes(lucky_shrub().iter().cloned().collect()));
    let request = only(&stub);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/v23.0/594425479261596")
    );
    let asked = concat!(
        "id,name,language,category,status,components,",
        "message_send_ttl_seconds,quality_score,rejected_reason,last_updated_time"
    );
    assert_eq!(request.query, query(&[("fields", asked)]));
}

#[tokio::test]
async fn an_order_for_one_language_is_not_sent_for_several() {
    let stub = Stub::start(answer(&json!({"success": true}))).await;
    let catalog = catalog(&stub);
    for languages in [&[][..], &["en_US", "es"]] {
        let order = order(fixture::template(), languages);
        let refused = [
            catalog.create(&account(), &order).await.err(),
            catalog.edit(&account(), &id("1"), &order).await.err(),
        ];
        for error in refused {
            assert!(matches!(error, Some(CatalogError::Refused(_))), "{error:?}");
        }
    }
    assert_eq!(stub.requests().len(), 0);
}
