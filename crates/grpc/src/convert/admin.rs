//! Requests and answers of the admin service.

use std::time::Duration;

use countersign_domain::guard::{Area, Block, BucketKey, Rung};
use countersign_domain::id::{AppId, CallerId, Purpose};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Field, ListedBlock, StartRequest};
use data_encoding::BASE32_NOPAD;
use tonic_types::FieldViolation;

use crate::call::Method;
use crate::convert::request::{Violations, start_request};
use crate::convert::response::time;
use crate::convert::templates::count;
use crate::v1;

/// Blocks in one answer: far more than anybody reads, and well below [`crate::templates::ANSWER_BYTES_MAX`].
const BLOCKS_MAX: usize = 10_000;
/// Characters of a block's id: 16 bytes in base-32.
const BLOCK_ID_CHARS: usize = 26;

/// A recipient, or all of an app's with one phone.
pub(crate) struct Whom {
    pub(crate) app: AppId,
    pub(crate) phone: PhoneNumber,
    pub(crate) purpose: Option<Purpose>,
}

/// Reads a request to explain: the start, and the caller to judge it as.
pub(crate) fn explain_request(
    request: v1::ExplainStartRequest,
    deadline: Timestamp,
) -> Result<(StartRequest, Option<CallerId>), Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let start = match request.start.map(|start| start_request(start, deadline)) {
        Some(Ok(start)) => Some(start),
        Some(Err(inside)) => {
            for violation in inside {
                violations.add(&format!("start.{}", violation.field), &violation.description);
            }
            None
        }
        None => {
            violations.add("start", &"is required: what StartVerification would be asked");
            None
        }
    };
    let caller = match request.caller.as_str() {
        "" => None,
        text => violations.read("caller", CallerId::parse(text)),
    };
    match (start, violations.0) {
        (Some(start), violations) if violations.is_empty() => Ok((start, caller)),
        (_, violations) => Err(violations),
    }
}

/// Reads a request to lift a block.
pub(crate) fn unblock_request(request: &v1::UnblockRequest) -> Result<BucketKey, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let path = Method::Unblock.path(Field::Block);
    violations.read(path, block_key(&request.id)).ok_or(violations.0)
}

/// Reads a request to hold.
pub(crate) fn hold_request(request: v1::HoldRecipientRequest) -> Result<(Whom, Duration), Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let whom = whom(request.recipient, &mut violations);
    let path = Method::HoldRecipient.path(Field::Hold);
    let hold = if let Some(hold) = request.hold {
        let hold = Duration::try_from(hold).ok().filter(|it| it.as_millis() > 0);
        violations.read(path, hold.ok_or("must be a time above zero"))
    } else {
        violations.add(path, &"is required: how long from now");
        None
    };
    match (whom, hold, violations.0) {
        (Some(whom), Some(hold), violations) if violations.is_empty() => Ok((whom, hold)),
        (_, _, violations) => Err(violations),
    }
}

/// Reads a request to release.
pub(crate) fn release_request(request: v1::ReleaseRecipientRequest) -> Result<Whom, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    whom(request.recipient, &mut violations).ok_or(violations.0)
}

/// Reads a request to erase.
pub(crate) fn erase_request(request: &v1::EraseRecipientRequest) -> Result<PhoneNumber, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let path = Method::EraseRecipient.path(Field::Phone);
    let phone = PhoneNumber::parse(&request.phone);
    violations.read(path, phone).ok_or(violations.0)
}

/// Writes the blocks.
pub(crate) fn blocks_response(blocks: &[ListedBlock]) -> v1::ListBlocksResponse {
    v1::ListBlocksResponse {
        blocks: blocks.iter().take(BLOCKS_MAX).map(listed).collect(),
    }
}

/// Writes how much was erased.
pub(crate) fn erase_response(records: usize) -> v1::EraseRecipientResponse {
    v1::EraseRecipientResponse {
        records_erased: count(records),
    }
}

