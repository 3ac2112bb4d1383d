//! `list` and `check`: what the accounts have, and what is wrong with it.

use std::process::ExitCode;

use countersign_grpc::v1::{
    AccountTemplates, ListTemplatesRequest, ProviderTemplate, SupportedApp, Template, TemplateButton, TemplateCategory,
    TemplateFault, TemplateQuality,
};
use serde_json::{Value, json};

use crate::cli::TemplatesArgs;
use crate::client::failure::Failure;
use crate::client::words::{bare, day, instant, none_if_empty, say, words};
use crate::environment::Environment;
use crate::table::Table;
use crate::templates::{desk, settled_or_not};

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

/// Prints what each account has.
pub(super) async fn run(args: &TemplatesArgs, environment: &Environment) -> Result<ExitCode, Failure> {
    let (app, accounts) = listed(args, environment).await?;
    if args.client.json {
        let accounts: Vec<_> = accounts.iter().map(to_json).collect();
        say!("{:#}", json!({ "app": app, "accounts": accounts }));
        return Ok(ExitCode::SUCCESS);
    }
    if accounts.is_empty() {
        say!("{app} has no sender, and so no account");
    }
    for (index, account) in accounts.iter().enumerate() {
        if index > 0 {
            say!();
        }
        say!("account {}\n", account.account);
        table(&account.templates).say("  ", 2);
    }
    if accounts.iter().flat_map(|it| &it.templates).any(|it| !it.configured) {
        say!("\n  ? the app does not describe it; nothing is done about it");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints everything that is wrong, one line each. Ends with 3 when there is something.
pub(super) async fn check(args: &TemplatesArgs, environment: &Environment) -> Result<ExitCode, Failure> {
    let (app, accounts) = listed(args, environment).await?;
    let all = || {
        let templates = accounts
            .iter()
            .flat_map(|account| account.templates.iter().map(move |it| (account, it)));
        templates.flat_map(|(account, template)| template.faults.iter().map(move |it| (account, template, it)))
    };
    let is_right = all().next().is_none();
    if args.client.json {
        let fault = |(account, template, fault): (&AccountTemplates, &Template, &TemplateFault)| {
            json!({
                "account": account.account,
                "template": template.name,
                "language": template.language,
                "kind": kind(fault),
                "description": fault.description,
            })
        };
        say!(
            "{:#}",
            json!({ "app": app, "faults": all().map(fault).collect::<Vec<_>>() })
        );
        return Ok(settled_or_not(is_right));
    }
    for (account, template, fault) in all() {
        say!(
            "{} {} {}: {}",
            account.account,
            template.name,
            template.language,
            fault.description
        );
    }
    if is_right {
        let described = accounts.iter().flat_map(|it| &it.templates).filter(|it| it.configured);
        say!(
            "nothing is wrong with the templates of {app}: {} looked at",
            described.count()
        );
    }
    Ok(settled_or_not(is_right))
}

/// The app, and what its accounts have.
pub(super) async fn listed(
    args: &TemplatesArgs,
    environment: &Environment,
) -> Result<(String, Vec<AccountTemplates>), Failure> {
    let mut desk = desk::open(args, environment).await?;
    let request = ListTemplatesRequest { app: desk.app.clone() };
    let accounts = desk.client.list_templates(request).await?.into_inner().accounts;
    Ok((desk.app, accounts))
}

fn table(templates: &[Template]) -> Table {
    let mut table = Table::default();
    let heads = [
        "", "TEMPLATE", "LANGUAGE", "STATUS", "QUALITY", "BUTTON", "FOOTER", "LIFE", "CHANGED",
    ];
    table.row(heads.map(str::to_owned));
    for template in templates {
        let cells = template.provider.as_ref().map_or_else(missing, cells);
        let [status, quality, button, footer, life, changed] = cells;
        let sign = match template {
            it if !it.configured => "?",
            it if it.faults.is_empty() => "",
            _ => "!",
        };
        table.row([
            sign.to_owned(),
            template.name.clone(),
            template.language.clone(),
            status,
            quality,
            button,
            footer,
            life,
            changed,
        ]);
        for fault in &template.faults {
            table.note(fault.description.clone());
        }
        let reason = template.provider.as_ref().map(|it| it.rejected_reason.as_str());
        // Of what the app describes, the fault says it.
        if let Some(reason) = reason.filter(|it| !it.is_empty() && template.faults.is_empty()) {
            table.note(format!("rejected: {reason}"));
        }
    }
    table
}

fn missing() -> [String; 6] {
    ["missing", NOTHING, NOTHING, NOTHING, NOTHING, NOTHING].map(str::to_owned)
}

fn cells(it: &ProviderTemplate) -> [String; 6] {
    let quality = match it.quality() {
        TemplateQuality::Unspecified => NOTHING.to_owned(),
        quality => words(quality.as_str_name(), "TEMPLATE_QUALITY_"),
    };
    let button = match it.button() {
        TemplateButton::Unspecified => NOTHING.to_owned(),
        button => words(button.as_str_name(), "TEMPLATE_BUTTON_"),
    };
    let footer = match it.footer_minutes {
        Some(0) => "none".to_owned(),
        Some(minutes) => format!("{minutes} min"),
        None => NOTHING.to_owned(),
    };
    let life = it
        .message_life
        .as_ref()
        .map_or_else(|| NOTHING.to_owned(), |it| life(it.seconds));
    let status = if it.category() == TemplateCategory::Other {
        format!("{}, no authentication", it.status_word)
    } else {
        it.status_word.clone()
    };
    let changed = it.change_time.as_ref().map_or_else(|| NOTHING.to_owned(), day);
    [status.replace('_', " "), quality, button, footer, life, changed]
}

/// Seconds as the configuration and Meta write them, but for Meta's -1.
fn life(seconds: i64) -> String {
    const MONTH: i64 = 30 * 24 * 60 * 60;
    if seconds >= MONTH {
        "30 days".to_owned()
    } else {
        format!("{seconds} s")
    }
}

fn kind(fault: &TemplateFault) -> String {
    bare(fault.kind().as_str_name(), "TEMPLATE_FAULT_KIND_")
}

fn to_json(AccountTemplates { account, templates }: &AccountTemplates) -> Value {
    let fault = |it: &TemplateFault| json!({ "kind": kind(it), "description": it.description });
    let template = |it: &Template| {
        json!({
            "template": it.name,
            "language": it.language,
            "configured": it.configured,
            "provider": it.provider.as_ref().map(provider_json),
            "faults": it.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    };
    json!({ "account": account, "templates": templates.iter().map(template).collect::<Vec<_>>() })
}

fn provider_json(it: &ProviderTemplate) -> Value {
    let app = |it: &SupportedApp| json!({ "package": it.package, "signature_hash": it.signature_hash });
    let button = it.button();
    let quality = it.quality();
    json!({
        "id": it.id,
        "status": it.status_word,
        "category": bare(it.category().as_str_name(), "TEMPLATE_CATEGORY_"),
        "rejected_reason": none_if_empty(&it.rejected_reason),
        "quality": (quality != TemplateQuality::Unspecified).then(|| bare(quality.as_str_name(), "TEMPLATE_QUALITY_")),
        "change_time": it.change_time.as_ref().map(instant),
        "message_life_seconds": it.message_life.as_ref().map(|it| it.seconds),
        "security_recommendation": it.security_recommendation,
        "footer_minutes": it.footer_minutes,
        "button": (button != TemplateButton::Unspecified).then(|| bare(button.as_str_name(), "TEMPLATE_BUTTON_")),
        "copy_text": none_if_empty(&it.copy_text),
        "autofill_text": none_if_empty(&it.autofill_text),
        "supported_apps": it.supported_apps.iter().map(app).collect::<Vec<_>>(),
        "body": none_if_empty(&it.body),
        "footer": none_if_empty(&it.footer),
    })
}
