//! Plan and apply as a person runs them: what is printed for every state an account can be in, and how it ends.

use std::time::Duration;

use countersign_simulator::{Review, Template, TemplateOrder};

use crate::business::{Business, a_day_after, two_days_ago};

/// Two templates, of which one is in two languages.
const DESCRIBED: &str = r#"[apps.shop.templates.main]
name = "otp"
languages = ["en_US", "pt_BR"]
footer_minutes = 5

[apps.shop.templates.tap]
name = "otp_tap"
languages = ["en_US"]
button = "one_tap"
supported_apps = [{ package = "com.example.app", hash = "6hJDclzb7Pi" }]
"#;
/// One template in one language.
const SINGLE: &str = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\"]\nfooter_minutes = 5\n";
/// What to run when something is to be done.
const THEN_APPLY: &str = "Then: countersign templates apply --config countersign.toml\n";

/// What [`SINGLE`] describes, at the stand-in for Meta.
fn single() -> Template {
    Template {
        code_expiration_minutes: Some(5),
        ..Template::new("otp", ["en_US"])
    }
}

#[tokio::test]
async fn an_empty_account_is_planned_applied_and_then_there_is_nothing_to_do() {
    let business = Business::of(DESCRIBED).await;
    business.reconfigure(with_default_language);
    let create = "account shop
  +  create  otp      en_US
  +  create  otp      pt_BR
  +  create  otp_tap  en_US

3 to create.
";
    business
        .assert_prints(&["plan"], 3, &format!("{create}{THEN_APPLY}"))
        .await;
    assert_eq!(business.changes(), [], "a plan changes nothing");
    let made = "1/3  +  created     otp_tap  en_US  shop
2/3  +  created     otp      en_US  shop
3/3  +  created     otp      pt_BR  shop

3 created.
";
    business.assert_prints(&["apply"], 0, made).await;
    let orders = business.changes().len();
    let settled = "account shop
  =  unchanged  otp      en_US
  =  unchanged  otp      pt_BR
  =  unchanged  otp_tap  en_US

3 unchanged.
";
    business.assert_prints(&["plan"], 0, settled).await;
    let again = "1/3  =  unchanged   otp  en_US  shop
2/3  =  unchanged   otp  pt_BR  shop
3/3  =  unchanged   otp_tap  en_US  shop

3 unchanged.
";
    business.assert_prints(&["apply"], 0, again).await;
    assert_eq!(business.changes().len(), orders, "nothing is ordered twice");
}

/// An app with several templates says which language it falls back on.
fn with_default_language(text: &str) -> String {
    text.replacen("[apps.shop]\n", "[apps.shop]\ndefault_language = \"en_US\"\n", 1)
}

#[tokio::test]
async fn what_drifted_is_said_field_by_field_with_what_there_is_and_what_is_wanted() {
    let business = Business::with(SINGLE, |config| {
        two_days_ago(config);
        config.templates = vec![Template {
            add_security_recommendation: false,
            message_life: None,
            ..Template::new("otp", ["en_US"])
        }];
    })
    .await;
    let plan = format!(
        "account shop
  ~  edit  otp  en_US  security_recommendation false -> true
                       footer_minutes 10 -> 5
                       message_life 30 days -> 600 s

1 to edit.
{THEN_APPLY}"
    );
    business.assert_prints(&["plan"], 3, &plan).await;
    business
        .assert_prints(&["apply"], 0, "1/1  ~  edited      otp  en_US  shop\n\n1 edited.\n")
        .await;
    let entry = business.entry("otp", "en_US");
    assert_eq!(
        (
            entry.add_security_recommendation,
            entry.code_expiration_minutes,
            entry.message_life
        ),
        (true, Some(5), Some(Duration::from_secs(600)))
    );
}

