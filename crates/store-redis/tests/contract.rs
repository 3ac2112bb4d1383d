//! Every promise of the storage ports, kept on a real Redis server. Each test has one of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod recipients {
    use std::sync::Arc;

    use countersign_domain::ports::RecipientStore;
    use countersign_testkit::contract::Fresh;

    use crate::common::open;

    async fn fresh() -> Fresh<dyn RecipientStore> {
        let (server, redis) = open().await;
        let store: Arc<dyn RecipientStore> = Arc::new(redis.recipients());
        Fresh::new(store).keeping(server).keeping(redis)
    }

    countersign_testkit::recipient_store_contract!(fresh);
}

mod limits {
    use std::sync::Arc;

    use countersign_domain::ports::LimitStore;
    use countersign_testkit::contract::Fresh;

    use crate::common::open;

    async fn fresh() -> Fresh<dyn LimitStore> {
        let (server, redis) = open().await;
        let store: Arc<dyn LimitStore> = Arc::new(redis.limits());
        Fresh::new(store).keeping(server).keeping(redis)
    }

    countersign_testkit::limit_store_contract!(fresh);
}

/// A node of a cluster, which takes one slot at a time.
mod limits_on_a_cluster {
    use std::sync::Arc;

    use countersign_domain::ports::LimitStore;
    use countersign_testkit::contract::Fresh;

    use crate::common::open_cluster;

    async fn fresh() -> Fresh<dyn LimitStore> {
        let (server, redis) = open_cluster().await;
        let store: Arc<dyn LimitStore> = Arc::new(redis.limits());
        Fresh::new(store).keeping(server).keeping(redis)
    }

    countersign_testkit::limit_store_contract!(fresh);
}

mod guard {
    use std::sync::Arc;

    use countersign_domain::ports::GuardStore;
    use countersign_testkit::contract::Fresh;

    use crate::common::open;

    async fn fresh() -> Fresh<dyn GuardStore> {
        let (server, redis) = open().await;
        let store: Arc<dyn GuardStore> = Arc::new(redis.guard());
        Fresh::new(store).keeping(server).keeping(redis)
    }

    countersign_testkit::guard_store_contract!(fresh);
}

mod tallies {
    use std::sync::Arc;

    use countersign_domain::ports::TallyStore;
    use countersign_testkit::contract::Fresh;

    use crate::common::open;

    async fn fresh() -> Fresh<dyn TallyStore> {
        let (server, redis) = open().await;
        let store: Arc<dyn TallyStore> = Arc::new(redis.tallies());
        Fresh::new(store).keeping(server).keeping(redis)
    }

    countersign_testkit::tally_store_contract!(fresh);
}

/// One instance publishes, another one listens.
mod feed {
    use std::sync::Arc;

    use countersign_testkit::contract::Fresh;
    use countersign_testkit::contract::change_feed::FeedEnds;

    use crate::common::{open, open_on};

    async fn fresh() -> Fresh<FeedEnds> {
        let (server, redis) = open().await;
        let other = open_on(&server).await;
        let ends = FeedEnds {
            publisher: redis.feed(),
            listener: other.feed(),
        };
        Fresh::new(Arc::new(ends)).keeping(server).keeping((redis, other))
    }

    countersign_testkit::change_feed_contract!(fresh);
}

mod feed_of_one_instance {
    use std::sync::Arc;

    use countersign_testkit::contract::Fresh;
    use countersign_testkit::contract::change_feed::FeedEnds;

    use crate::common::open;

    async fn fresh() -> Fresh<FeedEnds> {
        let (server, redis) = open().await;
        let ends = FeedEnds {
            publisher: redis.feed(),
            listener: redis.feed(),
        };
        Fresh::new(Arc::new(ends)).keeping(server).keeping(redis)
    }

    countersign_testkit::change_feed_contract!(fresh);
}
