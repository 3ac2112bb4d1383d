//! Orders for what happens to which messages, first come, first served. Kept out: carrying them out, and their JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::fate::Fate;
use crate::fault::Fault;
use crate::wire::digits_of;

/// An order: to these messages, this fault, this fate.
///
/// A scenario with a fault meets every `POST` to a messages path, valid or not, and its fate goes to the message if
/// the fault accepts it. A scenario with a fate alone meets accepted messages, and is not used up by refused ones.
/// Of several, the one ordered first is meant.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scenario {
    /// How many it is for; `None` for all until it is removed.
    pub times: Option<u32>,
    /// The recipient it is for, written as `to` may be; `None` for everybody. What is not a phone is nobody.
    pub to: Option<String>,
    /// How the send goes wrong; `None` for a send that goes well.
    pub fault: Option<Fault>,
    /// What becomes of the message; `None` for what would happen otherwise.
    pub fate: Option<Fate>,
}

impl Scenario {
    /// For every message.
    pub fn every() -> Self {
        Self::default()
    }

    /// For the next `times` messages.
    pub fn next(times: u32) -> Self {
        Self {
            times: Some(times),
            ..Self::default()
        }
    }

    /// For messages to this phone.
    pub fn to(phone: &str) -> Self {
        Self {
            to: Some(phone.to_owned()),
            ..Self::default()
        }
    }

    /// The same for the next `times` of its messages only.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The same with this fault.
    #[must_use]
    pub fn fault(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    /// The same with this fate.
    #[must_use]
    pub fn fate(self, fate: Fate) -> Self {
        Self {
            fate: Some(fate),
            ..self
        }
    }
}

/// Does not show the phone.
impl fmt::Debug for Scenario {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scenario")
            .field("times", &self.times)
            .field("for_one_phone", &self.to.is_some())
            .field("fault", &self.fault)
            .field("fate", &self.fate)
            .finish()
    }
}

/// Every scenario that is still to come, by its number.
#[derive(Default)]
pub(crate) struct Scenarios {
    ordered: Mutex<Ordered>,
}

#[derive(Default)]
struct Ordered {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
}

struct Waiting {
    /// With what is left of its times.
    scenario: Scenario,
    whom: Whom,
}

enum Whom {
    Everybody,
    /// The digits of one phone.
    One(String),
    Nobody,
}

impl Whom {
    fn of(to: Option<&str>) -> Self {
        match to {
            None => Self::Everybody,
            Some(to) => digits_of(to).map_or(Self::Nobody, Self::One),
        }
    }

    fn is(&self, digits: Option<&str>) -> bool {
        match self {
            Self::Everybody => true,
            Self::One(only) => digits == Some(only),
            Self::Nobody => false,
        }
    }
}

impl Scenarios {
    /// Adds one and returns its number. One for no message at all is not kept.
    pub(crate) fn add(&self, scenario: Scenario) -> u64 {
        let mut ordered = self.ordered();
        ordered.last += 1;
        let number = ordered.last;
        if scenario.times != Some(0) {
            let whom = Whom::of(scenario.to.as_deref());
            ordered.waiting.insert(number, Waiting { scenario, whom });
        }
        number
    }

    /// Those still to come, with what is left of their times.
    pub(crate) fn list(&self) -> Vec<(u64, Scenario)> {
        let ordered = self.ordered();
        let waiting = ordered.waiting.iter();
        waiting
            .map(|(number, waiting)| (*number, waiting.scenario.clone()))
            .collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.ordered().waiting.len()
    }

    pub(crate) fn remove(&self, number: u64) -> bool {
        self.ordered().waiting.remove(&number).is_some()
    }

    pub(crate) fn clear(&self) {
        self.ordered().waiting.clear();
    }

    pub(crate) fn clear_faults(&self) {
        let mut ordered = self.ordered();
        ordered.waiting.retain(|_, waiting| waiting.scenario.fault.is_none());
    }

    /// The fault for the request at hand, and the fate that goes with it; used up by asking.
    pub(crate) fn take_fault(&self, digits: Option<&str>) -> Option<(Fault, Option<Fate>)> {
        let taken = self.take(digits, |scenario| scenario.fault.is_some())?;
        taken.fault.map(|fault| (fault, taken.fate))
    }

    /// The fate for the message at hand; used up by asking.
    pub(crate) fn take_fate(&self, digits: &str) -> Option<Fate> {
        self.take(Some(digits), |scenario| {
            scenario.fault.is_none() && scenario.fate.is_some()
        })?
        .fate
    }

    fn take(&self, digits: Option<&str>, wanted: impl Fn(&Scenario) -> bool) -> Option<Scenario> {
        let mut ordered = self.ordered();
        let (number, waiting) = ordered
            .waiting
            .iter_mut()
            .find(|(_, waiting)| waiting.whom.is(digits) && wanted(&waiting.scenario))?;
        let taken = waiting.scenario.clone();
        let number = *number;
        if let Some(left) = &mut waiting.scenario.times {
            *left -= 1;
            if *left == 0 {
                ordered.waiting.remove(&number);
            }
        }
        Some(taken)
    }

    fn ordered(&self) -> MutexGuard<'_, Ordered> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
