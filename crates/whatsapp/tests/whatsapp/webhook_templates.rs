//! What signed posts say about templates, and to which account.

use axum::http::{Request, StatusCode};
use countersign_domain::event::{Event, HeardNews};
use countersign_domain::sender::{AccountId, Quality};
use countersign_domain::template::Drift;
use countersign_testkit::fixture;
use countersign_whatsapp::webhook::BusinessAccounts;
use serde_json::{Value, json};

use crate::house::{Intake, PATH, config};

/// The business account behind the fixture's `a1`.
const WABA: &str = "102290129340398";

fn intake() -> Intake {
    let accounts = ["a1", "of_no_sender"].map(|it| AccountId::parse(it).expect("a name"));
    Intake::knowing(
        &config(),
        BusinessAccounts::from([(WABA.to_owned(), accounts.to_vec())]),
    )
}

fn change(field: &str, more: Value) -> Value {
    let mut value = json!({
        "message_template_id": 594_425_479_261_596_u64,
        "message_template_name": "otp",
        "message_template_language": "en-US",
    });
    let Value::Object(more) = more else { panic!("an object") };
    value.as_object_mut().expect("an object").extend(more);
    json!({ "field": field, "value": value })
}

fn post_of(waba: &str, changes: &[Value]) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": waba, "time": 1_739_321_024, "changes": changes}],
    })
}

fn status(event: &str) -> Value {
    change(
        "message_template_status_update",
        json!({"event": event, "reason": "NONE"}),
    )
}

/// What the board says is wrong.
fn faults(intake: &Intake) -> Vec<String> {
    let faults = intake.house.use_cases.board.faults();
    faults
        .into_iter()
        .map(|it| format!("{}/{}/{}: {}", it.account, it.template, it.language, it.drift))
        .collect()
}

