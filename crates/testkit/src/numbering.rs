//! A numbering plan that lets every number through.

use countersign_domain::country::CountryCode;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{NumberFacts, NumberKind, NumberingPlan};

const PREFIXES: [(&str, &str); 5] = [("+55", "BR"), ("+49", "DE"), ("+34", "ES"), ("+91", "IN"), ("+1", "US")];

/// Every number is possible and mobile. Five prefixes have a country, every other number has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenNumbering;

impl NumberingPlan for OpenNumbering {
    fn lookup(&self, phone: &PhoneNumber) -> NumberFacts {
        let known = PREFIXES.iter().find(|(prefix, _)| phone.expose().starts_with(prefix));
        NumberFacts {
            country: known.and_then(|(_, country)| CountryCode::parse(country)),
            kind: NumberKind::Mobile,
            possible: true,
        }
    }

    /// As in Brazil: a ninth digit came, and WhatsApp knows some lines without it.
    fn aliases(&self, phone: &PhoneNumber) -> Vec<PhoneNumber> {
        let Some(rest) = phone.expose().strip_prefix("+55") else {
            return Vec::new();
        };
        let other = match rest.split_at_checked(2) {
            Some((area, line)) if line.len() == 8 => format!("+55{area}9{line}"),
            Some((area, line)) if line.len() == 9 => format!("+55{area}{}", &line[1..]),
            _ => return Vec::new(),
        };
        PhoneNumber::parse(&other).into_iter().collect()
    }

    /// The longer of the two spellings.
    fn canonical(&self, phone: &PhoneNumber) -> PhoneNumber {
        let all = self.aliases(phone).into_iter().chain([phone.clone()]);
        all.max_by_key(|it| it.expose().len()).unwrap_or_else(|| phone.clone())
    }
}
