//! Webhooks: the handshake, genuine ones, forged ones, and what none of them may do.

use countersign_grpc::{Client, v1};
use countersign_simulator::{Handshake, Message, signature};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::common::calls::{check, get, open};
use crate::common::http;
use crate::common::meta::{Meta, envelope, post_signed, post_with, status_webhook};
use crate::common::plan::{META_APP_SECRET, META_VERIFY_TOKEN, Plan};
use crate::common::serve::Serve;
use countersign_testkit::wait::{eventually, soon};

const PERSON: &str = "+5511987654321";

/// A service with one open verification whose message Meta has accepted.
struct Scene {
    meta: Meta,
    serve: Serve,
    client: Client,
    id: String,
}

impl Scene {
    async fn set() -> Self {
        let meta = Meta::start_silent().await;
        let serve = Serve::start(&Plan::new(meta.base_url())).await;
        let client = serve.client().await;
        let id = open(&client, PERSON).await.id;
        let accepted =
            async || (get(&client, &id).await.deliveries[0].state() == v1::DeliveryState::Accepted).then_some(());
        eventually("that the message is accepted", accepted).await;
        Self {
            meta,
            serve,
            client,
            id,
        }
    }

    fn message(&self) -> Message {
        (*self.meta.phone.messages_to(PERSON)[0]).clone()
    }

    async fn get(&self) -> v1::Verification {
        get(&self.client, &self.id).await
    }
}

