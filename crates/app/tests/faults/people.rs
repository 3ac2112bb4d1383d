//! Callers and the people they ask: each behaves by its own seed, and a call is repeated until it was answered.
//!
//! Everything here runs on one thread; the instances and what is behind them do not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use countersign_grpc::{Client, v1};
use countersign_simulator::Phone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::{Code, Response, Status};

use crate::book::Book;
use crate::common::calls::{by_id, check_request, other_than, start_request};
use crate::common::clock::wall_millis;
use crate::common::crowd::phone;
use crate::fleet::Lines;

/// How long a caller waits before a call that was not answered is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(20);
/// The longest a caller repeats one call: longer than any instance or Redis is away.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// The longest a person waits for a message.
const MESSAGE_WAIT: Duration = Duration::from_secs(58);
/// The longest anybody thinks before the next guess.
const THOUGHT_MAX_MS: u64 = 4_000;
/// How long somebody waits who asks for the message again; the policy says six seconds.
const RESEND_AFTER: Duration = Duration::from_millis(6_300);

/// What somebody does who was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Guesses wrong up to twice, and then right.
    Answers,
    /// Gives the right code twice, at once.
    AnswersTwice,
    /// Asks for the message again, and then answers.
    AsksAgain,
    /// Guesses wrong to the end, and then right.
    GuessesWrong,
    /// Has the caller cancel it, and answers then.
    Cancels,
    /// Does nothing.
    IsSilent,
}

impl Habit {
    fn of(rng: &mut StdRng) -> Self {
        match rng.random_range(0..100) {
            0..42 => Self::Answers,
            42..58 => Self::AnswersTwice,
            58..70 => Self::AsksAgain,
            70..77 => Self::GuessesWrong,
            77..82 => Self::Cancels,
            _ => Self::IsSilent,
        }
    }
}

/// Callers and people.
pub(crate) struct People {
    seed: u64,
    lines: Lines,
    turn: Cell<usize>,
    pub(crate) book: RefCell<Book>,
    codes: RefCell<BTreeMap<String, String>>,
    /// Rings with every message.
    came: watch::Sender<()>,
    /// How many were begun so far.
    pub(crate) begun: watch::Sender<u64>,
    /// How many may be begun so far.
    pub(crate) allowed: watch::Sender<u64>,
}

