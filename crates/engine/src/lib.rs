//! The seam of agreement: what a node asks of the engine that its chain spec names, and what
//! the engine asks of the node.
//!
//! An engine decides who may add a block, which of several branches is to be active and what
//! is final. It knows headers, seals, heights and stake tables; it knows nothing of coins,
//! scripts, storage, addresses of peers or clocks.
//!
//! # Two ways to talk to an engine
//!
//! *Questions* ([`Engine::check_header`], [`Engine::prefers`], ...) are pure reads of what the
//! engine knows. *Inputs* ([`Engine::handle`]) are what happened, each with the time of the
//! node's clock; the answer is a list of [`Output`]s, which the node carries out in their
//! order. An engine never calls anybody, keeps no thread and draws no randomness, so the same
//! code runs in a node and in a simulator, and every run can be played again.
//!
//! # The life of a block
//!
//! 1. A header comes with its proof ([`Engine::proof_of`]). [`Engine::check_header_alone`]
//!    looks at it before anything is stored, [`Engine::check_header`] when its parent is known.
//! 2. The ledger checks what needs no coins. The node stores the block and says so:
//!    [`Input::Stored`], parents before children.
//! 3. The node asks [`Engine::prefers`] whether the branch should become active. If it should,
//!    blocks are disconnected ([`Input::Disconnected`]) and connected. Just before a block is
//!    connected, when all its ancestors are, [`Engine::check_proposer`] judges what depends on
//!    stake; then the ledger judges coins and scripts; then comes [`Input::Connected`] with the
//!    change of stake. A block that fails is [`Input::Rejected`], and all above it with it.
//! 4. The engine says what is final ([`Output::Final`]). The node stores it with its proof,
//!    in the transaction that makes it durable, and never leaves that block again.
//!
//! # Making blocks and votes
//!
//! An engine has no secret keys. [`Input::Keys`] names the keys that sign for this node. When
//! one has a duty, the engine writes down what it is about to do ([`Output::Persist`] with
//! `barrier`), then asks for it: [`Output::BuildBlock`], answered by [`Input::Template`] with
//! the sealed block, and [`Output::SignVote`], answered by [`Input::Voted`]. A signer may
//! refuse; then no answer comes, and the engine waits for nothing.
//!
//! # What an engine persists
//!
//! Records are small values under keys; writing a key again replaces its record. After a start
//! the first input is [`Input::Restart`] with all records; then the node connects, one by one,
//! the blocks of the active chain above [`Engine::stands_at`]. So that these are few the node
//! keeps [`Engine::state_at_final`] now and then.
//!
//! # To write an engine
//!
//! Implement [`Engine`], then run every check of [`contract`] on it in its tests: the checks
//! hold an engine to determinism, to a strict order of branches, to keeping its word across a
//! restart at any point, to messages that are lost, repeated or reordered, and to its own
//! limit of memory. `synod-engine-pow` is the smallest example (it needs no input at all),
//! `synod-engine-pos` a full one.
//!
//! Depends on primitives and seal only.

pub mod contract;
mod header;
mod input;
mod output;
mod recent;
mod roster;
mod time;

pub use header::{Ancestry, BranchEnd, FinalBlock, HeaderError};
pub use input::{Connected, Input, PeerId, RequestId, StoredBlock, TimerId};
pub use output::{Output, Proposal, Record, RecordKey};
pub use recent::{COUNTED_SLOTS, RecentTurns, Seen, TurnCount};
pub use roster::{
    Finality, LinkVotes, MAX_LINKS, MAX_TURNS, Member, MemberBond, MemberState, Place, Roster, Turn,
};
pub use time::Millis;

use bytes::Bytes;
use synod_primitives::{Block, CompactTarget, Header, Height, OutPoint, Work};
use synod_seal::{DelegateHash, StakeCoin, Vote};

/// The record of [`Engine::state_at_final`]; no engine writes it by itself.
pub const STATE_RECORD: RecordKey = RecordKey(u64::MAX);

/// A way to agree on one chain.
///
/// All questions are pure: the same state and arguments give the same answer on every node.
pub trait Engine: Send + Sync {
    /// Returns the name that chain specs use.
    fn name(&self) -> &'static str;

    /// Returns what travels beside a block's header so that [`Engine::check_header_alone`]
    /// can judge it; empty where the header proves itself.
    fn proof_of(&self, _block: &Block) -> Bytes {
        Bytes::new()
    }

    /// Says whether headers of this engine travel with a proof, without which they show nothing.
    fn has_proofs(&self) -> bool {
        false
    }

    /// Checks what a header and its proof show by themselves, before anything is looked up or
    /// stored.
    ///
    /// # Errors
    /// The rule that the header breaks, whatever branch it is on.
    fn check_header_alone(&self, header: &Header, proof: &[u8]) -> Result<(), HeaderError>;

