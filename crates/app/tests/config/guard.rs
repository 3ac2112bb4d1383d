//! `[guard]`: its numbers, and what is said about wrong ones.

use crate::asked::{Asked, Wrong, assert_one_line_each, with};

const AS_PLANNED: &str = "[guard]\naction = \"shadow\"";

#[tokio::test]
async fn a_guard_that_nobody_wrote_about_is_right_and_so_is_one_with_every_number() {
    let every = "[guard]
enabled = true
action = \"refuse\"
challenge = \"caller\"
unfinished_per_block_max = 50
unfinished_per_country_min = 500
maturity = \"90s\"
returning_memory = \"720h\"
challenge_length = \"30m\"
clean_period = \"48h\"";
    let easy = "[guard]\nproof_of_work_max = 1000\nproof_of_work_life = \"1m\"";
    let hard = "[guard]\nchallenge = \"proof_of_work\"\nproof_of_work_max = 1000000\nproof_of_work_life = \"10m\"";
    for section in ["", "[guard]", "[guard]\nenabled = false", every, easy, hard] {
        let ended = Asked::new(&with(&[(AS_PLANNED, section)])).check(&[]).await;
        assert_eq!(ended.code, Some(0), "{section}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn each_wrong_number_of_the_guard_is_one_line() {
    let guard = |line: &'static str, path: &'static str, advice: &'static str| -> Wrong {
        ("action = \"shadow\"", line, path, advice)
    };
    assert_one_line_each(&[
        guard("action = \"off\"", "guard.action: ", "must be \"refuse\" or \"shadow\""),
        guard("enabled = \"yes\"", "guard.enabled: ", "must be true or false"),
        guard(
            "challenge = \"captcha\"",
            "guard.challenge: ",
            "\"proof_of_work\" or \"caller\"",
        ),
        guard(
            "unfinished_per_block_max = 0",
            "guard.unfinished_per_block_max: ",
            "must be 1 to 10000",
        ),
        guard(
            "unfinished_per_block_max = 200",
            "guard.unfinished_per_country_min: ",
            "at least unfinished_per_block_max",
        ),
        guard("maturity = \"10s\"", "guard.maturity: ", "must be 30 s to 5 minutes"),
        guard(
            "returning_memory = \"1h\"",
            "guard.returning_memory: ",
            "must be 1 to 400 days",
        ),
        guard(
            "challenge_length = \"1m\"",
            "guard.challenge_length: ",
            "must be 5 minutes to 24 hours",
        ),
        guard(
            "clean_period = \"1m\"",
            "guard.clean_period: ",
            "must be 1 hour to 30 days",
        ),
        guard(
            "proof_of_work_max = 999",
            "guard.proof_of_work_max: ",
            "must be 1000 to 1000000",
        ),
        guard(
            "proof_of_work_max = 1000001",
            "guard.proof_of_work_max: ",
            "must be 1000 to 1000000",
        ),
        guard(
            "proof_of_work_life = \"59s\"",
            "guard.proof_of_work_life: ",
            "must be 1 to 10 minutes",
        ),
        guard(
            "proof_of_work_life = \"601s\"",
            "guard.proof_of_work_life: ",
            "must be 1 to 10 minutes",
        ),
        guard(
            "challenge = \"caller\"\nproof_of_work_max = 100000",
            "guard.proof_of_work_max: ",
            "is of no use with challenge = \"caller\"",
        ),
        guard(
            "challenge = \"caller\"\nproof_of_work_life = \"5m\"",
            "guard.proof_of_work_life: ",
            "is of no use with challenge = \"caller\"",
        ),
        guard("maturty = \"120s\"", "guard.maturty: ", "did you mean maturity?"),
    ])
    .await;
}

#[tokio::test]
async fn everything_that_is_wrong_with_the_proof_of_work_is_told_at_once() {
    let wrong = "[guard]\nproof_of_work_max = 0\nproof_of_work_life = \"20m\"";
    let useless = "[guard]\nchallenge = \"caller\"\nproof_of_work_max = 0\nproof_of_work_life = \"20m\"";
    for (section, words) in [(wrong, "must be"), (useless, "is of no use")] {
        let ended = Asked::new(&with(&[(AS_PLANNED, section)])).check(&[]).await;
        assert_ne!(ended.code, Some(0));
        for key in ["proof_of_work_max", "proof_of_work_life"] {
            let line = format!("guard.{key}: {words}");
            assert!(ended.stderr.contains(&line), "{line}\n{}", ended.stderr);
        }
    }
}
