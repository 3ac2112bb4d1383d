//! What was decided is written down, and decided again by `replay`.

use std::path::{Path, PathBuf};

use countersign_grpc::{reason, v1};
use countersign_testkit::wait::eventually;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::calls::{by_id, check, get, other_than, start, start_request};
use crate::common::meta::error_answer;
use crate::common::process::{Ended, countersign, run};
use crate::common::secrets::Secrets;
use crate::pumping::{answered, challenge};
use crate::solver::solve;
use crate::stage::{Stage, details, phone, recorded_to};

/// A rule of networks, which refuses.
const NETWORKS: &str =
    "\n[limits.rules.per_network]\nkey = [\"client_network\"]\nquotas = [\"5/1h\"]\napplies_to = \"send\"\n";
/// A rule of devices, which only tells.
const DEVICES: &str = "\n[limits.rules.per_device]\nkey = [\"device\"]\nquotas = [\"1/1h\"]\napplies_to = \"send\"\n\
                       absent = \"free\"\naction = \"shadow\"\n";
/// A budget of blocks.
const BUDGET: &str = "[money.budgets.narrow]\nper = [\"number_block\"]\namount = \"0.08\"\nwindow = \"month\"\n";

/// A record and the configuration it was made under.
struct Recorded {
    folder: TempDir,
    record: PathBuf,
    policy: String,
    secrets: Secrets,
    refused: u64,
    sent: u64,
    approved: u64,
}

/// Whose device a start comes from.
fn device(person: u32) -> v1::Client {
    v1::Client {
        // Every third comes from one network, which is asked for too often.
        ip_address: format!(
            "203.0.{}.{}",
            100 + (person % 3).min(1) * (person % 40),
            10 + person % 7
        ),
        device_id: if person.is_multiple_of(2) {
            format!("device-of-somebody-{:03}", person % 20)
        } else {
            String::new()
        },
        ..v1::Client::default()
    }
}

/// Runs a service through a crowd of which some are refused, join, cancel, fail, guess wrong and give their codes back.
async fn recorded() -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("decisions.jsonl");
    let mut stage = Stage::begin(|plan| {
        plan.limits += NETWORKS;
        plan.limits += DEVICES;
        "code_length = 12".clone_into(&mut plan.policy);
        plan.guard += "\nunfinished_per_block_max = 8";
        plan.tables += BUDGET;
        plan.tables += &recorded_to(&record);
    })
    .await;
    let mut secrets = Secrets::of_every_plan();
    let (mut refused, mut approved) = (0, 0);
    for person in 0..80 {
        // One block gives nothing back, and the other one gives back and spends its budget.
        let phone = phone(50 + person % 4 / 2, 9_000 + person);
        secrets.add_phone(&phone);
        let client = device(person);
        secrets.add("an address", &client.ip_address);
        if !client.device_id.is_empty() {
            secrets.add("a device", &client.device_id);
        }
        let request = v1::StartVerificationRequest {
            client: Some(client),
            ..start_request("shop", &phone)
        };
        if person % 10 == 7 {
            let fault = error_answer(400, 131_026, "undeliverable", "undeliverable");
            stage.meta.controls.fail_next(1, fault);
        }
        let id = match start(&stage.client, request.clone()).await {
            Ok(answer) => answer.verification.unwrap().id,
            Err(status) => {
                let told = details(&status);
                assert_eq!(told.error_info().unwrap().reason, reason::LIMIT_REACHED, "{status:?}");
                stage.meta.controls.clear_faults();
                refused += 1;
                continue;
            }
        };
        if person % 10 == 7 {
            eventually("that it failed", async || {
                let seen = get(&stage.client, &id).await;
                (seen.state() == v1::VerificationState::Failed).then_some(())
            })
            .await;
            continue;
        }
        let joined = start(&stage.client, request.clone()).await.unwrap();
        assert_eq!(joined.outcome(), v1::StartOutcome::Joined);
        let code = stage.meta.code_for(&phone).await;
        secrets.add("a code", &code);
        match person % 5 {
            0 if person % 4 < 2 => {
                let request = v1::CancelVerificationRequest {
                    verification: Some(by_id(&id)),
                };
                stage.client.clone().cancel_verification(request).await.unwrap();
                start(&stage.client, start_request("shop", &phone)).await.unwrap_err();
                refused += 1;
            }
            1 => {
                let outcome = check(&stage.client, &id, &other_than(&code)).await;
                assert_eq!(outcome, v1::CheckOutcome::Incorrect);
            }
            _ if person % 4 >= 2 => {
                stage.give_back(&id, &phone).await;
                approved += 1;
            }
            _ => {}
        }
    }
    stage.serve.process.signal("TERM");
    assert_eq!(stage.serve.process.ended().await.code, Some(0));
    let sent = stage.meta.phone.accepted();
    Recorded {
        folder,
        record,
        policy: stage.plan.text(),
        secrets,
        refused,
        sent,
        approved,
    }
}

