//! Verifying scripts: under policy's flags, then under those of the next block.
//!
//! Consensus: what is remembered as valid for blocks was verified with exactly the flags of
//! blocks, as in Core (`PolicyScriptChecks`, `ConsensusScriptChecks`). The second run executes
//! the scripts again; a signature check that is the same value as in the first run is not
//! computed again, since a check's verdict depends on the check alone.

use synod_ledger::is_stake_script;
use synod_primitives::{Transaction, TxOut};
use synod_script::{Flags, Immediate, ScriptError, SignatureChecks, SpendContext, verify_input};
use synod_sigcheck::Check;

use crate::rejected::Rejected;

/// Judges checks and keeps the verdicts.
#[derive(Default)]
struct Recording {
    verdicts: Vec<(Check, bool)>,
}

impl SignatureChecks for Recording {
    fn check(&mut self, check: Check) -> bool {
        let verdict = synod_sigcheck::verify(&check);
        self.verdicts.push((check, verdict));
        verdict
    }
}

/// Gives verdicts that were recorded, as long as the checks come in the same order.
struct Replaying {
    recorded: std::vec::IntoIter<(Check, bool)>,
}

impl SignatureChecks for Replaying {
    fn check(&mut self, check: Check) -> bool {
        match self.recorded.next() {
            Some((recorded, verdict)) if recorded == check => verdict,
            _ => synod_sigcheck::verify(&check),
        }
    }
}

/// Judges at once what has to be, queues all others, and keeps what was asked.
struct Queueing<'q> {
    queue: &'q mut Vec<Check>,
    /// The verdicts; none for what was queued.
    verdicts: Vec<(Check, Option<bool>)>,
}

impl SignatureChecks for Queueing<'_> {
    fn check(&mut self, check: Check) -> bool {
        let verdict = synod_sigcheck::verify(&check);
        self.verdicts.push((check, Some(verdict)));
        verdict
    }

    fn defer(&mut self, check: Check) -> bool {
        self.queue.push(check.clone());
        self.verdicts.push((check, None));
        true
    }
}

/// Gives verdicts as [`Replaying`] does; what was not asked in the same order is queued.
struct ReplayingQueue<'q> {
    queue: &'q mut Vec<Check>,
    recorded: std::vec::IntoIter<(Check, Option<bool>)>,
}

impl SignatureChecks for ReplayingQueue<'_> {
    fn check(&mut self, check: Check) -> bool {
        match self.recorded.next() {
            Some((recorded, Some(verdict))) if recorded == check => verdict,
            // Also what is queued, where its verdict is needed now.
            _ => synod_sigcheck::verify(&check),
        }
    }

    fn defer(&mut self, check: Check) -> bool {
        match self.recorded.next() {
            Some((recorded, known)) if recorded == check => known.unwrap_or(true),
            _ => {
                self.queue.push(check);
                true
            }
        }
    }
}

/// A transaction's scripts, with the outputs that it spends.
#[derive(Clone, Copy)]
pub(super) struct Scripts<'t> {
    pub(super) transaction: &'t Transaction,
    pub(super) spent_outputs: &'t [TxOut],
    /// The flags of the next block.
    pub(super) block_flags: Flags,
    /// Whether the chain has stake.
    pub(super) has_stake: bool,
}

