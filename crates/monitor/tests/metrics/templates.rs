//! What events about templates count, and that nothing else moves.

use std::time::Duration;

use countersign_domain::event::{Event, HeardNews};
use countersign_domain::sender::Quality;
use countersign_domain::template::{Drift, MessageLife, TemplateStatus, TemplateWord};
use countersign_domain::use_case::TemplateFault;
use countersign_testkit::fixture;

use crate::counting::{as_samples, assert_counts};
use crate::samples::{metrics, moved_by, rendered, samples};

const TEMPLATE: &str = r#"account="a1",template="otp",language="en_US""#;

fn drifts() -> [Drift; 5] {
    let code_life = Duration::from_secs(300);
    [
        Drift::Missing,
        Drift::NotSendable {
            status: TemplateStatus::Paused,
            reason: String::new(),
        },
        Drift::Category,
        Drift::MessageLife {
            life: MessageLife::Unlimited,
            code_life,
        },
        Drift::Footer { minutes: 10, code_life },
    ]
}

pub(crate) fn faulty(drift: Drift) -> Event {
    let fault = TemplateFault {
        app: fixture::app_id(),
        account: fixture::sender().account,
        template: fixture::template_name(),
        language: fixture::language("en_US"),
        drift,
        passed_over: true,
    };
    Event::TemplateFaulty { fault }
}

pub(crate) fn rated(quality: Quality) -> Event {
    Event::TemplateRated {
        account: fixture::sender().account,
        template: fixture::template_name(),
        language: fixture::language("en_US"),
        quality,
    }
}

fn well(was: Drift) -> Event {
    Event::TemplateWell {
        app: fixture::app_id(),
        account: fixture::sender().account,
        template: fixture::template_name(),
        language: fixture::language("en_US"),
        was,
    }
}

#[test]
fn a_fault_of_a_template_is_one_from_its_beginning_to_its_end() {
    for (drift, name) in drifts().into_iter().zip(Drift::NAMES) {
        let metrics = metrics();
        let labels = format!(r#"app="demo",{TEMPLATE},drift="{name}""#);
        let (gauge, counted) = (
            format!("template_fault{{{labels}}}"),
            format!("template_faults_total{{{labels}}}"),
        );
        let wanted = as_samples(&[(&gauge, "1"), (&counted, "1")]);
        assert_eq!(moved_by(&metrics, &faulty(drift.clone())), wanted);
        assert_eq!(moved_by(&metrics, &well(drift)), as_samples(&[(&gauge, "0")]));
    }
}

#[test]
fn a_template_has_one_quality_at_a_time() {
    let metrics = metrics();
    let gauge = |quality: &str| format!(r#"template_quality{{{TEMPLATE},quality="{quality}"}}"#);
    let (unknown, green, yellow, red) = (gauge("unknown"), gauge("green"), gauge("yellow"), gauge("red"));
    let wanted = as_samples(&[(&unknown, "0"), (&green, "0"), (&yellow, "1"), (&red, "0")]);
    assert_eq!(moved_by(&metrics, &rated(Quality::Yellow)), wanted);
    let wanted = as_samples(&[(&yellow, "0"), (&red, "1")]);
    assert_eq!(moved_by(&metrics, &rated(Quality::Red)), wanted);
}

#[test]
fn an_account_is_unseen_until_it_is_seen() {
    let metrics = metrics();
    let account = || fixture::sender().account;
    let unseen = Event::TemplatesUnseen {
        account: account(),
        why: "denied",
        report: None,
    };
    let gauge = r#"templates_unseen{account="a1"}"#;
    assert_eq!(moved_by(&metrics, &unseen), as_samples(&[(gauge, "1")]));
    let seen = Event::TemplatesSeen { account: account() };
    assert_eq!(moved_by(&metrics, &seen), as_samples(&[(gauge, "0")]));
}

#[test]
fn what_webhooks_say_of_templates_is_counted_by_word_and_outcome() {
    for word in TemplateWord::NAMES {
        for outcome in HeardNews::ALL {
            let heard = Event::TemplateHeard {
                template: fixture::template_name(),
                language: fixture::language("en_US"),
                word,
                outcome,
            };
            let name = format!(r#"template_news_total{{word="{word}",outcome="{}"}}"#, outcome.name());
            assert_counts(&heard, &[(&name, "1")]);
        }
    }
}

#[test]
fn what_is_rare_about_templates_stands_at_zero_before_it_ever_happens() {
    let samples = samples(&rendered(&metrics()));
    for rare in [
        r#"templates_unseen{account="a1"}"#,
        r#"template_news_total{word="status",outcome="not_ours"}"#,
    ] {
        let value = samples.get(&format!("countersign_{rare}"));
        assert_eq!(value.map(String::as_str), Some("0"), "{rare}");
    }
}
