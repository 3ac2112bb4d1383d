//! One person under two numbers that only Meta knows to be one: rules by phone count them as one, wherever they are
//! asked for.

use countersign_grpc::v1;

use crate::common::calls::start;
use crate::scene::{Scene, Setting, assert_limited, from};

/// What is asked for, and the number WhatsApp knows the person by. No numbering plan leads from one to the other.
const ASKED: &str = "+5511987654321";
const KNOWN: &str = "+5511976543210";
/// Three messages a month, and a rule that nobody can recompute when Meta answers.
const LIMITS: &str = r#"defaults = false

[limits.rules.monthly]
key = ["phone"]
applies_to = "send"
quotas = ["3/month"]

[limits.rules.by_address]
key = ["phone", "client_ip"]
applies_to = "send"
quotas = ["2/month"]"#;

async fn scene(guard: &str) -> Scene {
    let scene = Scene::set(Setting {
        limits: LIMITS,
        guard,
        instances: 2,
        ..Setting::default()
    })
    .await;
    assert!(scene.meta.controls.know_by(ASKED, KNOWN));
    scene
}

fn of(phone: &str, purpose: &str) -> v1::StartVerificationRequest {
    from(phone, purpose, "203.0.113.7")
}

#[tokio::test]
async fn two_numbers_of_one_line_share_a_budget_over_purposes_and_instances_from_the_second_message_on() {
    for (guard, third, refused) in [("action = \"shadow\"", ASKED, KNOWN), ("enabled = false", KNOWN, ASKED)] {
        let scene = scene(guard).await;
        let (here, there) = (scene.client.clone(), scene.serves[1].client().await);
        start(&here, of(ASKED, "sign_in")).await.unwrap();
        // The first message, too; but for a rule that asks for what no record knows.
        scene.until_used("monthly", of(KNOWN, "sign_in"), 1).await;
        assert_eq!(scene.used("by_address", of(KNOWN, "sign_in")).await, 0);
        start(&there, of(KNOWN, "sign_in")).await.unwrap();
        start(&there, of(third, "payment")).await.unwrap();
        for phone in [ASKED, KNOWN] {
            assert_eq!(scene.used("monthly", of(phone, "sign_in")).await, 3, "{phone}");
        }
        // Nothing was sent to this recipient yet, so nothing else stands in the way.
        for client in [&here, &there] {
            let status = start(client, of(refused, "payment")).await.unwrap_err();
            assert_limited(&status, "monthly", "phone");
        }
        scene.until_metric("lines_learnt_total", 1).await;
    }
}

#[tokio::test]
async fn an_erased_number_is_its_own_line_until_meta_says_otherwise_again() {
    let scene = scene("enabled = false").await;
    start(&scene.client, of(ASKED, "sign_in")).await.unwrap();
    scene.until_used("monthly", of(KNOWN, "sign_in"), 1).await;
    scene.erase(ASKED).await;
    for phone in [ASKED, KNOWN] {
        assert_eq!(scene.used("monthly", of(phone, "sign_in")).await, 0, "{phone}");
    }
    start(&scene.client, of(KNOWN, "sign_in")).await.unwrap();
    assert_eq!(
        scene.used("monthly", of(ASKED, "sign_in")).await,
        0,
        "nobody knows the line"
    );
    start(&scene.client, of(ASKED, "sign_in")).await.unwrap();
    scene.until_used("monthly", of(KNOWN, "sign_in"), 2).await;
}
