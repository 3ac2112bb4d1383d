//! Posts as Meta sends them, and as its own examples are malformed.

use serde_json::{Value, json};

/// What everything begins with. Every reference stands in several of them.
pub(super) fn real(references: &[String]) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Value> = Vec::new();
    for (reference, word) in references.iter().zip(["sent", "delivered", "read", "sent"]) {
        bodies.push(post(&[status(word, reference)]));
        bodies.push(post(&[failed(reference, 131_026)]));
    }
    bodies.push(post(&[failed(&references[0], 131_000), status("sent", &references[1])]));
    bodies.push(batch(references));
    bodies.push(several_numbers(references));
    bodies.extend(odd(references));
    let mut bodies: Vec<Vec<u8>> = bodies.iter().map(|it| it.to_string().into_bytes()).collect();
    // The way a person would write it down, and Meta's way with what is not ASCII.
    let pretty = serde_json::to_vec_pretty(&post(&[status("delivered", &references[2])]));
    bodies.push(pretty.expect("JSON"));
    let escaped = post(&[status("read", &references[3])]).to_string();
    bodies.push(escaped.replace("São", "S\\u00e3o").replace('/', "\\/").into_bytes());
    bodies
}

fn post(statuses: &[Value]) -> Value {
    json!({"object": "whatsapp_business_account", "entry": [entry(statuses, "106540352242922")]})
}

fn entry(statuses: &[Value], number: &str) -> Value {
    json!({"id": "102290129340398", "changes": [{"field": "messages", "value": {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Ana de São Paulo"}, "wa_id": "5511987654321"}],
        "statuses": statuses,
    }}]})
}

fn status(word: &str, reference: &str) -> Value {
    json!({
        "id": "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjgxQkVFRDVB",
        "status": word,
        "timestamp": "1739321024",
        "recipient_id": "5511987654321",
        "biz_opaque_callback_data": reference,
        "conversation": {"id": "c", "origin": {"type": "authentication"}},
        "pricing": {"billable": true, "pricing_model": "PMP", "type": "regular", "category": "authentication"},
    })
}

fn failed(reference: &str, code: u32) -> Value {
    let mut status = status("failed", reference);
    status["errors"] = json!([{
        "code": code,
        "title": "Message undeliverable",
        "message": "Message undeliverable",
        "error_data": {"details": "Message undeliverable."},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }]);
    status
}

/// Everything about everybody, in no order, with what is not ours in between.
fn batch(references: &[String]) -> Value {
    let mut statuses = vec![status("delivered", "another system's own reference"), json!(null)];
    for reference in references {
        statuses.extend(["delivered", "sent", "played"].map(|word| status(word, reference)));
    }
    statuses.push(failed(&references[1], 131_026));
    statuses.push(status("read", &references[0]));
    post(&statuses)
}

/// Statuses of two numbers of ours, in entries and changes of their own.
fn several_numbers(references: &[String]) -> Value {
    let first = entry(&[status("sent", &references[0])], "106540352242922");
    let mut second = entry(&[status("delivered", &references[1])], "206540352242922");
    let more = entry(&[status("read", &references[2])], "206540352242922")["changes"][0].take();
    if let Some(changes) = second["changes"].as_array_mut() {
        changes.push(more);
    }
    json!({"object": "whatsapp_business_account", "entry": [first, second]})
}

/// Posts that say nothing to us, or say it in the wrong place.
fn odd(references: &[String]) -> Vec<Value> {
    let mut bare = status("delivered", &references[3]);
    for name in ["id", "timestamp", "recipient_id", "conversation", "pricing"] {
        bare[name] = Value::Null;
    }
    let mut nobody = status("delivered", "");
    nobody["biz_opaque_callback_data"] = Value::Null;
    let mut number = status("delivered", "");
    number["biz_opaque_callback_data"] = json!(7);
    let mut misplaced = post(&[status("sent", &references[1])]);
    misplaced["field"] = misplaced["entry"][0]["changes"][0]["field"].take();
    let beside =
        json!({"object": "whatsapp_business_account", "statuses": [status("read", &references[2])], "entry": []});
    let alone = json!({"entry": [{"changes": [{"value": {"statuses": status("read", &references[0])}}]}]});
    let value = |field: &str, value: Value| {
        json!({"object": "whatsapp_business_account", "entry": [{
            "id": "102290129340398", "time": 1_739_321_024, "changes": [{"field": field, "value": value}],
        }]})
    };
    vec![
        json!({"object": "whatsapp_business_account", "entry": []}),
        json!([]),
        post(&[bare]),
        post(&[nobody, number, status("sent", &references[0])]),
        misplaced,
        beside,
        alone,
        value(
            "account_update",
            json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
        ),
        value(
            "message_template_status_update",
            json!({"event": "PAUSED", "message_template_id": 594_425_479}),
        ),
        value(
            "messages",
            json!({"errors": [{"code": 131_031, "title": "Business account locked"}]}),
        ),
        value(
            "messages",
            json!({"messages": [{"from": "5511987654321", "type": "text", "text": {"body": references[3]}}]}),
        ),
    ]
}
