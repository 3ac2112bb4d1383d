//! A client for the command line and for tests: credentials and a deadline on every call.

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use tonic::body::Body;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tower::ServiceExt;
use tower::util::BoxCloneService;

use crate::identity::{TokenError, is_token};
use crate::v1::admin_service_client::AdminServiceClient;
use crate::v1::template_service_client::TemplateServiceClient;
use crate::v1::verification_service_client::VerificationServiceClient;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection with a call on it may be silent before the server is asked for a sign of life, so that a
/// watch does not wait for a server that is gone.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the sign of life may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of the verification service.
pub type Client = VerificationServiceClient<InterceptedService<Channel, Credentials>>;

/// A client of the admin service.
pub type AdminClient = AdminServiceClient<InterceptedService<Channel, Credentials>>;

/// A client of the template service, wherever that is.
pub type TemplatesClient = TemplateServiceClient<BoxCloneService<hyper::Request<Body>, hyper::Response<Body>, Status>>;

/// Why a client could not connect.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address has the wrong shape.
    #[error("must be an address such as http://127.0.0.1:50051")]
    Endpoint(#[source] tonic::transport::Error),
    /// The address asks for TLS, which this client does not speak.
    #[error(
        "must begin with http://: this client speaks plaintext, for the loopback interface or a mesh that adds TLS"
    )]
    Scheme,
    /// Nobody answers there.
    #[error("nobody answers at that address")]
    Unreachable(#[source] tonic::transport::Error),
}

/// A bearer token, ready to be shown. Marked as sensitive, so that no library prints it; redacted in `Debug`.
#[derive(Clone)]
pub struct ClientToken(MetadataValue<Ascii>);

impl ClientToken {
    /// Takes a token of 1 to 256 printable ASCII characters without spaces.
    pub fn new(token: &str) -> Result<Self, TokenError> {
        if !is_token(token.as_bytes()) {
            return Err(TokenError::Shape);
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| TokenError::Shape)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for ClientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientToken(redacted)")
    }
}

/// Shows the token and says the deadline on every call of a [`Client`].
#[derive(Clone, Debug)]
pub struct Credentials {
    token: Option<ClientToken>,
    timeout: Duration,
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(ClientToken(token)) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        if request.metadata().get("grpc-timeout").is_none() {
            request.set_timeout(self.timeout);
        }
        Ok(request)
    }
}

/// Connects to a server at `endpoint`, such as `http://127.0.0.1:50051`.
///
/// Every call shows `token`, if there is one, and gives up after `timeout` unless it brings a time-out of its own.
pub async fn connect(endpoint: &str, token: Option<ClientToken>, timeout: Duration) -> Result<Client, ConnectError> {
    let channel = channel(endpoint).await?;
    Ok(VerificationServiceClient::with_interceptor(
        channel,
        Credentials { token, timeout },
    ))
}

/// Like [`connect`], for the admin service.
pub async fn connect_admin(
    endpoint: &str,
    token: Option<ClientToken>,
    timeout: Duration,
) -> Result<AdminClient, ConnectError> {
    let channel = channel(endpoint).await?;
    Ok(AdminServiceClient::with_interceptor(
        channel,
        Credentials { token, timeout },
    ))
}

/// Like [`connect`], for the template service.
pub async fn connect_templates(
    endpoint: &str,
    token: Option<ClientToken>,
    timeout: Duration,
) -> Result<TemplatesClient, ConnectError> {
    let credentials = Credentials { token, timeout };
    let service = InterceptedService::new(channel(endpoint).await?, credentials);
    let service = service
        .map_response(|response| response.map(Body::new))
        .map_err(|error| Status::from_error(error.into()));
    Ok(TemplateServiceClient::new(BoxCloneService::new(service)))
}

async fn channel(endpoint: &str) -> Result<Channel, ConnectError> {
    let endpoint: Endpoint = endpoint.parse().map_err(ConnectError::Endpoint)?;
    if endpoint.uri().scheme_str() != Some("http") {
        return Err(ConnectError::Scheme);
    }
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect()
        .await
        .map_err(ConnectError::Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_this_client_cannot_speak_to_is_refused_with_what_to_write() {
        for address in ["https://localhost:50051", "localhost:50051", "127.0.0.1:50051"] {
            let refused = connect(address, None, CONNECT_TIMEOUT).await.unwrap_err();
            assert!(matches!(refused, ConnectError::Scheme), "{address}: {refused:?}");
        }
        let refused = connect("no address", None, CONNECT_TIMEOUT).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Endpoint(_)), "{refused:?}");
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = ClientToken::new("secret-of-sixteen-characters").unwrap();
        let credentials = Credentials {
            token: Some(token),
            timeout: CONNECT_TIMEOUT,
        };
        let mut request = Request::new(());
        request = credentials.clone().call(request).unwrap();
        let printed = format!("{credentials:?} {request:?}");
        assert!(!printed.contains("secret"), "{printed}");
        assert_eq!(ClientToken::new("with space").unwrap_err(), TokenError::Shape);
    }
}
