//! The catalogue over the Graph keeps every promise of its port, against a stage that speaks raw HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign_domain::ports::TemplateCatalog;
use countersign_domain::sender::AccountId;
use countersign_testkit::contract::Fresh;
use countersign_testkit::contract::template_catalog::{Behaviour, CatalogHarness, Seed};
use countersign_testkit::fixture;
use countersign_whatsapp::{Account, CloudApi, Config, Secret, Sender};
use tokio::net::TcpSocket;

use crate::graph::{BUSINESS_ACCOUNT, Graph, TOKEN};
use crate::stub::Stub;

struct Harness {
    stub: Stub,
    graph: Arc<Graph>,
    to_stub: Arc<CloudApi>,
    to_nobody: Arc<CloudApi>,
    is_reachable: Mutex<bool>,
    /// Bound and not listening: whoever connects is refused, and nobody else gets the port.
    _refusing: TcpSocket,
}

fn account() -> AccountId {
    fixture::sender().account
}

fn catalog(address: SocketAddr) -> Arc<CloudApi> {
    let sender = Sender {
        token: Secret::new("token"),
        app_secret: None,
    };
    let managed = Account {
        business_account_id: BUSINESS_ACCOUNT.to_owned(),
        token: Some(Secret::new(TOKEN)),
        app_secret: Some(Secret::new("app-secret")),
    };
    let config = Config {
        base_url: format!("http://{address}"),
        senders: BTreeMap::from([(fixture::sender().id, sender)]),
        accounts: BTreeMap::from([(account(), managed)]),
        ..Config::default()
    };
    Arc::new(CloudApi::new(&config).expect("a good configuration"))
}

async fn fresh() -> Fresh<dyn CatalogHarness> {
    let graph = Arc::new(Graph::default());
    let stub = Stub::with(Arc::clone(&graph) as _).await;
    let refusing = TcpSocket::new_v4().expect("a socket");
    refusing
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a free port");
    Fresh::new(Arc::new(Harness {
        to_stub: catalog(stub.address),
        to_nobody: catalog(refusing.local_addr().expect("bound")),
        stub,
        graph,
        is_reachable: Mutex::new(true),
        _refusing: refusing,
    }))
}

#[async_trait]
impl CatalogHarness for Harness {
    fn catalog(&self) -> Arc<dyn TemplateCatalog> {
        if *self.is_reachable.lock().unwrap_or_else(PoisonError::into_inner) {
            Arc::clone(&self.to_stub) as _
        } else {
            Arc::clone(&self.to_nobody) as _
        }
    }

    fn account(&self) -> AccountId {
        account()
    }

    fn token(&self) -> String {
        TOKEN.to_owned()
    }

    async fn seed(&self, seeds: &[Seed]) {
        self.graph.seed(seeds);
    }

    async fn behave(&self, behaviour: Behaviour) {
        *self.is_reachable.lock().unwrap_or_else(PoisonError::into_inner) = behaviour != Behaviour::Unreachable;
        self.graph.behave(behaviour);
    }

    async fn page(&self, templates: usize) {
        self.graph.page(templates);
    }

    async fn calls(&self) -> usize {
        self.stub.requests().len()
    }
}

countersign_testkit::template_catalog_contract!(fresh);
