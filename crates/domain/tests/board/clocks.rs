//! The three clocks: what is wrong with an entry, in which words, and what is not.

use std::time::Duration;

use countersign_domain::sender::Quality;
use countersign_domain::template::{
    CatalogEntry, Category, Drift, Language, MessageLife, Said, SeenContent, TemplateId, TemplateName, TemplateStatus,
    drifts,
};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn entry() -> CatalogEntry {
    CatalogEntry {
        id: TemplateId::new("1").expect("an id"),
        name: TemplateName::parse("otp").expect("a name"),
        language: Language::parse("en").expect("a language"),
        category: Category::Authentication,
        status: TemplateStatus::Approved,
        rejected_reason: None,
        content: SeenContent {
            footer_minutes: Said::Yes(Some(5)),
            ..SeenContent::default()
        },
        message_life: Said::Yes(MessageLife::Limited(FIVE_MINUTES)),
        quality: Quality::Green,
        changed_at: None,
    }
}

fn promising(minutes: Said<Option<u8>>) -> CatalogEntry {
    CatalogEntry {
        content: SeenContent {
            footer_minutes: minutes,
            ..SeenContent::default()
        },
        ..entry()
    }
}

fn living(message_life: Said<MessageLife>) -> CatalogEntry {
    CatalogEntry {
        message_life,
        ..entry()
    }
}

#[track_caller]
fn assert_lines(entry: Option<&CatalogEntry>, code_life: Duration, wanted: &[&str]) {
    let drifts = drifts(entry, code_life);
    let lines: Vec<_> = drifts.iter().map(|it| format!("{}: {it}", it.name())).collect();
    assert_eq!(lines, wanted);
}

#[test]
fn clocks_that_agree_are_no_drift() {
    assert_lines(Some(&entry()), FIVE_MINUTES, &[]);
    assert_lines(Some(&entry()), Duration::from_secs(600), &[]);
}

#[test]
fn what_the_provider_does_not_say_is_taken_to_be_right() {
    assert_lines(
        Some(&living(Said::No)),
        Duration::from_secs(60),
        &[
            "footer: the footer promises 5 min, more than codes live (60 s): set footer_minutes to at most 1 and run \
         `countersign templates apply`",
        ],
    );
    assert_lines(Some(&promising(Said::No)), FIVE_MINUTES, &[]);
    assert_lines(Some(&promising(Said::Yes(None))), FIVE_MINUTES, &[]);
}

#[test]
fn a_template_that_is_not_there_has_no_clocks() {
    assert_lines(
        None,
        FIVE_MINUTES,
        &["missing: the account has no such template in this language: run `countersign templates apply`"],
    );
}

#[test]
fn a_message_that_outlives_its_code_is_drift() {
    let limited = |seconds| Said::Yes(MessageLife::Limited(Duration::from_secs(seconds)));
    assert_lines(
        Some(&living(limited(301))),
        FIVE_MINUTES,
        &[
            "message_life: messages live 301 s, longer than codes (300 s): set message_life to at most 300 s and run \
         `countersign templates apply`",
        ],
    );
    // Thirty days are longer than the longest code, and Meta takes at most 900 s.
    assert_lines(
        Some(&living(Said::Yes(MessageLife::Unlimited))),
        Duration::from_secs(5_400),
        &[
            "message_life: messages live 30 days, longer than codes (5400 s): set message_life to at most 900 s and \
         run `countersign templates apply`",
        ],
    );
}

#[test]
fn a_footer_that_promises_too_much_is_drift() {
    assert_lines(
        Some(&promising(Said::Yes(Some(6)))),
        FIVE_MINUTES,
        &[
            "footer: the footer promises 6 min, more than codes live (300 s): set footer_minutes to at most 5 and run \
         `countersign templates apply`",
        ],
    );
    let almost = Duration::from_millis(299_999);
    let short = living(Said::Yes(MessageLife::Limited(Duration::from_secs(60))));
    assert_eq!(
        drifts(Some(&short), almost),
        [Drift::Footer {
            minutes: 5,
            code_life: almost
        }]
    );
}

#[test]
fn every_status_but_approved_is_drift_with_what_to_do() {
    for (word, todo) in [
        ("PENDING", "wait for Meta's review"),
        ("IN_APPEAL", "wait for Meta's review"),
        (
            "REJECTED",
            "change what Meta objects to and run `countersign templates apply`, or appeal in WhatsApp Manager",
        ),
        ("PAUSED", "it comes back by itself; find out what people complain about"),
        (
            "DISABLED",
            "it does not come back; describe it under a new name and run `countersign templates apply`",
        ),
        (
            "PENDING_DELETION",
            "it does not come back; describe it under a new name and run `countersign templates apply`",
        ),
        (
            "DELETED",
            "it does not come back; describe it under a new name and run `countersign templates apply`",
        ),
        (
            "LIMIT_EXCEEDED",
            "delete templates that nobody uses in WhatsApp Manager and run `countersign templates apply`",
        ),
        (
            "ARCHIVED",
            "bring it back in WhatsApp Manager within 28 days, after which it is deleted",
        ),
        ("LOCKED", "look at it in WhatsApp Manager"),
        ("SOMETHING_NEW", "look at it in WhatsApp Manager"),
    ] {
        let mut entry = entry();
        entry.status = TemplateStatus::read(word);
        let word = word.to_lowercase();
        let line = format!("not_sendable: cannot be sent, its status is {word}: {todo}");
        assert_lines(Some(&entry), FIVE_MINUTES, &[&line]);
        entry.rejected_reason = Some("SCAM".to_owned());
        let line = format!("not_sendable: cannot be sent, its status is {word} (SCAM): {todo}");
        assert_lines(Some(&entry), FIVE_MINUTES, &[&line]);
    }
}

#[test]
fn everything_that_is_wrong_is_said_the_worst_first() {
    let wrong = CatalogEntry {
        category: Category::Other,
        status: TemplateStatus::Paused,
        message_life: Said::Yes(MessageLife::Unlimited),
        ..entry()
    };
    let found = drifts(Some(&wrong), Duration::from_secs(60));
    let names: Vec<_> = found.iter().map(Drift::name).collect();
    assert_eq!(names, Drift::NAMES[1..]);
    assert_eq!(
        found.iter().map(Drift::is_clock).collect::<Vec<_>>(),
        [false, false, true, true]
    );
    assert!(!Drift::Missing.is_clock());
    assert_eq!(
        found[1].to_string(),
        "is no authentication template any more, and no other may carry a code: describe it under a new name and \
         run `countersign templates apply`"
    );
    assert_eq!(found[0].report().to_string(), format!("0 not_sendable: {}", found[0]));
}
