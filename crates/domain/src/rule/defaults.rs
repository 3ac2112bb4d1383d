//! The rules that are on unless the configuration says otherwise.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::limit::{ChargeMode, KeyPart, KeyParts, Quota, RuleLabel};
use crate::rule::{Absent, Action, RuleSettings};
use crate::time::DAY;

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

/// The default rules: messages to a phone over all apps and purposes, and messages that one address, one network or one
/// device asks for. None counts guesses: a recipient has its own budgets of them (R5, R6), and the guard hears of many
/// wrong ones at many phones (A4).
///
/// | name | key | quotas | from |
/// |---|---|---|---|
/// | `sends_per_phone` | phone | 5/10m, 10/1d | R14, which holds for each recipient, here for the person behind all of them |
/// | `sends_per_ip` | client IP | 30/10m, 200/1d | between the peers' 30 an hour and 100 sign-ups an hour, with room for an office or a carrier's NAT |
/// | `sends_per_network` | client network | 100/10m, 1000/1d | three to five such addresses in one /24; one home with a /64 |
/// | `sends_per_device` | device | 5/10m, 10/1d | as for a phone: a device has one person |
///
/// A request without an address counts against one shared bucket of its caller, as strict as one address (A15). One
/// without a device does not count against `sends_per_device` ([`Absent::Free`]): whoever could leave the id out could
/// make one up just as well.
pub fn default_rules() -> Vec<RuleSettings> {
    vec![
        sends("sends_per_phone", KeyPart::Phone, (5, 10)),
        sends("sends_per_ip", KeyPart::ClientIp, (30, 200)),
        sends("sends_per_network", KeyPart::ClientNetwork, (100, 1_000)),
        RuleSettings {
            absent: Absent::Free,
            ..sends("sends_per_device", KeyPart::Device, (5, 10))
        },
    ]
}

/// So many messages in ten minutes, and so many in a day.
fn sends(name: &str, part: KeyPart, (in_ten_minutes, in_a_day): (u32, u32)) -> RuleSettings {
    #[expect(clippy::expect_used, reason = "constants, each read by a test")]
    let name = RuleLabel::parse(name).expect("the name of a default rule is a slug");
    RuleSettings {
        name,
        parts: KeyParts::of(&[part]),
        quotas: vec![rate(in_ten_minutes, TEN_MINUTES), rate(in_a_day, DAY)],
        applies_to: Action::Send,
        mode: ChargeMode::Refuse,
        absent: Absent::Shared,
        apps: BTreeSet::new(),
    }
}

/// All of them divide their periods.
fn rate(amount: u32, period: Duration) -> Quota {
    Quota::Rate {
        burst: NonZeroU32::new(amount).unwrap_or(NonZeroU32::MIN),
        interval: period / amount,
    }
}
