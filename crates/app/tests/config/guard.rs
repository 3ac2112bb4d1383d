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
    for section in ["", "[guard]", "[guard]\nenabled = false", every] {
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
        guard("maturty = \"120s\"", "guard.maturty: ", "did you mean maturity?"),
    ])
    .await;
}
