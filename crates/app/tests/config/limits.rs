//! `[limits]`: a default is changed in part, a rule of one's own is said whole, and each mistake has its line.

use crate::asked::{Asked, BAD, with};

/// The right configuration with this in the place of `[limits]`.
fn limits(text: &str) -> String {
    with(&[("[limits]\ndefaults = false", text)])
}

/// Demands that these lines are right.
async fn assert_right(text: &str) {
    let ended = Asked::new(&limits(text)).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{text}");
}

/// Demands that these lines are refused with just these lines, each of which begins and goes on like this.
async fn assert_refused(text: &str, expected: &[(&str, &str)]) {
    let ended = Asked::new(&limits(text)).check(&[]).await;
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!((ended.code, lines.len()), (BAD, expected.len()), "{text}: {lines:#?}");
    for (path, advice) in expected {
        let is_said = lines.iter().any(|line| line.starts_with(path) && line.contains(advice));
        assert!(is_said, "{text} should say {path}… {advice}: {lines:#?}");
    }
}

/// A whole rule but for one line.
fn rule_with(line: &str) -> String {
    let whole = ["key = [\"phone\"]", "quotas = [\"3/1h\"]", "applies_to = \"send\""];
    let key = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let others = whole.into_iter().filter(|it| key(it) != key(line));
    let lines: Vec<_> = others.chain([line]).collect();
    format!("[limits]\ndefaults = false\n[limits.rules.mine]\n{}", lines.join("\n"))
}

#[tokio::test]
async fn the_defaults_need_no_word() {
    for text in ["", "[limits]", "[limits]\ndefaults = true", "[limits.rules]"] {
        assert_right(text).await;
    }
}

#[tokio::test]
async fn a_default_is_changed_in_part() {
    for line in [
        "action = \"shadow\"",
        "action = \"off\"",
        "quotas = [\"60/10m\", \"500/day\"]",
        "key = [\"client_ip\", \"app\"]",
        "apps = [\"shop\"]",
        "applies_to = \"start\"",
    ] {
        assert_right(&format!("[limits.rules.sends_per_ip]\n{line}")).await;
    }
    // With another key there is no device that might be absent.
    assert_right("[limits.rules.sends_per_device]\nkey = [\"number_block\"]\nquotas = [\"50/1h\"]").await;
    assert_right("[limits.rules.sends_per_device]\nabsent = \"shared\"").await;
}

#[tokio::test]
async fn what_is_left_of_a_default_is_checked_with_what_was_changed() {
    // 100/10m of the network stands before it: to let more pass, both have to be said.
    let more = "[limits.rules.sends_per_ip]\nquotas = [\"100/10m\"]";
    let stands_before = ("limits.rules.sends_per_ip.quotas: ", "100/10m of sends_per_network");
    assert_refused(more, &[stands_before]).await;
    assert_right(&format!(
        "{more}\n[limits.rules.sends_per_network]\nquotas = [\"300/10m\"]"
    ))
    .await;
    assert_right(&format!(
        "{more}\n[limits.rules.sends_per_network]\naction = \"shadow\""
    ))
    .await;
    assert_right(&format!("{more}\n[limits.rules.sends_per_network]\naction = \"off\"")).await;
    let same = "[limits.rules.mine]\nkey = [\"phone\"]\nquotas = [\"30/month\"]\napplies_to = \"send\"";
    assert_refused(same, &[("limits.rules.mine: ", "counts the same as sends_per_phone")]).await;
}

#[tokio::test]
async fn a_rule_of_ones_own_is_said_whole() {
    for line in [
        "key = \"everything\"",
        "key = [\"phone\", \"purpose\", \"client_network\"]",
        "quotas = [\"3/1h\", \"20/month\"]",
        "applies_to = \"check\"",
        "action = \"shadow\"",
        "action = \"off\"",
        "apps = [\"shop\"]",
    ] {
        assert_right(&rule_with(line)).await;
    }
    let missing = |key: &str| format!("limits.rules.mine.{key}: ");
    let (key, quotas, applies_to) = (missing("key"), missing("quotas"), missing("applies_to"));
    assert_refused(
        "[limits.rules.mine]\naction = \"shadow\"",
        &[
            (&key, "is missing"),
            (&quotas, "is missing"),
            (&applies_to, "is missing"),
        ],
    )
    .await;
    assert_refused(
        "[limits.rules.mine]\nkey = \"everything\"\napplies_to = \"send\"",
        &[(&quotas, "is missing")],
    )
    .await;
}

