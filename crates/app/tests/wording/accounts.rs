//! One app that sends from two business accounts, which do not have the same templates.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;
use countersign_grpc::v1;
use countersign_simulator::{PhoneNumber, Template, TemplateOrder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use crate::common::crowd::phone;
use crate::common::meta::Meta;
use crate::common::plan::{OTHER_PHONE_NUMBER_ID, PHONE_NUMBER_ID};
use crate::scene::{Described, OVER, PASSED_OVER, Scene, request};

const OTHER_ACCOUNT: &str = "102290129340399";
/// People who start one after the other. That half of the senders is not met once by chance does not happen.
const PEOPLE: u64 = 20;

/// One address for two accounts, as at Meta: who is meant stands in the path.
#[derive(Clone)]
struct Graph {
    first: SocketAddr,
    other: SocketAddr,
    client: Client<HttpConnector, Body>,
}

impl Graph {
    async fn of(first: &Meta, other: &Meta) -> String {
        let graph = Self {
            first: first.address,
            other: other.address,
            client: Client::builder(TokioExecutor::new()).build_http(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(lead).with_state(graph);
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

async fn lead(State(graph): State<Graph>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().unwrap().to_string();
    let is_other = [OTHER_ACCOUNT, OTHER_PHONE_NUMBER_ID]
        .iter()
        .any(|it| path.contains(it));
    let target = if is_other { graph.other } else { graph.first };
    *request.uri_mut() = format!("http://{target}{path}").parse::<Uri>().unwrap();
    graph.client.request(request).await.unwrap().map(Body::new)
}

#[tokio::test]
async fn what_one_account_lacks_goes_out_from_the_other_and_from_both_once_neither_lacks_it() {
    let other = Meta::start_with(crate::SILENT, |config| {
        OTHER_ACCOUNT.clone_into(&mut config.business_account_id);
        config.phone_numbers = vec![PhoneNumber {
            id: OTHER_PHONE_NUMBER_ID.to_owned(),
            throughput: 1_000,
            ..PhoneNumber::default()
        }];
        config.templates = vec![Template::new("otp", ["en_US", "pt_BR"])];
    })
    .await;
    let first = Meta::start_with(crate::SILENT, |config| {
        config.templates = vec![Template::new("otp", ["en_US"])];
    })
    .await;
    let described = Described::new("[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\", \"pt_BR\"]\n");
    let number = format!("phone_number_id = \"{PHONE_NUMBER_ID}\"\n");
    let senders = format!(
        "[apps.shop.senders.first]\n{number}\n[apps.shop.senders.other]\naccount = \"other\"\n\
         phone_number_id = \"{OTHER_PHONE_NUMBER_ID}\"\n\n[apps.shop.template]"
    );
    let account = format!(
        "[whatsapp.accounts.other]\nbusiness_account_id = \"{OTHER_ACCOUNT}\"\ntoken = {{ file = \"token\" }}\n\n\
         [whatsapp.webhook]"
    );
    let text = described.text(Graph::of(&first, &other).await);
    let text = text
        .replacen(&number, "", 1)
        .replace("[apps.shop.template]", &senders)
        .replace("[whatsapp.webhook]", &account);
    let scene = Scene::set_before(first, &text).await;
    other.controls.set_callback_url(&scene.serve.callback()).unwrap();
    let line = scene.tells(PASSED_OVER, "pt_BR", "missing", 1).await;
    assert_eq!(line["account"], "shop");

    let ask = async |people: std::ops::Range<u64>, language: &str| {
        for person in people {
            let sent = scene.sent(request("shop", &phone(person), language)).await;
            let expected = (language, v1::LanguageStep::Exact, 1);
            assert_eq!((sent.language.as_str(), sent.language_step(), sent.tries), expected);
        }
        (
            scene.meta.phone.messages().len() as u64,
            other.phone.messages().len() as u64,
        )
    };
    assert_eq!(ask(0..PEOPLE, "pt_BR").await, (0, PEOPLE));
    let (by_first, by_other) = ask(PEOPLE..2 * PEOPLE, "en_US").await;
    assert!(by_first > 0 && by_other > PEOPLE, "{by_first} {by_other}");

    // The other account loses it, too: now nobody has it, and people get what both have.
    let entry = other.controls.template_in("otp", "pt_BR").unwrap();
    other.controls.order_template(&entry.id, TemplateOrder::Pause).unwrap();
    let line = scene.tells(PASSED_OVER, "pt_BR", "not_sendable", 1).await;
    assert_eq!(line["account"], "other");
    let sent = scene.sent(request("shop", &phone(2 * PEOPLE), "pt_BR")).await;
    assert_eq!((sent.language.as_str(), sent.tries), ("en_US", 1));

    let applied = scene.run(&["templates", "apply", "--app", "shop"]).await;
    assert!(applied.stdout.contains("created"), "{applied:?}");
    scene.tells(OVER, "pt_BR", "missing", 1).await;
    let before = scene.meta.phone.messages().len() as u64;
    let (after, _) = ask(3 * PEOPLE..3 * PEOPLE + 3, "pt_BR").await;
    assert_eq!(after - before, 3);
    scene.keep_secret(&other);
    scene.end().await;
}
