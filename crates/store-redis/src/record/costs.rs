//! What format 4 added at the end of format 3: what was charged for each delivery and is not settled yet, what it costs,
//! whether the guard counts it as finished, and how long an operator holds the recipient.
//!
//! A record of an older format is read as one in which nothing was charged or counted. What follows from a decision
//! (`Recipient::effects`) is carried out and never stored.

use countersign_domain::country::CountryCode;
use countersign_domain::delivery::Delivery;
use countersign_domain::limit::LimitKey;
use countersign_domain::money::Amount;
use countersign_domain::recipient::{ChargeTag, Charged, Conversion, MessagePrice, Recipient, Settles};
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::convert::Base;
use super::stored::Offset;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Costs {
    operator_hold_until: Option<Offset>,
    /// One list for each verification, and in it one entry for each delivery, in their order.
    deliveries: Vec<Vec<StoredCost>>,
}

#[derive(Serialize, Deserialize)]
struct StoredCost {
    charges: Vec<StoredCharge>,
    /// `None` when it is the moment of the delivery itself, which it nearly always is.
    charged_at: Option<Offset>,
    price: StoredPrice,
    conversion: StoredConversion,
    matures_at: Option<Offset>,
}

/// 21 bytes, as long as the amount is below 32.
#[derive(Serialize, Deserialize)]
struct StoredCharge {
    tag: [u8; 4],
    key: [u8; 16],
    /// The amount times four, and when it is settled in what that leaves room for: one byte for nearly every charge.
    amount_and_end: u128,
}

#[derive(Serialize, Deserialize)]
enum StoredPrice {
    Unknown,
    Reserved(u64, Option<[u8; 2]>),
    Settled(u64, Option<[u8; 2]>),
}

#[derive(Serialize, Deserialize)]
enum StoredConversion {
    NotCounted,
    Awaited,
    Missed,
    Finished,
}

impl Costs {
    /// What format 3 does not say of a recipient.
    pub(super) fn of(recipient: &Recipient) -> Self {
        let base = Base::of(recipient);
        let of_verification = |it: &[Delivery]| it.iter().map(|it| StoredCost::of(it, base)).collect();
        let verifications = recipient.verifications.iter();
        Self {
            operator_hold_until: recipient.operator_hold_until.map(|at| base.offset(at)),
            deliveries: verifications.map(|it| of_verification(&it.deliveries)).collect(),
        }
    }

    /// Completes a recipient that was read as format 3.
    pub(super) fn complete(self, recipient: &mut Recipient) -> Result<(), RecordError> {
        let base = Base::of(recipient);
        recipient.operator_hold_until = self.operator_hold_until.map(|at| base.moment(at));
        for (verification, costs) in recipient.verifications.iter_mut().zip(self.deliveries) {
            for (delivery, cost) in verification.deliveries.iter_mut().zip(costs) {
                cost.complete(delivery, base)?;
            }
        }
        Ok(())
    }
}

impl StoredCost {
    fn of(delivery: &Delivery, base: Base) -> Self {
        let price = |it: MessagePrice| {
            let (micros, country) = (it.amount.micros(), it.country.map(CountryCode::to_bytes));
            if it.is_settled {
                StoredPrice::Settled(micros, country)
            } else {
                StoredPrice::Reserved(micros, country)
            }
        };
        let is_odd = delivery.charged_at != delivery.created_at;
        Self {
            charges: delivery.charges.iter().map(StoredCharge::of).collect(),
            charged_at: is_odd.then(|| base.offset(delivery.charged_at)),
            price: delivery.price.map_or(StoredPrice::Unknown, price),
            conversion: match delivery.conversion {
                Conversion::NotCounted => StoredConversion::NotCounted,
                Conversion::Awaited => StoredConversion::Awaited,
                Conversion::Missed => StoredConversion::Missed,
                Conversion::Finished => StoredConversion::Finished,
            },
            matures_at: delivery.matures_at.map(|at| base.offset(at)),
        }
    }

    fn complete(self, delivery: &mut Delivery, base: Base) -> Result<(), RecordError> {
        let price = |micros, country: Option<[u8; 2]>, is_settled| {
            Ok::<_, RecordError>(MessagePrice {
                amount: Amount::from_micros(micros),
                is_settled,
                country: country.map(read_country).transpose()?,
            })
        };
        let charges = self.charges.into_iter().map(StoredCharge::into_charged);
        delivery.charges = charges.collect::<Result<_, _>>()?;
        delivery.price = match self.price {
            StoredPrice::Unknown => None,
            StoredPrice::Reserved(micros, country) => Some(price(micros, country, false)?),
            StoredPrice::Settled(micros, country) => Some(price(micros, country, true)?),
        };
        delivery.conversion = match self.conversion {
            StoredConversion::NotCounted => Conversion::NotCounted,
            StoredConversion::Awaited => Conversion::Awaited,
            StoredConversion::Missed => Conversion::Missed,
            StoredConversion::Finished => Conversion::Finished,
        };
        if let Some(at) = self.charged_at {
            delivery.charged_at = base.moment(at);
        }
        delivery.matures_at = self.matures_at.map(|at| base.moment(at));
        Ok(())
    }
}

fn read_country(bytes: [u8; 2]) -> Result<CountryCode, RecordError> {
    let text = std::str::from_utf8(&bytes).ok();
    text.and_then(CountryCode::parse).ok_or(RecordError::Value("country"))
}

impl StoredCharge {
    fn of(charged: &Charged) -> Self {
        let Charged {
            tag: ChargeTag(tag),
            key,
            amount,
            settles,
        } = *charged;
        let end = match settles {
            Settles::Acceptance => 0,
            Settles::Approval => 1,
            Settles::Price => 2,
        };
        Self {
            tag,
            key: *key.as_bytes(),
            amount_and_end: u128::from(amount) << 2 | end,
        }
    }

    fn into_charged(self) -> Result<Charged, RecordError> {
        Ok(Charged {
            tag: ChargeTag(self.tag),
            key: LimitKey::from_bytes(self.key),
            amount: u64::try_from(self.amount_and_end >> 2).map_err(|_| RecordError::Value("charge"))?,
            settles: match self.amount_and_end & 3 {
                0 => Settles::Acceptance,
                1 => Settles::Approval,
                2 => Settles::Price,
                _ => return Err(RecordError::Value("charge")),
            },
        })
    }
}
