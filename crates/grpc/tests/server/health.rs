//! Health and reflection: open to everybody, and worth nothing to an attacker.

use countersign_grpc::reason;
use tokio_stream::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::harness::{Mood, Site, assert_refused};

const SERVICE: &str = "countersign.v1.VerificationService";
const TEMPLATES: &str = "countersign.v1.TemplateService";

async fn asked(site: &Site, service: &str) -> ServingStatus {
    let mut client = HealthClient::new(site.channel().await);
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    client.check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn a_server_serves_when_it_is_told_so_and_not_before() {
    let site = Site::with(Mood::Panics).await;
    for service in ["", SERVICE, TEMPLATES] {
        assert_eq!(asked(&site, service).await, ServingStatus::NotServing);
    }
    site.health.set_serving(true).await;
    for service in ["", SERVICE, TEMPLATES] {
        assert_eq!(asked(&site, service).await, ServingStatus::Serving);
    }
}

#[tokio::test]
async fn who_watches_hears_of_every_change() {
    let site = Site::with(Mood::Panics).await;
    let mut client = HealthClient::new(site.channel().await);
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let first = watch.next().await.unwrap().unwrap();
    site.health.set_serving(true).await;
    let second = watch.next().await.unwrap().unwrap();
    assert_eq!(
        (first.status(), second.status()),
        (ServingStatus::NotServing, ServingStatus::Serving)
    );
}

#[tokio::test]
async fn the_health_of_an_unknown_service_is_not_found() {
    let site = Site::with(Mood::Panics).await;
    let mut client = HealthClient::new(site.channel().await);
    let service = "no.such.Service".to_owned();
    let refused = client.check(HealthCheckRequest { service }).await.unwrap_err();
    assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
}

#[tokio::test]
async fn reflection_names_the_services_in_both_of_its_versions() {
    let site = Site::with(Mood::Panics).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(site.channel().await);
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..v1::ServerReflectionRequest::default()
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) = answer.message_response
    else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list.service.iter().map(|it| it.name.as_str()).collect();
    assert!(
        names.contains(&SERVICE) && names.contains(&TEMPLATES) && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(site.channel().await);
    let symbol = v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(SERVICE.to_owned());
    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(symbol),
        ..v1alpha::ServerReflectionRequest::default()
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    let answer = answers.into_inner().next().await.unwrap().unwrap();
    let Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(files)) =
        answer.message_response
    else {
        panic!("{answer:?}");
    };
    assert!(!files.file_descriptor_proto.is_empty());
}

#[tokio::test]
async fn a_symbol_that_reflection_does_not_know_is_not_found() {
    let site = Site::with(Mood::Panics).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(site.channel().await);
    let symbol = v1::server_reflection_request::MessageRequest::FileContainingSymbol("no.Such".to_owned());
    let request = v1::ServerReflectionRequest {
        message_request: Some(symbol),
        ..v1::ServerReflectionRequest::default()
    };
    let answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap();
    // This failure comes in the trailers of a stream, which get their details too.
    let refused = answers.into_inner().next().await.unwrap().unwrap_err();
    assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
}