    /// Checks a header at its place in a branch. It has passed
    /// [`Engine::check_header_alone`].
    ///
    /// # Errors
    /// The rule that the header breaks on this branch.
    fn check_header(
        &self,
        header: &Header,
        proof: &[u8],
        height: Height,
        ancestry: &dyn Ancestry,
    ) -> Result<(), HeaderError>;

    /// Checks whether the maker of a block was entitled to it. The block is
    /// [`Input::Stored`], and its parent is the last that was [`Input::Connected`].
    ///
    /// # Errors
    /// The rule that the block breaks; it is then invalid for ever.
    fn check_proposer(&self, _block: &StoredBlock) -> Result<(), HeaderError> {
        Ok(())
    }

    /// Returns the `bits` of the block at `height` on this branch.
    fn required_bits(&self, height: Height, ancestry: &dyn Ancestry) -> CompactTarget;

    /// Returns the time that the block at `height` must have, where the height alone fixes it.
    fn required_time(&self, height: Height) -> Option<u32>;

    /// Returns what a header adds to the chainwork of its branch.
    fn work(&self, header: &Header) -> Work;

    /// Says whether the node should leave the active branch for the candidate.
    ///
    /// A strict order: of two different branches at most one is preferred to the other, and
    /// no branch to itself. A branch that lacks the final block is never preferred.
    fn prefers(&self, candidate: &BranchEnd, active: &BranchEnd) -> bool;

    /// Says whether headers up to `end` are worth storing beside the active branch.
    ///
    /// Security: headers that cannot overtake must not cost memory (CVE-2019-25220).
    fn is_worth_storing(&self, end: &BranchEnd, active: &BranchEnd) -> bool;

    /// Says whether the blocks of a branch of which only headers are known are worth fetching,
    /// as long as those headers are worth storing.
    ///
    /// Where votes decide, headers do not show which branch is better: its blocks do.
    fn is_worth_fetching(&self, end: &BranchEnd, active: &BranchEnd) -> bool {
        if self.has_finality() {
            self.is_worth_storing(end, active)
        } else {
            !self.prefers(active, end)
        }
    }

    /// Returns whether blocks become final under this engine.
    fn has_finality(&self) -> bool;

    /// Returns the last final block, as the engine knows it; its height never decreases.
    fn finalized(&self) -> Option<FinalBlock> {
        None
    }

    /// Returns how long stake stays slashable after it has left, in seconds: a node whose final
    /// block is older cannot tell an honest history from one that keys without stake have made.
    /// `None` where there is no stake.
    fn trust_period_s(&self) -> Option<u64> {
        None
    }

    /// Returns the last connected block that the engine has taken in: the genesis block in a
    /// new engine, where the records stand after a restart. `None` where the engine does not
    /// ask for connected blocks at all.
    fn stands_at(&self) -> Option<FinalBlock> {
        None
    }

    /// Shows who seals, as of the block connected last; `None` where nobody is entitled to.
    fn roster(&self, _now: Millis) -> Option<Roster> {
        None
    }

    /// Shows what is final and how votes stand; `None` where nothing ever is.
    fn finality(&self) -> Option<Finality> {
        None
    }

    /// Returns the bonded outputs for a delegate as of the block connected last, in the order of
    /// their outpoints.
    fn bonds_of(&self, _delegate: &DelegateHash) -> Vec<(OutPoint, StakeCoin)> {
        Vec::new()
    }

    /// Returns the message by which peers pass a vote on; `None` where there are no votes.
    fn message_of(&self, _vote: &Vote) -> Option<Bytes> {
        None
    }

    /// Says whether a vote was taken in and still matters.
    fn has_vote(&self, _vote: &Vote) -> bool {
        false
    }

    /// Returns the engine's state at its last final block, so that a start can go on from there
    /// without the blocks up to it: as the value of the record [`STATE_RECORD`] among those of
    /// [`Input::Restart`]. What it cannot read it ignores, and stands at the genesis block.
    ///
    /// `None` where nothing is final yet, or the engine does not ask for connected blocks. This
    /// may cost as much as all stake that there is; it is asked for now and then.
    fn state_at_final(&self) -> Option<(FinalBlock, Bytes)> {
        None
    }

    /// Takes in what happened at `now` and returns what the node is to do, in order.
    ///
    /// `now` may stand still or go back, as clocks do; an engine must stay safe then.
    /// Nothing that comes in may panic.
    fn handle(&mut self, _now: Millis, _input: Input) -> Vec<Output> {
        Vec::new()
    }

    /// Returns the number of items that the engine holds in memory, for metrics and for its
    /// own limit.
    fn held_items(&self) -> usize {
        0
    }

    /// Returns the number of items that strangers can make the engine hold at the most,
    /// beside what stored blocks themselves need.
    fn max_held_items(&self) -> usize {
        0
    }
}
