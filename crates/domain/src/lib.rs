//! The rules of one-time codes, the use cases that apply them, and the ports they need.
