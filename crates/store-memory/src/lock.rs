//! One way to lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks for a moment; nothing is ever awaited meanwhile. No step of this crate panics half-way through a change, so
/// what a poisoned lock guards is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
