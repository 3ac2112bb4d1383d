//! Templates over the Graph (Meta: template management): one call is one order, and a look is as many as it has pages.
//!
//! Kept out: what is to be done, and when to try again. Nothing is repeated here but the reading of a list whose pages
//! moved, and a question with a field that the Graph does not know.

mod button;
mod call;
mod entry;
#[cfg(test)]
mod odd;
mod order;
mod refusal;

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, Preview, PreviewOrder, TemplateCatalog, TemplateOrder, TemplateReceipt};
use countersign_domain::sender::AccountId;
use countersign_domain::template::{CatalogEntry, Language, TemplateId, TemplateName};
use serde_json::Value;

pub(crate) use call::Fields;

use crate::client::{CloudApi, chain};
use crate::config::Desk;
use order::{CATEGORY, Create, Edit, Upsert};
use refusal::{About, Failure, NotUnderstood};

#[async_trait]
impl TemplateCatalog for CloudApi {
    /// Reads every page. A template that is on two pages, because the list moved, is one; one without an id, a name or
    /// a language that can be read is left out.
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError> {
        let nodes = self.templates(self.desk(account)?).await;
        let nodes = told(account, "list", About::Account, nodes)?;
        let entries = readable(account, &nodes, entry::entry);
        let mut places = BTreeMap::new();
        let mut once: Vec<CatalogEntry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let place = *places.entry(entry.id.clone()).or_insert(once.len());
            if let Some(earlier) = once.get_mut(place) {
                // What was told later is newer.
                *earlier = entry;
            } else {
                once.push(entry);
            }
        }
        Ok(once)
    }

    async fn get(&self, account: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError> {
        let node = self.template(self.desk(account)?, id.as_str()).await;
        let entry = node.and_then(|node| entry::entry(&node).ok_or_else(not_understood));
        told(account, "get", About::Template, entry)
    }

    async fn create(&self, account: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError> {
        let desk = self.desk(account)?;
        let language = only_language(order)?;
        let body = Create::new(&order.template, language);
        let made = self.order(desk, desk.edge("message_templates"), &body).await;
        let receipt = made.and_then(|node| entry::receipt(&node, Some(language)).ok_or_else(not_understood));
        told(account, "create", About::Account, receipt)
    }

    async fn upsert(&self, account: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError> {
        let desk = self.desk(account)?;
        let made = self
            .order(desk, desk.edge("upsert_message_templates"), &Upsert::new(order))
            .await;
        let receipts = made.and_then(|answer| {
            let nodes = answer.get("data").and_then(Value::as_array);
            let receipts = nodes.map(|nodes| readable(account, nodes, |it| entry::receipt(it, None)));
            receipts.filter(|it| !it.is_empty()).ok_or_else(not_understood)
        });
        told(account, "upsert", About::Account, receipts)
    }

    async fn edit(&self, account: &AccountId, id: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError> {
        let desk = self.desk(account)?;
        let body = Edit::new(&order.template, only_language(order)?);
        let answer = self.order(desk, desk.node(id.as_str()), &body).await;
        told(account, "edit", About::Template, answer.and_then(|it| done(&it)))
    }

    async fn delete(
        &self,
        account: &AccountId,
        name: &TemplateName,
        id: Option<TemplateId>,
    ) -> Result<(), CatalogError> {
        let desk = self.desk(account)?;
        let mut url = desk.edge("message_templates");
        url.query_pairs_mut().append_pair("name", name.as_str());
        if let Some(id) = &id {
            url.query_pairs_mut().append_pair("hsm_id", id.as_str());
        }
        let answer = self.remove(desk, url).await;
        told(account, "delete", About::Template, answer.and_then(|it| done(&it)))
    }

    /// Not offered also when Meta refuses the question with 100, which is its answer to an edge that is gone: which of
    /// both it is cannot be told apart, and nothing hangs on a preview.
    async fn preview(&self, account: &AccountId, order: &PreviewOrder) -> Result<Vec<Preview>, CatalogError> {
        let desk = self.desk(account)?;
        let mut url = desk.edge("message_template_previews");
        let PreviewOrder {
            languages,
            security_recommendation,
            footer_minutes,
        } = order;
        url.query_pairs_mut()
            .append_pair("category", CATEGORY)
            .append_pair("button_types", "OTP");
        if !languages.is_empty() {
            let languages: Vec<_> = languages.iter().map(Language::as_str).collect();
            url.query_pairs_mut().append_pair("languages", &languages.join(","));
        }
        if *security_recommendation {
            url.query_pairs_mut().append_pair("add_security_recommendation", "true");
        }
        if let Some(minutes) = footer_minutes {
            url.query_pairs_mut()
                .append_pair("code_expiration_minutes", &minutes.to_string());
        }
        let nodes = told(account, "preview", About::Previews, self.pages(desk, &url).await)?;
        Ok(readable(account, &nodes, entry::preview))
    }
}

impl CloudApi {
    /// Where the account's templates are managed, if they are managed from here.
    fn desk(&self, account: &AccountId) -> Result<&Desk, CatalogError> {
        self.desks.get(account).ok_or(CatalogError::NotHeld)
    }
}

/// The one language of an order. Nothing is asked of Meta when there is another number of them.
fn only_language(order: &TemplateOrder) -> Result<&Language, CatalogError> {
    match &order.languages[..] {
        [language] => Ok(language),
        _ => Err(CatalogError::Refused(ProviderReport::new(
            0,
            "not asked: such an order is about exactly one language",
            "",
        ))),
    }
}

/// Meta says `{"success": true}`. Another yes is none: whoever asked has to look.
fn done(answer: &Value) -> Result<(), Failure> {
    let is_done = answer.get("success") == Some(&Value::Bool(true));
    is_done.then_some(()).ok_or_else(not_understood)
}

fn not_understood() -> Failure {
    Failure::Lost(NotUnderstood.into())
}

/// What can be read; the rest is counted in the log.
fn readable<T>(account: &AccountId, nodes: &[Value], read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let readable: Vec<_> = nodes.iter().filter_map(read).collect();
    let odd = nodes.len() - readable.len();
    if odd > 0 {
        tracing::debug!(%account, odd, "parts of an answer about templates cannot be read");
    }
    readable
}

/// What came of a call, for whoever asked and for the log.
fn told<T>(
    account: &AccountId,
    call: &'static str,
    about: About,
    came_of_it: Result<T, Failure>,
) -> Result<T, CatalogError> {
    let error = match came_of_it {
        Ok(value) => {
            tracing::debug!(%account, call, "templates: done");
            return Ok(value);
        }
        Err(failure) => failure.into_error(about),
    };
    match &error {
        CatalogError::Denied(ProviderReport { code, title, .. }) => {
            tracing::warn!(%account, call, code, title, "templates: refused, an operator has to act");
        }
        CatalogError::Refused(ProviderReport { code, title, details }) => {
            tracing::info!(%account, call, code, title, details, "templates: refused");
        }
        CatalogError::Throttled { retry_after, .. } => {
            tracing::info!(%account, call, ?retry_after, "templates: asked to slow down");
        }
        CatalogError::Unavailable(cause) => {
            let cause = chain(cause.as_ref());
            tracing::info!(%account, call, cause, "templates: no answer");
        }
        CatalogError::Gone | CatalogError::NotOffered | CatalogError::NotHeld => {
            tracing::debug!(%account, call, %error, "templates: not there");
        }
    }
    Err(error)
}
