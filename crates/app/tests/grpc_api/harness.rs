//! One installation behind a socket, and callers for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::app::{App, Apps};
use countersign_domain::id::{AppId, CallerId, ShardCount};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::use_case::Rulebook;
use countersign_grpc::{CallerEntry, Callers, Client, ClientToken, Config, Server, connect, token_sha256, v1};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The token of the caller of the apps `demo` and `bare`.
pub(crate) const SHOP: &str = "the-token-of-the-shop-0123456789";
/// The token of the caller of the app `other`.
pub(crate) const RIVAL: &str = "the-token-of-the-rival-0123456789";
/// Longer than anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One installation that serves until the test ends.
pub(crate) struct Api {
    pub(crate) house: House,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) shop: Client,
    pub(crate) rival: Client,
    pub(crate) stranger: Client,
}

impl Api {
    /// An installation under the default numbers.
    pub(crate) async fn new() -> Self {
        Self::under(fixture::policy_settings()).await
    }

    /// An installation under these numbers.
    pub(crate) async fn under(settings: PolicySettings) -> Self {
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let (limits, feed) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
        let builder = House::builder(store.clone(), limits, feed);
        let house = builder.rulebook(rulebook(Policy::new(settings).unwrap())).build();
        let callers = Callers::new([
            entry("shop", SHOP, &["demo", "bare"]),
            entry("rival", RIVAL, &["other"]),
        ]);
        let clock = house.clock.clone();
        let server = Server::new(Config::default(), &house.use_cases, callers.unwrap(), clock);
        let server = server.await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(server.serve(listener, std::future::pending()));
        let client = async |token: Option<&str>| {
            let token = token.map(|it| ClientToken::new(it).unwrap());
            connect(&address, token, PATIENCE).await.unwrap()
        };
        Self {
            shop: client(Some(SHOP)).await,
            rival: client(Some(RIVAL)).await,
            stranger: client(None).await,
            house,
            store,
        }
    }

    /// Starts as the shop.
    pub(crate) async fn start(
        &self,
        request: v1::StartVerificationRequest,
    ) -> Result<v1::StartVerificationResponse, Status> {
        let answer = self.shop.clone().start_verification(request).await?;
        Ok(answer.into_inner())
    }

    /// Starts as the shop and lets the message go out: the verification's id and its code.
    pub(crate) async fn open(&self) -> (String, String) {
        let answer = self.start(start_request()).await.unwrap();
        self.house.run_errands().await;
        let code = self.house.messenger.last_code_for(&phone()).unwrap();
        (answer.verification.unwrap().id, code)
    }

    /// Checks as the shop.
    pub(crate) async fn check(
        &self,
        request: v1::CheckVerificationRequest,
    ) -> Result<v1::CheckVerificationResponse, Status> {
        let answer = self.shop.clone().check_verification(request).await?;
        Ok(answer.into_inner())
    }

    /// Checks a code as the shop and demands an answer.
    pub(crate) async fn guess(&self, id: &str, code: &str) -> v1::CheckVerificationResponse {
        self.check(check_request(id, code)).await.unwrap()
    }

    /// Reads a verification as the shop.
    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(id)),
        };
        let answer = self.shop.clone().get_verification(request).await.unwrap();
        answer.into_inner().verification.unwrap()
    }

    /// Cancels a verification as the shop.
    pub(crate) async fn cancel(&self, id: &str) -> v1::Verification {
        let request = v1::CancelVerificationRequest {
            verification: Some(by_id(id)),
        };
        let answer = self.shop.clone().cancel_verification(request).await.unwrap();
        answer.into_inner().verification.unwrap()
    }

    /// Lets what is due be sent, and says how many messages went out so far.
    pub(crate) async fn sent(&self) -> usize {
        self.house.run_errands().await;
        self.house.messenger.sent().len()
    }
}

fn entry(id: &str, token: &str, apps: &[&str]) -> CallerEntry {
    CallerEntry {
        id: CallerId::parse(id).unwrap(),
        token_sha256: vec![token_sha256(token).unwrap()],
        apps: apps.iter().map(|it| AppId::parse(it).unwrap()).collect::<BTreeSet<_>>(),
        manages_templates: false,
        operates: false,
    }
}

/// The apps `demo` and `other`, and `bare` without a template.
fn rulebook(policy: Policy) -> Rulebook {
    let rulebook = fixture::rulebook_with(policy);
    let demo = rulebook.apps.get(&fixture::app_id()).unwrap().clone();
    let bare = App {
        templates: countersign_domain::template::Templates::default(),
        ..demo.clone()
    };
    let apps = [("demo", demo.clone()), ("other", demo), ("bare", bare)];
    Rulebook {
        apps: Apps::new(apps.map(|(id, app)| (AppId::parse(id).unwrap(), app))),
        ..rulebook
    }
}

/// The phone of most tests. Not the one of the service's own example.
pub(crate) fn phone() -> PhoneNumber {
    fixture::phone_number(12_345_678)
}

/// Ask [`phone`], as `demo`, to sign in.
pub(crate) fn start_request() -> v1::StartVerificationRequest {
    start_for(phone().expose())
}

/// Ask another phone, as `demo`, to sign in.
pub(crate) fn start_for(phone: &str) -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        recipient: Some(recipient("demo", phone)),
        ..v1::StartVerificationRequest::default()
    }
}

pub(crate) fn recipient(app: &str, phone: &str) -> v1::RecipientName {
    v1::RecipientName {
        app: app.to_owned(),
        phone: phone.to_owned(),
        purpose: "sign_in".to_owned(),
    }
}

pub(crate) fn by_id(id: &str) -> v1::VerificationName {
    v1::VerificationName {
        name: Some(v1::verification_name::Name::Id(id.to_owned())),
    }
}

pub(crate) fn by_recipient(recipient: v1::RecipientName) -> v1::VerificationName {
    v1::VerificationName {
        name: Some(v1::verification_name::Name::Recipient(recipient)),
    }
}

pub(crate) fn check_request(id: &str, code: &str) -> v1::CheckVerificationRequest {
    v1::CheckVerificationRequest {
        verification: Some(by_id(id)),
        code: code.to_owned(),
        ..v1::CheckVerificationRequest::default()
    }
}

/// A well-formed code that is not `code`.
pub(crate) fn other_than(code: &str) -> String {
    let turned = |digit: char| if digit == '9' { '0' } else { '9' };
    code.chars().map(turned).collect()
}

/// Demands a code and a stable reason, and that nothing secret is said. Hands the details back.
#[track_caller]
pub(crate) fn assert_refused(status: &Status, code: Code, reason: &str) -> ErrorDetails {
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    let info = details
        .error_info()
        .unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("countersign", reason));
    let said = format!("{status:?} {details:?}");
    for secret in [&phone().expose()[1..], SHOP, RIVAL] {
        assert!(!said.contains(secret), "{said}");
    }
    details
}
