//! `blocks`: what is stopped, and the end of it.

use serde_json::json;

use crate::answers::{blocks, without_times};
use crate::service::Service;

const LISTED: &str = "
  ID                          OF        WHAT            IN FORCE
  mfrggzdfmztwq2lknnwg23tpoa  shop      +551198765xxxx  6h stop, <time>
    too few codes given back, score 14.2, raised <time>
  nbswy3dpeb3w64tmmqqq4000aa  all apps  BR              stop, until lifted
    too few codes given back, score 14.2, raised <time>
  onqwyyjan5xgkidxnfzgk3djnu  all apps  guesses         - (was challenge)
    too many wrong guesses, score 14.2, raised <time>

";

#[tokio::test]
async fn every_block_is_shown_with_what_it_stops_and_for_how_long() {
    let service = Service::start(|it| it.blocks = blocks()).await;
    let ended = service.run(&["blocks"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let (listed, then) = ended.stdout.split_once("Then: ").unwrap();
    assert_eq!(without_times(listed), LISTED[1..]);
    assert!(then.ends_with(" blocks lift <id>\n"), "{then}");
}

#[tokio::test]
async fn without_a_block_it_says_so() {
    let service = Service::start(|_| {}).await;
    let ended = service.run(&["blocks"]).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "The guard has stopped nothing.\n")
    );
    let (code, answer) = service.json(&["blocks"]).await;
    assert_eq!((code, answer), (0, json!({ "blocks": [] })));
}

#[tokio::test]
async fn programs_read_blocks_whole() {
    let service = Service::start(|it| it.blocks = blocks()).await;
    let (_, answer) = service.json(&["blocks"]).await;
    let numbers = json!({
        "id": "mfrggzdfmztwq2lknnwg23tpoa",
        "app": "shop",
        "area": "number_block_10000",
        "number_prefix": "+551198765",
        "country": null,
        "alarm": "conversion",
        "rung": "6h",
        "score": 14_210,
        "raise_time": "2100-01-01T00:00:00Z",
        "first_raise_time": "2100-01-01T00:00:00Z",
        "rung_in_force": "6h",
        "end_time": "2100-01-01T00:00:00Z",
    });
    assert_eq!(answer["blocks"][0], numbers);
    let country = &answer["blocks"][1];
    assert_eq!(
        (&country["app"], &country["country"], &country["end_time"]),
        (&json!(null), &json!("BR"), &json!(null))
    );
    assert_eq!(answer["blocks"][2]["rung_in_force"], json!(null));
}

#[tokio::test]
async fn a_block_is_lifted_by_its_id() {
    let service = Service::start(|_| {}).await;
    let id = "mfrggzdfmztwq2lknnwg23tpoa";
    let ended = service.run(&["blocks", "lift", id]).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "Lifted; its score begins anew.\n")
    );
    let (code, answer) = service.json(&["blocks", "lift", id]).await;
    assert_eq!((code, answer), (0, json!({ "lifted": id })));
    assert_eq!(service.asked(|it| it.lifted.clone()), [id, id]);
}
