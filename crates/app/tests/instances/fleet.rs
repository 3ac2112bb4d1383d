//! Several instances of the service on one Redis server, and their callers.

use std::sync::Arc;

use countersign_grpc::Client;
use countersign_testkit::redis_server::RedisServer;

use crate::common::crowd::Crowd;
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::serve::Serve;

/// Instances of the service.
pub(crate) const INSTANCES: usize = 3;
/// Connections to each instance; a peer may have 32.
const CONNECTIONS_EACH: usize = 4;
/// What the instances write down; the lives of thousands of verifications are left out.
const LOG: &str = "info,countersign::telemetry=warn";

/// Several instances on one Redis, and one stand-in for Meta behind them.
pub(crate) struct Fleet {
    pub(crate) serves: Vec<Serve>,
    pub(crate) meta: Arc<Meta>,
    pub(crate) redis: RedisServer,
}

impl Fleet {
    /// Three instances under these lines of the policy, on a Redis with these further lines of its configuration.
    pub(crate) async fn start(policy: &str, settings: &[(&str, &str)]) -> Self {
        let redis = RedisServer::start_with(settings);
        let meta = Arc::new(Meta::start_silent().await);
        let plan = Plan::new(meta.base_url()).policy(policy).redis(&redis.address(), "");
        let mut serves = Vec::new();
        for _ in 0..INSTANCES {
            serves.push(Serve::start_logging(&plan, LOG).await);
        }
        Self { serves, meta, redis }
    }

    /// Connections to every instance, in turn.
    pub(crate) async fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS_EACH {
            for serve in &self.serves {
                clients.push(serve.client().await);
            }
        }
        clients
    }

    /// Callers whose calls go to one instance after the other.
    pub(crate) async fn crowd(&self) -> Arc<Crowd> {
        Crowd::patient(self.clients().await)
    }
}

/// Says how many calls lost every race. They are allowed, and should be next to none.
pub(crate) fn print_contended(crowd: &Crowd) {
    let (contended, calls) = (crowd.contended(), crowd.calls());
    println!("  {contended} of {calls} calls lost every race and were repeated");
    assert!(
        contended * 1_000 <= calls,
        "more than one call in a thousand lost every race"
    );
}
