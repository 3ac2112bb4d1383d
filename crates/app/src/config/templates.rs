//! The templates of an app: one as `[apps.NAME.template]`, or several as `[apps.NAME.templates.KEY]`. What a template may
//! say is the domain's; what is here is where it is written, what it says by default, and whether it fits the purposes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::id::Purpose;
use countersign_domain::policy::Policy;
use countersign_domain::template::{Drift, Language, Template, TemplateMistake, TemplateSettings, Templates};
use toml::Value;

use crate::config::reader::{Mistakes, Section};

type Purposes = BTreeMap<Purpose, Arc<Policy>>;

/// A template, and the table it was read from.
struct Read {
    path: String,
    template: Template,
}

/// Reads the templates of an app whose codes are for these purposes.
pub(super) fn read_templates(app: &mut Section, purposes: &Purposes, mistakes: &mut Mistakes) -> Templates {
    let (has_one, has_several) = (app.has("template"), app.has("templates"));
    let before = mistakes.0.len();
    let table = app.path("");
    let table = table.trim_end_matches('.');
    let several = app.sections("templates", mistakes);
    if has_several && several.is_empty() && mistakes.0.len() == before {
        let problem = format!("there is none; describe at least one, or write [{table}.template] instead");
        mistakes.add(&app.path("templates"), problem);
    }
    if has_one && has_several {
        let problem = format!("stands beside {}; write each template there", app.path("templates"));
        mistakes.add(&app.path("template"), problem);
    }
    let default_path = app.path("default_language");
    let mut default = app.parsed("default_language", Language::parse, mistakes);
    let country_languages = read_country_languages(app.section("country_languages", mistakes), mistakes);
    let mut templates = Vec::new();
    if has_one || !has_several {
        let mut section = app.section("template", mistakes);
        let own_path = section.path("default_language");
        let own = section.parsed("default_language", Language::parse, mistakes);
        if own.is_some() && default.is_some() {
            mistakes.add(
                &own_path,
                format!("is said by {default_path}, too; take one of them out"),
            );
        }
        let own = default.is_none().then_some(own).flatten();
        let languages_path = section.path("languages");
        templates.extend(read_template(section, purposes, mistakes));
        // Beside the one template there is no other that might have the language.
        if let (Some(own), [only]) = (&own, templates.as_slice())
            && !only.template.languages.contains(own)
        {
            mistakes.add(&languages_path, format!("must contain the default language {own}"));
        }
        default = own.or(default);
    } else {
        for (_, mut section) in several {
            if section.pass_over("default_language") {
                let problem = format!("is the app's: write {default_path}");
                mistakes.add(&section.path("default_language"), problem);
            }
            templates.extend(read_template(section, purposes, mistakes));
        }
    }
    check_names(&templates, mistakes);
    // Of a template with a mistake it is not known which languages it would have.
    if mistakes.0.len() == before {
        check_languages(app, &templates, default.as_ref(), &country_languages, mistakes);
    }
    let templates = templates.into_iter().map(|it| it.template).collect();
    Templates::new(templates, default, country_languages)
}

/// Reads one template. What it does not say fits the shortest of the purposes.
fn read_template(mut section: Section, purposes: &Purposes, mistakes: &mut Mistakes) -> Option<Read> {
    let path = section.path("");
    let path = path.trim_end_matches('.').to_owned();
    let mut fields = Fields::default();
    let text = |text: &str| Ok::<_, String>(text.to_owned());
    let s = &mut section;
    let settings = TemplateSettings {
        name: fields
            .take("name", mistakes, |it| s.required("name", text, it))
            .unwrap_or_default(),
        languages: fields
            .take("languages", mistakes, |it| s.list("languages", text, it))
            .unwrap_or_default(),
        security_recommendation: s.flag("security_recommendation", mistakes).unwrap_or(true),
        footer_minutes: fields.take("footer_minutes", mistakes, |it| read_footer(s, purposes, it)),
        button: fields
            .take("button", mistakes, |it| s.parsed("button", text, it))
            .unwrap_or_else(|| "copy_code".to_owned()),
        supported_apps: fields
            .take("supported_apps", mistakes, |it| read_apps(s, it))
            .unwrap_or_default(),
        package_name: s.parsed("package_name", text, mistakes),
        signature_hash: s.parsed("signature_hash", text, mistakes),
        zero_tap_terms_accepted: fields
            .take("zero_tap_terms_accepted", mistakes, |it| {
                s.flag("zero_tap_terms_accepted", it)
            })
            .unwrap_or_default(),
        message_life_seconds: fields
            .take("message_life_seconds", mistakes, |it| read_life(s, purposes, it))
            .unwrap_or_default(),
        ..TemplateSettings::default()
    };
    let mut texts = section.section("button_texts", mistakes);
    let settings = TemplateSettings {
        copy_texts: read_texts(texts.section("copy", mistakes), mistakes),
        autofill_texts: read_texts(texts.section("autofill", mistakes), mistakes),
        ..settings
    };
    texts.end(mistakes);
    section.end(mistakes);
    let template = match Template::new(settings) {
        Ok(template) => template,
        Err(wrong) => {
            fields.add_unsaid(&path, wrong, mistakes);
            return None;
        }
    };
    if fields.are_wrong() {
        return None;
    }
    check_clocks(&path, &template, purposes, mistakes);
    Some(Read { path, template })
}

