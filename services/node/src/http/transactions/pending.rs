//! Transactions of the mempool.

use std::sync::Arc;

use synod_api::node::TransactionBody;
use synod_ledger::Coin;
use synod_node_core::{Node, StorageError};
use synod_primitives::{Amount, OutPoint, Transaction, TxOut, Txid};
use synod_service::ApiError;

use crate::error;
use crate::http::render::transaction::{Spent, Standing, transaction};
use crate::http::render::{amount, prevout};
use crate::state::{AppState, read};

/// A transaction of the mempool and what it spends.
struct Pending {
    transaction: Arc<Transaction>,
    fee: Amount,
    spent: Vec<Option<TxOut>>,
}

/// Finds a transaction of the mempool; never waits for the chain.
pub(super) fn find(state: &AppState, txid: Txid) -> Option<Arc<Transaction>> {
    let mempool = read(state.chain.mempool());
    mempool
        .find(&txid)
        .map(|entry| Arc::clone(entry.transaction()))
}

/// Shows a transaction of the mempool; none when it is not there.
///
/// # Errors
/// The chain takes no requests.
pub(super) async fn show(
    state: &AppState,
    txid: Txid,
) -> Result<Option<TransactionBody>, ApiError> {
    if find(state, txid).is_none() {
        return Ok(None);
    }
    let pending = state.chain.look(move |node, _| collect(node, txid));
    let Some(pending) = pending.await.map_err(error::unavailable)? else {
        return Ok(None);
    };
    let outputs = pending.spent.into_iter();
    let shown = outputs.map(|it| it.map(|it| prevout(it.value, it.script_pubkey.as_bytes())));
    let spent = Spent {
        prevouts: shown.collect(),
        fee: Some(amount(pending.fee)),
    };
    let standing = Standing {
        in_mempool: true,
        ..Standing::default()
    };
    Ok(Some(transaction(&pending.transaction, spent, standing)))
}

/// Correctness: on the chain thread, where mempool and coins are of one moment.
fn collect(node: &mut Node, txid: Txid) -> Result<Option<Pending>, StorageError> {
    let mempool = node.mempool();
    let found = {
        let mempool = read(&mempool);
        mempool.find(&txid).map(|entry| {
            let outputs = entry.transaction().inputs().iter().map(|input| {
                let parent = mempool.find(&input.prevout.txid)?;
                parent
                    .transaction()
                    .outputs()
                    .get(input.prevout.vout as usize)
                    .cloned()
            });
            let spent: Vec<Option<TxOut>> = outputs.collect();
            (Arc::clone(entry.transaction()), entry.cost().fee, spent)
        })
    };
    let Some((transaction, fee, mut spent)) = found else {
        return Ok(None);
    };
    let outside: Vec<(usize, OutPoint)> = transaction
        .inputs()
        .iter()
        .enumerate()
        .filter(|(index, _)| spent[*index].is_none())
        .map(|(index, input)| (index, input.prevout))
        .collect();
    let outpoints: Vec<OutPoint> = outside.iter().map(|(_, outpoint)| *outpoint).collect();
    for ((index, _), coin) in outside.into_iter().zip(node.coins(&outpoints)?) {
        spent[index] = coin.as_ref().map(Coin::to_tx_out);
    }
    Ok(Some(Pending {
        transaction,
        fee,
        spent,
    }))
}
