//! The server over a real socket: its front door, its limits against raw HTTP/2, its health and its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod admin;
mod applies;
mod faults;
mod feed;
mod front;
mod harness;
mod health;
mod limits;
mod raw;
mod shelf;
mod shutdown;
mod templates;
mod watch;
