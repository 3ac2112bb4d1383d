//! The handlers of the verification service: parse, one use case, convert. No decision is made here.

use std::sync::Arc;

use countersign_domain::use_case::{Error, UseCases};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::call::{Call, Method};
use crate::convert;
use crate::errors;
use crate::unbroken::{Panicked, Unbroken};
use crate::v1;
use crate::v1::verification_service_server::VerificationService;
use crate::watch::{Answers, Limits, Watches};

/// The verification service over the use cases of one installation.
pub(crate) struct Verifications {
    pub(crate) use_cases: UseCases,
    /// One permit for each call that may be carried out now.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Who watches.
    pub(crate) watches: Watches,
}

impl Verifications {
    async fn carry_out<T: Send + 'static>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Status> {
        carry_out(&self.in_flight, call, work).await
    }
}

/// Carries a use case out to its end, so that a caller who goes away cannot tear it in half between charging and
/// writing. The permit goes with the work: what is abandoned counts until it is done.
pub(crate) async fn carry_out<T: Send + 'static>(
    in_flight: &Arc<Semaphore>,
    call: Call,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Status> {
    let Ok(permit) = Arc::clone(in_flight).try_acquire_owned() else {
        return Err(errors::overloaded(&call.caller.id, call.method.name()));
    };
    finish(Unbroken::new(async move {
        let _permit = permit;
        // Judged here, so that a failure is logged even when nobody waits for it any more.
        work.await.map_err(|error| errors::status(&error, &call))
    }))
    .await
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
            // Kept in one place: it is large, and would be copied on its way.
            .carry_out(call, Box::pin(async move { start.execute(&caller, order).await }))
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
