//! Watching over a real socket: what is told, what ends it, and that nothing is left of whoever went.

use std::time::Duration;

use countersign_domain::ports::ChangeFeed;
use countersign_grpc::{Client, Config, reason, v1};
use countersign_testkit::fixture;
use countersign_testkit::wait::{eventually, soon};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::harness::{Gate, Mood, Site, TOKEN, assert_refused, start};

type Watch = Streaming<v1::WatchVerificationResponse>;

fn by_id(id: &str) -> v1::VerificationName {
    v1::VerificationName {
        name: Some(v1::verification_name::Name::Id(id.to_owned())),
    }
}

/// A site with one open verification, and a client of it.
async fn opened(config: Config) -> (Site, Client, String) {
    let site = Site::new(config, Mood::Fine).await;
    let mut client = site.client(Some(TOKEN)).await;
    let started = client.start_verification(start()).await.unwrap().into_inner();
    (site, client, started.verification.unwrap().id)
}

async fn watch(client: &Client, id: &str) -> Result<Watch, Status> {
    watch_for(client, id, None).await
}

async fn watch_for(client: &Client, id: &str, patience: Option<Duration>) -> Result<Watch, Status> {
    let mut request = Request::new(v1::WatchVerificationRequest {
        verification: Some(by_id(id)),
    });
    if let Some(patience) = patience {
        request.set_timeout(patience);
    }
    Ok(client.clone().watch_verification(request).await?.into_inner())
}

/// The next state, which has to come.
async fn next(watch: &mut Watch) -> v1::Verification {
    let next = soon("the next state", watch.message()).await;
    next.unwrap().expect("it goes on").verification.unwrap()
}

/// Why the watch ended; states that come before are passed over.
async fn refusal(watch: &mut Watch) -> Status {
    loop {
        match soon("the end", watch.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended as if all were well"),
            Err(status) => return status,
        }
    }
}

async fn check(client: &Client, id: &str, code: &str) {
    let request = v1::CheckVerificationRequest {
        verification: Some(by_id(id)),
        code: code.to_owned(),
        ..v1::CheckVerificationRequest::default()
    };
    client.clone().check_verification(request).await.unwrap();
}

/// A client that takes so many bytes of each answer before it reads them.
async fn narrow(site: &Site, bytes: u32) -> v1::verification_service_client::VerificationServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", site.address)).unwrap();
    let channel = endpoint.initial_stream_window_size(bytes).connect().await.unwrap();
    v1::verification_service_client::VerificationServiceClient::new(channel)
}

/// A request to watch with the token on it.
fn authorized(id: &str) -> Request<v1::WatchVerificationRequest> {
    let mut request = Request::new(v1::WatchVerificationRequest {
        verification: Some(by_id(id)),
    });
    let token = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    request
}

