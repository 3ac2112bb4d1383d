//! What operators see: health and readiness over HTTP.
//!
//! - `GET /healthz` answers `200 ok` as long as the process can answer at all: restart it when it does not.
//! - `GET /readyz` answers `200` when every condition holds and `503` otherwise, with each condition by name: send it
//!   no calls while it is not ready, and leave it running.
//!
//! Both are open to whoever reaches the socket, so conditions hold fixed words and nothing of a request.
//!
//! ```
//! use countersign_monitor::{Readiness, router};
//!
//! let readiness = Readiness::new(["store", "grpc"]);
//! let router = router(readiness.clone());
//! readiness.hold("store");
//! readiness.hold("grpc");
//! assert!(readiness.is_ready());
//! # drop(router);
//! ```

mod http;
mod readiness;

pub use http::router;
pub use readiness::Readiness;
