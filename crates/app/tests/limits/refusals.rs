//! Rules that refuse: each default and one of one's own. What they say, what nobody is charged, and what does not help.

use std::time::Duration;

use countersign_grpc::{reason, v1};
use tonic::Code;

use crate::common::calls::{assert_refused, start};
use crate::common::clock::Stopwatch;
use crate::common::crowd::phone;
use crate::scene::{Scene, Setting, assert_limited, from, plain};

/// A rule that counts every verification that is opened, beside the defaults.
const ALL: &str = "\n[limits.rules.all]\nkey = \"everything\"\nquotas = [\"100000/month\"]\napplies_to = \"start\"\n";

/// A rule over starts with these parts, that lets so many pass in a month.
fn rule(key: &str, most: u32) -> String {
    format!("defaults = false\n[limits.rules.mine]\nkey = {key}\nquotas = [\"{most}/month\"]\napplies_to = \"start\"")
}

/// Starts anew and anew until one is refused: how many were not, and how it was refused.
async fn until_refused(
    scene: &Scene,
    most: u64,
    request: impl Fn(u64) -> v1::StartVerificationRequest,
) -> (u64, tonic::Status) {
    for number in 0..=most {
        match start(&scene.client, request(number)).await {
            Ok(answer) => assert_eq!(answer.outcome(), v1::StartOutcome::Opened),
            Err(status) => return (number, status),
        }
    }
    panic!("{most} starts, and none was refused");
}

/// Demands that one more start was refused for nothing: no message, and nothing charged to anybody.
async fn assert_free_refusal(scene: &Scene, opened: u64, request: v1::StartVerificationRequest) {
    for _ in 0..3 {
        assert!(start(&scene.client, request.clone()).await.is_err());
    }
    let standings = scene.standings(request).await;
    assert_eq!(standings["all"].used, i64::try_from(opened).unwrap());
    let messages = scene.meta.phone.wait_until(opened).await.len();
    assert_eq!(u64::try_from(messages).unwrap(), opened);
    assert_eq!(scene.meta.phone.accepted(), opened);
}

#[tokio::test]
async fn the_default_of_an_address_refuses_the_31st_message_and_charges_it_to_nobody() {
    let scene = Scene::set(Setting {
        limits: ALL,
        ..Setting::default()
    })
    .await;
    let watch = Stopwatch::start();
    let request = |number| from(&phone(number), "sign_in", "203.0.113.7");
    let (opened, status) = until_refused(&scene, 40, request).await;
    // One comes back every 20 seconds.
    let refilled = watch.elapsed().as_secs() / 20 + 1;
    assert!((30..=30 + refilled).contains(&opened), "{opened}");
    assert_limited(&status, "sends_per_ip", "client_ip");
    assert_free_refusal(&scene, opened, request(1_000)).await;
    // A neighbor in the same network is another address.
    let other = start(&scene.client, from(&phone(2_000), "sign_in", "203.0.113.8")).await;
    assert_eq!(other.unwrap().outcome(), v1::StartOutcome::Opened);
}

#[tokio::test]
async fn the_default_of_a_network_refuses_the_101st_message_whichever_of_its_addresses_asks() {
    let scene = Scene::set(Setting {
        limits: ALL,
        ..Setting::default()
    })
    .await;
    let watch = Stopwatch::start();
    let request = |number: u64| from(&phone(number), "sign_in", &format!("198.51.100.{}", number % 200));
    let (opened, status) = until_refused(&scene, 120, request).await;
    // One comes back every 6 seconds.
    let refilled = watch.elapsed().as_secs() / 6 + 1;
    assert!((100..=100 + refilled).contains(&opened), "{opened}");
    assert_limited(&status, "sends_per_network", "client_network");
    let standings = scene.standings(from(&phone(5_000), "sign_in", "198.51.100.250")).await;
    assert_eq!(
        standings["sends_per_ip"].used, 0,
        "an address that was refused is charged"
    );
    assert_eq!(standings["all"].used, i64::try_from(opened).unwrap());
}