/// Makes that many changes, each after the one before was looked at.
async fn change_and_be_seen(site: &Site, changes: u64) {
    for change in 1..=changes {
        let loads = site.loads();
        site.change(|recipient| recipient.verifications[0].expires_at = fixture::now().plus(minutes(change)));
        eventually("that the change is seen", async || (site.loads() > loads).then_some(())).await;
    }
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[tokio::test]
async fn a_watcher_hears_of_every_change_and_the_last_is_the_end() {
    let (site, client, id) = opened(Config::default()).await;
    let mut watch = watch(&client, &id).await.unwrap();
    let first = next(&mut watch).await;
    assert_eq!((first.state(), &first.id), (v1::VerificationState::Open, &id));
    assert_eq!(first.deliveries[0].state(), v1::DeliveryState::Sending);
    site.house.run_errands().await;
    let sent = next(&mut watch).await;
    assert_eq!(sent.deliveries[0].state(), v1::DeliveryState::Accepted);
    let code = site.house.messenger.last_code_for(&fixture::phone()).unwrap();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    check(&client, &id, wrong).await;
    assert_eq!(next(&mut watch).await.guesses_left, 4);
    check(&client, &id, &code).await;
    let last = next(&mut watch).await;
    assert_eq!(last.state(), v1::VerificationState::Approved);
    assert_eq!(last.reason(), v1::VerificationReason::CodeCorrect);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
    soon("that nobody listens", site.feed.deserted()).await;
}

#[tokio::test]
async fn a_finished_verification_is_told_and_the_watch_ends() {
    let (site, client, id) = opened(Config::default()).await;
    site.house.run_errands().await;
    let code = site.house.messenger.last_code_for(&fixture::phone()).unwrap();
    check(&client, &id, &code).await;
    let mut watch = watch(&client, &id).await.unwrap();
    assert_eq!(next(&mut watch).await.state(), v1::VerificationState::Approved);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn what_no_hint_tells_of_is_seen_within_seconds() {
    let (site, client, id) = opened(Config::default()).await;
    let mut watch = watch(&client, &id).await.unwrap();
    next(&mut watch).await;
    site.feed.go_deaf();
    // Nobody writes it down, either: its life is just over.
    site.house.clock.advance(minutes(10));
    let last = next(&mut watch).await;
    assert_eq!(last.state(), v1::VerificationState::Expired);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_hint_at_nothing_new_tells_nothing() {
    let (site, client, id) = opened(Config::default()).await;
    let mut watch = watch(&client, &id).await.unwrap();
    next(&mut watch).await;
    let loads = site.loads();
    site.feed.publish(fixture::recipient_key());
    eventually("that the watch looks", async || (site.loads() > loads).then_some(())).await;
    // A change of the record, and not of what callers are told.
    let loads = site.loads();
    site.change(|recipient| recipient.verifications[0].deliveries[0].repeated = true);
    eventually("that the watch looks", async || (site.loads() > loads).then_some(())).await;
    site.change(|recipient| recipient.verifications[0].wrong_guesses = 1);
    assert_eq!(next(&mut watch).await.guesses_left, 4);
}

#[tokio::test]
async fn a_watch_that_is_under_way_ends_at_its_callers_deadline() {
    let (site, client, id) = opened(Config::default()).await;
    let patience = Some(Duration::from_secs(1));
    let mut watch = watch_for(&client, &id, patience).await.unwrap();
    assert_eq!(next(&mut watch).await.id, id);
    let late = refusal(&mut watch).await;
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    soon("that nobody listens", site.feed.deserted()).await;
}

#[tokio::test]
async fn the_servers_own_patience_is_for_the_first_answer_only() {
    let config = Config {
        request_timeout: Duration::from_secs(1),
        ..Config::default()
    };
    let (site, client, id) = opened(config).await;
    let mut watch = watch(&client, &id).await.unwrap();
    next(&mut watch).await;
    site.feed.go_deaf();
    // It takes the watch longer than that to see this.
    site.change(|recipient| recipient.verifications[0].wrong_guesses = 1);
    assert_eq!(next(&mut watch).await.guesses_left, 4);
}

#[tokio::test]
async fn nothing_is_left_of_a_watcher_that_went_away() {
    let (site, client, id) = opened(Config::default()).await;
    let mut stays = watch(&client, &id).await.unwrap();
    let mut goes = watch(&client, &id).await.unwrap();
    next(&mut stays).await;
    next(&mut goes).await;
    assert_eq!(site.feed.listeners(), 2);
    drop(goes);
    eventually("that one is left", async || (site.feed.listeners() == 1).then_some(())).await;
    drop(stays);
    drop(client);
    soon("that nobody listens", site.feed.deserted()).await;
}

#[tokio::test]
async fn a_stopping_server_tells_its_watchers_to_watch_elsewhere_and_ends() {
    let (mut site, client, id) = opened(Config::default()).await;
    let mut watch = watch(&client, &id).await.unwrap();
    next(&mut watch).await;
    site.stop();
    let left = refusal(&mut watch).await;
    assert_refused(&left, Code::Unavailable, reason::CONNECTION_ENDING);
    site.ended().await;
}

#[tokio::test]
async fn an_old_connection_ends_its_watches_before_it_is_cut() {
    let config = Config {
        connection_age_max: Duration::from_millis(300),
        ..Config::default()
    };
    let (site, client, id) = opened(config).await;
    let mut first = watch(&client, &id).await.unwrap();
    next(&mut first).await;
    let left = refusal(&mut first).await;
    assert_refused(&left, Code::Unavailable, reason::CONNECTION_ENDING);
    // The client opens another connection by itself, once it has heard that this one goes.
    let mut again = eventually("that it is watched again", async || watch(&client, &id).await.ok()).await;
    assert_eq!(next(&mut again).await.id, id);
    drop(site);
}

#[tokio::test]
async fn watches_beyond_what_the_server_takes_are_refused_until_one_ends() {
    let config = Config {
        watches_max: 1,
        ..Config::default()
    };
    let (_site, client, id) = opened(config).await;
    let first = watch(&client, &id).await.unwrap();
    let other = client.clone();
    let refused = watch(&other, &id).await.unwrap_err();
    assert_refused(&refused, Code::ResourceExhausted, reason::TOO_MANY_WATCHES);
    drop(first);
    eventually("that there is room", async || watch(&client, &id).await.ok()).await;
}

#[tokio::test]
async fn a_watch_of_nothing_takes_no_room() {
    let config = Config {
        watches_max: 1,
        ..Config::default()
    };
    let (site, client, id) = opened(config).await;
    let mut unknown = id.clone();
    unknown.replace_range(3..4, if id.as_bytes()[3] == b'a' { "b" } else { "a" });
    for _ in 0..2 {
        let refused = watch(&client, &unknown).await.unwrap_err();
        assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
    }
    assert_eq!(site.feed.listeners(), 0);
    assert!(watch(&client, &id).await.is_ok());
}

#[tokio::test]
async fn when_all_look_at_once_only_64_do_and_a_call_is_not_held_up() {
    const WATCHES: usize = 100;
    let (site, client, id) = opened(Config::default()).await;
    // A connection takes 100 calls at a time.
    let other = site.client(Some(TOKEN)).await;
    let mut watches = Vec::new();
    for client in [&client, &other].into_iter().cycle().take(WATCHES) {
        watches.push(watch(client, &id).await.unwrap());
        next(watches.last_mut().unwrap()).await;
    }
    let gate = Gate::shut();
    site.becomes(Mood::Waits(gate.clone()));
    site.change(|recipient| recipient.verifications[0].wrong_guesses = 1);
    eventually("that 64 look", async || {
        (gate.asked.available_permits() >= 64).then_some(())
    })
    .await;
    let request = v1::GetVerificationRequest {
        verification: Some(by_id(&id)),
    };
    let mut caller = other.clone();
    let call = tokio::spawn(async move { caller.get_verification(request).await });
    eventually("the call", async || {
        (gate.asked.available_permits() >= 65).then_some(())
    })
    .await;
    assert_eq!(gate.asked.available_permits(), 65, "one call, and the rest are watches");
    gate.answers.add_permits(10 * WATCHES);
    assert!(call.await.unwrap().is_ok());
    for watch in &mut watches {
        assert_eq!(next(watch).await.guesses_left, 4);
    }
}

#[tokio::test]
async fn a_reader_that_is_slow_finds_the_newest_state_and_not_a_pile() {
    const CHANGES: u64 = 100;
    let (site, _client, id) = opened(Config::default()).await;
    let mut slow = narrow(&site, 1024).await;
    let mut watch = slow.watch_verification(authorized(&id)).await.unwrap().into_inner();
    change_and_be_seen(&site, CHANGES).await;
    let last = fixture::now().plus(minutes(CHANGES));
    let mut read = 1;
    while countersign_grpc::moment(&next(&mut watch).await.expire_time.unwrap()) != last {
        read += 1;
    }
    assert!(read < 20, "{read} of {CHANGES} states were kept for a slow reader");
}

#[tokio::test]
async fn a_reader_that_never_reads_is_given_up_at_its_deadline() {
    let (site, _client, id) = opened(Config::default()).await;
    let mut stalled = narrow(&site, 64).await;
    let mut request = authorized(&id);
    request.set_timeout(Duration::from_secs(1));
    let watch = stalled.watch_verification(request).await.unwrap();
    assert_eq!(site.feed.listeners(), 1);
    soon("that nobody listens", site.feed.deserted()).await;
    drop(watch);
}

#[tokio::test]
async fn a_store_that_goes_away_ends_the_watch_and_it_may_be_watched_again() {
    let (site, client, id) = opened(Config::default()).await;
    let mut first = watch(&client, &id).await.unwrap();
    next(&mut first).await;
    site.becomes(Mood::Away);
    site.feed.publish(fixture::recipient_key());
    let away = refusal(&mut first).await;
    assert_refused(&away, Code::Unavailable, reason::STORE_UNAVAILABLE);
    let away = watch(&client, &id).await.unwrap_err();
    assert_refused(&away, Code::Unavailable, reason::STORE_UNAVAILABLE);
    site.becomes(Mood::Fine);
    let mut again = watch(&client, &id).await.unwrap();
    assert_eq!(next(&mut again).await.id, id);
}

#[tokio::test]
async fn a_watch_that_panics_is_an_internal_error_and_harms_no_other_call() {
    let (site, client, id) = opened(Config::default()).await;
    let mut first = watch(&client, &id).await.unwrap();
    next(&mut first).await;
    site.becomes(Mood::Panics);
    site.feed.publish(fixture::recipient_key());
    let broken = refusal(&mut first).await;
    assert_refused(&broken, Code::Internal, reason::INTERNAL);
    site.becomes(Mood::Fine);
    let mut again = watch(&client, &id).await.unwrap();
    assert_eq!(next(&mut again).await.id, id);
}
