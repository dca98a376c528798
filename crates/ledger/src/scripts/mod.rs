//! Verifying the scripts of a block, on one thread or many.

mod ahead;
mod batch;
mod lowest;

use std::sync::Arc;

use rayon::{Scope, ThreadPool};
use synod_primitives::{Block, Height, Transaction, TxOut, Wtxid};
use synod_script::{Flags, ScriptError};

use batch::{Batch, Batches};
use lowest::{Lowest, Place};

pub use ahead::PendingScripts;

use crate::coin::Coin;

/// Transactions whose scripts are known to be valid (Core: the script execution cache).
pub trait SignatureCache {
    /// Says whether all scripts of the transaction were verified with exactly these flags.
    ///
    /// The id with witness fixes everything that scripts depend on: the witness itself and,
    /// through the ids of the transactions that it spends from, the outputs that are spent.
    fn is_verified(&self, wtxid: &Wtxid, flags: Flags) -> bool;
}

/// A cache that knows nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoSignatureCache;

impl SignatureCache for NoSignatureCache {
    fn is_verified(&self, _: &Wtxid, _: Flags) -> bool {
        false
    }
}

/// Who verifies scripts.
#[derive(Clone, Copy, Debug)]
pub enum Workers<'a> {
    /// The thread that connects the block.
    CallingThread,
    /// The threads of a pool, while the calling thread goes on.
    Pool(&'a ThreadPool),
}

/// What to do with the scripts of a block.
#[derive(Clone, Copy)]
pub enum Scripts<'a> {
    /// Verifies all that the cache does not know.
    Verify {
        /// Who does it.
        workers: Workers<'a>,
        /// What needs no verification.
        cache: &'a dyn SignatureCache,
    },
    /// Verifies none: this node has verified the same block before and replays it after a
    /// crash.
    Skip,
}

/// An input whose script fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("input {input} of transaction {transaction}: {error}")]
pub struct ScriptFailure {
    /// The transaction's position in its block; 0 for a transaction by itself.
    pub transaction: u32,
    /// The input.
    pub input: u32,
    /// Why it fails.
    pub error: ScriptError,
}

/// A transaction whose scripts are to be verified.
pub(crate) struct Job<'j> {
    /// Its position in the block.
    pub(crate) index: u32,
    pub(crate) transaction: &'j Transaction,
    /// The coins that its inputs spend, in their order.
    pub(crate) spent: &'j [Coin],
}

/// Verifies the scripts of a transaction by itself.
///
/// `spent_outputs` are the outputs that its inputs spend, in their order; there are as many.
///
/// # Errors
/// The first input that fails.
pub fn verify_transaction(
    transaction: &Transaction,
    spent_outputs: &[TxOut],
    flags: Flags,
) -> Result<(), ScriptFailure> {
    let outputs = spent_outputs.iter();
    let spent: Vec<Coin> = outputs
        .map(|output| Coin::new(output, Height::GENESIS, false))
        .collect();
    let job = Job {
        index: 0,
        transaction,
        spent: &spent,
    };
    let mut gathered = Vec::new();
    let mut batches = Batches::default();
    batches.push(&job, |batch| gathered.push(batch));
    batches.finish(|batch| gathered.push(batch));
    let transactions = std::slice::from_ref(transaction);
    first_failure(&gathered, transactions, flags).map_or(Ok(()), Err)
}

fn first_failure(
    batches: &[Batch],
    transactions: &[Transaction],
    flags: Flags,
) -> Option<ScriptFailure> {
    let mut batches = batches.iter();
    batches.find_map(|batch| batch.first_failure(transactions, flags))
}

/// Runs `produce`, which hands out jobs of these transactions, and verifies them as `scripts`
/// says.
///
/// Returns the number of inputs verified and the lowest failure. When `produce` fails, that
/// is the answer, and no worker is at it any more when this returns.
pub(crate) fn verify_while<E>(
    scripts: &Scripts<'_>,
    transactions: &[Transaction],
    flags: Flags,
    produce: impl FnOnce(&mut dyn FnMut(Job<'_>)) -> Result<(), E>,
) -> Result<(usize, Option<ScriptFailure>), E> {
    let (workers, cache) = match scripts {
        Scripts::Skip => {
            produce(&mut |_| {})?;
            return Ok((0, None));
        }
        Scripts::Verify { workers, cache } => (workers, cache),
    };
    let mut inputs = 0;
    let mut unknown = |job: &Job<'_>| {
        let is_unknown = !cache.is_verified(&job.transaction.wtxid(), flags);
        inputs += if is_unknown { job.spent.len() } else { 0 };
        is_unknown
    };
    let failure = match workers {
        Workers::CallingThread => verify_here(transactions, flags, &mut unknown, produce),
        Workers::Pool(pool) => verify_in(pool, transactions, flags, &mut unknown, produce),
    }?;
    Ok((inputs, failure))
}

/// Runs `produce`, which hands out jobs of this block, and starts to verify them on the threads
/// of a pool.
pub(crate) fn verify_ahead<E>(
    pool: &ThreadPool,
    cache: &dyn SignatureCache,
    block: &Arc<Block>,
    flags: Flags,
    produce: impl FnOnce(&mut dyn FnMut(Job<'_>)) -> Result<(), E>,
) -> Result<PendingScripts, E> {
    PendingScripts::start(pool, cache, block, flags, produce)
}

/// Verifies on the calling thread, after `produce` has found nothing wrong.
fn verify_here<E>(
    transactions: &[Transaction],
    flags: Flags,
    is_wanted: &mut dyn FnMut(&Job<'_>) -> bool,
    produce: impl FnOnce(&mut dyn FnMut(Job<'_>)) -> Result<(), E>,
) -> Result<Option<ScriptFailure>, E> {
    let mut gathered = Vec::new();
    let mut batches = Batches::default();
    produce(&mut |job| {
        if is_wanted(&job) {
            batches.push(&job, |batch| gathered.push(batch));
        }
    })?;
    batches.finish(|batch| gathered.push(batch));
    Ok(first_failure(&gathered, transactions, flags))
}

/// Verifies on the threads of a pool while `produce` goes on.
///
/// Correctness (C28, CVE-2024-52911): the scope ends only when every batch has ended, so no
/// worker outlives what it reads, whatever `produce` returns or panics with.
fn verify_in<E>(
    pool: &ThreadPool,
    transactions: &[Transaction],
    flags: Flags,
    is_wanted: &mut dyn FnMut(&Job<'_>) -> bool,
    produce: impl FnOnce(&mut dyn FnMut(Job<'_>)) -> Result<(), E>,
) -> Result<Option<ScriptFailure>, E> {
    let lowest = &Lowest::new();
    let produced = pool.in_place_scope(|scope: &Scope<'_>| {
        let mut spawn = |batch: Batch| {
            scope.spawn(move |_| lowest.verify(&batch, transactions, flags));
        };
        let mut batches = Batches::default();
        let produced = produce(&mut |job| {
            if is_wanted(&job) {
                batches.push(&job, &mut spawn);
            }
        });
        match produced {
            Ok(()) => batches.finish(spawn),
            Err(_) => lowest.cancel(),
        }
        produced
    });
    produced.map(|()| lowest.take())
}
