//! When the provider is asked how things are: senders, and the templates of every account. What is made of the answers
//! is the domain's.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::use_case::{Senders, TemplateBoard};
use tokio_util::sync::CancellationToken;

/// How often the provider is asked. Meta allows 200 calls for managing an hour for each account that does not send yet.
/// Twelve times an hour are 12 for each sender and 12 for each page of an account's templates; with the looks that
/// webhooks want, at most ten between two regular ones, the templates of one page cost 132 at most.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(5 * 60);

/// How soon the board is asked whether a webhook wants a look.
const NEWS_EVERY: Duration = Duration::from_millis(500);

/// Asks how the senders are, now and then, until `stop`.
pub(crate) async fn look_at_senders(senders: Arc<Senders>, stop: CancellationToken) {
    let looks = async {
        loop {
            senders.look_around().await;
            tokio::time::sleep(LOOK_AROUND_EVERY).await;
        }
    };
    stop.run_until_cancelled(looks).await;
}

/// Asks which templates every account has, now and then and soon after a webhook that wants it, until `stop`.
pub(crate) async fn look_at_templates(board: Arc<TemplateBoard>, stop: CancellationToken) {
    look_every(LOOK_AROUND_EVERY, &board, stop).await;
}

async fn look_every(wait: Duration, board: &TemplateBoard, stop: CancellationToken) {
    let looks = async {
        loop {
            board.look_around().await;
            let _ = tokio::time::timeout(wait, look_when_wanted(board)).await;
        }
    };
    stop.run_until_cancelled(looks).await;
}

async fn look_when_wanted(board: &TemplateBoard) {
    loop {
        tokio::time::sleep(NEWS_EVERY).await;
        if board.look_wanted() {
            board.look_again().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use async_trait::async_trait;
    use countersign_domain::id::ShardCount;
    use countersign_domain::ports::{
        CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt,
    };
    use countersign_domain::sender::AccountId;
    use countersign_domain::template::{
        CatalogEntry, Drift, Template, TemplateId, TemplateName, TemplateNews, TemplateStatus, TemplateWord,
    };
    use countersign_domain::use_case::Ports;
    use countersign_store_memory::feed::MemoryFeed;
    use countersign_store_memory::limits::MemoryLimits;
    use countersign_store_memory::recipients::MemoryStore;
    use countersign_testkit::catalog::agreeing_entry;
    use countersign_testkit::fixture;
    use countersign_testkit::house::House;
    use countersign_testkit::wait::{eventually, soon};
    use tokio::sync::Semaphore;
    use tokio::task::JoinHandle;

    use super::*;

    /// Gives a permit for each listing.
    #[derive(Debug)]
    struct Listings {
        looks: Semaphore,
        entries: Mutex<Vec<CatalogEntry>>,
    }

    impl Listings {
        fn of(entries: Vec<CatalogEntry>) -> Arc<Self> {
            let (looks, entries) = (Semaphore::new(0), Mutex::new(entries));
            Arc::new(Self { looks, entries })
        }

        async fn next(&self) {
            soon("a look", self.looks.acquire())
                .await
                .expect("never closed")
                .forget();
        }

        fn change(&self, change: impl FnOnce(&mut CatalogEntry)) {
            let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            change(entries.first_mut().expect("there is one"));
        }
    }

    /// Looks at these listings until the returned token is canceled.
    fn look_over(listings: &Arc<Listings>, wait: Duration) -> (Arc<TemplateBoard>, CancellationToken, JoinHandle<()>) {
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::new(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
        let ports = Ports {
            catalog: Arc::clone(listings) as _,
            ..house.ports.clone()
        };
        let board = Arc::new(TemplateBoard::new(&house.rulebook, &ports));
        let stop = CancellationToken::new();
        let (seeing, until) = (Arc::clone(&board), stop.clone());
        let looking = tokio::spawn(async move { look_every(wait, &seeing, until).await });
        (board, stop, looking)
    }

    /// What the app of the fixture describes, as it describes it.
    fn agreeing() -> Vec<CatalogEntry> {
        let apps = fixture::rulebook().apps;
        let templates = apps.iter().flat_map(|(_, app)| app.templates.iter());
        let entries = |it: &Template| -> Vec<_> {
            it.languages
                .iter()
                .map(|language| agreeing_entry(it, language))
                .collect()
        };
        templates.flat_map(entries).collect()
    }

    #[async_trait]
    impl TemplateCatalog for Listings {
        async fn list(&self, _: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
            self.looks.add_permits(1);
            Ok(self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone())
        }

        async fn get(&self, _: &AccountId, _: &TemplateId) -> Result<CatalogEntry, CatalogError> {
            Err(CatalogError::NotHeld)
        }

        async fn create(&self, _: &AccountId, _: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
            Err(CatalogError::NotHeld)
        }

        async fn upsert(&self, _: &AccountId, _: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
            Err(CatalogError::NotHeld)
        }

        async fn edit(&self, _: &AccountId, _: &TemplateId, _: &TemplateOrder) -> Result<(), CatalogError> {
            Err(CatalogError::NotHeld)
        }

        async fn delete(&self, _: &AccountId, _: &TemplateName, _: Option<TemplateId>) -> Result<(), CatalogError> {
            Err(CatalogError::NotHeld)
        }

        async fn preview(&self, _: &AccountId, _: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
            Err(CatalogError::NotHeld)
        }
    }

    #[tokio::test]
    async fn templates_are_looked_at_at_once_and_soon_after_a_webhook_that_wants_it_until_the_end() {
        let listings = Listings::of(Vec::new());
        let (board, stop, looking) = look_over(&listings, LOOK_AROUND_EVERY);
        listings.next().await;
        board.hear(&TemplateNews {
            account: None,
            name: fixture::template_name(),
            language: fixture::language("en_US"),
            at: None,
            word: TemplateWord::Components,
        });
        listings.next().await;
        stop.cancel();
        soon("the end", looking).await.expect("no panic");
    }

    #[tokio::test]
    async fn a_drift_that_no_webhook_tells_of_is_found_by_the_next_regular_look_and_so_is_its_end() {
        let listings = Listings::of(agreeing());
        let (board, stop, looking) = look_over(&listings, Duration::from_millis(1));
        let drifts = || -> Vec<_> { board.faults().into_iter().map(|it| it.drift).collect() };
        listings.next().await;
        assert_eq!(drifts(), []);
        listings.change(|it| it.status = TemplateStatus::Paused);
        let found = eventually("the drift", async || drifts().pop()).await;
        let expected = Drift::NotSendable {
            status: TemplateStatus::Paused,
            reason: String::new(),
        };
        assert_eq!(found, expected);
        listings.change(|it| it.status = TemplateStatus::Approved);
        eventually("its end", async || drifts().is_empty().then_some(())).await;
        assert!(!board.look_wanted());
        stop.cancel();
        soon("the end", looking).await.expect("no panic");
    }
}
