//! Secrets: whatever goes wrong, and whatever the provider says, no error shows the phone or the code.

use std::error::Error;
use std::sync::Arc;

use countersign_domain::ports::SendError;

use super::{Behaviour, MessengerHarness, failure, message};

/// Neither in `Display` nor in `Debug`, of the error, its report and every cause beneath it. The stub's words repeat
/// both.
pub async fn no_error_shows_the_phone_or_the_code(harness: Arc<dyn MessengerHarness>) {
    for behaviour in Behaviour::FAILURES {
        let error = failure(&*harness, behaviour).await;
        let text = everything_said(&error);
        let message = message(behaviour);
        let phone = message.to.expose();
        // Without the plus, without the country, and with a digit of either cut off.
        for secret in [message.code.expose(), phone, &phone[1..], &phone[3..], &phone[4..]] {
            assert!(
                !text.contains(secret),
                "an error shows the phone or the code: {behaviour:?}"
            );
        }
    }
}

fn everything_said(error: &SendError) -> String {
    let mut said = vec![format!("{error} {error:?} {error:#?}")];
    said.extend(error.report.as_ref().map(ToString::to_string));
    let mut source = error.source();
    while let Some(cause) = source {
        said.push(format!("{cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    said.join("\n")
}
