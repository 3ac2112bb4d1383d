//! What every change feed promises: a hint reaches whoever listens, and nobody is held up by it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{ChangeFeed, ChangeHints};
use tokio::task::JoinSet;

use crate::contract::{PARALLEL, PATIENCE};

/// Where changes are published and where they are listened to: two instances of the service, or one that is both.
#[derive(Clone)]
pub struct FeedEnds {
    /// Where changes are published.
    pub publisher: Arc<dyn ChangeFeed>,
    /// Where they are listened to.
    pub listener: Arc<dyn ChangeFeed>,
}

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<FeedEnds>`.
#[macro_export]
macro_rules! change_feed_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { change_feed $(, $make)?:
            a_hint_arrives_after_a_publish,
            a_hint_arrives_after_each_publish,
            a_hint_is_about_its_own_recipient_alone,
            several_publishes_bring_at_least_one_hint,
            a_publish_between_two_waits_is_not_missed,
            a_wait_that_was_given_up_loses_no_hint,
            a_later_listener_hears_only_later_changes,
            every_listener_hears_a_change,
            a_listener_that_leaves_disturbs_no_other,
            publishing_to_nobody_is_fine,
            a_listener_that_never_reads_holds_nobody_up,
            parallel_publishers_and_listeners_all_get_through,
        }
    };
    ($make:path) => {
        $crate::change_feed_contract! { @__promise_tests $make }
    };
}

/// Also when the listener waits already.
pub async fn a_hint_arrives_after_a_publish(feed: Arc<FeedEnds>) {
    let mut hints = listen(&feed, key(1)).await;
    assert!(is_silent(&mut *hints).await);
    feed.publisher.publish(key(1));
    expect_hint(&mut *hints).await;
}

/// One after the other, as long as somebody listens.
pub async fn a_hint_arrives_after_each_publish(feed: Arc<FeedEnds>) {
    let mut hints = listen(&feed, key(1)).await;
    for _ in 0..20 {
        feed.publisher.publish(key(1));
        expect_hint(&mut *hints).await;
    }
}

/// Listeners of others hear nothing.
pub async fn a_hint_is_about_its_own_recipient_alone(feed: Arc<FeedEnds>) {
    let mut changed = listen(&feed, key(1)).await;
    let mut unchanged = listen(&feed, key(2)).await;
    feed.publisher.publish(key(1));
    expect_hint(&mut *changed).await;
    assert!(is_silent(&mut *unchanged).await);
}

/// They may come as one, and never as none.
pub async fn several_publishes_bring_at_least_one_hint(feed: Arc<FeedEnds>) {
    let mut hints = listen(&feed, key(1)).await;
    for _ in 0..10 {
        feed.publisher.publish(key(1));
    }
    expect_hint(&mut *hints).await;
}

/// A listener is busy most of the time: with loading the truth.
pub async fn a_publish_between_two_waits_is_not_missed(feed: Arc<FeedEnds>) {
    let mut hints = listen(&feed, key(1)).await;
    let mut witness = listen(&feed, key(1)).await;
    for _ in 0..3 {
        feed.publisher.publish(key(1));
        expect_hint(&mut *witness).await;
        // By now the change was published and passed on while nobody waited on `hints`.
        expect_hint(&mut *hints).await;
    }
}

/// Whoever waits for a hint or for a moment, whichever comes first, drops the wait again and again.
pub async fn a_wait_that_was_given_up_loses_no_hint(feed: Arc<FeedEnds>) {
    let mut hints = listen(&feed, key(1)).await;
    for _ in 0..3 {
        assert!(is_silent(&mut *hints).await);
        assert!(is_silent(&mut *hints).await);
        feed.publisher.publish(key(1));
        expect_hint(&mut *hints).await;
    }
}

/// It loads the truth first, so what came before is old news.
pub async fn a_later_listener_hears_only_later_changes(feed: Arc<FeedEnds>) {
    let mut early = listen(&feed, key(1)).await;
    feed.publisher.publish(key(1));
    expect_hint(&mut *early).await;
    let mut late = listen(&feed, key(1)).await;
    assert!(is_silent(&mut *late).await);
    feed.publisher.publish(key(1));
    expect_hint(&mut *late).await;
}

/// A hint is no message in a queue that one of them takes.
pub async fn every_listener_hears_a_change(feed: Arc<FeedEnds>) {
    let mut listeners = Vec::new();
    for _ in 0..5 {
        listeners.push(listen(&feed, key(1)).await);
    }
    feed.publisher.publish(key(1));
    for hints in &mut listeners {
        expect_hint(&mut **hints).await;
    }
}

/// Not the ones that stay, nor those who come after the last one left.
pub async fn a_listener_that_leaves_disturbs_no_other(feed: Arc<FeedEnds>) {
    let leaving = listen(&feed, key(1)).await;
    let mut staying = listen(&feed, key(1)).await;
    let mut other = listen(&feed, key(2)).await;
    drop(leaving);
    feed.publisher.publish(key(1));
    feed.publisher.publish(key(2));
    expect_hint(&mut *staying).await;
    expect_hint(&mut *other).await;
    drop(staying);
    feed.publisher.publish(key(1));
    let mut after = listen(&feed, key(1)).await;
    // A change that was published just before may still be heard; the one after has to be.
    feed.publisher.publish(key(1));
    expect_hint(&mut *after).await;
}

/// Most changes are of nobody's interest.
pub async fn publishing_to_nobody_is_fine(feed: Arc<FeedEnds>) {
    for n in 0..100 {
        feed.publisher.publish(key(n));
    }
    let mut hints = listen(&feed, key(1)).await;
    feed.publisher.publish(key(1));
    expect_hint(&mut *hints).await;
}

/// Neither publishers nor other listeners; and it hears at last that something changed.
pub async fn a_listener_that_never_reads_holds_nobody_up(feed: Arc<FeedEnds>) {
    let mut slow = listen(&feed, key(1)).await;
    let mut quick = listen(&feed, key(2)).await;
    for _ in 0..10_000 {
        feed.publisher.publish(key(1));
    }
    feed.publisher.publish(key(2));
    expect_hint(&mut *quick).await;
    expect_hint(&mut *slow).await;
}

/// Many recipients change while many people come and go.
pub async fn parallel_publishers_and_listeners_all_get_through(feed: Arc<FeedEnds>) {
    let mut crowd = JoinSet::new();
    for n in 0..PARALLEL {
        let feed = Arc::clone(&feed);
        crowd.spawn(async move {
            for _ in 0..10 {
                let mut hints = listen(&feed, key(n % 8)).await;
                feed.publisher.publish(key(n % 8));
                expect_hint(&mut *hints).await;
            }
        });
    }
    assert_eq!(crowd.join_all().await.len(), usize::try_from(PARALLEL).expect("64"));
}

fn key(n: u32) -> RecipientKey {
    let mut bytes = [0x5a; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    RecipientKey::from_bytes(bytes)
}

async fn listen(feed: &FeedEnds, key: RecipientKey) -> Box<dyn ChangeHints> {
    feed.listener.subscribe(key).await.expect("the feed answers")
}

/// Waits until a hint comes, which is at once or as long as it travels.
async fn expect_hint(hints: &mut dyn ChangeHints) {
    let hint = tokio::time::timeout(PATIENCE, hints.next()).await;
    assert_eq!(hint, Ok(Some(())), "no hint came, or the feed ended");
}

/// Whether no hint is there now. Looks once and waits for nothing.
async fn is_silent(hints: &mut dyn ChangeHints) -> bool {
    let mut next = pin!(hints.next());
    poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await
}
