//! The active chain, as far as delegated stake is concerned: tally, seats, reveals and votes
//! at its tip, changed block by block and undone block by block.

mod codec;
mod seating;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synod_engine::{Connected, FinalBlock, HeaderError, StoredBlock};
use synod_primitives::{BlockHash, Height};
use synod_seal::{DelegateHash, Epoch, Mode, Seal, Slot, StakeChange, find_seal, is_next_reveal};

use crate::bench::Bench;
use crate::round::{Round, Seat, mix};
use crate::settings::Settings;
use crate::tally::{Tally, TallyUndo};
use crate::votes::{Ballot, Votes, VotesUndo};

/// Rounds whose seats are kept: the one before, this one, the next one.
const MAX_KNOWN_ROUNDS: usize = 3;

/// Who sits when, as far as the chain up to now decides it.
#[derive(Clone, Debug)]
pub(crate) struct Seating {
    /// The round of the tip.
    current: Epoch,
    /// For those who sit in it: from which height on they have sat without a break.
    since: BTreeMap<DelegateHash, Height>,
    rounds: BTreeMap<Epoch, Arc<Round>>,
}

/// Where a delegate's hash chain stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Revealed {
    anchor: [u8; 32],
    last: [u8; 32],
}

/// A block past the bootstrap that its maker was entitled to.
struct Judged {
    seal: Seal,
    seat: Seat,
    /// The state after the rounds that end before the block, if any does.
    crossed: Option<(Arc<Seating>, Arc<Bench>)>,
}

#[derive(Clone)]
struct Undo {
    hash: BlockHash,
    before: FinalBlock,
    slot: Slot,
    mix: [u8; 32],
    tally: TallyUndo,
    sealed: Option<SealedUndo>,
    round: Option<RoundUndo>,
}

/// What a block that opened a round has replaced.
#[derive(Clone)]
struct RoundUndo {
    seating: Option<Arc<Seating>>,
    bench: Arc<Bench>,
    made: Vec<Slot>,
}

#[derive(Clone)]
struct SealedUndo {
    votes: VotesUndo,
    delegate: DelegateHash,
    revealed: Option<Revealed>,
}

/// The chain up to the block that was connected last.
#[derive(Clone)]
pub(crate) struct ActiveChain {
    settings: Settings,
    tip: FinalBlock,
    slot: Slot,
    mix: [u8; 32],
    tally: Tally,
    votes: Votes,
    revealed: BTreeMap<DelegateHash, Revealed>,
    /// `None` before the bootstrap's end.
    seating: Option<Arc<Seating>>,
    bench: Arc<Bench>,
    /// Slots of the tip's round that have a block.
    made: Vec<Slot>,
    undo: VecDeque<Undo>,
}

