//! What may be wrong with rules: what could never count, never refuse, or says a thing twice.

use std::collections::BTreeSet;
use std::fmt;

use crate::id::AppId;
use crate::limit::{ChargeMode, KeyPart, Quota, RuleLabel, RuleName, Window};
use crate::rule::implied::{follow_from, implies, stands_before};
use crate::rule::{AMOUNT_MAX, Absent, Action, QUOTAS_MAX, RuleSettings, SPAN_MAX, quota_text};
use crate::time::millis;

/// One thing that is wrong with a rule, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleMistake {
    /// The rule.
    pub rule: RuleLabel,
    /// What of it, as configuration calls it: `key`, `quotas`, `applies_to`, `action`, `absent` or `apps`; `name` for
    /// the rule as a whole.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for RuleMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: {}", self.rule.as_str(), self.field, self.problem)
    }
}

/// Every mistake of rules whose quotas are in order.
pub(super) fn find(rules: &[RuleSettings]) -> Vec<RuleMistake> {
    let mut mistakes = Mistakes(Vec::new());
    for (place, rule) in rules.iter().enumerate() {
        mistakes.check_name(rule, &rules[..place]);
        mistakes.check_key(rule);
        mistakes.check_mode(rule);
        mistakes.check_quotas(rule);
        mistakes.check_against(rule, place, rules);
    }
    mistakes.check_sum(rules, &[Action::Start, Action::Send], "a start that sends");
    mistakes.check_sum(rules, &[Action::Check], "a check");
    mistakes.0
}

struct Mistakes(Vec<RuleMistake>);

impl Mistakes {
    fn add(&mut self, rule: &RuleSettings, field: &'static str, problem: impl Into<String>) {
        self.0.push(RuleMistake {
            rule: rule.name,
            field,
            problem: problem.into(),
        });
    }

    fn check_name(&mut self, rule: &RuleSettings, before: &[RuleSettings]) {
        let is_built_in = |it: &RuleName| it.as_str() == rule.name.as_str();
        if RuleName::BUILT_IN.iter().any(is_built_in) {
            self.add(rule, "name", "is the name of a rule that is built in; choose another");
        }
        if before.iter().any(|it| it.name == rule.name) {
            self.add(rule, "name", "is the name of two rules; give each its own");
        }
    }

    fn check_key(&mut self, rule: &RuleSettings) {
        for part in rule.parts.iter() {
            let Some(by) = rule.parts.iter().find(|it| follow_from(*it).contains(&part)) else {
                continue;
            };
            let (part, by) = (part.name(), by.name());
            self.add(
                rule,
                "key",
                format!("{part} tells nothing apart beside {by}, which says more; take {part} out"),
            );
        }
        if rule.apps.len() == 1 && rule.parts.has(KeyPart::App) {
            self.add(
                rule,
                "key",
                "app tells nothing apart in a rule about one app; take app out",
            );
        }
        if rule.absent == Absent::Free && !rule.parts.has(KeyPart::Device) {
            self.add(
                rule,
                "absent",
                "only a device may be absent for free, and the key has none; take it out. A missing address always shares one bucket",
            );
        }
    }

    fn check_mode(&mut self, rule: &RuleSettings) {
        match rule.mode {
            ChargeMode::Refuse | ChargeMode::Shadow => {}
            ChargeMode::Always => self.add(
                rule,
                "action",
                "a rule refuses or only counts; it cannot be charged anyway",
            ),
        }
    }

    fn check_quotas(&mut self, rule: &RuleSettings) {
        if rule.quotas.is_empty() {
            self.add(
                rule,
                "quotas",
                "must list at least one, for example [\"5/10m\", \"10/1d\"]",
            );
        }
        for (place, quota) in rule.quotas.iter().enumerate() {
            if let Some(problem) = wrong_with(*quota) {
                self.add(rule, "quotas", format!("{} {problem}", quota_text(*quota)));
            }
            let (before, after) = (&rule.quotas[..place], &rule.quotas[place + 1..]);
            if before.contains(quota) {
                self.add(rule, "quotas", format!("{} is there twice", quota_text(*quota)));
                continue;
            }
            let stricter = |it: &&Quota| implies(**it, *quota) && *it != quota;
            if let Some(stricter) = before.iter().chain(after).find(stricter) {
                self.add(rule, "quotas", useless(*quota, &quota_text(*stricter)));
            }
        }
    }