/// Fields that could not be read: what the domain makes of their absence is no second mistake.
#[derive(Default)]
struct Fields(Vec<&'static str>);

impl Fields {
    /// Reads a field, and remembers whether that was a mistake.
    fn take<T>(
        &mut self,
        field: &'static str,
        mistakes: &mut Mistakes,
        read: impl FnOnce(&mut Mistakes) -> Option<T>,
    ) -> Option<T> {
        let before = mistakes.0.len();
        let value = read(mistakes);
        if mistakes.0.len() > before {
            self.0.push(field);
        }
        value
    }

    fn are_wrong(&self) -> bool {
        !self.0.is_empty()
    }

    fn add_unsaid(&self, path: &str, wrong: Vec<TemplateMistake>, mistakes: &mut Mistakes) {
        for TemplateMistake { field, problem } in wrong {
            if !self.0.iter().any(|said| field.starts_with(said)) {
                mistakes.add(&format!("{path}.{}", key_of(&field)), problem);
            }
        }
    }
}

/// The key in the file that a field of the settings was read from.
fn key_of(field: &str) -> String {
    let moved = [
        ("copy_texts", "button_texts.copy"),
        ("autofill_texts", "button_texts.autofill"),
        ("message_life_seconds", "message_life"),
    ];
    let found = moved
        .iter()
        .find_map(|(ours, key)| Some(format!("{key}{}", field.strip_prefix(ours)?)));
    found.unwrap_or_else(|| field.to_owned())
}

/// The minutes of the footer: those written down, none with `footer = false`, else as many as the shortest purpose has.
fn read_footer(section: &mut Section, purposes: &Purposes, mistakes: &mut Mistakes) -> Option<i64> {
    let has_footer = section.flag("footer", mistakes).unwrap_or(true);
    let path = section.path("footer_minutes");
    let is_said = section.has("footer_minutes");
    let minutes = section.number::<i64>("footer_minutes", mistakes);
    if !has_footer {
        if is_said {
            mistakes.add(
                &path,
                "has no place to stand: there is no footer with footer = false; take one of them out",
            );
        }
        return None;
    }
    let fitting = || purposes.values().map(|it| it.footer_minutes()).min();
    minutes.or_else(|| Some(fitting().map_or(10, i64::from)))
}

/// How long the provider tries to deliver, in seconds: what is written down, else what fits the shortest purpose.
fn read_life(section: &mut Section, purposes: &Purposes, mistakes: &mut Mistakes) -> Option<i64> {
    let path = section.path("message_life");
    let life = section.duration("message_life", mistakes);
    let fitting = || purposes.values().map(|it| it.message_life()).min();
    let life = life.or_else(fitting).unwrap_or(Duration::from_secs(600));
    if life.subsec_nanos() > 0 {
        mistakes.add(&path, "must be whole seconds, for example \"300s\"");
    }
    i64::try_from(life.as_secs()).ok()
}

/// The apps of a one-tap or zero-tap button, each `{ package = "…", hash = "…" }`.
fn read_apps(section: &mut Section, mistakes: &mut Mistakes) -> Option<Vec<(String, String)>> {
    let text = |text: &str| Ok::<_, String>(text.to_owned());
    let mut apps = Vec::new();
    for mut app in section.tables("supported_apps", "{ package = \"…\", hash = \"…\" }", mistakes)? {
        let package = app.required("package", text, mistakes);
        let hash = app.required("hash", text, mistakes);
        app.end(mistakes);
        apps.extend(package.zip(hash));
    }
    Some(apps)
}

/// The labels of a button by language.
fn read_texts(mut section: Section, mistakes: &mut Mistakes) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (language, value) in section.take_all() {
        match value {
            Value::String(text) => {
                texts.insert(language, text);
            }
            _ => mistakes.add(&section.path(&language), "must be a text in quotes"),
        }
    }
    texts
}

