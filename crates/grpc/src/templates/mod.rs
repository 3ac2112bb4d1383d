//! The handlers of the template service: parse, one use case, convert. No decision is made here.

mod apply;
mod local;

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::use_case::{ManageTemplates, TemplatesError};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::convert;
use crate::errors;
use crate::service::{Answer, finish};
use crate::unbroken::Unbroken;
use crate::v1;
use crate::v1::template_service_server::{TemplateService, TemplateServiceServer};
use crate::watch::Limits;

use apply::{Applies, Applying};

pub use local::local_templates;

/// Bytes of one answer: the most a gRPC client takes unless it is told otherwise. An app in every language of Meta's has
/// more to say than [`Config::message_bytes_max`](crate::Config) of the other answers.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A method of the template service, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TemplateMethod {
    Plan,
    Apply,
    List,
    Preview,
    Delete,
}

impl TemplateMethod {
    /// The method's name in the proto file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plan => "PlanTemplates",
            Self::Apply => "ApplyTemplates",
            Self::List => "ListTemplates",
            Self::Preview => "PreviewTemplates",
            Self::Delete => "DeleteTemplate",
        }
    }
}

/// What is known about a call before its message is looked at.
#[derive(Clone, Debug)]
pub(crate) struct TemplateCall {
    pub(crate) method: TemplateMethod,
    pub(crate) caller: Arc<Caller>,
}

impl TemplateCall {
    /// What the front door found out. Fails closed: a request that did not pass it is nobody's.
    fn of<T>(request: &Request<T>, method: TemplateMethod) -> Result<Self, Status> {
        match request.extensions().get::<Arc<Caller>>() {
            Some(caller) => Ok(Self {
                method,
                caller: Arc::clone(caller),
            }),
            None => Err(errors::unauthenticated()),
        }
    }
}

/// The template service over the use case of one installation.
pub(crate) struct Templates {
    manage: Arc<ManageTemplates>,
    /// One permit for each call that may be carried out now.
    in_flight: Arc<Semaphore>,
    applies: Applies,
}

/// The service, ready to be served; requests have at most `bytes_max`.
pub(crate) fn server(templates: Templates, bytes_max: usize) -> TemplateServiceServer<Templates> {
    TemplateServiceServer::new(templates)
        .max_decoding_message_size(bytes_max)
        .max_encoding_message_size(ANSWER_BYTES_MAX)
}

impl Templates {
    pub(crate) fn new(manage: &Arc<ManageTemplates>, in_flight: &Arc<Semaphore>) -> Self {
        Self {
            manage: Arc::clone(manage),
            in_flight: Arc::clone(in_flight),
            applies: Applies::default(),
        }
    }

    /// Carries a use case out to its end: a caller who goes away does not leave a template deleted in one account and
    /// not in the next.
    async fn carry_out<T: Send + 'static>(
        &self,
        call: TemplateCall,
        work: impl Future<Output = Result<T, TemplatesError>> + Send + 'static,
    ) -> Result<T, Status> {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return Err(errors::overloaded(&call.caller.id, call.method.name()));
        };
        finish(Unbroken::new(async move {
            let _permit = permit;
            // Judged here, so that a failure is logged even when nobody waits for it any more.
            work.await.map_err(|error| errors::templates_status(&error, &call))
        }))
        .await
    }
}

#[async_trait::async_trait]
impl TemplateService for Templates {
    async fn plan_templates(&self, request: Request<v1::PlanTemplatesRequest>) -> Answer<v1::PlanTemplatesResponse> {
        let call = TemplateCall::of(&request, TemplateMethod::Plan)?;
        let app = convert::app(&request.into_inner().app).map_err(errors::malformed)?;
        let (manage, caller) = (Arc::clone(&self.manage), Arc::clone(&call.caller));
        let plans = self
            .carry_out(call, async move { manage.plan(&caller, &app).await })
            .await?;
        Ok(Response::new(convert::plan_response(&plans)))
    }

    type ApplyTemplatesStream = Applying;

    async fn apply_templates(&self, request: Request<v1::ApplyTemplatesRequest>) -> Answer<Applying> {
        let call = TemplateCall::of(&request, TemplateMethod::Apply)?;
        let limits = Limits::of(&request);
        let app = convert::app(&request.into_inner().app).map_err(errors::malformed)?;
        // Whoever may not apply is told so by the use case, and not whether somebody else does.
        let turn = if call.caller.may_manage_templates(&app) {
            Some(self.applies.begin(&app).ok_or_else(errors::apply_running)?)
        } else {
            None
        };
        let applying = Applying::begin(Arc::clone(&self.manage), app, turn, call, limits);
        Ok(Response::new(applying))
    }

    async fn list_templates(&self, request: Request<v1::ListTemplatesRequest>) -> Answer<v1::ListTemplatesResponse> {
        let call = TemplateCall::of(&request, TemplateMethod::List)?;
        let app = convert::app(&request.into_inner().app).map_err(errors::malformed)?;
        let (manage, caller) = (Arc::clone(&self.manage), Arc::clone(&call.caller));
        let accounts = self
            .carry_out(call, async move { manage.list(&caller, &app).await })
            .await?;
        Ok(Response::new(convert::list_response(&accounts)))
    }

    async fn preview_templates(
        &self,
        request: Request<v1::PreviewTemplatesRequest>,
    ) -> Answer<v1::PreviewTemplatesResponse> {
        let call = TemplateCall::of(&request, TemplateMethod::Preview)?;
        let wanted = convert::preview_request(&request.into_inner()).map_err(errors::malformed)?;
        let (manage, caller) = (Arc::clone(&self.manage), Arc::clone(&call.caller));
        let previews = self
            .carry_out(call, async move { manage.preview(&caller, &wanted).await })
            .await?;
        Ok(Response::new(convert::preview_response(&previews)))
    }

    async fn delete_template(&self, request: Request<v1::DeleteTemplateRequest>) -> Answer<v1::DeleteTemplateResponse> {
        let call = TemplateCall::of(&request, TemplateMethod::Delete)?;
        let which = convert::delete_request(&request.into_inner()).map_err(errors::malformed)?;
        let (manage, caller) = (Arc::clone(&self.manage), Arc::clone(&call.caller));
        let languages = self
            .carry_out(call, async move { manage.delete(&caller, &which).await })
            .await?;
        Ok(Response::new(convert::delete_response(languages)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_did_not_pass_the_front_door_is_nobodys() {
        let refused = TemplateCall::of(&Request::new(()), TemplateMethod::Plan).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    }
}
