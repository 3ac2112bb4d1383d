//! Callers who never stop: people who are asked and answer, people who are asked and wait, and attackers; what each of
//! them was told is kept in a book. A call is repeated when it was not carried out for sure, and on nothing else.
//!
//! Everything here runs on one thread; the instances and their Redis do not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use countersign_grpc::{Client, v1};
use countersign_simulator::Phone;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::common::calls::{by_id, check_request, other_than, start_request};
use crate::common::crowd::phone;
use crate::fleet::INSTANCES;
use countersign_testkit::wait::soon;

/// How long a caller waits before a call that failed is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(20);
/// How many give the right code of one verification, each at another instance.
const RIGHT_AT_ONCE: usize = 3;
/// Guesses an attacker makes before trying to start again.
const GUESSES_PER_ROUND: usize = 20;

/// What callers were told.
#[derive(Default)]
pub(crate) struct Book {
    /// How often each method was answered how.
    pub(crate) statuses: BTreeMap<(&'static str, String), u64>,
    /// How often each instance failed to carry a call out.
    pub(crate) failures: [u64; INSTANCES],
    /// Calls that were carried out.
    pub(crate) answered: u64,
    /// The phone of every verification that was answered with `OPENED`.
    pub(crate) opened: BTreeMap<String, String>,
    /// How often each outcome was heard of each verification.
    pub(crate) heard: BTreeMap<String, BTreeMap<&'static str, u64>>,
}

impl Book {
    /// How often an outcome was heard of a verification.
    pub(crate) fn heard(&self, id: &str, outcome: &str) -> u64 {
        let heard = self.heard.get(id).and_then(|it| it.get(outcome));
        heard.copied().unwrap_or_default()
    }
}

/// The callers.
pub(crate) struct Load {
    /// Connections to each instance, in turn.
    clients: Vec<Client>,
    turn: Cell<usize>,
    people: Cell<u64>,
    stopped: Cell<bool>,
    pub(crate) book: RefCell<Book>,
    /// Rings with every line of the book.
    bell: watch::Sender<()>,
    codes: RefCell<BTreeMap<String, String>>,
    /// Rings with every message.
    came: watch::Sender<()>,
}

impl Load {
    pub(crate) fn new(clients: Vec<Client>) -> Rc<Self> {
        Rc::new(Self {
            clients,
            turn: Cell::new(0),
            people: Cell::new(0),
            stopped: Cell::new(false),
            book: RefCell::default(),
            bell: watch::Sender::new(()),
            codes: RefCell::default(),
            came: watch::Sender::new(()),
        })
    }

    /// Lets everybody finish what they are at, and begin nothing new.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    /// Reads what comes to any phone, without end.
    pub(crate) async fn read_messages(self: Rc<Self>, from: Phone) {
        let mut last = 0;
        loop {
            let message = from.next_message(last).await;
            last = message.number;
            self.codes.borrow_mut().insert(message.to.clone(), message.code.clone());
            self.came.send_replace(());
        }
    }

    /// Waits until the book says what is wanted.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Book) -> bool) {
        let mut bell = self.bell.subscribe();
        let waiting = async {
            while !is_so(&self.book.borrow()) {
                bell.changed().await.unwrap();
            }
        };
        soon(what, waiting).await;
    }

    /// People who are asked, guess wrong once, and give the right code at every instance at once.
    pub(crate) async fn answer(self: Rc<Self>) {
        while !self.stopped.get() {
            let (id, phone) = self.open().await;
            let code = self.code_for(&phone).await;
            self.check(&id, &other_than(&code)).await;
            let rights = (0..RIGHT_AT_ONCE).map(|_| {
                let (load, id, code) = (Rc::clone(&self), id.clone(), code.clone());
                tokio::task::spawn_local(async move { load.check(&id, &code).await })
            });
            for right in rights.collect::<Vec<_>>() {
                let outcome = right.await.unwrap();
                assert!(matches!(outcome, "APPROVED" | "ALREADY_APPROVED"), "{outcome}");
            }
        }
    }

    /// People who are asked and answer when everything is over: ids and phones.
    pub(crate) async fn wait(self: Rc<Self>, pace: Duration) -> Vec<(String, String)> {
        let mut waiting = Vec::new();
        let mut ticks = interval(pace);
        while !self.stopped.get() {
            ticks.tick().await;
            waiting.push(self.open().await);
        }
        waiting
    }

