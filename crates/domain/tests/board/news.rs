//! What webhooks say: it counts at once, until a look knows better.

use std::time::Duration;

use countersign_domain::event::{Event, HeardNews};
use countersign_domain::ports::Clock;
use countersign_domain::sender::Quality;
use countersign_domain::template::{Category, Said, TemplateName, TemplateNews, TemplateStatus, TemplateWord};
use countersign_testkit::fixture;

use crate::scene::{Scene, account, news, status, two_accounts};

#[tokio::test]
async fn a_webhook_counts_at_once_and_the_one_that_takes_it_back_too() {
    let scene = Scene::new();
    scene.look().await;
    assert_eq!(scene.hear(status(TemplateStatus::Paused)), HeardNews::Taken);
    assert!(!scene.is_usable(&fixture::policy()));
    scene.hear(status(TemplateStatus::Paused));
    scene.hear(status(TemplateStatus::Approved));
    assert!(scene.is_usable(&fixture::policy()));
    scene.hear(TemplateWord::Category(Category::Other));
    assert!(!scene.is_usable(&fixture::policy()));
    scene.hear(TemplateWord::Category(Category::Authentication));
    scene.hear(TemplateWord::Quality(Quality::Red));
    scene.hear(TemplateWord::Quality(Quality::Green));
    assert_eq!(
        scene.said(),
        [
            "faulty demo/a1/otp/en_US: not_sendable passed over",
            "well demo/a1/otp/en_US: not_sendable",
            "faulty demo/a1/otp/en_US: category passed over",
            "well demo/a1/otp/en_US: category",
            "rated a1/otp/en_US: red",
            "rated a1/otp/en_US: green",
        ]
    );
    assert!(!scene.board.look_wanted());
}

#[tokio::test]
async fn a_webhook_counts_before_any_look_and_brings_a_missing_template_back() {
    let scene = Scene::new();
    scene.hear(status(TemplateStatus::Rejected));
    assert_eq!(scene.said(), ["faulty demo/a1/otp/en_US: not_sendable passed over"]);
    scene.take_away("a1");
    scene.look().await;
    assert_eq!(scene.said().len(), 2);
    scene.hear(status(TemplateStatus::Approved));
    assert_eq!(scene.said(), ["well demo/a1/otp/en_US: missing"]);
    assert!(scene.is_usable(&fixture::policy()));
}

#[tokio::test]
async fn a_webhook_that_overtakes_a_look_holds_until_the_next_look() {
    let scene = Scene::new();
    let [gate] = scene.gates();
    let listen = async {
        scene.began().await;
        scene.hear(status(TemplateStatus::Paused));
        scene.hear(TemplateWord::Category(Category::Other));
        scene.hear(TemplateWord::Quality(Quality::Yellow));
        gate.add_permits(1);
    };
    tokio::join!(scene.look(), listen);
    let names: Vec<_> = scene.board.faults().iter().map(|it| it.drift.name()).collect();
    assert_eq!(names, ["not_sendable", "category"]);
    assert_eq!(
        scene.said().last().map(String::as_str),
        Some("rated a1/otp/en_US: yellow")
    );
    scene.look().await;
    assert_eq!(scene.board.faults(), []);
    assert_eq!(scene.said().len(), 3);
}

#[tokio::test]
async fn news_that_is_older_than_what_is_known_changes_nothing() {
    let scene = Scene::new();
    scene.look().await;
    let now = scene.house.clock.now();
    let at = |seconds| Some(now.plus(Duration::from_secs(seconds)));
    assert_eq!(
        scene.hear_at(at(20), status(TemplateStatus::Approved)),
        HeardNews::Taken
    );
    assert_eq!(scene.hear_at(at(10), status(TemplateStatus::Paused)), HeardNews::Old);
    // Of another kind there was nothing newer, and a repeat is no harm.
    assert_eq!(
        scene.hear_at(at(10), TemplateWord::Quality(Quality::Yellow)),
        HeardNews::Taken
    );
    assert_eq!(
        scene.hear_at(at(20), status(TemplateStatus::Approved)),
        HeardNews::Taken
    );
    assert!(scene.is_usable(&fixture::policy()));
    // Meta repeats a webhook for days; a look knows better than one of long before it.
    let ago = |seconds| Some(now.minus(Duration::from_secs(seconds)));
    assert_eq!(
        scene.hear_at(ago(301), TemplateWord::Category(Category::Other)),
        HeardNews::Old
    );
    assert_eq!(
        scene.hear_at(ago(299), TemplateWord::Category(Category::Other)),
        HeardNews::Taken
    );
}

