//! What may be printed of the messages that hold a phone, a code or a context: who asked for what, and nothing else.

use std::fmt;

use crate::v1::{CheckVerificationRequest, RecipientName, StartVerificationRequest};

impl fmt::Debug for RecipientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientName")
            .field("app", &self.app)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StartVerificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartVerificationRequest")
            .field("recipient", &self.recipient)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CheckVerificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckVerificationRequest")
            .field("verification", &self.verification)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::verification_name::Name;
    use crate::v1::{CheckVerificationRequest, RecipientName, StartVerificationRequest, VerificationName};

    #[test]
    fn debug_shows_neither_phone_nor_code_nor_context() {
        let recipient = RecipientName {
            app: "demo".to_owned(),
            phone: "+5511912345678".to_owned(),
            purpose: "payment".to_owned(),
        };
        let context = [("amount".to_owned(), "4711".to_owned())];
        let start = StartVerificationRequest {
            recipient: Some(recipient.clone()),
            context: context.clone().into(),
            ..StartVerificationRequest::default()
        };
        let check = CheckVerificationRequest {
            verification: Some(VerificationName {
                name: Some(Name::Recipient(recipient)),
            }),
            code: "482913".to_owned(),
            context: context.into(),
            ..CheckVerificationRequest::default()
        };
        let text = format!("{start:?} {check:?}");
        assert!(text.contains("demo") && text.contains("payment"));
        for secret in ["5511912345678", "482913", "4711"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