/// Which language people of a country are written to in, by `{ CH = "fr" }`.
fn read_country_languages(mut section: Section, mistakes: &mut Mistakes) -> BTreeMap<CountryCode, Language> {
    let mut languages = BTreeMap::new();
    for (name, value) in section.take_all() {
        let path = section.path(&name);
        let Some(country) = CountryCode::parse(&name) else {
            mistakes.add(&path, "is no country: two letters of ISO 3166, for example CH");
            continue;
        };
        match value.as_str().map(Language::parse) {
            Some(Ok(language)) => {
                languages.insert(country, language);
            }
            Some(Err(error)) => mistakes.add(&path, error.to_string()),
            None => mistakes.add(&path, "must be a language in quotes, for example \"fr\""),
        }
    }
    languages
}

/// A template that outlives the codes it carries, or promises more than they have, is wrong for their purpose.
fn check_clocks(path: &str, template: &Template, purposes: &Purposes, mistakes: &mut Mistakes) {
    let Some((purpose, policy)) = purposes.iter().min_by_key(|(_, policy)| policy.code_life) else {
        return;
    };
    let code_life = policy.code_life.as_secs();
    for drift in template.drifts(policy.code_life) {
        let (field, problem) = match drift {
            Drift::Footer { minutes, .. } => (
                "footer_minutes",
                format!("promises {minutes} min, and a code for {purpose} lives {code_life} s; promise less"),
            ),
            Drift::MessageLife { life, .. } => (
                "message_life",
                format!(
                    "is {life}, and a code for {purpose} lives {code_life} s: it could arrive dead; make it at most as \
                     long"
                ),
            ),
            Drift::Missing | Drift::NotSendable { .. } | Drift::Category => continue,
        };
        mistakes.add(&format!("{path}.{field}"), problem);
    }
}

/// A name is one template of the account.
fn check_names(templates: &[Read], mistakes: &mut Mistakes) {
    for (index, it) in templates.iter().enumerate() {
        if let Some(first) = templates[..index]
            .iter()
            .find(|other| other.template.name == it.template.name)
        {
            let problem = format!("is that of {}, too; give each template its own name", first.path);
            mistakes.add(&format!("{}.name", it.path), problem);
        }
    }
}

/// A language that no template has would never be chosen.
fn check_languages(
    app: &Section,
    templates: &[Read],
    default: Option<&Language>,
    countries: &BTreeMap<CountryCode, Language>,
    mistakes: &mut Mistakes,
) {
    let base = |it: &Language| it.as_str().split('_').next().map(str::to_owned);
    let mut all: Vec<_> = templates.iter().flat_map(|it| &it.template.languages).collect();
    all.sort_unstable();
    all.dedup();
    let there_are = all.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(default) = default.filter(|it| !all.contains(it)) {
        let problem = format!("is {default}, which no template of the app has; there are {there_are}");
        mistakes.add(&app.path("default_language"), problem);
    }
    for (country, language) in countries {
        // Another region of the language would do.
        if !all.iter().any(|it| base(it) == base(language)) {
            let problem = format!("is {language}, which no template of the app has; there are {there_are}");
            mistakes.add(&format!("{}.{country}", app.path("country_languages")), problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_keep_the_order_of_the_file_and_the_first_says_the_default_language() {
        let file = "[templates.main]\nname = \"main\"\nlanguages = [\"pt_BR\", \"en_US\"]\n\
                    [templates.fallback]\nname = \"fallback\"\nlanguages = [\"en_US\"]\n";
        let mut mistakes = Mistakes::default();
        let mut app = Section::root(file.parse().expect("TOML"));
        let templates = read_templates(&mut app, &Purposes::new(), &mut mistakes);
        assert_eq!(mistakes.0, Vec::<String>::new());
        let names: Vec<_> = templates.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["main", "fallback"]);
        assert_eq!(templates.default_language().map(Language::as_str), Some("pt_BR"));
    }
}
