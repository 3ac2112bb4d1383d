//! A stand-in for Meta: the Graph endpoint that takes messages, the signed webhooks that tell what became of them,
//! and a phone to look at in a browser.
//!
//! ```text
//! POST /{version}/{phone-number-id}/messages ──> graph ──> course (an order, a magic number, mischief, or nothing)
//!                                                  │
//!                                                  ├──> validate, limits ──> phone ──> page, /api/messages, /events
//!                                                  │                           │
//!                                    answers <─────┘                           └──> journey (the message's fate)
//!                                                                                        │
//!          the service under test <────────────── webhook <────────────── telling <──────┘
//! ```
//!
//! [`Simulator::bind`] takes a [`Config`] and a socket address; [`Phone`] shows what arrived, so that a test can read
//! the code; [`Controls`] says where webhooks go and what goes wrong: a [`Fault`] on the way to the answer, a [`Fate`]
//! after it, for the messages a [`Scenario`] names or, drawn from a seed, for all of them ([`Mischief`]). With a
//! [`VirtualClock`] a test needs no time for any of it. The templates of the account are a catalogue behind Meta's
//! management endpoints, which every send asks; see [`TemplateOrder`] and [`Controls::order_template`].
//!
//! Kept out: every other crate of the workspace. The wire types are written again here, so that a misreading of Meta
//! in the client is not repeated by what the client is tested against. Codes, tokens and phones are on the page and in
//! the JSON, which is the purpose of a phone; they are never in a log line or a `Debug` text.

mod answers;
mod api;
mod bodies;
mod catalogue;
mod check;
mod config;
mod controls;
mod course;
mod errors;
mod fate;
mod fault;
mod graph;
mod journey;
mod limits;
mod magic;
mod mischief;
mod orders;
mod page;
mod people;
mod phone;
mod pricing;
mod scenario;
mod senders;
mod server;
mod shared;
mod telling;
mod template;
mod texts;
mod time;
mod validate;
mod webhook;
mod wire;

pub use catalogue::book::{Calls, ManagementCall};
pub use catalogue::entry::{CatalogueEntry, TemplateStatus};
pub use catalogue::life::{OrderRefused, TemplateOrder};
pub use catalogue::settings::{ManagementLimits, Readable, Review};
pub use check::{InvalidConfig, Mistake};
pub use config::{Clock, Config, Pace, PhoneNumber, Retries};
pub use controls::Controls;
pub use errors::ErrorCode;
pub use fate::{Event, Fate, LifeEnd, Step, Telling};
pub use fault::Fault;
pub use limits::Limits;
pub use mischief::{Mischief, MischiefDone, Odds};
pub use phone::{Message, Phone, Status, StatusChange};
pub use pricing::PricingType;
pub use scenario::Scenario;
pub use senders::Quality;
pub use server::{BindError, Simulator};
pub use template::{Button, SupportedApp, Tap, Template};
pub use texts::{Direction, Text, supported_languages, text_in};
pub use time::VirtualClock;
pub use webhook::{Handshake, Webhooks, signature};
