//! What only a feed in memory has to prove: it holds nothing for recipients nobody listens to.

use countersign_domain::id::RecipientKey;
use countersign_domain::ports::ChangeFeed;
use countersign_store_memory::feed::MemoryFeed;

const KEY: RecipientKey = RecipientKey::from_bytes([1; 16]);

#[tokio::test]
async fn an_entry_goes_with_its_last_listener() {
    let feed = MemoryFeed::new();
    let first = feed.subscribe(KEY).await.expect("memory answers");
    let second = feed.subscribe(KEY).await.expect("memory answers");
    assert_eq!(feed.len(), 1);
    drop(first);
    assert_eq!(feed.len(), 1);
    drop(second);
    assert!(feed.is_empty());
}

#[tokio::test]
async fn publishing_to_nobody_leaves_nothing_behind() {
    let feed = MemoryFeed::new();
    for n in 0..100 {
        feed.publish(RecipientKey::from_bytes([n; 16]));
    }
    assert!(feed.is_empty());
}

#[tokio::test]
async fn a_subscription_ends_with_its_feed() {
    let feed = MemoryFeed::new();
    let mut hints = feed.subscribe(KEY).await.expect("memory answers");
    feed.publish(KEY);
    drop(feed);
    // The last change is still told.
    assert_eq!(hints.next().await, Some(()));
    assert_eq!(hints.next().await, None);
}