#[tokio::test]
async fn another_button_and_other_apps_are_said_in_the_words_of_the_configuration() {
    let tap = SINGLE.to_owned()
        + "button = \"one_tap\"\nsupported_apps = [{ package = \"com.example.app\", hash = \"6hJDclzb7Pi\" }]\n";
    let business = Business::with(&tap, |config| {
        two_days_ago(config);
        config.templates = vec![single()];
    })
    .await;
    let plan = business.run(&["plan"]).await;
    assert!(
        plan.stdout
            .contains("  ~  edit  otp  en_US  button copy_code -> one_tap\n"),
        "{}",
        plan.stdout
    );
    business.settle().await;
    business.describe(&tap.replace("6hJDclzb7Pi", "nNmoAyUj8gR"));
    let plan = business.run(&["plan"]).await;
    let apps = "supported_apps com.example.app 6hJDclzb7Pi -> com.example.app nNmoAyUj8gR\n";
    assert!(plan.stdout.contains(apps), "{}", plan.stdout);
    assert_eq!(plan.code, Some(3));
}

#[tokio::test]
async fn a_review_is_waited_for_and_its_end_is_seen() {
    let business = Business::with(SINGLE, |config| config.review = Review::by_order()).await;
    let reviewed = "Meta still reviews 1; only what is approved can be sent.\n";
    let applied = format!("1/1  +  created     otp  en_US  shop\n\n1 created.\n{reviewed}");
    business.assert_prints(&["apply"], 0, &applied).await;
    let planned = format!("account shop\n  =  unchanged  otp  en_US  pending\n\n1 unchanged.\n{reviewed}");
    business.assert_prints(&["plan"], 0, &planned).await;

    // Meta lets nobody edit what it is reviewing.
    business.describe(&SINGLE.replace("= 5", "= 7"));
    let planned = format!(
        "account shop
  !  not editable  otp  en_US  while it is pending
                               footer_minutes 5 -> 7

1 not editable now.
{reviewed}{THEN_APPLY}"
    );
    business.assert_prints(&["plan"], 3, &planned).await;
    let orders = business.changes().len();
    let applied = business.run(&["apply"]).await;
    let why = "Meta is reviewing it and does not let it be edited: apply again after the review\n";
    assert_eq!(applied.code, Some(3));
    assert!(applied.stdout.contains(why), "{}", applied.stdout);
    assert_eq!(business.changes().len(), orders, "what cannot be is not asked for");

    business.order("otp", "en_US", TemplateOrder::Approve);
    business.settle().await;
    business
        .assert_prints(
            &["plan"],
            0,
            "account shop\n  =  unchanged  otp  en_US\n\n1 unchanged.\n",
        )
        .await;
}

#[tokio::test]
async fn a_rejected_template_is_told_of_and_what_meta_objects_to_can_be_changed_at_once() {
    let business = Business::with(SINGLE, |config| config.review = Review::rejecting("INVALID_FORMAT")).await;
    let unsendable = "1 cannot be sent now. Why: countersign templates check --config countersign.toml\n";
    let applied = format!("1/1  +  created     otp  en_US  shop\n\n1 created.\n{unsendable}");
    business.assert_prints(&["apply"], 0, &applied).await;
    let planned = format!("account shop\n  =  unchanged  otp  en_US  rejected\n\n1 unchanged.\n{unsendable}");
    business.assert_prints(&["plan"], 0, &planned).await;
    let check = business.run(&["check"]).await;
    assert_eq!(check.code, Some(3));
    assert!(
        check
            .stdout
            .contains("its status is rejected (INVALID_FORMAT): change what Meta objects to"),
        "{}",
        check.stdout
    );

    business.meta.controls.set_review(Review::default());
    business.describe(&SINGLE.replace("= 5", "= 7"));
    let planned = format!("account shop\n  ~  edit  otp  en_US  footer_minutes 5 -> 7\n\n1 to edit.\n{THEN_APPLY}");
    business.assert_prints(&["plan"], 3, &planned).await;
    business.settle().await;
    business
        .assert_prints(
            &["check"],
            0,
            "nothing is wrong with the templates of shop: 1 looked at\n",
        )
        .await;
}

#[tokio::test]
async fn what_the_app_does_not_describe_is_shown_and_left_alone() {
    let business = Business::with(SINGLE, |config| {
        config.templates = vec![Template::new("older", ["fr", "en_US"])];
    })
    .await;
    let before = ["en_US", "fr"].map(|language| business.entry("older", language));
    let planned = format!(
        "account shop
  +  create  otp    en_US
  ?  extra   older  en_US  approved
  ?  extra   older  fr     approved

1 to create, 2 extra (left alone).
{THEN_APPLY}"
    );
    business.assert_prints(&["plan"], 3, &planned).await;
    let applied = "1/3  ?  left alone  older  en_US  shop
2/3  ?  left alone  older  fr     shop
3/3  +  created     otp    en_US  shop

1 created, 2 extra (left alone).
";
    business.assert_prints(&["apply"], 0, applied).await;
    assert_eq!(
        ["en_US", "fr"].map(|language| business.entry("older", language)),
        before
    );
    assert_eq!(business.run(&["plan"]).await.code, Some(0));
}