#[tokio::test]
async fn a_slip_in_the_name_of_a_default_is_found_out() {
    assert_refused(
        "[limits.rules.sends_per_phones]\naction = \"off\"",
        &[("limits.rules.sends_per_phones: ", "did you mean sends_per_phone?")],
    )
    .await;
    assert_refused(
        "[limits]\ndefaults = false\n[limits.rules.sends_per_phone]\naction = \"shadow\"",
        &[("limits.rules.sends_per_phone: ", "because limits.defaults is false")],
    )
    .await;
}

#[tokio::test]
async fn each_mistake_in_a_rule_has_one_line_that_says_what_to_write() {
    for (line, key, advice) in [
        ("key = \"phone\"", ".key: ", "must be a list of parts"),
        ("key = 7", ".key: ", "must be a list"),
        ("key = []", ".key: ", "at least one part"),
        ("key = [\"phone\", \"phone\"]", ".key: ", "each part once"),
        (
            "key = [\"phone\", \"ip\"]",
            ".key[1]: ",
            "must be one of phone, client_ip",
        ),
        ("key = [\"phone\", \"country\"]", ".key: ", "take country out"),
        ("quotas = \"3/1h\"", ".quotas: ", "must be a list"),
        ("quotas = []", ".quotas: ", "at least one"),
        ("quotas = [\"3/1h\", \"5 per day\"]", ".quotas[1]: ", "5/10m"),
        ("quotas = [\"0/1h\"]", ".quotas[0]: ", "at least 1"),
        (
            "quotas = [\"3/1h\", \"6/1h\"]",
            ".quotas: ",
            "6/1h never refuses what 3/1h lets pass",
        ),
        (
            "applies_to = \"sends\"",
            ".applies_to: ",
            "\"start\", \"send\" or \"check\"",
        ),
        ("action = \"deny\"", ".action: ", "\"refuse\", \"shadow\" or \"off\""),
        ("absent = \"free\"", ".absent: ", "only a device"),
        ("absent = \"none\"", ".absent: ", "\"shared\" or \"free\""),
        ("apps = []", ".apps: ", "at least one app"),
        ("apps = [\"shop\", \"shpo\"]", ".apps[1]: ", "there is no app \"shpo\""),
        ("quota = [\"3/1h\"]", ".quota: ", "did you mean quotas?"),
    ] {
        assert_refused(&rule_with(line), &[(&format!("limits.rules.mine{key}"), advice)]).await;
    }
    assert_refused(
        "[limits]\ndefault = false",
        &[("limits.default: ", "did you mean defaults?")],
    )
    .await;
    assert_refused("[limits]\nrules = 5", &[("limits.rules: ", "must be a table")]).await;
    assert_refused(
        "[limits.rules.\"per phone\"]\nkey = \"everything\"\nquotas = [\"9/1m\"]\napplies_to = \"start\"",
        &[("limits.rules.per phone: ", "1 to 32 characters")],
    )
    .await;
    assert_refused(
        "[limits.rules.guard]\nkey = \"everything\"\nquotas = [\"9/1m\"]\napplies_to = \"start\"",
        &[("limits.rules.guard: ", "built in")],
    )
    .await;
}

#[tokio::test]
async fn the_mistakes_of_all_rules_are_told_at_once() {
    let text = "[limits.rules.sends_per_phone]\nquotas = [\"often\"]\n\
        [limits.rules.sends_per_ip]\nquotas = [\"10/10m\", \"20/10m\"]\n\
        [limits.rules.mine]\nkey = [\"phones\"]\nquotas = [\"3/0h\"]\napplies_to = \"send\"";
    let expected = [
        ("limits.rules.sends_per_phone.quotas[0]: ", "5/10m"),
        ("limits.rules.sends_per_ip.quotas: ", "20/10m never refuses"),
        ("limits.rules.mine.key[0]: ", "must be one of"),
        ("limits.rules.mine.quotas[0]: ", "has no period"),
    ];
    assert_refused(text, &expected).await;
}
