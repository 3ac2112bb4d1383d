//! Meta's error codes for a sender of one-time codes: title, HTTP status, and what it means in a sentence. Kept out:
//! what a sender should do about them, which is the business of who sends.
//!
//! The codes are those of Meta's error codes page. Titles change at Meta without notice; nobody should decide on them.

/// One row of Meta's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// The number in `error.code` and in `errors[].code`.
    pub code: u32,
    /// The words beside it.
    pub title: &'static str,
    /// What it means, as `error_data.details` would say it.
    pub details: &'static str,
}

impl ErrorCode {
    /// Looks up a code. `None` for one that a sender of one-time codes is not told.
    pub fn of(code: u32) -> Option<Self> {
        TABLE.iter().find(|row| row.code == code).copied()
    }

    /// Every code, in ascending order. The range 200–299 is stood for by 200.
    pub fn all() -> &'static [Self] {
        TABLE
    }

    /// The HTTP status Meta's table gives the code. It tells nothing about retrying: throttles are 400 too.
    pub fn http_status(self) -> u16 {
        http_status_of(self.code)
    }
}

/// The HTTP status of any code, known or not.
pub(crate) fn http_status_of(code: u32) -> u16 {
    match code {
        0 | 190 => 401,
        10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

const fn row(code: u32, title: &'static str, details: &'static str) -> ErrorCode {
    ErrorCode { code, title, details }
}

#[rustfmt::skip]
const TABLE: &[ErrorCode] = &[
    row(0, "AuthException", "The app user could not be authenticated."),
    row(1, "API Unknown", "The request is not valid, or the server made a mistake."),
    row(2, "API Service", "Temporary trouble: the service is down or overloaded."),
    row(3, "API Method", "The app lacks a capability or a permission."),
    row(4, "API Too Many Calls", "The app has reached its call limit."),
    row(10, "Permission Denied", "The permission was not granted or was taken back."),
    row(33, "Parameter value is not valid", "The business phone number has been deleted."),
    row(100, "Invalid parameter", "The request has a parameter that is unknown or misspelled."),
    row(104, "Incorrect signature", "The proof of the app secret is missing or wrong."),
    row(190, "Access token has expired", "The access token has expired."),
    row(200, "API Permission", "The permission was not granted or was taken back."),
    row(368, "Temporarily blocked for policies violations", "The business account is restricted for breaking a policy."),
    row(613, "Calls to this api have exceeded the rate limit.", "Too many calls in a short time."),
    row(80_007, "Rate limit issues", "The business account has reached its rate limit."),
    row(80_008, "Rate limit issues", "There were too many calls for this business account."),
    row(130_403, "User is blocked", "The business has blocked this user."),
    row(130_429, "Rate limit hit", "Cloud API message throughput has been reached."),
    row(130_472, "User's number is part of an experiment", "The message was not sent as part of an experiment."),
    row(130_497, "Business account is restricted from messaging users in this country.", "The business may not send to this country."),
    row(131_000, "Something went wrong", "The message could not be sent for an unknown reason."),
    row(131_005, "Access denied", "The permission was not granted or was taken back."),
    row(131_008, "Required parameter is missing", "The request lacks a required parameter."),
    row(131_009, "Parameter value is not valid", "A parameter has a value that is not valid."),
    row(131_016, "Service unavailable", "A service is temporarily unavailable."),
    row(131_021, "Recipient cannot be sender", "Sender and recipient are the same number."),
    row(131_026, "Message undeliverable", "The message could not be delivered."),
    row(131_030, "Recipient phone number not in allowed list", "A test number sends only to listed recipients."),
    row(131_031, "Account has been locked", "The business account is restricted, or its data could not be verified."),
    row(131_037, "WhatsApp provided number needs display name approval before message can be sent.", "The number has no approved display name."),
    row(131_042, "Business eligibility payment issue", "There was a problem with the payment method."),
    row(131_045, "Incorrect certificate", "The sender number could not be registered."),
    row(131_047, "Re-engagement message", "More than 24 hours have passed since the recipient last answered."),
    row(131_048, "Spam rate limit hit", "Too many messages of this number were blocked or marked as spam."),
    row(131_049, "This message was not delivered to maintain healthy ecosystem engagement.", "Meta chose not to deliver it."),
    row(131_050, "Unable to deliver the message. This recipient has chosen to stop receiving marketing messages.", "The recipient wants no marketing."),
    row(131_051, "Unsupported message type", "Messages of this type are not supported."),
    row(131_052, "Media download error", "Media the user sent could not be fetched."),
    row(131_053, "Media upload error", "Media of the message could not be stored."),
    row(131_055, "Method not allowed", "This endpoint takes marketing messages only."),
    row(131_056, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages from this number to the same recipient in a short time."),
    row(131_057, "Account in maintenance mode", "The number is being upgraded."),
    row(131_059, "Invalid paging cursor", "The cursor is too old or not one of this list."),
    row(131_062, "Business-scoped user IDs are not supported for this message", "Authentication templates need a phone number."),
    row(131_063, "Marketing messages are disabled", "Marketing messages are switched off."),
    row(131_064, "Messaging limit was lowered", "The messaging limit was lowered for templates in a wrong category."),
    row(132_000, "Number of parameters does not match the expected number of params", "The template has another number of variables."),
    row(132_001, "Template name does not exist in the translation", "The template does not exist in this language or is not approved."),
    row(132_005, "Translated text too long", "The text is too long once its variables are put in."),
    row(132_007, "Template format character policy violated", "The content of the template breaks a policy."),
    row(132_008, "Invalid template parameter", "A parameter of the template is not valid."),
    row(132_012, "Parameter format does not match format in the created template", "A variable has another format than the template says."),
    row(132_015, "Template is paused", "The template is paused for low quality and cannot be sent."),
    row(132_016, "Template is disabled", "The template was paused too often and is disabled for good."),
    row(132_018, "Template parameter validation failed", "A parameter of the template did not pass its checks."),
    row(132_068, "Flow is blocked", "The flow is blocked."),
    row(132_069, "Flow is throttled", "The flow is throttled."),
    row(133_000, "Incomplete deregistration", "An earlier deregistration has failed."),
    row(133_004, "Server temporarily unavailable", "The server is temporarily unavailable."),
    row(133_005, "Two step verification PIN mismatch", "The PIN is wrong."),
    row(133_006, "Phone number re-verification needed", "The number has to be verified again."),
    row(133_008, "Too many two step verification PIN guesses", "There were too many wrong PINs."),
    row(133_009, "Two step verification PIN guessed too fast", "The PIN was typed too soon after the last one."),
    row(133_010, "Phone number not registered", "The sender number is not registered."),
    row(133_015, "Please wait a few minutes before attempting to register this phone number", "The number was deleted a moment ago."),
    row(133_016, "Account register deregister rate limit exceeded", "The number was registered and deregistered too often."),
    row(134_011, "Payments terms not accepted", "The terms for payments were not accepted."),
    row(134_100, "Only marketing messages supported", "This endpoint takes marketing templates only."),
    row(134_101, "Template is still syncing", "The template is not ready for this endpoint."),
    row(134_102, "Template is not available", "The template cannot be used with this endpoint."),
    row(135_000, "Generic user error", "The message could not be sent because of its parameters."),
    row(137_000, "Recipient identity key hash mismatch", "The recipient's identity has changed since the hash was taken."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_in_ascending_order() {
        assert!(TABLE.is_sorted_by(|one, next| one.code < next.code));
    }
}
