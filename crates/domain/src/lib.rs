//! The rules of one-time codes, the use cases that apply them, and the ports they need.
//!
//! Everything Countersign decides is decided here, and nothing here touches the world: no network, no store, no
//! clock, no randomness, no logging, no serialisation. `now` is an argument; what can fail or block is a port.
//!
//! # The way in
//!
//! - [`recipient`] is the aggregate: one phone as one app uses it for one purpose. Its methods are the pure decisions.
//! - [`use_case`] holds what callers may ask for. Each is short: load, decide, replace, observe.
//! - [`ports`] is everything the world has to provide. An adapter implements a port and passes its contract suite.
//! - [`policy`] is every number of a recipient, validated once; [`rule`] is what recipients share, as configured.
//!
//! # Adding a rule
//!
//! Give it a field in [`policy::PolicySettings`] with its default and its limits, decide it in [`recipient`], name it
//! in [`limit::RuleName`] if it can refuse, and let the simulation in `tests/` try to break it. What only counts by other
//! parts of a request needs no code: it is a [`rule::RuleSettings`].

pub mod app;
pub mod client;
pub mod code;
pub mod context;
pub mod country;
pub mod delivery;
pub mod event;
pub mod guard;
pub mod id;
pub mod key;
pub mod limit;
pub mod money;
pub mod phone;
pub mod policy;
pub mod ports;
pub mod recipient;
pub mod reference;
pub mod request;
pub mod retry;
mod roll;
pub mod rule;
pub mod sender;
pub mod supported_app;
pub mod template;
pub mod time;
pub mod use_case;
pub mod verification;
