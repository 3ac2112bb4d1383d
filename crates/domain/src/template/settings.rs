//! A template as somebody wrote it down, and every rule Meta has for it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::policy::MESSAGE_LIFE_RANGE;
use crate::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use crate::template::meta_languages::problem_of;
use crate::template::{Button, ButtonKind, ButtonText, ButtonTexts, Language, Template, TemplateName};

/// What a list of supported apps looks like, for messages.
const APPS_EXAMPLE: &str = "supported_apps = [{ package = \"com.example.app\", hash = \"K8a/AINcGX7\" }]";

/// A template as somebody wrote it down, not yet checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateSettings {
    /// Its name.
    pub name: String,
    /// Its languages.
    pub languages: Vec<String>,
    /// Whether its body advises not to share the code.
    pub security_recommendation: bool,
    /// The minutes its footer promises; `None` for no footer.
    pub footer_minutes: Option<i64>,
    /// `copy_code`, `one_tap` or `zero_tap`.
    pub button: String,
    /// The apps of a one-tap or zero-tap button: package and hash.
    pub supported_apps: Vec<(String, String)>,
    /// The form of before Graph v21: the one app in the button itself. Always refused, with what to write instead.
    pub package_name: Option<String>,
    /// See `package_name`.
    pub signature_hash: Option<String>,
    /// Whether Meta's terms for zero-tap were accepted.
    pub zero_tap_terms_accepted: bool,
    /// The copy label by language.
    pub copy_texts: BTreeMap<String, String>,
    /// The autofill label by language.
    pub autofill_texts: BTreeMap<String, String>,
    /// Seconds the provider tries to deliver, -1 for 30 days (refused for codes).
    pub message_life_seconds: i64,
}

/// What is wrong with one setting of a template, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateMistake {
    /// The field of [`TemplateSettings`], with an index or a key where there are several: `languages[1]`,
    /// `supported_apps[0].hash`, `copy_texts.pt_BR`.
    pub field: String,
    /// What is wrong, as a fragment that follows the field's name.
    pub problem: String,
}

impl fmt::Display for TemplateMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl Template {
    /// Checks a description against every rule Meta has (Meta: authentication templates). Says everything that is
    /// wrong at once.
    pub fn new(settings: TemplateSettings) -> Result<Self, Vec<TemplateMistake>> {
        let TemplateSettings {
            name,
            languages,
            security_recommendation,
            footer_minutes,
            button,
            supported_apps,
            package_name,
            signature_hash,
            zero_tap_terms_accepted,
            copy_texts,
            autofill_texts,
            message_life_seconds,
        } = settings;
        let mut mistakes = Mistakes::default();
        let name = mistakes.name(&name);
        let languages = mistakes.languages(&languages);
        let footer_minutes = mistakes.footer(footer_minutes);
        let kind = mistakes.kind(&button);
        let old_form = mistakes.old_form(kind, package_name.as_deref(), signature_hash.as_deref());
        let apps = mistakes.apps(kind, &supported_apps, old_form);
        mistakes.terms(kind, zero_tap_terms_accepted);
        let copy = mistakes.texts("copy_texts", &copy_texts, &languages);
        let autofill = if kind == Some(ButtonKind::CopyCode) && !autofill_texts.is_empty() {
            let problem = "is for one_tap and zero_tap: nothing is filled in by a copy_code button; take it out";
            mistakes.add("autofill_texts", problem);
            BTreeMap::new()
        } else {
            mistakes.texts("autofill_texts", &autofill_texts, &languages)
        };
        let message_life = mistakes.message_life(message_life_seconds);
        let button = kind.and_then(|kind| match kind {
            ButtonKind::CopyCode => Some(Button::CopyCode),
            ButtonKind::OneTap => apps.map(Button::OneTap),
            ButtonKind::ZeroTap => apps.map(Button::ZeroTap),
        });
        match (name, button, message_life) {
            (Some(name), Some(button), Some(message_life)) if mistakes.0.is_empty() => Ok(Self {
                name,
                languages,
                security_recommendation,
                footer_minutes,
                button,
                button_texts: together(copy, autofill),
                message_life,
            }),
            _ => Err(mistakes.0),
        }
    }
}

