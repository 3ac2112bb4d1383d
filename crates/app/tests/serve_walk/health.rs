//! What a load balancer sees, over HTTP and over gRPC.

use serde_json::json;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::common::http::get;
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::serve::Serve;

#[tokio::test]
async fn health_and_readiness_are_told_over_http() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let page = async |path: &str| get(&format!("http://{}{path}", serve.http)).await;
    let healthy = page("/healthz").await;
    assert_eq!((healthy.status.as_u16(), healthy.body.as_str()), (200, "ok"));
    let ready = page("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        json!({ "ready": true, "conditions": { "serving": "ok", "store": "ok" } })
    );
    assert_eq!(page("/").await.status, 404);
}

#[tokio::test]
async fn health_is_told_over_grpc_to_callers_without_a_token() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let address = format!("http://{}", serve.grpc);
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    for service in ["", "countersign.v1.VerificationService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
}
