//! How a description is compared with what an account has.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{
    Action, Button, ButtonKind, ButtonText, ButtonTexts, CatalogEntry, Category, Language, MessageLife, Said,
    SeenButton, SeenContent, Template, TemplateName, TemplateStatus, plan,
};
use countersign_domain::time::DAY;
use countersign_testkit::catalog::agreeing_entry;
use countersign_testkit::fixture::{language, now, template};

fn app(package: &str, hash: &str) -> SupportedApp {
    SupportedApp {
        package: PackageName::parse(package).unwrap(),
        hash: SignatureHash::parse(hash).unwrap(),
    }
}

fn apps() -> SupportedApps {
    SupportedApps::new(vec![app("com.b", "K8a/AINcGX7"), app("com.a", "AAAAAAAAAAA")]).unwrap()
}

fn one_tap() -> Template {
    Template {
        button: Button::OneTap(apps()),
        ..template()
    }
}

/// A template in English alone, and the entry that agrees with it.
fn pair(template: Template) -> (Template, CatalogEntry) {
    let template = Template {
        languages: vec![language("en_US")],
        ..template
    };
    let entry = agreeing_entry(&template, &language("en_US"));
    (template, entry)
}

fn action(template: &Template, entry: &CatalogEntry) -> Action {
    let plan = plan(std::slice::from_ref(template), std::slice::from_ref(entry), now());
    let [step] = plan.steps.try_into().unwrap();
    step.action
}

/// The differences as a person reads them.
fn words(action: &Action) -> Vec<String> {
    let (Action::Edit { differences, .. } | Action::NotEditable { differences, .. }) = action else {
        panic!("no differences in {action:?}");
    };
    let words = differences
        .iter()
        .map(|it| format!("{} {} -> {}", it.field, it.has, it.wanted));
    words.collect()
}

/// What is found different in the entry of a template after `change`.
fn found(template: Template, change: impl FnOnce(&mut CatalogEntry)) -> Vec<String> {
    let (template, mut entry) = pair(template);
    change(&mut entry);
    let action = action(&template, &entry);
    if action == (Action::Unchanged { status: entry.status }) {
        Vec::new()
    } else {
        words(&action)
    }
}

fn button(entry: &mut CatalogEntry) -> &mut SeenButton {
    entry.content.button.as_mut().unwrap()
}

#[test]
fn what_agrees_is_unchanged_and_says_whether_it_can_be_sent() {
    for status in [
        TemplateStatus::Approved,
        TemplateStatus::Pending,
        TemplateStatus::Rejected,
    ] {
        let (template, mut entry) = pair(one_tap());
        entry.status = status.clone();
        assert_eq!(action(&template, &entry), Action::Unchanged { status });
    }
}

#[test]
fn steps_are_in_the_order_of_the_configuration_and_extras_follow_by_name() {
    let other = Template {
        name: TemplateName::parse("aaa").unwrap(),
        languages: vec![language("fr"), language("de")],
        ..template()
    };
    let extra = |name: &str, code: &str| {
        let template = Template {
            name: TemplateName::parse(name).unwrap(),
            ..template()
        };
        agreeing_entry(&template, &language(code))
    };
    let marketing = CatalogEntry {
        category: Category::Other,
        ..extra("sale", "en")
    };
    let deleted = CatalogEntry {
        status: TemplateStatus::Deleted,
        ..extra("gone", "en")
    };
    let has = [
        extra("zzz", "en"),
        extra("old", "pt_BR"),
        marketing,
        deleted,
        extra("old", "en"),
        agreeing_entry(&template(), &language("es")),
        // In a language that is not described (any more).
        agreeing_entry(&template(), &language("it")),
    ];
    let plan = plan(&[template(), other], &has, now());
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|it| {
            let word = match &it.action {
                Action::Create => "create",
                Action::Unchanged { .. } => "unchanged",
                Action::Extra { .. } => "extra",
                Action::Edit { .. } | Action::NotEditable { .. } => "other",
            };
            format!("{} {} {word}", it.template, it.language)
        })
        .collect();
    assert_eq!(
        steps,
        [
            "otp en_US create",
            "otp pt_BR create",
            "otp es unchanged",
            "aaa fr create",
            "aaa de create",
            "old en extra",
            "old pt_BR extra",
            "otp it extra",
            "zzz en extra",
        ]
    );
    assert!(!plan.is_settled());
}

