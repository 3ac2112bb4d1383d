//! The inbound API: generated service traits, conversion, one error table, caller identity.
//!
//! A call comes in through the server's own connection loop ([`Server`]), passes one front door that authenticates it, gives it a
//! deadline and puts an `ErrorInfo` on every failure, and reaches a handler that parses, calls one use case and
//! converts the answer. Nothing here decides anything about codes, guesses, limits or states.
//!
//! - [`Config`] is every limit of the server; [`Callers`] is who may call.
//! - `errors` is the one table from a failure to what callers see, and [`reason`] holds its stable names.
//! - [`connect`], [`connect_templates`] and [`connect_admin`] are clients for the command line and for tests,
//!   [`local_templates`] one that needs no server; [`v1`] are the generated types.
//!
//! # Adding a method
//!
//! Write it in `proto/`, run `cargo xtask codegen`, add its requests and answers to `convert`, its fields' paths to
//! `call::Method`, and a handler of three lines to `service` or `admin` (or to `templates`, which has methods of its own).
//! Authentication, deadline, in-flight limit and error details need nothing: no handler can forget them.

mod admin;
mod call;
mod client;
mod config;
mod connection;
mod convert;
mod deadline;
mod errors;
mod front;
mod generated;
mod health;
mod identity;
pub mod reason;
mod redacted;
mod server;
mod service;
mod templates;
mod unbroken;
mod watch;

pub use client::{
    AdminClient, Client, ClientToken, ConnectError, Credentials, TemplatesClient, connect, connect_admin,
    connect_templates,
};
pub use config::Config;
pub use convert::moment;
pub use generated::{FILE_DESCRIPTOR_SET, v1};
pub use health::Health;
pub use identity::{CallerEntry, Callers, TokenError, token_sha256};
pub use server::{InvalidServer, Server};
pub use templates::local_templates;
pub use watch::OpenWatches;
