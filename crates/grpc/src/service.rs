//! The handlers of the verification service: parse, one use case, convert. No decision is made here.

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Error, Field, UseCases};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::convert;
use crate::deadline::Deadline;
use crate::errors;
use crate::unbroken::{Panicked, Unbroken};
use crate::v1;
use crate::v1::verification_service_server::VerificationService;
use crate::watch::{Answers, Limits, Watches};

/// A method of the service, for the log and for the paths of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Start,
    Check,
    Cancel,
    Get,
    Watch,
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
        }
    }

    /// Where a field of the domain stands in this method's request.
    pub(crate) const fn path(self, field: Field) -> &'static str {
        match (self, field) {
            (Self::Start, Field::App) => "recipient.app",
            (Self::Start, Field::Phone) => "recipient.phone",
            (Self::Start, Field::Purpose) => "recipient.purpose",
            (Self::Start, Field::Recipient) => "recipient",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::App) => "verification.recipient.app",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Phone) => "verification.recipient.phone",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Purpose) => "verification.recipient.purpose",
            (Self::Check | Self::Cancel | Self::Get | Self::Watch, Field::Recipient) => "verification.recipient",
            (_, Field::Id) => "verification.id",
            (_, Field::Verification) => "verification",
            (_, Field::Code) => "code",
            (_, Field::RequestId) => "request_id",
            (_, Field::Language) => "language",
            (_, Field::Package) => "app_package",
            (_, Field::Context) => "context",
        }
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
    fn of<T>(request: &Request<T>, method: Method) -> Result<Self, Status> {
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

/// The verification service over the use cases of one installation.
pub(crate) struct Verifications {
    pub(crate) use_cases: UseCases,
    /// One permit for each call that may be carried out now.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Who watches.
    pub(crate) watches: Watches,
}

impl Verifications {
    /// Carries a use case out to its end, so that a caller who goes away cannot tear it in half between charging and
    /// writing. The permit goes with the work: what is abandoned counts until it is done.
    async fn carry_out<T: Send + 'static>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Status> {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return Err(errors::overloaded(&call.caller.id, call.method.name()));
        };
        finish(Unbroken::new(async move {
            let _permit = permit;
            // Judged here, so that a failure is logged even when nobody waits for it any more.
            work.await.map_err(|error| errors::status(&error, &call))
        }))
        .await
    }
}

/// Waits for work that goes on to its end, whoever waits for it.
pub(crate) async fn finish<T: Send + 'static>(work: Unbroken<Result<T, Status>>) -> Result<T, Status> {
    match work.await {
        Ok(answer) => answer,
        Err(Panicked) => Err(errors::broken("a use case panicked")),
    }
}

pub(crate) type Answer<T> = Result<Response<T>, Status>;

#[async_trait::async_trait]
impl VerificationService for Verifications {
    async fn start_verification(
        &self,
        request: Request<v1::StartVerificationRequest>,
    ) -> Answer<v1::StartVerificationResponse> {
        let call = Call::of(&request, Method::Start)?;
        let order = convert::start_request(request.into_inner(), call.deadline).map_err(errors::malformed)?;
        let (start, caller) = (Arc::clone(&self.use_cases.start), Arc::clone(&call.caller));
        let answer = self
            .carry_out(call, async move { start.execute(&caller, order).await })
            .await?;
        Ok(Response::new(convert::start_response(&answer)))
    }

    async fn check_verification(
        &self,
        request: Request<v1::CheckVerificationRequest>,
    ) -> Answer<v1::CheckVerificationResponse> {
        let call = Call::of(&request, Method::Check)?;
        let order = convert::check_request(request.into_inner(), call.deadline).map_err(errors::malformed)?;
        let (check, caller) = (Arc::clone(&self.use_cases.check), Arc::clone(&call.caller));
        let answer = self
            .carry_out(call, async move { check.execute(&caller, order).await })
            .await?;
        Ok(Response::new(convert::check_response(&answer)))
    }

    async fn cancel_verification(
        &self,
        request: Request<v1::CancelVerificationRequest>,
    ) -> Answer<v1::CancelVerificationResponse> {
        let call = Call::of(&request, Method::Cancel)?;
        let name = convert::name(request.into_inner().verification).map_err(errors::malformed)?;
        let (cancel, caller) = (Arc::clone(&self.use_cases.cancel), Arc::clone(&call.caller));
        let view = self
            .carry_out(call, async move { cancel.execute(&caller, &name).await })
            .await?;
        Ok(Response::new(v1::CancelVerificationResponse {
            verification: Some(convert::verification(&view)),
        }))
    }

    async fn get_verification(
        &self,
        request: Request<v1::GetVerificationRequest>,
    ) -> Answer<v1::GetVerificationResponse> {
        let call = Call::of(&request, Method::Get)?;
        let name = convert::name(request.into_inner().verification).map_err(errors::malformed)?;
        let (get, caller) = (Arc::clone(&self.use_cases.get), Arc::clone(&call.caller));
        let view = self
            .carry_out(call, async move { get.execute(&caller, &name).await })
            .await?;
        Ok(Response::new(v1::GetVerificationResponse {
            verification: Some(convert::verification(&view)),
        }))
    }

    type WatchVerificationStream = Answers;

    async fn watch_verification(&self, request: Request<v1::WatchVerificationRequest>) -> Answer<Answers> {
        let call = Call::of(&request, Method::Watch)?;
        let limits = Limits::of(&request);
        let name = convert::name(request.into_inner().verification).map_err(errors::malformed)?;
        let place = self.watches.place().ok_or_else(|| errors::too_many_watches(&call))?;
        let (watch, caller) = (Arc::clone(&self.use_cases.watch), Arc::clone(&call.caller));
        let watching = self
            .carry_out(call.clone(), async move { watch.begin(&caller, &name).await })
            .await?;
        Ok(Response::new(Answers::follow(watching, place, call, limits)))
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
}
