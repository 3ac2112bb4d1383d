//! Whose turn it is to charge for a recipient: of this process's decisions one at a time.
//!
//! A start takes its charges before it writes, and gives them back when somebody else wrote first. Of fifty parallel
//! starts of one phone, ten could hold the whole of a limit for a moment, and the others would hear that it is used up
//! where they only have to join. With one turn for each recipient and process, only one of them charges; the others
//! wait until it has written, look again, and join.
//!
//! A turn lasts for two calls of the stores, and nobody waits for a second one. No runtime is needed to wait.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::id::RecipientKey;

/// The turns that are taken, and who waits for them to end.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<RecipientKey, Vec<Waker>>>);

/// A turn; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: RecipientKey,
}

impl Turns {
    /// Takes the turn, unless somebody has it.
    pub(super) fn take(&self, key: RecipientKey) -> Option<Turn<'_>> {
        let mut taken = self.lock();
        if taken.contains_key(&key) {
            return None;
        }
        taken.insert(key, Vec::new());
        Some(Turn { turns: self, key })
    }

    /// Waits until nobody has the turn. Somebody else may take it at once.
    pub(super) fn end_of(&self, key: RecipientKey) -> impl Future<Output = ()> + '_ {
        EndOf { turns: self, key }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecipientKey, Vec<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = self.turns.lock().remove(&self.key);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

struct EndOf<'a> {
    turns: &'a Turns,
    key: RecipientKey,
}

impl Future for EndOf<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut taken = self.turns.lock();
        let Some(waiting) = taken.get_mut(&self.key) else {
            return Poll::Ready(());
        };
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    const KEY: RecipientKey = RecipientKey::from_bytes([1; 16]);
    const OTHER: RecipientKey = RecipientKey::from_bytes([2; 16]);

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_at_a_time_has_the_turn_of_a_recipient_and_others_have_theirs() {
        let turns = Turns::default();
        let turn = turns.take(KEY);
        assert!(turn.is_some() && turns.take(KEY).is_none());
        assert!(turns.take(OTHER).is_some());
        drop(turn);
        assert!(turns.take(KEY).is_some());
        assert!(turns.lock().is_empty(), "a turn that is over is still kept");
    }

    #[test]
    fn whoever_waits_is_woken_once_when_the_turn_is_over() {
        let turns = Turns::default();
        let counter = Arc::<Counter>::default();
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        let turn = turns.take(KEY);
        let mut waiting = Box::pin(turns.end_of(KEY));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(turn);
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        assert!(Box::pin(turns.end_of(OTHER)).as_mut().poll(&mut context).is_ready());
    }
}
