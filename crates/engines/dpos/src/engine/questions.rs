//! The engine as the node sees it: questions, and inputs handed on.

use bytes::Bytes;
use synod_engine::{
    Ancestry, BranchEnd, Engine, FinalBlock, Finality, HeaderError, Input, Millis, Output, Roster,
    StoredBlock,
};
use synod_primitives::{Block, CompactTarget, Header, Height, OutPoint, Target, Work};
use synod_seal::{DelegateHash, Mode, SEALED_BITS, SealedHeader, Sections, Slot, StakeCoin};

use super::{DelegatedStake, EARLY_TIMER, MAX_REPORTED_KEYS, SLOT_TIMER};

impl Engine for DelegatedStake {
    fn name(&self) -> &'static str {
        "dpos"
    }

    fn proof_of(&self, block: &Block) -> Bytes {
        let sealed = SealedHeader::of_block(block);
        sealed.map_or_else(Bytes::new, |it| Bytes::from(it.encode_proof()))
    }

    fn has_proofs(&self) -> bool {
        true
    }

    fn check_header_alone(&self, header: &Header, proof: &[u8]) -> Result<(), HeaderError> {
        let sealed = SealedHeader::decode_proof(*header, proof)?;
        let checked = sealed.check(&self.settings.chain_id)?;
        let (height, seal) = (checked.height(), checked.seal());
        if seal.round != 0 || seal.sections != Sections::default() {
            return Err(HeaderError::SealSection);
        }
        if self.is_bootstrap(height) {
            return match seal.mode {
                Mode::Bootstrap if seal.key != self.settings.bootstrap_key => {
                    Err(HeaderError::Proposer)
                }
                Mode::Bootstrap if seal.slot != Slot(height.0.into()) => Err(HeaderError::SealSlot),
                Mode::Bootstrap => Ok(()),
                _ => Err(HeaderError::SealMode),
            };
        }
        if seal.mode != Mode::Dpos {
            return Err(HeaderError::SealMode);
        }
        if seal.slot == Slot(0) || self.settings.slot_time(seal.slot) != Some(header.time) {
            return Err(HeaderError::SealSlot);
        }
        if seal.prevoted >= height {
            return Err(HeaderError::SealStatement);
        }
        Ok(())
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
        let (stated, seal) = Self::read_seal(header, proof)?;
        if stated != height {
            return Err(HeaderError::SealHeight);
        }
        if let Some(time) = self.required_time(height) {
            return if time == header.time {
                Ok(())
            } else {
                Err(HeaderError::BadBootstrapTime)
            };
        }
        let parent = height.previous().and_then(|it| ancestry.header_at(it));
        if parent.is_some_and(|parent| header.time <= parent.time) {
            return Err(HeaderError::SealSlot);
        }
        self.check_seat(header, &seal)
    }

    fn check_proposer(&self, block: &StoredBlock) -> Result<(), HeaderError> {
        self.chain.check(block)
    }

    fn required_bits(&self, _height: Height, _ancestry: &dyn Ancestry) -> CompactTarget {
        SEALED_BITS
    }

    fn required_time(&self, height: Height) -> Option<u32> {
        (1..=self.settings.bootstrap_height.0)
            .contains(&height.0)
            .then(|| self.settings.bootstrap_time.saturating_add(height.0))
    }

    fn work(&self, header: &Header) -> Work {
        header.bits.to_target().map_or(Work::ZERO, Target::work)
    }

    fn prefers(&self, candidate: &BranchEnd, active: &BranchEnd) -> bool {
        match (self.rank(&candidate.hash), self.rank(&active.hash)) {
            (Some(new), Some(old)) => {
                new > old || (new == old && candidate.arrival < active.arrival)
            }
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn is_worth_storing(&self, end: &BranchEnd, active: &BranchEnd) -> bool {
        // A quorum of prevotes lies within the reach of the votes, and so does the branch
        // that has it.
        let depth = self.settings.reach().saturating_mul(2);
        end.height.0.saturating_add(depth) >= active.height.0
    }

    fn has_finality(&self) -> bool {
        true
    }

    fn finalized(&self) -> Option<FinalBlock> {
        self.finalized
    }

    fn trust_period_s(&self) -> Option<u64> {
        let slots = u64::from(self.settings.unbonding_blocks);
        // No slot has more than one block.
        Some(slots.saturating_mul(u64::from(self.settings.slot_s)))
    }

    fn stands_at(&self) -> Option<FinalBlock> {
        Some(self.chain.tip())
    }

    fn roster(&self, now: Millis) -> Option<Roster> {
        Some(self.show_roster(now))
    }

    fn finality(&self) -> Option<Finality> {
        Some(self.show_finality())
    }

    fn bonds_of(&self, delegate: &DelegateHash) -> Vec<(OutPoint, StakeCoin)> {
        let coins = self.chain.tally().coins();
        let theirs = coins.filter(|(_, coin)| coin.program.delegate == *delegate);
        theirs
            .map(|(outpoint, coin)| (*outpoint, coin.clone()))
            .collect()
    }

    fn state_at_final(&self) -> Option<(FinalBlock, Bytes)> {
        self.encode_state()
    }

    fn handle(&mut self, now: Millis, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.now = self.now.max(now);
        // Not when a block is connected: it may be one of many on the way to another branch,
        // and a slot is asked for once.
        let is_time = matches!(input, Input::Timer(SLOT_TIMER) | Input::Keys(_));
        match input {
            Input::Restart { records } => self.restore(&records),
            // Blocks say everything: no delegate has anything to tell beside them.
            Input::Message { from, .. } => return vec![Output::Punish(from)],
            Input::Timer(SLOT_TIMER) => self.armed[0] = None,
            Input::Timer(EARLY_TIMER) => self.armed[1] = None,
            Input::Timer(_) | Input::Voted(_) => {}
            Input::Keys(keys) => self.duties.sign_with(keys),
            Input::Template { request, block } => {
                self.take_template(request, block, &mut outputs);
            }
            Input::Stored(block) => self.store(&block, &mut outputs),
            Input::Rejected(hash) => self.tree.reject(hash),
            Input::Connected(connected) => self.connect(&connected, &mut outputs),
            Input::Disconnected(hash) => {
                self.chain.disconnect(hash);
                self.recent.disconnect(self.chain.slot());
            }
            Input::Evidence(evidence) => self.judge(*evidence, &mut outputs),
        }
        self.wake_early(&mut outputs);
        self.attend(now, is_time, &mut outputs);
        outputs
    }

    fn held_items(&self) -> usize {
        self.chain.held_items() + self.tree.len() + self.duties.len() + self.reported.len()
    }

    fn max_held_items(&self) -> usize {
        MAX_REPORTED_KEYS
    }
}