impl Scripts<'_> {
    /// Verifies all scripts.
    pub(super) fn verify(&self) -> Result<(), Rejected> {
        let spent_outputs = self.spent_outputs;
        let context = SpendContext::borrowing(self.transaction, &spent_outputs);
        let mut recording = Recording::default();
        for (index, spent) in spent_outputs.iter().enumerate() {
            let flags = policy_flags(spent, self.has_stake);
            verify_input(&context, index, flags, &mut recording)
                .map_err(|error| refusal(&context, index, error))?;
        }
        let mut replaying = Replaying {
            recorded: recording.verdicts.into_iter(),
        };
        for index in 0..spent_outputs.len() {
            verify_input(&context, index, self.block_flags, &mut replaying).map_err(|error| {
                Rejected::Script {
                    input: input_number(index),
                    error,
                    is_mandatory: true,
                    is_witness_stripped: false,
                }
            })?;
        }
        Ok(())
    }

    /// Verifies all scripts but the checks that it puts into the queue; false when a script fails.
    ///
    /// Correctness: the scripts are valid if and only if this is true and all those checks hold
    /// ([`SignatureChecks::defer`]).
    fn verify_queueing(&self, queue: &mut Vec<Check>) -> bool {
        let context = SpendContext::borrowing(self.transaction, &self.spent_outputs);
        let mut queueing = Queueing {
            queue,
            verdicts: Vec::new(),
        };
        for (index, spent) in self.spent_outputs.iter().enumerate() {
            let flags = policy_flags(spent, self.has_stake);
            if verify_input(&context, index, flags, &mut queueing).is_err() {
                return false;
            }
        }
        let mut replaying = ReplayingQueue {
            recorded: queueing.verdicts.into_iter(),
            queue: queueing.queue,
        };
        (0..self.spent_outputs.len())
            .all(|index| verify_input(&context, index, self.block_flags, &mut replaying).is_ok())
    }
}

/// Verifies the scripts of many transactions; their signatures are judged together, which costs
/// less than half. What fails is verified once more by itself, for its own error.
pub(super) fn verify_together(all: &[Scripts<'_>]) -> Vec<Result<(), Rejected>> {
    let mut queue = Vec::new();
    // For each transaction where its checks end in the queue; none when a script failed.
    let mut ends = Vec::with_capacity(all.len());
    for scripts in all {
        let start = queue.len();
        if scripts.verify_queueing(&mut queue) {
            ends.push(Some(queue.len()));
        } else {
            queue.truncate(start);
            ends.push(None);
        }
    }
    let mut failing = first_failing(&queue, 0);
    let judge = |(scripts, end): (&Scripts<'_>, Option<usize>)| {
        let Some(end) = end else {
            return scripts.verify();
        };
        if failing.is_none_or(|at| at >= end) {
            return Ok(());
        }
        // Security: what comes before a failure is not judged again, so that failures do not
        // multiply the work.
        failing = first_failing(&queue, end);
        scripts.verify()
    };
    all.iter().zip(ends).map(judge).collect()
}

/// Judges the checks from `start` on; returns the place of the first that fails.
fn first_failing(queue: &[Check], start: usize) -> Option<usize> {
    let failed = synod_sigcheck::verify_batch(&queue[start..]).err();
    failed.map(|index| start + index)
}

/// Returns the flags of policy. Stake outputs are no unknown witness programs to a chain that has
/// them; who may spend them was checked by the rules of stake.
fn policy_flags(spent: &TxOut, has_stake: bool) -> Flags {
    if has_stake && is_stake_script(spent.script_pubkey.as_bytes()) {
        Flags::STANDARD.difference(Flags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM)
    } else {
        Flags::STANDARD
    }
}

/// Says what a failure under policy's flags means: whether blocks allow it, and whether it is
/// only for want of a witness.
fn refusal(context: &SpendContext<'_>, index: usize, error: ScriptError) -> Rejected {
    let holds = |flags| verify_input(context, index, flags, &mut Immediate).is_ok();
    let without_clean_stack = Flags::STANDARD.difference(Flags::CLEANSTACK);
    let is_witness_stripped = !context.transaction().has_witness() && {
        // Both flags go, as CLEANSTACK leans on WITNESS.
        let all_hold = |flags| {
            let mut inputs = 0..context.transaction().inputs().len();
            inputs.all(|input| verify_input(context, input, flags, &mut Immediate).is_ok())
        };
        all_hold(without_clean_stack.difference(Flags::WITNESS)) && !all_hold(without_clean_stack)
    };
    Rejected::Script {
        input: input_number(index),
        error,
        is_mandatory: !holds(Flags::MANDATORY),
        is_witness_stripped,
    }
}

fn input_number(index: usize) -> u32 {
    u32::try_from(index).expect("inputs are in memory")
}
