//! Previews: as the provider renders them, and in this version's own words where it does not tell.

use crate::ports::{Preview, PreviewOrder, TemplateCatalog};
use crate::sender::AccountId;
use crate::template::{ButtonKind, Language, Template, texts};
use crate::use_case::templates::manage::{PreviewSource, PreviewTemplates, ShownPreview, TemplatesError};

/// The templates and languages that were asked for, in the order of the configuration.
///
/// What a message says follows from the advice and the footer alone, so that templates that agree in both are asked for
/// once. A provider that once did not tell is not asked again.
pub(super) async fn shown(
    catalog: &dyn TemplateCatalog,
    accounts: &[&AccountId],
    templates: &[Template],
    request: &PreviewTemplates,
) -> Result<Vec<ShownPreview>, TemplatesError> {
    let chosen = chosen(templates, request)?;
    let mut provider = Provider {
        catalog,
        accounts,
        told: Vec::new(),
        tells: true,
    };
    let mut shown = Vec::new();
    for (template, _) in &chosen {
        provider.ask(template, &chosen).await;
    }
    for (template, languages) in &chosen {
        for language in languages {
            shown.push(one(template, language, provider.said(template, language)));
        }
    }
    Ok(shown)
}

type Chosen<'a> = Vec<(&'a Template, Vec<Language>)>;

fn chosen<'a>(templates: &'a [Template], request: &PreviewTemplates) -> Result<Chosen<'a>, TemplatesError> {
    let wanted = |it: &&Template| request.template.as_ref().is_none_or(|name| it.name == *name);
    let of_name: Vec<_> = templates.iter().filter(wanted).collect();
    if of_name.is_empty() && request.template.is_some() {
        let names = templates.iter().map(|it| it.name.as_str());
        return Err(invalid(
            "template",
            format!("is none of the app's, which are {}", listed(names)),
        ));
    }
    for language in &request.languages {
        if !of_name.iter().any(|it| it.languages.contains(language)) {
            let mut known: Vec<_> = of_name
                .iter()
                .flat_map(|it| &it.languages)
                .map(Language::as_str)
                .collect();
            known.sort_unstable();
            known.dedup();
            let whose = if request.template.is_some() {
                "the template"
            } else {
                "the app's templates"
            };
            let problem = format!(
                "must be those of {whose}, which are {}; {language} is not",
                listed(known)
            );
            return Err(invalid("languages", problem));
        }
    }
    let of_template = |template: &'a Template| {
        let wanted = |it: &&Language| request.languages.is_empty() || request.languages.contains(it);
        (template, template.languages.iter().filter(wanted).cloned().collect())
    };
    Ok(of_name.into_iter().map(of_template).collect())
}

/// What the provider renders, as far as it tells.
struct Provider<'a> {
    catalog: &'a dyn TemplateCatalog,
    accounts: &'a [&'a AccountId],
    told: Vec<(Kind, Vec<Preview>)>,
    tells: bool,
}

/// The advice and the footer.
type Kind = (bool, Option<u8>);

const fn kind(template: &Template) -> Kind {
    (template.security_recommendation, template.footer_minutes)
}

impl Provider<'_> {
    /// Asks for every chosen language of the templates that say the same, unless that was asked before. The texts are
    /// no account's own, so that any account's answer will do.
    async fn ask(&mut self, template: &Template, chosen: &Chosen<'_>) {
        let kind = kind(template);
        if !self.tells || self.told.iter().any(|(it, _)| *it == kind) {
            return;
        }
        let mut languages = Vec::<Language>::new();
        for language in chosen
            .iter()
            .filter(|(it, _)| self::kind(it) == kind)
            .flat_map(|(_, it)| it)
        {
            if !languages.contains(language) {
                languages.push(language.clone());
            }
        }
        if languages.is_empty() {
            return;
        }
        let (security_recommendation, footer_minutes) = kind;
        let order = PreviewOrder {
            languages,
            security_recommendation,
            footer_minutes,
        };
        for account in self.accounts {
            if let Ok(previews) = self.catalog.preview(account, &order).await {
                self.told.push((kind, previews));
                return;
            }
        }
        self.tells = false;
    }

    fn said(&self, template: &Template, language: &Language) -> Option<&Preview> {
        let (_, previews) = self.told.iter().find(|(it, _)| *it == kind(template))?;
        previews.iter().find(|it| it.language == *language)
    }
}

fn one(template: &Template, language: &Language, said: Option<&Preview>) -> ShownPreview {
    let (own, is_in_language) = texts::preview(template, language);
    let (mut preview, source) = match said {
        Some(said) => (said.clone(), PreviewSource::Provider),
        None if is_in_language => (own.clone(), PreviewSource::Own),
        None => (own.clone(), PreviewSource::OwnInEnglish),
    };
    if template.button.kind() == ButtonKind::CopyCode {
        preview.autofill_text = None;
    } else {
        preview.autofill_text = preview.autofill_text.or(own.autofill_text);
    }
    if let Some(texts) = template.button_texts.get(language) {
        if let Some(copy) = &texts.copy {
            copy.as_str().clone_into(&mut preview.copy_text);
        }
        if let Some(autofill) = &texts.autofill {
            preview.autofill_text = Some(autofill.as_str().to_owned());
        }
    }
    ShownPreview {
        template: template.name.clone(),
        preview,
        source,
        right_to_left: texts::is_right_to_left(language),
    }
}

pub(super) fn invalid(field: &'static str, problem: String) -> TemplatesError {
    TemplatesError::Invalid { field, problem }
}

/// The words with commas between them, or that there are none.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}
