//! The guard in front of the real binary: an attack from its first send to the stop, what operators see and do about it,
//! what is recorded of it and decided again, and that none of it tells a secret.
//!
//! Time is real here. What has to be older than a test takes is written into Redis as another instance would have
//! written it; the ladder under a clock that is moved by hand is in the walks of the domain.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

#[path = "../at_rest/forms.rs"]
mod forms;
#[path = "../at_rest/held.rs"]
#[expect(dead_code, reason = "shared with another test binary")]
mod held;
#[path = "../at_rest/needles.rs"]
#[expect(dead_code, reason = "shared with another test binary")]
mod needles;

mod blocks;
mod challenges;
mod decisions;
mod explain;
mod hand;
mod pumping;
mod recipients;
mod secrets;
mod solver;
mod stage;
