//! Rules of a block at its place in the chain (Core: `ContextualCheckBlock`).

use std::borrow::Borrow;

use synod_primitives::{Block, BlockHash, Height, Script, Weight};
use synod_script::ScriptBuilder;

use crate::chain_id::carries_chain_id;
use crate::check_block::CheckedBlock;
use crate::error::{BlockError, TransactionError};
use crate::lock_time::is_final_transaction;
use crate::rules::Rules;
use crate::stake::{StakeRules, check_sealed_coinbase, check_stake_outputs};
use crate::witness_commitment::check_witnesses;

/// Where a block stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockContext {
    /// The block's height.
    pub height: Height,
    /// The median time of the parent and the ten blocks before it; 0 for the genesis block.
    pub parent_median_time: u32,
}

/// A block of which everything holds that needs no coins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContextualBlock<B: Borrow<Block>> {
    block: B,
    context: BlockContext,
}

impl<B: Borrow<Block>> ContextualBlock<B> {
    pub(crate) fn validate(
        checked: CheckedBlock<B>,
        context: BlockContext,
        rules: &Rules,
    ) -> Result<Self, BlockError> {
        check_in_context(checked.block(), context, rules)?;
        let block = checked.into_inner();
        Ok(Self { block, context })
    }

    /// Borrows the block.
    pub fn block(&self) -> &Block {
        self.block.borrow()
    }

    /// Borrows the block as it is held.
    pub(crate) fn shared(&self) -> &B {
        &self.block
    }

    /// Returns the block's hash.
    pub fn hash(&self) -> BlockHash {
        self.block().hash()
    }

    /// Returns where the block stands.
    pub fn context(&self) -> BlockContext {
        self.context
    }

    /// Returns the block's height.
    pub fn height(&self) -> Height {
        self.context.height
    }

    /// Gives the block back.
    pub fn into_inner(self) -> B {
        self.block
    }
}

/// Returns what a coinbase's script has to start with at `height` (BIP34): the shortest push
/// of the number.
#[must_use]
pub fn height_script(height: Height) -> Script {
    ScriptBuilder::new()
        .push_number(i64::from(height.0))
        .into_script()
}

fn check_in_context(block: &Block, context: BlockContext, rules: &Rules) -> Result<(), BlockError> {
    let height = context.height;
    let activations = &rules.activations;
    // BIP113: lock times are measured by the median time past, not by the block's own.
    let lock_time_cutoff = if height >= activations.csv {
        context.parent_median_time
    } else {
        block.header().time
    };
    for (index, transaction) in (0..).zip(block.transactions()) {
        if !is_final_transaction(transaction, height, lock_time_cutoff) {
            return Err(BlockError::Transaction {
                index,
                txid: transaction.txid(),
                error: TransactionError::NonFinal,
            });
        }
    }
    check_coinbase(block, height, rules)?;
    if let Some(stake) = rules.stake.as_ref().filter(|_| height > Height::GENESIS) {
        check_stake(block, height, stake)?;
    }
    check_witnesses(block, height >= activations.segwit)?;
    // Correctness: the weight counts witnesses, so it is only looked at when the commitment
    // has shown that they belong to the block.
    if block.weight() > Weight::MAX_BLOCK {
        return Err(BlockError::TooHeavy);
    }
    Ok(())
}

fn check_stake(block: &Block, height: Height, stake: &StakeRules) -> Result<(), BlockError> {
    check_sealed_coinbase(block, height, stake)?;
    for (index, transaction) in (0..).zip(block.transactions()).skip(1) {
        check_stake_outputs(transaction, stake).map_err(|error| BlockError::Transaction {
            index,
            txid: transaction.txid(),
            error: error.into(),
        })?;
    }
    Ok(())
}

fn check_coinbase(block: &Block, height: Height, rules: &Rules) -> Result<(), BlockError> {
    let coinbase = &block.transactions()[0];
    if height >= rules.activations.bip34 {
        let script_sig = coinbase.inputs()[0].script_sig.as_bytes();
        if !script_sig.starts_with(height_script(height).as_bytes()) {
            return Err(BlockError::CoinbaseHeight);
        }
    }
    match &rules.chain_id_output {
        Some(id) if height == Height(1) && !carries_chain_id(coinbase, id) => {
            Err(BlockError::CoinbaseChainId)
        }
        _ => Ok(()),
    }
}
