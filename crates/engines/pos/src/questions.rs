//! What the node asks of the engine.

use bytes::Bytes;
use synod_engine::{
    Ancestry, BranchEnd, Engine, FinalBlock, Finality, HeaderError, Input, Millis, Output, Roster,
    StoredBlock,
};
use synod_primitives::{Block, BlockHash, CompactTarget, Header, Height, OutPoint, Target, Work};
use synod_seal::{
    Checkpoint, DelegateHash, Mode, SEALED_BITS, Seal, SealedHeader, Slot, StakeCoin, Vote,
    find_seal, is_next_reveal,
};

use crate::ProofOfStake;
use crate::finality::vote_message;
use crate::votes::MAX_VOTES;

/// How many blocks a branch of headers may lie behind the active tip and still be stored: a
/// branch with fewer blocks can have the higher checkpoint.
pub const WORTHY_DEPTH: u32 = 1024;

impl Engine for ProofOfStake {
    fn name(&self) -> &'static str {
        "pos"
    }

    fn proof_of(&self, block: &Block) -> Bytes {
        let sealed = SealedHeader::of_block(block);
        sealed.map_or_else(Bytes::new, |it| it.encode_proof().into())
    }

    fn has_proofs(&self) -> bool {
        true
    }

    fn check_header_alone(&self, header: &Header, proof: &[u8]) -> Result<(), HeaderError> {
        let sealed = SealedHeader::decode_proof(*header, proof)?;
        let checked = sealed.check(&self.rules.chain_id)?;
        self.check_place(header, checked.height(), checked.seal())
    }

    fn check_header(
        &self,
        header: &Header,
        proof: &[u8],
        height: Height,
        ancestry: &dyn Ancestry,
    ) -> Result<(), HeaderError> {
        if header.bits != SEALED_BITS {
            return Err(HeaderError::BadDifficultyBits);
        }
        let (stated, seal) = SealedHeader::decode_proof(*header, proof)?.check_form()?;
        if stated != height {
            return Err(HeaderError::SealHeight);
        }
        self.check_final(header, height, ancestry)?;
        if self.is_bootstrap(height) {
            return Ok(());
        }
        let parent = height.previous().and_then(|it| ancestry.header_at(it));
        let parent_slot = parent
            .filter(|_| height.0 > self.rules.bootstrap.blocks + 1)
            .and_then(|it| self.rules.schedule.slot_of_time(it.time));
        if seal.slot <= parent_slot.unwrap_or(Slot(0)) {
            return Err(HeaderError::SealSlot);
        }
        // Security: where the validators are known already a stranger's block is not stored.
        let epoch = self.rules.schedule.epoch_of(seal.slot);
        match self.snapshot(&header.previous_block_hash, epoch) {
            Some(snapshot) => check_leader(&snapshot, &seal),
            None => Ok(()),
        }
    }

    fn check_proposer(&self, block: &StoredBlock) -> Result<(), HeaderError> {
        if self.is_bootstrap(block.height) {
            return Ok(());
        }
        let seal = find_seal(&block.coinbase)?;
        let tip = self.active.state.tip.hash;
        if block.header.previous_block_hash != tip {
            return Err(HeaderError::Proposer);
        }
        let epoch = self.rules.schedule.epoch_of(seal.slot);
        let snapshot = self.snapshot(&tip, epoch).ok_or(HeaderError::Proposer)?;
        check_leader(&snapshot, &seal)?;
        let leader = snapshot.find(&seal.key.delegate_hash());
        let leader = leader.ok_or(HeaderError::Proposer)?;
        let state = &self.active.state;
        let expected = state.expected_reveal(&leader.registration, leader.anchor);
        if !is_next_reveal(&seal.reveal, &expected) {
            return Err(HeaderError::Reveal);
        }
        let mut votes = seal.sections.votes();
        if votes.all(|vote| vote.is_signed(&self.rules.chain_id)) {
            Ok(())
        } else {
            Err(HeaderError::SealSection)
        }
    }

    fn required_bits(&self, _height: Height, _ancestry: &dyn Ancestry) -> CompactTarget {
        SEALED_BITS
    }

    fn required_time(&self, height: Height) -> Option<u32> {
        let time = self.rules.bootstrap.time.checked_add(height.0);
        time.filter(|_| height > Height::GENESIS && self.is_bootstrap(height))
    }

    fn work(&self, header: &Header) -> Work {
        header.bits.to_target().map_or(Work::ZERO, Target::work)
    }

    fn prefers(&self, candidate: &BranchEnd, active: &BranchEnd) -> bool {
        let rank = |end: &BranchEnd| {
            let checkpoint = self.highest_on(&self.checkpoints.supposed, &end.hash);
            let epoch = checkpoint.map(|it| it.epoch);
            let order = (epoch, end.height, std::cmp::Reverse(end.arrival));
            (self.has_final(&end.hash), order)
        };
        self.has_final(&candidate.hash) && rank(candidate) > rank(active)
    }

    fn is_worth_storing(&self, end: &BranchEnd, active: &BranchEnd) -> bool {
        let finality = self.checkpoints.finality;
        let is_above = finality.is_none_or(|it| end.height > it.block.height);
        is_above && end.height.0.saturating_add(WORTHY_DEPTH) >= active.height.0
    }

    fn has_finality(&self) -> bool {
        true
    }

    fn finalized(&self) -> Option<FinalBlock> {
        self.checkpoints.finality.map(|it| it.block)
    }

    fn trust_period_s(&self) -> Option<u64> {
        let settings = &self.rules.settings;
        let slots = u64::from(settings.stake.unbonding_blocks);
        // No slot has more than one block.
        Some(slots.saturating_mul(u64::from(settings.slot_s)))
    }

    fn stands_at(&self) -> Option<FinalBlock> {
        Some(self.active.state.tip)
    }

    fn roster(&self, now: Millis) -> Option<Roster> {
        Some(self.show_roster(now))
    }

    fn finality(&self) -> Option<Finality> {
        Some(self.show_finality())
    }

    fn bonds_of(&self, delegate: &DelegateHash) -> Vec<(OutPoint, StakeCoin)> {
        let coins = self.active.state.table.coins();
        let theirs = coins.filter(|(_, coin)| coin.program.delegate == *delegate);
        theirs
            .map(|(outpoint, coin)| (*outpoint, coin.clone()))
            .collect()
    }

    fn message_of(&self, vote: &Vote) -> Option<Bytes> {
        Some(vote_message(vote))
    }

    fn has_vote(&self, vote: &Vote) -> bool {
        self.votes.iter().any(|it| it == vote)
    }

    fn state_at_final(&self) -> Option<(FinalBlock, Bytes)> {
        self.encode_state()
    }

    fn handle(&mut self, now: Millis, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Restart { records } => self.restart(&records),
            Input::Message { from, bytes } => self.take_message(from, &bytes),
            Input::Timer(timer) => self.tick(timer),
            Input::Keys(keys) => self.set_keys(keys),
            Input::Template { request, block } => self.take_template(request, block),
            Input::Voted(vote) => self.take_own_vote(vote),
            Input::Stored(block) => self.store(block),
            Input::Rejected(hash) => self.reject(hash),
            Input::Connected(connected) => self.connect(&connected),
            Input::Disconnected(hash) => self.disconnect(hash),
            // Evidence is judged by the ledger when somebody spends it; it decides nothing here.
            Input::Evidence(_) => Vec::new(),
        }
    }

    fn held_items(&self) -> usize {
        self.votes.len()
    }

    fn max_held_items(&self) -> usize {
        MAX_VOTES
    }
}

