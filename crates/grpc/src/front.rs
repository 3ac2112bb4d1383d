//! The front door: every request passes here, and no handler can be reached around it.
//!
//! It authenticates, gives the call its deadline, cuts it when that passes, and sees to it that every failure carries
//! an `ErrorInfo`, whoever made it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::Clock;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::deadline::{Deadline, Patience, patience};
use crate::errors;
use crate::identity::{Callers, Denied};

/// The services anybody may call. Health says one word; reflection tells what is in the public proto files and nothing
/// more. Everything else wants a token, a service that is added tomorrow included.
const OPEN: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// The calls that ask the provider while they are waited for, and have more time for it.
const TEMPLATES: &str = "/countersign.v1.TemplateService/";

/// The one way in.
pub(crate) struct Front {
    pub(crate) routes: Routes,
    pub(crate) callers: Callers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) request_timeout: Duration,
    pub(crate) template_timeout: Duration,
}

impl Front {
    /// Answers one request.
    pub(crate) async fn answer(&self, peer: SocketAddr, mut request: Request<Incoming>) -> Response<Body> {
        let arrived = self.clock.now();
        let path = request.uri().path().to_owned();
        let limit = if path.starts_with(TEMPLATES) {
            self.template_timeout
        } else {
            self.request_timeout
        };
        let patience = patience(request.headers(), limit);
        let callers = Patience::from_now(request.headers());
        request.extensions_mut().insert(Deadline(arrived.plus(patience)));
        request.extensions_mut().insert(callers);
        if !OPEN.iter().any(|open| path.starts_with(open)) {
            match self.callers.authenticate(request.headers()) {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                }
                Err(why) => return denied(peer, why),
            }
        }
        let response = tokio::time::timeout(patience, self.routes.clone().oneshot(request)).await;
        match response {
            Ok(Ok(response)) => detailed(response),
            Ok(Err(never)) => match never {},
            Err(_) => errors::too_slow(&path).into_http(),
        }
    }
}

fn denied(peer: SocketAddr, why: Denied) -> Response<Body> {
    tracing::warn!(peer = %peer.ip(), ?why, "a call without valid credentials was refused");
    errors::unauthenticated().into_http()
}

/// Puts details on a failure that has none: in the headers when there is no body, else in the trailers.
fn detailed(mut response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(Status::GRPC_STATUS) {
        add_details(response.headers_mut(), true);
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(|frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                add_details(&mut trailers, false);
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        }))
    })
}

fn add_details(headers: &mut HeaderMap, before_handler: bool) {
    let succeeded = headers.get(Status::GRPC_STATUS).is_none_or(|code| code == "0");
    if succeeded || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    let detailed = errors::framework(&status, before_handler);
    if detailed.add_header(headers).is_err() {
        tracing::error!("an error's details do not fit into headers");
    }
}
