//! How a send, or a call about templates, goes wrong on the way to its answer. Kept out: what becomes of an accepted message (see `fate`), and
//! which request it happens to (see `scenario`).

use std::time::Duration;

/// How a send goes wrong; or, with [`crate::Controls::fail_management`], a call about templates, of which acceptance is
/// that the call is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this HTTP status and body as they are; nothing is accepted. A status outside 100–599 becomes 500.
    Answer {
        /// HTTP status.
        status: u16,
        /// The raw body, sent as `application/json` whatever it is.
        body: String,
    },
    /// Answers with a Graph error of this code, with the title and the HTTP status Meta documents for it; nothing is
    /// accepted. See [`crate::ErrorCode`].
    Error {
        /// Meta's code. One that is not in the table is answered as an unknown error.
        code: u32,
    },
    /// As [`Fault::Error`], with the header `X-Business-Use-Case-Usage` that says how long to wait.
    Throttle {
        /// Meta's code, such as 130429 or 80007.
        code: u32,
        /// `estimated_time_to_regain_access`, which counts in minutes: rounded up to them.
        regain: Duration,
    },
    /// Answers with the HTML page of a proxy; nothing is accepted.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// Answers without a body; nothing is accepted.
    Empty {
        /// HTTP status.
        status: u16,
    },
    /// Never answers; nothing is accepted. The connection stays open until the caller or the simulator ends it.
    Silence,
    /// Closes the connection without an answer; nothing is accepted.
    HangUp,
    /// Accepts a valid message, so that webhooks come and the phone shows it, and never answers.
    AcceptThenSilence,
    /// Accepts a valid message, so that webhooks come and the phone shows it, and closes the connection without an
    /// answer.
    AcceptThenHangUp,
    /// Accepts a valid message, writes the head and half of the body of the answer, and closes the connection.
    AcceptThenHalfAnswer,
    /// Accepts a valid message, so that webhooks come and the phone shows it, and answers with a Graph error of this
    /// code all the same.
    AcceptThenError {
        /// Meta's code. 131000 has HTTP status 500.
        code: u32,
    },
    /// Accepts a valid message at once and answers after this time. Its webhooks do not wait for the answer.
    AcceptThenAnswerAfter(Duration),
    /// Accepts a valid message and answers with `message_status` `held_for_quality_assessment`. It then goes the way
    /// of its fate, which is the usual one unless ordered otherwise.
    AcceptedHeld,
}
