//! What may be printed of the messages that hold a phone, a code, a context or what is known of a device: who asked for
//! what, and nothing else.

use std::fmt;

use crate::v1::{
    CheckVerificationRequest, Client, EraseRecipientRequest, ListedBlock, RecipientName, StartVerificationRequest,
};

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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("challenged", &self.challenged)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EraseRecipientRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EraseRecipientRequest").finish_non_exhaustive()
    }
}

impl fmt::Debug for ListedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedBlock")
            .field("id", &self.id)
            .field("app", &self.app)
            .field("area", &self.area)
            .field("alarm", &self.alarm)
            .field("rung", &self.rung)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::v1::verification_name::Name;
    use crate::v1::{
        CheckVerificationRequest, Client, EraseRecipientRequest, ExplainStartRequest, ListBlocksResponse, ListedBlock,
        RecipientName, StartVerificationRequest, VerificationName,
    };

    #[test]
    fn debug_shows_neither_phone_nor_code_nor_context_nor_device() {
        let recipient = RecipientName {
            app: "demo".to_owned(),
            phone: "+5511912345678".to_owned(),
            purpose: "payment".to_owned(),
        };
        let context = [("amount".to_owned(), "4711".to_owned())];
        let client = Client {
            ip_address: "203.0.113.77".to_owned(),
            device_id: "a-device".to_owned(),
            challenge_answer: "an-answer".to_owned(),
            challenged: true,
        };
        let start = StartVerificationRequest {
            recipient: Some(recipient.clone()),
            context: context.clone().into(),
            client: Some(client.clone()),
            ..StartVerificationRequest::default()
        };
        let check = CheckVerificationRequest {
            verification: Some(VerificationName {
                name: Some(Name::Recipient(recipient)),
            }),
            code: "482913".to_owned(),
            context: context.into(),
            client: Some(client.clone()),
            ..CheckVerificationRequest::default()
        };
        let explain = ExplainStartRequest {
            start: Some(start.clone()),
            ..ExplainStartRequest::default()
        };
        let erase = EraseRecipientRequest {
            phone: "+5511912345678".to_owned(),
        };
        let block = ListedBlock {
            number_prefix: "+551191234".to_owned(),
            ..ListedBlock::default()
        };
        let blocks = ListBlocksResponse { blocks: vec![block] };
        let text = format!("{start:?} {check:?} {client:?} {explain:?} {erase:?} {blocks:?}");
        assert!(text.contains("demo") && text.contains("payment"));
        for secret in ["551191234", "482913", "4711", "203.0", "a-device", "an-answer"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
