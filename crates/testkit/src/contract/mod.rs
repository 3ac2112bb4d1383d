//! The contract suites: one named function per promise of a port.
//!
//! An adapter runs a suite with the macro of its port, in a file of its own under `tests/`:
//!
//! ```text
//! fn fresh() -> impl Future<Output = Fresh<dyn RecipientStore>> {
//!     ready(Fresh::new(Arc::new(MyStore::new(SHARDS))))
//! }
//!
//! countersign_testkit::recipient_store_contract!(fresh);
//! ```
//!
//! The macro expands to one `#[tokio::test]` per promise, named like the promise, on a runtime of four threads. Each
//! gets something fresh and empty. The suites never sleep: they wait for what has to happen, and no longer than
//! [`PATIENCE`].
//!
//! # Adding a promise
//!
//! Write it into the port's documentation, write a `pub async fn` of its name into the suite, and add the name to the
//! suite's macro. A test of this module fails when a function is not in its macro.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

pub mod change_feed;
pub mod guard_store;
pub mod limit_store;
pub mod messenger;
pub mod recipient_store;
pub mod tally_store;
pub mod template_catalog;

/// How long a suite waits for what has to happen before it calls the promise broken. Never how long a test takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How many tasks a promise about parallel calls starts.
const PARALLEL: u32 = 64;

/// Something fresh to put to the test, and what has to live as long as it does.
pub struct Fresh<P: ?Sized> {
    port: Arc<P>,
    /// A server, a folder, … dropped when the test ends.
    alive: Vec<Box<dyn Any + Send + Sync>>,
}

impl<P: ?Sized> Fresh<P> {
    /// Something that needs nothing else.
    pub const fn new(port: Arc<P>) -> Self {
        Self {
            port,
            alive: Vec::new(),
        }
    }

    /// Keeps `what` alive until the test ends.
    #[must_use]
    pub fn keeping(mut self, what: impl Any + Send + Sync) -> Self {
        self.alive.push(Box::new(what));
        self
    }

    /// What is put to the test.
    pub fn port(&self) -> Arc<P> {
        Arc::clone(&self.port)
    }
}

/// Expands to one test per promise. Called by the macros of the suites.
#[doc(hidden)]
#[macro_export]
macro_rules! __promise_tests {
    ($suite:ident, $make:path: $($promise:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $promise() {
                let fresh = $make().await;
                $crate::contract::$suite::$promise(fresh.port()).await;
            }
        )+
    };
}

/// Expands to the names of the promises, for the tests of this module.
#[doc(hidden)]
#[macro_export]
macro_rules! __promise_names {
    ($suite:ident: $($promise:ident),+ $(,)?) => {
        [$(stringify!($promise)),+]
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Every `pub async fn` of a suite is a promise, so its macro has to list it.
    fn assert_complete(listed: &[&str], sources: &[&str]) {
        let written: BTreeSet<_> = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .map(|rest| rest.split(['(', '<']).next().unwrap_or(rest))
            .collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), written);
    }

    #[test]
    fn no_promise_of_the_recipient_store_is_forgotten() {
        let listed = crate::recipient_store_contract!(@__promise_names);
        let sources = [
            include_str!("recipient_store/mod.rs"),
            include_str!("recipient_store/erasure.rs"),
            include_str!("recipient_store/history.rs"),
            include_str!("recipient_store/races.rs"),
            include_str!("recipient_store/records.rs"),
            include_str!("recipient_store/retention.rs"),
            include_str!("recipient_store/wake_up.rs"),
        ];
        assert_complete(&listed, &sources);
    }

    #[test]
    fn no_promise_of_the_limit_store_is_forgotten() {
        let listed = crate::limit_store_contract!(@__promise_names);
        let sources = [
            include_str!("limit_store/mod.rs"),
            include_str!("limit_store/charges.rs"),
            include_str!("limit_store/history.rs"),
            include_str!("limit_store/modes.rs"),
            include_str!("limit_store/parallel.rs"),
            include_str!("limit_store/returns.rs"),
            include_str!("limit_store/time.rs"),
        ];
        assert_complete(&listed, &sources);
    }

    #[test]
    fn no_promise_of_the_guard_store_is_forgotten() {
        let listed = crate::guard_store_contract!(@__promise_names);
        let sources = [
            include_str!("guard_store/mod.rs"),
            include_str!("guard_store/blocks.rs"),
            include_str!("guard_store/history.rs"),
            include_str!("guard_store/persons.rs"),
            include_str!("guard_store/races.rs"),
            include_str!("guard_store/scores.rs"),
        ];
        assert_complete(&listed, &sources);
    }

    #[test]
    fn no_promise_of_the_tally_store_is_forgotten() {
        let listed = crate::tally_store_contract!(@__promise_names);
        let sources = [
            include_str!("tally_store/mod.rs"),
            include_str!("tally_store/batches.rs"),
            include_str!("tally_store/counts.rs"),
            include_str!("tally_store/history.rs"),
        ];
        assert_complete(&listed, &sources);
    }

    #[test]
    fn no_promise_of_the_change_feed_is_forgotten() {
        let listed = crate::change_feed_contract!(@__promise_names);
        assert_complete(&listed, &[include_str!("change_feed.rs")]);
    }

    #[test]
    fn no_promise_of_the_messenger_is_forgotten() {
        let listed = crate::messenger_contract!(@__promise_names);
        let sources = [
            include_str!("messenger/mod.rs"),
            include_str!("messenger/attempts.rs"),
            include_str!("messenger/secrets.rs"),
        ];
        assert_complete(&listed, &sources);
    }

    #[test]
    fn no_promise_of_the_template_catalog_is_forgotten() {
        let listed = crate::template_catalog_contract!(@__promise_names);
        let sources = [
            include_str!("template_catalog/mod.rs"),
            include_str!("template_catalog/failures.rs"),
            include_str!("template_catalog/looks.rs"),
            include_str!("template_catalog/orders.rs"),
        ];
        assert_complete(&listed, &sources);
    }
}
