//! The engine: what inputs do to it.

mod questions;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use synod_engine::{
    Connected, FinalBlock, HeaderError, Millis, Output, Proposal, RecentTurns, Record, RecordKey,
    RequestId, STATE_RECORD, StoredBlock, TimerId,
};
use synod_primitives::{Amount, Block, BlockHash, Header, Height};
use synod_seal::{Evidence, Mode, Seal, SealKey, SealedHeader, Sections, Slot, find_seal};

use crate::chain::ActiveChain;
use crate::duty::{Duties, RECORD_KEY};
use crate::proof::{FinalityProof, decode_place, encode_place};
use crate::round::Round;
use crate::settings::Settings;
use crate::tally::{Tally, Turnout};
use crate::tree::{Rank, Tree};

/// The most keys that are reported for a contradiction between two starts.
pub const MAX_REPORTED_KEYS: usize = 1024;

/// The record of what is final.
const FINAL_RECORD: RecordKey = RecordKey(0);
/// Due when a slot of an own key, or a new round, begins.
const SLOT_TIMER: TimerId = TimerId(0);
/// Due when the slot of a block that came early begins.
const EARLY_TIMER: TimerId = TimerId(1);

/// Delegated proof of stake under the settings of one chain.
///
/// After a start it goes on from its state at a final block, if the node has kept one, and takes
/// in the active chain above it; else all of it.
pub struct DelegatedStake {
    pub(crate) settings: Settings,
    pub(crate) chain: ActiveChain,
    pub(crate) tree: Tree,
    duties: Duties,
    pub(crate) finalized: Option<FinalBlock>,
    reported: BTreeSet<SealKey>,
    /// The latest time of all inputs.
    now: Millis,
    armed: [Option<Millis>; 2],
    pub(crate) recent: RecentTurns,
}

