//! Batches of inputs that one worker verifies.

use std::ops::Range;
use std::sync::Arc;

use synod_primitives::Transaction;
use synod_script::{
    Deferred, Flags, Immediate, ScriptError, SharedHashes, Sharing, SpendContext, share_hashes,
    verify_input,
};

use super::{Job, Place, ScriptFailure};
use crate::coin::{Coin, SpentCoins};

/// So many inputs go to a worker at once: enough to verify signatures in batches, few enough
/// that no thread is left alone at the end of a block.
const INPUTS_PER_BATCH: usize = 64;

/// Inputs of one transaction that one worker verifies.
struct Part {
    /// The transaction's position in its block.
    index: u32,
    inputs: Range<usize>,
    spent: Spent,
}

/// Where the coins are that the transaction of a part spends, all of them.
enum Spent {
    /// In the batch.
    InBatch(Range<usize>),
    /// Shared by the parts of a transaction that fills more than one batch.
    Shared(Arc<Large>),
}

/// What the parts of a large transaction share.
struct Large {
    spent: Vec<Coin>,
    hashes: SharedHashes,
}

/// Inputs that one worker verifies together, in the order of the block; never empty.
///
/// It owns what it needs besides the transactions, in few pieces of memory: a piece for each
/// input costs more than the rest of its script.
pub(super) struct Batch {
    parts: Vec<Part>,
    spent: Vec<Coin>,
}

/// Gathers jobs into batches.
#[derive(Default)]
pub(super) struct Batches {
    parts: Vec<Part>,
    spent: Vec<Coin>,
    inputs: usize,
}

impl Batches {
    /// Takes a job; whenever a batch is full, `emit` gets it. Transactions that are larger than a
    /// batch are split.
    pub(super) fn push(&mut self, job: &Job<'_>, mut emit: impl FnMut(Batch)) {
        let count = job.spent.len();
        if count > INPUTS_PER_BATCH {
            self.split(job, &mut emit);
            return;
        }
        if self.inputs + count > INPUTS_PER_BATCH {
            self.emit_into(&mut emit);
        }
        let first = self.spent.len();
        self.spent.extend_from_slice(job.spent);
        self.add(job.index, 0..count, Spent::InBatch(first..first + count));
        if self.inputs == INPUTS_PER_BATCH {
            self.emit_into(&mut emit);
        }
    }

    fn split(&mut self, job: &Job<'_>, emit: &mut impl FnMut(Batch)) {
        let large = Arc::new(Large {
            spent: job.spent.to_vec(),
            hashes: SharedHashes::default(),
        });
        let count = job.spent.len();
        let mut start = 0;
        while start < count {
            let end = count.min(start + INPUTS_PER_BATCH - self.inputs);
            self.add(job.index, start..end, Spent::Shared(Arc::clone(&large)));
            start = end;
            if self.inputs == INPUTS_PER_BATCH {
                self.emit_into(emit);
            }
        }
    }

    fn add(&mut self, index: u32, inputs: Range<usize>, spent: Spent) {
        if self.parts.capacity() == 0 {
            self.parts.reserve_exact(INPUTS_PER_BATCH);
            self.spent.reserve_exact(INPUTS_PER_BATCH);
        }
        self.inputs += inputs.len();
        self.parts.push(Part {
            index,
            inputs,
            spent,
        });
    }

    fn emit_into(&mut self, emit: &mut impl FnMut(Batch)) {
        self.inputs = 0;
        let batch = Batch {
            parts: std::mem::take(&mut self.parts),
            spent: std::mem::take(&mut self.spent),
        };
        if !batch.parts.is_empty() {
            emit(batch);
        }
    }

    /// Emits what is left.
    pub(super) fn finish(mut self, mut emit: impl FnMut(Batch)) {
        self.emit_into(&mut emit);
    }
}

impl Batch {
    /// Returns the place of the first input.
    pub(super) fn start(&self) -> Place {
        let first = self.parts.first();
        first.map_or(Place::LAST, |part| {
            Place::new(part.index, index_of(part.inputs.start))
        })
    }

