//! Which of an app's templates a message is written with, and in which language.

use std::collections::BTreeMap;

use crate::country::CountryCode;
use crate::supported_app::PackageName;
use crate::template::country::language_read_in;
use crate::template::{Button, ButtonKind, Language, Template, TemplateName};

/// The templates of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    all: Vec<Template>,
    default_language: Option<Language>,
    country_languages: BTreeMap<CountryCode, Language>,
}

impl Templates {
    /// The templates of an app. Without a default language it is the first language of the first template; what
    /// `country_languages` does not say of a country is the language most people read there.
    pub fn new(
        all: Vec<Template>,
        default_language: Option<Language>,
        country_languages: BTreeMap<CountryCode, Language>,
    ) -> Self {
        let first = || all.first()?.languages.first().cloned();
        Self {
            default_language: default_language.or_else(first),
            all,
            country_languages,
        }
    }

    /// Every template, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.all.iter()
    }

    /// The template of that name.
    pub fn get(&self, name: &TemplateName) -> Option<&Template> {
        self.all.iter().find(|it| it.name == *name)
    }

    /// The language of whoever asks for none and is known by nothing else.
    pub fn default_language(&self) -> Option<&Language> {
        self.default_language.as_ref()
    }

    /// Everything a message could be written with, the best first: by the language's step in the chain (the one asked
    /// for, its kin, the country's, the app's, English), and within a language by what suits the person's platform.
    ///
    /// The language comes first, because a code in words the person cannot read is worse than a code to copy.
    pub fn picks<'a>(&'a self, audience: &Audience<'_>) -> Vec<Pick<'a>> {
        let mut picks = Picks::of(self, audience);
        if let Some(wanted) = audience.language {
            picks.add_exact(wanted, LanguageStep::Exact);
            picks.add_kin(wanted, LanguageStep::Kin);
        }
        if let Some(language) = audience.country.and_then(|it| self.language_of(it)) {
            picks.add_exact(language, LanguageStep::Country);
            picks.add_kin(language, LanguageStep::Country);
        }
        picks.add_fallbacks();
        picks.found
    }

    /// What else could carry a message that cannot go out with a template in a language which that step of the chain
    /// found: another template in the same language, then what the chain has after it, as far as it follows from the
    /// language: its kin, the app's language, English.
    pub fn others<'a>(&'a self, template: &TemplateName, language: &Language, step: LanguageStep) -> Vec<Pick<'a>> {
        let mut picks = Picks::of(self, &Audience::default());
        picks.add_exact(language, step);
        match step {
            LanguageStep::Exact | LanguageStep::Kin => picks.add_kin(language, LanguageStep::Kin),
            LanguageStep::Country => picks.add_kin(language, LanguageStep::Country),
            LanguageStep::Default | LanguageStep::English => {}
        }
        picks.add_fallbacks();
        picks
            .found
            .retain(|it| (&it.template.name, it.language) != (template, language));
        picks.found
    }

    /// The template that a message in a language goes out with: the one chosen for it, or, when that left the
    /// configuration, one that has the language.
    pub fn of_message(&self, chosen: Option<&ChosenTemplate>, language: &Language) -> Option<&Template> {
        let has_it = || self.all.iter().find(|it| it.languages.contains(language));
        chosen
            .and_then(|it| self.get(&it.name))
            .or_else(has_it)
            .or_else(|| self.all.first())
    }

    fn language_of(&self, country: CountryCode) -> Option<&Language> {
        let own = self.country_languages.get(&country);
        own.or_else(|| language_read_in(country))
    }
}

/// Picks as they are found, each once.
struct Picks<'a> {
    templates: &'a Templates,
    /// In the order in which they suit the audience.
    suited: Vec<&'a Template>,
    found: Vec<Pick<'a>>,
}

impl<'a> Picks<'a> {
    fn of(templates: &'a Templates, audience: &Audience<'_>) -> Self {
        let mut suited: Vec<_> = templates.all.iter().collect();
        suited.sort_by_key(|it| audience.distance_to(&it.button));
        Self {
            templates,
            suited,
            found: Vec::new(),
        }
    }

