//! Everything the world has to provide. Each promise below has a test of its name in `countersign-testkit`.
//!
//! A port is for what can fail, block, or differ by deployment. Absence is `Option`, contention is a value, failure is
//! an error whose variants are the caller's next step. Signatures hold no driver's types. To write an adapter, see
//! `docs/adapters.md`.

mod catalog;
mod challenge;
mod guard;
mod messages;
mod stores;
mod world;

pub use catalog::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
pub use challenge::{
    CHALLENGE_LIFE_MAX, ChallengePass, ChallengeRefusal, ChallengeSubject, ChallengeVerifier, IssuedChallenge,
};
pub use guard::{
    BatchId, COUNT_MAX, GuardStore, GuardView, ScoreChange, StoredBlock, TALLY_RANGE_MAX, Tally, TallyStore,
};
pub use messages::{Accepted, LookError, Message, Messenger, SendError, SenderDirectory, SenderFacts};
pub use stores::{ChangeFeed, ChangeHints, Erased, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version};
pub use world::{
    ClaimedDelivery, Clock, Courier, Errand, GiveBack, NumberFacts, NumberKind, NumberingPlan, Observer, Random,
};

/// What went wrong underneath, for the log at the edge.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
