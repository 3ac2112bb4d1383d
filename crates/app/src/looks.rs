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
    let looks = async {
        loop {
            board.look_around().await;
            let _ = tokio::time::timeout(LOOK_AROUND_EVERY, look_when_wanted(&board)).await;
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
    use async_trait::async_trait;
    use countersign_domain::id::ShardCount;
    use countersign_domain::ports::{
        CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt,
    };
    use countersign_domain::sender::AccountId;
    use countersign_domain::template::{CatalogEntry, TemplateId, TemplateName, TemplateNews, TemplateWord};
    use countersign_domain::use_case::Ports;
    use countersign_store_memory::feed::MemoryFeed;
    use countersign_store_memory::limits::MemoryLimits;
    use countersign_store_memory::recipients::MemoryStore;
    use countersign_testkit::fixture;
    use countersign_testkit::house::House;
    use countersign_testkit::wait::soon;
    use tokio::sync::Semaphore;

    use super::*;

    /// Gives a permit for each listing, and has nothing.
    struct Listings(Semaphore);

    impl Listings {
        async fn next(&self) {
            soon("a look", self.0.acquire()).await.expect("never closed").forget();
        }
    }

    #[async_trait]
    impl TemplateCatalog for Listings {
        async fn list(&self, _: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
            self.0.add_permits(1);
            Ok(Vec::new())
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
        let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
        let house = House::new(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()));
        let listings = Arc::new(Listings(Semaphore::new(0)));
        let ports = Ports {
            catalog: Arc::clone(&listings) as _,
            ..house.ports.clone()
        };
        let board = Arc::new(TemplateBoard::new(&house.rulebook, &ports));
        let stop = CancellationToken::new();
        let looking = tokio::spawn(look_at_templates(Arc::clone(&board), stop.clone()));
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
}
