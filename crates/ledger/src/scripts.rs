//! Verifying the scripts of a block, on one thread or many.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{Scope, ThreadPool};
use synod_primitives::{Transaction, TxOut, Wtxid};
use synod_script::{Deferred, Flags, Immediate, ScriptError, SpendContext, verify_input};

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
pub(crate) struct Job<'b> {
    pub(crate) index: u32,
    pub(crate) transaction: &'b Transaction,
    /// The outputs that its inputs spend, in their order.
    pub(crate) spent_outputs: Vec<TxOut>,
}

/// About so many inputs go to a worker at once: enough to verify signatures in batches, few
/// enough that no thread is left alone at the end of a block.
const INPUTS_PER_BATCH: usize = 32;

/// Inputs of one transaction that one worker verifies.
struct Part<'b> {
    index: u32,
    context: Arc<SpendContext<'b>>,
    inputs: Range<usize>,
}

/// Verifies the scripts of a transaction by itself.
///
/// `spent_outputs` are the outputs that its inputs spend, in their order; there are as many.
///
/// # Errors
/// The first input that fails.
pub fn verify_transaction(
    transaction: &Transaction,
    spent_outputs: Vec<TxOut>,
    flags: Flags,
) -> Result<(), ScriptFailure> {
    let mut failure = None;
    let mut verify = |batch: Vec<Part<'_>>| {
        failure = failure.or_else(|| first_failure(&batch, flags));
    };
    let mut batches = Batches::default();
    batches.push(
        Job {
            index: 0,
            transaction,
            spent_outputs,
        },
        &mut verify,
    );
    batches.finish(&mut verify);
    failure.map_or(Ok(()), Err)
}

/// Runs `produce`, which hands out jobs, and verifies them as `scripts` says.
///
/// Returns the number of inputs verified and the lowest failure. When `produce` fails, that
/// is the answer, and no worker is at it any more when this returns.
pub(crate) fn verify_while<'b, E>(
    scripts: &Scripts<'_>,
    flags: Flags,
    produce: impl FnOnce(&mut dyn FnMut(Job<'b>)) -> Result<(), E>,
) -> Result<(usize, Option<ScriptFailure>), E> {
    let (workers, cache) = match scripts {
        Scripts::Skip => {
            produce(&mut |_| {})?;
            return Ok((0, None));
        }
        Scripts::Verify { workers, cache } => (workers, cache),
    };
    let mut inputs = 0;
    let mut unknown = |job: &Job<'b>| {
        let is_unknown = !cache.is_verified(&job.transaction.wtxid(), flags);
        inputs += if is_unknown {
            job.spent_outputs.len()
        } else {
            0
        };
        is_unknown
    };
    let failure = match workers {
        Workers::CallingThread => verify_here(flags, &mut unknown, produce),
        Workers::Pool(pool) => verify_in(pool, flags, &mut unknown, produce),
    }?;
    Ok((inputs, failure))
}

/// Verifies on the calling thread, after `produce` has found nothing wrong.
fn verify_here<'b, E>(
    flags: Flags,
    is_wanted: &mut dyn FnMut(&Job<'b>) -> bool,
    produce: impl FnOnce(&mut dyn FnMut(Job<'b>)) -> Result<(), E>,
) -> Result<Option<ScriptFailure>, E> {
    let mut jobs = Vec::new();
    produce(&mut |job| {
        if is_wanted(&job) {
            jobs.push(job);
        }
    })?;
    let mut failure = None;
    let mut verify = |batch: Vec<Part<'b>>| {
        failure = failure.or_else(|| first_failure(&batch, flags));
    };
    let mut batches = Batches::default();
    for job in jobs {
        batches.push(job, &mut verify);
    }
    batches.finish(&mut verify);
    Ok(failure)
}

/// Verifies on the threads of a pool while `produce` goes on.
///
/// Correctness (C28, CVE-2024-52911): the scope ends only when every batch has ended, so no
/// worker outlives what it reads, whatever `produce` returns or panics with.
fn verify_in<'b, E>(
    pool: &ThreadPool,
    flags: Flags,
    is_wanted: &mut dyn FnMut(&Job<'b>) -> bool,
    produce: impl FnOnce(&mut dyn FnMut(Job<'b>)) -> Result<(), E>,
) -> Result<Option<ScriptFailure>, E> {
    let lowest = &Lowest::default();
    let produced = pool.in_place_scope(|scope: &Scope<'_>| {
        let mut spawn = |batch: Vec<Part<'b>>| {
            scope.spawn(move |_| lowest.verify(&batch, flags));
        };
        let mut batches = Batches::default();
        let produced = produce(&mut |job| {
            if is_wanted(&job) {
                batches.push(job, &mut spawn);
            }
        });
        match produced {
            Ok(()) => batches.finish(&mut spawn),
            Err(_) => lowest.is_cancelled.store(true, Ordering::Relaxed),
        }
        produced
    });
    produced.map(|()| lowest.take())
}

/// Gathers jobs into batches.
#[derive(Default)]
struct Batches<'b> {
    parts: Vec<Part<'b>>,
    inputs: usize,
}

