//! What an operator takes for granted, and when a node must not follow anybody without it.
//!
//! A trusted block stands in its place like the final one: no other block comes there. Under an
//! engine with stake this is more than a guard: keys whose stake has left have nothing to lose
//! and can make another history from the block on at which it was still there. A node that was
//! away for longer than stake stays slashable cannot tell that history from the honest one
//! ("weak subjectivity", Buterin 2014). So at a start whose final block is older than that it
//! follows nobody, until its operator names a later block. Then it moves only along branches that
//! hold that block, which it finds by their headers.

use std::collections::BTreeMap;

use synod_chainspec::ChainSpec;
use synod_engine::FinalBlock;
use synod_primitives::{BlockHash, Height};

use crate::chain::Chain;
use crate::storage::StorageError;
use crate::tree::EntryId;
use crate::verdict::{Blame, NodeError, Refusal};

/// The code of what is refused while an operator's trust is missing.
pub const NEEDS_TRUST: &str = "needs-trust";

/// Why a node follows nobody: its last final block is older than stake stays slashable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeedsTrust {
    /// The last final block; the genesis block before there is one.
    pub block: FinalBlock,
    /// Its age when the node started, in seconds.
    pub age_s: u64,
    /// How long stake stays slashable after it has left, in seconds.
    pub period_s: u64,
}

impl std::fmt::Display for NeedsTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the last final block (height {}, {}) is {} s old, but stake that left since is \
             slashable for {} s only, so its keys could show another history: take a later block \
             from somebody you trust and start with --trust-checkpoint HEIGHT:HASH, or with \
             --trust-checkpoint tip if the whole network stood still",
            self.block.height, self.block.hash, self.age_s, self.period_s
        )
    }
}

/// What an operator takes for granted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    blocks: BTreeMap<Height, BlockHash>,
    /// When the chain past its bootstrap begins, in seconds since 1970.
    start_time: u64,
    needs: Option<NeedsTrust>,
}

impl Trust {
    pub(crate) fn of_spec(spec: &ChainSpec) -> Self {
        let bootstrap = spec.consensus.bootstrap.as_ref();
        Self {
            blocks: spec.trust.checkpoints.iter().copied().collect(),
            start_time: bootstrap.map_or(0, |it| u64::from(it.time) + u64::from(it.blocks)),
            needs: None,
        }
    }
}

impl Chain {
    /// Returns why the node follows nobody, if it does not.
    #[must_use]
    pub fn needs_trust(&self) -> Option<NeedsTrust> {
        self.trust.needs
    }

    /// Takes the chain as it is stored for granted, as an operator may who knows that the whole
    /// network stood still.
    pub fn trust_stored_chain(&mut self) {
        self.trust.needs = None;
    }

    /// Looks at the age of the final block at a start, and leaves a branch that lacks a trusted
    /// block.
    ///
    /// # Errors
    /// What is final contradicts a trusted block; storage failed.
    pub(crate) fn start_trusting(&mut self, now: u64) -> Result<(), StorageError> {
        self.leave_distrusted()?;
        let Some(period_s) = self.engine.trust_period_s() else {
            return Ok(());
        };
        let genesis = FinalBlock {
            height: Height::GENESIS,
            hash: self.tree.active_hash(Height::GENESIS),
        };
        let (block, time) = match self.finality().map(|(block, _)| *block) {
            Some(block) => (block, self.time_of(&block).max(self.trust.start_time)),
            None => (genesis, self.trust.start_time),
        };
        let age_s = now.saturating_sub(time);
        let is_vouched_for = self.trust.blocks.keys().any(|it| *it > block.height);
        let needs = NeedsTrust {
            block,
            age_s,
            period_s,
        };
        self.trust.needs = (age_s > period_s && !is_vouched_for).then_some(needs);
        Ok(())
    }

    fn time_of(&self, block: &FinalBlock) -> u64 {
        let id = self.tree.find(block.hash);
        id.map_or(0, |id| self.tree.entry(id).record.header.time.into())
    }

    fn leave_distrusted(&mut self) -> Result<(), StorageError> {
        let wrong = self.trust.blocks.iter().find_map(|(height, hash)| {
            let id = self.tree.active_at(*height)?;
            let active = self.tree.entry(id).record.hash;
            (active != *hash).then_some((*height, active))
        });
        let Some((height, active)) = wrong else {
            return Ok(());
        };
        match self.invalidate(active) {
            Ok(_) => Ok(()),
            Err(NodeError::Storage(error)) => Err(error),
            Err(NodeError::Refused(refusal)) => Err(StorageError::Failed(format!(
                "the stored chain has block {active} at height {height} and not the trusted one \
                 ({refusal}): remove the data directory, or trust another block"
            ))),
        }
    }

    /// Refuses everything but bootstrap blocks while nobody is followed.
    pub(crate) fn check_trust(&self, parent: EntryId) -> Result<(), Refusal> {
        let height = self.tree.entry(parent).record.height.next();
        match &self.trust.needs {
            Some(needs) if self.engine.required_time(height).is_none() => {
                Err(Refusal::new(NEEDS_TRUST, needs.to_string(), Blame::Nobody))
            }
            _ => Ok(()),
        }
    }

    /// Refuses another block in the place of a trusted one.
    pub(crate) fn check_trusted_place(
        &self,
        height: Height,
        hash: BlockHash,
    ) -> Result<(), Refusal> {
        match self.trust.blocks.get(&height) {
            Some(trusted) if *trusted != hash => {
                let detail = format!("the trusted block at height {height} is {trusted}");
                Err(Refusal::invalid("bad-fork-prior-to-finalized", detail))
            }
            _ => Ok(()),
        }
    }

    /// Says whether the node may move to a branch: one that holds the highest trusted block, or
    /// leads to it, as far as its headers are known.
    ///
    /// Without finality a trusted block only guards its place: work shows the rest.
    pub(crate) fn is_vouched_for(&self, id: EntryId) -> bool {
        let Some((height, hash)) = self.trust.blocks.last_key_value() else {
            return true;
        };
        let is_past = self.tree.active_at(*height).is_some();
        if !self.engine.has_finality() || is_past {
            return true;
        }
        let end = self.tree.entry(id).record.height;
        // The bootstrap is the spec's own.
        if self.engine.required_time(end).is_some() {
            return true;
        }
        let Some(trusted) = self.tree.find(*hash) else {
            return false;
        };
        if end < *height {
            self.tree.ancestor(trusted, end) == id
        } else {
            self.tree.ancestor(id, *height) == trusted
        }
    }

    /// Says whether own keys must not sign: the node does not know yet what the others build on.
    pub(crate) fn is_untrusted(&self) -> bool {
        self.trust.needs.is_some() || !self.is_vouched_for(self.tree.tip())
    }
}
