//! Rules of a block that need no context (Core: `CheckBlock`, apart from proof of work).

use std::borrow::Borrow;

use synod_primitives::{Block, BlockHash, Transaction, Weight};
use synod_script::count_sigops;

use crate::check_context::{BlockContext, ContextualBlock};
use crate::check_transaction::check_transaction;
use crate::error::BlockError;
use crate::rules::Rules;

/// The most that the signature operations of a block may cost (BIP141).
pub const MAX_BLOCK_SIGOP_COST: u64 = 80_000;

/// What weighs as much as a byte outside witnesses, and what one signature operation outside
/// them costs (BIP141).
const WITNESS_SCALE_FACTOR: u64 = 4;

/// The size without witness of a transaction that two hashes side by side may be.
const INNER_NODE_SIZE: usize = 64;

/// A block of which everything holds that needs no context.
///
/// Holds the block itself, a reference to it or a shared one, as the caller likes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckedBlock<B: Borrow<Block>>(B);

impl<B: Borrow<Block>> CheckedBlock<B> {
    /// Checks a block by itself.
    ///
    /// # Errors
    /// The first rule that is broken, in Core's order.
    pub fn validate(block: B) -> Result<Self, BlockError> {
        check_block(block.borrow())?;
        Ok(Self(block))
    }

    /// Checks the block at its place.
    ///
    /// # Errors
    /// The first rule that is broken, in Core's order.
    pub fn in_context(
        self,
        context: BlockContext,
        rules: &Rules,
    ) -> Result<ContextualBlock<B>, BlockError> {
        ContextualBlock::validate(self, context, rules)
    }

    /// Borrows the block.
    pub fn block(&self) -> &Block {
        self.0.borrow()
    }

    /// Returns the block's hash.
    pub fn hash(&self) -> BlockHash {
        self.block().hash()
    }

    /// Gives the block back.
    pub fn into_inner(self) -> B {
        self.0
    }
}

fn check_block(block: &Block) -> Result<(), BlockError> {
    check_merkle_root(block)?;
    let transactions = block.transactions();
    let stripped = block.stripped_size();
    let limit = Weight::MAX_BLOCK.0;
    if transactions.is_empty()
        || transactions.len() as u64 * WITNESS_SCALE_FACTOR > limit
        || stripped as u64 * WITNESS_SCALE_FACTOR > limit
    {
        return Err(BlockError::BadLength);
    }
    check_coinbase_position(transactions)?;
    for (index, transaction) in (0..).zip(transactions) {
        check_transaction(transaction).map_err(|error| BlockError::Transaction {
            index,
            txid: transaction.txid(),
            error,
        })?;
    }
    // Counts neither redeem scripts nor witnesses; connecting does, with the coins at hand.
    let sigops: u64 = transactions.iter().map(legacy_sigops).sum();
    if sigops * WITNESS_SCALE_FACTOR > MAX_BLOCK_SIGOP_COST {
        return Err(BlockError::TooManySigops);
    }
    Ok(())
}

fn check_merkle_root(block: &Block) -> Result<(), BlockError> {
    let root = block.merkle_root();
    if root.hash != block.header().merkle_root.to_bytes() {
        return Err(BlockError::MerkleRoot);
    }
    // Security: CVE-2012-2459, see `merkle::Root`.
    if root.is_mutated {
        return Err(BlockError::DuplicateTransactions);
    }
    Ok(())
}

fn check_coinbase_position(transactions: &[Transaction]) -> Result<(), BlockError> {
    if !transactions.first().is_some_and(Transaction::is_coinbase) {
        // Security: CVE-2017-12842. A row of inner nodes, taken for transactions, has the same
        // root as the honest block. To make its first node a coinbase costs 2^224 hashes, so a
        // coinbase at the start rules this out (Core: `IsBlockMutated`).
        let may_be_mutation = transactions
            .iter()
            .any(|transaction| transaction.stripped_size() == INNER_NODE_SIZE);
        return Err(BlockError::CoinbaseMissing { may_be_mutation });
    }
    match (1..)
        .zip(&transactions[1..])
        .find(|(_, tx)| tx.is_coinbase())
    {
        Some((index, _)) => Err(BlockError::CoinbaseMultiple { index }),
        None => Ok(()),
    }
}

fn legacy_sigops(transaction: &Transaction) -> u64 {
    let sigs = transaction.inputs().iter().map(|input| &input.script_sig);
    let pubkeys = transaction
        .outputs()
        .iter()
        .map(|output| &output.script_pubkey);
    sigs.chain(pubkeys)
        .map(|script| count_sigops(script.as_bytes(), false))
        .sum()
}
