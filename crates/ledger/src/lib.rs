//! Block and transaction rules, the coins, connecting and disconnecting blocks.
//!
//! Under the preset `regtest` every verdict is the one of Bitcoin Core 28, with its reject
//! code. Which block may be proposed by whom, and which branch is followed, is not decided
//! here: this crate never asks for proof of work, for a slot's leader, for a seal's signature or
//! for votes. What stake is (its outputs, its spending, its evidence) are rules of this crate
//! that a chain spec switches on.
//!
//! A block goes through stages that are types, so that no check can be left out:
//!
//! | stage | made by | what holds |
//! |---|---|---|
//! | [`Block`](synod_primitives::Block) | decoding | it is an encoding |
//! | [`CheckedBlock`] | [`CheckedBlock::validate`] | everything that needs no context |
//! | [`ContextualBlock`] | [`CheckedBlock::in_context`] | everything that needs no coins |
//! | [`Connected`] | [`connect_block`] | amounts, lock times, scripts; the coins are changed |
//!
//! Depends on primitives, sigcheck, script, seal and chainspec. Must never know of storage,
//! services, time (it comes in with each call), randomness (the key of [`CoinsCache`] comes
//! in), mempool or agreement. Threads are only ever those of the pool that a caller passes
//! in, and no verdict depends on their number or timing.

mod chain_id;
mod check_block;
mod check_context;
mod check_header;
mod check_inputs;
mod check_transaction;
mod coin;
mod coin_codec;
mod coins;
mod connect;
mod disconnect;
mod error;
mod lock_time;
pub mod muhash;
mod rules;
mod scripts;
mod sip;
mod stake;
mod undo;
mod witness_commitment;

pub use chain_id::chain_id_script;
pub use check_block::{CheckedBlock, MAX_BLOCK_SIGOP_COST};
pub use check_context::{BlockContext, ContextualBlock, height_script};
pub use check_header::{HeaderContext, MAX_FUTURE_BLOCK_TIME_S, MAX_TIMEWARP_S, check_header};
pub use check_inputs::check_inputs;
pub use check_transaction::check_transaction;
pub use coin::{Coin, CoinScript};
pub use coins::{CoinsCache, CoinsView, Flush, Lookup};
pub use connect::{Connected, check_connects, connect_block, connect_block_ahead};
pub use disconnect::{DisconnectError, disconnect_block};
pub use error::{BlockError, CodecError, ConnectError, HeaderError, Misbehavior, TransactionError};
pub use lock_time::{
    LOCK_TIME_THRESHOLD, MEDIAN_TIME_SPAN, MedianTimes, SequenceLocks, is_final_transaction,
    median_time_past, sequence_locks,
};
pub use muhash::MuHash;
pub use rules::{Activations, Rules};
pub use scripts::{
    NoSignatureCache, PendingScripts, ScriptFailure, Scripts, SignatureCache, Workers,
    verify_transaction,
};
pub use sip::HashKey;
pub use stake::{
    MAX_SLASHED_INPUTS, MAX_STAKE_WITNESS_ITEM, REGISTRATION_INDEX, SealRuleError, StakeError,
    StakeRules, StakeTag, check_stake_inputs, check_stake_outputs, is_stake_script,
    report_transaction, stake_change, stake_lock, stake_sigop_cost,
};
pub use undo::BlockUndo;
pub use witness_commitment::{
    find_witness_commitment, witness_commitment, witness_commitment_script,
};
