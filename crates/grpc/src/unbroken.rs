//! Work that a caller who goes away cannot tear in half.
//!
//! It runs where it is awaited, which spares a hop to another task and back for every call that is waited for. Dropped
//! halfway, it goes on in a task of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that is carried to its end, whoever waits for it.
pub(crate) struct Unbroken<T: Send + 'static>(Option<Work<T>>);

/// The work panicked. What it was about is in the log of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T: Send + 'static> Unbroken<T> {
    /// Begins when it is first polled, or when it is dropped.
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Unbroken<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out, so that work which panics is gone, and not polled again when this is dropped.
        let Some(mut work) = self.0.take() else {
            return Poll::Ready(Err(Panicked));
        };
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => {
                self.0 = Some(work);
                Poll::Pending
            }
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

impl<T: Send + 'static> Drop for Unbroken<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn work_that_is_waited_for_answers() {
        assert_eq!(Unbroken::new(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn work_that_is_dropped_halfway_goes_on() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();
        let work = Unbroken::new(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        });
        assert!(timeout(Duration::from_millis(1), work).await.is_err());
        go.send(()).unwrap();
        assert_eq!(end.await, Ok(7));
    }

    #[tokio::test]
    async fn work_that_is_dropped_before_it_began_is_done() {
        let (done, end) = oneshot::channel();
        drop(Unbroken::new(async move { done.send(7).unwrap() }));
        assert_eq!(end.await, Ok(7));
    }

    #[tokio::test]
    async fn work_that_panics_says_so_and_does_not_run_again() {
        let mut work = Unbroken::<()>::new(async { panic!("on purpose") });
        assert_eq!((&mut work).await, Err(Panicked));
        assert_eq!((&mut work).await, Err(Panicked));
    }
}