#[tokio::test]
async fn what_cannot_be_changed_is_said_with_the_way_out_and_the_rest_is_done() {
    let described = DESCRIBED.replace("\"pt_BR\"]", "\"pt_BR\", \"fr\"]");
    let business = Business::with(&described, |config| {
        let template = Template {
            languages: ["en_US", "pt_BR"].map(str::to_owned).into(),
            ..single()
        };
        config.templates = vec![template];
    })
    .await;
    business.reconfigure(with_default_language);
    business.order("otp", "en_US", TemplateOrder::Archive);
    let category = "MARKETING".to_owned();
    business.order("otp", "pt_BR", TemplateOrder::SetCategory { category });
    let page = format!(
        "1/4  !  failed      otp  en_US  shop
        Meta archived it because nobody used it for a year, and deletes it 28 days later: unarchive
        it at Meta, then apply again
2/4  !  failed      otp  pt_BR  shop
        Meta has it as something else than an authentication template, and codes may not be sent
        with it: describe the template under another name, or delete it at Meta first
3/4  +  created     otp  fr     shop
4/4  +  created     otp_tap  en_US  shop

left in account shop
  !  not editable  otp  en_US  while it is archived
  !  not editable  otp  pt_BR  category other -> authentication

2 created, 2 failed.
What failed says above why, and when it may be tried again.
{THEN_APPLY}"
    );
    business.assert_prints(&["apply"], 3, &page).await;
}

#[tokio::test]
async fn a_second_edit_within_a_day_is_refused_with_metas_words_and_the_moment_it_may_be_tried_again() {
    let business = Business::with(SINGLE, |config| config.templates = vec![single()]).await;
    business.describe(&SINGLE.replace("= 5", "= 6"));
    business.settle().await;
    business.describe(&SINGLE.replace("= 5", "= 7"));
    let again = a_day_after(&business.entry("otp", "en_US"));
    let planned = format!(
        "account shop
  !  edit  otp  en_US  footer_minutes 6 -> 7
                       Meta may refuse before {again}

1 to edit later.
{THEN_APPLY}"
    );
    business.assert_prints(&["plan"], 3, &planned).await;
    let applied = business.run(&["apply"]).await;
    assert_eq!((applied.code, applied.stderr.as_str()), (Some(3), ""));
    // Broken into lines of a hundred columns.
    let flat = applied.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "Meta refuses: 100 Template edited too often: An approved template can be edited once in 24 hours and 10 \
               times in 30 days; the one in en_US was. Meta lets an approved template be edited once in 24 hours and \
               ten times in 30 days: apply again later; not before ";
    assert!(flat.contains(&format!("{why}{again}")), "{}", applied.stdout);
    assert!(
        flat.contains("1 failed. What failed says above why"),
        "{}",
        applied.stdout
    );
    assert_eq!(business.entry("otp", "en_US").code_expiration_minutes, Some(6));
}

#[tokio::test]
async fn a_name_that_was_deleted_is_locked_and_the_way_out_is_another_name() {
    let business = Business::with(SINGLE, |config| config.templates = vec![single()]).await;
    assert_eq!(business.run(&["delete", "otp", "--yes"]).await.code, Some(0));
    let applied = business.run(&["apply"]).await;
    assert_eq!((applied.code, applied.stderr.as_str()), (Some(3), ""));
    let flat = applied.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "Meta is deleting it, or has deleted it. Meta locks the name of a deleted template for up to 30 days: \
               wait, or describe the template under another name (100 ";
    assert!(flat.contains(why) && flat.contains("(2388023))"), "{}", applied.stdout);
    assert!(
        applied.stdout.contains("  +  create  otp  en_US\n\n1 failed.\n"),
        "{}",
        applied.stdout
    );
    business.describe(&SINGLE.replace("\"otp\"", "\"otp_2\""));
    business.settle().await;
}
