//! The engine's runtime on the chain thread: what the engine asks for is done here, in order.

use std::collections::BTreeMap;

use synod_api::node::{CheckpointBody, SealDuty, VoteDuty};
use synod_api::{HashHex, HexBytes};
use synod_engine::{Input, Millis, Output, Proposal, TimerId};
use synod_ledger::StakeRules;
use synod_node_core::{Durability, Event, Node, StorageError};
use synod_primitives::{Block, Height, Script, Transaction};
use synod_seal::{Checkpoint, SealKey, VoteLink};
use tokio::sync::watch;

use super::Duties;
use super::offences::EVIDENCE_RECORD;
use super::spread::{Outgoing, encode_engine};

/// The most blocks that a start looks back for stake on its way out: at most a few seconds.
const MAX_BLOCKS_LOOKED_BACK: u32 = 4096;
/// The most timers of an engine.
const MAX_TIMERS: usize = 64;
/// The most rounds of outputs that follow from each other after one request; what is left is
/// carried out after the next.
const MAX_ROUNDS: usize = 16;

/// Carries out what an engine asks of a node.
pub struct Runtime {
    duties: Duties,
    rules: Option<StakeRules>,
    timers: BTreeMap<TimerId, Millis>,
    due: watch::Sender<Option<Millis>>,
}

impl Runtime {
    pub(super) fn new(
        duties: Duties,
        rules: Option<StakeRules>,
        due: watch::Sender<Option<Millis>>,
    ) -> Self {
        Self {
            duties,
            rules,
            timers: BTreeMap::new(),
            due,
        }
    }

    /// Looks for stake on its way out, and for evidence, in the last blocks of the chain, as far
    /// back as stake unbonds.
    ///
    /// # Errors
    /// Storage failed.
    pub fn start(&mut self, node: &mut Node) -> Result<(), StorageError> {
        let Some(rules) = &self.rules else {
            return Ok(());
        };
        let back = rules.unbonding_blocks.min(MAX_BLOCKS_LOOKED_BACK);
        let tip = node.view().height.0;
        let pruned = node.chain().pruned_below().0;
        let first = tip.saturating_sub(back).max(pruned).max(1);
        for height in (first..=tip).map(Height) {
            let tree = node.chain().tree();
            let record = tree.active_at(height).map(|it| &tree.entry(it).record);
            // A node that started from a snapshot lacks the blocks below it.
            let there = record.filter(|it| it.status.has_block());
            if let Some(hash) = there.map(|it| it.hash) {
                let block = node.chain_mut().block(hash)?;
                self.duties.offences.connect(&block, height);
            }
        }
        Ok(())
    }

