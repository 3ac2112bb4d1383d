//! A stand-in for Meta: the Graph endpoint that takes messages, the signed webhooks that tell what became of them,
//! and a phone to look at in a browser.
//!
//! ```text
//! POST /{version}/{phone-number-id}/messages ──> graph ──> validate ──> phone (what is kept, and who watches it)
//!                                                             │            │
//!          the service under test <── webhook <── journey <───┘            └──> page, /api/messages, /events
//! ```
//!
//! [`Simulator::bind`] takes a [`Config`] and a socket address; [`Phone`] shows what arrived, so that a test can read
//! the code; [`Controls`] says where webhooks go and makes the endpoint fail.
//!
//! Kept out: every other crate of the workspace. The wire types are written again here, so that a misreading of Meta
//! in the client is not repeated by what the client is tested against. Codes, tokens and phones are on the page and in
//! the JSON, which is the purpose of a phone; they are never in a log line or a `Debug` text.

mod api;
mod check;
mod config;
mod controls;
mod graph;
mod journey;
mod page;
mod phone;
mod server;
mod shared;
mod texts;
mod validate;
mod webhook;
mod wire;

pub use check::{InvalidConfig, Mistake};
pub use config::{Clock, Config, Pace, PhoneNumber, Retries, Template};
pub use controls::{Controls, Fault};
pub use phone::{Message, Phone, Status, StatusChange};
pub use server::{BindError, Simulator};
pub use texts::{Direction, Text, supported_languages, text_in};
pub use webhook::{Handshake, signature};
