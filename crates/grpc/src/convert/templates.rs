//! Requests and answers of the template service.

use std::time::Duration;

use countersign_domain::id::AppId;
use countersign_domain::sender::Quality;
use countersign_domain::supported_app::SupportedApp;
use countersign_domain::template::{
    Action, CatalogEntry, Category, Difference, Drift, Language, MessageLife, Plan, PlanStep, Said, TemplateName,
    TemplateStatus,
};
use countersign_domain::time::DAY;
use countersign_domain::use_case::{
    AccountPlan, AccountTemplates, ApplyProgress, ApplyResult, DeleteTemplate, ListedTemplate, PreviewSource,
    PreviewTemplates, ShownPreview,
};
use tonic_types::FieldViolation;

use crate::convert::request::Violations;
use crate::convert::response::{button, span, time};
use crate::v1;

/// The most languages one request may name: more than Meta has.
const LANGUAGES_MAX: usize = 100;
/// What Meta writes as -1 (Meta: time-to-live).
const UNLIMITED: Duration = DAY.saturating_mul(30);

/// Reads the name of an app, of a request that holds nothing else.
pub(crate) fn app(app: &str) -> Result<AppId, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    violations.read("app", AppId::parse(app)).ok_or(violations.0)
}

/// Reads a request to preview.
pub(crate) fn preview_request(request: &v1::PreviewTemplatesRequest) -> Result<PreviewTemplates, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let app = violations.read("app", AppId::parse(&request.app));
    let template = match request.template.as_str() {
        "" => None,
        text => violations.read("template", TemplateName::parse(text)),
    };
    if request.languages.len() > LANGUAGES_MAX {
        violations.add("languages", &"must be at most 100");
    }
    let read = |(index, text): (usize, &String)| violations.read(&format!("languages[{index}]"), Language::parse(text));
    let languages: Vec<_> = request
        .languages
        .iter()
        .take(LANGUAGES_MAX)
        .enumerate()
        .filter_map(read)
        .collect();
    match (app, violations.0) {
        (Some(app), violations) if violations.is_empty() => Ok(PreviewTemplates {
            app,
            template,
            languages,
        }),
        (_, violations) => Err(violations),
    }
}

/// Reads a request to delete.
pub(crate) fn delete_request(request: &v1::DeleteTemplateRequest) -> Result<DeleteTemplate, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let app = violations.read("app", AppId::parse(&request.app));
    let name = violations.read("name", TemplateName::parse(&request.name));
    let language = match request.language.as_str() {
        "" => None,
        text => violations.read("language", Language::parse(text)),
    };
    match (app, name, violations.0) {
        (Some(app), Some(name), violations) if violations.is_empty() => Ok(DeleteTemplate { app, name, language }),
        (_, _, violations) => Err(violations),
    }
}

/// Writes the answer to a plan.
pub(crate) fn plan_response(plans: &[AccountPlan]) -> v1::PlanTemplatesResponse {
    v1::PlanTemplatesResponse {
        accounts: plans.iter().map(account_plan).collect(),
    }
}

/// Writes one step of an apply.
pub(crate) fn apply_progress(progress: &ApplyProgress) -> v1::ApplyTemplatesResponse {
    let ApplyProgress {
        account,
        done,
        total,
        step,
        result,
    } = progress;
    let (result, failure, retry_at) = match result {
        ApplyResult::Unchanged => (v1::ApplyResult::Unchanged, "", None),
        ApplyResult::Created => (v1::ApplyResult::Created, "", None),
        ApplyResult::Edited => (v1::ApplyResult::Edited, "", None),
        ApplyResult::Failed { why, retry_at } => (v1::ApplyResult::Failed, why.as_str(), *retry_at),
    };
    let progress = v1::ApplyProgress {
        account: account.to_string(),
        done: count(*done),
        total: count(*total),
        step: Some(plan_step(step)),
        result: result.into(),
        failure: failure.to_owned(),
        retry_time: retry_at.map(time),
    };
    v1::ApplyTemplatesResponse {
        event: Some(v1::apply_templates_response::Event::Progress(progress)),
    }
}

