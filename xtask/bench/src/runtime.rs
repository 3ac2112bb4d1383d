//! The runtime and the allocator of everything in this binary: the load, the sink and the floors.
//!
//! Both are those of `crates/app/src/main.rs`: a floor that stands on something else is no floor. Whoever changes one
//! of them there changes it here.

use tokio::runtime::{Builder, Runtime};

use crate::Outcome;

/// The allocator, like the service's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The runtime, like the service's.
pub(crate) fn build() -> Outcome<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))
}
