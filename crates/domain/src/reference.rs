//! The reference a message carries to the provider and back: which verification and delivery a webhook is about.
//!
//! It travels as Meta's `biz_opaque_callback_data` (at most 512 characters), so no webhook is ever matched by phone or
//! by message id, and a number shared with another installation is told apart.

use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::delivery::DeliveryNumber;
use crate::id::{Environment, VerificationId};
use crate::key::{Identity, truncated};

const VERSION: &str = "cs1";

/// Which delivery of which verification a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryReference {
    /// The verification.
    pub verification: VerificationId,
    /// The delivery within it.
    pub delivery: DeliveryNumber,
}

impl DeliveryReference {
    /// Writes the reference: version, environment, verification, delivery and a 64-bit MAC over all of them.
    pub fn seal(&self, identity: &Identity, environment: &Environment) -> String {
        let mac = mac(identity, environment, self);
        let mac = BASE32_NOPAD.encode(&mac).to_ascii_lowercase();
        format!("{VERSION}.{environment}.{}.{}.{mac}", self.verification, self.delivery)
    }

    /// Reads a reference that this installation sealed, and refuses every other text.
    pub fn open(identity: &Identity, environment: &Environment, text: &str) -> Result<Self, ReferenceError> {
        let mut parts = text.split('.');
        let (Some(VERSION), Some(from), Some(verification), Some(delivery), Some(mac_text), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(ReferenceError::NotOurs);
        };
        if from != environment.as_str() {
            return Err(ReferenceError::OtherEnvironment);
        }
        let verification = VerificationId::parse(verification).map_err(|_| ReferenceError::NotOurs)?;
        let delivery = delivery.parse().map_err(|_| ReferenceError::NotOurs)?;
        let reference = Self { verification, delivery };
        // Compared as text: one spelling, so a reference cannot be varied and still pass.
        let genuine = reference.seal(identity, environment);
        let genuine_mac = genuine.rsplit('.').next().unwrap_or_default();
        if genuine.len() != text.len() || !bool::from(genuine_mac.as_bytes().ct_eq(mac_text.as_bytes())) {
            return Err(ReferenceError::Forged);
        }
        Ok(reference)
    }
}

/// Why a reference is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// The text is not a reference of this service.
    #[error("not a reference of this service")]
    NotOurs,
    /// Another installation sealed it.
    #[error("a reference of another environment")]
    OtherEnvironment,
    /// It has our shape and not our MAC.
    #[error("a reference whose MAC is wrong")]
    Forged,
}

fn mac(identity: &Identity, environment: &Environment, reference: &DeliveryReference) -> [u8; 8] {
    let verification = reference.verification.to_string();
    let fields = [
        environment.as_str().as_bytes(),
        verification.as_bytes(),
        &reference.delivery.to_be_bytes(),
    ];
    truncated(identity.digest("countersign reference v1", &fields))
}
