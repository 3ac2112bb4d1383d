//! The calls to the management endpoints: what was asked, which of them go wrong, and how many an hour. Kept out: what a
//! call does.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::fault::Fault;

/// One request about templates, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct ManagementCall {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path, version included, without the query.
    pub path: String,
    /// The query in its order, decoded, without `access_token` and `appsecret_proof`.
    pub query: Vec<(String, String)>,
    /// The body as JSON; null when there was none, or none that is JSON.
    pub body: Value,
    /// When it came, in Unix milliseconds.
    pub at_ms: u64,
}

/// Which calls to the management endpoints a fault is for, counted from when it is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The next so many.
    Next(u32),
    /// The so-manieth alone; 1 is the next.
    Nth(u32),
    /// The so-manieth alone of those that change something, which are `POST` and `DELETE`; 1 is the next.
    NthChange(u32),
    /// One of so many, for as long as it is not cleared; 1 is all of them.
    Every(u32),
}

/// Calls remembered; beyond it the oldest is forgotten.
const CALLS_MAX: usize = 1_000;
/// Meta: rate limits, an account without a registered number.
const CALLS_AN_HOUR: usize = 200;
const HOUR_MS: u64 = 3_600_000;

/// What is remembered of the calls, and what is ordered for those to come.
#[derive(Default)]
pub(crate) struct ManagementBook {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: VecDeque<ManagementCall>,
    orders: Vec<Ordered>,
    /// When calls came in the last hour.
    hour: VecDeque<u64>,
}

struct Ordered {
    calls: Calls,
    fault: Fault,
    /// Calls it has counted.
    seen: u32,
}

impl ManagementBook {
    /// Remembers a call. Returns the fault it meets, which is that of the first order it is meant by.
    pub(crate) fn take(&self, call: ManagementCall) -> Option<Fault> {
        let mut state = self.state();
        let changes = call.method != "GET";
        if state.calls.len() == CALLS_MAX {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
        let mut fault = None;
        for order in &mut state.orders {
            if order.counts(changes) && order.is_meant() && fault.is_none() {
                fault = Some(order.fault.clone());
            }
        }
        state.orders.retain(|order| !order.is_used_up());
        fault
    }

    /// Whether there is room for one more call this hour. A call that is refused for it counts, too.
    pub(crate) fn has_room(&self, now_ms: u64) -> bool {
        let mut state = self.state();
        state.hour.retain(|at_ms| at_ms.saturating_add(HOUR_MS) > now_ms);
        // One more than there is room for says as much as all of them.
        if state.hour.len() > CALLS_AN_HOUR {
            return false;
        }
        state.hour.push_back(now_ms);
        state.hour.len() <= CALLS_AN_HOUR
    }

    pub(crate) fn fail(&self, calls: Calls, fault: Fault) {
        self.state().orders.push(Ordered { calls, fault, seen: 0 });
    }

    pub(crate) fn clear_faults(&self) {
        self.state().orders.clear();
    }

    /// The calls so far, oldest first.
    pub(crate) fn calls(&self) -> Vec<ManagementCall> {
        self.state().calls.iter().cloned().collect()
    }

    pub(crate) fn forget_calls(&self) {
        self.state().calls.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ordered {
    /// Counts the call if it is one of those that are counted.
    fn counts(&mut self, changes: bool) -> bool {
        let counted = changes || !matches!(self.calls, Calls::NthChange(_));
        self.seen = self.seen.saturating_add(u32::from(counted));
        counted
    }

    /// Whether the call counted last is meant.
    fn is_meant(&self) -> bool {
        match self.calls {
            Calls::Next(count) => self.seen <= count,
            Calls::Nth(number) | Calls::NthChange(number) => self.seen == number,
            Calls::Every(step) => step > 0 && self.seen.is_multiple_of(step),
        }
    }

    fn is_used_up(&self) -> bool {
        match self.calls {
            Calls::Next(count) | Calls::Nth(count) | Calls::NthChange(count) => self.seen >= count,
            Calls::Every(step) => step == 0,
        }
    }
}

impl fmt::Debug for ManagementCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ManagementCall")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
