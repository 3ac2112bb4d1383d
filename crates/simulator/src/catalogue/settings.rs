//! What can be chosen about the template endpoints: the review, the limits, what can be read. Kept out: what any of it
//! does.

use std::time::Duration;

/// How Meta looks at a template before it can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// How long it takes; zero decides within the request, `None` waits for an order. Default: zero.
    pub after: Option<Duration>,
    /// The reason with which it ends badly, such as `INVALID_FORMAT`; `None` approves. Default: `None`.
    pub rejected_with: Option<String>,
}

/// Which of Meta's limits on the management of templates hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagementLimits {
    /// 100 creations an hour; beyond it 80008 (Meta: template management page; the code is an assumption). Default:
    /// `true`.
    pub creations: bool,
    /// An approved template is edited once in 24 hours and ten times in 30 days at most. Default: `true`.
    pub edits: bool,
    /// 200 calls an hour; beyond it 80008 (Meta: rate limits of an account that is not active). Default: `false`.
    pub calls: bool,
    /// Most templates, each language counted; beyond it 100 with subcode 2388019. Meta allows 250 before the business
    /// is verified and 6,000 after. Default: 250.
    pub templates_max: usize,
}

/// What Meta lets an account read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Whether `message_template_previews` answers. Default: `true`.
    pub previews: bool,
    /// Whether components come back with `add_security_recommendation` and `code_expiration_minutes`, which those of
    /// templates from before 2023-09-12 do not. Default: `true`.
    pub settings: bool,
}

impl Default for Review {
    fn default() -> Self {
        Self {
            after: Some(Duration::ZERO),
            rejected_with: None,
        }
    }
}

impl Review {
    /// A review that takes this long and approves.
    pub fn taking(after: Duration) -> Self {
        Self {
            after: Some(after),
            rejected_with: None,
        }
    }

    /// A review that ends only when [`crate::Controls::order_template`] says so.
    pub fn by_order() -> Self {
        Self {
            after: None,
            rejected_with: None,
        }
    }

    /// A review that ends at once and badly.
    pub fn rejecting(reason: &str) -> Self {
        Self {
            after: Some(Duration::ZERO),
            rejected_with: Some(reason.into()),
        }
    }
}

impl Default for ManagementLimits {
    fn default() -> Self {
        Self {
            creations: true,
            edits: true,
            calls: false,
            templates_max: 250,
        }
    }
}

impl Default for Readable {
    fn default() -> Self {
        Self {
            previews: true,
            settings: true,
        }
    }
}
