//! An apply that is interrupted at any call, in any way, and made again: the account ends up as if nothing had happened,
//! and then nothing is ordered any more.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_simulator::{Button, Calls, Fault, Template, TemplateStatus};
use serde_json::{Value, json};

use crate::business::{Business, two_days_ago};
use crate::common::meta::error_answer;
use crate::common::process::{Process, run};
use countersign_testkit::wait::eventually;

/// Something for every kind of order: languages to make and to change together, one to make with a label and so alone,
/// and one whose message life is to change, which goes alone, too.
const DESCRIBED: &str = r#"[apps.shop.template]
name = "otp"
languages = ["en_US", "es_ES", "fr", "pt_BR", "de"]
footer_minutes = 5
button_texts.copy.de = "Kopieren"
"#;

/// An account that is in part as described two days after somebody last looked after it.
async fn business() -> Business {
    Business::with(DESCRIBED, |config| {
        two_days_ago(config);
        let long = Template {
            message_life: None,
            ..Template::new("otp", ["pt_BR"])
        };
        let fr = Template::new("otp_fr", ["fr"]);
        config.templates = vec![long, fr];
    })
    .await
}

/// What matters of an account: every template, as it can be sent.
type Catalogue = BTreeMap<(String, String), (TemplateStatus, Option<Duration>, Option<u8>, bool, String)>;

fn catalogue(business: &Business) -> Catalogue {
    let entries = business.meta.controls.templates().into_iter();
    let told = entries.map(|it| {
        let Button::CopyCode { text } = it.button else {
            panic!("{it:?}")
        };
        let label = text.unwrap_or_default();
        let content = (
            it.status,
            it.message_life,
            it.code_expiration_minutes,
            it.add_security_recommendation,
            label,
        );
        ((it.name, it.language), content)
    });
    told.collect()
}

/// What an apply that nobody interrupts comes to, and how many calls it takes.
async fn uninterrupted() -> (Catalogue, usize) {
    let business = business().await;
    business.settle().await;
    let calls = business.meta.controls.management_calls().len();
    assert!(calls >= 5, "three orders between two looks, at least: {calls}");
    (catalogue(&business), calls)
}

/// Demands that another apply brings about what an uninterrupted one does, and that after it nothing is ordered.
async fn assert_recovers(business: &Business, expected: &Catalogue, what: &str) {
    business.meta.controls.clear_management_faults();
    let again = business.run(&["apply"]).await;
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (Some(0), ""),
        "{what}: {}",
        again.stdout
    );
    assert_eq!(catalogue(business), *expected, "{what}");
    business.meta.controls.forget_management_calls();
    business.settle().await;
    assert_eq!(business.changes(), [], "{what}");
}

