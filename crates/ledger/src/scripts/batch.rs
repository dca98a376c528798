//! Batches of inputs that one worker verifies.

use std::ops::Range;
use std::sync::Arc;

use synod_script::{Deferred, Flags, Immediate, ScriptError, SpendContext, verify_input};

use super::{Job, Place, ScriptFailure};

/// About so many inputs go to a worker at once: enough to verify signatures in batches, few
/// enough that no thread is left alone at the end of a block.
const INPUTS_PER_BATCH: usize = 64;

/// Inputs of one transaction that one worker verifies.
struct Part<'b> {
    index: u32,
    context: Arc<SpendContext<'b>>,
    inputs: Range<usize>,
}

/// Inputs that one worker verifies together, in the order of the block; never empty.
pub(super) struct Batch<'b>(Vec<Part<'b>>);

/// Gathers jobs into batches.
#[derive(Default)]
pub(super) struct Batches<'b> {
    parts: Vec<Part<'b>>,
    inputs: usize,
}

impl<'b> Batches<'b> {
    /// Takes a job; whenever a batch is full, `emit` gets it. Large transactions are split.
    pub(super) fn push(&mut self, job: Job<'b>, mut emit: impl FnMut(Batch<'b>)) {
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
                emit(Batch(std::mem::take(&mut self.parts)));
            }
        }
    }

    /// Emits what is left.
    pub(super) fn finish(self, emit: impl FnOnce(Batch<'b>)) {
        if !self.parts.is_empty() {
            emit(Batch(self.parts));
        }
    }
}

impl Batch<'_> {
    /// Returns the place of the first input.
    pub(super) fn start(&self) -> Place {
        let first = self.0.first();
        first.map_or(Place::LAST, |part| {
            Place::new(part.index, index_of(part.inputs.start))
        })
    }

    /// Runs the scripts with a queue for signatures, then judges the queue; returns the first
    /// input that fails.
    pub(super) fn first_failure(&self, flags: Flags) -> Option<ScriptFailure> {
        let mut checks = Deferred::default();
        checks.queue.reserve(INPUTS_PER_BATCH);
        // For each input the length of the queue behind it.
        let mut inputs = Vec::with_capacity(INPUTS_PER_BATCH);
        let mut failed = None;
        for (part, input) in self.inputs() {
            let before = checks.queue.len();
            if verify_input(&part.context, input, flags, &mut checks).is_err() {
                checks.queue.truncate(before);
                failed = Some((part, input));
                break;
            }
            inputs.push((part, input, checks.queue.len()));
        }
        // The queue holds signatures of inputs before the one that failed at once.
        if let Err(check) = synod_sigcheck::verify_batch(&checks.queue) {
            let position = inputs.partition_point(|(_, _, end)| *end <= check);
            failed = inputs.get(position).map(|(part, input, _)| (*part, *input));
        }
        failed.map(|(part, input)| part.name_failure(input, flags))
    }

    fn inputs(&self) -> impl Iterator<Item = (&Part<'_>, usize)> {
        self.0
            .iter()
            .flat_map(|part| part.inputs.clone().map(move |input| (part, input)))
    }
}

impl Part<'_> {
    /// Runs a script that fails once more, now with each signature judged where it stands: so
    /// the error is the one that Core names.
    fn name_failure(&self, input: usize, flags: Flags) -> ScriptFailure {
        let verdict = verify_input(&self.context, input, flags, &mut Immediate);
        ScriptFailure {
            transaction: self.index,
            input: index_of(input),
            error: verdict.err().unwrap_or(ScriptError::UnknownError),
        }
    }
}

fn index_of(input: usize) -> u32 {
    u32::try_from(input).expect("inputs are in memory")
}
