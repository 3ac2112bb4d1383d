//! Who manages which account, and with what; and how long a call may take.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use countersign_domain::ports::{CatalogError, TemplateCatalog};
use countersign_domain::sender::AccountId;
use countersign_testkit::fixture;
use countersign_testkit::wait::eventually;
use countersign_whatsapp::{Account, CloudApi, Config, Secret, Sender};
use serde_json::json;

use crate::catalog::{TOKEN, account, answer, catalog, config, held, id, order};
use crate::stub::{Answers, Stub};

const APP_SECRET: &str = "app-secret";

#[tokio::test]
async fn the_proof_of_the_app_secret_goes_along_and_is_in_no_error() {
    // HMAC-SHA-256 of the token with the key "app-secret".
    let proof = "66889868b85309a05abc3fbd6eadd23d5a8276de071c89204c5e1e5895ce3975";
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let mut config = config(&stub);
    for account in config.accounts.values_mut() {
        account.app_secret = Some(Secret::new(APP_SECRET));
    }
    let catalog = CloudApi::new(&config).expect("a good configuration");
    let error = catalog.list(&account()).await.expect_err("lost");
    catalog.get(&account(), &id("1")).await.expect_err("lost");
    for request in stub.requests() {
        assert_eq!(request.query["appsecret_proof"], proof);
    }
    let mut text = format!("{error} {error:?} {config:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text} {error} {error:?}");
        source = error.source();
    }
    for secret in [TOKEN, APP_SECRET, "appsecret_proof", proof] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn only_accounts_with_a_token_are_managed_and_each_with_its_own() {
    let stub = Stub::start(answer(&json!({"data": []}))).await;
    let name = |it: &str| AccountId::parse(it).expect("a name");
    let mut config = config(&stub);
    let with = |token: Option<&str>| Account {
        token: token.map(Secret::new),
        ..held()
    };
    config.accounts = BTreeMap::from([
        (name("one"), with(Some("token-one"))),
        (name("two"), with(Some("token-two"))),
        (name("heard-of"), with(None)),
    ]);
    config.path_prefix = "gateway/meta".to_owned();
    config.version = None;
    let catalog = CloudApi::new(&config).expect("two names of one business account");
    for account in ["one", "two"] {
        assert_eq!(catalog.list(&name(account)).await.expect("a list"), []);
        let request = stub.requests().pop().expect("a request");
        assert_eq!(request.path, "/gateway/meta/102290129340398/message_templates");
        assert!(request.head.contains(&format!("authorization: bearer token-{account}")));
    }
    for account in ["heard-of", "nobody"] {
        let error = catalog.list(&name(account)).await.expect_err("not held");
        assert!(matches!(error, CatalogError::NotHeld), "{error:?}");
    }
    assert_eq!(stub.requests().len(), 2);
}

#[test]
fn a_provider_with_other_paths_takes_no_token_for_templates() {
    let sender = Sender {
        token: Secret::new("token"),
        app_secret: None,
    };
    let mut config = Config {
        number_in_path: false,
        senders: BTreeMap::from([(fixture::sender().id, sender)]),
        accounts: BTreeMap::from([(account(), held())]),
        ..Config::default()
    };
    let mistakes = config.check().expect_err("not the Graph");
    let fields: Vec<_> = mistakes.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["accounts.main.token"]);
    assert!(mistakes[0].problem.contains("number_in_path"), "{}", mistakes[0]);
    for account in config.accounts.values_mut() {
        account.token = None;
    }
    assert_eq!(config.check(), Ok(()));
}

#[tokio::test]
async fn looks_take_ten_seconds_at_most_and_orders_thirty() {
    for (is_order, seconds) in [(false, 10), (true, 30)] {
        let stub = Stub::start(Answers::Stalls(String::new())).await;
        let catalog = catalog(&stub);
        let call = tokio::spawn(async move {
            let order = order(fixture::template(), &["en_US"]);
            if is_order {
                catalog.create(&account(), &order).await.map(|_| ())
            } else {
                catalog.list(&account()).await.map(|_| ())
            }
        });
        eventually("the request", async || stub.requests().pop()).await;
        // The request is with the stub, which never answers: from here on only the time-out is waited for.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds - 5)).await;
        assert!(!call.is_finished(), "{seconds} s are not over");
        tokio::time::advance(Duration::from_secs(5)).await;
        let error = call.await.expect("no panic").expect_err("no answer");
        assert!(matches!(error, CatalogError::Unavailable(_)), "{error:?}");
        tokio::time::resume();
    }
}
