//! The templates of the business account, as Meta's management endpoints show and change them.
//!
//! ```text
//! endpoints ──> rules (what a body may say) ──> store, quota (what the account allows) ──> entry, life (one template)
//!     │                                             │
//!     │ book (record, faults, call limit)           └──> changes: webhooks, and alarms for what happens later
//!     └──> node, paging, previews (what is read back)
//! ```
//!
//! Kept out: sending, which asks [`Catalogue::sendable`] and nothing else.

pub(crate) mod book;
pub(crate) mod button;
pub(crate) mod changes;
mod controls;
pub(crate) mod endpoints;
pub(crate) mod entry;
pub(crate) mod languages;
pub(crate) mod life;
mod node;
pub(crate) mod orders;
mod paging;
mod previews;
mod quota;
mod refusal;
pub(crate) mod rules;
pub(crate) mod settings;
mod store;

pub(crate) use refusal::unknown;
pub(crate) use store::{Catalogue, Sendable};
