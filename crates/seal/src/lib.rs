//! What proves who made a block under every engine but proof of work: seals, checkpoint votes,
//! evidence of contradictions, and the outputs that hold stake; as bytes, digests and pure
//! predicates.
//!
//! | type | what it is |
//! |---|---|
//! | [`Seal`] | who made a block, for which slot; one push in the coinbase's witness-commitment output |
//! | [`UnsealedHeader`] | a template that is being sealed: coinbase, digest, signature, canonical nonce |
//! | [`SealedHeader`] | header, stripped coinbase and Merkle branch: what proves a seal without the block |
//! | [`CheckedSeal`] | a sealed header whose signature, root and nonce hold |
//! | [`Vote`] | a signed link between two checkpoints |
//! | [`Evidence`] | two signed statements of one key that contradict each other |
//! | [`StakeProgram`] | the witness program of a bond, a delegation or unbonding stake |
//! | [`Anchor`], [`Candidacy`] | the `OP_RETURN` outputs by which a sealing key is registered |
//! | [`StakeTable`] | all bonded outputs at one block, changed block by block |
//! | [`HashChain`] | the secrets that a validator reveals one by one |
//!
//! A signature covers everything of a header but its nonce, and the nonce is canonical. So one
//! signature is exactly one block hash: nobody but the holder of the key can make a second
//! block for a slot, and two of them are proof against that holder.
//!
//! Every encoding is canonical: what decodes encodes to the same bytes, every count has a
//! named limit, and nothing unknown is skipped.
//!
//! Depends on primitives and sigcheck. Must never know: coins, who may seal which slot,
//! storage, time, secret keys (signatures come in from outside).

mod build;
mod commitment;
mod contradiction;
mod error;
mod evidence;
mod hash_chain;
mod nonce;
mod program;
mod quantity;
mod register;
mod seal;
mod sealed_header;
mod section;
mod stake;
mod stake_codec;
mod vote;
mod wire;

pub use build::UnsealedHeader;
pub use commitment::{find_seal, has_seal_slot};
pub use contradiction::{contradicts_by_height, contradicts_by_slot, contradicts_votes};
pub use error::{EvidenceError, SealError};
pub use evidence::{Evidence, MAX_STATEMENT_SIZE, Statement};
pub use hash_chain::{HashChain, MAX_CHAIN_LENGTH, is_next_reveal};
pub use nonce::{MAX_NONCE_TRIES, SEALED_BITS, canonical_nonce};
pub use program::{STAKE_PROGRAM_SIZE, StakeKind, StakeProgram};
pub use quantity::{DelegateHash, Epoch, OwnerHash, SealKey, Slot};
pub use register::{Anchor, Candidacy, MAX_CANDIDATE_NAME};
pub use seal::{MAX_SEAL_SIZE, Mode, SEAL_MAGIC, SEAL_VERSION, Seal, Signature};
pub use sealed_header::{
    CheckedSeal, MAX_COINBASE_SIZE, MAX_MERKLE_BRANCH, MAX_PROOF_SIZE, SealedHeader,
};
pub use section::{MAX_VOTE_GROUPS, MAX_VOTES_PER_SEAL, Sections, VoteGroup};
pub use stake::{StakeChange, StakeCoin, StakeMismatch, StakeTable, StakeUndo};
pub use vote::{Checkpoint, Vote, VoteLink};
