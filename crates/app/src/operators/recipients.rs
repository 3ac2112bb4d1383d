//! `hold`, `release` and `erase`: one phone, whatever is open for it.

use std::process::ExitCode;

use countersign_grpc::v1::{EraseRecipientRequest, HoldRecipientRequest, RecipientName, ReleaseRecipientRequest};
use prost_types::Duration;
use serde_json::json;

use crate::cli::operators::{EraseArgs, HoldArgs, ReleaseArgs};
use crate::client::connect_admin;
use crate::client::failure::Failure;
use crate::client::words::{instant, local, say};
use crate::environment::Environment;
use crate::operators::{WIDTH, yes_or_no};

/// What erasing does.
const CONSEQUENCES: &str = "Its records in every app of the caller, its shared limits, and that it gave codes back. What is \
                            open ends without a word. It cannot be undone.";

/// Holds a phone.
pub(crate) async fn hold(args: HoldArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let answer = async {
        let hold = Duration::try_from(args.span)
            .map_err(|_| Failure::Unreachable("--for is longer than can be said".to_owned()))?;
        let request = HoldRecipientRequest {
            recipient: Some(recipient(args.app, args.phone, args.purpose)),
            hold: Some(hold),
        };
        let mut client = connect_admin(&args.client, environment).await?;
        Ok::<_, Failure>(client.hold_recipient(request).await?.into_inner())
    };
    let until = match answer.await {
        Ok(answer) => answer.hold_end_time,
        Err(failure) => return failure.tell(json),
    };
    if json {
        say!("{:#}", json!({ "hold_end_time": until.as_ref().map(instant) }));
    } else {
        let until = until.as_ref().map(local).unwrap_or_default();
        say!("Held until {until}.\nNothing is sent and no guess is compared; what was open is blocked.");
    }
    ExitCode::SUCCESS
}

/// Ends every hold of a phone.
pub(crate) async fn release(args: ReleaseArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    let request = ReleaseRecipientRequest {
        recipient: Some(recipient(args.app, args.phone, args.purpose)),
    };
    let answer = async {
        let mut client = connect_admin(&args.client, environment).await?;
        Ok::<_, Failure>(client.release_recipient(request).await?.into_inner())
    };
    match answer.await {
        Ok(answer) if json => say!("{:#}", json!({ "released": answer.released })),
        Ok(answer) if answer.released => say!("Released."),
        Ok(_) => say!("It was not held; nothing was changed."),
        Err(failure) => return failure.tell(json),
    }
    ExitCode::SUCCESS
}

/// Erases what is known about a phone with `--yes`; without it, says what would be erased and ends with 3.
pub(crate) async fn erase(args: EraseArgs, environment: &Environment) -> ExitCode {
    let json = args.client.json;
    if !args.yes {
        if json {
            say!("{:#}", json!({ "records_erased": 0, "would_erase": true }));
        } else {
            say!("This would erase everything that is known about that phone.\n");
            say!("{}\n", textwrap::fill(CONSEQUENCES, WIDTH));
            say!("Then: the same again with --yes");
        }
        return yes_or_no(false);
    }
    let request = EraseRecipientRequest { phone: args.phone };
    let answer = async {
        let mut client = connect_admin(&args.client, environment).await?;
        Ok::<_, Failure>(client.erase_recipient(request).await?.into_inner())
    };
    let records = match answer.await {
        Ok(answer) => answer.records_erased,
        Err(failure) => return failure.tell(json),
    };
    match records {
        _ if json => say!("{:#}", json!({ "records_erased": records })),
        0 => say!("Erased. There was no record; what limits and the guard knew of it is gone."),
        1 => say!("Erased: 1 record, and what limits and the guard knew of it."),
        _ => say!("Erased: {records} records, and what limits and the guard knew of it."),
    }
    ExitCode::SUCCESS
}

fn recipient(app: String, phone: String, purpose: String) -> RecipientName {
    RecipientName { app, phone, purpose }
}
