//! The body of a send, as Meta reads it. Kept out: where it goes and what comes back.

use countersign_domain::delivery::IdentityHash;
use countersign_domain::ports::Message;
use serde::Serialize;

/// A template message that carries a code (Meta: authentication templates; messages API).
///
/// The same body serves copy-code, one-tap and zero-tap buttons.
#[derive(Serialize)]
pub(crate) struct Payload<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    to: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    biz_opaque_callback_data: &'a str,
    /// Meta refuses the message with 137000 when somebody else is behind the number now (Meta: identity change check).
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_identity_key_hash: Option<&'a str>,
    template: Template<'a>,
}

#[derive(Serialize)]
struct Template<'a> {
    name: &'a str,
    language: Language<'a>,
    components: [Component<'a>; 2],
}

#[derive(Serialize)]
struct Language<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'static str>,
    parameters: [Parameter<'a>; 1],
}

#[derive(Serialize)]
struct Parameter<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> Payload<'a> {
    /// The body for a message.
    pub(crate) fn new(message: &'a Message) -> Self {
        let code = || {
            [Parameter {
                kind: "text",
                text: message.code.expose(),
            }]
        };
        Self {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            // With its plus: without one Meta may put the sender's own country code in front.
            to: message.to.expose(),
            kind: "template",
            biz_opaque_callback_data: &message.reference,
            recipient_identity_key_hash: message.identity.as_ref().map(IdentityHash::as_str),
            template: Template {
                name: message.template.as_str(),
                language: Language {
                    code: message.language.as_str(),
                },
                // Twice: once to be read and once for the button. Without the second Meta answers 131008.
                components: [
                    Component {
                        kind: "body",
                        sub_type: None,
                        index: None,
                        parameters: code(),
                    },
                    Component {
                        kind: "button",
                        // `url` and not `copy_code`, which is for coupons: Meta keeps the button as a URL button.
                        sub_type: Some("url"),
                        index: Some("0"),
                        parameters: code(),
                    },
                ],
            },
        }
    }
}
