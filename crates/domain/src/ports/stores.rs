//! Where state is kept: recipients, shared limits, and hints that something changed.

use async_trait::async_trait;
use thiserror::Error;

use crate::id::{RecipientKey, Shard};
use crate::limit::{Charge, LimitKey, LimitState, Taken};
use crate::ports::{Cause, GiveBack};
use crate::recipient::Recipient;
use crate::time::Timestamp;

/// The version of a stored record. Stores number them; nobody else reads anything into the number.
///
/// A store never gives the same version twice for one key, not even after it forgot the record: a slow writer that saw
/// the old record must not overwrite the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A record as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The version a later replace has to have seen.
    pub version: Version,
    /// The record.
    pub recipient: Recipient,
}

/// What became of a replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The record was written and has this version.
    Written(Version),
    /// Somebody else was first; this is what is there now.
    Conflict(Option<Box<Stored>>),
}

/// What became of an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing is stored any more.
    Gone,
    /// Somebody else was first; this is what is there now.
    Conflict(Box<Stored>),
}

/// Why a store could not answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached or refuses to work now. A write may or may not have happened. Repeat later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Cause),
    /// What it holds cannot be read. Repeating does not help; an operator has to look.
    #[error("a stored record cannot be read")]
    Corrupt(#[source] Cause),
}

/// Keeps recipients and knows no rules.
///
/// Promises: `load` answers with the last written record and its version. Of concurrent replaces that saw the same
/// version exactly one is written. The wake-up index moves in the same step as the record. A record stays readable
/// at least until its `keep_until` or its erasure, and never for ever. Of an erasure and a replace that saw the same
/// version one happens.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait RecipientStore: Send + Sync {
    /// The record at `key`, if there is one.
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError>;

    /// Writes `new` if the stored version is `seen`, or if nothing is stored and nothing was seen, and moves the
    /// wake-up to `new.wake_at()` in the same step. On conflict hands back what is there and changes nothing.
    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError>;

    /// The recipients of `shard` whose wake-up is at or before `now`, earliest first, at most `limit`. Never one whose
    /// record is gone.
    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError>;

    /// How many recipients' wake-ups are at or before `now`, over all shards.
    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Erases the record and its wake-up if the stored version is `seen`. Where nothing is stored there is nothing to
    /// erase: gone, whatever was seen. On conflict hands back what is there and changes nothing. Tells nobody; the
    /// caller publishes the change as after every write.
    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError>;
}

/// Keeps the state of shared limits.
///
/// Promises: for every history the answers equal those of the functions in [`crate::limit`], whatever runs in parallel
/// on however many instances, as long as no caller's clock is more than five minutes behind the latest one heard. A key
/// without state is full; keys do not touch each other. Amounts count exactly up to [`crate::limit::COUNT_MAX`]. A state
/// may be forgotten once it counts for nothing even by a clock that is five minutes behind, and is never kept for ever.
///
/// A clock that is behind is granted nothing: it takes from the window or the slice that was heard of last. The wait of
/// a refusal is exact, if nothing else happens. A store that cannot take all charges in one step (a cluster) may, when
/// it races with others, show them for a moment what it takes and gives back again, and then names the longest wait of
/// those charges alone that were refused in that step.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Takes every charge, or none when one is refused: [`crate::limit::weigh`]. A shadow charge that does not fit is
    /// left out and stops nothing; one that has happened is taken even when it does not fit. Charges on one key count
    /// one after the other. Answers with what each quota has left after its charge, in the order given, or with the
    /// refused charge that waits longest.
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError>;

    /// Gives every charge back, each as of when it was taken and one after the other: [`crate::limit::give_back`].
    /// Never beyond full, and never what time has given back already. What was not taken (a shadow charge that was
    /// over) is not to be given back.
    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError>;

    /// What is held for the key of each charge, in order; a state of another shape than the charge's quota is none.
    /// Changes nothing.
    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError>;

    /// Forgets what is held for each key, as if nothing had ever been taken. Answers how many held something.
    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError>;
}

/// Hints across instances that a recipient changed. The listener loads the truth.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// Hints that the recipient changed. Never blocks; the hint may be lost.
    fn publish(&self, key: RecipientKey);

    /// Listens for changes of one recipient. Every change published after this returns is heard.
    async fn subscribe(&self, key: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError>;
}

/// The hints about one recipient.
#[async_trait]
pub trait ChangeHints: Send {
    /// Waits for the next hint; several may come as one. `None` when the feed has ended. A wait that is dropped loses
    /// no hint.
    async fn next(&mut self) -> Option<()>;
}
