//! What happens to the send at hand: an order, a magic number, mischief, or nothing, in this order. Kept out: carrying
//! it out.

use std::sync::Arc;
use std::time::Duration;

use crate::fate::Fate;
use crate::fault::Fault;
use crate::magic::{Magic, magic_of};
use crate::mischief::Lot;
use crate::shared::Shared;

/// What is in store for one request.
pub(crate) struct Course {
    pub(crate) fault: Option<Fault>,
    /// The fate ordered together with the fault.
    ordered: Option<Fate>,
    /// The fate that comes with the phone number.
    magic: Option<Fate>,
    lot: Option<Lot>,
}

/// The code of a message to somebody else than the sender thinks.
const IDENTITY_CHANGED: u32 = 137_000;

impl Course {
    /// Chooses for a request to this recipient; `None` for one whose recipient cannot be read.
    pub(crate) fn of(shared: &Shared, digits: Option<&str>) -> Self {
        let ordered = shared.scenarios.take_fault(digits);
        let magic = digits.filter(|_| shared.config.magic_numbers);
        let magic = magic.and_then(|digits| magic_of(digits, shared.config.pace));
        let lot = shared.mischief.next_lot();
        if let Some((fault, fate)) = ordered {
            return Self {
                fault: Some(fault),
                ordered: fate,
                magic: magic.and_then(|magic| magic.fate),
                lot,
            };
        }
        if let Some(Magic { fault, fate }) = magic {
            // A number that says what it does is not meddled with.
            return Self {
                fault,
                ordered: None,
                magic: fate,
                lot: None,
            };
        }
        Self {
            fault: lot.and_then(|lot| shared.mischief.fault(lot)),
            ordered: None,
            magic: None,
            lot,
        }
    }

    /// Chooses what becomes of the message, now that it is accepted; `None` for the usual.
    pub(crate) fn fate(self, shared: &Shared, digits: &str, believed_identity: Option<&str>) -> Option<Arc<Fate>> {
        let is_held = self.fault == Some(Fault::AcceptedHeld);
        let mut fate = self.chosen(shared, digits, believed_identity);
        if is_held {
            fate = Some(Fate {
                held: true,
                ..fate.unwrap_or_else(|| Fate::usual(shared.config.pace))
            });
        }
        fate.map(Arc::new)
    }

    fn chosen(self, shared: &Shared, digits: &str, believed_identity: Option<&str>) -> Option<Fate> {
        // Asked in any case, so that an order counts messages whatever becomes of them.
        let ordered = self.ordered.or_else(|| shared.scenarios.take_fate(digits));
        if believed_identity.is_some_and(|believed| believed != shared.people.identity_of(digits)) {
            let after = shared.config.pace.to_sent.unwrap_or(Duration::ZERO);
            return Some(Fate::failed(IDENTITY_CHANGED, after));
        }
        let usual = || Fate::usual(shared.config.pace);
        ordered
            .or(self.magic)
            .or_else(|| self.lot.map(|lot| shared.mischief.fate(lot, usual())))
    }
}
