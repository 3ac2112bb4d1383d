//! The page over real HTTP, beside a whole service on a store that behaves as a test wants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use countersign_domain::client::Client as Person;
use countersign_domain::code::Guess;
use countersign_domain::delivery::DeliveryReport;
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::ports::{Erased, Observer, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::template::Platform;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{CheckRequest, ReportedDelivery, StartAnswer, StartRequest, VerificationName};
use countersign_domain::verification::CheckOutcome;
use countersign_monitor::{Metrics, Readiness, Scrape, metrics_router, router};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use countersign_testkit::wait::soon;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::samples::samples;

/// How the store counts its backlog; it does everything else as the one in memory.
enum Mood {
    Fine,
    Away,
    /// Each question gives a permit to `asked` and waits for one of `answers`.
    Waits {
        asked: Semaphore,
        answers: Semaphore,
    },
}

struct Store {
    memory: MemoryStore,
    mood: Mood,
}

#[async_trait]
impl RecipientStore for Store {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.memory.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.memory.replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.memory.due(now, shard, limit).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.memory.erase(key, seen).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        match &self.mood {
            Mood::Fine => {}
            Mood::Away => return Err(StoreError::Unavailable("away".into())),
            Mood::Waits { asked, answers } => {
                asked.add_permits(1);
                answers.acquire().await.expect("never closed").forget();
            }
        }
        self.memory.backlog(now).await
    }
}

/// A service and its page on a free port. Ends when dropped.
struct Scene {
    house: House,
    metrics: Arc<Metrics>,
    store: Arc<Store>,
    watches_open: Arc<AtomicUsize>,
    url: String,
    server: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Page {
    status: StatusCode,
    content_type: String,
    text: String,
}

impl Page {
    fn sample(&self, name: &str) -> Option<String> {
        samples(&self.text).remove(name)
    }
}

impl Scene {
    async fn new(mood: Mood) -> Self {
        let store = Arc::new(Store {
            memory: MemoryStore::new(ShardCount::DEFAULT),
            mood,
        });
        let (limits, feed) = (Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
        let house = House::new(Arc::clone(&store) as _, limits, feed);
        let metrics = Arc::new(Metrics::new(&house.rulebook.apps));
        let watches_open = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&watches_open);
        let page = metrics_router(Scrape {
            metrics: Arc::clone(&metrics),
            dispatch: Arc::clone(&house.use_cases.dispatch),
            watches_open: Box::new(move || counted.load(Ordering::Relaxed)),
        });
        let router = router(Readiness::new([])).merge(page);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/metrics", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self {
            house,
            metrics,
            store,
            watches_open,
            url,
            server,
        }
    }

    async fn page(&self) -> Page {
        soon("the page", read(self.url.clone())).await
    }

    async fn start(&self) -> StartAnswer {
        let request = StartRequest {
            client: Person::default(),
            app: fixture::app_id(),
            phone: fixture::phone(),
            purpose: fixture::purpose(),
            language: None,
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            request_id: None,
            deadline: None,
        };
        let started = self.house.use_cases.start.execute(&fixture::caller(), request).await;
        started.expect("nothing stands in the way")
    }

    /// Tells the metrics what the house remembers.
    fn tell(&self) {
        for event in self.house.recorder.take() {
            self.metrics.record(&event);
        }
    }
}

async fn read(url: String) -> Page {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::get(url).body(Body::empty()).expect("a request");
    let response = client.request(request).await.expect("an answer");
    let status = response.status();
    let content_type = response.headers()[CONTENT_TYPE].to_str().expect("ASCII").to_owned();
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    Page {
        status,
        content_type,
        text: String::from_utf8(body.to_vec()).expect("UTF-8"),
    }
}

