//! `watch`: a verification as it goes on, across lost connections, until it has ended.

use std::process::ExitCode;
use std::time::Duration;

use countersign_grpc::v1::{
    RecipientName, Verification, VerificationName, VerificationState, WatchVerificationRequest, verification_name::Name,
};
use tokio::time::{sleep, timeout};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::cli::WatchArgs;
use crate::client::failure::Failure;
use crate::client::words::say;
use crate::client::{CALL_TIMEOUT, NOT_APPROVED, changes, connect, name, print};
use crate::environment::Environment;

/// The wait before a service that was lost is called again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What was seen so far, and what stands in the way of more.
struct Watcher<'a> {
    args: &'a WatchArgs,
    environment: &'a Environment,
    seen: Option<Verification>,
    was_connected: bool,
    trouble: Option<Failure>,
}

/// Follows a verification until it has ended or the time is up. Ends with 0 only when it was approved.
pub(crate) async fn watch(args: WatchArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let patience = Duration::from_secs(args.timeout);
    let mut watcher = Watcher {
        args: &args,
        environment,
        seen: None,
        was_connected: false,
        trouble: None,
    };
    let ended = timeout(patience, watcher.follow()).await;
    let Watcher { seen, trouble, .. } = watcher;
    match (ended, trouble) {
        (Ok(Err(failure)), _) | (Err(_), Some(failure)) => failure.tell(json),
        (Ok(Ok(())), _) => {
            let approved = seen.is_some_and(|it| it.state() == VerificationState::Approved);
            if approved {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(NOT_APPROVED)
            }
        }
        (Err(_), None) if seen.is_none() => {
            let problem = format!("no answer came within {} s", args.timeout);
            Failure::Unreachable(problem).tell(json)
        }
        (Err(_), None) => {
            if !json {
                eprintln!(
                    "countersign: still open after {} s, and no longer watched",
                    args.timeout
                );
            }
            ExitCode::from(NOT_APPROVED)
        }
    }
}

impl Watcher<'_> {
    /// Listens until the verification has ended, again and again when the service is lost.
    async fn follow(&mut self) -> Result<(), Failure> {
        loop {
            match self.listen().await {
                Ok(()) => return Ok(()),
                Err(failure) if self.may_pass(&failure) => self.note(failure),
                Err(failure) => return Err(failure),
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    async fn listen(&mut self) -> Result<(), Failure> {
        let mut client = connect(&self.args.client, self.environment).await?;
        self.was_connected = true;
        let mut request = Request::new(WatchVerificationRequest {
            verification: Some(self.name()),
        });
        // More than this command waits, so that it is the one to end it.
        request.set_timeout(Duration::from_secs(self.args.timeout) + CALL_TIMEOUT);
        let mut answers = client.watch_verification(request).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            self.trouble = None;
            if let Some(verification) = answer.verification {
                self.see(verification);
            }
        }
        Ok(())
    }

    /// By its id as soon as that is known, so that a newer one is not mistaken for it after a lost connection.
    fn name(&self) -> VerificationName {
        let id = self.seen.as_ref().map(|it| it.id.clone());
        match (id.or_else(|| self.args.id.clone()), &self.args.phone) {
            (Some(id), _) => name(id),
            (None, phone) => VerificationName {
                name: Some(Name::Recipient(RecipientName {
                    app: self.args.app.clone(),
                    phone: phone.clone().unwrap_or_default(),
                    purpose: self.args.purpose.clone(),
                })),
            },
        }
    }

    fn see(&mut self, verification: Verification) {
        // After a lost connection the first answer is often what was seen before.
        if self.seen.as_ref() == Some(&verification) {
            return;
        }
        if self.args.client.json {
            say!("{}", print::to_json(&verification));
        } else {
            match &self.seen {
                Some(before) => changes::print(before, &verification),
                None => changes::begin(&verification),
            }
        }
        self.seen = Some(verification);
    }

    /// Whether it may help to call again.
    fn may_pass(&self, failure: &Failure) -> bool {
        match failure {
            // An address at which nobody ever answered is probably wrong.
            Failure::Unreachable(_) => self.was_connected,
            Failure::Misconfigured(_) => false,
            Failure::Refused(status) => match status.code() {
                Code::Unavailable => true,
                // What breaks on the way is not always called so. The service's own failures have a reason.
                Code::Unknown | Code::Internal | Code::Cancelled => is_of_the_network(status),
                _ => false,
            },
        }
    }

    /// Says once that the service is lost.
    fn note(&mut self, failure: Failure) {
        if self.trouble.is_none() && !self.args.client.json {
            match &failure {
                Failure::Refused(status) if !is_of_the_network(status) => {
                    eprintln!("countersign: {}; calling again", status.message());
                }
                Failure::Refused(_) | Failure::Unreachable(_) | Failure::Misconfigured(_) => {
                    eprintln!("countersign: the connection is lost; calling again");
                }
            }
        }
        self.trouble = Some(failure);
    }
}

fn is_of_the_network(status: &Status) -> bool {
    status.get_details_error_info().is_none()
}