impl DelegatedStake {
    /// Makes the engine of a chain at its genesis block.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            chain: ActiveChain::new(settings),
            tree: Tree::new(settings.genesis),
            duties: Duties::default(),
            finalized: None,
            reported: BTreeSet::new(),
            now: Millis::default(),
            armed: [None; 2],
            recent: RecentTurns::default(),
        }
    }

    /// Borrows the tally at the chain's tip.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.chain.tally()
    }

    /// Returns which part of the supply votes; what there is of it the ledger knows.
    #[must_use]
    pub fn turnout(&self, supply: Amount) -> Turnout {
        self.chain.tally().turnout(supply)
    }

    /// Returns the seats and the order of the round that a block after the tip would be in,
    /// were it sealed for this slot; `None` in the bootstrap, and for rounds before the last.
    #[must_use]
    pub fn round_at(&self, slot: Slot) -> Option<Arc<Round>> {
        self.chain.round_at(slot)
    }

    /// Returns the greatest height with a quorum of prevotes on the active chain.
    #[must_use]
    pub fn prevoted(&self) -> Height {
        self.chain.votes().prevoted()
    }

    fn restore(&mut self, records: &[Record]) {
        for record in records {
            if record.key == STATE_RECORD {
                self.restore_state(&record.value);
            }
        }
        for record in records {
            match record.key {
                // The state may be older than what was final last, never newer.
                FINAL_RECORD => self.finalized = self.finalized.max(decode_place(&record.value)),
                RECORD_KEY => {
                    self.duties.restore(&record.value);
                }
                _ => {}
            }
        }
    }

    fn store(&mut self, block: &Arc<StoredBlock>, outputs: &mut Vec<Output>) {
        let slot_now = self.settings.slot_at(self.now);
        let Some(seal) = self.tree.insert(block, self.now, slot_now) else {
            return;
        };
        if seal.mode == Mode::Dpos {
            outputs.extend(self.duties.observe(&seal, block.height).map(persist));
        }
        if let Some(evidence) = self.tree.watch(block, seal, &self.settings.chain_id) {
            self.report(evidence, outputs);
        }
    }

    fn connect(&mut self, connected: &Connected, outputs: &mut Vec<Output>) {
        let block = &connected.block;
        let before = self.chain.slot();
        let seal = find_seal(&block.coinbase).ok();
        let seal = seal.filter(|it| it.mode == Mode::Dpos);
        let missed = seal
            .as_ref()
            .map(|it| self.leaders_between(before, it.slot));
        if !self.chain.connect(connected) {
            return;
        }
        if let (Some(seal), Some(missed)) = (seal, missed) {
            let leader = |slot| missed.get(&slot).copied();
            self.recent.connect(before, seal.slot, seal.key, leader);
        }
        // After a start blocks are connected that were stored before it.
        self.store(&connected.block, outputs);
        let Some(last) = self.chain.last_final() else {
            return;
        };
        if self.finalized.is_none_or(|it| it.height < last.height) {
            self.finalized = Some(last);
            let proof = FinalityProof {
                block: last,
                shown_by: self.chain.tip(),
            };
            outputs.push(persist(Record {
                key: FINAL_RECORD,
                value: Bytes::copy_from_slice(&encode_place(&last)),
            }));
            outputs.push(Output::Final {
                block: last,
                proof: Bytes::copy_from_slice(&proof.encode()),
            });
        }
        self.tree.finalize(last);
        self.chain.prune(last.height);
    }

    /// Takes evidence that was checked, and passes it on the first time.
    fn report(&mut self, evidence: Evidence, outputs: &mut Vec<Output>) {
        let Ok(key) = evidence.check(&self.settings.chain_id) else {
            return;
        };
        let delegate = key.delegate_hash();
        let has_room = self.reported.len() < MAX_REPORTED_KEYS;
        let is_open = !self.chain.tally().is_guilty(&delegate);
        if has_room && is_open && self.reported.insert(key) {
            outputs.push(Output::Misbehaviour(Box::new(evidence)));
        }
    }

    /// Takes evidence from somebody else.
    ///
    /// Security: only who is or was a delegate can be reported, so that strangers cannot fill
    /// the list with keys that cost nothing.
    fn judge(&mut self, evidence: Evidence, outputs: &mut Vec<Output>) {
        let Ok(key) = evidence.check(&self.settings.chain_id) else {
            return;
        };
        let delegate = key.delegate_hash();
        let is_candidate = self.chain.tally().registration(&delegate).is_some();
        let has_sat = self.chain.bench().diligence(&delegate).is_some()
            || self.chain.votes().last_sealed(&delegate).is_some();
        if is_candidate || has_sat {
            self.report(evidence, outputs);
        }
    }

    fn take_template(&mut self, request: RequestId, block: Box<Block>, outputs: &mut Vec<Output>) {
        let sealed = SealedHeader::of_block(&block);
        let Some(Ok((height, seal))) = sealed.map(|it| it.check_form()) else {
            return;
        };
        if let Some(record) = self.duties.release(request, &seal, height) {
            outputs.push(persist(record));
            outputs.push(Output::CheckBlock(block));
        }
    }

    /// Sets the timer for the next duty; when `is_time`, asks for a block if the slot under way
    /// belongs to an own key.
    fn attend(&mut self, now: Millis, is_time: bool, outputs: &mut Vec<Output>) {
        let is_behind = self
            .finalized
            .is_some_and(|it| self.chain.tip().height < it.height);
        if self.duties.is_idle() || !self.chain.is_started() || is_behind {
            return;
        }
        let slot = self.settings.slot_at(now);
        if let Some((record, proposal)) = is_time.then(|| self.propose(slot)).flatten() {
            outputs.push(persist(record));
            outputs.push(Output::BuildBlock(Box::new(proposal)));
        }
        if let Some(at) = self.next_duty(slot) {
            self.arm(SLOT_TIMER, at, outputs);
        }
    }

    fn propose(&mut self, slot: Slot) -> Option<(Record, Proposal)> {
        if slot <= self.chain.slot() {
            return None;
        }
        let round = self.chain.round_at(slot)?;
        let seat = round.leader(slot)?;
        let key = self.duties.key_of(&seat.delegate)?;
        if self.chain.tally().is_guilty(&seat.delegate) {
            return None;
        }
        if let Some(last) = self.chain.votes().last_sealed(&seat.delegate) {
            self.duties.learn(&key, last);
        }
        let tip = self.chain.tip();
        let height = Height(tip.height.0.checked_add(1)?);
        let prevoted = self.chain.votes().prevoted();
        if !self.duties.may_seal(&key, height, prevoted) {
            return None;
        }
        let seal = Seal {
            mode: Mode::Dpos,
            slot,
            round: 0,
            previously_sealed: self.duties.mark(&key).height,
            prevoted,
            reveal: self.chain.reveal_before(seat),
            key,
            signature: [0; 64],
            sections: Sections::default(),
        };
        let time = self.settings.slot_time(slot)?;
        let request = RequestId(slot.0);
        let record = self.duties.ask(request, &seal)?;
        let proposal = Proposal {
            request,
            parent: tip.hash,
            time,
            seal,
        };
        Some((record, proposal))
    }

    /// Returns when the next slot of an own key begins, as far as seats are given away; else
    /// when the next round begins.
    fn next_duty(&self, slot: Slot) -> Option<Millis> {
        let next = Slot(slot.0.checked_add(1)?);
        let round = self.settings.round_of(next);
        let after = self
            .settings
            .first_slot(synod_seal::Epoch(round.0.checked_add(1)?));
        let seats = self.chain.round_at(next);
        let is_own = |slot: &Slot| {
            let seat = seats.as_ref().and_then(|it| it.leader(*slot));
            seat.is_some_and(|seat| self.duties.key_of(&seat.delegate).is_some())
        };
        let own = (next.0..after.0).map(Slot).find(is_own);
        let time = self.settings.slot_time(own.unwrap_or(after))?;
        Some(Millis::from_seconds(time.into()))
    }

    fn arm(&mut self, id: TimerId, at: Millis, outputs: &mut Vec<Output>) {
        let armed = &mut self.armed[usize::from(id == EARLY_TIMER)];
        if *armed != Some(at) {
            *armed = Some(at);
            outputs.push(Output::SetTimer { id, at });
        }
    }

    fn wake_early(&mut self, outputs: &mut Vec<Output>) {
        let due = self.tree.take_due(self.now);
        outputs.extend(due.into_iter().map(Output::Connect));
        if let Some(time) = self.tree.next_early() {
            self.arm(EARLY_TIMER, Millis::from_seconds(time.into()), outputs);
        }
    }

    /// Returns how good a branch is; `None` for one that must not become active.
    fn rank(&self, hash: &BlockHash) -> Option<Rank> {
        let rank = self.tree.rank(hash, self.now)?;
        let holds_final = self.finalized.is_none_or(|block| {
            self.tree.is_root_at(block.height) || self.tree.holds(hash, &block)
        });
        holds_final.then_some(rank)
    }

    fn read_seal(header: &Header, proof: &[u8]) -> Result<(Height, Seal), HeaderError> {
        Ok(SealedHeader::decode_proof(*header, proof)?.check_form()?)
    }

    fn is_bootstrap(&self, height: Height) -> bool {
        height <= self.settings.bootstrap_height
    }

    /// Checks a seal against the seats, where the chain has already given them away.
    ///
    /// Security: without this anybody could have a node leave its branch for a block that
    /// boasts, only to find that its maker has no seat.
    fn check_seat(&self, header: &Header, seal: &Seal) -> Result<(), HeaderError> {
        let parent = header.previous_block_hash;
        let is_active = |hash, height| self.chain.hash_at(height) == Some(hash);
        let Some((_, fork, fork_slot)) = self.tree.find_below(&parent, is_active) else {
            return Ok(());
        };
        let Some(round) = self.chain.round_above(seal.slot, fork, fork_slot) else {
            return Ok(());
        };
        match round.leader(seal.slot) {
            Some(seat) if seat.delegate == seal.key.delegate_hash() => Ok(()),
            _ => Err(HeaderError::Proposer),
        }
    }
}

/// Everything that this engine writes down must survive before what comes after it happens.
fn persist(record: Record) -> Output {
    Output::Persist {
        records: vec![record],
        barrier: true,
    }
}