    fn add(&mut self, step: LanguageStep, fits: impl Fn(&Language) -> bool) {
        for template in &self.suited {
            for language in template.languages.iter().filter(|it| fits(it)) {
                let known = |it: &Pick<'_>| it.template.name == template.name && it.language == language;
                if !self.found.iter().any(known) {
                    self.found.push(Pick {
                        template,
                        language,
                        step,
                    });
                }
            }
        }
    }

    fn add_exact(&mut self, wanted: &Language, step: LanguageStep) {
        self.add(step, |it| it == wanted);
    }

    /// The language itself, and then other regions of it.
    fn add_kin(&mut self, wanted: &Language, step: LanguageStep) {
        self.add(step, |it| it.as_str() == wanted.base());
        self.add(step, |it| it.base() == wanted.base());
    }

    fn add_fallbacks(&mut self) {
        if let Some(default) = self.templates.default_language() {
            self.add_exact(default, LanguageStep::Default);
        }
        self.add(LanguageStep::English, |it| it.as_str() == "en");
        self.add(LanguageStep::English, |it| it.base() == "en");
    }
}

/// What is known of whoever is to read a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Audience<'a> {
    /// The language that was asked for.
    pub language: Option<&'a Language>,
    /// The country of the number.
    pub country: Option<CountryCode>,
    /// What the person uses.
    pub platform: Platform,
    /// The Android app that asked WhatsApp for the code.
    pub package: Option<&'a PackageName>,
}

impl Audience<'_> {
    /// How badly a button suits, 0 being best. A button that hands codes over is for the Android app that asked
    /// WhatsApp for one; for anybody else WhatsApp shows it as one to copy, so it comes after those.
    fn distance_to(&self, button: &Button) -> u8 {
        let hands_over = self.platform == Platform::Android
            && self
                .package
                .zip(button.apps())
                .is_some_and(|(package, apps)| apps.supports(package));
        match (button.kind(), hands_over) {
            (ButtonKind::ZeroTap, true) => 0,
            (ButtonKind::OneTap, true) => 1,
            (ButtonKind::CopyCode, _) => 2,
            (ButtonKind::OneTap, false) => 3,
            (ButtonKind::ZeroTap, false) => 4,
        }
    }
}

/// What a person uses the app on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platform {
    /// Nobody said.
    #[default]
    Unknown,
    /// An Android app, which may take codes by one tap or none.
    Android,
    /// An iOS app: codes are copied.
    Ios,
    /// A browser: codes are copied.
    Web,
}

impl Platform {
    /// The platform as one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Web => "web",
        }
    }
}

/// By which step of the chain a language was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LanguageStep {
    /// It is the one asked for.
    Exact,
    /// It is the one asked for without its region, or with another region.
    Kin,
    /// It is the one of the number's country.
    Country,
    /// It is the app's.
    Default,
    /// It is English.
    English,
}

impl LanguageStep {
    /// The step as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Kin => "kin",
            Self::Country => "country",
            Self::Default => "default",
            Self::English => "english",
        }
    }
}

/// A template and a language that would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick<'a> {
    /// The template.
    pub template: &'a Template,
    /// The language.
    pub language: &'a Language,
    /// How the language was found.
    pub step: LanguageStep,
}

impl Pick<'_> {
    /// What is kept of it with a delivery.
    pub fn wording(&self) -> Wording {
        Wording {
            language: self.language.clone(),
            template: Some(ChosenTemplate {
                name: self.template.name.clone(),
                button: self.template.button.kind(),
                step: self.step,
            }),
        }
    }
}

/// What a message is written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The language.
    pub language: Language,
    /// The template, and why. `None` in records of before there was a choice.
    pub template: Option<ChosenTemplate>,
}

/// What a message was written with, and why: kept with its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenTemplate {
    /// The template.
    pub name: TemplateName,
    /// How the code gets into the app.
    pub button: ButtonKind,
    /// How the language was found.
    pub step: LanguageStep,
}
