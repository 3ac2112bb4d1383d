//! Between the wire's types and the domain's, by hand and in one place.
//!
//! Requests are parsed into types that cannot be wrong; answers are written with exhaustive matches, so that a new
//! state of the domain cannot reach callers unnamed.

mod admin;
mod explanation;
mod quota;
mod request;
mod response;
mod templates;

pub(crate) use admin::{
    blocks_response, erase_request, erase_response, explain_request, hold_request, release_request, unblock_request,
};
pub(crate) use explanation::explain_response;
pub(crate) use request::{check_request, name, start_request};
pub use response::moment;
pub(crate) use response::{check_response, span, start_response, time, verification};
pub(crate) use templates::{
    app, apply_progress, apply_summary, delete_request, delete_response, list_response, plan_response, preview_request,
    preview_response,
};
