//! `hold`, `release` and `erase`.

use prost_types::Duration;
use serde_json::json;

use crate::answers::without_times;
use crate::service::Service;

const PHONE: &str = "+5511987654321";

#[tokio::test]
async fn a_phone_is_held_for_a_day_unless_it_is_said_otherwise() {
    let service = Service::start(|_| {}).await;
    let ended = service.run(&["hold", "shop", PHONE]).await;
    let said = "Held until <time>\nNothing is sent and no guess is compared; what was open is blocked.\n";
    assert_eq!((ended.code, without_times(&ended.stdout).as_str()), (Some(0), said));
    let args = ["hold", "shop", PHONE, "--purpose", "sign_in", "--for", "30m"];
    let (code, answer) = service.json(&args).await;
    assert_eq!((code, answer), (0, json!({ "hold_end_time": "2100-01-01T00:00:00Z" })));
    let holds = service.asked(|it| it.holds.clone());
    let asked: Vec<_> = holds
        .iter()
        .map(|it| (it.recipient.as_ref().unwrap().purpose.as_str(), it.hold))
        .collect();
    let spans = [24 * 60 * 60, 30 * 60].map(|seconds| Some(Duration { seconds, nanos: 0 }));
    assert_eq!(asked, [("", spans[0]), ("sign_in", spans[1])]);
    assert!(holds.iter().all(|it| it.recipient.as_ref().unwrap().phone == PHONE));
}

#[tokio::test]
async fn a_release_says_whether_there_was_a_hold() {
    for (released, said) in [
        (true, "Released.\n"),
        (false, "It was not held; nothing was changed.\n"),
    ] {
        let service = Service::start(|it| it.released = released).await;
        let ended = service.run(&["release", "shop", PHONE]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), said));
        let (code, answer) = service.json(&["release", "shop", PHONE, "--purpose", "sign_in"]).await;
        assert_eq!((code, answer), (0, json!({ "released": released })));
        let purposes = service.asked(|it| it.releases.iter().map(|it| it.purpose.clone()).collect::<Vec<_>>());
        assert_eq!(purposes, ["", "sign_in"]);
    }
}

#[tokio::test]
async fn nothing_is_erased_without_yes() {
    let service = Service::start(|it| it.records_erased = 3).await;
    let ended = service.run(&["erase", PHONE]).await;
    assert_eq!(ended.code, Some(3));
    assert!(
        ended.stdout.starts_with("This would erase ") && ended.stdout.ends_with("with --yes\n"),
        "{ended:?}"
    );
    let (code, answer) = service.json(&["erase", PHONE]).await;
    assert_eq!((code, answer), (3, json!({ "records_erased": 0, "would_erase": true })));
    assert!(service.asked(|it| it.erasures.is_empty()));
}

#[tokio::test]
async fn what_was_erased_is_counted() {
    for (records, said) in [
        (
            0,
            "Erased. There was no record; what limits and the guard knew of it is gone.\n",
        ),
        (1, "Erased: 1 record, and what limits and the guard knew of it.\n"),
        (3, "Erased: 3 records, and what limits and the guard knew of it.\n"),
    ] {
        let service = Service::start(|it| it.records_erased = records).await;
        let ended = service.run(&["erase", PHONE, "--yes"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), said));
        let (code, answer) = service.json(&["erase", PHONE, "--yes"]).await;
        assert_eq!((code, answer), (0, json!({ "records_erased": records })));
        assert_eq!(service.asked(|it| it.erasures.clone()), [PHONE, PHONE]);
    }
}