type Texts = BTreeMap<Language, ButtonText>;

fn together(copy: Texts, autofill: Texts) -> BTreeMap<Language, ButtonTexts> {
    let mut both = BTreeMap::<_, ButtonTexts>::new();
    for (language, text) in copy {
        both.entry(language).or_default().copy = Some(text);
    }
    for (language, text) in autofill {
        both.entry(language).or_default().autofill = Some(text);
    }
    both
}

#[derive(Default)]
struct Mistakes(Vec<TemplateMistake>);

impl Mistakes {
    fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        let (field, problem) = (field.into(), problem.into());
        self.0.push(TemplateMistake { field, problem });
    }

    /// The value, or nothing after its error was noted.
    fn value<T, E: fmt::Display>(&mut self, field: impl Into<String>, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    fn name(&mut self, text: &str) -> Option<TemplateName> {
        let error = match TemplateName::parse(text) {
            Ok(name) => return Some(name),
            Err(error) => error,
        };
        let meant = text.trim().to_ascii_lowercase().replace([' ', '-', '.'], "_");
        let example = TemplateName::parse(&meant).map_or("otp_login".to_owned(), |it| it.to_string());
        self.add("name", format!("{error}, for example {example}"));
        None
    }

    /// The languages that have the shape of one, each once.
    fn languages(&mut self, texts: &[String]) -> Vec<Language> {
        if texts.is_empty() {
            self.add("languages", "must name at least one language, for example [\"en_US\"]");
        }
        let mut languages = Vec::<(usize, Language)>::new();
        for (index, text) in texts.iter().enumerate() {
            let field = format!("languages[{index}]");
            let Some(language) = self.value(&field, Language::parse(text)) else {
                continue;
            };
            if let Some((first, _)) = languages.iter().find(|(_, it)| *it == language) {
                self.add(
                    field,
                    format!("is {language}, as languages[{first}] is; take one of them out"),
                );
                continue;
            }
            if let Some(problem) = problem_of(&language) {
                self.add(field, problem);
            }
            languages.push((index, language));
        }
        languages.into_iter().map(|(_, language)| language).collect()
    }

    fn footer(&mut self, minutes: Option<i64>) -> Option<u8> {
        let minutes = minutes?;
        let fits = u8::try_from(minutes).ok().filter(|it| (1..=90).contains(it));
        if fits.is_none() {
            self.add("footer_minutes", "must be 1 to 90");
        }
        fits
    }

    fn kind(&mut self, word: &str) -> Option<ButtonKind> {
        let kinds = [ButtonKind::CopyCode, ButtonKind::OneTap, ButtonKind::ZeroTap];
        if let Some(kind) = kinds.into_iter().find(|it| it.name() == word) {
            return Some(kind);
        }
        let meant = word.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        let problem = "must be copy_code, one_tap or zero_tap";
        let problem = match kinds.into_iter().find(|it| it.name() == meant) {
            Some(kind) => format!("{problem}; write {}", kind.name()),
            None => problem.to_owned(),
        };
        self.add("button", problem);
        None
    }

    /// Refuses the one app beside the button, which Meta took until Graph v20. Answers whether there was one.
    fn old_form(&mut self, kind: Option<ButtonKind>, package: Option<&str>, hash: Option<&str>) -> bool {
        let field = match (package, hash) {
            (None, None) => return false,
            (Some(_), _) => "package_name",
            (None, Some(_)) => "signature_hash",
        };
        let problem = if kind == Some(ButtonKind::CopyCode) {
            "is for one_tap and zero_tap, and in the form of before Graph v21; take package_name and signature_hash out"
                .to_owned()
        } else {
            let (package, hash) = (package.unwrap_or("com.example.app"), hash.unwrap_or("K8a/AINcGX7"));
            format!(
                "is the form of before Graph v21, which Meta no longer takes; instead of package_name and \
                 signature_hash write supported_apps = [{{ package = {package:?}, hash = {:?} }}]",
                url_decoded(hash)
            )
        };
        self.add(field, problem);
        true
    }

    fn apps(
        &mut self,
        kind: Option<ButtonKind>,
        texts: &[(String, String)],
        has_old_form: bool,
    ) -> Option<SupportedApps> {
        if kind == Some(ButtonKind::CopyCode) {
            if !texts.is_empty() {
                self.add(
                    "supported_apps",
                    "is for one_tap and zero_tap: a copy_code button hands codes to no app; take it out",
                );
            }
            return None;
        }
        if texts.is_empty() {
            // Of the old form somebody has heard already, and of what to write.
            if kind.is_some() && !has_old_form {
                self.add("supported_apps", format!("must name 1 to 5 apps, as in {APPS_EXAMPLE}"));
            }
            return None;
        }
        let mut apps = Vec::new();
        for (index, (package, hash)) in texts.iter().enumerate() {
            let package = self.value(format!("supported_apps[{index}].package"), PackageName::parse(package));
            let hash = self.value(format!("supported_apps[{index}].hash"), SignatureHash::parse(hash));
            apps.extend(package.zip(hash).map(|(package, hash)| SupportedApp { package, hash }));
        }
        let are_all_right = apps.len() == texts.len();
        let whole = SupportedApps::new(apps);
        if are_all_right {
            self.value("supported_apps", whole)
        } else {
            whole.ok()
        }
    }

    fn terms(&mut self, kind: Option<ButtonKind>, are_accepted: bool) {
        match (kind, are_accepted) {
            (Some(ButtonKind::ZeroTap), false) => self.add(
                "zero_tap_terms_accepted",
                "must be true for zero_tap: write it once the business has accepted Meta's terms for zero-tap",
            ),
            (Some(ButtonKind::CopyCode | ButtonKind::OneTap), true) => {
                self.add("zero_tap_terms_accepted", "is for zero_tap; take it out");
            }
            _ => {}
        }
    }

    fn texts(&mut self, field: &str, texts: &BTreeMap<String, String>, languages: &[Language]) -> Texts {
        let mut found = Texts::new();
        for (key, text) in texts {
            let field = format!("{field}.{key}");
            let language = self.value(&field, Language::parse(key));
            let text = self.value(&field, ButtonText::parse(text));
            let Some(language) = language else { continue };
            if !languages.contains(&language) {
                self.add(
                    field,
                    format!("is for {language}, which the template does not have; add it to languages or take it out"),
                );
            } else if found.contains_key(&language) {
                self.add(field, format!("is for {language} a second time; take one of them out"));
            } else {
                found.extend(text.map(|it| (language, it)));
            }
        }
        found
    }

    fn message_life(&mut self, seconds: i64) -> Option<Duration> {
        let life = u64::try_from(seconds).ok().map(Duration::from_secs);
        let fits = life.filter(|it| (MESSAGE_LIFE_RANGE.0..=MESSAGE_LIFE_RANGE.1).contains(it));
        if fits.is_none() {
            let problem = "must be 30 to 900 s";
            let problem = if seconds == -1 {
                format!("{problem}: with -1 Meta tries for 30 days, and a code that arrives after it died helps nobody")
            } else {
                problem.to_owned()
            };
            self.add("message_life_seconds", problem);
        }
        fits
    }
}

/// The hash as it was before somebody put it into an address, which is how old examples show it.
fn url_decoded(hash: &str) -> String {
    [
        ("%2F", "/"),
        ("%2f", "/"),
        ("%2B", "+"),
        ("%2b", "+"),
        ("%3D", "="),
        ("%3d", "="),
    ]
    .into_iter()
    .fold(hash.to_owned(), |hash, (from, to)| hash.replace(from, to))
}
