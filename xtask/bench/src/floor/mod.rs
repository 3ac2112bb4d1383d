//! The floor: a bare tonic server that gives the service's own answers and does nothing on the way, or nothing but the
//! service's round trips to Redis and its message.
//!
//! It speaks the service's contract, so that the load, the message on the wire and the client's work are the same to
//! the byte. Kept out: tokens, deadlines, rules, codes, digests, encryption, logs.

mod start;
mod webhooks;
mod work;

use countersign_grpc::v1;
use countersign_grpc::v1::verification_service_server::{VerificationService, VerificationServiceServer};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::Outcome;
use crate::options::FloorOptions;
pub(crate) use start::{Answers, FloorServer};
pub(crate) use webhooks::serve as serve_webhooks;
use work::Work;

/// What an id is filled up with behind the key, to the length of the service's.
const ID_FILLER: &str = "aaaaaaaaaaaaa";

/// Serves until the process is killed. Says its address on standard output.
pub(crate) async fn serve(options: FloorOptions) -> Outcome<()> {
    let floor = Floor {
        start_answer: decoded(&options.start_answer)?,
        check_answer: decoded(&options.check_answer)?,
        work: match (&options.redis, options.sink) {
            (Some(redis), Some(sink)) => Some(Work::connect(redis, sink, &options).await?),
            _ => None,
        },
    };
    let fault = |error: &dyn std::error::Error| format!("the floor cannot serve: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| fault(&error))?;
    println!("{}", listener.local_addr().map_err(|error| fault(&error))?);
    Server::builder()
        .add_service(VerificationServiceServer::new(floor))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
        .map_err(|error| fault(&error))
}

fn decoded<T: prost::Message + Default>(hex: &str) -> Outcome<T> {
    let bytes = HEXLOWER.decode(hex.as_bytes());
    let message = bytes.ok().and_then(|bytes| T::decode(&bytes[..]).ok());
    message.ok_or_else(|| "an answer is not one".to_owned())
}

struct Floor {
    start_answer: v1::StartVerificationResponse,
    check_answer: v1::CheckVerificationResponse,
    work: Option<Work>,
}

#[tonic::async_trait]
impl VerificationService for Floor {
    async fn start_verification(
        &self,
        request: Request<v1::StartVerificationRequest>,
    ) -> Result<Response<v1::StartVerificationResponse>, Status> {
        let mut answer = self.start_answer.clone();
        if let Some(work) = &self.work {
            let phone = request.into_inner().recipient.map(|it| it.phone).unwrap_or_default();
            let key = work.start(phone).await.map_err(Status::internal)?;
            if let Some(verification) = &mut answer.verification {
                verification.id = id_of(key);
            }
        }
        Ok(Response::new(answer))
    }

    async fn check_verification(
        &self,
        request: Request<v1::CheckVerificationRequest>,
    ) -> Result<Response<v1::CheckVerificationResponse>, Status> {
        if let Some(work) = &self.work {
            let name = request.into_inner().verification.and_then(|it| it.name);
            let Some(v1::verification_name::Name::Id(id)) = name else {
                return Err(Status::invalid_argument("no id"));
            };
            let key = key_of(&id).ok_or_else(|| Status::invalid_argument("no id of this floor"))?;
            work.check(key).await.map_err(Status::internal)?;
        }
        Ok(Response::new(self.check_answer.clone()))
    }

    async fn cancel_verification(
        &self,
        _: Request<v1::CancelVerificationRequest>,
    ) -> Result<Response<v1::CancelVerificationResponse>, Status> {
        Err(Status::unimplemented("a floor starts and checks"))
    }

    async fn get_verification(
        &self,
        _: Request<v1::GetVerificationRequest>,
    ) -> Result<Response<v1::GetVerificationResponse>, Status> {
        Err(Status::unimplemented("a floor starts and checks"))
    }

    type WatchVerificationStream = BoxStream<v1::WatchVerificationResponse>;

    async fn watch_verification(
        &self,
        _: Request<v1::WatchVerificationRequest>,
    ) -> Result<Response<Self::WatchVerificationStream>, Status> {
        Err(Status::unimplemented("a floor starts and checks"))
    }
}

/// An id as long as the service's, with the key in it.
fn id_of(key: [u8; 16]) -> String {
    format!("cs_{}{ID_FILLER}", BASE32_NOPAD.encode(&key))
}

fn key_of(id: &str) -> Option<[u8; 16]> {
    let key = id.strip_prefix("cs_")?.strip_suffix(ID_FILLER)?;
    BASE32_NOPAD.decode(key.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_its_key_and_is_as_long_as_the_services() {
        let key = *b"0123456789abcdef";
        assert_eq!(id_of(key).len(), 42);
        assert_eq!(key_of(&id_of(key)), Some(key));
        assert_eq!(key_of("cs_"), None);
    }
}
