//! The template service over a real socket: each verb, who may call it, and what callers hear when the provider does not
//! do it.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::CatalogError;
use countersign_grpc::v1::apply_templates_response::Event;
use countersign_grpc::{Config, TemplatesClient, local_templates, reason, v1};
use countersign_testkit::fixture;
use countersign_testkit::wait::soon;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use crate::harness::{MANAGER_TOKEN, Mood, Site, TOKEN, assert_refused};
use crate::shelf::{Failing, Manner};

pub(crate) const APP: &str = "demo";
/// Every language of the app's one template.
const LANGUAGES: [&str; 3] = ["en_US", "pt_BR", "es"];

pub(crate) async fn site() -> Site {
    Site::with(Mood::Fine).await
}

pub(crate) async fn manager(site: &Site) -> TemplatesClient {
    site.templates(Some(MANAGER_TOKEN)).await
}

pub(crate) fn plan_of(app: &str) -> v1::PlanTemplatesRequest {
    v1::PlanTemplatesRequest { app: app.to_owned() }
}

pub(crate) fn apply_of(app: &str) -> v1::ApplyTemplatesRequest {
    v1::ApplyTemplatesRequest { app: app.to_owned() }
}

fn list_of(app: &str) -> v1::ListTemplatesRequest {
    v1::ListTemplatesRequest { app: app.to_owned() }
}

fn preview_of(app: &str) -> v1::PreviewTemplatesRequest {
    v1::PreviewTemplatesRequest {
        app: app.to_owned(),
        ..v1::PreviewTemplatesRequest::default()
    }
}

pub(crate) fn delete_of(app: &str, name: &str, language: &str) -> v1::DeleteTemplateRequest {
    v1::DeleteTemplateRequest {
        app: app.to_owned(),
        name: name.to_owned(),
        language: language.to_owned(),
    }
}

pub(crate) async fn begin(client: &mut TemplatesClient) -> Streaming<v1::ApplyTemplatesResponse> {
    client.apply_templates(apply_of(APP)).await.unwrap().into_inner()
}

/// Every event of an apply, and how it ended.
pub(crate) async fn all(mut events: Streaming<v1::ApplyTemplatesResponse>) -> (Vec<Event>, Result<(), Status>) {
    let mut told = Vec::new();
    loop {
        match soon("the next step", events.message()).await {
            Ok(Some(answer)) => told.extend(answer.event),
            Ok(None) => return (told, Ok(())),
            Err(status) => return (told, Err(status)),
        }
    }
}

/// How each verb fails.
async fn failures(client: &mut TemplatesClient, app: &str) -> [Status; 5] {
    let applied = match client.apply_templates(apply_of(app)).await {
        Ok(events) => all(events.into_inner()).await.1.unwrap_err(),
        Err(status) => status,
    };
    [
        client.plan_templates(plan_of(app)).await.unwrap_err(),
        applied,
        client.list_templates(list_of(app)).await.unwrap_err(),
        client.preview_templates(preview_of(app)).await.unwrap_err(),
        client.delete_template(delete_of(app, "otp", "")).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn what_is_planned_is_applied_step_by_step_and_then_there_is_nothing_to_do() {
    let site = site().await;
    site.shelf.put("unknown_here", "de");
    let mut client = manager(&site).await;
    let planned = client.plan_templates(plan_of(APP)).await.unwrap().into_inner().accounts;
    let account = fixture::sender().account;
    assert_eq!(
        (planned.len(), planned[0].account.as_str(), planned[0].settled),
        (1, account.as_str(), false)
    );
    let steps: Vec<_> = planned[0]
        .steps
        .iter()
        .map(|it| (it.language.as_str(), it.action()))
        .collect();
    let create = LANGUAGES.map(|it| (it, v1::PlanAction::Create));
    assert_eq!(steps, [&create[..], &[("de", v1::PlanAction::Extra)]].concat());
    assert_eq!(planned[0].steps[3].status_word, "approved");

    let (told, ended) = all(begin(&mut client).await).await;
    assert!(ended.is_ok(), "{ended:?}");
    let Some((Event::Summary(summary), steps)) = told.split_last() else {
        panic!("{told:?}");
    };
    let results: Vec<_> = steps
        .iter()
        .map(|event| match event {
            Event::Progress(it) => (it.step.as_ref().unwrap().language.as_str(), it.result(), it.total),
            Event::Summary(_) => panic!("the summary is the last: {told:?}"),
        })
        .collect();
    for language in LANGUAGES {
        assert!(
            results.contains(&(language, v1::ApplyResult::Created, 4)),
            "{results:?}"
        );
    }
    assert!(results.contains(&("de", v1::ApplyResult::Unchanged, 4)), "{results:?}");
    assert!(summary.accounts[0].settled, "{summary:?}");
    let planned = client.plan_templates(plan_of(APP)).await.unwrap().into_inner().accounts;
    assert!(planned[0].settled);
    assert_eq!(planned[0].steps[0].status(), v1::TemplateStatus::Pending);
}

#[tokio::test]
async fn a_list_says_what_is_there_what_is_lacking_and_what_is_wrong() {
    let site = site().await;
    site.shelf.put("otp", "en_US");
    site.shelf.put("unknown_here", "de");
    let mut client = manager(&site).await;
    let accounts = client.list_templates(list_of(APP)).await.unwrap().into_inner().accounts;
    let listed: Vec<_> = accounts[0]
        .templates
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.language.as_str(),
                it.configured,
                it.provider.is_some(),
            )
        })
        .collect();
    let expected = [
        ("otp", "en_US", true, true),
        ("otp", "pt_BR", true, false),
        ("otp", "es", true, false),
        ("unknown_here", "de", false, true),
    ];
    assert_eq!(listed, expected);
    let [there, lacking, ..] = accounts[0].templates.as_slice() else {
        panic!("{accounts:?}");
    };
    let provider = there.provider.as_ref().unwrap();
    assert_eq!(
        (provider.status(), provider.status_word.as_str()),
        (v1::TemplateStatus::Approved, "approved")
    );
    // What the provider does not tell is absent, and not a default that looks like an answer.
    assert_eq!(
        (
            provider.footer_minutes,
            provider.security_recommendation,
            &provider.message_life
        ),
        (None, None, &None)
    );
    let faults: Vec<_> = lacking.faults.iter().map(v1::TemplateFault::kind).collect();
    assert_eq!((faults, there.faults.len()), (vec![v1::TemplateFaultKind::Missing], 0));
    assert!(!lacking.faults[0].description.is_empty());
}