#[test]
fn a_plan_of_what_agrees_and_of_extras_is_settled() {
    let has: Vec<_> = ["en_US", "pt_BR", "es", "it"]
        .map(|it| agreeing_entry(&template(), &language(it)))
        .to_vec();
    assert!(plan(&[template()], &has, now()).is_settled());
    assert!(plan(&[], &has, now()).is_settled());
}

#[test]
fn each_difference_is_named_as_in_the_configuration() {
    let with_texts = Template {
        button_texts: BTreeMap::from([(
            language("en_US"),
            ButtonTexts {
                copy: Some(ButtonText::parse("Copy it").unwrap()),
                autofill: Some(ButtonText::parse("Fill it in").unwrap()),
            },
        )]),
        ..one_tap()
    };
    let everything = found(with_texts, |entry| {
        entry.content.security_recommendation = Said::Yes(false);
        entry.content.footer_minutes = Said::Yes(None);
        entry.message_life = Said::Yes(MessageLife::Unlimited);
        let button = button(entry);
        button.kind = Said::Yes(ButtonKind::ZeroTap);
        button.apps = Said::Yes(vec![app("com.a", "AAAAAAAAAAA")]);
        button.copy_text = Some("Copy code".to_owned());
        button.autofill_text = Some("Autofill".to_owned());
    });
    assert_eq!(
        everything,
        [
            "security_recommendation false -> true",
            "footer_minutes none -> 10",
            "button zero_tap -> one_tap",
            "supported_apps com.a AAAAAAAAAAA -> com.a AAAAAAAAAAA, com.b K8a/AINcGX7",
            "button_texts.copy Copy code -> Copy it",
            "button_texts.autofill Autofill -> Fill it in",
            "message_life 30 days -> 600 s",
        ]
    );
}

#[test]
fn a_footer_that_is_not_wanted_differs() {
    let without = Template {
        footer_minutes: None,
        ..template()
    };
    let differences = found(without, |entry| entry.content.footer_minutes = Said::Yes(Some(5)));
    assert_eq!(differences, ["footer_minutes 5 -> none"]);
}

