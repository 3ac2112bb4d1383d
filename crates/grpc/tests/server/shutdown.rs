//! The end of a server: calls finish, watchers leave, nobody new comes in.

use std::time::Duration;

use countersign_grpc::{Config, v1};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{Gate, Mood, Site, TOKEN, start};

#[tokio::test]
async fn a_stopping_server_finishes_its_calls_and_takes_no_new_connection() {
    let gate = Gate::shut();
    let mut site = Site::with(Mood::Waits(gate.clone())).await;
    site.health.set_serving(true).await;
    let mut watcher = HealthClient::new(site.channel().await);
    let mut watch = watcher.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    let mut client = site.client(Some(TOKEN)).await;
    let call = tokio::spawn(async move { client.start_verification(start()).await });
    gate.wait_for_load().await;

    site.stop();
    let last = watch.next().await.unwrap().unwrap();
    assert_eq!(last.status(), ServingStatus::NotServing);
    assert!(TcpStream::connect(site.address).await.is_err());
    gate.answers.add_permits(1);
    let answer = call.await.unwrap().unwrap().into_inner();
    assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    // The watcher never leaves by itself, and is not waited for.
    site.ended().await;
}

#[tokio::test]
async fn a_call_without_a_caller_is_carried_out_before_the_server_ends() {
    let gate = Gate::shut();
    let mut site = Site::with(Mood::Waits(gate.clone())).await;
    let mut client = site.client(Some(TOKEN)).await;
    let call = tokio::spawn(async move { client.start_verification(start()).await });
    gate.wait_for_load().await;
    call.abort();
    site.stop();
    gate.answers.add_permits(1);
    site.ended().await;
    assert_eq!(gate.written.available_permits(), 1);
}

#[tokio::test]
async fn a_call_that_outlasts_the_drain_is_cut() {
    let config = Config {
        request_timeout: Duration::from_millis(50),
        drain_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let gate = Gate::shut();
    let mut site = Site::new(config, Mood::Waits(gate.clone())).await;
    let mut client = site.client(Some(TOKEN)).await;
    let call = tokio::spawn(async move { client.start_verification(start()).await });
    gate.wait_for_load().await;
    site.stop();
    site.ended().await;
    assert!(call.await.unwrap().is_err());
}
