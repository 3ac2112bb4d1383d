//! What Meta's error codes mean for us: one table, used for answers and for webhooks alike (Meta: error codes page).
//!
//! The same code comes with different HTTP statuses and on either path, so nothing but the code decides. Titles are
//! ours and short; Meta's are not stable.

use std::ops::RangeInclusive;
use std::time::Duration;

use countersign_domain::delivery::{Fault, NextStep, Rejection, ThrottleScope};

use crate::http::Waits;

use Fault::{Account, Request, Template};
use Meaning::{Broken, Later, Never, OtherLanguage, Slow, SlowFor, Unclear};
use Rejection::{Country, Identity, Undeliverable};

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It was not sent; try again soon.
    Later,
    /// It was not sent, and Meta does not know why: once more.
    Unclear,
    /// Somebody has to slow down.
    Slow(ThrottleScope),
    /// Somebody has to slow down for so many seconds, unless the answer asks for longer.
    SlowFor(ThrottleScope, u32),
    /// Never again for this recipient.
    Never(Rejection),
    /// The template does not exist in this language.
    OtherLanguage,
    /// Something of ours is wrong.
    Broken(Fault),
}

/// One code, or several in a row.
pub(crate) struct Row {
    pub(crate) codes: RangeInclusive<u32>,
    pub(crate) meaning: Meaning,
    pub(crate) title: &'static str,
}

const fn one(code: u32, meaning: Meaning, title: &'static str) -> Row {
    span(code, code, meaning, title)
}

const fn span(first: u32, last: u32, meaning: Meaning, title: &'static str) -> Row {
    Row {
        codes: first..=last,
        meaning,
        title,
    }
}

/// Every code that can answer a message, in order.
pub(crate) const ROWS: &[Row] = &[
    one(0, Broken(Account), "the token was not accepted"),
    one(1, Unclear, "unknown error of the API"),
    one(2, Later, "temporarily down"),
    one(3, Broken(Account), "the app lacks a capability or permission"),
    one(4, Slow(ThrottleScope::Account), "too many calls of the app"),
    one(10, Broken(Account), "permission missing"),
    one(33, Broken(Account), "no such phone number id"),
    one(100, Broken(Request), "invalid parameter"),
    one(104, Broken(Account), "the proof of the app secret is wrong"),
    one(190, Broken(Account), "the token has expired"),
    span(200, 299, Broken(Account), "permission missing"),
    one(368, Broken(Account), "temporarily blocked for breaking a policy"),
    one(613, Slow(ThrottleScope::Account), "too many calls"),
    one(
        80_007,
        Slow(ThrottleScope::Account),
        "too many calls of the business account",
    ),
    one(
        80_008,
        Slow(ThrottleScope::Account),
        "too many calls of the business account",
    ),
    one(130_403, Never(Undeliverable), "the business has blocked this person"),
    one(130_429, Slow(ThrottleScope::Sender), "too many messages of this sender"),
    one(
        130_472,
        Never(Undeliverable),
        "the person is part of an experiment of Meta's",
    ),
    // Says something about one country. A fault of the account would stop the app's messages to all of them.
    one(130_497, Never(Country), "the business may not send to this country"),
    one(131_000, Later, "unknown failure"),
    one(131_005, Broken(Account), "access denied"),
    one(131_008, Broken(Request), "required parameter missing"),
    one(131_009, Broken(Request), "parameter with a bad value"),
    one(131_016, Later, "service unavailable"),
    one(131_021, Never(Undeliverable), "the recipient is the sender"),
    one(131_026, Never(Undeliverable), "undeliverable"),
    one(
        131_030,
        Never(Undeliverable),
        "not among the numbers a test sender may write to",
    ),
    one(131_031, Broken(Account), "account locked"),
    one(131_037, Broken(Account), "the sender's number lacks a display name"),
    one(131_042, Broken(Account), "payment problem"),
    one(
        131_045,
        Broken(Account),
        "the sender's number is not registered properly",
    ),
    one(
        131_047,
        Broken(Request),
        "the conversation is over: only a template may be sent",
    ),
    // Lasts hours when it comes: other senders go on, and nothing waits for this one.
    one(
        131_048,
        SlowFor(ThrottleScope::Sender, 3_600),
        "slowed down: too many recipients complained",
    ),
    one(131_049, Never(Undeliverable), "Meta chose not to deliver"),
    one(131_050, Never(Undeliverable), "the person wants no marketing"),
    span(
        131_051,
        131_053,
        Broken(Request),
        "message type or medium not supported",
    ),
    one(131_055, Broken(Request), "not the endpoint for this template"),
    one(
        131_056,
        Slow(ThrottleScope::Recipient),
        "too many messages to this person",
    ),
    one(131_057, Later, "the sender's number is in maintenance"),
    one(131_059, Broken(Request), "bad cursor"),
    one(
        131_062,
        Broken(Request),
        "needs a phone number, not a business-scoped id",
    ),
    one(131_063, Broken(Request), "marketing messages are disabled"),
    one(
        131_064,
        Broken(Account),
        "limit lowered for templates of the wrong category",
    ),
    one(
        132_000,
        Broken(Template),
        "the template has another number of parameters",
    ),
    one(132_001, OtherLanguage, "no such approved template in this language"),
    one(132_005, Broken(Template), "text too long"),
    one(132_007, Broken(Template), "the template's text breaks a policy"),
    one(132_008, Broken(Template), "invalid template parameter"),
    one(
        132_012,
        Broken(Template),
        "the template's parameters have another format",
    ),
    // Also what becomes of a message that was held for a quality assessment and not let go.
    one(132_015, Broken(Template), "template paused"),
    one(132_016, Broken(Template), "template disabled"),
    one(132_018, Broken(Template), "the template's parameters are not valid"),
    one(132_068, Broken(Template), "the template's flow is blocked"),
    one(132_069, Broken(Template), "the template's flow is slowed down"),
    span(
        133_000,
        133_003,
        Broken(Account),
        "the sender's number is not registered properly",
    ),
    one(133_004, Later, "temporarily unavailable"),
    span(
        133_005,
        133_009,
        Broken(Account),
        "the sender's number is not registered properly",
    ),
    one(133_010, Broken(Account), "the sender's number is not registered"),
    span(
        133_011,
        133_015,
        Broken(Account),
        "the sender's number is not registered properly",
    ),
    one(133_016, Slow(ThrottleScope::Account), "too many registrations"),
    one(134_011, Broken(Account), "payment terms not accepted"),
    span(134_100, 134_102, Broken(Request), "not the endpoint for this template"),
    one(135_000, Broken(Request), "a parameter of the request is wrong"),
    // The number may have a new owner.
    one(137_000, Never(Identity), "the person behind the number has changed"),
];

