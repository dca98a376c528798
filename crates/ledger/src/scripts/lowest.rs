//! The failure that counts where several workers find some.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use synod_primitives::Transaction;
use synod_script::Flags;

use super::ScriptFailure;
use super::batch::Batch;

/// The place of an input in its block, ordered as the block is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place(u64);

impl Place {
    /// Behind all inputs.
    pub(super) const LAST: Self = Self(u64::MAX);

    pub(super) fn new(transaction: u32, input: u32) -> Self {
        Self(u64::from(transaction) << 32 | u64::from(input))
    }
}

/// The lowest failure that any worker has found.
#[derive(Debug)]
pub(super) struct Lowest {
    failure: Mutex<Option<ScriptFailure>>,
    /// Its place; nothing above need be verified any more.
    place: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Lowest {
    pub(super) fn new() -> Self {
        Self {
            failure: Mutex::new(None),
            place: AtomicU64::new(Place::LAST.0),
            is_cancelled: AtomicBool::new(false),
        }
    }

    /// Lets batches that have not begun end at once: no verdict is needed any more.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Verifies a batch, unless its verdict is not needed any more.
    ///
    /// Correctness: a batch is left out only if it lies above a failure, so the lowest failure
    /// of all is always found, in whatever order the batches run.
    pub(super) fn verify(&self, batch: &Batch, transactions: &[Transaction], flags: Flags) {
        let is_needless = self.is_cancelled.load(Ordering::Relaxed)
            || Place(self.place.load(Ordering::Relaxed)) < batch.start();
        if is_needless {
            return;
        }
        if let Some(failure) = batch.first_failure(transactions, flags) {
            let found = Place::new(failure.transaction, failure.input);
            let mut lowest = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if found < Place(self.place.load(Ordering::Relaxed)) {
                self.place.store(found.0, Ordering::Relaxed);
                *lowest = Some(failure);
            }
        }
    }

    /// Returns the failure, once all batches have ended.
    pub(super) fn take(&self) -> Option<ScriptFailure> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
