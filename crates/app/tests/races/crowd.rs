//! Many callers of one service: connections, calls in flight, and what was answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use countersign_grpc::{Client, v1};
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use tokio::task::JoinSet;
use tonic::Status;

use crate::common::calls::{check_request, get, start_request};
use crate::common::clock::Stopwatch;
use crate::common::dev::{Dev, text};
use crate::common::wait::eventually;

/// The app that `dev` has.
const APP: &str = "demo";
/// Connections; a peer may have 32.
const CONNECTIONS: usize = 8;
/// Calls in flight on each; a connection may have 64.
const CALLS_EACH: usize = 64;

/// One race at a time.
static TRACK: Mutex<()> = Mutex::const_new(());

/// What was answered, by name, and how often.
pub(crate) type Tally = BTreeMap<&'static str, u64>;

/// A verification that is open, and its code.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) code: String,
}

/// Callers of one service.
pub(crate) struct Crowd {
    clients: Vec<Client>,
    turn: AtomicUsize,
    places: Semaphore,
    calls: AtomicU64,
}

impl Crowd {
    /// Callers on these connections.
    pub(crate) fn new(clients: Vec<Client>) -> Arc<Self> {
        Arc::new(Self {
            places: Semaphore::new(clients.len() * CALLS_EACH),
            clients,
            turn: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
        })
    }

    /// Callers of a `dev`.
    pub(crate) async fn of(dev: &Dev) -> Arc<Self> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(dev.client().await);
        }
        Self::new(clients)
    }

    /// Makes one call on the connection whose turn it is.
    pub(crate) async fn call<T>(&self, call: impl AsyncFnOnce(Client) -> Result<T, Status>) -> T {
        let _place = self.places.acquire().await.unwrap();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len();
        self.calls.fetch_add(1, Ordering::Relaxed);
        call(self.clients[turn].clone()).await.unwrap()
    }

    /// Checks one code: the name of the outcome.
    pub(crate) async fn check(&self, id: &str, code: &str) -> &'static str {
        let request = check_request(id, code);
        let answer = self
            .call(async |mut client| client.check_verification(request).await)
            .await;
        answer
            .into_inner()
            .outcome()
            .as_str_name()
            .trim_start_matches("CHECK_OUTCOME_")
    }

    /// Starts for one number, as this app: the name of the outcome and the verification.
    pub(crate) async fn start(&self, app: &str, phone: &str) -> (&'static str, v1::Verification) {
        let request = start_request(app, phone);
        let answer = self
            .call(async |mut client| client.start_verification(request).await)
            .await;
        let answer = answer.into_inner();
        let outcome = answer.outcome().as_str_name().trim_start_matches("START_OUTCOME_");
        (outcome, answer.verification.unwrap())
    }

    /// Reads a verification.
    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        self.call(async |client| Ok(get(&client, id).await)).await
    }

    /// Checks many codes of one verification, all at once.
    pub(crate) async fn check_all(self: Arc<Self>, id: String, codes: Vec<String>) -> Tally {
        let mut checks = JoinSet::new();
        for code in codes {
            let (crowd, id) = (Arc::clone(&self), id.clone());
            checks.spawn(async move { crowd.check(&id, &code).await });
        }
        let mut tally = Tally::new();
        while let Some(outcome) = checks.join_next().await {
            *tally.entry(outcome.unwrap()).or_default() += 1;
        }
        tally
    }

    /// Opens verifications for as many people and reads their codes from the phone.
    pub(crate) async fn open(self: &Arc<Self>, dev: &Dev, people: u64) -> Vec<Opened> {
        let mut starts = JoinSet::new();
        for person in 0..people {
            let crowd = Arc::clone(self);
            starts.spawn(async move {
                let phone = phone(person);
                let (outcome, verification) = crowd.start(APP, &phone).await;
                assert_eq!(outcome, "OPENED");
                (phone, verification.id)
            });
        }
        let ids: BTreeMap<String, String> = starts.join_all().await.into_iter().collect();
        let messages = eventually("every message", async || {
            let messages = dev.messages().await;
            (u64::try_from(messages.len()).unwrap() >= people).then_some(messages)
        })
        .await;
        assert_eq!(messages.len(), ids.len(), "one message each");
        let open = messages.iter().map(|message| Opened {
            id: ids[&text(&message["to"])].clone(),
            code: text(&message["code"]),
        });
        open.collect()
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Waits for the track to be free.
pub(crate) async fn track() -> MutexGuard<'static, ()> {
    TRACK.lock().await
}

/// A mobile number in São Paulo that is nobody else's.
pub(crate) fn phone(person: u64) -> String {
    format!("+551197{person:07}")
}

/// Runs one race for each verification, several at a time, and adds up what was answered.
pub(crate) async fn race_each<F>(opened: &[Opened], at_once: usize, race: impl Fn(Opened) -> F) -> Vec<Tally>
where
    F: Future<Output = Tally> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut tallies = Vec::new();
    for verification in opened {
        if running.len() >= at_once {
            tallies.extend(running.join_next().await.transpose().unwrap());
        }
        running.spawn(race(verification.clone()));
    }
    while let Some(tally) = running.join_next().await {
        tallies.push(tally.unwrap());
    }
    tallies
}

/// The sum of all tallies.
pub(crate) fn sum(tallies: &[Tally]) -> Tally {
    let mut all = Tally::new();
    for (outcome, count) in tallies.iter().flatten() {
        *all.entry(outcome).or_default() += count;
    }
    all
}

/// Prints what a race came to, and how fast.
pub(crate) fn print(race: &str, tally: &Tally, calls: u64, watch: &Stopwatch) {
    let took = watch.elapsed();
    let each: Vec<_> = tally
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let millis = u64::try_from(took.as_millis()).unwrap().max(1);
    println!(
        "{race}: {}; {calls} calls in {took:.1?}, {} calls/s",
        each.join(", "),
        calls * 1_000 / millis
    );
}
