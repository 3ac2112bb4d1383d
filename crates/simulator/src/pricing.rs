//! What webhooks say a message is billed as (Meta: webhooks reference, messages, `pricing`). Kept out: amounts, which no
//! webhook tells.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How a message is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PricingType {
    /// It costs what its category costs.
    #[default]
    Regular,
    /// It is free, since the person wrote to the business lately.
    FreeCustomerService,
    /// It is free, since the person came by way of an advertisement.
    FreeEntryPoint,
}

/// The calling codes of countries that have an international price (Meta: authentication-international rates, with the
/// rate card of October 2026). Kazakhstan shares +7 with Russia and is told from it by the next digit.
pub(crate) const INTERNATIONAL: [&str; 19] = [
    "20", "27", "60", "62", "76", "77", "91", "92", "94", "212", "234", "380", "880", "964", "965", "966", "968",
    "971", "977",
];

/// `pricing` of a status.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Pricing {
    billable: bool,
    #[serde(rename = "pricing_model")]
    model: &'static str,
    #[serde(rename = "type")]
    kind: PricingType,
    category: &'static str,
}

impl Pricing {
    /// That of a message to these digits, where this business pays the international price for those calling codes.
    pub(crate) fn of(digits: &str, kind: PricingType, international: &BTreeSet<String>) -> Self {
        let is_international = international.iter().any(|code| digits.starts_with(code.as_str()));
        Self {
            billable: kind == PricingType::Regular,
            model: "PMP",
            kind,
            category: if is_international {
                "authentication-international"
            } else {
                "authentication"
            },
        }
    }
}