/// The row of a code.
pub(crate) fn row(code: u32) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.codes.contains(&code))
}

impl Meaning {
    /// The next step, with how long the provider asked to wait.
    ///
    /// The account's own wait says nothing about one sender or one recipient and is not applied to them.
    pub(crate) fn step(self, waits: Waits) -> NextStep {
        match self {
            Later => NextStep::Unavailable,
            Unclear => NextStep::Unclear,
            Never(rejection) => NextStep::Rejected(rejection),
            OtherLanguage => NextStep::AnotherLanguage,
            Broken(fault) => NextStep::Misconfigured(fault),
            Slow(ThrottleScope::Account) => NextStep::Throttled {
                scope: ThrottleScope::Account,
                // `None` is less than any wait.
                retry_after: waits.retry_after.max(waits.account),
            },
            Slow(scope) => NextStep::Throttled {
                scope,
                retry_after: waits.retry_after,
            },
            SlowFor(scope, seconds) => NextStep::Throttled {
                scope,
                retry_after: waits.retry_after.max(Some(Duration::from_secs(seconds.into()))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_none_hides_another() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].codes.end() < pair[1].codes.start(), "{:?}", pair[1].codes);
        }
        assert!(ROWS.iter().all(|row| row.codes.start() <= row.codes.end()));
    }

    #[test]
    fn the_longer_wait_counts_and_only_for_whom_it_is() {
        let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
        let waits = Waits {
            retry_after: seconds(7),
            account: seconds(120),
        };
        let asked = |scope| match Slow(scope).step(waits) {
            NextStep::Throttled { retry_after, .. } => retry_after,
            other => panic!("{other:?}"),
        };
        assert_eq!(asked(ThrottleScope::Account), seconds(120));
        assert_eq!(asked(ThrottleScope::Sender), seconds(7));
        assert_eq!(asked(ThrottleScope::Recipient), seconds(7));
    }
}
