//! Whether the process can do its work, as conditions with names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a condition says before anybody spoke of it.
const STARTING: &str = "starting";

/// Whether a condition holds, and if not, why.
type Conditions = BTreeMap<&'static str, Result<(), &'static str>>;

/// A handle on the process's readiness. Clones speak of the same process.
///
/// It is ready when every condition holds. A condition that nobody has spoken of yet does not.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Conditions>>);

impl Readiness {
    /// Names the conditions, such as `store`. None of them holds yet.
    pub fn new(conditions: impl IntoIterator<Item = &'static str>) -> Self {
        let conditions = conditions.into_iter().map(|name| (name, Err(STARTING)));
        Self(Arc::new(Mutex::new(conditions.collect())))
    }

    /// The condition holds from now on. One that was not named before is one from now on.
    pub fn hold(&self, condition: &'static str) {
        self.change(|conditions| conditions.insert(condition, Ok(())));
    }

    /// The condition fails from now on; `why` is a few fixed words for an operator, such as `shutting down`.
    pub fn fail(&self, condition: &'static str, why: &'static str) {
        self.change(|conditions| conditions.insert(condition, Err(why)));
    }

    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.change(|conditions| conditions.values().all(Result::is_ok))
    }

    /// Whether every condition holds, and each by name at that moment: `ok`, or why it fails.
    pub(crate) fn report(&self) -> (bool, BTreeMap<&'static str, &'static str>) {
        self.change(|conditions| {
            let words = |state: &Result<(), &'static str>| state.err().unwrap_or("ok");
            let report = conditions.iter().map(|(name, state)| (*name, words(state)));
            (conditions.values().all(Result::is_ok), report.collect())
        })
    }

    fn change<T>(&self, work: impl FnOnce(&mut Conditions) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_to_hold() {
        let readiness = Readiness::new(["store", "grpc"]);
        assert!(!readiness.is_ready());
        readiness.hold("store");
        assert!(!readiness.is_ready());
        readiness.hold("grpc");
        assert!(readiness.is_ready());
        readiness.clone().fail("store", "away");
        assert!(!readiness.is_ready());
        let report = BTreeMap::from([("grpc", "ok"), ("store", "away")]);
        assert_eq!(readiness.report(), (false, report));
    }
}