impl Recorded {
    /// Writes a policy where there are no secrets.
    fn policy(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn replay(&self, policy: &Path, records: &[&Path], more: &[&str]) -> Ended {
        let mut command = countersign(self.folder.path());
        command
            .arg("replay")
            .arg("--policy")
            .arg(policy)
            .args(more)
            .args(records);
        run(&mut command).await
    }

    async fn replayed(&self, policy: &Path) -> Value {
        let ended = self.replay(policy, &[&self.record], &["--json"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        println!("{}", self.replay(policy, &[&self.record], &[]).await.stdout);
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

#[tokio::test]
async fn the_same_policy_decides_the_same_again_and_a_stricter_one_names_whom_it_turns_away() {
    let recorded = recorded().await;
    let same = recorded.replayed(&recorded.policy("same.toml", &recorded.policy)).await;
    let sent_then = same["sent_then"].as_u64().unwrap();
    // Those that failed were sent, too, and nobody has them.
    assert!(
        sent_then > recorded.sent && recorded.sent > 10,
        "{} of {same:#}",
        recorded.sent
    );
    assert_eq!(same["starts"], sent_then + recorded.refused, "{same:#}");
    assert_eq!(
        (&same["newly_refused"], &same["newly_sent"]),
        (&0.into(), &0.into()),
        "{same:#}"
    );
    assert_eq!(same["cost_then_micros"], same["cost_now_micros"]);
    let rules = same["rules"].as_array().unwrap();
    for row in rules {
        assert_eq!(row["refused_then"], row["refused_now"], "{row}");
    }
    for rule in ["per_network", "unfinished_per_block", "narrow", "send_wait"] {
        let row = rules.iter().find(|it| it["rule"] == rule);
        assert!(
            row.is_some_and(|it| it["refused_then"].as_u64() > Some(0)),
            "{rule}: {same:#}"
        );
    }
    let devices = rules.iter().find(|it| it["rule"] == "per_device").unwrap();
    assert!(devices["shadowed"].as_u64() > Some(0), "{same:#}");

    let stricter = recorded.policy.replace("amount = \"0.08\"", "amount = \"0.03\"");
    let stricter = recorded.replayed(&recorded.policy("stricter.toml", &stricter)).await;
    assert!(stricter["newly_refused"].as_u64() > Some(0), "{stricter:#}");
    let rules = stricter["rules"].as_array().unwrap();
    let narrow = rules.iter().find(|it| it["rule"] == "narrow").unwrap();
    let turned_away = narrow["turned_away"].as_u64().unwrap();
    assert!(turned_away > 0 && turned_away <= recorded.approved, "{stricter:#}");

    let text = std::fs::read_to_string(&recorded.record).unwrap();
    assert!(text.lines().count() > 80 && recorded.secrets.count() > 500);
    assert_eq!(recorded.secrets.found_in(&text), []);
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said_in_one_line_with_its_place() {
    let recorded = recorded().await;
    let policy = recorded.policy("policy.toml", &recorded.policy);
    let whole = std::fs::read_to_string(&recorded.record).unwrap();
    let (first, rest) = whole.split_once('\n').unwrap();
    let record = |name: &str, text: &str| {
        let path = recorded.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let missing = recorded.folder.path().join("missing.jsonl");
    for (path, said) in [
        (missing, " cannot be opened: "),
        (
            record("words.jsonl", &format!("{first}\nno line of a record\n{rest}")),
            ", line 2 is not a line of a record: ",
        ),
        (
            record("other.jsonl", &first.replace("\"is\":\"start\"", "\"is\":\"began\"")),
            ", line 1 is not a line of a record: ",
        ),
        (
            record("field.jsonl", &first.replace("\"app\":\"shop\"", "\"app\":\"S h o p\"")),
            ", line 1: app is not what a record says there",
        ),
    ] {
        for json in [&[][..], &["--json"]] {
            let ended = recorded.replay(&policy, &[&path], json).await;
            println!("{}", ended.stderr);
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
            assert!(
                ended.stderr.contains(said) && ended.stderr.contains(path.to_str().unwrap()),
                "{ended:?}"
            );
        }
    }
    // A line that was being written when the service was killed is left out, wherever it stands.
    let cut = record("cut.jsonl", &format!("{}\n{rest}{}", &first[..40], &first[..60]));
    let ended = recorded.replay(&policy, &[&cut], &["--json"]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));

    let wrong = recorded
        .policy
        .replace("quotas = [\"5/1h\"]", "quotas = [\"5 an hour\"]");
    let wrong = recorded.policy("wrong.toml", &wrong);
    for policy in [wrong, recorded.folder.path().join("no.toml")] {
        let ended = recorded.replay(&policy, &[&recorded.record], &[]).await;
        println!("{}", ended.stderr);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[tokio::test]
async fn whoever_met_a_challenge_is_not_turned_away_by_the_same_policy_and_a_line_that_was_cut_spoils_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("decisions.jsonl");
    // Where the last run was killed.
    std::fs::write(&record, "{\"is\":\"start\",\"at\":17").unwrap();
    let mut stage = Stage::begin(|plan| plan.tables += &recorded_to(&record)).await;
    stage.spray(72).await;
    let person = phone(71, 1);
    let answer = solve(&challenge(&stage.client, &person, "guesses").await);
    let id = answered(&stage.client, &person, "sign_in", &answer).await.unwrap().id;
    stage.give_back(&id, &person).await;
    challenge(&stage.client, &phone(71, 2), "guesses").await;
    stage.serve.process.signal("TERM");
    assert_eq!(stage.serve.process.ended().await.code, Some(0));

    let recorded = Recorded {
        folder,
        record,
        policy: stage.plan.text(),
        secrets: Secrets::default(),
        refused: 2,
        sent: 41,
        approved: 1,
    };
    let same = recorded.replayed(&recorded.policy("same.toml", &recorded.policy)).await;
    assert_eq!(
        (&same["starts"], &same["sent_then"]),
        (&43.into(), &41.into()),
        "{same:#}"
    );
    assert_eq!(
        (&same["newly_refused"], &same["newly_sent"]),
        (&0.into(), &0.into()),
        "{same:#}"
    );
    let free = recorded.policy.replace("[guard]\n", "[guard]\nenabled = false\n");
    let free = recorded.replayed(&recorded.policy("free.toml", &free)).await;
    assert_eq!(
        (&free["newly_refused"], &free["newly_sent"]),
        (&0.into(), &1.into()),
        "{free:#}"
    );
    for row in free["rules"].as_array().unwrap() {
        assert_eq!(row["turned_away"], 0, "{free:#}");
    }
}
