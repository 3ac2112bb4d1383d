//! What looks find: each fault at the first and at a later one, whom it stops, and what is left when nobody answers.

use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::policy::OnDrift;
use countersign_domain::ports::CatalogError;
use countersign_domain::template::{
    CatalogEntry, Category, Drift, MessageLife, Said, TemplateName, TemplateStatus, TemplateWord,
};
use countersign_testkit::fixture;

use crate::scene::{Scene, account, english, policy, status, two_accounts};

/// Each way to be wrong: what makes it so, what is said, and whether the provider refuses it anyway.
type Wrong = (&'static str, fn(&mut CatalogEntry));

const WRONG: [Wrong; 4] = [
    ("not_sendable", |it| it.status = TemplateStatus::Paused),
    ("category", |it| it.category = Category::Other),
    ("message_life", |it| it.message_life = Said::Yes(MessageLife::Unlimited)),
    ("footer", |it| it.content.footer_minutes = Said::Yes(Some(11))),
];

const fn is_clock(name: &str) -> bool {
    // The other names are longer or shorter.
    matches!(name.as_bytes(), b"message_life" | b"footer")
}

#[tokio::test]
async fn templates_that_are_as_described_are_not_spoken_of() {
    let scene = Scene::new();
    scene.look().await;
    scene.look().await;
    assert_eq!(scene.said(), Vec::<String>::new());
    assert_eq!(scene.board.faults(), []);
    assert!(scene.is_usable(&fixture::policy()));
}

#[tokio::test]
async fn what_nobody_has_told_is_usable() {
    let scene = Scene::new();
    assert!(scene.is_usable(&policy(60, OnDrift::Refuse)));
    assert_eq!(scene.board.faults(), []);
    scene.look().await;
    let elsewhere = TemplateName::parse("of_nobody").expect("a name");
    let strict = policy(60, OnDrift::Refuse);
    let why = |id: &str, template| scene.board.why_unusable(&account(id), template, &english(), &strict);
    assert_eq!(why("a1", &elsewhere), None);
    assert_eq!(why("z9", &fixture::template_name()), None);
}

#[tokio::test]
async fn each_fault_is_said_at_the_first_look_once_and_once_more_when_it_is_over() {
    for (name, change) in WRONG {
        let scene = Scene::new();
        scene.change("a1", change);
        let passed_over = if is_clock(name) { "" } else { " passed over" };
        scene.look().await;
        assert_eq!(scene.said(), [format!("faulty demo/a1/otp/en_US: {name}{passed_over}")]);
        scene.look().await;
        assert_eq!(scene.said(), Vec::<String>::new(), "{name}");
        assert_eq!(scene.board.faults().len(), 1);
        assert_eq!(scene.is_usable(&fixture::policy()), is_clock(name), "{name}");
        scene.mend();
        scene.look().await;
        assert_eq!(scene.said(), [format!("well demo/a1/otp/en_US: {name}")]);
        assert!(scene.is_usable(&policy(600, OnDrift::Refuse)));
        assert_eq!(scene.board.faults(), []);
    }
}

#[tokio::test]
async fn each_fault_is_said_at_a_later_look() {
    for (name, change) in WRONG {
        let scene = Scene::new();
        scene.look().await;
        assert_eq!(scene.said(), Vec::<String>::new());
        scene.change("a1", change);
        scene.look().await;
        let passed_over = if is_clock(name) { "" } else { " passed over" };
        assert_eq!(scene.said(), [format!("faulty demo/a1/otp/en_US: {name}{passed_over}")]);
    }
}

#[tokio::test]
async fn a_template_that_a_whole_listing_lacks_is_missing() {
    let scene = Scene::new();
    scene.take_away("a1");
    scene.look().await;
    assert_eq!(scene.said(), ["faulty demo/a1/otp/en_US: missing passed over"]);
    assert!(!scene.is_usable(&fixture::policy()));
    let other = fixture::language("pt_BR");
    let usable = |language| {
        let template = fixture::template_name();
        let why = scene
            .board
            .why_unusable(&account("a1"), &template, language, &fixture::policy());
        why.is_none()
    };
    assert!(usable(&other));
    scene.mend();
    scene.look().await;
    assert_eq!(scene.said(), ["well demo/a1/otp/en_US: missing"]);
}

#[tokio::test]
async fn a_clock_that_disagrees_stops_only_what_is_configured_to_be_refused() {
    // Messages and the footer have ten minutes.
    for (code_life, on_drift, usable) in [
        (600, OnDrift::Refuse, true),
        (599, OnDrift::Refuse, false),
        (599, OnDrift::Alarm, true),
        (60, OnDrift::Alarm, true),
    ] {
        let policy = policy(code_life, on_drift);
        let scene = Scene::ruled_by(fixture::rulebook_with(policy.clone()));
        scene.look().await;
        assert_eq!(scene.is_usable(&policy), usable, "{code_life} {on_drift:?}");
    }
}

#[tokio::test]
async fn faults_are_of_every_account_once_for_the_shortest_life_and_in_one_order() {
    let scene = Scene::ruled_by(two_accounts());
    scene.look().await;
    assert_eq!(scene.looks(), 2);
    let all = ["a1", "b2"].into_iter().flat_map(|account| {
        let languages = ["en_US", "pt_BR", "es"].into_iter();
        languages.flat_map(move |language| {
            let drifts = ["message_life", "footer"].into_iter();
            drifts.map(move |drift| format!("faulty demo/{account}/otp/{language}: {drift} passed over"))
        })
    });
    let all: Vec<_> = all.collect();
    assert_eq!(scene.said(), all);
    let faults = scene.board.faults();
    assert_eq!(faults.len(), all.len());
    assert_eq!(
        faults[0].drift.to_string(),
        "messages live 600 s, longer than codes (300 s): set message_life to at \
                                             most 300 s and run `countersign templates apply`"
    );
    // The purpose of ten minutes goes on, the one of five does not.
    assert!(scene.is_usable(&policy(600, OnDrift::Alarm)));
    assert!(!scene.is_usable(&policy(300, OnDrift::Refuse)));
}

#[tokio::test]
async fn a_fault_that_becomes_another_is_said_again() {
    let scene = Scene::new();
    scene.change("a1", |it| it.status = TemplateStatus::Paused);
    scene.look().await;
    scene.change("a1", |it| it.status = TemplateStatus::Disabled);
    scene.look().await;
    let line = "faulty demo/a1/otp/en_US: not_sendable passed over";
    assert_eq!(scene.said(), [line, line]);
    scene.take_away("a1");
    scene.look().await;
    assert_eq!(
        scene.said(),
        [
            "well demo/a1/otp/en_US: not_sendable",
            "faulty demo/a1/otp/en_US: missing passed over"
        ]
    );
}

#[tokio::test]
async fn a_status_nobody_knows_cannot_be_sent() {
    let scene = Scene::new();
    scene.change("a1", |it| it.status = TemplateStatus::read("ON_HOLIDAY"));
    scene.look().await;
    assert!(!scene.is_usable(&fixture::policy()));
    let [fault] = &scene.board.faults()[..] else {
        panic!("one fault")
    };
    assert_eq!(
        fault.drift.to_string(),
        "cannot be sent, its status is on_holiday: look at it in WhatsApp Manager"
    );
}

#[tokio::test]
async fn an_old_look_does_not_undo_a_newer_one() {
    let scene = Scene::new();
    let [first, second] = scene.gates();
    let later = async {
        scene.began().await;
        scene.change("a1", |it| it.status = TemplateStatus::Paused);
        second.add_permits(1);
        scene.look().await;
        assert_eq!(scene.board.faults().len(), 1);
        first.add_permits(1);
    };
    tokio::join!(scene.look(), later);
    assert_eq!(scene.board.faults().len(), 1);
}

#[tokio::test]
async fn an_account_that_is_not_held_is_asked_once_and_listened_to() {
    let scene = Scene::new();
    scene.fail(Some(|| CatalogError::NotHeld));
    scene.look().await;
    scene.look().await;
    scene.hear(TemplateWord::Components);
    assert!(!scene.board.look_wanted());
    assert_eq!(scene.looks(), 1);
    assert_eq!(scene.said(), Vec::<String>::new());
    assert!(scene.is_usable(&policy(60, OnDrift::Refuse)));
    scene.hear(status(TemplateStatus::Disabled));
    assert!(!scene.is_usable(&fixture::policy()));
}

#[tokio::test]
async fn while_the_provider_does_not_say_what_was_known_is_believed_and_one_line_tells() {
    let scene = Scene::new();
    scene.change("a1", |it| it.status = TemplateStatus::Paused);
    scene.look().await;
    scene.said();
    scene.fail(Some(|| CatalogError::Unavailable("away".into())));
    scene.look().await;
    scene.look().await;
    assert_eq!(scene.said(), ["unseen a1: unavailable 0"]);
    assert!(!scene.is_usable(&fixture::policy()));
    scene.fail(Some(|| CatalogError::Denied(ProviderReport::new(190, "expired", ""))));
    scene.look().await;
    assert_eq!(scene.said(), ["unseen a1: denied 190"]);
    scene.fail(None);
    scene.look().await;
    scene.look().await;
    assert_eq!(scene.said(), ["seen a1"]);
    assert_eq!(
        scene.board.faults()[0].drift,
        Drift::NotSendable {
            status: TemplateStatus::Paused,
            reason: String::new()
        }
    );
}

#[tokio::test]
async fn an_account_that_asks_to_slow_down_is_left_alone_as_long_as_it_says() {
    let scene = Scene::new();
    scene.fail(Some(|| CatalogError::Throttled {
        retry_after: Some(Duration::from_secs(600)),
        report: None,
    }));
    for asked in [1, 0, 1] {
        scene.look().await;
        scene.hear(TemplateWord::Components);
        assert!(!scene.board.look_wanted());
        assert_eq!(scene.looks(), asked);
    }
    assert_eq!(scene.said(), ["unseen a1: throttled 0"]);
    // A clock that was set back does not make it a rest of hours.
    scene
        .house
        .clock
        .set(fixture::now().minus(Duration::from_secs(24 * 3_600)));
    scene.look().await;
    assert_eq!(scene.looks(), 1);
}

#[tokio::test]
async fn what_is_being_deleted_counts_only_while_nothing_has_taken_its_place() {
    let scene = Scene::new();
    for is_first in [true, false] {
        scene.mend();
        scene.add_deleted("a1", is_first);
        scene.look().await;
        assert!(scene.is_usable(&fixture::policy()), "the deleted one first: {is_first}");
    }
    scene.change("a1", |it| it.status = TemplateStatus::PendingDeletion);
    scene.look().await;
    assert!(!scene.is_usable(&fixture::policy()));
}
