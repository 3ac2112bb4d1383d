//! The API as callers meet it: a real client over a real socket, every use case, the memory store, and doubles for the
//! rest of the world. One test for each row of the table in `docs/api.md`; those that need a broken store or a broken
//! client are in `crates/grpc/tests`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod check;
mod harness;
mod malformed;
mod refusals;
mod start;
