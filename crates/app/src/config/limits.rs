//! `[limits]`: the rules shared by recipients. What a rule may say is the domain's; that a default can be changed in part
//! or taken out is said here.

use std::collections::BTreeSet;

use countersign_domain::id::AppId;
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, Quota, RuleLabel};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules, default_rules, parse_quota};

use crate::config::reader::{Mistakes, Section, nearest};

/// Reads `[limits]`; there are no rules when something in it is wrong.
pub(super) fn read_limits(mut section: Section, apps: &BTreeSet<AppId>, mistakes: &mut Mistakes) -> Rules {
    let has_defaults = section.flag("defaults", mistakes).unwrap_or(true);
    let mut rules = if has_defaults { default_rules() } else { Vec::new() };
    for (name, section) in section.sections("rules", mistakes) {
        let path = format!("limits.rules.{name}");
        let before = mistakes.0.len();
        let label = RuleLabel::parse(&name).map_err(|error| mistakes.add(&path, error.to_string()));
        let said = Said::read(section, apps, mistakes);
        let Ok(label) = label else { continue };
        let place = rules.iter().position(|it| it.name == label);
        let base = place.map(|place| rules.remove(place));
        let is_off = said.action == Some(Treatment::Off);
        let rule = said.over(label, base, &path, mistakes);
        // One with a mistake says nothing that another rule could be compared with.
        if let Some(rule) = rule.filter(|_| !is_off && mistakes.0.len() == before) {
            rules.insert(place.unwrap_or(rules.len()), rule);
        }
    }
    section.end(mistakes);
    Rules::new(rules).unwrap_or_else(|wrong| {
        for mistake in wrong {
            let path = format!("limits.rules.{}", mistake.rule.as_str());
            match mistake.field {
                "name" => mistakes.add(&path, mistake.problem),
                field => mistakes.add(&format!("{path}.{field}"), mistake.problem),
            }
        }
        Rules::default()
    })
}

/// What is made of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    On(ChargeMode),
    Off,
}

impl Treatment {
    fn mode(self) -> Option<ChargeMode> {
        match self {
            Self::On(mode) => Some(mode),
            Self::Off => None,
        }
    }
}

/// What one table says of its rule.
struct Said {
    parts: Option<KeyParts>,
    quotas: Option<Vec<Quota>>,
    applies_to: Option<Action>,
    action: Option<Treatment>,
    absent: Option<Absent>,
    apps: Option<BTreeSet<AppId>>,
    /// Which of the keys that a rule cannot do without are not there.
    missing: Vec<&'static str>,
}

impl Said {
    fn read(mut section: Section, apps: &BTreeSet<AppId>, mistakes: &mut Mistakes) -> Self {
        let needed = ["key", "quotas", "applies_to"];
        let missing = needed.into_iter().filter(|key| !section.has(key)).collect();
        let said = Self {
            parts: read_parts(&mut section, mistakes),
            quotas: section.list("quotas", parse_quota, mistakes),
            applies_to: section.parsed("applies_to", applies_to, mistakes),
            action: section.parsed("action", action, mistakes),
            absent: section.parsed("absent", absent, mistakes),
            apps: read_apps(&mut section, apps, mistakes),
            missing,
        };
        section.end(mistakes);
        said
    }

    /// The rule, with what is not said as in `base`; a mistake and nothing when there is no base and too little is said.
    fn over(
        self,
        name: RuleLabel,
        base: Option<RuleSettings>,
        path: &str,
        mistakes: &mut Mistakes,
    ) -> Option<RuleSettings> {
        let Self {
            parts,
            quotas,
            applies_to,
            action,
            absent,
            apps,
            missing,
        } = self;
        let Some(base) = base else {
            if !missing.is_empty() {
                say_missing(name, &missing, path, mistakes);
            }
            return Some(RuleSettings {
                name,
                parts: parts?,
                quotas: quotas?,
                applies_to: applies_to?,
                mode: action.and_then(Treatment::mode).unwrap_or(ChargeMode::Refuse),
                absent: absent.unwrap_or_default(),
                apps: apps.unwrap_or_default(),
            });
        };
        let parts = parts.unwrap_or(base.parts);
        // With another key, what a default says about absent devices may have nothing to be about.
        let base_absent = if parts.has(KeyPart::Device) {
            base.absent
        } else {
            Absent::default()
        };
        Some(RuleSettings {
            name,
            parts,
            quotas: quotas.unwrap_or(base.quotas),
            applies_to: applies_to.unwrap_or(base.applies_to),
            mode: action.and_then(Treatment::mode).unwrap_or(base.mode),
            absent: absent.unwrap_or(base_absent),
            apps: apps.unwrap_or(base.apps),
        })
    }
}

