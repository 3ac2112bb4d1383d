//! A stand-in for the service: answers what a test wants, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_grpc::v1::admin_service_server::{AdminService, AdminServiceServer};
use countersign_grpc::v1::verification_service_server::{VerificationService, VerificationServiceServer};
use countersign_grpc::v1::{self, StartVerificationRequest};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::common::process::{Ended, countersign, run};

type Answer<T> = Result<Response<T>, Status>;

/// What is answered, and what was asked.
#[derive(Default)]
pub(crate) struct Book {
    /// What a start and a check are refused with.
    pub(crate) refusal: Option<Status>,
    pub(crate) explanation: v1::ExplainStartResponse,
    pub(crate) blocks: Vec<v1::ListedBlock>,
    pub(crate) released: bool,
    pub(crate) records_erased: i32,
    /// Starts, also those to explain.
    pub(crate) starts: Vec<StartVerificationRequest>,
    pub(crate) checks: Vec<v1::CheckVerificationRequest>,
    /// As whom starts were to be explained.
    pub(crate) callers: Vec<String>,
    pub(crate) lifted: Vec<String>,
    pub(crate) holds: Vec<v1::HoldRecipientRequest>,
    pub(crate) releases: Vec<v1::RecipientName>,
    pub(crate) erasures: Vec<String>,
}

/// The stand-in, and the command line beside it.
pub(crate) struct Service {
    book: Arc<Mutex<Book>>,
    address: String,
    state: TempDir,
}

impl Service {
    /// Serves until the test ends.
    pub(crate) async fn start(change: impl FnOnce(&mut Book)) -> Self {
        let mut book = Book::default();
        change(&mut book);
        let book = Arc::new(Mutex::new(book));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let services = Server::builder()
            .add_service(AdminServiceServer::new(Desk(Arc::clone(&book))))
            .add_service(VerificationServiceServer::new(Desk(Arc::clone(&book))));
        tokio::spawn(services.serve_with_incoming(TcpIncoming::from(listener)));
        let state = tempfile::tempdir().unwrap();
        Self { book, address, state }
    }

    /// Runs a command that speaks to it.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        let mut command = countersign(self.state.path());
        run(command.args(args).args(["--server", &self.address])).await
    }

    /// Runs a command with `--json`: its exit code and what it printed.
    pub(crate) async fn json(&self, args: &[&str]) -> (i32, serde_json::Value) {
        let ended = self.run(&[args, &["--json"]].concat()).await;
        assert_eq!(ended.stderr, "", "{args:?}");
        let answer = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (ended.code.unwrap(), answer)
    }

    /// What was asked so far.
    pub(crate) fn asked<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.book.lock().unwrap())
    }
}

struct Desk(Arc<Mutex<Book>>);

impl Desk {
    fn write<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn refusal(book: &Book) -> Status {
        book.refusal
            .clone()
            .unwrap_or_else(|| Status::unimplemented("no refusal was given"))
    }
}

#[async_trait]
impl AdminService for Desk {
    async fn explain_start(&self, request: Request<v1::ExplainStartRequest>) -> Answer<v1::ExplainStartResponse> {
        let v1::ExplainStartRequest { start, caller } = request.into_inner();
        let answer = self.write(|book| {
            book.starts.extend(start);
            book.callers.push(caller);
            book.explanation.clone()
        });
        Ok(Response::new(answer))
    }

    async fn list_blocks(&self, _: Request<v1::ListBlocksRequest>) -> Answer<v1::ListBlocksResponse> {
        let blocks = self.write(|book| book.blocks.clone());
        Ok(Response::new(v1::ListBlocksResponse { blocks }))
    }

    async fn unblock(&self, request: Request<v1::UnblockRequest>) -> Answer<v1::UnblockResponse> {
        self.write(|book| book.lifted.push(request.into_inner().id));
        Ok(Response::new(v1::UnblockResponse {}))
    }

    async fn hold_recipient(&self, request: Request<v1::HoldRecipientRequest>) -> Answer<v1::HoldRecipientResponse> {
        self.write(|book| book.holds.push(request.into_inner()));
        let hold_end_time = Some(crate::answers::HOLD_END);
        Ok(Response::new(v1::HoldRecipientResponse { hold_end_time }))
    }

    async fn release_recipient(
        &self,
        request: Request<v1::ReleaseRecipientRequest>,
    ) -> Answer<v1::ReleaseRecipientResponse> {
        let released = self.write(|book| {
            book.releases.extend(request.into_inner().recipient);
            book.released
        });
        Ok(Response::new(v1::ReleaseRecipientResponse { released }))
    }

    async fn erase_recipient(&self, request: Request<v1::EraseRecipientRequest>) -> Answer<v1::EraseRecipientResponse> {
        let records_erased = self.write(|book| {
            book.erasures.push(request.into_inner().phone);
            book.records_erased
        });
        Ok(Response::new(v1::EraseRecipientResponse { records_erased }))
    }
}

#[async_trait]
impl VerificationService for Desk {
    async fn start_verification(
        &self,
        request: Request<StartVerificationRequest>,
    ) -> Answer<v1::StartVerificationResponse> {
        Err(self.write(|book| {
            book.starts.push(request.into_inner());
            Self::refusal(book)
        }))
    }

    async fn check_verification(
        &self,
        request: Request<v1::CheckVerificationRequest>,
    ) -> Answer<v1::CheckVerificationResponse> {
        Err(self.write(|book| {
            book.checks.push(request.into_inner());
            Self::refusal(book)
        }))
    }

    async fn cancel_verification(
        &self,
        _: Request<v1::CancelVerificationRequest>,
    ) -> Answer<v1::CancelVerificationResponse> {
        Err(Status::unimplemented("no test cancels"))
    }

    async fn get_verification(&self, _: Request<v1::GetVerificationRequest>) -> Answer<v1::GetVerificationResponse> {
        Err(Status::unimplemented("no test gets"))
    }

    type WatchVerificationStream = tonic::codegen::BoxStream<v1::WatchVerificationResponse>;

    async fn watch_verification(
        &self,
        _: Request<v1::WatchVerificationRequest>,
    ) -> Answer<Self::WatchVerificationStream> {
        Err(Status::unimplemented("no test watches"))
    }
}