/// Announces a post of so many bytes and sends none of them: the first line of the answer.
async fn announce(address: &str, bytes: u64) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let signature = signature(META_APP_SECRET, b"");
    let head = format!(
        "POST /webhooks/whatsapp HTTP/1.1\r\nhost: {address}\r\ncontent-length: {bytes}\r\n\
         x-hub-signature-256: {signature}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = BufReader::new(stream).lines();
    soon("the answer", answer.next_line()).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_handshake_gives_the_challenge_back_to_whoever_knows_the_token() {
    let scene = Scene::set().await;
    let (meta, callback) = (&scene.meta, scene.serve.callback());
    meta.controls.set_callback_url(&callback).unwrap();
    assert_eq!(meta.controls.verify_callback().await, Handshake::Verified);
    let ask = async |query: &str| {
        let reply = http::get(&format!("{callback}?{query}")).await;
        (reply.status.as_u16(), reply.body)
    };
    let right = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={META_VERIFY_TOKEN}");
    assert_eq!(ask(&right).await, (200, "1158201444".to_owned()));
    for query in [
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=wrong",
        "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=",
        "hub.mode=subscribe&hub.challenge=1158201444",
        &right.replace("subscribe", "unsubscribe"),
        &format!("{right}&hub.verify_token=wrong"),
        "",
    ] {
        assert_eq!(ask(query).await, (403, String::new()), "{query}");
    }
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_changes_nothing() {
    let scene = Scene::set().await;
    let before = scene.get().await;
    let body = status_webhook(&scene.message(), "read").to_string();
    let callback = scene.serve.callback();
    let right = signature(META_APP_SECRET, body.as_bytes());
    for forged in [
        signature("another app secret", body.as_bytes()),
        signature("", body.as_bytes()),
        signature(META_APP_SECRET, format!("{body} ").as_bytes()),
        right.to_uppercase(),
        right.trim_start_matches("sha256=").to_owned(),
        right[..70].to_owned(),
        format!("sha256={}", "0".repeat(64)),
        format!("sha1={}", "0".repeat(40)),
        String::new(),
    ] {
        let reply = post_with(&callback, &forged, &body).await;
        assert_eq!((reply.status.as_u16(), reply.body.as_str()), (401, ""), "{forged}");
    }
    let unsigned = http::post(&callback, &[("content-type", "application/json")], body.clone()).await;
    assert_eq!(unsigned.status, 401);
    let twice = [
        ("x-hub-signature-256", right.as_str()),
        ("x-hub-signature-256", right.as_str()),
    ];
    assert_eq!(http::post(&callback, &twice, body.clone()).await.status, 401);
    assert_eq!(scene.get().await, before);

    assert_eq!(post_with(&callback, &right, &body).await.status, 200);
    assert_eq!(scene.get().await.deliveries[0].state(), v1::DeliveryState::Read);
}

#[tokio::test]
async fn delivery_truth_moves_forward_only_and_never_approves() {
    let scene = Scene::set().await;
    let (message, callback) = (scene.message(), scene.serve.callback());
    let tell = async |status: &str| {
        let body = status_webhook(&message, status).to_string();
        assert_eq!(post_signed(&callback, &body).await.status, 200);
        scene.get().await.deliveries[0].state()
    };
    assert_eq!(tell("sent").await, v1::DeliveryState::Sent);
    assert_eq!(tell("read").await, v1::DeliveryState::Read);
    for earlier in ["delivered", "sent", "accepted", "approved", "deleted", "READ"] {
        assert_eq!(tell(earlier).await, v1::DeliveryState::Read, "{earlier}");
    }
    let verification = scene.get().await;
    assert_eq!(verification.state(), v1::VerificationState::Open);
    assert_eq!(verification.guesses_left, 5);
    assert_eq!(
        check(&scene.client, &scene.id, &message.code).await,
        v1::CheckOutcome::Approved
    );
    assert_eq!(tell("sent").await, v1::DeliveryState::Read);
    assert_eq!(scene.get().await.state(), v1::VerificationState::Approved);
}

#[tokio::test]
async fn what_is_signed_and_not_understood_is_taken_and_changes_nothing() {
    let scene = Scene::set().await;
    let (message, callback) = (scene.message(), scene.serve.callback());
    let before = scene.get().await;
    let reference = message.reference.clone().unwrap();
    let other = if reference.ends_with('a') { 'e' } else { 'a' };
    let altered = |reference: &str| {
        let message = Message {
            reference: Some(reference.to_owned()),
            ..message.clone()
        };
        status_webhook(&message, "read").to_string()
    };
    let said = json!({ "messages": [{ "from": PERSON, "type": "text", "text": { "body": message.code } }] });
    for body in [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[[[[[[[[]]]]]]]]".to_owned(),
        json!({ "object": "page", "entry": [] }).to_string(),
        json!({ "object": "whatsapp_business_account", "entry": { "changes": 7 } }).to_string(),
        envelope(&json!({ "statuses": [null, 7, "read", { "status": "read" }] })).to_string(),
        envelope(&said).to_string(),
        // Of another installation, of another delivery, with a broken seal, and of nobody.
        altered(&reference.replace("cs1.test.", "cs1.prod.")),
        altered(&reference.replace(".1.", ".2.")),
        altered(&format!("{}{other}", &reference[..reference.len() - 1])),
        altered("order-4711"),
    ] {
        let reply = post_signed(&callback, &body).await;
        assert_eq!(reply.status, 200, "{body}");
        assert_eq!(scene.get().await, before, "{body}");
    }
    assert_eq!(
        announce(&scene.serve.http, 3 * 1024 * 1024 + 1).await,
        "HTTP/1.1 413 Payload Too Large"
    );
    assert_eq!(
        http::get(&format!("http://{}/webhooks/other", scene.serve.http))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_thousand_statuses_in_one_post_are_applied() {
    let scene = Scene::set().await;
    let message = scene.message();
    let one = status_webhook(&message, "delivered")["entry"][0]["changes"][0]["value"]["statuses"][0].clone();
    let mut foreign = one.clone();
    foreign["biz_opaque_callback_data"] = json!("somebody else's");
    let mut statuses = vec![foreign; 999];
    statuses.push(one);
    let body = envelope(&json!({ "messaging_product": "whatsapp", "statuses": statuses })).to_string();
    assert_eq!(post_signed(&scene.serve.callback(), &body).await.status, 200);
    assert_eq!(scene.get().await.deliveries[0].state(), v1::DeliveryState::Delivered);
}
