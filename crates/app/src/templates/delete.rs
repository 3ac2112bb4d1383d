//! `delete`: what would be deleted, or what was.

use std::collections::BTreeMap;
use std::process::ExitCode;

use countersign_domain::template::Language;
use countersign_grpc::v1::{DeleteTemplateRequest, ListTemplatesRequest};
use serde_json::json;
use textwrap::Options;

use crate::cli::DeleteArgs;
use crate::client::failure::Failure;
use crate::client::words::say;
use crate::environment::Environment;
use crate::templates::desk::{self, Desk};
use crate::templates::{WIDTH, settled_or_not};

/// What Meta does when a template is deleted (Meta: template management).
const CONSEQUENCES: &str = "Meta locks the name of an approved template for 30 days: it cannot be made again so long. \
                            Messages that are on their way are still delivered; new ones are refused.";

/// Deletes with `--yes`; without it, says what would be deleted and ends with 3.
pub(super) async fn run(args: &DeleteArgs, environment: &Environment) -> Result<ExitCode, Failure> {
    let mut desk = desk::open(&args.templates, environment).await?;
    if args.yes {
        delete(args, &mut desk).await
    } else {
        propose(args, &mut desk, &environment.command()).await
    }
}

async fn delete(args: &DeleteArgs, desk: &mut Desk) -> Result<ExitCode, Failure> {
    let request = DeleteTemplateRequest {
        app: desk.app.clone(),
        name: args.name.clone(),
        language: args.language.clone(),
    };
    let deleted = desk.client.delete_template(request).await?.into_inner().deleted_count;
    if args.templates.client.json {
        say!(
            "{:#}",
            json!({ "app": desk.app, "template": args.name, "deleted_count": deleted })
        );
    } else {
        let languages = if deleted == 1 { "language" } else { "languages" };
        say!("Deleted {} in {deleted} {languages}.", args.name);
        say!("{}", textwrap::fill(CONSEQUENCES, WIDTH));
    }
    Ok(ExitCode::SUCCESS)
}

async fn propose(args: &DeleteArgs, desk: &mut Desk, command: &str) -> Result<ExitCode, Failure> {
    let request = ListTemplatesRequest { app: desk.app.clone() };
    let accounts = desk.client.list_templates(request).await?.into_inner().accounts;
    // As the service reads it: pt-br is pt_BR.
    let language = Language::parse(&args.language)
        .map(|it| it.to_string())
        .unwrap_or(args.language.clone());
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for account in &accounts {
        let there = account
            .templates
            .iter()
            .filter(|it| it.name == args.name && it.provider.is_some());
        let there = there.filter(|it| language.is_empty() || it.language == language);
        for template in there {
            found
                .entry(account.account.as_str())
                .or_default()
                .push(template.language.as_str());
        }
    }
    if args.templates.client.json {
        let found: Vec<_> = found
            .iter()
            .map(|(account, languages)| json!({ "account": account, "languages": languages }))
            .collect();
        say!(
            "{:#}",
            json!({ "app": desk.app, "template": args.name, "would_delete": found })
        );
    } else if found.is_empty() {
        let in_language = if language.is_empty() {
            String::new()
        } else {
            format!(" in {language}")
        };
        say!(
            "No account of {} has {}{in_language}: nothing would be deleted.",
            desk.app,
            args.name
        );
    } else {
        say!("This would delete {} from", args.name);
        for (account, languages) in &found {
            let margin = format!("  account {account}: ");
            let languages = languages.join(", ");
            let options = Options::new(WIDTH).initial_indent(&margin).subsequent_indent("    ");
            say!("{}", textwrap::fill(&languages, options));
        }
        let in_language = if args.language.is_empty() {
            String::new()
        } else {
            format!(" --language {}", args.language)
        };
        say!("\n{}\n", textwrap::fill(CONSEQUENCES, WIDTH));
        say!(
            "Then: {command} templates delete {}{in_language}{} --yes",
            args.name,
            desk.again
        );
    }
    Ok(settled_or_not(false))
}
