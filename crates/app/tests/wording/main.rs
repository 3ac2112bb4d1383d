//! What messages are written with, end to end, with the real binary between callers and a stand-in for Meta: templates
//! that are not what the configuration promises, and the choice of a language and a button.
//!
//! Every scene ends with a look for secrets in its log. Codes have twelve digits here, so that none is found by
//! accident.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

mod accounts;
mod chain;
mod clocks;
mod drifts;
mod news;
mod scene;

use countersign_simulator::Pace;

/// A pace at which nothing happens to a message by itself.
const SILENT: Pace = Pace {
    to_sent: None,
    to_delivered: None,
    to_read: None,
};