    fn check_against(&mut self, rule: &RuleSettings, place: usize, rules: &[RuleSettings]) {
        if let Some(first) = rules[..place].iter().find(|it| says_the_same(it, rule)) {
            let first = first.name.as_str();
            self.add(
                rule,
                "name",
                format!("counts the same as {first}; write its quotas there"),
            );
            return;
        }
        let others = || rules.iter().enumerate().filter(|(other, _)| *other != place);
        for quota in &rule.quotas {
            let stricter = others()
                .filter(|(_, it)| !says_the_same(it, rule) && stands_before(it, rule))
                .find_map(|(_, it)| Some((it, it.quotas.iter().find(|strict| implies(**strict, *quota))?)));
            if let Some((other, strict)) = stricter {
                let strict = format!("{} of {}", quota_text(*strict), other.name.as_str());
                self.add(rule, "quotas", useless(*quota, &strict));
            }
        }
    }

    /// What one call may cost at most. What is too much is said of the first rule that makes it so.
    fn check_sum(&mut self, rules: &[RuleSettings], actions: &[Action], call: &str) {
        let apps: BTreeSet<&AppId> = rules.iter().flat_map(|it| &it.apps).collect();
        // Rules about some apps are never charged together with those about others.
        let worst = std::iter::once(None)
            .chain(apps.into_iter().map(Some))
            .map(|app| {
                let is_about = |rule: &&RuleSettings| {
                    actions.contains(&rule.applies_to)
                        && (rule.apps.is_empty() || app.is_some_and(|app| rule.apps.contains(app)))
                };
                rules.iter().filter(is_about).collect::<Vec<_>>()
            })
            .max_by_key(|about| about.iter().map(|it| it.quotas.len()).sum::<usize>())
            .unwrap_or_default();
        let mut sum = 0;
        let beyond = worst.iter().position(|rule| {
            sum += rule.quotas.len();
            sum > QUOTAS_MAX
        });
        if let Some(rule) = beyond.and_then(|place| worst.get(place)) {
            let sum: usize = worst.iter().map(|it| it.quotas.len()).sum();
            self.add(
                rule,
                "quotas",
                format!("{call} would be charged against {sum} quotas of all rules; {QUOTAS_MAX} are the most"),
            );
        }
    }
}

fn useless(quota: Quota, strict: &str) -> String {
    let quota = quota_text(quota);
    format!("{quota} never refuses what {strict} lets pass; take {quota} out, or make it stricter")
}

/// Whether two rules differ in nothing but their names and quotas.
fn says_the_same(one: &RuleSettings, other: &RuleSettings) -> bool {
    let RuleSettings {
        name: _,
        parts,
        quotas: _,
        applies_to,
        mode,
        absent,
        apps,
    } = one;
    (*parts, *applies_to, *mode, *absent) == (other.parts, other.applies_to, other.mode, other.absent)
        && *apps == other.apps
}

/// What is wrong with a quota alone. Those that were read from text are right.
fn wrong_with(quota: Quota) -> Option<&'static str> {
    match quota {
        Quota::Rate { burst, interval } => {
            let whole = u128::from(millis(interval)) * 1_000_000 == interval.as_nanos();
            if interval.is_zero() || !whole {
                return Some("must give one back each whole number of milliseconds, at least 1");
            }
            // The interval was rounded up by less than a millisecond.
            let period = u64::from(burst.get()).saturating_mul(millis(interval) - 1);
            (period >= millis(SPAN_MAX)).then_some("has too long a period: at most 400d")
        }
        Quota::Budget { amount, window } => {
            let fits = match window {
                Window::Every(length) => millis(length) > 0 && length <= SPAN_MAX,
                Window::Month => true,
            };
            if !fits {
                return Some("has no window that can be counted in: 1 ms to 400 days, or hour, day or month");
            }
            (amount.get() > AMOUNT_MAX).then_some("cannot be counted exactly: at most 4503599627370496")
        }
        Quota::Unfinished { .. } => {
            Some("is a shape of the guard alone: write a rate such as 5/10m or a budget such as 10/day")
        }
    }
}
