//! What a message is written with: chosen at the start, kept with its delivery, and changed when it cannot go out.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::app::{App, Apps};
use countersign_domain::delivery::{Delivery, DeliveryState, Fault, NextStep};
use countersign_domain::id::{ShardCount, VerificationId};
use countersign_domain::policy::{OnDrift, Policy, PolicySettings};
use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{
    Button, ButtonKind, LanguageStep, Platform, Template, TemplateName, TemplateNews, TemplateStatus, TemplateWord,
    Templates,
};
use countersign_domain::use_case::{Error, ReportedDelivery, Rulebook, StartRequest};
use countersign_domain::verification::StartOutcome;
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;
use crate::posts::{failed_with, to};
use crate::senders::in_english_only;

const TEMPLATE: NextStep = NextStep::Misconfigured(Fault::Template);

fn package() -> PackageName {
    PackageName::parse("com.example.app").expect("a package")
}

fn named(name: &str, languages: &[&str], button: Button) -> Template {
    Template {
        name: TemplateName::parse(name).expect("a name"),
        languages: languages.iter().map(|it| fixture::language(it)).collect(),
        button,
        ..fixture::template()
    }
}

/// A house whose app has a template to copy from in three languages, and one that fills itself in in two.
fn with_two_templates() -> Walk {
    let app = SupportedApp {
        package: package(),
        hash: SignatureHash::parse("K8a/AINcGX7").expect("a hash"),
    };
    let apps = SupportedApps::new(vec![app]).expect("one app");
    let templates = vec![
        named("copy", &["en_US", "pt_BR", "es"], Button::CopyCode),
        named("zero", &["en_US", "pt_BR"], Button::ZeroTap(apps)),
    ];
    Walk::ruled_by(with_templates(templates), 1)
}

/// The rules of the fixture with other templates.
fn with_templates(templates: Vec<Template>) -> Rulebook {
    let rulebook = fixture::rulebook();
    let demo = rulebook.apps.get(&fixture::app_id()).expect("the app of the fixture");
    let demo = App {
        templates: Templates::new(templates, None, BTreeMap::new()),
        ..demo.clone()
    };
    Rulebook {
        apps: Apps::new([(fixture::app_id(), demo)]),
        ..rulebook
    }
}

fn from_android(n: u32) -> StartRequest {
    StartRequest {
        language: Some(fixture::language("pt_BR")),
        platform: Platform::Android,
        package: Some(package()),
        ..to(fixture::phone_number(n))
    }
}

impl Walk {
    async fn newest_delivery(&self, id: VerificationId) -> Delivery {
        self.view(id).await.verification.deliveries.pop().expect("a delivery")
    }

    /// Template and language of each message that went out.
    fn written_with(&self) -> Vec<(String, String)> {
        let sent = self.house.messenger.sent().into_iter();
        sent.map(|it| (it.template.to_string(), it.language.to_string()))
            .collect()
    }

    async fn opened_from_android(&self, n: u32) -> VerificationId {
        self.start_as(from_android(n))
            .await
            .expect("nothing stands in the way")
            .view
            .id
    }
}

fn pair(template: &str, language: &str) -> (String, String) {
    (template.to_owned(), language.to_owned())
}

#[tokio::test]
async fn the_choice_is_kept_with_the_delivery_and_says_why() {
    let walk = with_two_templates();
    let id = walk.opened_from_android(0).await;
    let delivery = walk.newest_delivery(id).await;
    let chosen = delivery.template.expect("it was chosen");
    assert_eq!((chosen.name.as_str(), chosen.button), ("zero", ButtonKind::ZeroTap));
    assert_eq!(
        (delivery.language, chosen.step),
        (fixture::language("pt_BR"), LanguageStep::Exact)
    );
    assert_eq!(walk.written_with(), [pair("zero", "pt_BR")]);
}

#[tokio::test]
async fn without_a_language_the_number_says_which_its_person_may_read() {
    let walk = with_two_templates();
    let request = StartRequest {
        language: None,
        ..to(fixture::phone())
    };
    let id = walk.start_as(request).await.expect("nothing stands in the way").view.id;
    let delivery = walk.newest_delivery(id).await;
    assert_eq!(delivery.language, fixture::language("pt_BR"), "a Brazilian number");
    assert_eq!(delivery.template.map(|it| it.step), Some(LanguageStep::Country));
}

