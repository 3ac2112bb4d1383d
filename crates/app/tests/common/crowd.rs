//! Many callers of one service, or of several instances of it: connections, calls in flight, and what was answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use countersign_grpc::{Client, reason, v1};
use tokio::sync::{Mutex, MutexGuard, Semaphore};
use tokio::task::JoinSet;
use tonic::Status;
use tonic_types::StatusExt;

use crate::common::calls::{by_id, check_request, start_request};
use crate::common::clock::Stopwatch;
use crate::common::dev::{Dev, text};
use crate::common::meta::Meta;
use countersign_testkit::wait::{eventually, soon};

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
    /// Calls that were repeated because they lost every race; nothing when none may.
    contended: Option<AtomicU64>,
}

impl Crowd {
    /// Callers on these connections, to whom every call has to succeed.
    pub(crate) fn new(clients: Vec<Client>) -> Arc<Self> {
        Arc::new(Self::on(clients, None))
    }

    /// Callers on these connections who repeat a call that lost every race, and nothing else.
    pub(crate) fn patient(clients: Vec<Client>) -> Arc<Self> {
        Arc::new(Self::on(clients, Some(AtomicU64::new(0))))
    }

    fn on(clients: Vec<Client>, contended: Option<AtomicU64>) -> Self {
        Self {
            places: Semaphore::new(clients.len() * CALLS_EACH),
            clients,
            turn: AtomicUsize::new(0),
            calls: AtomicU64::new(0),
            contended,
        }
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
    pub(crate) async fn call<T, F>(&self, call: impl Fn(Client) -> F) -> T
    where
        F: Future<Output = Result<T, Status>>,
    {
        let _place = self.places.acquire().await.unwrap();
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len();
            self.calls.fetch_add(1, Ordering::Relaxed);
            match (call(self.clients[turn].clone()).await, &self.contended) {
                (Ok(answer), _) => return answer,
                (Err(status), Some(contended)) if has_lost_every_race(&status) => {
                    contended.fetch_add(1, Ordering::Relaxed);
                }
                (Err(status), _) => panic!("{status:?}"),
            }
        }
    }

    /// Checks one code: the name of the outcome.
    pub(crate) async fn check(&self, id: &str, code: &str) -> &'static str {
        let request = check_request(id, code);
        let answer = self
            .call(|mut client| {
                let request = request.clone();
                async move { client.check_verification(request).await }
            })
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
            .call(|mut client| {
                let request = request.clone();
                async move { client.start_verification(request).await }
            })
            .await;
        let answer = answer.into_inner();
        let outcome = answer.outcome().as_str_name().trim_start_matches("START_OUTCOME_");
        (outcome, answer.verification.unwrap())
    }

    /// Reads a verification.
    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(id)),
        };
        let answer = self
            .call(|mut client| {
                let request = request.clone();
                async move { client.get_verification(request).await }
            })
            .await;
        answer.into_inner().verification.unwrap()
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
        let ids = self.start_each(APP, people).await;
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

    /// Opens verifications of the app `shop` for as many people; their codes come from the stand-in for Meta.
    pub(crate) async fn open_by(self: &Arc<Self>, meta: &Meta, people: u64) -> Vec<Opened> {
        let ids = self.start_each("shop", people).await;
        let messages = soon("every message", meta.phone.wait_until(people)).await;
        assert_eq!(messages.len(), ids.len(), "one message each");
        let open = messages.iter().map(|message| Opened {
            id: ids[&message.to].clone(),
            code: message.code.clone(),
        });
        open.collect()
    }

    /// Opens a verification for as many people: the ids by phone.
    async fn start_each(self: &Arc<Self>, app: &'static str, people: u64) -> BTreeMap<String, String> {
        let mut starts = JoinSet::new();
        for person in 0..people {
            let crowd = Arc::clone(self);
            starts.spawn(async move {
                let phone = phone(person);
                let (outcome, verification) = crowd.start(app, &phone).await;
                assert_eq!(outcome, "OPENED");
                (phone, verification.id)
            });
        }
        starts.join_all().await.into_iter().collect()
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many calls were repeated because they lost every race.
    pub(crate) fn contended(&self) -> u64 {
        self.contended.as_ref().map_or(0, |it| it.load(Ordering::Relaxed))
    }
}

/// Whether a call failed because others were faster each time, which is said with a reason of its own.
fn has_lost_every_race(status: &Status) -> bool {
    let details = status.get_error_details();
    details
        .error_info()
        .is_some_and(|info| info.reason == reason::CONTENDED)
}

/// Waits for the track to be free.
pub(crate) async fn track() -> MutexGuard<'static, ()> {
    TRACK.lock().await
}

/// A mobile number in São Paulo that is nobody else's.
pub(crate) fn phone(person: u64) -> String {
    format!("+551197{person:07}")
}

/// Codes that are wrong, each another one.
pub(crate) fn wrong_codes(count: usize, right: &str) -> Vec<String> {
    let all = (0..1_000_000).map(|number| format!("{:06}", (number * 7_919 + 13) % 1_000_000));
    all.filter(|code| code != right).take(count).collect()
}

/// The right code among so many wrong ones, now here and now there: sometimes in front, and sometimes too late.
pub(crate) fn with_junk(right: String, junk: usize) -> Vec<String> {
    let mut codes = wrong_codes(junk, &right);
    let place: usize = right.parse().unwrap();
    codes.insert(place % (junk + 1), right);
    codes
}

/// The count of an outcome.
pub(crate) fn of(tally: &Tally, outcome: &str) -> u64 {
    tally.get(outcome).copied().unwrap_or_default()
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
