//! Rules on the amounts and ages of what a transaction spends (Core:
//! `Consensus::CheckTxInputs`).

use synod_primitives::{Amount, Height, Transaction};

use crate::coin::Coin;
use crate::error::TransactionError;

/// Checks that the inputs are mature and pay for the outputs; returns the fee.
///
/// `spent` are the coins of the inputs, in their order; `height` is that of the block that the
/// transaction is in. The transaction has passed
/// [`check_transaction`](crate::check_transaction) and is no coinbase.
///
/// # Errors
/// The first rule that is broken, in Core's order; also when coins are missing.
pub fn check_inputs(
    transaction: &Transaction,
    spent: &[Coin],
    height: Height,
    coinbase_maturity: u32,
) -> Result<Amount, TransactionError> {
    if spent.len() != transaction.inputs().len() {
        return Err(TransactionError::InputsMissingOrSpent);
    }
    let mut total_in = Amount::ZERO;
    for coin in spent {
        let depth = height.0.saturating_sub(coin.height.0);
        if coin.is_coinbase && depth < coinbase_maturity {
            return Err(TransactionError::PrematureSpendOfCoinbase { depth });
        }
        total_in = total_in
            .checked_add(coin.value)
            .filter(|sum| coin.value.is_in_range() && sum.is_in_range())
            .ok_or(TransactionError::InputValuesOutOfRange)?;
    }
    let total_out = total_output(transaction).ok_or(TransactionError::OutputTotalTooLarge)?;
    if total_in < total_out {
        return Err(TransactionError::InputsBelowOutputs);
    }
    total_in
        .checked_sub(total_out)
        .filter(|fee| fee.is_in_range())
        .ok_or(TransactionError::FeeOutOfRange)
}

/// Adds up the outputs; `None` when they overflow 64 bits, which a checked transaction's never
/// do.
pub(crate) fn total_output(transaction: &Transaction) -> Option<Amount> {
    transaction
        .outputs()
        .iter()
        .map(|output| output.value)
        .sum()
}
