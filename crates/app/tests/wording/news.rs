//! Templates that change while the service runs: what webhooks say, what only a look tells, and how it ends.

use countersign_grpc::{reason, v1};
use countersign_simulator::{Template, TemplateOrder};
use serde_json::{Value, json};
use tonic::Code;

use crate::common::calls::assert_refused;
use crate::common::crowd::phone;
use crate::common::http::post;
use crate::common::plan::META_TOKEN;
use crate::scene::{Described, OVER, PASSED_OVER, Scene, USED, request};
use countersign_testkit::wait::eventually;

const TEMPLATE: &str = "otp";
const TABLE: &str = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\", \"pt_BR\"]\n";
/// The language that changes.
const PT: &str = "pt_BR";

fn has_both() -> Vec<Template> {
    vec![Template::new(TEMPLATE, ["en_US", PT])]
}

fn status(word: &str) -> TemplateOrder {
    let status = word.to_owned();
    TemplateOrder::SetStatus { status }
}

fn category(word: &str) -> TemplateOrder {
    let category = word.to_owned();
    TemplateOrder::SetCategory { category }
}

impl Scene {
    /// The language in which somebody who reads Portuguese is written to, on the first try.
    async fn language_for(&self, person: u64) -> String {
        let sent = self.sent(request("shop", &phone(person), PT)).await;
        assert_eq!((sent.state(), sent.tries), (v1::DeliveryState::Accepted, 1));
        sent.language
    }

