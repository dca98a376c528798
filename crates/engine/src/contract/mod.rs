//! What every engine must keep, as checks that each engine's tests call.
//!
//! A [`Script`] is what happened to an engine, in order. The checks play it, play it again,
//! cut it off and start anew, or disturb it, and compare what comes out.

mod fork_choice;
mod replay;

use std::collections::BTreeMap;

pub use fork_choice::check_fork_choice_is_a_strict_order;
pub use replay::{
    check_determinism, check_disturbed_messages, check_flood, check_restart_at_every_point,
};

use bytes::Bytes;
use synod_seal::{SealKey, Slot, VoteLink, contradicts_votes};

use crate::{Engine, FinalBlock, Input, Millis, Output, Record, RecordKey, STATE_RECORD};

/// Inputs with their times, in order. The first is [`Input::Restart`].
pub type Script = Vec<(Millis, Input)>;

/// Makes a new engine, always the same.
pub type Factory<'a> = &'a dyn Fn() -> Box<dyn Engine>;

/// What an engine has promised so far: what no later output may contradict.
#[derive(Default)]
struct Promises {
    votes: BTreeMap<SealKey, Vec<VoteLink>>,
    slots: BTreeMap<(SealKey, Slot, u32), u32>,
    finalized: Option<FinalBlock>,
    records: BTreeMap<RecordKey, Record>,
}

impl Promises {
    /// Takes in outputs and holds them to what was promised.
    fn note(&mut self, outputs: &[Output]) {
        for output in outputs {
            match output {
                Output::Persist { records, .. } => self.persist(records),
                Output::SignVote { key, link } => self.vote(*key, *link),
                Output::BuildBlock(proposal) => {
                    let seal = &proposal.seal;
                    let count = self
                        .slots
                        .entry((seal.key, seal.slot, seal.round))
                        .or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "two blocks are asked for slot {}", seal.slot);
                }
                Output::Final { block, .. } => self.finalize(*block),
                _ => {}
            }
        }
    }

    fn persist(&mut self, records: &[Record]) {
        for record in records {
            if record.value.is_empty() {
                self.records.remove(&record.key);
            } else {
                self.records.insert(record.key, record.clone());
            }
        }
    }

    fn vote(&mut self, key: SealKey, link: VoteLink) {
        let before = self.votes.entry(key).or_default();
        for other in before.iter() {
            assert!(!contradicts_votes(other, &link), "{other:?} and {link:?}");
        }
        before.push(link);
    }

    fn finalize(&mut self, block: FinalBlock) {
        if let Some(before) = self.finalized {
            let grows = before.height < block.height || before == block;
            assert!(grows, "{block:?} is final after {before:?}");
        }
        self.finalized = Some(block);
    }

    /// Checks that the engine knows of what it called final.
    fn check(&self, engine: &dyn Engine) {
        if let Some(promised) = self.finalized {
            assert_eq!(engine.finalized(), Some(promised), "finality is forgotten");
        }
    }

    fn restart(&self, state: Option<&(FinalBlock, Bytes)>) -> Input {
        let mut records: Vec<Record> = self.records.values().cloned().collect();
        records.extend(state.map(|(_, value)| Record {
            key: STATE_RECORD,
            value: value.clone(),
        }));
        Input::Restart { records }
    }
}
