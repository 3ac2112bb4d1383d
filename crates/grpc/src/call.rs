//! What is known about a call of the verification and the admin service before its message is looked at.

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::Field;
use tonic::{Request, Status};

use crate::deadline::Deadline;
use crate::errors;

/// A method of one of the two services, for the log and for the paths of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Start,
    Check,
    Cancel,
    Get,
    Watch,
    ExplainStart,
    ListBlocks,
    Unblock,
    HoldRecipient,
    ReleaseRecipient,
    EraseRecipient,
}

impl Method {
    /// The method's name in the proto file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Start => "StartVerification",
            Self::Check => "CheckVerification",
            Self::Cancel => "CancelVerification",
            Self::Get => "GetVerification",
            Self::Watch => "WatchVerification",
            Self::ExplainStart => "ExplainStart",
            Self::ListBlocks => "ListBlocks",
            Self::Unblock => "Unblock",
            Self::HoldRecipient => "HoldRecipient",
            Self::ReleaseRecipient => "ReleaseRecipient",
            Self::EraseRecipient => "EraseRecipient",
        }
    }

    /// Where a field of the domain stands in this method's request.
    pub(crate) const fn path(self, field: Field) -> &'static str {
        match (self, field) {
            (Self::ExplainStart, field) => in_start(field),
            (Self::EraseRecipient, Field::Phone) => "phone",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::App) => "verification.recipient.app",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Phone) => "verification.recipient.phone",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Purpose) => "verification.recipient.purpose",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Recipient) => "verification.recipient",
            (_, Field::App) => "recipient.app",
            (_, Field::Phone) => "recipient.phone",
            (_, Field::Purpose) => "recipient.purpose",
            (_, Field::Recipient) => "recipient",
            (_, Field::Id) => "verification.id",
            (_, Field::Verification) => "verification",
            (_, Field::Code) => "code",
            (_, Field::RequestId) => "request_id",
            (_, Field::Language) => "language",
            (_, Field::Package) => "app_package",
            (_, Field::Context) => "context",
            (_, Field::ClientIp) => "client.ip_address",
            (_, Field::Device) => "client.device_id",
            (_, Field::ChallengeAnswer) => "client.challenge_answer",
            (_, Field::Block) => "id",
            (_, Field::Hold) => "hold",
        }
    }
}

/// Where a field stands in a request that holds one to start.
const fn in_start(field: Field) -> &'static str {
    match field {
        Field::App => "start.recipient.app",
        Field::Phone => "start.recipient.phone",
        Field::Purpose => "start.recipient.purpose",
        Field::Recipient => "start.recipient",
        Field::RequestId => "start.request_id",
        Field::Language => "start.language",
        Field::Package => "start.app_package",
        Field::Context => "start.context",
        Field::ClientIp => "start.client.ip_address",
        Field::Device => "start.client.device_id",
        Field::ChallengeAnswer => "start.client.challenge_answer",
        Field::Id | Field::Verification | Field::Code | Field::Block | Field::Hold => "start",
    }
}

/// What is known about a call before its message is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) caller: Arc<Caller>,
    pub(crate) deadline: Timestamp,
}

impl Call {
    /// What the front door found out. Fails closed: a request that did not pass it is nobody's.
    pub(crate) fn of<T>(request: &Request<T>, method: Method) -> Result<Self, Status> {
        let caller = request.extensions().get::<Arc<Caller>>();
        let deadline = request.extensions().get::<Deadline>();
        match (caller, deadline) {
            (Some(caller), Some(&Deadline(deadline))) => Ok(Self {
                method,
                caller: Arc::clone(caller),
                deadline,
            }),
            _ => Err(errors::unauthenticated()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_did_not_pass_the_front_door_is_nobodys() {
        let refused = Call::of(&Request::new(()), Method::Get).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        // A caller alone is not enough either: without a deadline there is no limit.
        let mut request = Request::new(());
        request
            .extensions_mut()
            .insert(Arc::new(countersign_testkit::fixture::caller()));
        assert!(Call::of(&request, Method::Get).is_err());
    }

    #[test]
    fn a_field_of_an_explained_start_is_named_inside_it() {
        for field in [Field::Phone, Field::ClientIp, Field::Language] {
            let inside = format!("start.{}", Method::Start.path(field));
            assert_eq!(Method::ExplainStart.path(field), inside);
        }
    }
}
