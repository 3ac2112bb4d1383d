//! One way to lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after another test thread panicked while it held the lock: its failure is the one to read about.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
