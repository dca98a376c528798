//! Connecting a block: the rules that need coins, and the change of the coins (Core:
//! `ConnectBlock`).
//!
//! The rules on amounts, ages and lock times are checked in the order of the block, on the
//! calling thread. Scripts are verified meanwhile by the workers; their verdict counts only
//! when all other rules hold, and of several failures the lowest is reported. So the answer
//! depends on neither the number of threads nor their timing.

use std::borrow::Borrow;

use synod_primitives::{Amount, Block, Height, OutPoint, Transaction, TxOut};
use synod_script::{Flags, is_unspendable, transaction_sigop_cost};

use crate::check_block::MAX_BLOCK_SIGOP_COST;
use crate::check_context::ContextualBlock;
use crate::check_inputs::{check_inputs, total_output};
use crate::coin::Coin;
use crate::coins::{CoinsCache, CoinsUpdate, SpendError};
use crate::error::{BlockError, ConnectError, TransactionError};
use crate::lock_time::{MedianTimes, sequence_locks};
use crate::rules::Rules;
use crate::scripts::{Job, ScriptFailure, Scripts, verify_while};
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

fn prepare<'c, B: Borrow<Block>>(
    contextual: &ContextualBlock<B>,
    times: &dyn MedianTimes,
    coins: &'c mut CoinsCache,
    rules: &Rules,
    scripts: &Scripts<'_>,
) -> Result<(Connected, CoinsUpdate<'c>), ConnectError> {
    let transactions = contextual.block().transactions();
    let inputs: usize = transactions
        .iter()
        .map(|transaction| transaction.inputs().len())
        .sum();
    let outputs: usize = transactions
        .iter()
        .map(|transaction| transaction.outputs().len())
        .sum();
    let mut connection = Connection {
        height: contextual.height(),
        parent_median_time: contextual.context().parent_median_time,
        flags: rules.script_flags(contextual.height()),
        rules,
        times,
        coins: CoinsUpdate::new(coins, inputs + outputs),
        spent: Vec::with_capacity(inputs),
        fees: Amount::ZERO,
        sigop_cost: 0,
    };
    if connection.height == Height::GENESIS {
        return Ok(connection.finish(0));
    }
    let flags = connection.flags;
    let (verified_inputs, failure) =
        verify_while(scripts, flags, |sink| connection.run(transactions, sink))?;
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

impl<'c> Connection<'_, 'c> {
    /// Checks all rules but the scripts, which it hands to `sink`.
    fn run<'b>(
        &mut self,
        transactions: &'b [Transaction],
        sink: &mut dyn FnMut(Job<'b>),
    ) -> Result<(), ConnectError> {
        self.check_bip30(transactions)?;
        for (index, transaction) in (0..).zip(transactions) {
            let in_block = |error| BlockError::Transaction {
                index,
                txid: transaction.txid(),
                error,
            };
            let is_coinbase = index == 0;
            let spent_outputs = if is_coinbase {
                Vec::new()
            } else {
                let first = self.spent.len();
                self.spend_inputs(transaction, &in_block)?;
                self.check_spent(transaction, first, &in_block)?
            };
            self.sigop_cost += transaction_sigop_cost(transaction, &spent_outputs, self.flags);
            if self.sigop_cost > MAX_BLOCK_SIGOP_COST {
                return Err(BlockError::TooManySigops.into());
            }
            if !is_coinbase {
                sink(Job {
                    index,
                    transaction,
                    spent_outputs,
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

    /// Checks the coins from `first` on, which the transaction spends; returns them as outputs.
    fn check_spent(
        &mut self,
        transaction: &Transaction,
        first: usize,
        in_block: &dyn Fn(TransactionError) -> BlockError,
    ) -> Result<Vec<TxOut>, ConnectError> {
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
        Ok(spent.iter().map(Coin::to_tx_out).collect())
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
