//! An intake with a few messages behind it, put back after every post that moved one.

use std::sync::atomic::Ordering;

use axum::http::{Request, StatusCode};
use countersign_domain::verification::VerificationState;
use countersign_whatsapp::Secret;
use countersign_whatsapp::webhook::WebhookConfig;

use super::draw::Draw;
use super::forge::{self, Post};
use super::tally::Played;
use super::{SECRETS, bodies, oracle, references};
use crate::house::{Intake, PATH, Records, config};

/// How many messages were sent, each to a phone of its own.
const MESSAGES: u32 = 4;

/// What posts are handed to.
pub(super) struct World {
    intake: Intake,
    before: Records,
    /// The reference of each message.
    pub(super) references: Vec<String>,
    /// The references of the same messages as other installations would seal them.
    pub(super) foreign: Vec<String>,
    /// Real posts about them.
    pub(super) bodies: Vec<Vec<u8>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::trusting(&SECRETS)
    }

    /// A world whose intake takes signatures made with these secrets, whatever the oracle thinks of them.
    pub(super) fn trusting(secrets: &[&str]) -> Self {
        let intake = Intake::with(&WebhookConfig {
            app_secrets: secrets.iter().map(|it| Secret::new(it)).collect(),
            ..config()
        });
        let runtime = super::runtime();
        let sent = (0..MESSAGES).map(|n| runtime.block_on(intake.sent(n)));
        let references: Vec<String> = sent.collect();
        Self {
            before: intake.store.records(),
            foreign: references::foreign(&references),
            bodies: bodies::real(&references),
            references,
            intake,
        }
    }

    /// From now on the oracle takes the reference of the first message for nobody's.
    pub(super) fn forget_a_reference(&mut self) {
        "nobody's".clone_into(&mut self.references[0]);
    }

    /// Hands in one post. Fails with the promise that was broken.
    pub(super) async fn play(&self, draw: &mut Draw) -> Result<Played, String> {
        let post = forge::post(draw, self);
        let taken = oracle::is_genuine(&post, &SECRETS);
        let (loads, replaces) = self.asked();
        let status = self.hand_in(&post).await;
        let kind = post.kind;
        let moved = if taken {
            if status != StatusCode::OK {
                return Err(format!("{kind:?}: signed and answered with {status}"));
            }
            self.compare(&post.body, self.asked().1 > replaces)?
        } else {
            if status != StatusCode::UNAUTHORIZED {
                return Err(format!("{kind:?}: not signed and answered with {status}"));
            }
            if self.asked() != (loads, replaces) {
                return Err(format!("{kind:?}: not signed, and the store was asked"));
            }
            0
        };
        Ok(Played { kind, taken, moved })
    }

    async fn hand_in(&self, post: &Post) -> StatusCode {
        let mut request = Request::post(PATH);
        for (name, value) in &post.headers {
            request = request.header(name, value);
        }
        self.intake.ask(request, post.body.clone()).await
    }

    /// Loads and replaces so far.
    fn asked(&self) -> (usize, usize) {
        let store = &self.intake.store;
        (
            store.loads.load(Ordering::SeqCst),
            store.replaces.load(Ordering::SeqCst),
        )
    }

    /// Compares the messages with what the body says about them; answers how many moved, and puts all of them back.
    fn compare(&self, body: &[u8], wrote: bool) -> Result<usize, String> {
        self.intake.house.recorder.take();
        self.intake.house.courier.take();
        let expected = oracle::steps(body, &self.references);
        let expected_moves = expected.iter().filter(|step| **step > 0).count();
        if !wrote {
            return if expected_moves == 0 {
                Ok(0)
            } else {
                Err(format!("{expected_moves} messages should have moved, and none did"))
            };
        }
        let after = self.intake.store.records();
        self.intake.store.put_back(self.before.clone());
        if after.len() != self.before.len() {
            return Err("a recipient came or went".to_owned());
        }
        for n in 0..MESSAGES {
            let (key, at) = (self.intake.key(n), usize::try_from(n).unwrap_or(usize::MAX));
            let (before, after) = (&self.before[&key], &after[&key]);
            if expected[at] == 0 && after != before {
                return Err(format!("message {n} was not named, and its record changed"));
            }
            let verification = &after.recipient.verifications[0];
            if matches!(verification.state, VerificationState::Approved { .. }) {
                return Err(format!("a webhook approved verification {n}"));
            }
            let step = oracle::step_of(verification.deliveries[0].state.name());
            if step != expected[at] {
                return Err(format!("message {n} moved to step {step} and not to {}", expected[at]));
            }
            if step > 0 && !oracle::names(body, &self.references[at]) {
                return Err(format!("message {n} moved, and its reference is not in the post"));
            }
        }
        Ok(expected_moves)
    }
}
