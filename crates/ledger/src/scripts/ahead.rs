//! Scripts that are verified while their block's successors are connected.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rayon::ThreadPool;
use synod_primitives::{Block, Transaction};
use synod_script::Flags;

use super::batch::{Batch, Batches};
use super::lowest::Lowest;
use super::{Job, ScriptFailure, SignatureCache};

/// The scripts of a block whose other rules hold, on their way through the threads of a pool.
///
/// Dropping it lets what has not begun end at once.
///
/// Correctness (C28, CVE-2024-52911): the batches own the block and the coins that it spends, so
/// none outlives what it reads, whoever stops waiting.
#[derive(Debug)]
pub struct PendingScripts {
    running: Arc<Running>,
    inputs: usize,
}

#[derive(Debug)]
struct Running {
    block: Arc<Block>,
    flags: Flags,
    lowest: Lowest,
    /// Batches that have not ended.
    open: Mutex<usize>,
    all_ended: Condvar,
}

impl PendingScripts {
    /// Runs `produce`, which hands out jobs, and starts on them. When it fails, that is the
    /// answer.
    pub(super) fn start<E>(
        pool: &ThreadPool,
        cache: &dyn SignatureCache,
        block: &Arc<Block>,
        flags: Flags,
        produce: impl FnOnce(&mut dyn FnMut(Job<'_>)) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut pending = Self {
            running: Arc::new(Running {
                block: Arc::clone(block),
                flags,
                lowest: Lowest::new(),
                open: Mutex::new(0),
                all_ended: Condvar::new(),
            }),
            inputs: 0,
        };
        let running = Arc::clone(&pending.running);
        let mut spawn = |batch: Batch| {
            let running = Arc::clone(&running);
            *running.open() += 1;
            pool.spawn(move || running.run(&batch));
        };
        let mut batches = Batches::default();
        produce(&mut |job| {
            if !cache.is_verified(&job.transaction.wtxid(), flags) {
                pending.inputs += job.spent.len();
                batches.push(&job, &mut spawn);
            }
        })?;
        batches.finish(spawn);
        Ok(pending)
    }

    /// Returns how many inputs are verified: those that the cache did not know.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Says whether all verdicts are there, so that [`PendingScripts::wait`] does not wait.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self.running.open() == 0
    }

    /// Waits for all verdicts; returns the lowest failure.
    #[must_use]
    pub(crate) fn wait(&self) -> Option<ScriptFailure> {
        let mut open = self.running.open();
        while *open > 0 {
            let waited = self.running.all_ended.wait(open);
            open = waited.unwrap_or_else(PoisonError::into_inner);
        }
        self.running.lowest.take()
    }

    pub(crate) fn transactions(&self) -> &[Transaction] {
        self.running.block.transactions()
    }
}

impl Drop for PendingScripts {
    fn drop(&mut self) {
        self.running.lowest.cancel();
    }
}

impl Running {
    fn run(&self, batch: &Batch) {
        // Correctness: the batch counts as ended also when it panics, so that nobody waits for
        // ever; the pool then ends the process.
        let _ended = Ended(self);
        let transactions = self.block.transactions();
        self.lowest.verify(batch, transactions, self.flags);
    }

    fn open(&self) -> MutexGuard<'_, usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a batch as ended when it is dropped.
struct Ended<'a>(&'a Running);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut open = self.0.open();
        *open -= 1;
        if *open == 0 {
            self.0.all_ended.notify_all();
        }
    }
}