#[tokio::test]
async fn the_page_is_what_prometheus_reads() {
    let scene = Scene::new(Mood::Fine).await;
    let page = scene.page().await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        page.content_type,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(page.text.ends_with("\n# EOF\n"), "{}", page.text);
    for line in page.text.lines().filter(|it| !it.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a name and a number");
        assert!(name.starts_with("countersign_"), "{line}");
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_page_says_how_many_recipients_wait_and_how_many_watches_are_open() {
    let scene = Scene::new(Mood::Fine).await;
    scene.start().await;
    scene.watches_open.store(3, Ordering::Relaxed);
    let page = scene.page().await;
    assert_eq!(page.sample("countersign_backlog").as_deref(), Some("0"));
    assert_eq!(page.sample("countersign_watches_open").as_deref(), Some("3"));
    // Nobody carried the message out, and its lease is over.
    scene.house.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.page().await.sample("countersign_backlog").as_deref(), Some("1"));
}

#[tokio::test]
async fn while_the_store_is_away_the_backlog_is_missing_and_the_rest_is_there() {
    let scene = Scene::new(Mood::Away).await;
    scene.start().await;
    scene.tell();
    let page = scene.page().await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.sample("countersign_backlog"), None);
    let opened = r#"countersign_starts_total{app="demo",purpose="sign_in",outcome="opened"}"#;
    assert_eq!(page.sample(opened).as_deref(), Some("1"));
    assert!(page.text.ends_with("\n# EOF\n"), "{}", page.text);
}

#[tokio::test]
async fn a_fifth_reader_at_a_time_is_sent_away_and_the_four_are_answered() {
    let scene = Scene::new(Mood::Waits {
        asked: Semaphore::new(0),
        answers: Semaphore::new(0),
    })
    .await;
    let Mood::Waits { asked, answers } = &scene.store.mood else {
        unreachable!("as it was made");
    };
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read(scene.url.clone()))).collect();
    let all_asked = soon("four questions", asked.acquire_many(4)).await;
    assert!(all_asked.is_ok());
    assert_eq!(scene.page().await.status, StatusCode::SERVICE_UNAVAILABLE);
    answers.add_permits(5);
    for reader in readers {
        let page = soon("an answer", reader).await.expect("no panic");
        assert_eq!(page.status, StatusCode::OK);
    }
    assert_eq!(scene.page().await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_of_a_person_is_on_the_page() {
    let scene = Scene::new(Mood::Fine).await;
    let started = scene.start().await;
    scene.house.run_errands().await;
    let message = scene.house.messenger.sent().remove(0);
    let post = vec![ReportedDelivery {
        pricing: None,
        phone: None,
        reference: Some(message.reference.clone()),
        message: Some(message.id),
        report: DeliveryReport::Delivered,
        identity: None,
        sender: None,
    }];
    for reports in scene.house.use_cases.apply_delivery.by_recipient(post) {
        let applied = scene.house.use_cases.apply_delivery.execute(&reports).await;
        assert_eq!(applied.expect("the store is there").len(), 1);
    }
    let request = CheckRequest {
        client: Person::default(),
        name: VerificationName::Id(started.view.id),
        guess: Guess::parse(&message.code).expect("a code"),
        context: BTreeMap::new(),
        request_id: None,
        deadline: None,
    };
    let checked = scene.house.use_cases.check.execute(&fixture::caller(), request).await;
    assert_eq!(checked.expect("a comparison").outcome, CheckOutcome::Approved);
    scene.tell();
    let page = scene.page().await;
    let approved = r#"countersign_checks_total{app="demo",purpose="sign_in",outcome="approved"}"#;
    assert_eq!(page.sample(approved).as_deref(), Some("1"));
    let id = started.view.id.to_string();
    let recipient = format!("{:?}", started.view.id.recipient());
    let key = recipient.trim_start_matches("RecipientKey(").trim_end_matches(')');
    let phone = fixture::phone();
    let digits = phone.expose().trim_start_matches('+');
    for secret in [digits, &digits[4..], &message.code, &message.reference, &id, key] {
        assert!(!page.text.contains(secret), "{secret} is in {}", page.text);
    }
}
