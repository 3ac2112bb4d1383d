//! What the Graph endpoint takes and what it refuses, with Meta's codes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_simulator::Pace;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{PHONE, Running, SENDER, config, message};

/// A pointer into the body and the JSON to put there.
type Edits = &'static [(&'static str, &'static str)];

const BODY: &str = "/template/components/0/parameters/0/text";
const BUTTON: &str = "/template/components/1/parameters/0/text";
const NO_PARAMETER: &str = "Button at index 0 of type Url requires a parameter";

/// What is wrong, Meta's HTTP status and code for it, a part of the details, and how the request differs from one that
/// is taken.
type Refused = (&'static str, u16, u64, &'static str, Edits);

#[rustfmt::skip]
const REFUSED: &[Refused] = &[
    ("no product", 400, 100, "", &[("/messaging_product", "null")]),
    ("another product", 400, 100, "", &[("/messaging_product", r#""sms""#)]),
    ("a group", 400, 100, "", &[("/recipient_type", r#""group""#)]),
    ("no recipient", 400, 100, "", &[("/to", "null")]),
    ("a recipient of letters", 400, 131_009, "not valid", &[("/to", r#""+55 eleven""#)]),
    ("a short recipient", 400, 131_009, "not valid", &[("/to", r#""+123""#)]),
    ("a list of recipients", 400, 131_009, "string", &[("/to", r#"["+5511987654321"]"#)]),
    ("a user id, not a phone", 400, 131_062, "phone number", &[("/to", "null"), ("/recipient", r#""US.134912""#)]),
    ("a reference that is a number", 400, 100, "", &[("/biz_opaque_callback_data", "7")]),
    ("a text message", 400, 131_051, "template", &[("/type", r#""text""#)]),
    ("no type", 400, 131_051, "template", &[("/type", "null")]),
    ("no template", 400, 131_008, "template", &[("/template", "null")]),
    ("no template name", 400, 131_008, "name", &[("/template/name", "null")]),
    ("no language", 400, 131_008, "language", &[("/template/language", "null")]),
    ("an unknown template", 404, 132_001, "(other)", &[("/template/name", r#""other""#)]),
    ("an unknown language", 404, 132_001, "tlh", &[("/template/language/code", r#""tlh""#)]),
    ("components that are no list", 400, 100, "", &[("/template/components", "{}")]),
    ("an unknown component", 400, 100, "", &[("/template/components/0/type", r#""carousel""#)]),
    ("a header", 400, 132_000, "header", &[("/template/components/0/type", r#""header""#)]),
    ("no components", 400, 132_000, "body: number of localizable_params (0)", &[("/template/components", "null")]),
    ("no body parameter", 400, 132_000, "(0) does not match", &[("/template/components/0/parameters", "[]")]),
    ("two body parameters", 400, 132_000, "(2) does not match the expected number of params (1)",
        &[("/template/components/0/parameters", r#"[{"type":"text","text":"1"},{"type":"text","text":"1"}]"#)]),
    ("an amount of money", 400, 132_012, "text", &[("/template/components/0/parameters/0/type", r#""currency""#)]),
    ("an empty code", 400, 131_008, "text", &[(BODY, r#""""#), (BUTTON, r#""""#)]),
    ("no button", 400, 131_008, NO_PARAMETER,
        &[("/template/components", r#"[{"type":"body","parameters":[{"type":"text","text":"482913"}]}]"#)]),
    ("a button without parameter", 400, 131_008, NO_PARAMETER, &[("/template/components/1/parameters", "[]")]),
    ("a coupon button", 400, 131_008, NO_PARAMETER, &[("/template/components/1/sub_type", r#""copy_code""#)]),
    ("an unknown button", 400, 100, "", &[("/template/components/1/sub_type", r#""otp""#)]),
    ("the second button", 400, 131_008, NO_PARAMETER, &[("/template/components/1/index", r#""1""#)]),
    ("a button without index", 400, 131_008, "index", &[("/template/components/1/index", "null")]),
    ("two different codes", 400, 132_018, "differ", &[(BUTTON, r#""000000""#)]),
    ("a code of 16 characters", 400, 132_005, "15", &[(BODY, r#""1234567890123456""#)]),
    ("a URL", 400, 132_018, "URL", &[(BODY, r#""https://a.test""#)]),
    ("an emoji", 400, 132_018, "emoji", &[(BODY, r#""1234😀""#)]),
    ("white space", 400, 132_018, "white space", &[(BODY, r#""123 456""#)]),
];

/// Spellings that differ from the usual and mean the same.
#[rustfmt::skip]
const TAKEN: &[Edits] = &[
    &[("/to", r#""5511987654321""#)],
    &[("/to", r#""+55 (11) 98765-4321""#)],
    &[("/to", "5511987654321")],
    &[("/messaging_product", r#""WHATSAPP""#)],
    &[("/recipient_type", "null")],
    &[("/type", r#""TEMPLATE""#)],
    &[("/template/language/policy", r#""deterministic""#)],
    &[("/template/components/0/type", r#""BODY""#)],
    &[("/template/components/1/type", r#""Button""#)],
    &[("/template/components/1/sub_type", r#""URL""#)],
    &[("/template/components/1/index", "0")],
    &[(BODY, r#""J$FpnYnP""#), (BUTTON, r#""J$FpnYnP""#)],
    &[(BODY, r#""123456789012345""#), (BUTTON, r#""123456789012345""#)],
];

fn edited(edits: Edits) -> Value {
    let mut body = message("482913");
    for (pointer, json) in edits {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let value = serde_json::from_str(json).unwrap();
        match body.pointer_mut(parent).unwrap() {
            Value::Object(members) => drop(members.insert(name.to_owned(), value)),
            other => panic!("{pointer} is in {other}"),
        }
    }
    body
}

#[tokio::test]
async fn a_wrong_message_is_refused_with_the_code_meta_gives() {
    let simulator = Running::start(config()).await;
    for (name, http, code, details, edits) in REFUSED {
        let (status, answer) = simulator.send(&edited(edits)).await;
        let error = &answer["error"];
        assert_eq!(error["code"], *code, "{name}: {answer}");
        assert_eq!(status.as_u16(), *http, "{name}: {answer}");
        assert_eq!(error["type"], "OAuthException", "{name}");
        assert!(
            error["message"].as_str().unwrap().starts_with(&format!("(#{code}) ")),
            "{name}: {answer}"
        );
        assert!(
            error["fbtrace_id"].as_str().unwrap().starts_with('A'),
            "{name}: {answer}"
        );
        assert!(
            error["error_data"]["details"]
                .as_str()
                .unwrap_or_default()
                .contains(details),
            "{name}: {answer}"
        );
        assert!(!answer.to_string().contains("482913"), "{name} gives the code back");
    }
    assert_eq!(simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn a_reference_has_at_most_512_characters() {
    let simulator = Running::start(config()).await;
    let mut body = message("482913");
    body["biz_opaque_callback_data"] = "ü".repeat(513).into();
    let (status, answer) = simulator.send(&body).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (400, &json!(100)));
    body["biz_opaque_callback_data"] = "ü".repeat(512).into();
    assert_eq!(simulator.send(&body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_caller_without_a_right_is_refused_before_the_message_is_read() {
    let simulator = Running::start(config()).await;
    let right = Some("Bearer simulator-token");
    let cases = [
        ("no token", SENDER, None, 401, 190, Value::Null),
        ("a wrong token", SENDER, Some("Bearer other"), 401, 190, Value::Null),
        (
            "another scheme",
            SENDER,
            Some("Basic simulator-token"),
            401,
            190,
            Value::Null,
        ),
        ("an empty token", SENDER, Some("Bearer "), 401, 190, Value::Null),
        ("another sender", "/v26.0/1/messages", right, 400, 100, 33.into()),
        (
            "no version",
            "/latest/106540352242922/messages",
            right,
            400,
            2_500,
            Value::Null,
        ),
        (
            "half a version",
            "/v26/106540352242922/messages",
            right,
            400,
            2_500,
            Value::Null,
        ),
        (
            "another path",
            "/v26.0/106540352242922/letters",
            right,
            400,
            2_500,
            Value::Null,
        ),
    ];
    for (name, path, authorization, http, code, subcode) in cases {
        let (status, answer) = simulator.post(path, authorization, "not read").await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{name}: {answer}");
        assert_eq!(answer["error"]["error_subcode"], subcode, "{name}");
        assert_eq!(status.as_u16(), http, "{name}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let simulator = Running::start(config()).await;
    for body in ["", "to=+5511987654321", "[]", "\"text\"", "{\"to\":"] {
        let (status, answer) = simulator
            .post(SENDER, Some("Bearer simulator-token"), body)
            .await
            .unwrap();
        assert_eq!(
            (status.as_u16(), &answer["error"]["code"]),
            (400, &json!(100)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_large_body_is_refused() {
    let config = countersign_simulator::Config {
        body_bytes_max: 1_024,
        ..config()
    };
    let simulator = Running::start(config).await;
    let (status, answer) = simulator
        .post(SENDER, Some("Bearer simulator-token"), " ".repeat(1_025))
        .await
        .unwrap();
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (413, &json!(100)));
}

#[tokio::test]
async fn an_accepted_message_is_answered_like_meta_does_and_reaches_the_phone() {
    let simulator = Running::start(config()).await;
    let (status, answer) = simulator.send(&message("482913")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["messaging_product"], "whatsapp");
    assert_eq!(
        answer["contacts"],
        json!([{ "input": PHONE, "wa_id": "5511987654321" }])
    );
    assert_eq!(answer["messages"][0]["message_status"], "accepted");
    let id = answer["messages"][0]["id"].as_str().unwrap();
    let bytes = STANDARD.decode(id.strip_prefix("wamid.").unwrap()).unwrap();
    assert!(bytes.windows(13).any(|window| window == b"5511987654321"), "{id}");
    assert_eq!(simulator.phone.code_for(PHONE).as_deref(), Some("482913"));
    assert_eq!(simulator.phone.messages()[0].id, id);
    simulator.stop().await;
}

#[tokio::test]
async fn a_person_whom_whatsapp_knows_by_another_number_is_named_by_it() {
    let simulator = Running::start(config()).await;
    let controls = &simulator.controls;
    assert!(controls.know_by(PHONE, "+55 11 8765-4321"));
    assert!(!controls.know_by(PHONE, "nobody") && !controls.know_by("nobody", PHONE));
    let (_, answer) = simulator.send(&message("482913")).await;
    assert_eq!(answer["contacts"], json!([{ "input": PHONE, "wa_id": "551187654321" }]));
    let kept = &simulator.phone.messages()[0];
    assert_eq!((&*kept.to, &*kept.wa_id), (PHONE, "551187654321"));
    assert!(controls.know_by(PHONE, PHONE));
    let (_, answer) = simulator.send(&message("482913")).await;
    assert_eq!(answer["contacts"][0]["wa_id"], "5511987654321");
}

#[tokio::test]
async fn spellings_that_meta_takes_are_taken() {
    let simulator = Running::start(config()).await;
    for edits in TAKEN {
        let (status, answer) = simulator.send(&edited(edits)).await;
        assert_eq!(status, StatusCode::OK, "{edits:?}: {answer}");
        assert_eq!(answer["contacts"][0]["wa_id"], "5511987654321");
    }
    assert_eq!(simulator.phone.accepted(), TAKEN.len() as u64);
}

#[tokio::test]
async fn too_many_messages_in_flight_are_answered_with_the_throughput_error() {
    let pace = Pace {
        to_sent: Some(Duration::from_secs(3_600)),
        ..Pace::instant()
    };
    let config = countersign_simulator::Config {
        messages_max: 1,
        in_flight_max: 2,
        pace,
        ..config()
    };
    let simulator = Running::start(config).await;
    for _ in 0..2 {
        assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
    }
    let (status, answer) = simulator.send(&message("482913")).await;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (400, &json!(130_429)));
    simulator.stop().await;
}