/// Writes the end of an apply.
pub(crate) fn apply_summary(left: &[AccountPlan]) -> v1::ApplyTemplatesResponse {
    let summary = v1::ApplySummary {
        accounts: left.iter().map(account_plan).collect(),
    };
    v1::ApplyTemplatesResponse {
        event: Some(v1::apply_templates_response::Event::Summary(summary)),
    }
}

/// Writes the answer to a list.
pub(crate) fn list_response(accounts: &[AccountTemplates]) -> v1::ListTemplatesResponse {
    let account = |AccountTemplates { account, templates }: &AccountTemplates| v1::AccountTemplates {
        account: account.to_string(),
        templates: templates.iter().map(listed).collect(),
    };
    v1::ListTemplatesResponse {
        accounts: accounts.iter().map(account).collect(),
    }
}

/// Writes the answer to a preview.
pub(crate) fn preview_response(previews: &[ShownPreview]) -> v1::PreviewTemplatesResponse {
    v1::PreviewTemplatesResponse {
        previews: previews.iter().map(preview).collect(),
    }
}

/// Writes the answer to a delete.
pub(crate) fn delete_response(languages: usize) -> v1::DeleteTemplateResponse {
    v1::DeleteTemplateResponse {
        deleted_count: count(languages),
    }
}

fn account_plan(AccountPlan { account, plan }: &AccountPlan) -> v1::AccountPlan {
    let Plan { steps } = plan;
    v1::AccountPlan {
        account: account.to_string(),
        steps: steps.iter().map(plan_step).collect(),
        settled: plan.is_settled(),
    }
}

fn plan_step(step: &PlanStep) -> v1::PlanStep {
    let PlanStep {
        template,
        language,
        action,
    } = step;
    let (what, id, status, differences, refused_until) = match action {
        Action::Create => (v1::PlanAction::Create, None, None, &[][..], None),
        Action::Edit {
            id,
            differences,
            refused_until,
        } => (v1::PlanAction::Edit, Some(id), None, &differences[..], *refused_until),
        Action::Unchanged { status } => (v1::PlanAction::Unchanged, None, Some(status), &[][..], None),
        Action::NotEditable { differences, status } => {
            (v1::PlanAction::NotEditable, None, Some(status), &differences[..], None)
        }
        Action::Extra { id, status } => (v1::PlanAction::Extra, Some(id), Some(status), &[][..], None),
    };
    v1::PlanStep {
        template: template.to_string(),
        language: language.to_string(),
        action: what.into(),
        template_id: id.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        status: status.map_or(v1::TemplateStatus::Unspecified, template_status).into(),
        status_word: status.map(TemplateStatus::name).unwrap_or_default(),
        differences: differences.iter().map(difference).collect(),
        edit_time: refused_until.map(time),
    }
}

fn difference(Difference { field, has, wanted }: &Difference) -> v1::TemplateDifference {
    v1::TemplateDifference {
        field: (*field).to_owned(),
        has: has.clone(),
        wanted: wanted.clone(),
    }
}

fn listed(template: &ListedTemplate) -> v1::Template {
    let ListedTemplate {
        name,
        language,
        configured,
        entry,
        drifts,
    } = template;
    v1::Template {
        name: name.to_string(),
        language: language.to_string(),
        configured: *configured,
        provider: entry.as_ref().map(provider_template),
        faults: drifts.iter().map(fault).collect(),
    }
}