fn outcomes(intake: &Intake) -> Vec<(&'static str, HeardNews)> {
    let events = intake.house.recorder.take().into_iter();
    events
        .filter_map(|event| match event {
            Event::TemplateHeard { word, outcome, .. } => Some((word, outcome)),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_status_reaches_the_board_and_so_does_the_one_that_ends_it() {
    let intake = intake();
    let paused = change(
        "message_template_status_update",
        json!({"event": "PAUSED", "reason": "NONE", "other_info": {"title": "FIRST_PAUSE"}}),
    );
    assert_eq!(intake.post(&post_of(WABA, &[paused])).await, StatusCode::OK);
    assert_eq!(
        faults(&intake),
        [
            "a1/otp/en_US: cannot be sent, its status is paused (FIRST_PAUSE): it comes back by itself; find out what \
             people complain about"
        ]
    );
    assert_eq!(intake.post(&post_of(WABA, &[status("APPROVED")])).await, StatusCode::OK);
    assert_eq!(faults(&intake), Vec::<String>::new());
}

#[tokio::test]
async fn quality_category_and_components_reach_the_board() {
    let intake = intake();
    let category = |value| change("template_category_update", value);
    let post = post_of(
        WABA,
        &[
            change(
                "message_template_quality_update",
                json!({"previous_quality_score": "GREEN", "new_quality_score": "RED"}),
            ),
            category(json!({"correct_category": "MARKETING", "new_category": "AUTHENTICATION"})),
            change("message_template_components_update", json!({})),
        ],
    );
    assert_eq!(intake.post(&post).await, StatusCode::OK);
    assert_eq!(
        faults(&intake),
        Vec::<String>::new(),
        "what is only ahead is not so yet"
    );
    let rated = Event::TemplateRated {
        account: fixture::sender().account,
        template: fixture::template_name(),
        language: fixture::language("en_US"),
        quality: Quality::Red,
    };
    assert!(intake.house.recorder.events().contains(&rated));
    assert!(intake.house.use_cases.board.look_wanted());
    // For the account that has no sender, too, since both are the same business account.
    let heard = [("quality", HeardNews::Taken), ("components", HeardNews::Taken)];
    let taken = outcomes(&intake).into_iter().filter(|(_, it)| *it == HeardNews::Taken);
    assert_eq!(taken.collect::<Vec<_>>(), heard);
    let done = category(json!({"previous_category": "AUTHENTICATION", "new_category": "MARKETING"}));
    assert_eq!(intake.post(&post_of(WABA, &[done])).await, StatusCode::OK);
    let faults = intake.house.use_cases.board.faults();
    assert_eq!(
        faults.into_iter().map(|it| it.drift).collect::<Vec<_>>(),
        [Drift::Category]
    );
}

#[tokio::test]
async fn another_business_account_is_not_ours() {
    let intake = intake();
    for waba in ["1", ""] {
        assert_eq!(intake.post(&post_of(waba, &[status("PAUSED")])).await, StatusCode::OK);
    }
    let nameless = json!({"entry": [{"changes": [status("PAUSED")]}]});
    assert_eq!(intake.post(&nameless).await, StatusCode::OK);
    assert_eq!(faults(&intake), Vec::<String>::new());
    assert_eq!(outcomes(&intake), []);
}

#[tokio::test]
async fn while_no_business_account_is_configured_news_is_about_every_account() {
    let intake = Intake::new();
    assert_eq!(intake.post(&post_of("1", &[status("DISABLED")])).await, StatusCode::OK);
    assert_eq!(faults(&intake).len(), 1);
    assert_eq!(outcomes(&intake), [("status", HeardNews::Taken)]);
}

#[tokio::test]
async fn news_in_the_wrong_order_is_put_right_by_its_time() {
    let intake = intake();
    let at = |time: u64, event: &str| {
        let mut post = post_of(WABA, &[status(event)]);
        post["entry"][0]["time"] = json!(time);
        post
    };
    // Meta repeats what it is not sure of, and an older one may come last.
    for (time, event) in [(1_739_321_100, "APPROVED"), (1_739_321_024, "PAUSED")] {
        assert_eq!(intake.post(&at(time, event)).await, StatusCode::OK);
    }
    assert_eq!(faults(&intake), Vec::<String>::new());
}

#[tokio::test]
async fn one_bad_change_does_not_cost_the_others_and_is_acknowledged() {
    let intake = intake();
    let mut nameless = status("PAUSED");
    nameless["value"]
        .as_object_mut()
        .expect("an object")
        .remove("message_template_name");
    let changes = [
        json!(null),
        nameless,
        change("message_template_status_update", json!({"event": 7})),
        change("x", json!({"message_template_name": "Of Nobody", "event": "PAUSED"})),
        change("x", json!({"message_template_name": "of_nobody", "event": "PAUSED"})),
        json!({"field": "message_template_status_update", "value": [status("PAUSED")]}),
        status("PAUSED"),
    ];
    assert_eq!(intake.post(&post_of(WABA, &changes)).await, StatusCode::OK);
    assert_eq!(faults(&intake).len(), 1);
}

#[tokio::test]
async fn a_reason_holds_no_number_and_is_cut() {
    let intake = intake();
    let reason = format!("Write to +55 11 98765-4321. {}", "And so on. ".repeat(100));
    let rejected = change(
        "message_template_status_update",
        json!({"event": "REJECTED", "reason": reason}),
    );
    assert_eq!(intake.post(&post_of(WABA, &[rejected])).await, StatusCode::OK);
    let Some(Drift::NotSendable { reason, .. }) = intake.house.use_cases.board.faults().pop().map(|it| it.drift) else {
        panic!("it cannot be sent");
    };
    assert!(reason.starts_with("Write to +…. And so on."), "{reason}");
    assert_eq!(reason.chars().count(), 300);
}

#[tokio::test]
async fn what_is_not_signed_is_not_heard() {
    let intake = intake();
    let body = post_of(WABA, &[status("PAUSED")]).to_string();
    let request = Request::post(PATH).header("X-Hub-Signature-256", format!("sha256={}", "0".repeat(64)));
    assert_eq!(intake.ask(request, body).await, StatusCode::UNAUTHORIZED);
    assert_eq!(faults(&intake), Vec::<String>::new());
    assert_eq!(outcomes(&intake), []);
}