fn whom(recipient: Option<v1::RecipientName>, violations: &mut Violations) -> Option<Whom> {
    let Some(recipient) = recipient else {
        violations.add(
            "recipient",
            &"is required: app and phone, and a purpose unless all are meant",
        );
        return None;
    };
    let app = violations.read("recipient.app", AppId::parse(&recipient.app));
    let phone = violations.read("recipient.phone", PhoneNumber::parse(&recipient.phone));
    let purpose = match recipient.purpose.as_str() {
        "" => Some(None),
        text => violations.read("recipient.purpose", Purpose::parse(text)).map(Some),
    };
    Some(Whom {
        app: app?,
        phone: phone?,
        purpose: purpose?,
    })
}

fn listed(it: &ListedBlock) -> v1::ListedBlock {
    let ListedBlock {
        key,
        block,
        in_force,
        ends_at,
    } = it;
    let Block {
        bucket,
        alarm,
        rung,
        score,
        raised_at,
        since,
    } = block;
    let (number_prefix, country) = match &bucket.area {
        Area::TenThousand(block) | Area::Thousand(block) => (block.prefix().to_owned(), String::new()),
        Area::Country(country) => (String::new(), country.to_string()),
        Area::Guesses => (String::new(), String::new()),
    };
    v1::ListedBlock {
        id: block_id(*key),
        app: bucket.app.as_ref().map(ToString::to_string).unwrap_or_default(),
        area: bucket.area.name().to_owned(),
        number_prefix,
        country,
        alarm: alarm.name().to_owned(),
        rung: rung.name().to_owned(),
        score: *score,
        raise_time: Some(time(*raised_at)),
        first_raise_time: Some(time(*since)),
        rung_in_force: in_force.map(Rung::name).unwrap_or_default().to_owned(),
        end_time: ends_at.map(time),
    }
}

fn block_id(key: BucketKey) -> String {
    BASE32_NOPAD.encode(key.as_bytes()).to_ascii_lowercase()
}

fn block_key(text: &str) -> Result<BucketKey, &'static str> {
    let problem = "must be 26 characters of lower-case base-32, as ListBlocks answered";
    if text.len() != BLOCK_ID_CHARS || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(problem);
    }
    let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
    let bytes = bytes.ok().and_then(|it| it.try_into().ok()).ok_or(problem)?;
    Ok(BucketKey::from_bytes(bytes))
}

#[cfg(test)]
mod tests {

    use countersign_domain::country::CountryCode;
    use countersign_domain::guard::{Alarm, Bucket, NumberBlock};

    use countersign_testkit::fixture;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_700_000_000_000);

    #[test]
    fn a_block_is_listed_by_an_id_that_lifts_it() {
        let listed_with = |area: Area, app: Option<AppId>| {
            let bucket = Bucket { app, area };
            let key = bucket.key(&fixture::identity());
            let block = Block {
                bucket,
                alarm: Alarm::Conversion,
                rung: Rung::SixHours,
                score: 14_200,
                raised_at: NOW,
                since: NOW,
            };
            let it = ListedBlock {
                key,
                block,
                in_force: None,
                ends_at: Some(NOW),
            };
            (key, listed(&it))
        };
        let numbers = Area::TenThousand(NumberBlock::from_prefix("+551198765"));
        let (key, said) = listed_with(numbers, Some(fixture::app_id()));
        assert_eq!(
            (said.app.as_str(), said.number_prefix.as_str(), said.country.as_str()),
            ("demo", "+551198765", "")
        );
        assert_eq!((said.rung.as_str(), said.rung_in_force.as_str()), ("6h", ""));
        assert_eq!(block_key(&said.id), Ok(key));
        let (_, said) = listed_with(Area::Country(CountryCode::parse("BR").unwrap()), None);
        assert_eq!(
            (said.app.as_str(), said.number_prefix.as_str(), said.country.as_str()),
            ("", "", "BR")
        );
        let (_, said) = listed_with(Area::Guesses, None);
        assert_eq!((said.number_prefix.as_str(), said.country.as_str()), ("", ""));
    }
}
