//! The page, the JSON beside it and the events it follows.

use countersign_simulator::{Config, Pace, Status};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::harness::{NOW_MS, PHONE, Running, config, message, soon};

#[tokio::test]
async fn the_page_and_its_parts_are_served_and_need_nothing_from_elsewhere() {
    let simulator = Running::start(config()).await;
    let parts = [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/script.js", "text/javascript"),
        ("/templates.js", "text/javascript"),
    ];
    for (path, kind) in parts {
        let (status, headers, text) = simulator.get_text(path).await;
        assert_eq!(status, StatusCode::OK);
        assert!(headers["content-type"].to_str().unwrap().starts_with(kind));
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{path} names another host"
        );
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!text.contains(forbidden), "{path} uses {forbidden}");
        }
    }
    let (_, _, page) = simulator.get_text("/").await;
    assert!(page.contains("countersign start +5511987654321"));
    assert!(page.contains("href=\"/style.css\"") && page.contains("src=\"/script.js\""));
}

#[tokio::test]
async fn messages_are_listed_newest_first_with_everything_a_test_asks_for() {
    let pace = Pace {
        to_sent: None,
        ..Pace::instant()
    };
    let simulator = Running::start(Config { pace, ..config() }).await;
    let mut first = message("111111");
    first["biz_opaque_callback_data"] = "ref-1".into();
    simulator.send(&first).await;
    let mut second = message("222222");
    second["to"] = "+966512345678".into();
    second["template"]["language"]["code"] = "ar".into();
    simulator.send(&second).await;

    let list = simulator.get_json("/api/messages").await;
    assert_eq!(list[0]["code"], "222222");
    assert_eq!(list[0]["text"]["direction"], "rtl");
    let older = &list[1];
    assert_eq!(older["code"], "111111");
    assert_eq!(older["to"], PHONE);
    assert_eq!(older["language"], "en_US");
    assert_eq!(older["template"], "verification_code");
    assert_eq!(older["biz_opaque_callback_data"], "ref-1");
    assert_eq!(older["status"], "accepted");
    assert_eq!(older["history"], json!([{ "status": "accepted", "at_ms": NOW_MS }]));
    assert_eq!(older["id"], simulator.phone.messages()[1].id);
    assert_eq!(older["text"]["after"], " is your verification code.");
    assert_eq!(older["text"]["security"], "For your security, do not share this code.");
    assert_eq!(older["text"]["footer"], "This code expires in 10 minutes.");
}

#[tokio::test]
async fn messages_can_be_asked_for_by_recipient() {
    let simulator = Running::start(config()).await;
    simulator.send(&message("111111")).await;
    let mut other = message("222222");
    other["to"] = "+15550100123".into();
    simulator.send(&other).await;
    for to in ["+5511987654321", "%2B5511987654321", "5511987654321"] {
        let list = simulator.get_json(&format!("/api/messages?to={to}")).await;
        assert_eq!(
            (list.as_array().unwrap().len(), &list[0]["code"]),
            (1, &json!("111111")),
            "{to}"
        );
    }
    assert_eq!(simulator.get_json("/api/messages?to=+15550100999").await, json!([]));
    assert_eq!(
        simulator
            .get_json("/api/messages?limit=1")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        simulator.get_text("/api/messages?to=nobody").await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn the_oldest_messages_are_forgotten() {
    let simulator = Running::start(Config {
        messages_max: 3,
        ..config()
    })
    .await;
    for number in 0..10 {
        simulator.send(&message(&format!("00000{number}"))).await;
    }
    let list = simulator.get_json("/api/messages").await;
    let codes: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["code"].clone())
        .collect();
    assert_eq!(codes, ["000009", "000008", "000007"]);
    assert_eq!(simulator.phone.accepted(), 10);
}

#[tokio::test]
async fn every_change_is_an_event() {
    let simulator = Running::start(config()).await;
    let mut events = Events::of(simulator.get("/events").await);
    let (kind, hello) = events.next().await;
    assert_eq!(kind, "hello");
    assert!(hello["instance"].is_string());
    simulator.send(&message("482913")).await;
    for expected in ["accepted", "sent", "delivered", "read"] {
        let (kind, change) = events.next().await;
        assert_eq!((kind.as_str(), &change["status"]), ("change", &json!(expected)));
        assert_eq!(change["code"], "482913");
    }
}

#[tokio::test]
async fn a_message_the_page_shows_is_read() {
    let pace = Pace {
        to_read: None,
        ..Pace::instant()
    };
    let simulator = Running::start(Config { pace, ..config() }).await;
    simulator.send(&message("482913")).await;
    soon(simulator.phone.wait_for_status(1, Status::Delivered)).await;
    let (status, _) = simulator.post("/api/messages/1/read", None, "").await.unwrap();
    assert_eq!(status, StatusCode::NO_CONTENT);
    soon(simulator.phone.wait_for_status(1, Status::Read)).await;
    let (status, _) = simulator.post("/api/messages/2/read", None, "").await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_status_names_the_callback_without_its_query() {
    let simulator = Running::start(config()).await;
    simulator
        .controls
        .set_callback_url("http://user:pass@localhost:9/hook?token=secret")
        .unwrap();
    let status = simulator.get_json("/api/status").await;
    assert_eq!(status["callback"], "http://localhost:9/hook");
    assert_eq!(status["handshake"], "not_tried");
}

/// Reads a stream of events.
struct Events {
    body: Incoming,
    buffered: String,
}

impl Events {
    fn of(response: hyper::Response<Incoming>) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            body: response.into_body(),
            buffered: String::new(),
        }
    }

    /// The next event, past comments that keep the connection alive.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.buffered.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.buffered = rest;
                let line = |name| event.lines().find_map(|line| line.strip_prefix(name));
                if let (Some(kind), Some(data)) = (line("event: "), line("data: ")) {
                    return (kind.to_owned(), serde_json::from_str(data).unwrap());
                }
            } else {
                let frame = soon(self.body.frame()).await.expect("the stream goes on").unwrap();
                self.buffered
                    .push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            }
        }
    }
}