fn check_leader(snapshot: &crate::Snapshot, seal: &Seal) -> Result<(), HeaderError> {
    let leader = snapshot.leader(seal.slot);
    let is_it = leader.is_some_and(|it| it.delegate == seal.key.delegate_hash());
    if is_it {
        Ok(())
    } else {
        Err(HeaderError::Proposer)
    }
}

impl ProofOfStake {
    /// Checks what time, height and seal show together, wherever the block stands.
    fn check_place(&self, header: &Header, height: Height, seal: &Seal) -> Result<(), HeaderError> {
        let is_plain = seal.round == 0
            && seal.previously_sealed == Height::GENESIS
            && seal.prevoted == Height::GENESIS;
        if !is_plain {
            return Err(HeaderError::SealStatement);
        }
        if !self.is_bootstrap(height) {
            if seal.mode != Mode::Pos {
                return Err(HeaderError::SealMode);
            }
            let slot = self.rules.schedule.slot_of_time(header.time);
            return if slot == Some(seal.slot) {
                Ok(())
            } else {
                Err(HeaderError::SealSlot)
            };
        }
        if seal.mode != Mode::Bootstrap {
            return Err(HeaderError::SealMode);
        }
        if seal.key != self.rules.bootstrap_key {
            return Err(HeaderError::Proposer);
        }
        if seal.reveal != [0; 32] || !seal.sections.groups().is_empty() {
            return Err(HeaderError::SealStatement);
        }
        if seal.slot != Slot(u64::from(height.0)) {
            return Err(HeaderError::SealSlot);
        }
        if self.required_time(height) == Some(header.time) {
            Ok(())
        } else {
            Err(HeaderError::BadBootstrapTime)
        }
    }

    /// Refuses branches that leave the chain below the final block.
    fn check_final(
        &self,
        header: &Header,
        height: Height,
        ancestry: &dyn Ancestry,
    ) -> Result<(), HeaderError> {
        let Some(finality) = self.checkpoints.finality else {
            return Ok(());
        };
        let (at, hash) = (finality.block.height, finality.block.hash);
        let here = if at == height {
            Some(header.block_hash())
        } else {
            ancestry.header_at(at).map(|it| it.block_hash())
        };
        // Below the final block no new one has a place.
        if height < at || here != Some(hash) {
            return Err(HeaderError::PriorToFinalized);
        }
        Ok(())
    }

    /// Says whether a branch holds the final block.
    fn has_final(&self, end: &BlockHash) -> bool {
        match self.checkpoints.finality {
            Some(finality) => self.tree.is_ancestor(&finality.block.hash, end),
            None => self.tree.contains(end),
        }
    }

    /// Returns the checkpoint of the highest epoch that lies on the branch of a block.
    pub(crate) fn highest_on(
        &self,
        checkpoints: &std::collections::BTreeSet<Checkpoint>,
        end: &BlockHash,
    ) -> Option<Checkpoint> {
        let mut later_first = checkpoints.iter().rev();
        later_first
            .find(|it| self.tree.is_ancestor(&it.hash, end))
            .copied()
    }
}