#[tokio::test]
async fn a_template_that_the_provider_refuses_is_replaced_by_the_other_one_in_the_same_language() {
    let walk = with_two_templates();
    walk.house.messenger.answer_next(Err(TEMPLATE));
    let id = walk.opened_from_android(0).await;
    assert_eq!(walk.written_with(), [pair("zero", "pt_BR"), pair("copy", "pt_BR")]);
    let delivery = walk.newest_delivery(id).await;
    assert_eq!((delivery.state, delivery.tries), (DeliveryState::Accepted, 2));
    assert_eq!(delivery.template.expect("it was chosen").name.as_str(), "copy");

    walk.opened_from_android(1).await;
    assert_eq!(
        walk.written_with().pop(),
        Some(pair("copy", "pt_BR")),
        "nobody finds out again"
    );
    walk.wait(60);
    walk.opened_from_android(2).await;
    assert_eq!(
        walk.written_with().pop(),
        Some(pair("zero", "pt_BR")),
        "until it is time to see"
    );
}

#[tokio::test]
async fn a_template_that_fails_in_one_language_is_used_in_the_others() {
    let walk = with_two_templates();
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.opened_from_android(0).await;
    let english = StartRequest {
        language: Some(fixture::language("en_US")),
        ..from_android(1)
    };
    walk.start_as(english).await.expect("nothing stands in the way");
    assert_eq!(walk.written_with().pop(), Some(pair("zero", "en_US")));
}

#[tokio::test]
async fn a_claimed_message_whose_template_was_found_bad_meanwhile_costs_the_provider_nothing() {
    let walk = with_two_templates();
    let mut ids = Vec::new();
    for n in [0, 1] {
        let started = walk
            .house
            .use_cases
            .start
            .execute(&fixture::caller(), from_android(n))
            .await;
        ids.push(started.expect("nothing stands in the way").view.id);
    }
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.house.run_errands().await;
    let mut written = walk.written_with();
    written.sort();
    assert_eq!(
        written,
        [pair("copy", "pt_BR"), pair("copy", "pt_BR"), pair("zero", "pt_BR")]
    );
    for id in ids {
        assert_eq!(walk.newest_delivery(id).await.state, DeliveryState::Accepted);
    }
}

