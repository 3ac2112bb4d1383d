//! The Cloud API client keeps every promise of the messenger, against a stub that speaks raw HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::stub::{Answers, Stub};
use async_trait::async_trait;
use countersign_domain::delivery::ThrottleScope;
use countersign_domain::ports::Messenger;
use countersign_testkit::contract::Fresh;
use countersign_testkit::contract::messenger::{Behaviour, MessengerHarness, Received};
use countersign_testkit::fixture;
use countersign_whatsapp::{CloudApi, Config, Secret, Sender};
use serde_json::json;
use tokio::net::TcpSocket;

struct Harness {
    stub: Stub,
    to_stub: Arc<CloudApi>,
    to_nobody: Arc<CloudApi>,
    is_reachable: Mutex<bool>,
    /// Bound and not listening: whoever connects is refused, and nobody else gets the port.
    _refusing: TcpSocket,
}

fn messenger(address: SocketAddr) -> Arc<CloudApi> {
    let sender = Sender {
        token: Secret::new("token"),
        app_secret: None,
    };
    let config = Config {
        base_url: format!("http://{address}"),
        senders: BTreeMap::from([(fixture::sender().id, sender)]),
        ..Config::default()
    };
    Arc::new(CloudApi::new(&config).expect("a good configuration"))
}

async fn fresh() -> Fresh<dyn MessengerHarness> {
    let stub = Stub::start(answers(Behaviour::Accepts)).await;
    let refusing = TcpSocket::new_v4().expect("a socket");
    refusing
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a free port");
    Fresh::new(Arc::new(Harness {
        to_stub: messenger(stub.address),
        to_nobody: messenger(refusing.local_addr().expect("bound")),
        stub,
        is_reachable: Mutex::new(true),
        _refusing: refusing,
    }))
}

#[async_trait]
impl MessengerHarness for Harness {
    fn messenger(&self) -> Arc<dyn Messenger> {
        if *self.is_reachable.lock().unwrap_or_else(PoisonError::into_inner) {
            Arc::clone(&self.to_stub) as _
        } else {
            Arc::clone(&self.to_nobody) as _
        }
    }

    async fn behave(&self, behaviour: Behaviour) {
        *self.is_reachable.lock().unwrap_or_else(PoisonError::into_inner) = behaviour != Behaviour::Unreachable;
        self.stub.answer(answers(behaviour));
    }

    async fn received(&self) -> Vec<Received> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let requests = self.stub.received().into_iter();
        let received = requests.map(|request| Received {
            to: text(&request["to"]),
            code: text(&request["template"]["components"][0]["parameters"][0]["text"]),
            template: text(&request["template"]["name"]),
            language: text(&request["template"]["language"]["code"]),
            reference: text(&request["biz_opaque_callback_data"]),
        });
        received.collect()
    }
}

fn answers(behaviour: Behaviour) -> Answers {
    match behaviour {
        Behaviour::Accepts | Behaviour::Unreachable => accepts("accepted"),
        Behaviour::AcceptsHeld => accepts("held_for_quality_assessment"),
        Behaviour::RefusesRecipient => refuses(400, 131_026),
        Behaviour::RefusesTemplate => refuses(400, 132_016),
        Behaviour::AccountBroken => refuses(401, 190),
        Behaviour::Throttles(ThrottleScope::Recipient) => refuses(400, 131_056),
        Behaviour::Throttles(ThrottleScope::Sender) => refuses(400, 130_429),
        Behaviour::Throttles(ThrottleScope::Account) => refuses(400, 80_007),
        Behaviour::AnswersGarbage => Answers::With(200, "", format!("<html>{}</html>", said())),
        Behaviour::NeverAnswers => Answers::Stalls(String::new()),
        Behaviour::StallsMidAnswer => Answers::Stalls(begun()),
        Behaviour::ClosesMidAnswer => Answers::Closes(begun()),
    }
}

fn accepts(status: &str) -> Answers {
    let message = fixture::message();
    let body = json!({
        "messaging_product": "whatsapp",
        "contacts": [{"input": message.to.expose(), "wa_id": &message.to.expose()[1..]}],
        "messages": [{"id": "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjgxQkVFRDVB", "message_status": status}],
    });
    Answers::With(200, "Content-Type: application/json\r\n", body.to_string())
}

fn refuses(status: u16, code: u32) -> Answers {
    let body = json!({"error": {
        "message": format!("(#{code}) {}", said()),
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": said()},
        "error_subcode": 2_494_055,
        "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
    }});
    Answers::With(status, "", body.to_string())
}

/// The phone in several spellings, and the code.
fn said() -> String {
    let message = fixture::message();
    let (phone, code) = (message.to.expose(), message.code.expose());
    format!("{phone} {} +55 (11) 98765-4321, code {code}: '{code}'", &phone[1..])
}

fn begun() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{{\"messages\": [{{\"id\": \"{}",
        said()
    )
}

countersign_testkit::messenger_contract!(fresh);
