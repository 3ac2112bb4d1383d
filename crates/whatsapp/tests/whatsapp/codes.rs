//! What every code has to come to, written down a second time and apart from the table under test.

use std::time::Duration;

use countersign_domain::delivery::{Fault, NextStep, Rejection, ThrottleScope};

const REJECTED: NextStep = NextStep::Rejected(Rejection::Undeliverable);
const COUNTRY: NextStep = NextStep::Rejected(Rejection::Country);
const IDENTITY: NextStep = NextStep::Rejected(Rejection::Identity);
const LATER: NextStep = NextStep::Unavailable;
const TEMPLATE: NextStep = NextStep::Misconfigured(Fault::Template);
const REQUEST: NextStep = NextStep::Misconfigured(Fault::Request);
const ACCOUNT: NextStep = NextStep::Misconfigured(Fault::Account);
const SLOW_RECIPIENT: NextStep = slow(ThrottleScope::Recipient);
const SLOW_SENDER: NextStep = slow(ThrottleScope::Sender);
const SLOW_SENDER_FOR_AN_HOUR: NextStep = NextStep::Throttled {
    scope: ThrottleScope::Sender,
    retry_after: Some(Duration::from_secs(3_600)),
};
const SLOW_ACCOUNT: NextStep = slow(ThrottleScope::Account);

const fn slow(scope: ThrottleScope) -> NextStep {
    NextStep::Throttled {
        scope,
        retry_after: None,
    }
}

/// Step by step, the codes that come to it.
pub(crate) const CODES: [(NextStep, &[u32]); 13] = [
    (
        REJECTED,
        &[130_403, 130_472, 131_021, 131_026, 131_030, 131_049, 131_050],
    ),
    (COUNTRY, &[130_497]),
    (IDENTITY, &[137_000]),
    (NextStep::Unclear, &[1]),
    (NextStep::AnotherLanguage, &[132_001]),
    (LATER, &[2, 131_000, 131_016, 131_057, 133_004]),
    (
        TEMPLATE,
        &[
            132_000, 132_005, 132_007, 132_008, 132_012, 132_015, 132_016, 132_018, 132_068, 132_069,
        ],
    ),
    (
        REQUEST,
        &[
            100, 131_008, 131_009, 131_047, 131_051, 131_052, 131_053, 131_055, 131_059, 131_062, 131_063, 134_100,
            134_101, 134_102, 135_000,
        ],
    ),
    (
        ACCOUNT,
        &[
            0, 3, 10, 33, 104, 190, 200, 250, 299, 368, 131_005, 131_031, 131_037, 131_042, 131_045, 131_064, 133_000,
            133_003, 133_005, 133_010, 133_015, 134_011,
        ],
    ),
    (SLOW_RECIPIENT, &[131_056]),
    (SLOW_SENDER, &[130_429]),
    (SLOW_SENDER_FOR_AN_HOUR, &[131_048]),
    (SLOW_ACCOUNT, &[4, 613, 80_007, 80_008, 133_016]),
];