#[tokio::test]
async fn a_preview_says_what_messages_say_and_whose_words_they_are() {
    let site = site().await;
    let mut client = manager(&site).await;
    let previews = client
        .preview_templates(preview_of(APP))
        .await
        .unwrap()
        .into_inner()
        .previews;
    let languages: Vec<_> = previews.iter().map(|it| it.language.as_str()).collect();
    assert_eq!(languages, LANGUAGES);
    assert!(previews[0].body.contains("{{1}}") && !previews[0].right_to_left);
    assert_eq!(previews[0].source(), v1::PreviewSource::Own);
    let request = v1::PreviewTemplatesRequest {
        template: "otp".to_owned(),
        languages: vec!["pt-br".to_owned()],
        ..preview_of(APP)
    };
    let previews = client.preview_templates(request).await.unwrap().into_inner().previews;
    assert_eq!((previews.len(), previews[0].language.as_str()), (1, "pt_BR"));
    let request = v1::PreviewTemplatesRequest {
        template: "another".to_owned(),
        ..preview_of(APP)
    };
    let refused = client.preview_templates(request).await.unwrap_err();
    assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
}

#[tokio::test]
async fn a_template_is_deleted_in_one_language_or_in_all() {
    let site = site().await;
    for language in LANGUAGES {
        site.shelf.put("otp", language);
    }
    let mut client = manager(&site).await;
    let deleted = client
        .delete_template(delete_of(APP, "otp", "pt-br"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((deleted.deleted_count, site.shelf.len()), (1, 2));
    let deleted = client
        .delete_template(delete_of(APP, "otp", ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((deleted.deleted_count, site.shelf.len()), (2, 0));
}

#[tokio::test]
async fn whoever_may_not_manage_templates_is_told_so_and_a_stranger_hears_of_no_app() {
    let site = site().await;
    let mut caller = site.templates(Some(TOKEN)).await;
    for refused in failures(&mut caller, APP).await {
        assert_refused(&refused, Code::PermissionDenied, reason::TEMPLATES_NOT_ALLOWED);
    }
    let mut manager = manager(&site).await;
    for client in [&mut caller, &mut manager] {
        for refused in failures(client, "bank").await {
            assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
        }
    }
    let mut nobody = site.templates(None).await;
    for refused in failures(&mut nobody, APP).await {
        assert_refused(&refused, Code::Unauthenticated, reason::UNAUTHENTICATED);
    }
}

#[tokio::test]
async fn every_malformed_field_is_named_at_once_and_none_is_repeated() {
    let site = site().await;
    let mut client = manager(&site).await;
    for refused in failures(&mut client, "De Mo").await {
        assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
        assert!(!refused.message().contains("De Mo"), "{refused:?}");
    }
    let request = v1::PreviewTemplatesRequest {
        app: "De Mo".to_owned(),
        template: "Otp!".to_owned(),
        languages: vec!["en".to_owned(), "english".to_owned()],
    };
    let refused = client.preview_templates(request).await.unwrap_err();
    let paths = |status: &Status| -> Vec<String> {
        let violations = status
            .get_error_details()
            .bad_request()
            .unwrap()
            .field_violations
            .clone();
        violations.into_iter().map(|it| it.field).collect()
    };
    assert_eq!(paths(&refused), ["app", "template", "languages[1]"]);
    let many = v1::PreviewTemplatesRequest {
        languages: vec!["en".to_owned(); 101],
        ..preview_of(APP)
    };
    assert_eq!(paths(&client.preview_templates(many).await.unwrap_err()), ["languages"]);
    let refused = client.delete_template(delete_of("", "", "english")).await.unwrap_err();
    assert_eq!(paths(&refused), ["app", "name", "language"]);
}

#[tokio::test]
async fn what_the_provider_refuses_has_its_own_reason_and_tells_nothing_internal() {
    let report = || ProviderReport::new(190, "Access token has expired", "");
    let table: [(Failing, Code, &str); 5] = [
        (
            Arc::new(|| CatalogError::NotHeld),
            Code::FailedPrecondition,
            reason::TEMPLATES_NOT_HELD,
        ),
        (
            Arc::new(move || CatalogError::Denied(report())),
            Code::FailedPrecondition,
            reason::TEMPLATES_DENIED,
        ),
        (
            Arc::new(move || CatalogError::Refused(report())),
            Code::FailedPrecondition,
            reason::TEMPLATES_REFUSED,
        ),
        (
            Arc::new(|| CatalogError::Throttled {
                retry_after: Some(Duration::from_secs(60)),
                report: None,
            }),
            Code::ResourceExhausted,
            reason::PROVIDER_THROTTLED,
        ),
        (
            Arc::new(|| CatalogError::Unavailable(crate::harness::SECRET.into())),
            Code::Unavailable,
            reason::PROVIDER_UNAVAILABLE,
        ),
    ];
    let site = site().await;
    let mut client = manager(&site).await;
    for (error, code, reason) in table {
        site.shelf.becomes(Manner::Fails(error));
        let [planned, applied, listed, _, deleted] = failures_but_preview(&mut client).await;
        for refused in [planned, applied, listed, deleted] {
            assert_refused(&refused, code, reason);
            let metadata = refused.get_details_error_info().unwrap().metadata;
            assert_eq!(metadata["account"], fixture::sender().account.as_str());
        }
    }
}

/// A preview falls back on words of ours, whatever the provider says.
async fn failures_but_preview(client: &mut TemplatesClient) -> [Status; 5] {
    let applied = all(begin(client).await).await.1.unwrap_err();
    [
        client.plan_templates(plan_of(APP)).await.unwrap_err(),
        applied,
        client.list_templates(list_of(APP)).await.unwrap_err(),
        Status::ok(""),
        client.delete_template(delete_of(APP, "otp", "")).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn an_adapter_that_panics_is_an_internal_error_that_tells_nothing() {
    let site = site().await;
    let mut client = manager(&site).await;
    site.shelf.becomes(Manner::Panics);
    let [planned, applied, listed, _, deleted] = failures_but_preview(&mut client).await;
    for refused in [planned, applied, listed, deleted] {
        assert_refused(&refused, Code::Internal, reason::INTERNAL);
    }
    site.shelf.becomes(Manner::Fine);
    assert!(client.plan_templates(plan_of(APP)).await.is_ok());
    assert!(
        all(begin(&mut client).await).await.1.is_ok(),
        "the app's turn was given back"
    );
}

#[tokio::test]
async fn an_account_with_many_templates_is_listed_whole() {
    let config = Config {
        message_bytes_max: 1024,
        ..Config::default()
    };
    let site = Site::new(config, Mood::Fine).await;
    for number in 0..1_000 {
        site.shelf.put(&format!("template_{number}"), "en_US");
    }
    let mut client = manager(&site).await;
    let accounts = client.list_templates(list_of(APP)).await.unwrap().into_inner().accounts;
    assert_eq!(accounts[0].templates.len(), 1_000 + LANGUAGES.len());
}

#[tokio::test]
async fn the_service_without_a_server_answers_as_the_one_with() {
    let site = site().await;
    let manage = &site.manage_templates;
    let mut local = local_templates(manage, fixture::caller());
    let mut remote = manager(&site).await;
    assert_eq!(
        local.list_templates(list_of(APP)).await.unwrap().into_inner(),
        remote.list_templates(list_of(APP)).await.unwrap().into_inner()
    );
    let (told, ended) = all(begin(&mut local).await).await;
    assert!(ended.is_ok() && matches!(told.last(), Some(Event::Summary(it)) if it.accounts[0].settled));
    let refused = local.plan_templates(plan_of("bank")).await.unwrap_err();
    assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
}
