//! Everything the guard and its operators do, at the most talkative, and the search for what it leaves behind: in the
//! log, at `/metrics`, in Redis, and in the record of decisions.

use std::time::Duration;

use countersign_domain::guard::{Area, Rung};
use countersign_grpc::v1;
use countersign_testkit::wait::eventually;

use crate::common::calls::{check, start, start_request};
use crate::common::http;
use crate::common::plan::META_TOKEN;
use crate::common::secrets::Secrets;
use crate::hand::{around, brazil};
use crate::held::everything;
use crate::needles::Needles;
use crate::solver::{guess, solve};
use crate::stage::{DESK_TOKEN, Stage, details, phone, recorded_to};

/// What a device that asks is known by.
const ADDRESS: &str = "2001:db8:77aa:19f3::c0";
const OLD_ADDRESS: &str = "198.51.100.217";
const DEVICE: &str = "device-of-somebody-4a1c";

/// What must not be found, in texts and in bytes.
struct Sought {
    secrets: Secrets,
    needles: Needles,
}

impl Sought {
    fn new() -> Self {
        let mut sought = Self {
            secrets: Secrets::of_every_plan(),
            needles: Needles::default(),
        };
        for (what, secret) in [
            ("an operator's token", DESK_TOKEN),
            ("Meta's token", META_TOKEN),
            ("an address", ADDRESS),
            ("an address", OLD_ADDRESS),
            ("a device", DEVICE),
            ("the numbers of a block", "551197060"),
            ("the numbers of a block", "551197061"),
        ] {
            sought.text(what, secret);
        }
        sought
    }

    fn text(&mut self, what: &str, secret: &str) {
        self.secrets.add(what, secret);
        self.needles.add_text(what, secret);
    }

    fn phone(&mut self, phone: &str) {
        self.secrets.add_phone(phone);
        self.needles.add_phone(phone);
    }

    fn code(&mut self, code: &str) {
        self.secrets.add("a code", code);
        self.needles.add_code(code);
    }
}

impl Stage {
    /// Starts with everything that is known of a device: what came of it, or the challenge that is asked for.
    async fn ask(&self, phone: &str, address: &str, answer: &str) -> Result<String, String> {
        let client = Some(v1::Client {
            ip_address: address.to_owned(),
            device_id: DEVICE.to_owned(),
            challenge_answer: answer.to_owned(),
            challenged: false,
        });
        let request = v1::StartVerificationRequest {
            client,
            ..start_request("shop", phone)
        };
        match start(&self.client, request).await {
            Ok(answer) => Ok(answer.verification.unwrap().id),
            Err(status) => Err(details(&status)
                .error_info()
                .and_then(|it| it.metadata.get("challenge").cloned())
                .unwrap_or_default()),
        }
    }

    /// Persons who give their code back, guess wrong, and ask more often than they may.
    async fn be_people(&self, sought: &mut Sought) {
        for number in 0..8 {
            let phone = phone(60, 4_010 + number * 37);
            sought.phone(&phone);
            let Ok(id) = self
                .ask(&phone, if number % 2 == 0 { ADDRESS } else { OLD_ADDRESS }, "")
                .await
            else {
                continue;
            };
            let code = self.meta.code_for(&phone).await;
            sought.code(&code);
            let wrong: String = code.chars().map(|it| if it == '7' { '3' } else { '7' }).collect();
            assert_eq!(check(&self.client, &id, &wrong).await, v1::CheckOutcome::Incorrect);
            if number % 2 == 0 {
                assert_eq!(check(&self.client, &id, &code).await, v1::CheckOutcome::Approved);
            }
        }
    }

    /// A challenge that is answered in every way there is, and a stop.
    async fn be_guarded(&self, sought: &mut Sought) {
        let hand = self.hand().await;
        let (challenged, stopped) = (phone(61, 7_351), phone(62, 8_264));
        sought.phone(&challenged);
        sought.phone(&stopped);
        hand.raise(around(&challenged), Rung::Challenge, Duration::from_secs(10))
            .await;
        hand.raise(around(&stopped), Rung::Day, Duration::from_secs(10)).await;
        hand.raise(brazil(), Rung::Challenge, Duration::from_secs(7_200)).await;
        hand.raise(Area::Guesses, Rung::Challenge, Duration::from_secs(7_200))
            .await;
        let text = self.ask(&challenged, ADDRESS, "").await.unwrap_err();
        let (wrong, right) = (guess(&text), solve(&text));
        for answer in [&wrong, &right] {
            sought.text("an answer to a challenge", answer);
        }
        assert!(!self.ask(&challenged, ADDRESS, &wrong).await.unwrap_err().is_empty());
        self.ask(&challenged, ADDRESS, &right).await.unwrap();
        assert_eq!(self.ask(&stopped, OLD_ADDRESS, &right).await, Err(String::new()));
        let device = ["--client-ip", ADDRESS, "--device", DEVICE, "--challenge-answer", &right];
        for phone in [&challenged, &stopped] {
            self.run(&[&["explain", "shop", phone, "payment"][..], &device].concat())
                .await;
        }
        sought.code(&self.meta.code_for(&challenged).await);
    }

