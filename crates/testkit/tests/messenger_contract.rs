//! The messenger suite against the fake, so that the suite itself is known to hold before an adapter runs it.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign_domain::delivery::{Fault, NextStep, ProviderReport, Rejection};
use countersign_domain::ports::{Accepted, Message, Messenger, SendError};
use countersign_testkit::contract::Fresh;
use countersign_testkit::contract::messenger::{Behaviour, MessengerHarness, Received};
use countersign_testkit::messenger::{FakeMessenger, SentMessage};

#[derive(Default)]
struct Scripted {
    provider: Arc<FakeMessenger>,
    adapter: Arc<Adapter>,
}

/// Reaches the fake, or does not.
#[derive(Default)]
struct Adapter {
    provider: Arc<FakeMessenger>,
    unreachable: AtomicBool,
}

#[async_trait]
impl Messenger for Adapter {
    async fn send(&self, message: &Message) -> Result<Accepted, SendError> {
        if !self.unreachable.load(Ordering::SeqCst) {
            return self.provider.send(message).await;
        }
        Err(SendError {
            step: NextStep::Unavailable,
            report: None,
            cause: Some("connection refused".into()),
        })
    }
}

fn fresh() -> Ready<Fresh<dyn MessengerHarness>> {
    let provider = Arc::new(FakeMessenger::default());
    let adapter = Arc::new(Adapter {
        provider: Arc::clone(&provider),
        ..Adapter::default()
    });
    ready(Fresh::new(Arc::new(Scripted { provider, adapter })))
}

#[async_trait]
impl MessengerHarness for Scripted {
    fn messenger(&self) -> Arc<dyn Messenger> {
        Arc::clone(&self.adapter) as _
    }

    async fn behave(&self, behaviour: Behaviour) {
        let unreachable = behaviour == Behaviour::Unreachable;
        self.adapter.unreachable.store(unreachable, Ordering::SeqCst);
        let refuse = |step| {
            self.provider.refuse_next(step, ProviderReport::new(1, "refused", ""));
        };
        match behaviour {
            Behaviour::Accepts => self.provider.answer_always(Ok(Accepted {
                held: false,
                message: None,
                number: None,
            })),
            Behaviour::AcceptsHeld => self.provider.answer_always(Ok(Accepted {
                held: true,
                message: None,
                number: None,
            })),
            Behaviour::RefusesRecipient => refuse(NextStep::Rejected(Rejection::Undeliverable)),
            Behaviour::RefusesTemplate => refuse(NextStep::Misconfigured(Fault::Template)),
            Behaviour::AccountBroken => refuse(NextStep::Misconfigured(Fault::Account)),
            Behaviour::Throttles(scope) => refuse(NextStep::Throttled {
                scope,
                retry_after: None,
            }),
            Behaviour::Unreachable => {}
            Behaviour::AnswersGarbage
            | Behaviour::NeverAnswers
            | Behaviour::StallsMidAnswer
            | Behaviour::ClosesMidAnswer => self.provider.answer_next(Err(NextStep::Uncertain)),
        }
    }

    async fn received(&self) -> Vec<Received> {
        let understood = |it: SentMessage| Received {
            to: it.to.expose().to_owned(),
            code: it.code,
            template: it.template.as_str().to_owned(),
            language: it.language.as_str().to_owned(),
            reference: it.reference,
        };
        self.provider.sent().into_iter().map(understood).collect()
    }
}

countersign_testkit::messenger_contract!(fresh);