impl People {
    pub(crate) fn new(seed: u64, lines: Lines) -> Rc<Self> {
        Rc::new(Self {
            seed,
            lines,
            turn: Cell::new(0),
            book: RefCell::default(),
            codes: RefCell::default(),
            came: watch::Sender::new(()),
            begun: watch::Sender::new(0),
            allowed: watch::Sender::new(u64::MAX),
        })
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

    /// Asks so many people, one after the other at this pace and no faster than allowed, and lets each live to the end.
    pub(crate) async fn live_all(self: Rc<Self>, people: u64, pace: Duration) {
        let mut ticks = interval(pace);
        let mut allowed = self.allowed.subscribe();
        let mut lives = Vec::new();
        for person in 0..people {
            allowed.wait_for(|allowed| person < *allowed).await.unwrap();
            ticks.tick().await;
            lives.push(spawn_local(Rc::clone(&self).live(person)));
            self.begun.send_modify(|begun| *begun += 1);
        }
        for life in lives {
            life.await.unwrap();
        }
    }

    async fn live(self: Rc<Self>, person: u64) {
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003).wrapping_add(person));
        let (habit, phone) = (Habit::of(&mut rng), phone(person));
        let opened = self.start(&phone, "first").await;
        let id = opened.id.clone();
        let Some(code) = self.code_for(&phone).await else {
            return;
        };
        let wrong = other_than(&code);
        match habit {
            Habit::IsSilent => {}
            Habit::Answers => {
                for guess in 0..rng.random_range(0..=2) {
                    think(&mut rng).await;
                    self.check(&id, &wrong, &format!("wrong-{guess}")).await;
                }
                think(&mut rng).await;
                self.answer(&opened, &code, "right").await;
            }
            Habit::AnswersTwice => {
                think(&mut rng).await;
                let twice = ["right-here", "right-there"].map(|request| {
                    let (people, opened, code) = (Rc::clone(&self), opened.clone(), code.clone());
                    spawn_local(async move { people.answer(&opened, &code, request).await })
                });
                for answer in twice {
                    answer.await.unwrap();
                }
            }
            Habit::AsksAgain => {
                pause(RESEND_AFTER).await;
                let again = self.start(&phone, "again").await;
                think(&mut rng).await;
                // With little of its life left, another one took its place, and its code is not known yet.
                if again.id == id {
                    self.answer(&opened, &code, "right").await;
                }
            }
            Habit::GuessesWrong => {
                for guess in 0..5 {
                    self.check(&id, &wrong, &format!("wrong-{guess}")).await;
                }
                self.answer(&opened, &code, "right").await;
            }
            Habit::Cancels => {
                think(&mut rng).await;
                self.cancel(&id).await;
                self.answer(&opened, &code, "right").await;
            }
        }
    }

    /// Starts for a phone; the same request gets the same answer.
    pub(crate) async fn start(&self, phone: &str, request: &str) -> v1::Verification {
        let mut asked = start_request("shop", phone);
        asked.request_id = format!("{request}-{}", &phone[1..]);
        let answer = self
            .ask("start", |mut client| {
                let asked = asked.clone();
                async move { client.start_verification(asked).await }
            })
            .await;
        let outcome = answer.outcome().as_str_name().trim_start_matches("START_OUTCOME_");
        let verification = answer.verification.unwrap();
        self.book.borrow_mut().note_start(outcome, phone, &verification);
        verification
    }

    /// Gives the right code, which is refused only to those who know why.
    async fn answer(&self, opened: &v1::Verification, code: &str, request: &str) {
        let outcome = self.check(&opened.id, code, request).await;
        let mut book = self.book.borrow_mut();
        let started = &book.started[&opened.id];
        let fits = match outcome {
            // Whether a failure is honest is judged at the end, with all that Meta knows.
            "APPROVED" | "FAILED" => true,
            "ALREADY_APPROVED" => request != "right",
            "EXHAUSTED" => started.checks.contains("INCORRECT"),
            "CANCELED" => started.was_canceled,
            "EXPIRED" => wall_millis() >= millis(opened.expire_time),
            _ => false,
        };
        if !fits {
            book.wrongs.push(format!("a right code was answered with {outcome}"));
        }
    }

    /// Checks a code: what was answered in the end.
    async fn check(&self, id: &str, code: &str, request: &str) -> &'static str {
        let mut asked = check_request(id, code);
        request.clone_into(&mut asked.request_id);
        let answer = self
            .ask("check", |mut client| {
                let asked = asked.clone();
                async move { client.check_verification(asked).await }
            })
            .await;
        let outcome = answer.outcome().as_str_name().trim_start_matches("CHECK_OUTCOME_");
        let mut book = self.book.borrow_mut();
        book.note_check(id, request, outcome);
        // The repeat of a request gets the first answer again, with the verification as it is by then.
        book.note_state(&answer.verification.unwrap());
        outcome
    }

    async fn cancel(&self, id: &str) {
        self.book.borrow_mut().started.get_mut(id).unwrap().was_canceled = true;
        let answer = self
            .ask("cancel", |mut client| {
                let verification = Some(by_id(id));
                async move {
                    client
                        .cancel_verification(v1::CancelVerificationRequest { verification })
                        .await
                }
            })
            .await;
        self.book.borrow_mut().note_state(&answer.verification.unwrap());
    }

    /// Reads a verification, at whatever instance has its turn.
    pub(crate) async fn get(&self, id: &str) -> v1::Verification {
        let answer = self
            .ask("get", |mut client| {
                let verification = Some(by_id(id));
                async move {
                    client
                        .get_verification(v1::GetVerificationRequest { verification })
                        .await
                }
            })
            .await;
        answer.verification.unwrap()
    }

    /// The code that was sent to a phone, once it is there; nothing when none comes in time.
    async fn code_for(&self, phone: &str) -> Option<String> {
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
        timeout(MESSAGE_WAIT, waiting).await.ok()
    }

    /// Makes one call at one living instance after the other, until it was answered.
    async fn ask<T, F>(&self, method: &'static str, call: impl Fn(Client) -> F) -> T
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut ticks = interval(REPEAT_AFTER);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asking = async {
            loop {
                ticks.tick().await;
                let Some(client) = self.line() else { continue };
                let answer = call(client).await;
                let may_repeat = self.book.borrow_mut().note_status(method, answer.as_ref().err());
                match answer {
                    Ok(answer) => return answer.into_inner(),
                    Err(status) => assert!(may_repeat && status.code() != Code::Ok, "{method}: {status:?}"),
                }
            }
        };
        let answered = timeout(ANSWER_WAIT, asking).await;
        answered.unwrap_or_else(|_| panic!("{method} was not answered within {ANSWER_WAIT:?}"))
    }

    /// A connection to the next instance that lives, if any does.
    fn line(&self) -> Option<Client> {
        let lines = self.lines.borrow();
        let turn = self.turn.replace(self.turn.get() + 1);
        (0..lines.len()).find_map(|step| lines[(turn + step) % lines.len()].clone())
    }
}

/// Takes some time.
async fn think(rng: &mut StdRng) {
    pause(Duration::from_millis(rng.random_range(0..THOUGHT_MAX_MS))).await;
}

/// Lets time pass that people take.
pub(crate) async fn pause(time: Duration) {
    let _ = timeout(time, std::future::pending::<()>()).await;
}

/// A moment in milliseconds since the Unix epoch.
pub(crate) fn millis(at: Option<prost_types::Timestamp>) -> u64 {
    let at = at.unwrap();
    u64::try_from(at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000).unwrap()
}
