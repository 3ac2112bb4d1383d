//! Deleting a template in the accounts that have it.

use std::collections::BTreeSet;

use crate::ports::{CatalogError, TemplateCatalog};
use crate::sender::AccountId;
use crate::template::plan::is_going;
use crate::template::{CatalogEntry, Category, Language, Template, TemplateId, TemplateName};
use crate::use_case::templates::manage::{DeleteTemplate, TRIES_MAX, TemplatesError, look};
use crate::use_case::templates::previews::{invalid, listed};

/// Deletes what was asked for in each account that has it, and answers with how many languages went.
///
/// Only what is for codes can be deleted: the account's other templates are nobody's business here. One that the app
/// describes can be, whatever the provider says it is for.
pub(super) async fn delete(
    catalog: &dyn TemplateCatalog,
    accounts: Vec<(&AccountId, Vec<CatalogEntry>)>,
    described: &[Template],
    request: &DeleteTemplate,
) -> Result<usize, TemplatesError> {
    let is_ours = |entry: &CatalogEntry| {
        !is_going(&entry.status)
            && (entry.category == Category::Authentication || described.iter().any(|it| it.name == entry.name))
    };
    let ours: Vec<_> = accounts
        .into_iter()
        .map(|(account, mut entries)| {
            entries.retain(is_ours);
            (account, entries)
        })
        .collect();
    if !ours.iter().any(|(_, entries)| !matching(entries, request).is_empty()) {
        return Err(unknown(ours.iter().flat_map(|(_, entries)| entries), request));
    }
    let mut gone = 0;
    for (account, entries) in &ours {
        let matching = matching(entries, request);
        let Some(first) = matching.first() else { continue };
        let id = request.language.as_ref().map(|_| first.id.clone());
        delete_in(catalog, account, request, id)
            .await
            .map_err(|source| TemplatesError::of(account, source))?;
        gone += matching.len();
    }
    Ok(gone)
}

fn matching<'a>(entries: &'a [CatalogEntry], request: &DeleteTemplate) -> Vec<&'a CatalogEntry> {
    let language = |it: &Language| request.language.as_ref().is_none_or(|wanted| wanted == it);
    let matches = |it: &&CatalogEntry| it.name == request.name && language(&it.language);
    entries.iter().filter(matches).collect()
}

/// Deletes, and looks before it repeats an order that was not answered.
async fn delete_in(
    catalog: &dyn TemplateCatalog,
    account: &AccountId,
    request: &DeleteTemplate,
    id: Option<TemplateId>,
) -> Result<(), CatalogError> {
    let mut tries = 1;
    loop {
        match catalog.delete(account, &request.name, id.clone()).await {
            // Somebody else was first.
            Err(CatalogError::Gone) => return Ok(()),
            Err(CatalogError::Unavailable(_)) if tries < TRIES_MAX => tries += 1,
            answer => return answer,
        }
        let entries = look(catalog, account).await?;
        if matching(&entries, request).iter().all(|it| is_going(&it.status)) {
            return Ok(());
        }
    }
}

fn unknown<'a>(entries: impl Iterator<Item = &'a CatalogEntry> + Clone, request: &DeleteTemplate) -> TemplatesError {
    let languages: BTreeSet<_> = entries
        .clone()
        .filter(|it| it.name == request.name)
        .map(|it| it.language.as_str())
        .collect();
    if languages.is_empty() {
        let names: BTreeSet<_> = entries.map(|it| it.name.as_str()).collect();
        let problem = format!("is no template of the app's accounts, which have {}", listed(names));
        return invalid("name", problem);
    }
    let name: &TemplateName = &request.name;
    invalid(
        "language",
        format!("must be one in which {name} exists: {}", listed(languages)),
    )
}
