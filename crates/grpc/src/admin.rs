//! The handlers of the admin service: parse, one use case, convert. No decision is made here.

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::id::{AppId, CallerId};
use countersign_domain::use_case::{Error, StartExplanation, UseCases};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tonic_types::FieldViolation;

use crate::call::{Call, Method};
use crate::convert;
use crate::errors;
use crate::identity::Callers;
use crate::service::{Answer, carry_out};
use crate::templates::ANSWER_BYTES_MAX;
use crate::v1;
use crate::v1::admin_service_server::{AdminService, AdminServiceServer};

/// The admin service over the use cases of one installation.
pub(crate) struct Administration {
    use_cases: UseCases,
    /// Who may be asked about.
    callers: Callers,
    /// One permit for each call that may be carried out now.
    in_flight: Arc<Semaphore>,
}

/// The service, ready to be served; requests have at most `bytes_max`.
pub(crate) fn server(administration: Administration, bytes_max: usize) -> AdminServiceServer<Administration> {
    AdminServiceServer::new(administration)
        .max_decoding_message_size(bytes_max)
        .max_encoding_message_size(ANSWER_BYTES_MAX)
}

impl Administration {
    pub(crate) fn new(use_cases: &UseCases, callers: &Callers, in_flight: &Arc<Semaphore>) -> Self {
        Self {
            use_cases: use_cases.clone(),
            callers: callers.clone(),
            in_flight: Arc::clone(in_flight),
        }
    }

    async fn carry_out<T: Send + 'static>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Status> {
        carry_out(&self.in_flight, call, work).await
    }

    /// The caller to judge a start as. Whoever may not operate the app is told so by the use case, and not whom there
    /// is.
    fn asked_for(&self, id: Option<&CallerId>, call: &Call, app: &AppId) -> Result<Option<Arc<Caller>>, Status> {
        let Some(id) = id.filter(|_| call.caller.may_operate(app)) else {
            return Ok(None);
        };
        let unknown = || FieldViolation::new("caller", "is not a caller of this installation");
        let named = self.callers.named(id);
        named.map(Some).ok_or_else(|| errors::malformed(vec![unknown()]))
    }
}

#[async_trait::async_trait]
impl AdminService for Administration {
    async fn explain_start(&self, request: Request<v1::ExplainStartRequest>) -> Answer<v1::ExplainStartResponse> {
        let call = Call::of(&request, Method::ExplainStart)?;
        let (order, asks) = convert::explain_request(request.into_inner(), call.deadline).map_err(errors::malformed)?;
        let asks = self.asked_for(asks.as_ref(), &call, &order.app)?;
        let (explain, caller) = (Arc::clone(&self.use_cases.explain_start), Arc::clone(&call.caller));
        let currency = explain.currency();
        let explanation = self
            .carry_out(call, async move {
                refusal_as_data(explain.execute(&caller, asks.as_deref(), &order).await)
            })
            .await?;
        Ok(Response::new(convert::explain_response(&explanation, currency)))
    }

    async fn list_blocks(&self, request: Request<v1::ListBlocksRequest>) -> Answer<v1::ListBlocksResponse> {
        let call = Call::of(&request, Method::ListBlocks)?;
        let (admin, caller) = (Arc::clone(&self.use_cases.admin), Arc::clone(&call.caller));
        let blocks = self
            .carry_out(call, async move { admin.list_blocks(&caller).await })
            .await?;
        Ok(Response::new(convert::blocks_response(&blocks)))
    }

    async fn unblock(&self, request: Request<v1::UnblockRequest>) -> Answer<v1::UnblockResponse> {
        let call = Call::of(&request, Method::Unblock)?;
        let key = convert::unblock_request(&request.into_inner()).map_err(errors::malformed)?;
        let (admin, caller) = (Arc::clone(&self.use_cases.admin), Arc::clone(&call.caller));
        self.carry_out(call, async move { admin.unblock(&caller, key).await })
            .await?;
        Ok(Response::new(v1::UnblockResponse {}))
    }

