//! What comes back is not what was sent: texts filled in, and the button of type URL.

use countersign_simulator::Readable;
use hyper::Method;
use serde_json::{Value, json};

use super::{bare, template};
use crate::harness::Running;

impl Running {
    async fn components(&self, id: &str) -> Value {
        let (_, node) = self
            .manage(Method::GET, &format!("{id}?fields=components"), &Value::Null)
            .await;
        node["components"].clone()
    }
}

#[tokio::test]
async fn components_come_back_rendered_in_their_language() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let url = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code_expiration_minutes=5&code=otp";
    let expected = json!([
        {
            "type": "BODY", "add_security_recommendation": true,
            "text": "*{{1}}* is your verification code. For your security, do not share this code.",
            "example": { "body_text": [["123456"]] },
        },
        { "type": "FOOTER", "text": "This code expires in 5 minutes.", "code_expiration_minutes": 5 },
        { "type": "BUTTONS", "buttons": [{
            "type": "URL", "text": "Copy code", "url": format!("{url}{{{{1}}}}"), "example": [format!("{url}123456")],
        }] },
    ]);
    assert_eq!(simulator.components(&id).await, expected);
    let id = simulator.created(&template("login", "pt_BR")).await;
    let components = simulator.components(&id).await;
    assert_eq!(
        components[0]["text"],
        "Seu código de verificação é *{{1}}*. Para sua segurança, não o compartilhe."
    );
    assert_eq!(components[1]["text"], "Este código expira em 5 minutos.");
    assert_eq!(components[2]["buttons"][0]["text"], "Copiar código");
}

#[tokio::test]
async fn a_template_without_footer_and_advice_has_neither_when_it_is_read_back() {
    let simulator = Running::start(bare()).await;
    let mut body = template("login", "es_ES");
    body["components"] = json!([
        { "type": "BODY" },
        { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Toma" }] },
    ]);
    let id = simulator.created(&body).await;
    let components = simulator.components(&id).await;
    assert_eq!(components.as_array().unwrap().len(), 2);
    assert_eq!(components[0]["text"], "Tu código de verificación es *{{1}}*.");
    assert_eq!(components[0]["add_security_recommendation"], false);
    let button = &components[1]["buttons"][0];
    assert_eq!(button["text"], "Toma");
    assert_eq!(
        button["url"],
        "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"
    );
}

#[tokio::test]
async fn the_address_of_a_tap_names_its_apps() {
    let simulator = Running::start(bare()).await;
    let apps = json!([
        { "package_name": "com.example.app", "signature_hash": "K8a/AINcGX7" },
        { "package_name": "com.example.beta", "signature_hash": "U4hoZi+kgMN" },
    ]);
    let tap = "cta_display_name=Autofill&package_name=com.example.app%2Ccom.example.beta\
               &signature_hash=K8a%2FAINcGX7%2CU4hoZi%2BkgMN&code=otp{{1}}";
    for kind in ["ONE_TAP", "ZERO_TAP"] {
        let mut body = template(&kind.to_lowercase(), "en_US");
        body["components"] = json!([
            { "type": "BODY" },
            { "type": "BUTTONS", "buttons": [{
                "type": "OTP", "otp_type": kind, "supported_apps": apps, "zero_tap_terms_accepted": true,
            }] },
        ]);
        let id = simulator.created(&body).await;
        let button = simulator.components(&id).await[1]["buttons"][0].clone();
        assert_eq!((&button["type"], &button["text"]), (&json!("URL"), &json!("Copy code")));
        let url = format!("https://www.whatsapp.com/otp/code/?otp_type={kind}&{tap}");
        assert_eq!(button["url"], url);
    }
}

#[tokio::test]
async fn settings_can_be_left_out_as_of_old_templates() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    simulator.controls.set_readable(Readable {
        settings: false,
        ..Readable::default()
    });
    let components = simulator.components(&id).await;
    assert!(components[0].get("add_security_recommendation").is_none());
    assert!(components[1].get("code_expiration_minutes").is_none());
    assert_eq!(components[1]["text"], "This code expires in 5 minutes.");
}
