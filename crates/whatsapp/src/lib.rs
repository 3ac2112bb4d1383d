//! Everything Meta-shaped, both directions: the Cloud API client and the signed webhook intake.
//!
//! [`CloudApi`] implements the domain's `Messenger`, `SenderDirectory` and `TemplateCatalog`; [`webhook::router`] calls
//! the domain's `ApplyDelivery`, `Disown` and `TemplateBoard` and nothing else. What Meta's error codes mean is one table,
//! read by all. Kept out: retries, which the domain decides, and every rule about verifications and templates.
//!
//! Message ids (`wamid.…`) are neither kept nor logged anywhere in this crate: they are base-64 over the recipient's
//! phone number. They only pass through, as the domain's redacted `MessageId`. Webhooks are matched by the reference that
//! every message carries.

mod answer;
mod catalog;
mod client;
mod config;
mod directory;
mod errors;
mod http;
mod mask;
mod mistake;
mod payload;
mod provider_error;
mod secret;
pub mod webhook;

pub use client::{BuildError, CloudApi};
pub use config::{Account, AuthHeader, Config, Sender};
pub use mistake::Mistake;
pub use secret::Secret;
