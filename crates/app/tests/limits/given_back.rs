//! What comes back to the rules when a message is not taken in the end, and what stands once it was.

use countersign_grpc::v1;
use countersign_simulator::Pace;

use crate::common::calls::{get, open, start};
use crate::scene::{Scene, Setting, from, plain};
use countersign_testkit::wait::eventually;

const RULES: &str = "defaults = false\n\
                     [limits.rules.starts]\nkey = \"everything\"\nquotas = [\"200/month\"]\napplies_to = \"start\"\n\
                     [limits.rules.sends]\nkey = [\"phone\"]\nquotas = [\"100/month\"]\napplies_to = \"send\"";

/// Opens a verification whose message fails, and waits until it has: what is used of both rules in the end.
async fn after_failure(phone: &str, used: i64) {
    let scene = Scene::set(Setting {
        limits: RULES,
        pace: Pace::instant(),
        ..Setting::default()
    })
    .await;
    let id = open(&scene.client, phone).await.id;
    eventually("that the verification has failed", async || {
        let state = get(&scene.client, &id).await.state();
        assert_ne!(state, v1::VerificationState::Approved);
        (state == v1::VerificationState::Failed).then_some(())
    })
    .await;
    for rule in ["starts", "sends"] {
        scene.until_used(rule, plain(phone), used).await;
    }
}

#[tokio::test]
async fn a_message_that_meta_refuses_gives_back_everything() {
    after_failure("+5511910131026", 0).await;
}

#[tokio::test]
async fn a_message_that_meta_took_and_that_failed_later_stays_counted() {
    after_failure("+5511920131026", 1).await;
}

#[tokio::test]
async fn what_was_given_back_makes_room_for_others() {
    for action in ["start", "send"] {
        let rule = format!(
            "defaults = false\n[limits.rules.only]\nkey = \"everything\"\nquotas = [\"1/month\"]\napplies_to = \"{action}\""
        );
        let scene = Scene::set(Setting {
            limits: &rule,
            ..Setting::default()
        })
        .await;
        for refused in ["+5511910131026", "+5521910131026", "+5531910131026"] {
            open(&scene.client, refused).await;
            scene.until_used("only", plain("+5511987654321"), 0).await;
        }
        open(&scene.client, "+5511987654321").await;
        assert_eq!(scene.meta.phone.wait_until(1).await.len(), 1);
        assert_eq!(scene.used("only", plain("+5511987654322")).await, 1);
    }
}

#[tokio::test]
async fn a_resend_is_one_more_message_and_no_further_start_and_what_is_repeated_costs_nothing() {
    let scene = Scene::set_under(
        "send_waits = [\"6s\", \"6s\", \"6s\"]",
        Setting {
            limits: RULES,
            ..Setting::default()
        },
    )
    .await;
    let mut request = plain("+5511987654321");
    "request-1".clone_into(&mut request.request_id);
    for _ in 0..3 {
        let answer = start(&scene.client, request.clone()).await.unwrap();
        assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    }
    let joined = start(&scene.client, plain("+5511987654321")).await.unwrap();
    assert_eq!(joined.outcome(), v1::StartOutcome::Joined);
    // The rule over sends is about a phone, whatever the purpose.
    let other = from("+5511987654321", "payment", "");
    let used = async || {
        let standings = scene.standings(other.clone()).await;
        ["starts", "sends"].map(|rule| standings[rule].used)
    };
    assert_eq!(used().await, [1, 1]);
    eventually("that the wait is over", async || {
        let answer = start(&scene.client, plain("+5511987654321")).await.unwrap();
        (answer.outcome() == v1::StartOutcome::Resent).then_some(())
    })
    .await;
    assert_eq!(used().await, [1, 2]);
    assert_eq!(scene.meta.phone.wait_until(2).await.len(), 2);
}
