//! Following the node's chain: blocks that are stored, rejected, connected and disconnected.

use std::sync::Arc;

use synod_engine::{Connected, FinalBlock, Output, Record, STATE_RECORD, StoredBlock};
use synod_primitives::{BlockHash, Height};
use synod_seal::{Epoch, Evidence, Seal, SealedHeader, Slot, Statement, find_seal};

use crate::ProofOfStake;
use crate::record::{DUTIES, FINAL, Finality, decode_duties};
use crate::state::Maker;
use crate::tree::Node;

impl ProofOfStake {
    /// Remembers what was final and what own keys have done, and waits for the next slot.
    ///
    /// Correctness: a record that cannot be read is damage of the node's storage, which hands
    /// out nothing that fails its checksum; there is no safe way to go on without it, so it is
    /// taken as a reason never to sign.
    pub(crate) fn restart(&mut self, records: &[Record]) -> Vec<Output> {
        for record in records {
            if record.key == STATE_RECORD {
                self.restore_state(&record.value);
            }
        }
        for record in records {
            match record.key {
                FINAL => self.restore_final(Finality::decode(&record.value)),
                DUTIES => self.duties.restore(decode_duties(&record.value)),
                _ => {}
            }
        }
        vec![self.next_tick()]
    }

    /// The state may be older than what was final last, never newer.
    fn restore_final(&mut self, finality: Option<Finality>) {
        let is_newer = |it: &Finality| {
            let before = self.checkpoints.finality;
            before.is_none_or(|before| it.epoch >= before.epoch)
        };
        if let Some(finality) = finality.filter(is_newer) {
            self.checkpoints.finality = Some(finality);
        }
    }

    /// Returns the slot of a block: 0 in the bootstrap.
    fn slot_of(&self, block: &StoredBlock) -> Slot {
        let slot = self.rules.schedule.slot_of_time(block.header.time);
        slot.filter(|_| !self.is_bootstrap(block.height))
            .unwrap_or(Slot(0))
    }

    pub(crate) fn store(&mut self, block: Arc<StoredBlock>) -> Vec<Output> {
        let slot = self.slot_of(&block);
        let key = find_seal(&block.coinbase).ok().map(|it| it.key);
        let hash = block.hash;
        let node = Node { block, slot, key };
        let mut outputs = Vec::new();
        if slot > Slot(0)
            && let Some(twin) = self.tree.find_twin(&node)
        {
            let statement = |node: &Node| {
                Statement::Block(Box::new(SealedHeader {
                    header: node.block.header,
                    coinbase: node.block.coinbase.clone(),
                    branch: node.block.branch.clone(),
                }))
            };
            outputs.push(Output::Misbehaviour(Box::new(Evidence {
                first: statement(twin),
                second: statement(&node),
            })));
        }
        self.tree.insert(node);
        if self.votes.iter().any(|vote| vote.link.target.hash == hash) {
            outputs.extend(self.evaluate());
        }
        outputs
    }

    pub(crate) fn reject(&mut self, hash: BlockHash) -> Vec<Output> {
        self.tree.remove(&hash);
        Vec::new()
    }

    pub(crate) fn connect(&mut self, connected: &Connected) -> Vec<Output> {
        let block = &connected.block;
        if block.header.previous_block_hash != self.active.state.tip.hash {
            // The node connects on its tip; anything else is not a chain to follow.
            return Vec::new();
        }
        let slot = self.slot_of(block);
        self.take_snapshots_before(slot);
        let seal = find_seal(&block.coinbase).ok();
        let maker = seal.as_ref().and_then(|seal| self.maker(seal, slot));
        if let Some(maker) = &maker {
            self.count_turns(slot, maker.seal.key);
        }
        let undo = self.active.state.connect(connected, slot, maker.as_ref());
        let Ok(undo) = undo else {
            return Vec::new();
        };
        self.active.undos.push(undo);
        if !self.tree.contains(&block.hash) {
            self.store(Arc::clone(block));
        }
        let mut outputs = Vec::new();
        if block.height == Height(self.rules.bootstrap.blocks) {
            outputs.extend(self.end_bootstrap());
        }
        if let Some(seal) = seal.filter(|_| slot > Slot(0)) {
            for vote in seal.sections.votes() {
                outputs.extend(self.add_vote(vote));
            }
        }
        self.settle_root();
        outputs.extend(self.evaluate());
        outputs
    }

    /// Takes the validators of epochs whose last deciding block is the tip, now that the next
    /// block is known.
    fn take_snapshots_before(&mut self, next: Slot) {
        let at = self.active.state.tip.hash;
        let before = self.active.state.slot;
        let epochs: Vec<Epoch> = self
            .rules
            .schedule
            .snapshots_between(before, next)
            .collect();
        for epoch in epochs {
            let snapshot = self.take(epoch);
            self.snapshots.taken.insert((epoch, at), snapshot);
        }
    }

    fn maker<'a>(&self, seal: &'a Seal, slot: Slot) -> Option<Maker<'a>> {
        if slot == Slot(0) {
            return None;
        }
        let epoch = self.rules.schedule.epoch_of(slot);
        let snapshot = self.snapshot(&self.active.state.tip.hash, epoch)?;
        let validator = snapshot.find(&seal.key.delegate_hash())?;
        Some(Maker {
            seal,
            registration: validator.registration,
            epoch,
        })
    }

    /// Takes the first validators at the last bootstrap block, and makes it final.
    fn end_bootstrap(&mut self) -> Vec<Output> {
        let block = self.active.state.tip;
        for epoch in [0, 1].map(Epoch) {
            let snapshot = self.take(epoch);
            self.snapshots.taken.insert((epoch, block.hash), snapshot);
        }
        let finality = Finality {
            block,
            epoch: Epoch(0),
            slot: Slot(0),
        };
        self.checkpoints.justified.insert(finality.checkpoint());
        if self.checkpoints.finality.is_some() {
            return Vec::new();
        }
        self.set_final(finality, &[])
    }

    pub(crate) fn disconnect(&mut self, hash: BlockHash) -> Vec<Output> {
        let is_tip = self.active.state.tip.hash == hash;
        if let Some(undo) = self.active.undos.pop_if(|_| is_tip) {
            self.active.state.disconnect(undo);
            self.recent.disconnect(self.active.state.slot);
        }
        Vec::new()
    }

    /// Moves the root of the tree up to the final block, once that is connected.
    pub(crate) fn settle_root(&mut self) {
        let Some(finality) = self.checkpoints.finality else {
            return;
        };
        if finality.block == self.tree.root || !self.is_connected(&finality.block) {
            return;
        }
        self.checkpoints.justified.insert(finality.checkpoint());
        let epoch = finality.epoch;
        if let Some(snapshot) = self.snapshot(&finality.block.hash, epoch) {
            self.snapshots.rooted.insert(epoch, snapshot);
        }
        self.tree.set_root(finality.block, finality.slot);
        self.active
            .undos
            .retain(|undo| undo.block.height > finality.block.height);
        self.snapshots.taken.retain(|(it, _), _| *it >= epoch);
        self.snapshots.rooted.retain(|it, _| *it >= epoch);
        self.checkpoints.justified.retain(|it| it.epoch >= epoch);
        self.votes.prune(epoch);
        let included = &mut self.active.state.included;
        included.retain(|(link, _)| link.target.epoch > epoch);
    }

    /// Says whether a block is on the active chain.
    pub(crate) fn is_connected(&self, block: &FinalBlock) -> bool {
        let tip = &self.active.state.tip;
        block.height <= tip.height && self.tree.is_ancestor(&block.hash, &tip.hash)
    }
}
