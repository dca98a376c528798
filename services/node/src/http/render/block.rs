//! Blocks, with fees and spent outputs out of their undo data.

use synod_api::node::{BlockBody, BlockTransactions, Finalized, TransactionBlock};
use synod_chainspec::ChainSpec;
use synod_ledger::{BlockUndo, Coin, Rules};
use synod_primitives::{Block, Transaction};
use synod_service::ApiError;

use super::header::{header, is_final};
use super::transaction::{Spent, Standing, fee, transaction};
use super::{amount, block_hash, narrow, satoshis, txid};
use crate::http::blocks::place::Placed;

/// A block as it was read.
pub(crate) struct LoadedBlock {
    /// Its place in the chain.
    pub(crate) placed: Placed,
    /// The block.
    pub(crate) block: Block,
    /// What it spent; none when it was never connected.
    pub(crate) undo: Option<BlockUndo>,
}

/// Shows a block; `full` with its whole transactions, else with their ids.
///
/// # Errors
/// The undo data belongs to another block: damage.
pub(crate) fn block(
    loaded: &LoadedBlock,
    spec: &ChainSpec,
    finalized: Option<&Finalized>,
    full: bool,
) -> Result<BlockBody, ApiError> {
    let LoadedBlock { placed, block, .. } = loaded;
    let spent = spent_by_transaction(loaded)?;
    let fees = spent.as_ref().map(|spent| {
        let paid = spent
            .iter()
            .skip(1)
            .map(|(tx, coins)| fee(coins.iter().map(|it| it.value), tx));
        satoshis(paid.fold(0, u64::saturating_add))
    });
    let transactions = if full {
        BlockTransactions::Full(whole_transactions(loaded, spent.as_deref(), finalized))
    } else {
        BlockTransactions::Ids(
            block
                .transactions()
                .iter()
                .map(|tx| txid(tx.txid()))
                .collect(),
        )
    };
    Ok(BlockBody {
        header: header(placed, finalized),
        size: narrow(block.size() as u64),
        stripped_size: narrow(block.stripped_size() as u64),
        weight: narrow(block.weight().0),
        transaction_count: narrow(block.transactions().len() as u64),
        subsidy_sat: amount(Rules::from(spec).subsidy(placed.record.height)),
        fees_sat: fees,
        transactions,
    })
}

type SpentBy<'a> = Vec<(&'a Transaction, &'a [Coin])>;

/// Lists all transactions, the coinbase first, each with the coins that it spent.
fn spent_by_transaction(loaded: &LoadedBlock) -> Result<Option<SpentBy<'_>>, ApiError> {
    let Some(undo) = &loaded.undo else {
        return Ok(None);
    };
    let mismatch = || {
        ApiError::internal(format!(
            "undo data of {} is another block's",
            loaded.block.hash()
        ))
    };
    let pairs = undo.spent_by(&loaded.block).ok_or_else(mismatch)?;
    let coinbase = loaded
        .block
        .transactions()
        .first()
        .map(|tx| (tx, [].as_slice()));
    Ok(Some(coinbase.into_iter().chain(pairs).collect()))
}

fn whole_transactions(
    loaded: &LoadedBlock,
    spent: Option<&[(&Transaction, &[Coin])]>,
    finalized: Option<&Finalized>,
) -> Vec<synod_api::node::TransactionBody> {
    let is_final = is_final(&loaded.placed, finalized);
    let transactions = (0..).zip(loaded.block.transactions());
    let show = |(position, tx): (u32, &Transaction)| {
        let coins = spent.and_then(|spent| spent.get(position as usize));
        let spent = coins
            .map(|(_, coins)| Spent::coins(tx, coins))
            .unwrap_or_default();
        transaction(tx, spent, standing(&loaded.placed, position, is_final))
    };
    transactions.map(show).collect()
}

/// Says where a transaction of a block stands.
pub(crate) fn standing(placed: &Placed, position: u32, is_final: bool) -> Standing {
    let record = &placed.record;
    let block = placed.is_active.then(|| TransactionBlock {
        hash: block_hash(record.hash),
        height: record.height.0,
        position,
        time: record.header.time,
    });
    Standing {
        block,
        confirmations: placed.confirmations(),
        is_final,
        in_mempool: false,
    }
}