    async fn hold_recipient(&self, request: Request<v1::HoldRecipientRequest>) -> Answer<v1::HoldRecipientResponse> {
        let call = Call::of(&request, Method::HoldRecipient)?;
        let (whom, hold) = convert::hold_request(request.into_inner()).map_err(errors::malformed)?;
        let (admin, caller) = (Arc::clone(&self.use_cases.admin), Arc::clone(&call.caller));
        let until = self
            .carry_out(call, async move {
                let purpose = whom.purpose.as_ref();
                admin
                    .hold_recipient(&caller, &whom.app, &whom.phone, purpose, hold)
                    .await
            })
            .await?;
        Ok(Response::new(v1::HoldRecipientResponse {
            hold_end_time: Some(convert::time(until)),
        }))
    }

    async fn release_recipient(
        &self,
        request: Request<v1::ReleaseRecipientRequest>,
    ) -> Answer<v1::ReleaseRecipientResponse> {
        let call = Call::of(&request, Method::ReleaseRecipient)?;
        let whom = convert::release_request(request.into_inner()).map_err(errors::malformed)?;
        let (admin, caller) = (Arc::clone(&self.use_cases.admin), Arc::clone(&call.caller));
        let released = self
            .carry_out(call, async move {
                let purpose = whom.purpose.as_ref();
                admin.release_recipient(&caller, &whom.app, &whom.phone, purpose).await
            })
            .await?;
        Ok(Response::new(v1::ReleaseRecipientResponse { released }))
    }

    async fn erase_recipient(&self, request: Request<v1::EraseRecipientRequest>) -> Answer<v1::EraseRecipientResponse> {
        let call = Call::of(&request, Method::EraseRecipient)?;
        let phone = convert::erase_request(&request.into_inner()).map_err(errors::malformed)?;
        let (admin, caller) = (Arc::clone(&self.use_cases.admin), Arc::clone(&call.caller));
        let records = self
            .carry_out(call, async move { admin.erase_recipient(&caller, &phone).await })
            .await?;
        Ok(Response::new(convert::erase_response(records)))
    }
}

/// What a start would be refused with before anything is looked up is an answer here, too: no allowed country, no template.
fn refusal_as_data(explained: Result<StartExplanation, Error>) -> Result<StartExplanation, Error> {
    let error = match explained {
        Ok(explanation) => return Ok(explanation),
        Err(error) => error,
    };
    let country = match &error {
        Error::CountryNotAllowed { country } => *country,
        Error::TemplateMissing
        | Error::CannotSend { .. }
        | Error::LimitReached { .. }
        | Error::Blocked { .. }
        | Error::ChallengeRequired { .. } => None,
        Error::Invalid(_)
        | Error::NotFound
        | Error::RequestIdReused
        | Error::Contended
        | Error::DeadlineExceeded
        | Error::MayNotOperate
        | Error::Store(_) => return Err(error),
    };
    Ok(StartExplanation {
        verdict: Err(error),
        country,
        restraint: None,
        quotas: Vec::new(),
        buckets: Vec::new(),
        price: None,
        is_returning: false,
    })
}

#[cfg(test)]
mod tests {
    use countersign_domain::country::CountryCode;

    use super::*;

    #[test]
    fn what_refuses_a_start_is_an_answer_and_what_keeps_one_from_being_explained_is_not() {
        let country = CountryCode::parse("DE");
        let refused = refusal_as_data(Err(Error::CountryNotAllowed { country })).unwrap();
        assert_eq!(refused.country, country);
        assert!(matches!(refused.verdict, Err(Error::CountryNotAllowed { .. })));
        assert!(refusal_as_data(Err(Error::TemplateMissing)).is_ok());
        for error in [Error::NotFound, Error::MayNotOperate, Error::Contended] {
            assert!(refusal_as_data(Err(error)).is_err());
        }
    }
}
