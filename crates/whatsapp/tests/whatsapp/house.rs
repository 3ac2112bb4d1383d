//! The use cases over stores that hold a little and fail when told to, and a webhook in front of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use countersign_domain::client::Client;
use countersign_domain::delivery::Delivery;
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::limit::{Charge, LimitKey, LimitState, Taken, weigh};
use countersign_domain::ports::{
    ChangeFeed, ChangeHints, Erased, GiveBack, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version,
};
use countersign_domain::recipient::{Effects, Recipient};
use countersign_domain::template::Platform;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::StartRequest;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use countersign_whatsapp::Secret;
use countersign_whatsapp::webhook::{self, BusinessAccounts, WebhookConfig};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tower::ServiceExt;

pub(crate) const SECRET: &str = "test_app_secret";
pub(crate) const PATH: &str = "/webhooks/whatsapp";

/// A webhook and what is behind it.
pub(crate) struct Intake {
    pub(crate) house: House,
    pub(crate) store: Arc<TinyStore>,
    pub(crate) router: Router,
}

pub(crate) fn config() -> WebhookConfig {
    WebhookConfig {
        verify_token: Secret::new("verify-me"),
        app_secrets: vec![Secret::new(SECRET)],
        ..WebhookConfig::default()
    }
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self::with(&config())
    }

    pub(crate) fn with(config: &WebhookConfig) -> Self {
        Self::knowing(config, BusinessAccounts::new())
    }

    /// An intake that knows those business accounts.
    pub(crate) fn knowing(config: &WebhookConfig, business_accounts: BusinessAccounts) -> Self {
        let store = Arc::new(TinyStore::default());
        let house = House::new(Arc::clone(&store) as _, Arc::new(NoLimits), Arc::new(NoFeed));
        let router = webhook::router(config, &house.use_cases, business_accounts).expect("a good configuration");
        Self { house, store, router }
    }

    /// Lets two hours pass, after which no sender rests and none is shut.
    pub(crate) fn wait_until_senders_are_free(&self) {
        self.house.clock.advance(Duration::from_secs(7_200));
    }

    /// Sends a code to the `n`-th phone and answers with the reference of the message.
    pub(crate) async fn sent(&self, n: u32) -> String {
        let request = StartRequest {
            app: fixture::app_id(),
            phone: fixture::phone_number(n),
            purpose: fixture::purpose(),
            language: Some(fixture::language("en_US")),
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            client: Client::default(),
            request_id: None,
            deadline: None,
        };
        let started = self.house.use_cases.start.execute(&fixture::caller(), request).await;
        started.expect("started");
        self.house.run_errands().await;
        let sent = self.house.messenger.sent();
        sent.last().expect("sent").reference.clone()
    }

    /// Where the record of the `n`-th phone is.
    pub(crate) fn key(&self, n: u32) -> RecipientKey {
        let identity = &self.house.rulebook.identity;
        let phone = fixture::phone_number(n);
        RecipientKey::derive(identity, &fixture::app_id(), &fixture::purpose(), &phone)
    }

    /// The deliveries of the `n`-th phone.
    pub(crate) fn deliveries(&self, n: u32) -> Vec<Delivery> {
        let stored = self.store.read(self.key(n)).expect("a record");
        stored
            .recipient
            .verifications
            .into_iter()
            .flat_map(|it| it.deliveries)
            .collect()
    }

    /// Posts a signed body.
    pub(crate) async fn post(&self, body: &Value) -> StatusCode {
        let body = body.to_string();
        let signature = signature(SECRET, body.as_bytes());
        self.ask(Request::post(PATH).header("X-Hub-Signature-256", signature), body)
            .await
    }

    pub(crate) async fn ask(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> StatusCode {
        let request = request.body(body.into()).expect("a request");
        let answer = self.router.clone().oneshot(request).await;
        answer.expect("the router never fails").status()
    }
}

pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body);
    let digest = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    format!("sha256={digest}")
}

/// What a store holds.
pub(crate) type Records = BTreeMap<RecipientKey, Stored>;

/// Compares and swaps in a map.
#[derive(Default)]
pub(crate) struct TinyStore {
    records: Mutex<Records>,
    pub(crate) is_down: AtomicBool,
    pub(crate) hangs: AtomicBool,
    pub(crate) loads: AtomicUsize,
    pub(crate) replaces: AtomicUsize,
    /// One record that cannot be written.
    pub(crate) stuck: Mutex<Option<RecipientKey>>,
}

impl TinyStore {
    /// Everything it holds.
    pub(crate) fn records(&self) -> Records {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Holds these again, and nothing else.
    pub(crate) fn put_back(&self, records: Records) {
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }

    fn read(&self, key: RecipientKey) -> Option<Stored> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.get(&key).cloned()
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("down".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl RecipientStore for TinyStore {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(self.read(key))
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        _now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.replaces.fetch_add(1, Ordering::SeqCst);
        self.up()?;
        if *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) == Some(key) {
            return Err(StoreError::Unavailable("stuck".into()));
        }
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let there = records.get(&key);
        if there.map(|it| it.version) != seen {
            return Ok(Replaced::Conflict(there.cloned().map(Box::new)));
        }
        let version = Version(seen.map_or(1, |it| it.0 + 1));
        let mut recipient = new.clone();
        // What follows from a write is nobody's to keep.
        recipient.effects = Effects::default();
        records.insert(key, Stored { version, recipient });
        Ok(Replaced::Written(version))
    }

    async fn due(&self, _now: Timestamp, _shard: Shard, _limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn backlog(&self, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.up()?;
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        match records.get(&key) {
            Some(there) if there.version != seen => Ok(Erased::Conflict(Box::new(there.clone()))),
            _ => {
                records.remove(&key);
                Ok(Erased::Gone)
            }
        }
    }
}

struct NoLimits;

#[async_trait]
impl LimitStore for NoLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        Ok(weigh(charges, |_| None, now).taken)
    }

    async fn give_back(&self, _owed: &[GiveBack], _now: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        Ok(vec![None; charges.len()])
    }

    async fn forget(&self, _keys: &[LimitKey]) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct NoFeed;

#[async_trait]
impl ChangeFeed for NoFeed {
    fn publish(&self, _key: RecipientKey) {}

    async fn subscribe(&self, _key: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        Err(StoreError::Unavailable("nobody listens".into()))
    }
}