#[test]
fn apps_are_compared_whatever_their_order() {
    let differences = found(one_tap(), |entry| {
        button(entry).apps = Said::Yes(vec![app("com.a", "AAAAAAAAAAA"), app("com.b", "K8a/AINcGX7")]);
    });
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn of_a_button_to_copy_the_kind_alone_differs() {
    let differences = found(one_tap(), |entry| {
        let button = button(entry);
        button.kind = Said::Yes(ButtonKind::CopyCode);
        button.apps = Said::Yes(Vec::new());
    });
    assert_eq!(differences, ["button copy_code -> one_tap"]);
    let differences = found(template(), |entry| {
        let button = button(entry);
        button.kind = Said::Yes(ButtonKind::OneTap);
        button.apps = Said::Yes(vec![app("com.a", "AAAAAAAAAAA")]);
    });
    assert_eq!(differences, ["button one_tap -> copy_code"]);
}

#[test]
fn a_label_that_was_left_to_the_provider_is_not_compared() {
    let differences = found(template(), |entry| {
        button(entry).copy_text = Some("Somebody's own words".to_owned());
    });
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn what_the_provider_did_not_say_is_not_compared() {
    let silent = found(one_tap(), |entry| {
        entry.message_life = Said::No;
        entry.content = SeenContent {
            body: Some("*{{1}}* is something else altogether.".to_owned()),
            footer: Some("This code expires in 3 minutes.".to_owned()),
            button: Some(SeenButton {
                kind: Said::No,
                copy_text: None,
                autofill_text: None,
                apps: Said::No,
            }),
            ..SeenContent::default()
        };
    });
    assert_eq!(silent, Vec::<String>::new());
    let nothing_at_all = found(one_tap(), |entry| {
        entry.content = SeenContent::default();
    });
    assert_eq!(nothing_at_all, Vec::<String>::new());
}

#[test]
fn a_body_without_a_button_has_none() {
    let differences = found(template(), |entry| entry.content.button = None);
    assert_eq!(differences, ["button none -> copy_code"]);
}

#[test]
fn a_message_life_differs_by_the_second() {
    let differences = found(template(), |entry| {
        entry.message_life = Said::Yes(MessageLife::Limited(Duration::from_secs(599)));
    });
    assert_eq!(differences, ["message_life 599 s -> 600 s"]);
}

#[test]
fn an_approved_template_that_was_changed_within_a_day_may_be_refused_until_the_day_is_over() {
    let changed_at = now().minus(Duration::from_secs(3_600));
    let until = |status: TemplateStatus, changed_at| {
        let (template, mut entry) = pair(template());
        entry.status = status;
        entry.changed_at = changed_at;
        entry.message_life = Said::Yes(MessageLife::Unlimited);
        let Action::Edit { refused_until, .. } = action(&template, &entry) else {
            panic!("no edit");
        };
        refused_until
    };
    assert_eq!(
        until(TemplateStatus::Approved, Some(changed_at)),
        Some(changed_at.plus(DAY))
    );
    assert_eq!(until(TemplateStatus::Approved, Some(now().minus(DAY))), None);
    assert_eq!(until(TemplateStatus::Approved, None), None);
    assert_eq!(until(TemplateStatus::Rejected, Some(changed_at)), None);
    assert_eq!(until(TemplateStatus::Paused, Some(changed_at)), None);
}

#[test]
fn what_differs_in_a_status_that_cannot_be_edited_waits() {
    for status in [
        TemplateStatus::Pending,
        TemplateStatus::Disabled,
        TemplateStatus::InAppeal,
        TemplateStatus::LimitExceeded,
        TemplateStatus::Locked,
        TemplateStatus::Other("NEW".to_owned()),
    ] {
        let (template, mut entry) = pair(template());
        entry.status = status.clone();
        assert_eq!(action(&template, &entry), Action::Unchanged { status });
        entry.message_life = Said::Yes(MessageLife::Unlimited);
        assert_eq!(words(&action(&template, &entry)), ["message_life 30 days -> 600 s"]);
    }
}

#[test]
fn what_is_archived_or_deleted_cannot_be_used_though_it_agrees() {
    for status in [
        TemplateStatus::Archived,
        TemplateStatus::Deleted,
        TemplateStatus::PendingDeletion,
    ] {
        let (template, mut entry) = pair(template());
        entry.status = status.clone();
        let differences = Vec::new();
        assert_eq!(action(&template, &entry), Action::NotEditable { differences, status });
    }
}

#[test]
fn what_took_the_place_of_a_deleted_template_counts() {
    let (template, entry) = pair(template());
    let deleted = CatalogEntry {
        status: TemplateStatus::Deleted,
        ..entry.clone()
    };
    for has in [[deleted.clone(), entry.clone()], [entry, deleted]] {
        let plan = plan(std::slice::from_ref(&template), &has, now());
        assert!(plan.is_settled());
        assert_eq!(plan.steps.len(), 1);
    }
}

#[test]
fn a_described_name_of_another_category_cannot_be_edited() {
    let (template, mut entry) = pair(template());
    entry.category = Category::Other;
    entry.message_life = Said::Yes(MessageLife::Unlimited);
    let action = action(&template, &entry);
    assert_eq!(words(&action), ["category other -> authentication"]);
    assert!(matches!(action, Action::NotEditable { .. }));
}

#[test]
fn a_template_of_another_language_is_another_template() {
    let (template, mut entry) = pair(template());
    entry.language = Language::parse("en").unwrap();
    let plan = plan(&[template], &[entry], now());
    assert_eq!(plan.steps[0].action, Action::Create);
    assert!(matches!(plan.steps[1].action, Action::Extra { .. }));
}
