//! What a status says a message is billed as. Amounts are in no webhook.

use countersign_domain::money::{PriceCategory, Pricing};
use serde_json::Value;

/// What a message is billed as (Meta: webhooks reference, messages, `pricing`). `None` where nobody could tell: then the
/// reservation stands.
///
/// `type` goes before `billable`, which Meta is to drop. A `type` or a category nobody knows is billed.
pub(super) fn read(pricing: &Value) -> Option<Pricing> {
    let text = |name: &str| pricing.get(name).and_then(Value::as_str);
    let category = match text("category") {
        Some("authentication") => PriceCategory::Authentication,
        // With a hyphen here, and with an underscore where Meta names the origin of a conversation.
        Some("authentication-international" | "authentication_international") => {
            PriceCategory::AuthenticationInternational
        }
        _ => PriceCategory::Other,
    };
    let is_billable = match (text("type"), pricing.get("billable").and_then(Value::as_bool)) {
        (Some("regular"), _) => true,
        (Some(free), _) if free.starts_with("free_") => false,
        (_, Some(billable)) => billable,
        (Some(_), None) => true,
        (None, None) => {
            text("category")?;
            true
        }
    };
    Some(Pricing { category, is_billable })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_price_is_read_by_its_type_and_its_category() {
        use PriceCategory::{Authentication, AuthenticationInternational, Other};
        let priced = |category, is_billable| Some(Pricing { category, is_billable });
        for (said, expected) in [
            // As Meta documents it, with and without what is to be dropped.
            (
                json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "authentication"}),
                priced(Authentication, true),
            ),
            (
                json!({"pricing_model": "PMP", "type": "regular", "category": "authentication-international"}),
                priced(AuthenticationInternational, true),
            ),
            (
                json!({"type": "regular", "category": "authentication_international"}),
                priced(AuthenticationInternational, true),
            ),
            (
                json!({"billable": false, "type": "free_entry_point", "category": "authentication"}),
                priced(Authentication, false),
            ),
            (
                json!({"type": "free_customer_service", "category": "service"}),
                priced(Other, false),
            ),
            // The type knows better.
            (
                json!({"billable": true, "type": "free_entry_point", "category": "authentication"}),
                priced(Authentication, false),
            ),
            (
                json!({"billable": false, "type": "regular", "category": "authentication"}),
                priced(Authentication, true),
            ),
            // Without a type, and of before there was one.
            (
                json!({"billable": false, "category": "authentication"}),
                priced(Authentication, false),
            ),
            (json!({"billable": true, "pricing_model": "CBP"}), priced(Other, true)),
            (json!({"category": "authentication"}), priced(Authentication, true)),
            // What nobody knows costs money.
            (
                json!({"type": "bulk", "category": "AUTHENTICATION"}),
                priced(Other, true),
            ),
            (
                json!({"type": 7, "billable": "yes", "category": "marketing_lite"}),
                priced(Other, true),
            ),
            (json!({"type": "free"}), priced(Other, true)),
            // And what says nothing says nothing.
            (json!({"pricing_model": "PMP"}), None),
            (json!({"category": 7}), None),
            (json!({}), None),
            (json!("regular"), None),
            (Value::Null, None),
        ] {
            assert_eq!(read(&said), expected, "{said}");
        }
    }
}
