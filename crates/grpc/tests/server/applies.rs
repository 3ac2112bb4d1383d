//! How an apply ends, and how long calls may take that ask the provider.

use std::time::Duration;

use countersign_grpc::{Config, reason};
use countersign_testkit::wait::{eventually, soon};
use tonic::{Code, Request};

use crate::harness::{Gate, Mood, Site, TOKEN, assert_refused, start};
use crate::shelf::Manner;
use crate::templates::{APP, all, apply_of, begin, delete_of, manager, plan_of, site};

#[tokio::test]
async fn one_apply_at_a_time_changes_an_app() {
    let site = site().await;
    let gate = Gate::shut();
    site.shelf.becomes(Manner::WaitsWithOrders(gate.clone()));
    let mut client = manager(&site).await;
    let first = begin(&mut client).await;
    gate.wait_for_load().await;
    let second = client.apply_templates(apply_of(APP)).await.unwrap_err();
    assert_refused(&second, Code::Aborted, reason::APPLY_RUNNING);
    // Who may not apply does not hear that somebody does.
    let mut caller = site.templates(Some(TOKEN)).await;
    let refused = all(begin(&mut caller).await).await.1.unwrap_err();
    assert_refused(&refused, Code::PermissionDenied, reason::TEMPLATES_NOT_ALLOWED);
    site.shelf.becomes(Manner::Fine);
    gate.answers.add_permits(1);
    assert!(all(first).await.1.is_ok());
    // The end was told after the turn was given back.
    assert!(all(begin(&mut client).await).await.1.is_ok());
}

#[tokio::test]
async fn an_apply_stops_when_its_caller_goes() {
    let site = site().await;
    let gate = Gate::shut();
    site.shelf.becomes(Manner::WaitsWithOrders(gate.clone()));
    let mut client = manager(&site).await;
    let events = begin(&mut client).await;
    gate.wait_for_load().await;
    drop(events);
    let again = eventually("that it is over", async || {
        client.clone().apply_templates(apply_of(APP)).await.ok()
    });
    let again = again.await.into_inner();
    gate.wait_for_load().await;
    assert_eq!(site.shelf.len(), 0, "the first one's order was never answered");
    gate.answers.add_permits(16);
    assert!(all(again).await.1.is_ok());
}

#[tokio::test]
async fn an_apply_ends_at_its_callers_deadline_and_has_no_other() {
    let config = Config {
        request_timeout: Duration::from_millis(50),
        template_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let site = Site::new(config, Mood::Fine).await;
    let gate = Gate::shut();
    site.shelf.becomes(Manner::WaitsWithLooks(gate.clone()));
    let mut client = manager(&site).await;
    // A plan, begun after the apply, reaches the server's limit; the apply does not.
    let events = begin(&mut client).await;
    gate.wait_for_load().await;
    let late = client.plan_templates(plan_of(APP)).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    site.shelf.becomes(Manner::Fine);
    gate.answers.add_permits(2);
    assert!(all(events).await.1.is_ok());

    site.shelf.becomes(Manner::WaitsWithLooks(Gate::shut()));
    let mut hurried = Request::new(apply_of(APP));
    hurried.set_timeout(Duration::from_millis(100));
    let events = client.apply_templates(hurried).await.unwrap().into_inner();
    let late = all(events).await.1.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late:?}");
}

#[tokio::test]
async fn the_provider_may_take_longer_than_other_calls_may() {
    let config = Config {
        request_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let gate = Gate::shut();
    let site = Site::new(config, Mood::Waits(gate.clone())).await;
    let looks = Gate::shut();
    site.shelf.becomes(Manner::WaitsWithLooks(looks.clone()));
    let mut client = manager(&site).await;
    let plan = tokio::spawn(async move { client.plan_templates(plan_of(APP)).await });
    looks.wait_for_load().await;
    let mut verifications = site.client(Some(TOKEN)).await;
    let late = verifications.start_verification(start()).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    gate.answers.add_permits(1);
    looks.answers.add_permits(1);
    assert!(soon("the plan", plan).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_stopping_server_ends_an_apply_and_finishes_a_delete() {
    let mut site = site().await;
    site.shelf.put("otp", "en_US");
    let gate = Gate::shut();
    site.shelf.becomes(Manner::WaitsWithOrders(gate.clone()));
    let mut client = manager(&site).await;
    let events = begin(&mut client).await;
    gate.wait_for_load().await;
    let delete = tokio::spawn(async move { client.delete_template(delete_of(APP, "otp", "")).await });
    gate.wait_for_load().await;
    site.stop();
    let ended = all(events).await.1.unwrap_err();
    assert_refused(&ended, Code::Unavailable, reason::CONNECTION_ENDING);
    gate.answers.add_permits(1);
    let deleted = soon("the delete", delete).await.unwrap().unwrap().into_inner();
    assert_eq!(deleted.deleted_count, 1);
    site.ended().await;
}
