//! One row of the table of errors, and how it becomes a status.

use std::collections::HashMap;
use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::template::Drift;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::reason;

/// One row of the table: everything a caller is told about one failure.
pub(super) struct Row {
    pub(super) code: Code,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) metadata: HashMap<String, String>,
    pub(super) details: ErrorDetails,
}

impl Row {
    pub(super) fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            metadata: HashMap::default(),
            details: ErrorDetails::new(),
        }
    }

    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }

    pub(super) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        if wait.is_some() {
            self.details.set_retry_info(wait);
        }
        self
    }

    /// With the provider's words, if it said anything. Its details may be about somebody else's message and stay behind;
    /// what the service knows of itself is told in full.
    pub(super) fn reported(self, report: Option<&ProviderReport>) -> Self {
        let Some(ProviderReport { code, title, details }) = report else {
            return self;
        };
        let row = self
            .with("provider_code", code.to_string())
            .with("provider_title", title.clone());
        if *code == 0 && Drift::NAMES.contains(&title.as_str()) {
            row.with("provider_details", details.clone())
        } else {
            row
        }
    }

    pub(super) fn status(mut self) -> Status {
        self.details.set_error_info(self.reason, reason::DOMAIN, self.metadata);
        Status::with_error_details(self.code, self.message, self.details)
    }
}