fn provider_template(entry: &CatalogEntry) -> v1::ProviderTemplate {
    let seen = &entry.content;
    let shown = seen.button.as_ref();
    let kind = match shown.map(|it| it.kind) {
        Some(Said::Yes(kind)) => button(kind),
        Some(Said::No) | None => v1::TemplateButton::Unspecified,
    };
    let apps = match shown.map(|it| &it.apps) {
        Some(Said::Yes(apps)) => apps.iter().map(supported_app).collect(),
        Some(Said::No) | None => Vec::new(),
    };
    v1::ProviderTemplate {
        id: entry.id.as_str().to_owned(),
        status: template_status(&entry.status).into(),
        status_word: entry.status.name(),
        category: match entry.category {
            Category::Authentication => v1::TemplateCategory::Authentication,
            Category::Other => v1::TemplateCategory::Other,
        }
        .into(),
        rejected_reason: entry.rejected_reason.clone().unwrap_or_default(),
        quality: quality(entry.quality).into(),
        change_time: entry.changed_at.map(time),
        message_life: match entry.message_life {
            Said::Yes(MessageLife::Limited(life)) => Some(span(life)),
            Said::Yes(MessageLife::Unlimited) => Some(span(UNLIMITED)),
            Said::No => None,
        },
        security_recommendation: match seen.security_recommendation {
            Said::Yes(advises) => Some(advises),
            Said::No => None,
        },
        footer_minutes: match seen.footer_minutes {
            Said::Yes(minutes) => Some(minutes.map_or(0, i32::from)),
            Said::No => None,
        },
        button: kind.into(),
        copy_text: shown.and_then(|it| it.copy_text.clone()).unwrap_or_default(),
        autofill_text: shown.and_then(|it| it.autofill_text.clone()).unwrap_or_default(),
        supported_apps: apps,
        body: seen.body.clone().unwrap_or_default(),
        footer: seen.footer.clone().unwrap_or_default(),
    }
}

fn supported_app(SupportedApp { package, hash }: &SupportedApp) -> v1::SupportedApp {
    v1::SupportedApp {
        package: package.as_str().to_owned(),
        signature_hash: hash.as_str().to_owned(),
    }
}

fn template_status(status: &TemplateStatus) -> v1::TemplateStatus {
    match status {
        TemplateStatus::Approved => v1::TemplateStatus::Approved,
        TemplateStatus::Pending => v1::TemplateStatus::Pending,
        TemplateStatus::Rejected => v1::TemplateStatus::Rejected,
        TemplateStatus::Paused => v1::TemplateStatus::Paused,
        TemplateStatus::Disabled => v1::TemplateStatus::Disabled,
        TemplateStatus::InAppeal => v1::TemplateStatus::InAppeal,
        TemplateStatus::PendingDeletion => v1::TemplateStatus::PendingDeletion,
        TemplateStatus::Deleted => v1::TemplateStatus::Deleted,
        TemplateStatus::LimitExceeded => v1::TemplateStatus::LimitExceeded,
        TemplateStatus::Archived => v1::TemplateStatus::Archived,
        TemplateStatus::Locked => v1::TemplateStatus::Locked,
        TemplateStatus::Other(_) => v1::TemplateStatus::Other,
    }
}

fn quality(quality: Quality) -> v1::TemplateQuality {
    match quality {
        Quality::Unknown => v1::TemplateQuality::Unspecified,
        Quality::Green => v1::TemplateQuality::Green,
        Quality::Yellow => v1::TemplateQuality::Yellow,
        Quality::Red => v1::TemplateQuality::Red,
    }
}

fn fault(drift: &Drift) -> v1::TemplateFault {
    let kind = match drift {
        Drift::Missing => v1::TemplateFaultKind::Missing,
        Drift::NotSendable { .. } => v1::TemplateFaultKind::NotSendable,
        Drift::Category => v1::TemplateFaultKind::Category,
        Drift::MessageLife { .. } => v1::TemplateFaultKind::MessageLife,
        Drift::Footer { .. } => v1::TemplateFaultKind::Footer,
    };
    v1::TemplateFault {
        kind: kind.into(),
        description: drift.to_string(),
    }
}

fn preview(shown: &ShownPreview) -> v1::TemplatePreview {
    let ShownPreview {
        template,
        preview,
        source,
        right_to_left,
    } = shown;
    let source = match source {
        PreviewSource::Provider => v1::PreviewSource::Provider,
        PreviewSource::Own => v1::PreviewSource::Own,
        PreviewSource::OwnInEnglish => v1::PreviewSource::OwnInEnglish,
    };
    v1::TemplatePreview {
        template: template.to_string(),
        language: preview.language.to_string(),
        body: preview.body.clone(),
        footer: preview.footer.clone().unwrap_or_default(),
        copy_text: preview.copy_text.clone(),
        autofill_text: preview.autofill_text.clone().unwrap_or_default(),
        source: source.into(),
        right_to_left: *right_to_left,
    }
}

pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