    /// Everything an operator can do, and what nobody else can.
    async fn be_operated(&self, sought: &mut Sought) {
        let (held, erased) = (phone(63, 9_173), phone(60, 4_010));
        sought.phone(&held);
        let blocks = self.blocks().await;
        assert_eq!(blocks.len(), 4);
        for it in &blocks {
            assert_eq!(
                self.run(&["blocks", "lift", it["id"].as_str().unwrap()]).await.code,
                Some(0)
            );
        }
        for caller in ["desk", "shop"] {
            let is_desk = caller == "desk";
            for args in [
                &["blocks"][..],
                &["hold", "shop", &held],
                &["explain", "shop", &held, "sign_in"],
                &["release", "shop", &held],
                &["erase", &erased, "--yes"],
                &["hold", "shop", "+55119;8812345670"],
            ] {
                let ended = self.run_as(caller, args).await;
                assert!(is_desk || ended.code == Some(1), "{args:?}: {ended:?}");
            }
        }
        sought.text("a malformed phone", "55119;8812345670");
    }
}

#[tokio::test]
async fn whatever_is_asked_of_the_guard_and_by_operators_no_log_metric_store_or_record_tells_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("decisions.jsonl");
    let mut stage = Stage::begin_logging("trace", |plan| {
        "defaults = true\n[limits.rules.sends_per_device]\nquotas = [\"40/10m\"]\n".clone_into(&mut plan.limits);
        "code_length = 15".clone_into(&mut plan.policy);
        plan.tables += "[money.budgets.narrow]\nper = [\"number_block\"]\namount = \"0.04\"\nwindow = \"month\"\n";
        plan.tables += &recorded_to(&record);
    })
    .await;
    let mut sought = Sought::new();
    stage.be_people(&mut sought).await;
    stage.be_guarded(&mut sought).await;
    stage.be_operated(&mut sought).await;
    for message in stage.meta.phone.messages() {
        sought.secrets.add_message_id(&message.id);
        sought.text("a message id", message.id.trim_start_matches("wamid."));
    }
    let metrics = eventually("what the guard did in the metrics", async || {
        let page = http::get(&format!("http://{}/metrics", stage.serve.http)).await.body;
        page.contains("narrow").then_some(page)
    })
    .await;
    stage.serve.process.signal("TERM");
    let ended = stage.serve.process.ended().await;
    assert_eq!(ended.code, Some(0));
    let log = format!("{}{}", ended.stdout, ended.stderr);
    for mark in [
        "\"TRACE\"",
        "start challenged",
        "a budget runs out",
        "an operator lifted a block",
        "an operator holds a recipient",
        "an operator released a recipient",
        "an operator had a phone erased",
    ] {
        assert!(log.contains(mark), "no line has {mark}, so little was looked at");
    }
    let decisions = std::fs::read_to_string(&record).unwrap();
    for mark in [
        "\"refused\":\"narrow\"",
        "\"refused\":\"guard\"",
        "\"is\":\"guess\"",
        "\"is\":\"ended\"",
    ] {
        assert!(decisions.contains(mark), "no line has {mark}: {decisions}");
    }
    for (place, text) in [("the log", &log), ("the metrics", &metrics), ("the record", &decisions)] {
        let found = sought.secrets.found_in(text);
        assert!(found.is_empty(), "{place}: {found:#?}");
        let found = sought.needles.found_in(text.as_bytes());
        assert!(found.is_empty(), "{place}: {found:#?}");
    }
    let (mut bytes, mut found) = (0, Vec::new());
    for held in everything(&stage.redis) {
        bytes += held.bytes.len();
        let hits = sought.needles.found_in(&held.bytes);
        found.extend(hits.iter().map(|hit| format!("{} in {}", hit.what, held.place)));
    }
    assert!(
        found.is_empty(),
        "{}: {:#?}",
        found.len(),
        &found[..found.len().min(20)]
    );
    println!(
        "{} lines of the log, {} of decisions and {bytes} bytes of Redis looked at for {} texts and {} byte strings",
        log.lines().count(),
        decisions.lines().count(),
        sought.secrets.count(),
        sought.needles.count()
    );
    assert!(bytes > 20_000 && log.lines().count() > 500);
}