#[tokio::test]
async fn when_no_template_can_go_out_starts_are_refused() {
    let walk = with_two_templates();
    walk.house.messenger.answer_always(Err(TEMPLATE));
    for n in 0..3 {
        // Each start finds out about what the one before did not try.
        let _ = walk.start_as(from_android(n)).await;
    }
    let refused = walk.start_as(from_android(9)).await;
    assert!(
        matches!(
            refused,
            Err(Error::CannotSend {
                fault: Fault::Template,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_resend_chooses_anew() {
    let walk = with_two_templates();
    let id = walk.opened_from_android(0).await;
    walk.wait(61);
    let by_hand = StartRequest {
        platform: Platform::Web,
        package: None,
        ..from_android(0)
    };
    let again = walk.start_as(by_hand).await.expect("the wait is over");
    assert_eq!((again.outcome, again.view.id), (StartOutcome::Resent, id));
    assert_eq!(walk.written_with(), [pair("zero", "pt_BR"), pair("copy", "pt_BR")]);
}

#[tokio::test]
async fn a_repeated_request_id_with_another_platform_is_another_request() {
    let walk = with_two_templates();
    let request_id = countersign_domain::request::RequestId::parse("r-1").expect("an id");
    let first = StartRequest {
        request_id,
        ..from_android(0)
    };
    walk.start_as(first.clone()).await.expect("nothing stands in the way");
    walk.start_as(first.clone()).await.expect("the same request");
    let other = StartRequest {
        platform: Platform::Ios,
        ..first
    };
    assert!(matches!(walk.start_as(other).await, Err(Error::RequestIdReused)));
}

impl Walk {
    fn hears_of_template(&self, name: &str, language: &str, status: &str) {
        let news = TemplateNews {
            account: None,
            name: TemplateName::parse(name).expect("a name"),
            language: fixture::language(language),
            word: TemplateWord::Status {
                status: TemplateStatus::read(status),
                reason: String::new(),
            },
            at: None,
        };
        self.house.use_cases.board.hear(&news);
    }
}

#[tokio::test]
async fn a_template_that_a_webhook_says_is_paused_is_not_used_while_another_can_be() {
    let walk = with_two_templates();
    walk.hears_of_template("zero", "pt_BR", "PAUSED");
    walk.opened_from_android(0).await;
    assert_eq!(walk.written_with(), [pair("copy", "pt_BR")]);
    walk.hears_of_template("copy", "pt_BR", "REJECTED");
    walk.opened_from_android(1).await;
    assert_eq!(
        walk.written_with().pop(),
        Some(pair("zero", "en_US")),
        "the next language"
    );
    walk.hears_of_template("zero", "pt_BR", "APPROVED");
    walk.opened_from_android(2).await;
    assert_eq!(walk.written_with().pop(), Some(pair("zero", "pt_BR")));
}

#[tokio::test]
async fn a_claimed_message_whose_template_is_paused_meanwhile_goes_out_with_another() {
    let walk = with_two_templates();
    let started = walk
        .house
        .use_cases
        .start
        .execute(&fixture::caller(), from_android(0))
        .await;
    let id = started.expect("nothing stands in the way").view.id;
    walk.hears_of_template("zero", "pt_BR", "PAUSED");
    walk.house.run_errands().await;
    assert_eq!(
        walk.written_with(),
        [pair("copy", "pt_BR")],
        "Meta was not asked in vain"
    );
    assert_eq!(walk.newest_delivery(id).await.state, DeliveryState::Accepted);
}

fn with_one_template(on_drift: OnDrift) -> Walk {
    let policy = PolicySettings {
        on_drift,
        ..fixture::policy_settings()
    };
    let policy = Policy::new(policy).expect("the numbers hold together");
    Walk::ruled_by(in_english_only(fixture::rulebook_with(policy)), 1)
}

#[tokio::test]
async fn when_there_is_nothing_else_the_policy_says_whether_meta_has_the_last_word() {
    let walk = with_one_template(OnDrift::Alarm);
    walk.hears_of_template("otp", "en_US", "PAUSED");
    walk.opened_to(0).await;
    assert_eq!(walk.written_with(), [pair("otp", "en_US")]);

    let walk = with_one_template(OnDrift::Refuse);
    walk.hears_of_template("otp", "en_US", "PAUSED");
    let (fault, report, _) = walk.refusal(0).await;
    assert_eq!(fault, Fault::Template);
    let report = report.expect("what is wrong");
    assert_eq!(report.title, "not_sendable");
    assert!(report.details.contains("paused"), "{report}");
    assert!(walk.written_with().is_empty());
}

#[tokio::test]
async fn what_is_tried_in_spite_of_the_board_and_refused_is_not_tried_by_the_next_start() {
    let walk = with_one_template(OnDrift::Alarm);
    walk.hears_of_template("otp", "en_US", "PAUSED");
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.opened_to(0).await;
    assert_eq!(walk.refusal(1).await.0, Fault::Template);
    assert_eq!(walk.written_with().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_refused_for_its_template_wants_a_look_at_the_account() {
    let walk = with_two_templates();
    walk.house.catalog.hold(&fixture::sender().account);
    assert!(!walk.house.use_cases.board.look_wanted());
    walk.house.messenger.answer_next(Err(TEMPLATE));
    walk.opened_from_android(0).await;
    assert!(walk.house.use_cases.board.look_wanted());
    walk.house.use_cases.board.look_again().await;
    assert!(!walk.house.use_cases.board.look_wanted());
}

#[tokio::test]
async fn a_template_that_takes_anothers_place_leaves_why_its_language_was_chosen() {
    let walk = with_two_templates();
    walk.house.messenger.answer_next(Err(TEMPLATE));
    let request = StartRequest {
        language: None,
        ..from_android(0)
    };
    let id = walk.start_as(request).await.expect("nothing stands in the way").view.id;
    assert_eq!(walk.written_with(), [pair("zero", "pt_BR"), pair("copy", "pt_BR")]);
    let chosen = walk.newest_delivery(id).await.template;
    assert_eq!(
        chosen.map(|it| it.step),
        Some(LanguageStep::Country),
        "nobody asked for it"
    );
}

#[tokio::test]
async fn what_is_told_late_of_a_template_that_left_the_configuration_is_no_fault_of_its_successor() {
    let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
    let limits = Arc::new(MemoryLimits::new());
    let after_a_restart_with = |name: &str| {
        let house = House::builder(
            Arc::clone(&store) as _,
            Arc::clone(&limits) as _,
            Arc::new(MemoryFeed::new()),
        );
        let house = house.rulebook(with_templates(vec![named(name, &["en_US"], Button::CopyCode)]));
        Walk { house: house.build() }
    };
    let before = after_a_restart_with("disabled");
    before.opened().await;
    let walk = after_a_restart_with("successor");
    let reported = ReportedDelivery {
        sender: Some(fixture::sender().id),
        ..ReportedDelivery::new(before.references().pop(), failed_with(TEMPLATE))
    };
    walk.hears_post(vec![reported]).await;
    walk.house.run_errands().await;
    assert_eq!(walk.written_with(), [pair("successor", "en_US")]);
    walk.opened_to(1).await;
}
