//! Plain HTTP with connections that are kept: one request, its whole answer.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Outcome;

/// An HTTP client. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Exchange(Client<HttpConnector, Full<Bytes>>);

impl Exchange {
    /// A client without connections.
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    /// Posts a JSON body and demands 200.
    pub(crate) async fn post(&self, url: &str, header: (&str, &str), body: impl Into<Bytes>) -> Outcome<()> {
        let request = Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json")
            .header(header.0, header.1)
            .body(Full::new(body.into()))
            .map_err(|error| format!("cannot ask {url}: {error}"))?;
        let answer = self.0.request(request).await;
        let answer = answer.map_err(|error| format!("{url} did not answer: {error}"))?;
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        let body = answer.into_body().collect().await;
        body.map_err(|error| format!("{url} did not finish its answer: {error}"))?;
        if status == 200 {
            Ok(())
        } else {
            Err(format!("{url} answered {status}"))
        }
    }
}
