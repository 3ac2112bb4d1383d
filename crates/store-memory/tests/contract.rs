//! Every promise of the storage ports, kept in memory.

mod recipients {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use countersign_domain::ports::RecipientStore;
    use countersign_store_memory::recipients::MemoryStore;
    use countersign_testkit::contract::Fresh;
    use countersign_testkit::contract::recipient_store::SHARDS;

    fn fresh() -> Ready<Fresh<dyn RecipientStore>> {
        ready(Fresh::new(Arc::new(MemoryStore::new(SHARDS))))
    }

    countersign_testkit::recipient_store_contract!(fresh);
}

mod limits {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use countersign_domain::ports::LimitStore;
    use countersign_store_memory::limits::MemoryLimits;
    use countersign_testkit::contract::Fresh;

    fn fresh() -> Ready<Fresh<dyn LimitStore>> {
        ready(Fresh::new(Arc::new(MemoryLimits::new())))
    }

    countersign_testkit::limit_store_contract!(fresh);
}

mod guard {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use countersign_domain::ports::GuardStore;
    use countersign_store_memory::guard::MemoryGuard;
    use countersign_testkit::contract::Fresh;

    fn fresh() -> Ready<Fresh<dyn GuardStore>> {
        ready(Fresh::new(Arc::new(MemoryGuard::new())))
    }

    countersign_testkit::guard_store_contract!(fresh);
}

mod tallies {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use countersign_domain::ports::TallyStore;
    use countersign_store_memory::tallies::MemoryTallies;
    use countersign_testkit::contract::Fresh;

    fn fresh() -> Ready<Fresh<dyn TallyStore>> {
        ready(Fresh::new(Arc::new(MemoryTallies::new())))
    }

    countersign_testkit::tally_store_contract!(fresh);
}

mod feed {
    use std::future::{Ready, ready};
    use std::sync::Arc;

    use countersign_domain::ports::ChangeFeed;
    use countersign_store_memory::feed::MemoryFeed;
    use countersign_testkit::contract::Fresh;
    use countersign_testkit::contract::change_feed::FeedEnds;

    fn fresh() -> Ready<Fresh<FeedEnds>> {
        let publisher: Arc<dyn ChangeFeed> = Arc::new(MemoryFeed::new());
        let listener = Arc::clone(&publisher);
        ready(Fresh::new(Arc::new(FeedEnds { publisher, listener })))
    }

    countersign_testkit::change_feed_contract!(fresh);
}
