//! Connecting a block: the rules that need coins, and the change of the coins (Core:
//! `ConnectBlock`).
//!
//! The rules on amounts, ages and lock times are checked in the order of the block, on the
//! calling thread. Scripts are verified meanwhile by the workers; their verdict counts only
//! when all other rules hold, and of several failures the lowest is reported. So the answer
//! depends on neither the number of threads nor their timing.

use std::borrow::Borrow;
use std::sync::Arc;

use rayon::ThreadPool;
use synod_primitives::{Amount, Block, Height, OutPoint, Transaction};
use synod_script::{Flags, is_unspendable, transaction_sigop_cost};

use crate::check_block::MAX_BLOCK_SIGOP_COST;
use crate::check_context::ContextualBlock;
use crate::check_inputs::{check_inputs, total_output};
use crate::coin::{Coin, SpentCoins};
use crate::coins::{CoinsCache, CoinsUpdate, SpendError};
use crate::error::{BlockError, ConnectError, TransactionError};
use crate::lock_time::{MedianTimes, sequence_locks};
use crate::rules::Rules;
use crate::scripts::{
    Job, PendingScripts, ScriptFailure, Scripts, SignatureCache, verify_ahead, verify_while,
};
use crate::stake::{check_stake_inputs, stake_sigop_cost};
use crate::undo::BlockUndo;

/// What came of connecting a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connected {
    /// What it takes to disconnect the block.
    pub undo: BlockUndo,
    /// The fees of all transactions.
    pub fees: Amount,
    /// What its signature operations cost.
    pub sigop_cost: u64,
    /// Inputs whose scripts were verified now: neither skipped nor known to the cache.
    pub verified_inputs: usize,
}

/// Connects a block: checks what needs coins, and changes the coins. The genesis block changes
/// none: its output can never be spent.
///
/// The caller has fetched what [`CoinsCache::missing_outpoints`] names for it. `times` are
/// those of the block's ancestors.
///
/// # Errors
/// The rule that is broken; then the coins are as before. [`ConnectError::NotFetched`] is no
/// verdict on the block.
pub fn connect_block<B: Borrow<Block>>(
    block: &ContextualBlock<B>,
    times: &dyn MedianTimes,
    coins: &mut CoinsCache,
    rules: &Rules,
    scripts: &Scripts<'_>,
) -> Result<Connected, ConnectError> {
    let (connected, update) = prepare(block, times, coins, rules, scripts)?;
    update.commit();
    Ok(connected)
}

/// Checks as [`connect_block`] does, and leaves the coins as they are; for templates and
/// proposals.
///
/// # Errors
/// As [`connect_block`].
pub fn check_connects<B: Borrow<Block>>(
    block: &ContextualBlock<B>,
    times: &dyn MedianTimes,
    coins: &mut CoinsCache,
    rules: &Rules,
    scripts: &Scripts<'_>,
) -> Result<Connected, ConnectError> {
    prepare(block, times, coins, rules, scripts).map(|(connected, _)| connected)
}

/// Connects a block as [`connect_block`] does, but for its scripts: those are verified on the
/// threads of the pool while the caller goes on, as if they were valid.
///
/// The block counts as connected when [`PendingScripts::verdict`] says so. Otherwise the caller
/// takes it off the coins again, with all that it has connected above it meanwhile.
///
/// # Errors
/// As [`connect_block`], scripts apart.
pub fn connect_block_ahead(
    block: &ContextualBlock<Arc<Block>>,
    times: &dyn MedianTimes,
    coins: &mut CoinsCache,
    rules: &Rules,
    pool: &ThreadPool,
    cache: &dyn SignatureCache,
) -> Result<(Connected, PendingScripts), ConnectError> {
    let mut connection = Connection::new(block, times, coins, rules);
    let flags = connection.flags;
    let shared = block.shared();
    let pending = verify_ahead(pool, cache, shared, flags, |sink| {
        connection.run(shared.transactions(), sink)
    })?;
    let (connected, update) = connection.finish(pending.inputs());
    update.commit();
    Ok((connected, pending))
}