#[tokio::test]
async fn news_of_a_time_that_is_still_to_come_makes_nothing_after_it_old() {
    let scene = Scene::new();
    let now = scene.house.clock.now();
    let far = Some(now.plus(Duration::from_secs(301)));
    assert_eq!(scene.hear_at(far, status(TemplateStatus::Paused)), HeardNews::Taken);
    assert_eq!(
        scene.hear_at(Some(now), status(TemplateStatus::Approved)),
        HeardNews::Taken
    );
    assert!(scene.is_usable(&fixture::policy()));
}

#[tokio::test]
async fn news_without_an_account_is_about_every_account_that_is_to_have_the_template() {
    let scene = Scene::ruled_by(two_accounts());
    let of_all = TemplateNews {
        account: None,
        ..news(status(TemplateStatus::Paused))
    };
    assert_eq!(scene.board.hear(&of_all), HeardNews::Taken);
    let accounts: Vec<_> = scene.board.faults().iter().map(|it| it.account.to_string()).collect();
    assert_eq!(accounts, ["a1", "b2"]);
}

#[tokio::test]
async fn news_about_what_no_app_describes_is_not_ours() {
    let scene = Scene::new();
    let word = || status(TemplateStatus::Paused);
    for stranger in [
        TemplateNews {
            account: Some(account("z9")),
            ..news(word())
        },
        TemplateNews {
            name: TemplateName::parse("of_nobody").expect("a name"),
            ..news(word())
        },
        TemplateNews {
            language: fixture::language("sw"),
            ..news(TemplateWord::Components)
        },
    ] {
        assert_eq!(scene.board.hear(&stranger), HeardNews::NotOurs, "{stranger:?}");
    }
    assert!(!scene.board.look_wanted());
    assert_eq!(scene.board.faults(), []);
    let outcomes = scene.house.recorder.take().into_iter().map(|event| match event {
        Event::TemplateHeard { outcome, word, .. } => (outcome.name(), word),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        outcomes.collect::<Vec<_>>(),
        [
            ("not_ours", "status"),
            ("not_ours", "status"),
            ("not_ours", "components")
        ]
    );
}

#[tokio::test]
async fn changed_components_want_a_look_at_that_account_alone() {
    let scene = Scene::ruled_by(two_accounts());
    scene.look().await;
    scene.looks();
    scene.said();
    scene.change("a1", |it| it.content.footer_minutes = Said::Yes(Some(5)));
    scene.change("b2", |it| it.content.footer_minutes = Said::Yes(Some(5)));
    assert!(!scene.board.look_wanted());
    scene.hear(TemplateWord::Components);
    assert!(scene.board.look_wanted());
    scene.board.look_again().await;
    assert!(!scene.board.look_wanted());
    assert_eq!(scene.asked(), [account("a1")]);
    assert_eq!(scene.said(), ["well demo/a1/otp/en_US: footer"]);
}

#[tokio::test]
async fn a_storm_of_webhooks_leaves_calls_over_for_others() {
    let scene = Scene::new();
    scene.look().await;
    scene.looks();
    for _ in 0..50 {
        scene.hear(TemplateWord::Components);
        if scene.board.look_wanted() {
            scene.board.look_again().await;
        }
    }
    assert_eq!(scene.looks(), 10);
    scene.look().await;
    scene.hear(TemplateWord::Components);
    assert!(scene.board.look_wanted());
}
