//! When one quota, or one rule, never refuses what another one lets pass.

use std::time::Duration;

use crate::limit::{ChargeMode, KeyPart, KeyParts, Quota, Window};
use crate::rule::{Absent, Action, RuleSettings};
use crate::time::{DAY, millis};

/// The shortest and the longest month, in days.
const MONTH_DAYS: (u32, u32) = (28, 31);

/// The parts that follow from another part of the same request. A block lies in one country: the digits that tell
/// countries of one calling code apart are never its last four.
pub(super) const fn follow_from(part: KeyPart) -> &'static [KeyPart] {
    match part {
        KeyPart::Phone => &[KeyPart::NumberBlock, KeyPart::Country],
        KeyPart::NumberBlock => &[KeyPart::Country],
        KeyPart::ClientIp => &[KeyPart::ClientNetwork],
        KeyPart::ClientNetwork
        | KeyPart::Device
        | KeyPart::Country
        | KeyPart::App
        | KeyPart::Purpose
        | KeyPart::Caller => &[],
    }
}

/// Whether whatever `narrow` counts, `wide` counts too, in a bucket that is no smaller; and refuses when it is used up.
pub(super) fn stands_before(wide: &RuleSettings, narrow: &RuleSettings) -> bool {
    // Whatever is opened is sent in the same step.
    let action =
        wide.applies_to == narrow.applies_to || (wide.applies_to == Action::Send && narrow.applies_to == Action::Start);
    let apps = wide.apps.is_empty() || (!narrow.apps.is_empty() && narrow.apps.is_subset(&wide.apps));
    let is_free = |rule: &RuleSettings| rule.absent == Absent::Free && rule.parts.has(KeyPart::Device);
    let absent = !is_free(wide) || is_free(narrow);
    action && apps && absent && wide.mode == ChargeMode::Refuse && tells_apart(narrow.parts, wide.parts)
}

/// Whether requests that differ in `wide` always differ in `narrow`.
fn tells_apart(narrow: KeyParts, wide: KeyParts) -> bool {
    let known = |part: KeyPart| narrow.has(part) || narrow.iter().any(|it| follow_from(it).contains(&part));
    wide.iter().all(known)
}

/// Whether `loose` never refuses what `strict` lets pass. Equal quotas imply each other.
pub(super) fn implies(strict: Quota, loose: Quota) -> bool {
    match (strict, loose) {
        (
            Quota::Rate { burst, interval },
            Quota::Rate {
                burst: most,
                interval: least,
            },
        ) => burst <= most && interval >= least,
        (
            Quota::Rate { burst, interval },
            Quota::Budget {
                amount: allowed,
                window,
            },
        ) => {
            let refilled = millis(longest(window)) / millis(interval).max(1);
            u64::from(burst.get()).saturating_add(refilled) <= allowed.get()
        }
        // At a window's end a budget allows twice its amount at once.
        (Quota::Budget { amount, window }, Quota::Rate { burst, interval }) => {
            let at_once = amount.get().saturating_mul(2) <= u64::from(burst.get());
            at_once && millis(interval).saturating_mul(amount.get()) <= millis(shortest(window))
        }
        (
            Quota::Budget { amount, window },
            Quota::Budget {
                amount: allowed,
                window: within,
            },
        ) => amount.get().saturating_mul(windows_within(window, within)) <= allowed.get(),
        (Quota::Unfinished { .. }, _) | (_, Quota::Unfinished { .. }) => false,
    }
}

/// The longest a window may be.
pub(super) fn longest(window: Window) -> Duration {
    match window {
        Window::Every(length) => length,
        Window::Month => DAY * MONTH_DAYS.1,
    }
}

fn shortest(window: Window) -> Duration {
    match window {
        Window::Every(length) => length,
        Window::Month => DAY * MONTH_DAYS.0,
    }
}

/// How many windows of one kind a window of another kind may touch.
fn windows_within(part: Window, whole: Window) -> u64 {
    let (shortest, longest) = (millis(shortest(part)).max(1), millis(longest(whole)).max(1));
    let day = millis(DAY);
    let begins_with = match (part, whole) {
        (Window::Month, Window::Month) => true,
        // Months begin with a day.
        (Window::Every(_), Window::Month) => day.is_multiple_of(shortest),
        (Window::Month, Window::Every(_)) => day.is_multiple_of(longest),
        (Window::Every(_), Window::Every(_)) => longest.is_multiple_of(shortest) || shortest.is_multiple_of(longest),
    };
    if begins_with {
        (longest / shortest).max(1)
    } else {
        longest.div_ceil(shortest) + 1
    }
}
