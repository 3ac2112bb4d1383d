//! The template service without a server: for a command that has the use cases in its own process.

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::use_case::ManageTemplates;
use hyper::Request;
use tokio::sync::Semaphore;
use tonic::body::Body;
use tower::ServiceExt;

use crate::client::TemplatesClient;
use crate::templates::{Templates, server};

/// How many calls at a time: one command makes one.
const CALLS_MAX: usize = 8;
/// Bytes of one request: more than any has.
const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// A client whose calls go straight to the use case, as `caller`: same requests, same answers, same errors as over the
/// wire. Nothing is authenticated, and no call has a deadline of the server's.
pub fn local_templates(manage: &Arc<ManageTemplates>, caller: Caller) -> TemplatesClient {
    let templates = Templates::new(manage, &Arc::new(Semaphore::new(CALLS_MAX)));
    let caller = Arc::new(caller);
    let service = server(templates, REQUEST_BYTES_MAX)
        .map_request(move |mut request: Request<Body>| {
            request.extensions_mut().insert(Arc::clone(&caller));
            request
        })
        .map_err(|never| match never {});
    TemplatesClient::new(tower::util::BoxCloneService::new(service))
}
