//! Everything that can be wrong with a template in one language, each in a language of its own, so that one service
//! shows all of it.

use std::collections::BTreeSet;

use countersign_simulator::{Template, TemplateOrder};

use crate::common::meta::Meta;
use crate::scene::{Described, order_at};

/// The one template.
pub(crate) const TEMPLATE: &str = "otp";
/// The language in which nothing is wrong.
pub(crate) const WELL: &str = "en_US";

/// One thing that is wrong.
pub(crate) struct Case {
    /// The language it is wrong in, and the name of an app that has no other.
    pub(crate) language: &'static str,
    /// The app.
    pub(crate) app: &'static str,
    /// What happened to the template; nothing for one that is not there.
    order: Option<TemplateOrder>,
    /// The drift's name.
    pub(crate) drift: &'static str,
    /// The drift's words.
    pub(crate) what: &'static str,
    /// What Meta answers when it is tried all the same; `None` when it sends.
    pub(crate) code: Option<i32>,
}

impl Case {
    /// Whether Meta sends and clocks disagree.
    pub(crate) fn is_clock(&self) -> bool {
        ["message_life", "footer"].contains(&self.drift)
    }
}

/// Everything that can be wrong.
pub(crate) fn cases() -> Vec<Case> {
    refused().into_iter().chain(sent()).collect()
}

fn case(
    language: &'static str,
    app: &'static str,
    order: Option<TemplateOrder>,
    drift: &'static str,
    code: Option<i32>,
    what: &'static str,
) -> Case {
    Case {
        language,
        app,
        order,
        drift,
        what,
        code,
    }
}

/// What Meta does not send.
fn refused() -> Vec<Case> {
    let reason = "INVALID_FORMAT".to_owned();
    let in_appeal = "IN_APPEAL".to_owned();
    vec![
        case(
            "es",
            "missing",
            None,
            "missing",
            Some(132_001),
            "the account has no such template in this language: run `countersign templates apply`",
        ),
        case(
            "fr",
            "pending",
            Some(TemplateOrder::SetStatus {
                status: "PENDING".to_owned(),
            }),
            "not_sendable",
            Some(132_001),
            "cannot be sent, its status is pending: wait for Meta's review",
        ),
        case(
            "de",
            "rejected",
            Some(TemplateOrder::Reject { reason }),
            "not_sendable",
            Some(132_001),
            "cannot be sent, its status is rejected (INVALID_FORMAT): change what Meta objects to and run `countersign \
             templates apply`, or appeal in WhatsApp Manager",
        ),
        case(
            "it",
            "paused",
            Some(TemplateOrder::Pause),
            "not_sendable",
            Some(132_015),
            "cannot be sent, its status is paused: it comes back by itself; find out what people complain about",
        ),
        case(
            "nl",
            "disabled",
            Some(TemplateOrder::Disable),
            "not_sendable",
            Some(132_016),
            "cannot be sent, its status is disabled: it does not come back; describe it under a new name and run \
             `countersign templates apply`",
        ),
        case(
            "pl",
            "archived",
            Some(TemplateOrder::Archive),
            "not_sendable",
            Some(132_001),
            "cannot be sent, its status is archived: bring it back in WhatsApp Manager within 28 days, after which it \
             is deleted",
        ),
        case(
            "sv",
            "in_appeal",
            Some(TemplateOrder::SetStatus { status: in_appeal }),
            "not_sendable",
            Some(132_001),
            "cannot be sent, its status is in_appeal: wait for Meta's review",
        ),
        case(
            "da",
            "unheard_of",
            Some(TemplateOrder::SetStatus {
                status: "SNOOZED".to_owned(),
            }),
            "not_sendable",
            Some(132_001),
            "cannot be sent, its status is snoozed: look at it in WhatsApp Manager",
        ),
    ]
}

/// What Meta sends and should not.
fn sent() -> Vec<Case> {
    let marketing = "MARKETING".to_owned();
    vec![
        case(
            "tr",
            "category",
            Some(TemplateOrder::SetCategory { category: marketing }),
            "category",
            None,
            "is no authentication template any more, and no other may carry a code: describe it under a new name and \
             run `countersign templates apply`",
        ),
        case(
            "el",
            "long_life",
            Some(TemplateOrder::SetLife { seconds: Some(900) }),
            "message_life",
            None,
            "messages live 900 s, longer than codes (600 s): set message_life to at most 600 s and run `countersign \
             templates apply`",
        ),
        case(
            "cs",
            "unlimited",
            Some(TemplateOrder::SetLife { seconds: None }),
            "message_life",
            None,
            "messages live 30 days, longer than codes (600 s): set message_life to at most 600 s and run `countersign \
             templates apply`",
        ),
        case(
            "fi",
            "footer",
            Some(TemplateOrder::SetExpiry { minutes: Some(15) }),
            "footer",
            None,
            "the footer promises 15 min, more than codes live (600 s): set footer_minutes to at most 10 and run \
             `countersign templates apply`",
        ),
    ]
}

/// The app `shop`, which has every language, and one more for each case, which has its language and no other.
pub(crate) fn described(on_drift: &'static str) -> Described {
    let languages = |all: Vec<&str>| {
        let quoted: Vec<_> = all.iter().map(|it| format!("\"{it}\"")).collect();
        format!("name = \"{TEMPLATE}\"\nlanguages = [{}]\n", quoted.join(", "))
    };
    let all = [WELL].into_iter().chain(cases().iter().map(|it| it.language)).collect();
    let alone = |case: &Case| {
        let Case { app, language, .. } = case;
        let text = format!(
            "[apps.{app}]\nphone_number_id = \"106540352242922\"\nthroughput = 1_000\naccount = \"shop\"\n\
             token = {{ file = \"token\" }}\napp_secret = {{ file = \"app_secret\" }}\n\n[apps.{app}.template]\n{}\n\
             [apps.{app}.policy]\ncode_length = 12\ncountries = [\"*\"]\n{on_drift}\n\n[apps.{app}.purposes.sign_in]\n\n",
            languages(vec![*language])
        );
        ((*app).to_owned(), text)
    };
    Described {
        policy: on_drift,
        others: cases().iter().map(alone).collect(),
        ..Described::new(&format!("[apps.shop.template]\n{}", languages(all)))
    }
}

/// What the account has: every language but the missing ones.
pub(crate) fn had() -> Vec<Template> {
    let cases = cases();
    let there = cases.iter().filter(|it| it.order.is_some());
    let languages: BTreeSet<_> = there.map(|it| it.language).chain([WELL]).collect();
    vec![Template::new(TEMPLATE, languages)]
}

/// Lets everything go wrong.
pub(crate) fn go_wrong(meta: &Meta) {
    for Case { language, order, .. } in cases() {
        if let Some(order) = order {
            order_at(meta, TEMPLATE, language, order);
        }
    }
}
