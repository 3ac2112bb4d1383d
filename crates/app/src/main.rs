//! Starts Countersign.
fn main() {}