impl<'b> Batches<'b> {
    /// Takes a job; whenever a batch is full, `emit` gets it. Large transactions are split.
    fn push(&mut self, job: Job<'b>, mut emit: impl FnMut(Vec<Part<'b>>)) {
        let count = job.spent_outputs.len();
        let context = Arc::new(SpendContext::new(job.transaction, job.spent_outputs));
        let mut start = 0;
        while start < count {
            let end = count.min(start + INPUTS_PER_BATCH - self.inputs);
            self.parts.push(Part {
                index: job.index,
                context: Arc::clone(&context),
                inputs: start..end,
            });
            self.inputs += end - start;
            start = end;
            if self.inputs == INPUTS_PER_BATCH {
                self.inputs = 0;
                emit(std::mem::take(&mut self.parts));
            }
        }
    }

    /// Emits what is left.
    fn finish(self, mut emit: impl FnMut(Vec<Part<'b>>)) {
        if !self.parts.is_empty() {
            emit(self.parts);
        }
    }
}

/// The lowest failure that any worker has found.
struct Lowest {
    failure: Mutex<Option<ScriptFailure>>,
    /// Its place; nothing above need be verified any more.
    place: AtomicU64,
    is_cancelled: AtomicBool,
}

impl Default for Lowest {
    fn default() -> Self {
        Self {
            failure: Mutex::new(None),
            place: AtomicU64::new(u64::MAX),
            is_cancelled: AtomicBool::new(false),
        }
    }
}

fn place(transaction: u32, input: u32) -> u64 {
    u64::from(transaction) << 32 | u64::from(input)
}

impl Lowest {
    /// Verifies a batch, unless its verdict is not needed any more.
    ///
    /// Correctness: a batch is left out only if it lies above a failure, so the lowest failure
    /// of all is always found, in whatever order the batches run.
    fn verify(&self, batch: &[Part<'_>], flags: Flags) {
        let Some(first) = batch.first() else {
            return;
        };
        let start = place(first.index, index_of(first.inputs.start));
        let is_needless =
            self.is_cancelled.load(Ordering::Relaxed) || self.place.load(Ordering::Relaxed) < start;
        if is_needless {
            return;
        }
        if let Some(failure) = first_failure(batch, flags) {
            let found = place(failure.transaction, failure.input);
            let mut lowest = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            if found < self.place.load(Ordering::Relaxed) {
                self.place.store(found, Ordering::Relaxed);
                *lowest = Some(failure);
            }
        }
    }

    fn take(&self) -> Option<ScriptFailure> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index_of(input: usize) -> u32 {
    u32::try_from(input).expect("inputs are in memory")
}

/// Verifies a batch: runs the scripts with a queue for signatures, then judges the queue.
fn first_failure(batch: &[Part<'_>], flags: Flags) -> Option<ScriptFailure> {
    let mut checks = Deferred::default();
    // For each input the length of the queue behind it.
    let mut inputs = Vec::with_capacity(INPUTS_PER_BATCH);
    let all = batch
        .iter()
        .flat_map(|part| part.inputs.clone().map(move |input| (part, input)));
    let mut failed = None;
    for (part, input) in all {
        let before = checks.queue.len();
        if verify_input(&part.context, input, flags, &mut checks).is_err() {
            checks.queue.truncate(before);
            failed = Some((part, input));
            break;
        }
        inputs.push((part, input, checks.queue.len()));
    }
    if let Err(check) = synod_sigcheck::verify_batch(&checks.queue) {
        let position = inputs.partition_point(|(_, _, end)| *end <= check);
        failed = inputs.get(position).map(|(part, input, _)| (*part, *input));
    }
    failed.map(|(part, input)| name_failure(part, input, flags))
}

/// Runs a script that fails once more, now with each signature judged where it stands: so the
/// error is the one that Core names.
fn name_failure(part: &Part<'_>, input: usize, flags: Flags) -> ScriptFailure {
    let verdict = verify_input(&part.context, input, flags, &mut Immediate);
    ScriptFailure {
        transaction: part.index,
        input: index_of(input),
        error: verdict.err().unwrap_or(ScriptError::UnknownError),
    }
}
