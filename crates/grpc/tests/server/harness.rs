//! A server on a free port over a store that behaves as a test wants, and clients for it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::id::{CallerId, RecipientKey, Shard};
use countersign_domain::limit::{Charge, LimitKey, LimitState, Taken, weigh};
use countersign_domain::ports::{
    ChangeFeed, Erased, GiveBack, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{ManageTemplates, UseCases};
use countersign_grpc::{
    AdminClient, CallerEntry, Callers, Client, ClientToken, Config, Health, Server, TemplatesClient, connect,
    connect_admin, connect_templates, token_sha256, v1,
};
use countersign_testkit::clock::ManualClock;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::feed::Feed;
use crate::shelf::Shelf;

/// The token of the caller who sends codes.
pub(crate) const TOKEN: &str = "a-token-of-more-than-16-characters";
/// The token of the caller who manages templates.
pub(crate) const MANAGER_TOKEN: &str = "another-token-of-more-than-16-characters";
/// The token of the caller who operates.
pub(crate) const OPERATOR_TOKEN: &str = "a-third-token-of-more-than-16-characters";
/// Longer than anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the store behaves.
#[derive(Clone)]
pub(crate) enum Mood {
    /// It does its work.
    Fine,
    /// It cannot be reached.
    Away,
    /// It holds something that cannot be read.
    Corrupt,
    /// Somebody else is always faster.
    Contended,
    /// Each load takes that long on that clock.
    Slow(Arc<ManualClock>, Duration),
    /// Its driver panics.
    Panics,
    /// Each load tells `asked` and waits for a permit of `answers`.
    Waits(Arc<Gate>),
}

/// Where loads wait.
pub(crate) struct Gate {
    /// Gets a permit for each load that came.
    pub(crate) asked: Semaphore,
    /// Loses a permit for each load that may go on.
    pub(crate) answers: Semaphore,
    /// Gets a permit for each record that was written.
    pub(crate) written: Semaphore,
}

impl Gate {
    pub(crate) fn shut() -> Arc<Self> {
        Arc::new(Self {
            asked: Semaphore::new(0),
            answers: Semaphore::new(0),
            written: Semaphore::new(0),
        })
    }

    /// Waits until a load came.
    pub(crate) async fn wait_for_load(&self) {
        self.asked.acquire().await.unwrap().forget();
    }

    /// Waits until a record was written.
    pub(crate) async fn wait_for_write(&self) {
        self.written.acquire().await.unwrap().forget();
    }
}

/// A store for one recipient. What a driver says of its troubles is `SECRET`: nobody outside may hear it.
struct MoodyStore {
    mood: Mutex<Mood>,
    kept: Mutex<Option<Stored>>,
    loads: AtomicUsize,
}

/// What no caller may ever be told.
pub(crate) const SECRET: &str = "redis://10.0.0.7:6379 refused +5511900000007";

impl MoodyStore {
    fn mood(&self) -> Mood {
        self.mood.lock().unwrap().clone()
    }

    fn kept(&self) -> Option<Stored> {
        self.kept.lock().unwrap().clone()
    }
}

#[async_trait]
impl RecipientStore for MoodyStore {
    async fn load(&self, _: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        match self.mood() {
            Mood::Fine | Mood::Contended => {}
            Mood::Away => return Err(StoreError::Unavailable(SECRET.into())),
            Mood::Corrupt => return Err(StoreError::Corrupt(SECRET.into())),
            Mood::Slow(clock, span) => clock.advance(span),
            Mood::Panics => panic!("{SECRET}"),
            Mood::Waits(gate) => {
                gate.asked.add_permits(1);
                gate.answers.acquire().await.unwrap().forget();
            }
        }
        Ok(self.kept())
    }

    async fn replace(
        &self,
        _: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        _: Timestamp,
    ) -> Result<Replaced, StoreError> {
        match self.mood() {
            Mood::Contended => return Ok(Replaced::Conflict(self.kept().map(Box::new))),
            Mood::Waits(gate) => gate.written.add_permits(1),
            _ => {}
        }
        let version = Version(seen.map_or(1, |seen| seen.0 + 1));
        *self.kept.lock().unwrap() = Some(Stored {
            version,
            recipient: new.clone(),
        });
        Ok(Replaced::Written(version))
    }

    async fn due(&self, _: Timestamp, _: Shard, _: usize) -> Result<Vec<RecipientKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn backlog(&self, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn erase(&self, _: RecipientKey, _: Version) -> Result<Erased, StoreError> {
        *self.kept.lock().unwrap() = None;
        Ok(Erased::Gone)
    }
}

/// A server that runs until it is told to stop, or until the test ends.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) health: Health,
    pub(crate) house: House,
    pub(crate) feed: Arc<Feed>,
    /// What the provider has of templates.
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) manage_templates: Arc<ManageTemplates>,
    store: Arc<MoodyStore>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn new(config: Config, mood: Mood) -> Self {
        let store = Arc::new(MoodyStore {
            mood: Mutex::new(mood),
            kept: Mutex::default(),
            loads: AtomicUsize::new(0),
        });
        let feed = Arc::new(Feed::default());
        let house = House::new(store.clone(), Arc::new(NoLimits), feed.clone());
        let caller = fixture::caller();
        let entry = |id, token| CallerEntry {
            id,
            token_sha256: vec![token_sha256(token).unwrap()],
            apps: caller.apps.clone(),
            manages_templates: token == MANAGER_TOKEN,
            operates: token == OPERATOR_TOKEN,
        };
        let [manager, operator] = ["manager", "operator"].map(|it| CallerId::parse(it).unwrap());
        let callers = Callers::new([
            entry(caller.id.clone(), TOKEN),
            entry(manager, MANAGER_TOKEN),
            entry(operator, OPERATOR_TOKEN),
        ]);
        let shelf = Arc::new(Shelf::default());
        let (catalog, clock) = (Arc::clone(&shelf) as _, Arc::clone(&house.clock) as _);
        let manage_templates = Arc::new(ManageTemplates::new(&house.rulebook, catalog, clock));
        let use_cases = UseCases {
            manage_templates: Arc::clone(&manage_templates),
            ..house.use_cases.clone()
        };
        let server = Server::new(config, &use_cases, callers.unwrap(), house.clock.clone())
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let health = server.health();
        let running = tokio::spawn(server.serve(listener, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            health,
            house,
            feed,
            shelf,
            manage_templates,
            store,
            stop: Some(stop),
            running,
        }
    }

    pub(crate) async fn with(mood: Mood) -> Self {
        Self::new(Config::default(), mood).await
    }

    /// From now on the store behaves so.
    pub(crate) fn becomes(&self, mood: Mood) {
        *self.store.mood.lock().unwrap() = mood;
    }

    /// Changes what the store holds, and hints at it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Recipient)) {
        if let Some(stored) = self.store.kept.lock().unwrap().as_mut() {
            change(&mut stored.recipient);
        }
        self.feed.publish(fixture::recipient_key());
    }

    /// How many times the store was read.
    pub(crate) fn loads(&self) -> usize {
        self.store.loads.load(Ordering::SeqCst)
    }

    /// What the store holds.
    pub(crate) fn stored(&self) -> Option<Recipient> {
        self.store.kept().map(|it| it.recipient)
    }

    /// A client with these credentials, on a connection of its own.
    pub(crate) async fn client(&self, token: Option<&str>) -> Client {
        let token = token.map(|it| ClientToken::new(it).unwrap());
        connect(&format!("http://{}", self.address), token, PATIENCE)
            .await
            .unwrap()
    }

    /// A client of the template service with these credentials, on a connection of its own.
    pub(crate) async fn templates(&self, token: Option<&str>) -> TemplatesClient {
        let token = token.map(|it| ClientToken::new(it).unwrap());
        connect_templates(&format!("http://{}", self.address), token, PATIENCE)
            .await
            .unwrap()
    }

    /// A client of the admin service with these credentials, on a connection of its own.
    pub(crate) async fn admin(&self, token: Option<&str>) -> AdminClient {
        let token = token.map(|it| ClientToken::new(it).unwrap());
        connect_admin(&format!("http://{}", self.address), token, PATIENCE)
            .await
            .unwrap()
    }

    /// A connection of its own, for clients of other services.
    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has ended.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
    }
}

/// Limits of which nothing is ever used.
struct NoLimits;

#[async_trait]
impl LimitStore for NoLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        Ok(weigh(charges, |_| None, now).taken)
    }

    async fn give_back(&self, _: &[GiveBack], _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn forget(&self, _keys: &[LimitKey]) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        Ok(vec![None; charges.len()])
    }
}

/// A request to start that is right.
pub(crate) fn start() -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        recipient: Some(v1::RecipientName {
            app: "demo".to_owned(),
            phone: "+5511987654321".to_owned(),
            purpose: "sign_in".to_owned(),
        }),
        ..v1::StartVerificationRequest::default()
    }
}

/// Demands a code and a stable reason.
#[track_caller]
pub(crate) fn assert_refused(status: &Status, code: Code, reason: &str) {
    let said = format!("{status:?} {}", String::from_utf8_lossy(status.details()));
    assert!(!said.contains("redis") && !said.contains("55119"), "{said}");
    assert_eq!(status.code(), code, "{status:?}");
    let info = status.get_details_error_info();
    let info = info.unwrap_or_else(|| panic!("no ErrorInfo: {status:?}"));
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("countersign", reason));
}
