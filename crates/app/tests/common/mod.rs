//! What the tests of the real binary share: processes that end with the test, the two ways to start the service, the
//! stand-in for Meta in this process, and plain clients. Kept out: what any test demands.

pub(crate) mod calls;
pub(crate) mod clock;
pub(crate) mod crowd;
pub(crate) mod dev;
pub(crate) mod gate;
pub(crate) mod guesses;
pub(crate) mod http;
pub(crate) mod lives;
pub(crate) mod meta;
pub(crate) mod plan;
pub(crate) mod process;
pub(crate) mod secrets;
pub(crate) mod serve;
