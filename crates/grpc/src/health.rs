//! Whether the server wants calls, as `grpc.health.v1` tells load balancers.

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::v1::{template_service_server, verification_service_server};

/// The names health is told under: the server as a whole, and each service it is for.
const NAMES: [&str; 3] = [
    "",
    verification_service_server::SERVICE_NAME,
    template_service_server::SERVICE_NAME,
];

/// A handle that says whether the server wants calls. Clones speak of the same server.
///
/// Starts at `NOT_SERVING`: a server is not ready before somebody says so.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    pub(crate) async fn new(reporter: HealthReporter) -> Self {
        let health = Self(reporter);
        // The library starts at `SERVING`.
        health.set_serving(false).await;
        health
    }

    /// Answers `SERVING` or `NOT_SERVING` from now on, and tells everybody who watches.
    pub async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in NAMES {
            self.0.set_service_status(name, status).await;
        }
    }

    /// Ends every watch, so that a stopping server does not wait for watchers that never leave.
    pub(crate) async fn end_watches(&self) {
        for name in NAMES {
            self.0.clone().clear_service_status(name).await;
        }
    }
}