    /// Somebody who starts and guesses at one phone without end: the phone, and every id there was.
    pub(crate) async fn attack(self: Rc<Self>) -> (String, Vec<String>) {
        let phone = self.next_phone();
        let mut ids: Vec<String> = Vec::new();
        while !self.stopped.get() {
            let request = start_request("shop", &phone);
            let started = self.ask("start", |mut client| {
                let request = request.clone();
                async move { client.start_verification(request).await }
            });
            match started.await {
                Ok(answer) => {
                    let id = self.note_start(answer, &phone);
                    if ids.last() != Some(&id) {
                        ids.push(id);
                    }
                }
                Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
            }
            let id = ids.last().unwrap();
            let code = self.code_for(&phone).await;
            for _ in 0..GUESSES_PER_ROUND {
                self.check(id, &other_than(&code)).await;
            }
        }
        (phone, ids)
    }

    /// Asks somebody new: the id and the phone. Every other caller names the request, so that it is safe to repeat.
    async fn open(&self) -> (String, String) {
        let phone = self.next_phone();
        let mut request = start_request("shop", &phone);
        if self.people.get().is_multiple_of(2) {
            request.request_id = format!("start-{}", &phone[1..]);
        }
        let started = self.ask("start", |mut client| {
            let request = request.clone();
            async move { client.start_verification(request).await }
        });
        let answer = started.await.unwrap();
        (self.note_start(answer, &phone), phone)
    }

    fn note_start(&self, answer: v1::StartVerificationResponse, phone: &str) -> String {
        let is_opened = answer.outcome() == v1::StartOutcome::Opened;
        let id = answer.verification.unwrap().id;
        if is_opened {
            self.book.borrow_mut().opened.insert(id.clone(), phone.to_owned());
        }
        id
    }

    /// Checks a code: what was answered in the end.
    pub(crate) async fn check(&self, id: &str, code: &str) -> &'static str {
        let request = check_request(id, code);
        let checked = self.ask("check", |mut client| {
            let request = request.clone();
            async move { client.check_verification(request).await }
        });
        let outcome = checked.await.unwrap().outcome().as_str_name();
        let outcome = outcome.trim_start_matches("CHECK_OUTCOME_");
        let mut book = self.book.borrow_mut();
        *book.heard.entry(id.to_owned()).or_default().entry(outcome).or_default() += 1;
        outcome
    }

    /// Reads a verification.
    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(id)),
        };
        let read = self.ask("get", |mut client| {
            let request = request.clone();
            async move { client.get_verification(request).await }
        });
        read.await.unwrap().verification.unwrap()
    }

    /// The code that was sent to a phone, once it is there.
    pub(crate) async fn code_for(&self, phone: &str) -> String {
        let mut came = self.came.subscribe();
        let waiting = async {
            loop {
                let code = self.codes.borrow().get(phone).cloned();
                match code {
                    Some(code) => return code,
                    None => came.changed().await.unwrap(),
                }
            }
        };
        soon("a code", waiting).await
    }

    /// Makes one call, at one instance after the other, until it was carried out or refused.
    async fn ask<T, F>(&self, method: &'static str, call: impl Fn(Client) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut ticks = interval(REPEAT_AFTER);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asking = async {
            loop {
                ticks.tick().await;
                let turn = self.turn.replace(self.turn.get() + 1) % self.clients.len();
                let answer = call(self.clients[turn].clone()).await;
                let may_repeat = self.note(method, turn % INSTANCES, answer.as_ref().err());
                if !may_repeat {
                    return answer.map(Response::into_inner);
                }
            }
        };
        soon(method, asking).await
    }

    /// Notes how a call was answered, and says whether to repeat it.
    fn note(&self, method: &'static str, instance: usize, status: Option<&Status>) -> bool {
        let told = status.map_or("OK".to_owned(), |status| {
            let details = status.get_error_details();
            let reason = details.error_info().map_or("no reason", |info| &info.reason);
            format!("{:?} {reason}", status.code())
        });
        let may_repeat = status.is_some_and(|status| {
            matches!(
                status.code(),
                Code::Unavailable | Code::Aborted | Code::DeadlineExceeded
            )
        });
        let mut book = self.book.borrow_mut();
        *book.statuses.entry((method, told)).or_default() += 1;
        book.answered += u64::from(!may_repeat);
        book.failures[instance] += u64::from(may_repeat);
        drop(book);
        self.bell.send_replace(());
        may_repeat
    }

    fn next_phone(&self) -> String {
        self.people.set(self.people.get() + 1);
        phone(self.people.get())
    }
}
