//! Lines: what WhatsApp knows as one person, under however many numbers.

use std::time::Duration;

use crate::guard::PersonKey;
use crate::key::Identity;
use crate::phone::PhoneNumber;
use crate::time::DAY;

/// How long it is remembered which line a number is another spelling of: 400 days. Each message that says so again
/// renews it.
pub const LINE_MEMORY: Duration = DAY.saturating_mul(400);

/// The line that `asked` is another spelling of, when the provider took a message for it and knows the person by
/// `known`; `None` when both are one number. Both are in their canonical form
/// ([`crate::ports::NumberingPlan::canonical`]): what the numbering plan knows is nothing to learn.
pub fn line_of(identity: &Identity, asked: &PhoneNumber, known: &PhoneNumber) -> Option<PersonKey> {
    (asked != known).then(|| PersonKey::of(identity, known))
}