/// A rule that says too little is a new one with something missing, or the name of a default with a slip in it.
fn say_missing(name: RuleLabel, missing: &[&'static str], path: &str, mistakes: &mut Mistakes) {
    let defaults = default_rules();
    let names: Vec<_> = defaults.iter().map(|it| it.name.as_str()).collect();
    if names.contains(&name.as_str()) {
        let missing = missing.join(", ");
        mistakes.add(
            path,
            format!("needs {missing} as well, because limits.defaults is false"),
        );
        return;
    }
    match nearest(name.as_str(), &names) {
        Some(meant) if missing.len() > 1 => {
            let missing = missing.join(", ");
            mistakes.add(
                path,
                format!("is no default rule, and as a new one needs {missing}; did you mean {meant}?"),
            );
        }
        _ => {
            for key in missing {
                mistakes.add(&format!("{path}.{key}"), "is missing");
            }
        }
    }
}

fn read_parts(section: &mut Section, mistakes: &mut Mistakes) -> Option<KeyParts> {
    if section.has_text("key") {
        return section.parsed("key", everything, mistakes);
    }
    let path = section.path("key");
    let before = mistakes.0.len();
    let listed = section.list("key", part, mistakes)?;
    if listed.is_empty() && mistakes.0.len() == before {
        mistakes.add(&path, "must name at least one part, or be \"everything\"");
    }
    let parts: KeyParts = listed.iter().copied().collect();
    if parts.iter().count() < listed.len() {
        mistakes.add(&path, "must name each part once");
    }
    Some(parts)
}

fn read_apps(section: &mut Section, apps: &BTreeSet<AppId>, mistakes: &mut Mistakes) -> Option<BTreeSet<AppId>> {
    let known = |text: &str| {
        let app = AppId::parse(text).map_err(|error| error.to_string())?;
        if apps.contains(&app) {
            Ok(app)
        } else {
            Err(format!("there is no app {text:?}"))
        }
    };
    let path = section.path("apps");
    let before = mistakes.0.len();
    let listed: BTreeSet<_> = section.list("apps", known, mistakes)?.into_iter().collect();
    if listed.is_empty() && mistakes.0.len() == before {
        mistakes.add(
            &path,
            "must list at least one app; a rule about all apps does not have it",
        );
    }
    Some(listed)
}

fn everything(text: &str) -> Result<KeyParts, &'static str> {
    match text {
        "everything" => Ok(KeyParts::EVERYTHING),
        _ => Err("must be a list of parts, written [\"phone\", \"app\"], or \"everything\""),
    }
}

fn part(text: &str) -> Result<KeyPart, String> {
    let known = KeyPart::ALL.into_iter().find(|it| it.name() == text);
    known.ok_or_else(|| format!("must be one of {}", KeyPart::ALL.map(KeyPart::name).join(", ")))
}

fn applies_to(text: &str) -> Result<Action, &'static str> {
    let known = Action::ALL.into_iter().find(|it| it.name() == text);
    known.ok_or("must be \"start\", \"send\" or \"check\"")
}

/// What a rule does, or `None` when it does nothing.
fn action(text: &str) -> Result<Treatment, &'static str> {
    match text {
        "refuse" => Ok(Treatment::On(ChargeMode::Refuse)),
        "shadow" => Ok(Treatment::On(ChargeMode::Shadow)),
        "off" => Ok(Treatment::Off),
        _ => Err("must be \"refuse\", \"shadow\" or \"off\""),
    }
}

fn absent(text: &str) -> Result<Absent, &'static str> {
    match text {
        "shared" => Ok(Absent::Shared),
        "free" => Ok(Absent::Free),
        _ => Err("must be \"shared\" or \"free\""),
    }
}
