//! What the stand-in answers, and how times are taken out of what is printed.

use countersign_grpc::v1::{
    ExplainStartResponse, GuardBlock, GuardBucket, GuardScope, ListedBlock, Price, QuotaStanding, RecipientRestraint,
    StartOutcome, StartRefusal,
};
use prost_types::{Duration, Timestamp};

/// The end of every hold: 2100.
pub(crate) const HOLD_END: Timestamp = Timestamp {
    seconds: 4_102_444_800,
    nanos: 0,
};

fn span(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

fn quota(rule: &str, key: &str, quota: &str, [cost, used, left]: [i64; 3], reset: i64) -> QuotaStanding {
    QuotaStanding {
        rule: rule.to_owned(),
        key: key.to_owned(),
        quota: quota.to_owned(),
        cost,
        used,
        left,
        reset_after: Some(span(reset)),
        ..QuotaStanding::default()
    }
}

fn bucket(of: GuardScope, area: &str, score: i64) -> GuardBucket {
    GuardBucket {
        scope: of.into(),
        area: area.to_owned(),
        score,
        threshold: 14_000,
        block: None,
    }
}

/// A start that nothing stands in the way of.
pub(crate) fn opened() -> ExplainStartResponse {
    let budget = QuotaStanding {
        currency: "USD".to_owned(),
        ..quota(
            "daily_spend",
            "app",
            "25.00 USD/day",
            [31_500, 3_150_000, 21_850_000],
            26_400,
        )
    };
    ExplainStartResponse {
        outcome: StartOutcome::Opened.into(),
        country: "BR".to_owned(),
        quotas: vec![
            quota("per_phone", "phone", "5/10m", [1, 1, 4], 120),
            quota("per_network", "client_network", "30/1h", [1, 0, 30], 0),
            budget,
            quota("unfinished_per_country", "country", "100 at a time", [1, 12, 88], 7_100),
        ],
        buckets: vec![
            bucket(GuardScope::App, "number_block_10000", 3_249),
            bucket(GuardScope::Service, "number_block_10000", 3_249),
            bucket(GuardScope::App, "country", 0),
            bucket(GuardScope::Service, "guesses", 0),
        ],
        price: Some(Price {
            currency: "USD".to_owned(),
            amount_micros: 31_500,
        }),
        returning: true,
        ..ExplainStartResponse::default()
    }
}

/// A start that a rule refuses, while a shadow rule has no room and a block is stopped.
pub(crate) fn refused() -> ExplainStartResponse {
    let mut it = opened();
    it.outcome = 0;
    it.returning = false;
    it.refusal = Some(StartRefusal {
        reason: "LIMIT_REACHED".to_owned(),
        message: "the limit per_phone is reached; it lets go in 120 s".to_owned(),
        rule: "per_phone".to_owned(),
        key: "phone".to_owned(),
        retry_after: Some(span(120)),
        ..StartRefusal::default()
    });
    it.restraint = Some(RecipientRestraint {
        rule: "operator_hold".to_owned(),
        end_time: Some(HOLD_END),
    });
    it.quotas[0] = QuotaStanding {
        refuses: true,
        retry_after: Some(span(120)),
        ..quota("per_phone", "phone", "5/10m", [1, 5, 0], 600)
    };
    it.quotas[1] = QuotaStanding {
        shadow: true,
        ..quota("per_network", "client_network", "30/1h", [1, 30, 0], 3_600)
    };
    it.buckets[0].score = 14_210;
    it.buckets[0].block = Some(GuardBlock {
        alarm: "conversion".to_owned(),
        rung: "6h".to_owned(),
        end_time: Some(HOLD_END),
    });
    it
}

/// A block of each kind: in force for a time, until it is lifted, and remembered only.
pub(crate) fn blocks() -> Vec<ListedBlock> {
    let numbers = ListedBlock {
        id: "mfrggzdfmztwq2lknnwg23tpoa".to_owned(),
        app: "shop".to_owned(),
        area: "number_block_10000".to_owned(),
        number_prefix: "+551198765".to_owned(),
        alarm: "conversion".to_owned(),
        rung: "6h".to_owned(),
        score: 14_210,
        raise_time: Some(HOLD_END),
        first_raise_time: Some(HOLD_END),
        rung_in_force: "6h".to_owned(),
        end_time: Some(HOLD_END),
        ..ListedBlock::default()
    };
    let country = ListedBlock {
        id: "nbswy3dpeb3w64tmmqqq4000aa".to_owned(),
        app: String::new(),
        area: "country".to_owned(),
        number_prefix: String::new(),
        country: "BR".to_owned(),
        rung: "manual".to_owned(),
        rung_in_force: "manual".to_owned(),
        end_time: None,
        ..numbers.clone()
    };
    let guesses = ListedBlock {
        id: "onqwyyjan5xgkidxnfzgk3djnu".to_owned(),
        app: String::new(),
        area: "guesses".to_owned(),
        number_prefix: String::new(),
        alarm: "wrong_guesses".to_owned(),
        rung: "challenge".to_owned(),
        rung_in_force: String::new(),
        ..numbers.clone()
    };
    vec![numbers, country, guesses]
}

/// What was printed, with `<time>` for all that follows a moment, and for how far away it is.
pub(crate) fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if let Some((before, _)) = line.split_once("2100-01-01") {
            return format!("{before}<time>");
        }
        match line.strip_suffix(" d left") {
            Some(before) => format!("{}<time>", before.trim_end_matches(|it: char| it.is_ascii_digit())),
            None => line.to_owned(),
        }
    });
    lines.map(|line| line + "\n").collect()
}