impl ActiveChain {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            tip: FinalBlock {
                height: Height::GENESIS,
                hash: settings.genesis,
            },
            slot: Slot(0),
            mix: [0; 32],
            tally: Tally::default(),
            votes: Votes::new(settings.bootstrap_height, settings.reach()),
            revealed: BTreeMap::new(),
            seating: None,
            bench: Arc::default(),
            made: Vec::new(),
            undo: VecDeque::new(),
        }
    }

    pub(crate) fn tip(&self) -> FinalBlock {
        self.tip
    }

    /// Returns the tip's slot; 0 in the bootstrap.
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn votes(&self) -> &Votes {
        &self.votes
    }

    pub(crate) fn bench(&self) -> &Bench {
        &self.bench
    }

    pub(crate) fn is_started(&self) -> bool {
        self.seating.is_some()
    }

    /// Returns the number of items in memory.
    pub(crate) fn held_items(&self) -> usize {
        self.undo.len() + self.votes.counted() + self.tally.outputs() + self.bench.len()
    }

    /// Returns the last block that this chain shows to be irreversible, while it can be told.
    pub(crate) fn last_final(&self) -> Option<FinalBlock> {
        let height = self.votes.last_final();
        if self.tip.height < height {
            return None;
        }
        self.hash_at(height).map(|hash| FinalBlock { height, hash })
    }

    /// Returns the block at a height that can still be undone, or the tip.
    pub(crate) fn hash_at(&self, height: Height) -> Option<BlockHash> {
        let back = self.tip.height.0.checked_sub(height.0)?;
        if back == 0 {
            return Some(self.tip.hash);
        }
        let index = self.undo.len().checked_sub(usize::try_from(back).ok()?)?;
        self.undo.get(index).map(|undo| undo.before.hash)
    }

    /// Forgets how to undo blocks up to `fixed`.
    pub(crate) fn prune(&mut self, fixed: Height) {
        while self.undo.front().is_some_and(|it| it.before.height < fixed) {
            self.undo.pop_front();
        }
        self.votes.prune(fixed);
    }

    /// Returns the round of a block that would follow the tip in this slot.
    pub(crate) fn round_at(&self, slot: Slot) -> Option<Arc<Round>> {
        let number = self.settings.round_of(slot);
        let seating = self.seating.as_ref()?;
        match seating.rounds.get(&number) {
            Some(round) => Some(Arc::clone(round)),
            None => self.cross(number)?.0.rounds.get(&number).cloned(),
        }
    }

    /// Returns the round of a slot where the chain up to `fork` decides it.
    pub(crate) fn round_above(
        &self,
        slot: Slot,
        fork: Height,
        fork_slot: Slot,
    ) -> Option<Arc<Round>> {
        let number = self.settings.round_of(slot);
        if fork == self.tip.height {
            return self.round_at(slot);
        }
        // The seats were given away at the end of the round before the last.
        let fork_round = self.settings.round_of(fork_slot);
        let is_decided = number.0 <= fork_round.0.saturating_add(1);
        let seating = self.seating.as_ref().filter(|_| is_decided)?;
        seating.rounds.get(&number).cloned()
    }

    /// Returns what a delegate's next reveal has to hash to.
    pub(crate) fn reveal_before(&self, seat: &Seat) -> [u8; 32] {
        let revealed = self.revealed.get(&seat.delegate);
        let same = revealed.filter(|it| it.anchor == seat.anchor);
        same.map_or(seat.anchor, |it| it.last)
    }

    /// Checks the block above the tip: slot, seat, reveal, and what the seal states.
    pub(crate) fn check(&self, block: &StoredBlock) -> Result<(), HeaderError> {
        if block.height <= self.settings.bootstrap_height {
            return Ok(());
        }
        self.judge(block).map(|_| ())
    }

    fn judge(&self, block: &StoredBlock) -> Result<Judged, HeaderError> {
        let seal = find_seal(&block.coinbase)?;
        if seal.mode != Mode::Dpos {
            return Err(HeaderError::SealMode);
        }
        if seal.slot <= self.slot {
            return Err(HeaderError::SealSlot);
        }
        let number = self.settings.round_of(seal.slot);
        let seating = self.seating.as_ref().ok_or(HeaderError::Proposer)?;
        let crossed = if seating.current < number {
            Some(self.cross(number).ok_or(HeaderError::Proposer)?)
        } else {
            None
        };
        let after = crossed.as_ref().map_or(seating, |(seating, _)| seating);
        let round = after.rounds.get(&number).ok_or(HeaderError::Proposer)?;
        let seat = *round.leader(seal.slot).ok_or(HeaderError::Proposer)?;
        let is_leader = seat.delegate == seal.key.delegate_hash();
        if !is_leader || self.tally.is_guilty(&seat.delegate) {
            return Err(HeaderError::Proposer);
        }
        if !is_next_reveal(&seal.reveal, &self.reveal_before(&seat)) {
            return Err(HeaderError::Reveal);
        }
        let last = self.votes.last_sealed(&seat.delegate);
        let forgets = last.is_some_and(|last| seal.previously_sealed < last);
        if forgets || seal.prevoted != self.votes.prevoted() {
            return Err(HeaderError::SealStatement);
        }
        Ok(Judged {
            seal,
            seat,
            crossed,
        })
    }

    /// Takes in the block above the tip; says whether it fits there.
    pub(crate) fn connect(&mut self, connected: &Connected) -> bool {
        let block = &connected.block;
        let is_next = self.tip.height.0.checked_add(1) == Some(block.height.0);
        if !is_next || block.header.previous_block_hash != self.tip.hash {
            return false;
        }
        if block.height <= self.settings.bootstrap_height {
            return self.connect_bootstrap(block, &connected.stake);
        }
        match self.judge(block) {
            Ok(judged) => self.connect_sealed(block, judged, &connected.stake),
            Err(_) => false,
        }
    }

    fn connect_bootstrap(&mut self, block: &StoredBlock, stake: &Arc<StakeChange>) -> bool {
        let Ok(tally) = self.tally.apply(stake) else {
            return false;
        };
        let starts = block.height == self.settings.bootstrap_height;
        let round = starts.then(|| RoundUndo {
            seating: None,
            bench: Arc::clone(&self.bench),
            made: Vec::new(),
        });
        self.push(block, tally, None, round);
        if starts {
            self.seating = Some(Arc::new(self.first_seating()));
        }
        true
    }

    fn connect_sealed(
        &mut self,
        block: &StoredBlock,
        judged: Judged,
        stake: &Arc<StakeChange>,
    ) -> bool {
        let Ok(tally) = self.tally.apply(stake) else {
            return false;
        };
        let Judged {
            seal,
            seat,
            crossed,
        } = judged;
        let round = crossed.map(|(seating, bench)| RoundUndo {
            seating: self.seating.replace(seating),
            bench: std::mem::replace(&mut self.bench, bench),
            made: std::mem::take(&mut self.made),
        });
        let quorum = self.quorum();
        let since = self.seating.as_ref();
        let since = since.and_then(|it| it.since.get(&seat.delegate).copied());
        let votes = self.votes.apply(&Ballot {
            delegate: seat.delegate,
            previously_sealed: seal.previously_sealed,
            since,
            quorum,
        });
        let revealed = Revealed {
            anchor: seat.anchor,
            last: seal.reveal,
        };
        let sealed = SealedUndo {
            votes,
            delegate: seat.delegate,
            revealed: self.revealed.insert(seat.delegate, revealed),
        };
        self.push(block, tally, Some(sealed), round);
        self.mix = mix(&self.mix, &seal.reveal);
        self.slot = seal.slot;
        self.made.push(seal.slot);
        true
    }

    fn push(
        &mut self,
        block: &StoredBlock,
        tally: TallyUndo,
        sealed: Option<SealedUndo>,
        round: Option<RoundUndo>,
    ) {
        self.undo.push_back(Undo {
            hash: block.hash,
            before: self.tip,
            slot: self.slot,
            mix: self.mix,
            tally,
            sealed,
            round,
        });
        self.tip = FinalBlock {
            height: block.height,
            hash: block.hash,
        };
    }

    /// Takes the tip off; says whether it was the tip, and can be undone.
    pub(crate) fn disconnect(&mut self, hash: BlockHash) -> bool {
        let Some(undo) = self.undo.pop_back_if(|undo| undo.hash == hash) else {
            return false;
        };
        self.tip = undo.before;
        self.slot = undo.slot;
        self.mix = undo.mix;
        self.tally.undo(undo.tally);
        if let Some(sealed) = undo.sealed {
            self.votes.undo(&sealed.votes);
            self.made.pop();
            match sealed.revealed {
                Some(before) => self.revealed.insert(sealed.delegate, before),
                None => self.revealed.remove(&sealed.delegate),
            };
        }
        if let Some(round) = undo.round {
            self.seating = round.seating;
            self.bench = round.bench;
            self.made = round.made;
        }
        true
    }

    fn quorum(&self) -> u32 {
        let seating = self.seating.as_ref();
        let round = seating.and_then(|it| it.rounds.get(&it.current));
        round.map_or(u32::MAX, |round| round.quorum())
    }
}
