//! When the guard shares what it heard. What is made of it, and when it learns, is the domain's.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::use_case::Guard;
use tokio_util::sync::CancellationToken;

/// How often what was heard is shared: for so long an instance may know more of an attack than the others.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Shares until `stop`, then shares once more. What fails is observed by the guard, and tried again the next
/// time; what is cut short is shared by the last one, and counts once.
pub(crate) async fn keep_watch(guard: Arc<Guard>, stop: CancellationToken) {
    keep_watch_every(FLUSH_EVERY, &guard, stop).await;
}

async fn keep_watch_every(flush: Duration, guard: &Guard, stop: CancellationToken) {
    let sharing = async {
        loop {
            tokio::time::sleep(flush).await;
            let _ = guard.flush().await;
        }
    };
    stop.run_until_cancelled(sharing).await;
    let _ = guard.flush().await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use countersign_domain::event::Event;
    use countersign_domain::guard::{GuardSettings, SeriesKey};
    use countersign_domain::id::ShardCount;
    use countersign_domain::ports::{BatchId, StoreError, Tally, TallyStore};
    use countersign_domain::time::Timestamp;
    use countersign_domain::use_case::Rulebook;
    use countersign_store_memory::feed::MemoryFeed;
    use countersign_store_memory::guard::MemoryGuard;
    use countersign_store_memory::limits::MemoryLimits;
    use countersign_store_memory::recipients::MemoryStore;
    use countersign_testkit::fixture;
    use countersign_testkit::house::House;
    use countersign_testkit::wait::{eventually, soon};
    use tokio::task::JoinHandle;

    use super::*;

    /// Counts how often what is usual was asked for.
    #[derive(Debug, Default)]
    struct Books {
        reads: AtomicUsize,
        is_away: AtomicBool,
    }

    #[async_trait]
    impl TallyStore for Books {
        async fn add(&self, _: BatchId, _: &[Tally], _: Timestamp) -> Result<(), StoreError> {
            Ok(())
        }

        async fn read(
            &self,
            series: &[SeriesKey],
            _: Timestamp,
            _: Timestamp,
        ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            if self.is_away.load(Ordering::SeqCst) {
                return Err(StoreError::Unavailable("away".into()));
            }
            Ok(vec![Vec::new(); series.len()])
        }
    }

    /// A house whose guard is on and reads these books.
    fn house(books: &Arc<Books>) -> House {
        let rulebook = Rulebook {
            guard: Some(GuardSettings::default()),
            ..fixture::rulebook()
        };
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        House::builder(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()))
            .guard(Arc::new(MemoryGuard::new()), Arc::clone(books) as _)
            .rulebook(rulebook)
            .build()
    }

    /// Keeps watch until the returned token is canceled.
    fn watch(house: &House, flush: Duration) -> (CancellationToken, JoinHandle<()>) {
        let (stop, guard) = (CancellationToken::new(), Arc::clone(&house.use_cases.guard));
        let until = stop.clone();
        let watching = tokio::spawn(async move { keep_watch_every(flush, &guard, until).await });
        (stop, watching)
    }

    impl Books {
        /// Waits until they were read so often.
        async fn read_times(&self, times: usize) {
            let enough = async || (self.reads.load(Ordering::SeqCst) >= times).then_some(());
            eventually("the books to be read", enough).await;
        }
    }

    const SOON: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn what_is_usual_is_read_at_the_first_second_and_again_when_the_hour_has_turned() {
        let books = Arc::new(Books::default());
        let house = house(&books);
        let (stop, watching) = watch(&house, SOON);
        books.read_times(1).await;
        house.clock.advance(Duration::from_secs(60 * 60));
        books.read_times(2).await;
        stop.cancel();
        soon("the end", watching).await.expect("no panic");
        assert_eq!(books.reads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_and_once_more_at_the_end_and_said_once() {
        let books = Arc::new(Books::default());
        books.is_away.store(true, Ordering::SeqCst);
        let house = house(&books);
        let (stop, watching) = watch(&house, SOON);
        books.read_times(5).await;
        stop.cancel();
        soon("the end", watching).await.expect("no panic");
        assert_eq!(house.recorder.events(), [Event::GuardUnheard]);
    }

    #[tokio::test]
    async fn the_end_of_the_watch_shares_once_more() {
        let books = Arc::new(Books::default());
        let (stop, watching) = watch(&house(&books), Duration::from_secs(60 * 60));
        stop.cancel();
        soon("the end", watching).await.expect("no panic");
        assert_eq!(books.reads.load(Ordering::SeqCst), 1);
    }
}