#[tokio::test]
async fn the_default_of_a_device_refuses_the_sixth_message_and_counts_none_without_a_device() {
    let scene = Scene::set(Setting {
        limits: ALL,
        ..Setting::default()
    })
    .await;
    let request = |number: u64| {
        let mut request = from(&phone(number), "sign_in", &format!("192.0.2.{number}"));
        "device-of-a-person".clone_into(&mut request.client.as_mut().unwrap().device_id);
        request
    };
    let watch = Stopwatch::start();
    let (opened, status) = until_refused(&scene, 7, request).await;
    let refilled = watch.elapsed().as_secs() / 120 + 1;
    assert!((5..=5 + refilled).contains(&opened), "{opened}");
    assert_limited(&status, "sends_per_device", "device");
    assert_free_refusal(&scene, opened, request(100)).await;
    let without = (200..207).map(|number| from(&phone(number), "sign_in", &format!("192.0.2.{number}")));
    for request in without {
        assert_eq!(
            start(&scene.client, request).await.unwrap().outcome(),
            v1::StartOutcome::Opened
        );
    }
}

#[tokio::test]
async fn the_default_of_a_phone_refuses_over_all_its_purposes() {
    let limits = format!("{ALL}[limits.rules.sends_per_phone]\nquotas = [\"1/1d\"]");
    let scene = Scene::set(Setting {
        limits: &limits,
        ..Setting::default()
    })
    .await;
    let request = |purpose| from(&phone(1), purpose, "203.0.113.7");
    start(&scene.client, request("sign_in")).await.unwrap();
    let status = start(&scene.client, request("payment")).await.unwrap_err();
    assert_limited(&status, "sends_per_phone", "phone");
    let wait = tonic_types::StatusExt::get_error_details(&status);
    let wait = wait.retry_info().unwrap().retry_delay.unwrap();
    let day = Duration::from_secs(86_400);
    assert!(wait <= day && wait >= day / 2, "{wait:?}");
    let standings = scene.standings(request("payment")).await;
    for rule in ["all", "sends_per_ip", "sends_per_network"] {
        assert_eq!(standings[rule].used, 1, "{rule}");
    }
    // To ask for it again is to join, which costs nothing.
    let joined = start(&scene.client, request("sign_in")).await;
    assert!(joined.is_ok_and(|it| it.outcome() == v1::StartOutcome::Joined));
}

#[tokio::test]
async fn a_rule_of_ones_own_refuses_by_its_name_and_its_parts_and_tells_apart_what_differs_in_any() {
    let scene = Scene::set(Setting {
        limits: &format!("{}{ALL}", rule("[\"client_ip\", \"purpose\"]", 2)),
        ..Setting::default()
    })
    .await;
    let request = |number| from(&phone(number), "sign_in", "2001:db8::1");
    let (opened, status) = until_refused(&scene, 5, request).await;
    assert_eq!(opened, 2);
    assert_limited(&status, "mine", "client_ip+purpose");
    assert_free_refusal(&scene, 2, request(10)).await;
    for other in [
        from(&phone(11), "payment", "2001:db8::1"),
        from(&phone(12), "sign_in", "2001:db8::2"),
    ] {
        assert_eq!(scene.used("mine", other.clone()).await, 0);
        assert!(start(&scene.client, other).await.is_ok());
    }
    // An IPv4 address is the same one inside IPv6, and each address in any spelling.
    for (number, address) in [(20, "203.0.113.7"), (21, "::ffff:203.0.113.7")] {
        start(&scene.client, from(&phone(number), "sign_in", address))
            .await
            .unwrap();
    }
    let status = start(&scene.client, from(&phone(22), "sign_in", "::ffff:cb00:7107")).await;
    assert_limited(&status.unwrap_err(), "mine", "client_ip+purpose");
    let status = start(&scene.client, from(&phone(13), "sign_in", "2001:0DB8:0:0:0:0:0:1")).await;
    assert_limited(&status.unwrap_err(), "mine", "client_ip+purpose");
}