impl PendingScripts {
    /// Waits until the scripts are verified.
    ///
    /// # Errors
    /// The lowest script that fails.
    pub fn verdict(&self) -> Result<(), BlockError> {
        let failure = self.wait();
        failure.map_or(Ok(()), |failure| {
            Err(script_error(self.transactions(), failure))
        })
    }
}

fn prepare<'c, B: Borrow<Block>>(
    contextual: &ContextualBlock<B>,
    times: &dyn MedianTimes,
    coins: &'c mut CoinsCache,
    rules: &Rules,
    scripts: &Scripts<'_>,
) -> Result<(Connected, CoinsUpdate<'c>), ConnectError> {
    let transactions = contextual.block().transactions();
    let mut connection = Connection::new(contextual, times, coins, rules);
    let flags = connection.flags;
    let (verified_inputs, failure) = verify_while(scripts, transactions, flags, |sink| {
        connection.run(transactions, sink)
    })?;
    match failure {
        Some(failure) => Err(script_error(transactions, failure).into()),
        None => Ok(connection.finish(verified_inputs)),
    }
}

fn script_error(transactions: &[Transaction], failure: ScriptFailure) -> BlockError {
    BlockError::Script {
        index: failure.transaction,
        txid: transactions[failure.transaction as usize].txid(),
        input: failure.input,
        error: failure.error,
    }
}

/// A block that is being connected.
struct Connection<'a, 'c> {
    height: Height,
    parent_median_time: u32,
    flags: Flags,
    rules: &'a Rules,
    times: &'a dyn MedianTimes,
    coins: CoinsUpdate<'c>,
    spent: Vec<Coin>,
    fees: Amount,
    sigop_cost: u64,
}

impl<'a, 'c> Connection<'a, 'c> {
    fn new<B: Borrow<Block>>(
        contextual: &ContextualBlock<B>,
        times: &'a dyn MedianTimes,
        coins: &'c mut CoinsCache,
        rules: &'a Rules,
    ) -> Self {
        let transactions = contextual.block().transactions().iter();
        let count = |(inputs, outputs), transaction: &Transaction| {
            let more = (transaction.inputs().len(), transaction.outputs().len());
            (inputs + more.0, outputs + more.1)
        };
        let (inputs, outputs) = transactions.fold((0, 0), count);
        Self {
            height: contextual.height(),
            parent_median_time: contextual.context().parent_median_time,
            flags: rules.script_flags(contextual.height()),
            rules,
            times,
            coins: CoinsUpdate::new(coins, inputs + outputs),
            spent: Vec::with_capacity(inputs),
            fees: Amount::ZERO,
            sigop_cost: 0,
        }
    }

