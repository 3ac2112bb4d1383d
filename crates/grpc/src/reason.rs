//! The stable reasons of `google.rpc.ErrorInfo`. Callers' programs compare them, so a name never changes its meaning.

/// The `domain` of every `ErrorInfo`.
pub const DOMAIN: &str = "countersign";

/// `INVALID_ARGUMENT`: fields are malformed; `BadRequest` names them. Nothing was counted, sent or charged.
pub const INVALID_FIELD: &str = "INVALID_FIELD";
/// `INVALID_ARGUMENT`: the bytes are no message of this method.
pub const MESSAGE_MALFORMED: &str = "MESSAGE_MALFORMED";
/// `RESOURCE_EXHAUSTED` or `OUT_OF_RANGE`: the message is longer than the server takes.
pub const MESSAGE_TOO_LARGE: &str = "MESSAGE_TOO_LARGE";
/// `UNIMPLEMENTED`: there is no such method, or it does not speak that compression.
pub const METHOD_UNKNOWN: &str = "METHOD_UNKNOWN";
/// `UNAUTHENTICATED`: no credentials, or none we know. Which of the two is not said.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// `NOT_FOUND`: there is no such app or verification, or the caller may not know of it.
pub const NOT_FOUND: &str = "NOT_FOUND";
/// `RESOURCE_EXHAUSTED`: a limit or a budget is reached; `QuotaFailure` and the metadata `rule` name it, the metadata
/// `key` says what it tells apart.
pub const LIMIT_REACHED: &str = "LIMIT_REACHED";
/// `PERMISSION_DENIED`: the app does not send to the number's country (metadata `country`, when it has one).
pub const COUNTRY_NOT_ALLOWED: &str = "COUNTRY_NOT_ALLOWED";
/// `PERMISSION_DENIED`: the guard has stopped the number's block or country (metadata `area`, `alarm`); `RetryInfo` when it
/// lets go by itself.
pub const BLOCKED_BY_GUARD: &str = "BLOCKED_BY_GUARD";
/// `FAILED_PRECONDITION`: the guard wants a challenge to be met first (metadata `area`, `refusal`, and `challenge` with
/// `challenge_expire_time` unless the caller challenges by its own means).
pub const CHALLENGE_REQUIRED: &str = "CHALLENGE_REQUIRED";
/// `PERMISSION_DENIED`: the caller may use the app and not operate it.
pub const MAY_NOT_OPERATE: &str = "MAY_NOT_OPERATE";
/// `FAILED_PRECONDITION`: the app has no template in a language that would do.
pub const TEMPLATE_MISSING: &str = "TEMPLATE_MISSING";
/// `FAILED_PRECONDITION`: the provider refuses the app's template; an operator has to act.
pub const TEMPLATE_UNUSABLE: &str = "TEMPLATE_UNUSABLE";
/// `FAILED_PRECONDITION`: the provider refuses the account, the sender or the token; an operator has to act.
pub const ACCOUNT_UNUSABLE: &str = "ACCOUNT_UNUSABLE";
/// `FAILED_PRECONDITION`: the provider refuses the form of our messages; an operator has to act.
pub const MESSAGE_REFUSED: &str = "MESSAGE_REFUSED";
/// `PERMISSION_DENIED`: the caller may use the app and not manage its templates.
pub const TEMPLATES_NOT_ALLOWED: &str = "TEMPLATES_NOT_ALLOWED";
/// `FAILED_PRECONDITION`: this instance has no business account or no token for the account (metadata `account`).
pub const TEMPLATES_NOT_HELD: &str = "TEMPLATES_NOT_HELD";
/// `FAILED_PRECONDITION`: the provider refuses the token for the account's templates; an operator has to act.
pub const TEMPLATES_DENIED: &str = "TEMPLATES_DENIED";
/// `FAILED_PRECONDITION`: the provider refuses what was asked of it; the message has its words.
pub const TEMPLATES_REFUSED: &str = "TEMPLATES_REFUSED";
/// `FAILED_PRECONDITION`: the provider does not offer this.
pub const TEMPLATES_NOT_OFFERED: &str = "TEMPLATES_NOT_OFFERED";
/// `NOT_FOUND`: the provider has no such template.
pub const TEMPLATE_NOT_FOUND: &str = "TEMPLATE_NOT_FOUND";
/// `ABORTED`: another apply for the app is under way in this instance.
pub const APPLY_RUNNING: &str = "APPLY_RUNNING";
/// `RESOURCE_EXHAUSTED`: the provider asks to slow down.
pub const PROVIDER_THROTTLED: &str = "PROVIDER_THROTTLED";
/// `UNAVAILABLE`: the provider did not answer. What it was asked to delete may be gone; nothing else was changed.
pub const PROVIDER_UNAVAILABLE: &str = "PROVIDER_UNAVAILABLE";
/// `ABORTED`: the request id was used for another body.
pub const REQUEST_ID_REUSED: &str = "REQUEST_ID_REUSED";
/// `ABORTED`: other requests for the recipient were faster each time. Redo the whole operation.
pub const CONTENDED: &str = "CONTENDED";
/// `UNAVAILABLE`: the store is away. Repeat, with the same request id.
pub const STORE_UNAVAILABLE: &str = "STORE_UNAVAILABLE";
/// `UNAVAILABLE`: the server carries out as many calls as it can. Nothing was begun; repeat later.
pub const OVERLOADED: &str = "OVERLOADED";
/// `RESOURCE_EXHAUSTED`: the server has as many watches as it takes. Ask with `GetVerification`, or watch later.
pub const TOO_MANY_WATCHES: &str = "TOO_MANY_WATCHES";
/// `UNAVAILABLE`: the connection of a watch or an apply is to end, because it is old or because the server stops. Call
/// again.
pub const CONNECTION_ENDING: &str = "CONNECTION_ENDING";
/// `DEADLINE_EXCEEDED`: the caller's deadline, or the server's own, passed.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// `INTERNAL`: a stored record cannot be read; an operator has to look.
pub const RECORD_UNREADABLE: &str = "RECORD_UNREADABLE";
/// `INTERNAL`: the service is broken; an operator has to look.
pub const INTERNAL: &str = "INTERNAL";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Every text in back quotes of the second column of the table of errors.
    fn documented() -> BTreeSet<&'static str> {
        let page = include_str!("../../../docs/api.md");
        let table = page
            .split("\n## Errors\n")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `"));
        rows.flat_map(|row| row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2))
            .collect()
    }

    #[test]
    fn the_page_on_the_api_has_every_reason_and_no_other() {
        let values = include_str!("reason.rs").lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("pub const ")?.split_once(": &str = \"")?;
            (name != "DOMAIN").then(|| value.trim_end_matches("\";"))
        });
        assert_eq!(documented(), values.collect());
    }
}
