//! The command line as a client: a gRPC client like any other, for people and for scripts.

mod changes;
pub(crate) mod failure;
mod print;
mod watch;
pub(crate) mod words;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use countersign_grpc::v1::{
    self, CancelVerificationRequest, CheckOutcome, CheckVerificationRequest, GetVerificationRequest, Platform,
    RecipientName, StartVerificationRequest, VerificationName, verification_name::Name,
};
use countersign_grpc::{AdminClient, Client, ClientToken, ConnectError, TemplatesClient};

use crate::cli::{CheckArgs, ClientArgs, DeviceArgs, IdArgs, OrderArgs, PlatformArg, StartArgs};
use crate::client::failure::Failure;
use crate::environment::Environment;
use crate::profile::Profile;

pub(crate) use watch::watch;

/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The exit code of a check or a watch whose answer is not "approved"; 2 is a wrong usage.
const NOT_APPROVED: u8 = 3;

/// Asks a person for a code.
pub(crate) async fn start(args: StartArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let request = start_request(args.app, args.phone, args.purpose, args.order);
    let answer = async {
        let mut client = connect(&args.client, environment).await?;
        Ok::<_, Failure>(client.start_verification(request).await?.into_inner())
    };
    match answer.await {
        Ok(answer) => print::started(&answer, &environment.command(), json),
        Err(failure) => failure.tell(json),
    }
}

/// Compares what a person typed with the code. Ends with 0 only when it is right.
pub(crate) async fn check(args: CheckArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let request = CheckVerificationRequest {
        verification: Some(name(args.id)),
        code: args.code,
        request_id: args.request_id,
        context: args.context.into_iter().collect(),
        client: device(args.device),
    };
    let answer = async {
        let mut client = connect(&args.client, environment).await?;
        Ok::<_, Failure>(client.check_verification(request).await?.into_inner())
    };
    match answer.await {
        Ok(answer) => {
            let approved = answer.outcome() == CheckOutcome::Approved;
            let printed = print::checked(&answer, json);
            if approved {
                printed
            } else {
                ExitCode::from(NOT_APPROVED)
            }
        }
        Err(failure) => failure.tell(json),
    }
}

/// Shows a verification.
pub(crate) async fn get(args: IdArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let request = GetVerificationRequest {
        verification: Some(name(args.id)),
    };
    let answer = async {
        let mut client = connect(&args.client, environment).await?;
        Ok::<_, Failure>(client.get_verification(request).await?.into_inner().verification)
    };
    match answer.await {
        Ok(verification) => print::verification(verification.as_ref(), json),
        Err(failure) => failure.tell(json),
    }
}

/// Ends an open verification.
pub(crate) async fn cancel(args: IdArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let request = CancelVerificationRequest {
        verification: Some(name(args.id)),
    };
    let answer = async {
        let mut client = connect(&args.client, environment).await?;
        Ok::<_, Failure>(client.cancel_verification(request).await?.into_inner().verification)
    };
    match answer.await {
        Ok(verification) => print::verification(verification.as_ref(), json),
        Err(failure) => failure.tell(json),
    }
}

/// The request to start that the command line describes.
pub(crate) fn start_request(app: String, phone: String, purpose: String, order: OrderArgs) -> StartVerificationRequest {
    StartVerificationRequest {
        recipient: Some(RecipientName { app, phone, purpose }),
        request_id: order.request_id,
        language: order.language,
        context: order.context.into_iter().collect(),
        accept_identity_change: order.accept_identity_change,
        platform: order.platform.map_or(Platform::Unspecified, Platform::from).into(),
        app_package: order.package,
        client: device(order.device),
    }
}

/// What is known of the person's device; absent when nothing is.
fn device(args: DeviceArgs) -> Option<v1::Client> {
    let client = v1::Client {
        ip_address: args.client_ip,
        device_id: args.device,
        challenge_answer: args.challenge_answer,
        challenged: args.challenged,
    };
    (client != v1::Client::default()).then_some(client)
}

impl From<PlatformArg> for Platform {
    fn from(platform: PlatformArg) -> Self {
        match platform {
            PlatformArg::Android => Self::Android,
            PlatformArg::Ios => Self::Ios,
            PlatformArg::Web => Self::Web,
        }
    }
}

fn name(id: String) -> VerificationName {
    VerificationName {
        name: Some(Name::Id(id)),
    }
}

/// Connects to the service that was named, or else to the running `countersign dev`.
async fn connect(args: &ClientArgs, environment: &Environment) -> Result<Client, Failure> {
    let (server, token) = reach(args, environment)?;
    countersign_grpc::connect(&server, token, CALL_TIMEOUT)
        .await
        .map_err(|error| unreachable(&server, &error))
}

/// Like [`connect`], to the admin service.
pub(crate) async fn connect_admin(args: &ClientArgs, environment: &Environment) -> Result<AdminClient, Failure> {
    let (server, token) = reach(args, environment)?;
    countersign_grpc::connect_admin(&server, token, CALL_TIMEOUT)
        .await
        .map_err(|error| unreachable(&server, &error))
}

/// Like [`connect`], to the template service, with that much time for a call.
pub(crate) async fn connect_templates(
    args: &ClientArgs,
    environment: &Environment,
    timeout: Duration,
) -> Result<TemplatesClient, Failure> {
    let (server, token) = reach(args, environment)?;
    countersign_grpc::connect_templates(&server, token, timeout)
        .await
        .map_err(|error| unreachable(&server, &error))
}

fn unreachable(server: &str, error: &ConnectError) -> Failure {
    Failure::Unreachable(format!("{server}: {error}; is the service running there?"))
}

/// The address of the service that was named, or else of the running `countersign dev`, and the token to show.
fn reach(args: &ClientArgs, environment: &Environment) -> Result<(String, Option<ClientToken>), Failure> {
    let profile = Profile::read(environment);
    let server = args.server.clone().or_else(|| environment.get("COUNTERSIGN_SERVER"));
    let given_token = match &args.token_file {
        Some(file) => Some(read_token(file)?),
        None => environment.get("COUNTERSIGN_TOKEN"),
    };
    // The token of `dev` is for `dev`: it is not shown to any other server.
    let profile_token = if server.is_none() {
        profile.as_ref().map(|it| it.token.clone())
    } else {
        None
    };
    let server = server.or_else(|| profile.map(|it| it.server)).ok_or_else(|| {
        Failure::Unreachable(
            "no service is known here: start one with `countersign dev`, or name one with --server".to_owned(),
        )
    })?;
    let token = given_token.or(profile_token);
    let token = token.map(|token| ClientToken::new(&token)).transpose();
    let token = token.map_err(|error| Failure::Unreachable(format!("the token {error}")))?;
    Ok((server, token))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let token = std::fs::read_to_string(file)
        .map_err(|error| Failure::Unreachable(format!("cannot read {}: {error}", file.display())))?;
    Ok(token.trim().to_owned())
}