/// The ways in which a call goes wrong and the caller learns of it at once.
fn faults() -> [(&'static str, Fault); 7] {
    let refused = error_answer(500, 131_000, "Something went wrong", "");
    [
        ("refused with 500", refused),
        ("a proxy's page", Fault::Html { status: 502 }),
        ("hung up on", Fault::HangUp),
        ("done, and then hung up on", Fault::AcceptThenHangUp),
        ("done, and half of the answer", Fault::AcceptThenHalfAnswer),
        (
            "done, and answered with an error",
            Fault::AcceptThenError { code: 131_000 },
        ),
        ("too many calls", Fault::Error { code: 80_008 }),
    ]
}

#[tokio::test]
async fn the_account_these_tests_are_about_needs_every_kind_of_order() {
    let business = business().await;
    business.settle().await;
    let orders: Vec<_> = business
        .changes()
        .into_iter()
        .map(|(path, body)| (path, language(&body)))
        .collect();
    let id = business.entry("otp", "pt_BR").id;
    let expected = [
        (
            "POST 102290129340398/upsert_message_templates".to_owned(),
            json!(["en_US", "es_ES", "fr"]),
        ),
        (format!("POST {id}"), Value::Null),
        ("POST 102290129340398/message_templates".to_owned(), json!("de")),
    ];
    assert_eq!(orders, expected);
}

/// The languages of an order.
fn language(body: &Value) -> Value {
    let many = &body["languages"];
    if many.is_null() {
        body["language"].clone()
    } else {
        many.clone()
    }
}

#[tokio::test]
async fn a_call_that_goes_wrong_once_makes_no_difference_in_the_end() {
    let (expected, calls) = uninterrupted().await;
    for (kind, fault) in faults() {
        for call in 1..=calls {
            let what = format!("call {call} {kind}");
            let business = business().await;
            let nth = u32::try_from(call).unwrap();
            business.meta.controls.fail_management(Calls::Nth(nth), fault.clone());
            let applied = business.run(&["apply"]).await;
            if matches!(fault, Fault::Error { .. }) {
                // Whoever is asked to slow down does not go on.
                assert!(matches!(applied.code, Some(0 | 1 | 3)), "{what}: {applied:?}");
            } else {
                // A lost answer is looked after within the same apply.
                assert_eq!(
                    (applied.code, applied.stderr.as_str()),
                    (Some(0), ""),
                    "{what}: {}",
                    applied.stdout
                );
                assert_eq!(catalogue(&business), expected, "{what}");
            }
            assert_recovers(&business, &expected, &what).await;
        }
    }
}

#[tokio::test]
async fn a_provider_that_goes_away_at_any_call_leaves_an_apply_that_can_be_made_again() {
    let (expected, calls) = uninterrupted().await;
    // Refused, lost after it was done, and too many.
    for (kind, fault) in [0, 3, 6].map(|index| faults()[index].clone()) {
        for call in 1..=calls {
            let what = format!("from call {call} on {kind}");
            let business = business().await;
            let first = u32::try_from(call).unwrap();
            for nth in first..first + 30 {
                business.meta.controls.fail_management(Calls::Nth(nth), fault.clone());
            }
            let applied = business.run(&["apply"]).await;
            assert!(matches!(applied.code, Some(0 | 1 | 3)), "{what}: {applied:?}");
            assert_eq!(
                applied.code == Some(1),
                !applied.stderr.is_empty(),
                "{what}: {applied:?}"
            );
            // Whatever failed said why and what to do.
            let failed = applied.stdout.matches("  !  failed ").count();
            let told = applied.stdout.matches("apply again later").count();
            assert!(
                applied.code != Some(3) || (failed > 0 && told >= failed),
                "{what}: {}",
                applied.stdout
            );
            assert_recovers(&business, &expected, &what).await;
        }
    }
}

#[tokio::test]
async fn a_command_that_is_killed_while_any_call_is_answered_can_be_made_again() {
    let (expected, calls) = uninterrupted().await;
    for fault in [Fault::Silence, Fault::AcceptThenSilence] {
        for call in 1..=calls {
            let what = format!("killed in call {call}, {fault:?}");
            let business = business().await;
            let nth = u32::try_from(call).unwrap();
            business.meta.controls.fail_management(Calls::Nth(nth), fault.clone());
            let mut process = Process::start(&mut business.command(&["apply"]));
            eventually("the call", async || {
                (business.meta.controls.management_calls().len() == call).then_some(())
            })
            .await;
            process.signal("KILL");
            assert_eq!(process.ended().await.code, None, "{what}");
            assert_recovers(&business, &expected, &what).await;
        }
    }
}

#[tokio::test]
async fn a_command_that_is_killed_ends_the_apply_of_its_service_and_the_next_one_goes_on() {
    let (expected, _) = uninterrupted().await;
    let business = business().await;
    let serve = business.serve().await;
    business.meta.controls.forget_management_calls();
    business
        .meta
        .controls
        .fail_management(Calls::NthChange(2), Fault::AcceptThenSilence);
    let mut process = Process::start(&mut business.command_at(&serve, "shop", &["apply"]));
    eventually("the call", async || (business.changes().len() == 2).then_some(())).await;
    process.signal("KILL");
    process.ended().await;
    // For a moment the service may not know yet that nobody listens, and lets nobody else apply.
    let again = eventually("another apply", async || {
        let ended = run(&mut business.command_at(&serve, "shop", &["apply"])).await;
        let is_refused = ended
            .stderr
            .contains("another apply for this app is under way; wait for its end");
        (!is_refused).then_some(ended)
    })
    .await;
    assert_eq!((again.code, again.stderr.as_str()), (Some(0), ""), "{}", again.stdout);
    assert_eq!(catalogue(&business), expected);
}
