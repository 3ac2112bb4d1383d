//! What an app describes beside what an account has.

use crate::template::plan::{entry_of, extras};
use crate::template::{CatalogEntry, Drift, Template};
use crate::use_case::templates::manage::ListedTemplate;

/// Everything the app describes, with what the account has of it, and then whatever else the account has for codes.
pub(super) fn joined(
    wanted: &[Template],
    has: &[CatalogEntry],
    drifts: impl Fn(Option<&CatalogEntry>) -> Vec<Drift>,
) -> Vec<ListedTemplate> {
    let described = wanted
        .iter()
        .flat_map(|template| template.languages.iter().map(move |language| (template, language)));
    let described = described.map(|(template, language)| {
        let entry = entry_of(has, &template.name, language);
        ListedTemplate {
            name: template.name.clone(),
            language: language.clone(),
            configured: true,
            entry: entry.cloned(),
            drifts: drifts(entry),
        }
    });
    let others = extras(wanted, has).map(|entry| ListedTemplate {
        name: entry.name.clone(),
        language: entry.language.clone(),
        configured: false,
        entry: Some(entry.clone()),
        drifts: Vec::new(),
    });
    described.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::sender::Quality;
    use crate::template::{Button, Category, Language, Said, SeenContent, TemplateId, TemplateName, TemplateStatus};

    fn template() -> Template {
        Template {
            name: TemplateName::parse("otp").unwrap(),
            languages: ["en", "fr"].map(|it| Language::parse(it).unwrap()).to_vec(),
            security_recommendation: true,
            footer_minutes: None,
            button: Button::CopyCode,
            button_texts: BTreeMap::new(),
            message_life: Duration::from_secs(300),
        }
    }

    fn entry(name: &str, language: &str, category: Category) -> CatalogEntry {
        CatalogEntry {
            id: TemplateId::new(&format!("{name}-{language}")).unwrap(),
            name: TemplateName::parse(name).unwrap(),
            language: Language::parse(language).unwrap(),
            category,
            status: TemplateStatus::Approved,
            rejected_reason: None,
            content: SeenContent::default(),
            message_life: Said::No,
            quality: Quality::Unknown,
            changed_at: None,
        }
    }

    #[test]
    fn what_is_described_comes_first_with_its_faults_and_the_rest_has_none() {
        let has = [
            entry("sale", "en", Category::Other),
            entry("old", "en", Category::Authentication),
            entry("otp", "de", Category::Authentication),
            entry("otp", "fr", Category::Other),
        ];
        let judged = |entry: Option<&CatalogEntry>| entry.map_or(vec![Drift::Missing], |_| vec![Drift::Category]);
        let listed: Vec<_> = joined(&[template()], &has, judged)
            .into_iter()
            .map(|it| {
                let id = it.entry.map(|it| it.id.as_str().to_owned());
                (format!("{} {}", it.name, it.language), it.configured, id, it.drifts)
            })
            .collect();
        let some = |id: &str| Some(id.to_owned());
        assert_eq!(
            listed,
            [
                ("otp en".to_owned(), true, None, vec![Drift::Missing]),
                ("otp fr".to_owned(), true, some("otp-fr"), vec![Drift::Category]),
                ("old en".to_owned(), false, some("old-en"), Vec::new()),
                ("otp de".to_owned(), false, some("otp-de"), Vec::new()),
            ]
        );
    }
}
