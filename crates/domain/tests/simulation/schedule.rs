//! A scheduler that polls one task at a time, chosen by the seed. Every step of a port is a place to switch.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use rand::RngExt;
use rand::rngs::StdRng;

/// What a task stands for; the oracle asks who is acting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Start,
    Check,
    Cancel,
    Webhook,
    Sender,
}

/// One thing that goes on.
pub(crate) struct Task {
    pub(crate) instance: usize,
    pub(crate) actor: Actor,
    pub(crate) future: Pin<Box<dyn Future<Output = ()>>>,
}

/// Everything that goes on at once.
#[derive(Default)]
pub(crate) struct Schedule {
    tasks: Vec<Task>,
}

impl Schedule {
    pub(crate) fn spawn(&mut self, instance: usize, actor: Actor, future: impl Future<Output = ()> + 'static) {
        self.tasks.push(Task {
            instance,
            actor,
            future: Box::pin(future),
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Polls one task, any of them. `before` hears who it is.
    pub(crate) fn step(&mut self, rng: &mut StdRng, before: impl FnOnce(Actor)) {
        if self.tasks.is_empty() {
            return;
        }
        let index = rng.random_range(0..self.tasks.len());
        before(self.tasks[index].actor);
        let mut context = Context::from_waker(Waker::noop());
        if self.tasks[index].future.as_mut().poll(&mut context).is_ready() {
            drop(self.tasks.swap_remove(index));
        }
    }

    /// Ends everything an instance was doing, wherever it was.
    pub(crate) fn crash(&mut self, instance: usize) {
        self.tasks.retain(|task| task.instance != instance);
    }
}

/// A place where somebody else may go first.
pub(crate) async fn switch() {
    let mut waited = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut waited, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Runs a future whose switches nobody else takes.
pub(crate) fn now_or_never<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