    /// Checks all rules but the scripts, which it hands to `sink`.
    fn run(
        &mut self,
        transactions: &[Transaction],
        sink: &mut dyn FnMut(Job<'_>),
    ) -> Result<(), ConnectError> {
        if self.height == Height::GENESIS {
            return Ok(());
        }
        self.check_bip30(transactions)?;
        for (index, transaction) in (0..).zip(transactions) {
            let in_block = |error| BlockError::Transaction {
                index,
                txid: transaction.txid(),
                error,
            };
            let first = self.spent.len();
            if index > 0 {
                self.spend_inputs(transaction, &in_block)?;
                self.check_spent(transaction, first, &in_block)?;
            }
            let spent = &self.spent[first..];
            self.sigop_cost += transaction_sigop_cost(transaction, &SpentCoins(spent), self.flags);
            if self.sigop_cost > MAX_BLOCK_SIGOP_COST {
                return Err(BlockError::TooManySigops.into());
            }
            if index > 0 {
                sink(Job {
                    index,
                    transaction,
                    spent,
                });
            }
            self.add_outputs(index, transaction)?;
        }
        self.check_coinbase_amount(&transactions[0])
    }

    /// Consensus: BIP30. No transaction may overwrite one that is not fully spent. Where
    /// BIP34 rules that out, the coins need not be looked at; see
    /// [`Rules::has_unique_transactions`].
    fn check_bip30(&self, transactions: &[Transaction]) -> Result<(), ConnectError> {
        if self.rules.has_unique_transactions() {
            return Ok(());
        }
        for (index, transaction) in (0..).zip(transactions) {
            let txid = transaction.txid();
            for (vout, _) in (0..).zip(transaction.outputs()) {
                let outpoint = OutPoint::new(txid, vout);
                let exists = self.coins.has_coin(&outpoint);
                if exists.map_err(|_| ConnectError::NotFetched(outpoint))? {
                    return Err(BlockError::Bip30 { index, txid }.into());
                }
            }
        }
        Ok(())
    }

    fn spend_inputs(
        &mut self,
        transaction: &Transaction,
        in_block: &dyn Fn(TransactionError) -> BlockError,
    ) -> Result<(), ConnectError> {
        for input in transaction.inputs() {
            let coin = self
                .coins
                .spend(input.prevout)
                .map_err(|error| match error {
                    SpendError::Absent => in_block(TransactionError::InputsMissingOrSpent).into(),
                    SpendError::Unknown => ConnectError::NotFetched(input.prevout),
                })?;
            self.spent.push(coin);
        }
        Ok(())
    }

    /// Checks the coins from `first` on, which the transaction spends.
    fn check_spent(
        &mut self,
        transaction: &Transaction,
        first: usize,
        in_block: &dyn Fn(TransactionError) -> BlockError,
    ) -> Result<(), ConnectError> {
        let spent = &self.spent[first..];
        let maturity = self.rules.coinbase_maturity;
        let fee = check_inputs(transaction, spent, self.height, maturity).map_err(in_block)?;
        self.fees = self
            .fees
            .checked_add(fee)
            .filter(|fees| fees.is_in_range())
            .ok_or(BlockError::AccumulatedFeeOutOfRange)?;
        if self.height >= self.rules.activations.csv {
            let locks = sequence_locks(transaction, spent, self.times);
            if !locks.are_open(self.height, self.parent_median_time) {
                return Err(in_block(TransactionError::NonFinal).into());
            }
        }
        if let Some(stake) = &self.rules.stake {
            check_stake_inputs(transaction, spent, self.height, stake)
                .map_err(|error| in_block(error.into()))?;
            self.sigop_cost += stake_sigop_cost(transaction, spent);
        }
        Ok(())
    }

    fn add_outputs(&mut self, index: u32, transaction: &Transaction) -> Result<(), BlockError> {
        let txid = transaction.txid();
        for (vout, output) in (0..).zip(transaction.outputs()) {
            // An output that can never be spent is no coin (Core: `AddCoin`).
            if is_unspendable(output.script_pubkey.as_bytes()) {
                continue;
            }
            let coin = Coin::new(output, self.height, index == 0);
            self.coins
                .add(OutPoint::new(txid, vout), coin)
                .map_err(|()| BlockError::Bip30 { index, txid })?;
        }
        Ok(())
    }

    fn check_coinbase_amount(&self, coinbase: &Transaction) -> Result<(), ConnectError> {
        let allowed = self.fees.checked_add(self.rules.subsidy(self.height));
        let paid = total_output(coinbase);
        match (paid, allowed) {
            (Some(paid), Some(allowed)) if paid <= allowed => Ok(()),
            _ => Err(BlockError::CoinbaseAmount.into()),
        }
    }

    fn finish(self, verified_inputs: usize) -> (Connected, CoinsUpdate<'c>) {
        let connected = Connected {
            undo: BlockUndo::new(self.spent),
            fees: self.fees,
            sigop_cost: self.sigop_cost,
            verified_inputs,
        };
        (connected, self.coins)
    }
}