    /// Changes a template over Meta's own endpoint, as somebody else with a token would. A webhook says that something
    /// changed, and not what.
    async fn edit(&self, change: &Value) {
        let entry = self.meta.controls.template_in(TEMPLATE, PT).unwrap();
        let url = format!("{}/v23.0/{}", self.meta.base_url(), entry.id);
        let bearer = format!("Bearer {META_TOKEN}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let reply = post(&url, &headers, change.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

/// What somebody writes who changes the footer.
fn footer(minutes: u8) -> Value {
    json!({ "components": [
        { "type": "BODY", "add_security_recommendation": true },
        { "type": "FOOTER", "code_expiration_minutes": minutes },
        { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] },
    ] })
}

#[tokio::test]
async fn what_a_webhook_takes_away_is_passed_over_from_then_on_and_used_again_from_when_one_gives_it_back() {
    let scene = Scene::set(&Described::new(TABLE), has_both()).await;
    let reason = "INVALID_FORMAT".to_owned();
    let turns = [
        (TemplateOrder::Pause, TemplateOrder::Unpause),
        (TemplateOrder::PauseForPacing, TemplateOrder::Approve),
        (TemplateOrder::Reject { reason }, TemplateOrder::Approve),
        (TemplateOrder::Archive, TemplateOrder::Unarchive),
        (TemplateOrder::Disable, TemplateOrder::Approve),
        (status("IN_APPEAL"), TemplateOrder::Approve),
        (status("LOCKED"), TemplateOrder::Approve),
        (category("MARKETING"), category("AUTHENTICATION")),
        (category("UTILITY"), category("AUTHENTICATION")),
    ];
    let mut times = [0, 0];
    for (person, (wrong, right)) in (0..).step_by(2).zip(turns) {
        let is_category = matches!(wrong, TemplateOrder::SetCategory { .. });
        let drift = if is_category { "category" } else { "not_sendable" };
        let times = &mut times[usize::from(is_category)];
        *times += 1;
        let what = format!("{wrong:?}");
        scene.order(TEMPLATE, PT, wrong);
        scene.tells(PASSED_OVER, PT, drift, *times).await;
        assert_eq!(scene.fault_of(TEMPLATE, PT, drift).await, Some(1), "{what}");
        assert_eq!(scene.language_for(person).await, "en_US", "{what}");
        scene.order(TEMPLATE, PT, right);
        scene.tells(OVER, PT, drift, *times).await;
        assert_eq!(scene.fault_of(TEMPLATE, PT, drift).await, Some(0), "{what}");
        assert_eq!(scene.language_for(person + 1).await, PT, "{what}");
    }
    scene.end().await;
}

#[tokio::test]
async fn a_quiet_change_is_found_by_the_look_that_a_later_webhook_brings_about_and_so_is_its_end() {
    for (policy, told, used) in [
        ("on_drift = \"alarm\"", USED, PT),
        ("on_drift = \"refuse\"", PASSED_OVER, "en_US"),
    ] {
        let described = Described {
            policy,
            ..Described::new(TABLE)
        };
        let scene = Scene::set(&described, has_both()).await;
        assert_eq!(scene.language_for(0).await, PT);
        let seconds = Some(900);
        scene.order(TEMPLATE, PT, TemplateOrder::SetLife { seconds });
        scene.edit(&footer(15)).await;
        for drift in ["message_life", "footer"] {
            scene.tells(told, PT, drift, 1).await;
            assert_eq!(scene.fault_of(TEMPLATE, PT, drift).await, Some(1));
        }
        assert_eq!(scene.language_for(1).await, used);
        // No webhook tells of this.
        scene.edit(&json!({ "message_send_ttl_seconds": 600 })).await;
        assert_eq!(scene.language_for(2).await, used);
        scene.edit(&footer(10)).await;
        for drift in ["message_life", "footer"] {
            scene.tells(OVER, PT, drift, 1).await;
            assert_eq!(scene.fault_of(TEMPLATE, PT, drift).await, Some(0));
        }
        assert_eq!(scene.language_for(3).await, PT);
        scene.end().await;
    }
}

#[tokio::test]
async fn what_is_missing_is_used_from_when_it_was_applied_and_approved() {
    let has = vec![Template::new(TEMPLATE, ["en_US"])];
    let scene = Scene::set(&Described::new(TABLE), has).await;
    scene.tells(PASSED_OVER, PT, "missing", 1).await;
    assert_eq!(scene.language_for(0).await, "en_US");
    let applied = scene.run(&["templates", "apply", "--app", "shop"]).await;
    assert_eq!(
        (applied.code, applied.stderr.as_str()),
        (Some(0), ""),
        "{}",
        applied.stdout
    );
    scene.tells(OVER, PT, "missing", 1).await;
    assert_eq!(scene.language_for(1).await, PT);
    // Somebody deletes it by hand.
    scene.order(TEMPLATE, PT, TemplateOrder::Delete);
    let line = scene.tells(PASSED_OVER, PT, "not_sendable", 1).await;
    let what = "cannot be sent, its status is pending_deletion: it does not come back; describe it under a new name \
                and run `countersign templates apply`";
    assert_eq!(line["what"], what);
    assert_eq!(scene.language_for(2).await, "en_US");
    scene.end().await;
}

#[tokio::test]
async fn under_refuse_starts_are_refused_while_the_only_template_is_paused_and_taken_as_soon_as_it_is_not() {
    let described = Described {
        policy: "on_drift = \"refuse\"",
        ..Described::new("[apps.shop.template]\nname = \"otp\"\nlanguages = [\"pt_BR\"]\n")
    };
    let scene = Scene::set(&described, has_both()).await;
    scene.order(TEMPLATE, PT, TemplateOrder::Pause);
    scene.tells(PASSED_OVER, PT, "not_sendable", 1).await;
    let refused = scene.start(request("shop", &phone(0), "")).await.unwrap_err();
    assert_refused(&refused, Code::FailedPrecondition, reason::TEMPLATE_UNUSABLE);
    let said = scene.run(&["start", &phone(0), "--app", "shop"]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    let lines: Vec<_> = said.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "countersign: messages of this app cannot be sent until an operator acts",
            "  the template: cannot be sent, its status is paused (FIRST_PAUSE; Paused for 3 hours for low quality.): it \
             comes back by itself; find out what people complain about",
            "  try again in 60 s",
        ]
    );
    scene.order(TEMPLATE, PT, TemplateOrder::Unpause);
    scene.tells(OVER, PT, "not_sendable", 1).await;
    assert_eq!(scene.language_for(0).await, PT);
    scene.end().await;
}

#[tokio::test]
async fn a_template_that_messages_failed_with_is_used_again_as_soon_as_a_webhook_says_that_it_is_well() {
    let described = Described::new("[apps.shop.template]\nname = \"otp\"\nlanguages = [\"pt_BR\"]\n");
    let scene = Scene::set(&described, has_both()).await;
    // Nobody says that it is paused.
    scene.meta.controls.clear_callback_url();
    scene.order(TEMPLATE, PT, TemplateOrder::Pause);
    let failed = scene.sent(request("shop", &phone(0), "")).await;
    assert_eq!(failed.report.map(|it| it.code), Some(132_015));
    // The refusal brings about a look.
    scene.tells(PASSED_OVER, PT, "not_sendable", 1).await;
    let refused = scene.start(request("shop", &phone(1), "")).await.unwrap_err();
    assert_refused(&refused, Code::FailedPrecondition, reason::TEMPLATE_UNUSABLE);
    scene.meta.controls.set_callback_url(&scene.serve.callback()).unwrap();
    scene.order(TEMPLATE, PT, TemplateOrder::Unpause);
    scene.tells(OVER, PT, "not_sendable", 1).await;
    assert_eq!(scene.language_for(1).await, PT);
    scene.end().await;
}

#[tokio::test]
async fn a_message_that_a_pause_overtakes_goes_out_with_another_language_at_once() {
    let scene = Scene::set(&Described::new(TABLE), has_both()).await;
    scene.meta.controls.clear_callback_url();
    scene.order(TEMPLATE, PT, TemplateOrder::Pause);
    let sent = scene.sent(request("shop", &phone(0), PT)).await;
    let last = eventually("that it goes out", async || {
        let accepted = !scene.meta.phone.messages_to(&phone(0)).is_empty();
        accepted.then(|| scene.meta.phone.messages_to(&phone(0))[0].language.clone())
    })
    .await;
    assert_eq!(
        (last.as_str(), sent.language.as_str(), sent.tries),
        ("en_US", "en_US", 2)
    );
    assert_eq!(sent.language_step(), v1::LanguageStep::Default);
    scene.tells(PASSED_OVER, PT, "not_sendable", 1).await;
    assert_eq!(scene.language_for(1).await, "en_US");
    scene.end().await;
}
