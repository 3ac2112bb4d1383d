//! What operators see: health, readiness and metrics over HTTP.
//!
//! - `GET /healthz` answers `200 ok` as long as the process can answer at all: restart it when it does not.
//! - `GET /readyz` answers `200` when every condition holds and `503` otherwise, with each condition by name: send it
//!   no calls while it is not ready, and leave it running.
//! - `GET /metrics` answers with what [`Metrics`] counted, as Prometheus reads it.
//!
//! All are open to whoever reaches the socket, so conditions hold fixed words, metrics hold numbers and names of the
//! configuration, and none holds anything of a request.
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
mod metrics;
mod readiness;
mod scrape;

pub use http::router;
pub use metrics::{Current, Metrics};
pub use readiness::Readiness;
pub use scrape::{Scrape, metrics_router};

/// The paths that are taken on the socket which serves [`router()`] and [`metrics_router`].
pub const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
