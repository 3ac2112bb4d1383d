//! Rules: how quotas are written, what a key tells apart, which rules hold together, and which are on by default.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

mod charges;
mod keys;
mod mistakes;
mod quotas;
mod useless;

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::client::{Client, DeviceId};
use countersign_domain::country::CountryCode;
use countersign_domain::guard::PersonKey;
use countersign_domain::id::{AppId, CallerId, Purpose};
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, LimitKey, Quota, RuleLabel, RuleName, Window};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules, Subject, parse_quota};

/// A request, owned, so that one thing of it can be changed.
#[derive(Clone, Debug)]
struct Request {
    phone: PhoneNumber,
    line: PersonKey,
    country: Option<CountryCode>,
    client: Client,
    app: AppId,
    purpose: Purpose,
    caller: CallerId,
}

impl Request {
    fn new() -> Self {
        Self {
            phone: PhoneNumber::parse("+5511987654321").unwrap(),
            line: line("+5511987654321"),
            country: CountryCode::parse("BR"),
            client: Client {
                address: Some("203.0.113.7".parse().unwrap()),
                device: DeviceId::parse("device-1").unwrap(),
                ..Client::default()
            },
            app: AppId::parse("shop").unwrap(),
            purpose: Purpose::parse("sign_in").unwrap(),
            caller: CallerId::parse("storefront").unwrap(),
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            phone: &self.phone,
            line: self.line,
            country: self.country,
            client: &self.client,
            app: &self.app,
            purpose: &self.purpose,
            caller: &self.caller,
        }
    }

    fn phone(mut self, text: &str) -> Self {
        self.phone = PhoneNumber::parse(text).unwrap();
        self.line(text)
    }

    fn line(mut self, text: &str) -> Self {
        self.line = line(text);
        self
    }

    fn address(mut self, text: Option<&str>) -> Self {
        self.client.address = text.map(|text| text.parse().unwrap());
        self
    }

    fn device(mut self, text: &str) -> Self {
        self.client.device = DeviceId::parse(text).unwrap();
        self
    }

    fn app(mut self, text: &str) -> Self {
        self.app = AppId::parse(text).unwrap();
        self
    }

    fn purpose(mut self, text: &str) -> Self {
        self.purpose = Purpose::parse(text).unwrap();
        self
    }

    fn caller(mut self, text: &str) -> Self {
        self.caller = CallerId::parse(text).unwrap();
        self
    }

    fn key(&self, parts: KeyParts) -> LimitKey {
        self.subject().key(&identity(), name("some_rule"), parts, 0)
    }
}

fn line(text: &str) -> PersonKey {
    PersonKey::of(&identity(), &PhoneNumber::parse(text).unwrap())
}

fn identity() -> Identity {
    Identity::new(SecretKey::new([3; 32]))
}

fn name(text: &str) -> RuleName {
    RuleName::Named(RuleLabel::parse(text).unwrap())
}

/// A rule about every app that refuses.
fn rule(name: &str, parts: &[KeyPart], applies_to: Action, quotas: &[&str]) -> RuleSettings {
    RuleSettings {
        name: RuleLabel::parse(name).unwrap(),
        parts: KeyParts::of(parts),
        quotas: quotas.iter().map(|text| parse_quota(text).unwrap()).collect(),
        applies_to,
        mode: ChargeMode::Refuse,
        absent: Absent::Shared,
        apps: BTreeSet::new(),
    }
}

fn apps(names: &[&str]) -> BTreeSet<AppId> {
    names.iter().map(|text| AppId::parse(text).unwrap()).collect()
}

/// The mistakes of rules as `name.field`, and all of them as text.
fn mistakes(rules: Vec<RuleSettings>) -> (Vec<String>, String) {
    let wrong = Rules::new(rules).expect_err("should be refused");
    let fields = wrong.iter().map(|it| format!("{}.{}", it.rule.as_str(), it.field));
    let texts: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    (fields.collect(), texts.join("\n"))
}

fn rate(burst: u32, interval_ms: u64) -> Quota {
    Quota::Rate {
        burst: NonZeroU32::new(burst).unwrap(),
        interval: Duration::from_millis(interval_ms),
    }
}

fn budget(amount: u64, window: Window) -> Quota {
    Quota::Budget {
        amount: NonZeroU64::new(amount).unwrap(),
        window,
    }
}