    /// Fires the timers that are due, and lets the engine know when keys ask no more.
    ///
    /// # Errors
    /// Storage failed.
    pub fn tick(&mut self, node: &mut Node, now: Millis) -> Result<(), StorageError> {
        if self.duties.board.clear(now.0, node.view().height.0) {
            node.tell(now, Input::Keys(self.duties.board.keys()))?;
        }
        let is_due = |(_, at): &(&TimerId, &Millis)| **at <= now;
        let due: Vec<TimerId> = self
            .timers
            .iter()
            .filter(is_due)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.timers.remove(&id);
            node.tell(now, Input::Timer(id))?;
        }
        Ok(())
    }

    /// Carries out what the engine asks for.
    ///
    /// # Errors
    /// Storage failed.
    pub fn carry_out(&mut self, node: &mut Node, now: Millis) -> Result<(), StorageError> {
        for _ in 0..MAX_ROUNDS {
            let outputs = node.chain_mut().take_outputs();
            if outputs.is_empty() {
                break;
            }
            for output in outputs {
                self.carry_out_one(node, now, output)?;
            }
        }
        let next = self.timers.values().min().copied();
        self.due
            .send_if_modified(|due| std::mem::replace(due, next) != next);
        self.save_evidence(node)
    }

    fn carry_out_one(
        &mut self,
        node: &mut Node,
        now: Millis,
        output: Output,
    ) -> Result<(), StorageError> {
        match output {
            // The chain has done these before it lets any other out.
            Output::Persist { .. }
            | Output::Final { .. }
            | Output::Connect(_)
            | Output::Disconnect(_) => {}
            Output::SetTimer { id, at } => {
                if self.timers.len() < MAX_TIMERS || self.timers.contains_key(&id) {
                    self.timers.insert(id, at);
                }
            }
            Output::BuildBlock(proposal) => self.build(node, &proposal),
            Output::SignVote { key, link } => self.want_vote(key, &link),
            Output::CheckBlock(block) => Self::take_in(node, now, &block)?,
            Output::Send { to, bytes } => self.duties.tell(Outgoing::Send {
                to: to.0,
                message: encode_engine(&bytes),
            }),
            Output::Broadcast(bytes) => {
                self.duties.tell(Outgoing::Broadcast(encode_engine(&bytes)));
            }
            Output::Misbehaviour(evidence) => {
                if let Some(key) = self.duties.offences.judge(&evidence) {
                    self.duties.accuse(node, key, &evidence);
                }
            }
            Output::Punish(peer) => self.duties.tell(Outgoing::Punish(peer.0)),
        }
        Ok(())
    }

    fn take_in(node: &mut Node, now: Millis, block: &Block) -> Result<(), StorageError> {
        let raw = block.raw().clone();
        let verdicts = node.submit_blocks(&[raw], now.seconds(), Durability::Synced)?;
        if let Some(Err(refusal)) = verdicts.first() {
            tracing::warn!(hash = %block.hash(), code = refusal.code, "the engine's own block is refused");
        }
        Ok(())
    }

    /// Builds a block and puts it up to be sealed.
    fn build(&self, node: &mut Node, proposal: &Proposal) {
        let key = proposal.seal.key;
        let (Some(clockwork), Some(payout)) =
            (self.duties.clockwork, self.duties.board.payout(&key))
        else {
            tracing::debug!(key = %hex(&key), "a slot stays empty: its key names no payout");
            return;
        };
        let slashings = self.slashings(node, &payout);
        let Some(unsealed) = node.proposal(proposal, payout, slashings) else {
            tracing::debug!("a slot stays empty: the tip has moved");
            return;
        };
        let slot = proposal.seal.slot.0;
        self.duties.board.want_seal(
            key,
            SealDuty {
                key: hex(&key),
                height: unsealed.height.0,
                slot,
                expires_ms: clockwork.slot_start_ms(slot.saturating_add(1)),
                seal: HexBytes(proposal.seal.encode()),
                block: HexBytes(unsealed.block.raw().to_vec()),
            },
        );
    }

    /// Makes the transactions that report open evidence; the reward is the proposer's.
    fn slashings(&self, node: &Node, payout: &Script) -> Vec<Transaction> {
        let Some(rules) = &self.rules else {
            return Vec::new();
        };
        let engine = node.chain().engine();
        self.duties.offences.reports(rules, payout, |delegate| {
            let coins = engine.bonds_of(delegate).into_iter();
            let slashable = coins.filter(|(outpoint, _)| rules.is_slashable(outpoint));
            slashable
                .map(|(outpoint, coin)| (outpoint, coin.program, coin.amount))
                .collect()
        })
    }

    fn want_vote(&self, key: SealKey, link: &VoteLink) {
        let Some(clockwork) = self.duties.clockwork else {
            return;
        };
        let duty = VoteDuty {
            key: hex(&key),
            source: checkpoint(&link.source),
            target: checkpoint(&link.target),
            expires_ms: clockwork.epoch_end_ms(link.target.epoch.0),
        };
        self.duties.board.want_vote(key, duty);
    }

    /// Follows the chain: finds evidence in blocks, and takes down duties that are over.
    ///
    /// # Errors
    /// Storage failed.
    pub fn follow(
        &mut self,
        node: &mut Node,
        events: &[Event],
        now: Millis,
    ) -> Result<(), StorageError> {
        if self.rules.is_none() {
            return Ok(());
        }
        let mut has_moved = false;
        for event in events {
            match event {
                Event::BlockConnected { hash, height, .. } => {
                    has_moved = true;
                    let block = node.chain_mut().block(*hash)?;
                    self.duties.offences.connect(&block, *height);
                }
                Event::Finalized { height, .. } => self.duties.offences.prune(*height),
                Event::BlockDisconnected { height, .. } => {
                    has_moved = true;
                    self.duties.offences.disconnect(*height);
                }
                _ => {}
            }
        }
        if has_moved {
            self.duties.board.clear(now.0, node.view().height.0);
        }
        Ok(())
    }

    fn save_evidence(&self, node: &mut Node) -> Result<(), StorageError> {
        match self.duties.offences.take_unsaved() {
            Some(bytes) => node.set_record(EVIDENCE_RECORD, bytes),
            None => Ok(()),
        }
    }
}

fn hex(key: &SealKey) -> HashHex {
    HashHex::from_bytes(key.0)
}

fn checkpoint(it: &Checkpoint) -> CheckpointBody {
    CheckpointBody {
        epoch: it.epoch.0,
        hash: HashHex::from_internal(it.hash.to_bytes()),
    }
}