    /// Runs the scripts with a queue for signatures, then judges the queue; returns the first
    /// input that fails.
    ///
    /// `transactions` are those of the block that the batch is of.
    pub(super) fn first_failure(
        &self,
        transactions: &[Transaction],
        flags: Flags,
    ) -> Option<ScriptFailure> {
        let mut checks = Deferred::default();
        checks.queue.reserve(INPUTS_PER_BATCH);
        // For each input its part and the length of the queue behind it.
        let mut inputs = Vec::with_capacity(INPUTS_PER_BATCH);
        let mut failed = None;
        let spent: Vec<SpentCoins<'_>> = self.parts.iter().map(|it| self.spent_by(it)).collect();
        let hashes = self.shared_hashes(transactions, &spent);
        'parts: for ((part, spent), hashes) in self.parts.iter().zip(&spent).zip(&hashes) {
            let transaction = &transactions[part.index as usize];
            let context = SpendContext::sharing(transaction, spent, part.hashes(hashes));
            for input in part.inputs.clone() {
                let before = checks.queue.len();
                if verify_input(&context, input, flags, &mut checks).is_err() {
                    checks.queue.truncate(before);
                    failed = Some((part, input));
                    break 'parts;
                }
                inputs.push((part, input, checks.queue.len()));
            }
        }
        // The queue holds signatures of inputs before the one that failed at once.
        if let Err(check) = synod_sigcheck::verify_batch(&checks.queue) {
            let position = inputs.partition_point(|(_, _, end)| *end <= check);
            failed = inputs.get(position).map(|(part, input, _)| (*part, *input));
        }
        failed.map(|(part, input)| self.name_failure(part, input, transactions, flags))
    }

    /// Makes room for the hashes of each part, and computes most of them.
    fn shared_hashes(
        &self,
        transactions: &[Transaction],
        spent: &[SpentCoins<'_>],
    ) -> Vec<SharedHashes> {
        let hashes: Vec<_> = self.parts.iter().map(|_| SharedHashes::default()).collect();
        let parts = self.parts.iter().zip(spent).zip(&hashes);
        let whole = parts.filter(|((part, _), _)| part.is_whole());
        share_hashes(whole.map(|((part, spent), hashes)| Sharing {
            transaction: &transactions[part.index as usize],
            spent_outputs: spent,
            hashes,
        }));
        hashes
    }

    /// Runs a script that fails once more, now with each signature judged where it stands: so
    /// the error is the one that Core names.
    fn name_failure(
        &self,
        part: &Part,
        input: usize,
        transactions: &[Transaction],
        flags: Flags,
    ) -> ScriptFailure {
        let spent = self.spent_by(part);
        let context = SpendContext::borrowing(&transactions[part.index as usize], &spent);
        let verdict = verify_input(&context, input, flags, &mut Immediate);
        ScriptFailure {
            transaction: part.index,
            input: index_of(input),
            error: verdict.err().unwrap_or(ScriptError::UnknownError),
        }
    }

    fn spent_by<'a>(&'a self, part: &'a Part) -> SpentCoins<'a> {
        SpentCoins(match &part.spent {
            Spent::InBatch(range) => &self.spent[range.clone()],
            Spent::Shared(large) => &large.spent,
        })
    }
}

impl Part {
    /// Says whether the batch has all inputs of the transaction.
    fn is_whole(&self) -> bool {
        matches!(self.spent, Spent::InBatch(_))
    }

    /// Returns where the hashes are that the inputs share: `own` ones, or those of all parts.
    fn hashes<'a>(&'a self, own: &'a SharedHashes) -> &'a SharedHashes {
        match &self.spent {
            Spent::InBatch(_) => own,
            Spent::Shared(large) => &large.hashes,
        }
    }
}

fn index_of(input: usize) -> u32 {
    u32::try_from(input).expect("inputs are in memory")
}