#[tokio::test]
async fn a_shadow_rule_counts_and_tells_and_refuses_nothing() {
    let limits = format!("{}\naction = \"shadow\"{ALL}", rule("[\"client_ip\"]", 2));
    let scene = Scene::set(Setting {
        limits: &limits,
        ..Setting::default()
    })
    .await;
    let request = |number| from(&phone(number), "sign_in", "203.0.113.7");
    for number in 0..5 {
        let answer = start(&scene.client, request(number)).await.unwrap();
        assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    }
    let shadowed = r#"limits_shadowed_total{app="shop",purpose="sign_in",rule="mine"}"#;
    scene.until_metric(shadowed, 3).await;
    let standing = &scene.standings(request(10)).await["mine"];
    assert!(
        standing.shadow && !standing.refuses && standing.retry_after.is_some(),
        "{standing:?}"
    );
    // What is beyond the quota is told, and not charged.
    assert_eq!((standing.used, standing.left), (2, 0));
    let line = scene.serves[0]
        .log_line("the line of the shadow", |line| {
            line["message"] == "a shadow rule would have refused"
        })
        .await;
    assert_eq!(
        (line["rule"].as_str(), line["key"].as_str()),
        (Some("mine"), Some("client_ip"))
    );
    assert_eq!(scene.used("all", request(10)).await, 5);
}

#[tokio::test]
async fn to_leave_the_address_out_never_helps_and_each_caller_has_a_bucket_of_its_own() {
    let scene = Scene::set(Setting {
        limits: &rule("[\"client_ip\"]", 2),
        ..Setting::default()
    })
    .await;
    let bank = scene.other_caller().await;
    let mut opened = 0;
    // Whoever has used an address up, and another one, gets two without any, and no more.
    for address in ["203.0.113.1", "203.0.113.2", "", "", ""] {
        for _ in 0..4 {
            opened += u64::from(
                start(&scene.client, from(&phone(opened), "sign_in", address))
                    .await
                    .is_ok(),
            );
        }
    }
    assert_eq!(opened, 6);
    let status = start(&scene.client, plain(&phone(90))).await.unwrap_err();
    assert_limited(&status, "mine", "client_ip");
    for number in 100..102 {
        start(&bank, plain(&phone(number))).await.unwrap();
    }
    let status = start(&bank, plain(&phone(102))).await.unwrap_err();
    assert_limited(&status, "mine", "client_ip");
    // An address is one whoever asks for it.
    let status = start(&bank, from(&phone(103), "sign_in", "203.0.113.1"))
        .await
        .unwrap_err();
    assert_limited(&status, "mine", "client_ip");
    assert_eq!(scene.meta.phone.wait_until(8).await.len(), 8);
}

#[tokio::test]
async fn another_purpose_or_another_spelling_of_the_line_is_no_second_budget() {
    let scene = Scene::set(Setting {
        limits: &rule("[\"phone\"]", 1),
        ..Setting::default()
    })
    .await;
    for (first, second) in [("+551171234567", "+5511971234567"), ("+5511979876543", "+551179876543")] {
        start(&scene.client, from(first, "sign_in", "")).await.unwrap();
        for phone in [first, second] {
            let status = start(&scene.client, from(phone, "payment", "")).await.unwrap_err();
            assert_limited(&status, "mine", "phone");
        }
        assert_eq!(scene.used("mine", from(second, "payment", "")).await, 1);
    }
    assert_eq!(scene.meta.phone.wait_until(2).await.len(), 2);
}

#[tokio::test]
async fn a_decorated_phone_is_no_phone_and_charges_nobody() {
    let scene = Scene::set(Setting {
        limits: &rule("\"everything\"", 100),
        ..Setting::default()
    })
    .await;
    for phone in [
        "+55 11 98765-4321",
        "5511987654321",
        " +5511987654321",
        "+5511987654321 ",
        "+5511987654321\n",
        "+55(11)987654321",
        "+5511987654321;ext=1",
        "tel:+5511987654321",
        "005511987654321",
        "++5511987654321",
        "+5511987654321,+5511987654322",
        "\u{ff0b}5511987654321",
        "+551198765432\u{661}",
        "+5511\u{200b}987654321",
        "",
    ] {
        let status = start(&scene.client, plain(phone)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{phone:?}: {status:?}");
        assert_refused(&status, Code::InvalidArgument, reason::INVALID_FIELD);
    }
    assert_eq!(scene.used("mine", plain("+5511987654321")).await, 0);
    assert_eq!(scene.meta.phone.accepted(), 0);
}
