//! The refusals of the template endpoints, with the words for people that Meta adds to them. Kept out: when each is due.
//!
//! Subcodes are those that are known from Meta's documents and from the field; a refusal without one has code 100 alone.

use crate::wire::{GraphError, UserError};

/// The name is being deleted, or was deleted less than 30 days ago.
pub(crate) const NAME_LOCKED: u32 = 2_388_023;
/// The name has content in this language already.
pub(crate) const LANGUAGE_EXISTS: u32 = 2_388_024;
/// The account has as many templates as it may have.
pub(crate) const TEMPLATES_FULL: u32 = 2_388_019;
/// The status of the template does not allow the change.
pub(crate) const STATUS_FIXED: u32 = 2_388_039;
/// A text is too long.
pub(crate) const TOO_LONG: u32 = 2_388_040;
/// There is something wrong with a header, a body, a footer.
pub(crate) const HEADER: u32 = 2_388_047;
pub(crate) const BODY: u32 = 2_388_072;
pub(crate) const FOOTER: u32 = 2_388_073;

/// Code 100 with a sentence that says what is wrong and what to write instead.
pub(crate) fn refused(title: &str, message: impl Into<String>) -> GraphError {
    GraphError {
        user: Some(Box::new(UserError {
            title: title.into(),
            message: message.into(),
        })),
        ..GraphError::new(100, "Invalid parameter")
    }
}

/// The same with a subcode.
pub(crate) fn refused_as(subcode: u32, title: &str, message: impl Into<String>) -> GraphError {
    GraphError {
        subcode: Some(subcode),
        ..refused(title, message)
    }
}

/// A parameter that has to be there.
pub(crate) fn missing(parameter: &str) -> GraphError {
    GraphError::new(100, &format!("The parameter {parameter} is required."))
}

/// The refusal of an id that is none of this account's.
pub(crate) fn unknown(method: &str) -> GraphError {
    GraphError {
        subcode: Some(33),
        kind: "GraphMethodException",
        ..GraphError::new(
            100,
            &format!("Unsupported {method} request. The object does not exist or the token may not use it."),
        )
    }
}
