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
/// `RESOURCE_EXHAUSTED`: a limit or a budget is reached; `QuotaFailure` and the metadata `rule` name it.
pub const LIMIT_REACHED: &str = "LIMIT_REACHED";
/// `PERMISSION_DENIED`: the app does not send to the number's country (metadata `country`, when it has one).
pub const COUNTRY_NOT_ALLOWED: &str = "COUNTRY_NOT_ALLOWED";
/// `FAILED_PRECONDITION`: the app has no template in a language that would do.
pub const TEMPLATE_MISSING: &str = "TEMPLATE_MISSING";
/// `FAILED_PRECONDITION`: the provider refuses the app's template; an operator has to act.
pub const TEMPLATE_UNUSABLE: &str = "TEMPLATE_UNUSABLE";
/// `FAILED_PRECONDITION`: the provider refuses the account, the sender or the token; an operator has to act.
pub const ACCOUNT_UNUSABLE: &str = "ACCOUNT_UNUSABLE";
/// `FAILED_PRECONDITION`: the provider refuses the form of our messages; an operator has to act.
pub const MESSAGE_REFUSED: &str = "MESSAGE_REFUSED";
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
/// `UNAVAILABLE`: the connection of a watch is to end, because it is old or because the server stops. Watch again.
pub const CONNECTION_ENDING: &str = "CONNECTION_ENDING";
/// `DEADLINE_EXCEEDED`: the caller's deadline, or the server's own, passed.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// `INTERNAL`: a stored record cannot be read; an operator has to look.
pub const RECORD_UNREADABLE: &str = "RECORD_UNREADABLE";
/// `INTERNAL`: the service is broken; an operator has to look.
pub const INTERNAL: &str = "INTERNAL";
