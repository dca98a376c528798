//! Rules of one transaction that need no context (Core: `CheckTransaction`).

use synod_primitives::{Amount, OutPoint, Transaction, TxIn, Weight};

use crate::error::TransactionError;

/// The least and the most bytes in the script of a coinbase's input.
const COINBASE_SCRIPT_SIZE: std::ops::RangeInclusive<usize> = 2..=100;

/// Up to so many inputs each is compared with each, which needs no memory.
const FEW_INPUTS: usize = 8;

/// Checks everything about a transaction that needs neither coins nor a block.
///
/// # Errors
/// The first rule that is broken, in Core's order.
pub fn check_transaction(transaction: &Transaction) -> Result<(), TransactionError> {
    if transaction.inputs().is_empty() {
        return Err(TransactionError::NoInputs);
    }
    if transaction.outputs().is_empty() {
        return Err(TransactionError::NoOutputs);
    }
    let stripped = transaction.stripped_size();
    if Weight::from_sizes(stripped, stripped) > Weight::MAX_BLOCK {
        return Err(TransactionError::Oversize);
    }
    check_outputs(transaction)?;
    // Security: CVE-2018-17144. A block's transactions come through here as well.
    if has_duplicates(transaction.inputs()) {
        return Err(TransactionError::DuplicateInputs);
    }
    let mut inputs = transaction.inputs().iter();
    if transaction.is_coinbase() {
        let size = transaction.inputs()[0].script_sig.len();
        if !COINBASE_SCRIPT_SIZE.contains(&size) {
            return Err(TransactionError::CoinbaseScriptLength);
        }
    } else if inputs.any(|input| input.prevout.is_null()) {
        return Err(TransactionError::PrevoutNull);
    }
    Ok(())
}

/// Security: CVE-2010-5139. Each value and each partial sum is in the money range, so no sum
/// of two can overflow 64 bits.
fn check_outputs(transaction: &Transaction) -> Result<(), TransactionError> {
    let mut total = Amount::ZERO;
    for output in transaction.outputs() {
        if output.value < Amount::ZERO {
            return Err(TransactionError::OutputNegative);
        }
        if output.value > Amount::MAX_MONEY {
            return Err(TransactionError::OutputTooLarge);
        }
        total = total
            .checked_add(output.value)
            .filter(|sum| sum.is_in_range())
            .ok_or(TransactionError::OutputTotalTooLarge)?;
    }
    Ok(())
}

fn has_duplicates(inputs: &[TxIn]) -> bool {
    if inputs.len() <= FEW_INPUTS {
        let mut rest = inputs;
        while let [first, after @ ..] = rest {
            if after.iter().any(|input| input.prevout == first.prevout) {
                return true;
            }
            rest = after;
        }
        return false;
    }
    let mut outpoints: Vec<&OutPoint> = inputs.iter().map(|input| &input.prevout).collect();
    outpoints.sort_unstable();
    outpoints.windows(2).any(|pair| pair[0] == pair[1])
}
