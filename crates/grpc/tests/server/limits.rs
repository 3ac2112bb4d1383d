//! What a hostile connection meets (A17), and that it is nobody else's trouble.

use std::time::Duration;

use countersign_grpc::{Config, reason, v1};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tonic::Code;

use crate::harness::{Gate, Mood, Site, TOKEN, assert_refused, start};
use crate::raw::{
    CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, NO_ERROR, REFUSED_STREAM, RST_STREAM,
    RawConnection, call_headers, field, frame,
};

/// `:status: 431` as the server's HPACK writes it.
const STATUS_431: [u8; 5] = [0x48, 0x83, 0x69, 0x90, 0xff];

async fn assert_served(site: &Site) {
    let answer = site.client(Some(TOKEN)).await.start_verification(start()).await;
    let answer = answer.unwrap().into_inner();
    assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
}

#[tokio::test]
async fn the_101st_unfinished_call_on_a_connection_is_refused_and_others_are_served() {
    let site = Site::with(Mood::Fine).await;
    let mut hostile = RawConnection::greet(site.address).await;
    for call in 0..101 {
        hostile
            .send(&frame(HEADERS, END_HEADERS, call * 2 + 1, &call_headers()))
            .await;
    }
    let refused = hostile.read_kind(RST_STREAM).await.unwrap();
    assert_eq!((refused.stream, refused.error()), (201, REFUSED_STREAM));
    assert_served(&site).await;
}

#[tokio::test]
async fn headers_beyond_16_kib_are_answered_with_431_and_reach_no_handler() {
    let site = Site::with(Mood::Panics).await;
    let mut hostile = RawConnection::greet(site.address).await;
    let mut block = call_headers();
    block.extend(field("x-long", &"x".repeat(20 * 1024)));
    let (first, rest) = block.split_at(16 * 1024);
    hostile.send(&frame(HEADERS, 0, 1, first)).await;
    hostile.send(&frame(CONTINUATION, END_HEADERS, 1, rest)).await;
    let answer = hostile.read_kind(HEADERS).await.unwrap();
    assert!(answer.payload.windows(5).any(|it| it == STATUS_431), "{answer:?}");
}

#[tokio::test]
async fn headers_that_never_end_cost_the_connection() {
    let site = Site::with(Mood::Fine).await;
    let mut hostile = RawConnection::greet(site.address).await;
    hostile.send(&frame(HEADERS, 0, 1, &call_headers())).await;
    let more = frame(CONTINUATION, 0, 1, &field("x", &"x".repeat(16_000)));
    let mut sent = 0;
    while sent < 1_000 && hostile.send(&more).await {
        sent += 1;
    }
    while hostile.read().await.is_some() {}
    assert!(sent < 1_000, "the server took 16 MB of headers");
    assert_served(&site).await;
}

#[tokio::test]
async fn malformed_calls_without_end_cost_the_connection() {
    let site = Site::with(Mood::Fine).await;
    let mut hostile = RawConnection::greet(site.address).await;
    // A header that HTTP/2 forbids: each call is reset by the server (RUSTSEC-2024-0003).
    let mut block = call_headers();
    block.extend(field("connection", "close"));
    for call in 0..1_100 {
        hostile
            .send(&frame(HEADERS, END_HEADERS | END_STREAM, call * 2 + 1, &block))
            .await;
    }
    let goaway = hostile.read_kind(GOAWAY).await.unwrap();
    assert_eq!(goaway.error(), ENHANCE_YOUR_CALM);
    assert_served(&site).await;
}

#[tokio::test]
async fn calls_that_are_reset_at_once_cost_the_connection() {
    let site = Site::with(Mood::Fine).await;
    let mut hostile = RawConnection::greet(site.address).await;
    let mut burst = Vec::new();
    for call in 0..200 {
        let stream = call * 2 + 1;
        burst.extend(frame(HEADERS, END_HEADERS, stream, &call_headers()));
        burst.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    hostile.send(&burst).await;
    let goaway = hostile.read_kind(GOAWAY).await.unwrap();
    assert_eq!(goaway.error(), ENHANCE_YOUR_CALM);
    assert_served(&site).await;
}

#[tokio::test]
async fn a_message_beyond_64_kib_is_refused_before_it_is_read() {
    let site = Site::with(Mood::Panics).await;
    let mut client = site.client(Some(TOKEN)).await;
    for bytes in [64 * 1024 + 1, 8 * 1024 * 1024] {
        let mut huge = start();
        huge.request_id = "x".repeat(bytes);
        let refused = client.start_verification(huge).await.unwrap_err();
        assert_refused(&refused, Code::ResourceExhausted, reason::MESSAGE_TOO_LARGE);
    }
    assert_served(&Site::with(Mood::Fine).await).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_something_else_is_closed() {
    let config = Config {
        handshake_timeout: Duration::from_millis(20),
        ..Config::default()
    };
    let site = Site::new(config, Mood::Fine).await;
    let mut silent = TcpStream::connect(site.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 64]).await.unwrap_or(0), 0);
    let mut other = RawConnection(TcpStream::connect(site.address).await.unwrap());
    other.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(other.read().await.is_none());
    assert_served(&site).await;
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_no_more() {
    let config = Config {
        connections_per_peer_max: 2,
        ..Config::default()
    };
    let site = Site::new(config, Mood::Fine).await;
    let mut first = RawConnection::greet(site.address).await;
    assert!(first.read().await.is_some());
    let mut second = RawConnection::greet(site.address).await;
    assert!(second.read().await.is_some());
    let mut third = RawConnection::greet(site.address).await;
    assert!(third.read().await.is_none(), "the third connection was served");
}

#[tokio::test]
async fn an_old_connection_is_asked_to_go_and_finishes_its_call() {
    let config = Config {
        connection_age_max: Duration::from_millis(50),
        ..Config::default()
    };
    let gate = Gate::shut();
    let site = Site::new(config, Mood::Waits(gate.clone())).await;
    let mut raw = RawConnection::greet(site.address).await;
    assert_eq!(raw.read_kind(GOAWAY).await.unwrap().error(), NO_ERROR);

    let mut client = site.client(Some(TOKEN)).await;
    let call = tokio::spawn(async move { client.start_verification(start()).await });
    gate.wait_for_load().await;
    // The call's connection is old once a younger one was told to go.
    let mut younger = RawConnection::greet(site.address).await;
    younger.read_kind(GOAWAY).await.unwrap();
    gate.answers.add_permits(1);
    assert!(call.await.unwrap().is_ok());
}
