//! Transactions of the active chain, by the transaction index.

use axum::http::StatusCode;
use synod_api::HashHex;
use synod_api::node::TransactionBody;
use synod_ledger::Coin;
use synod_primitives::{BlockHash, Transaction, Txid};
use synod_service::ApiError;
use synod_store::TransactionLocation;

use crate::error;
use crate::http::blocks::load;
use crate::http::blocks::place;
use crate::http::render::block::standing;
use crate::http::render::header::is_final;
use crate::http::render::transaction::{Spent, transaction};
use crate::http::render::{finalized, narrow};
use crate::kept::BlockSpent;
use crate::state::AppState;

/// A transaction where the index says that it is.
pub(crate) struct Confirmed {
    /// Where it lies.
    pub(crate) location: TransactionLocation,
    /// The transaction.
    pub(crate) transaction: Transaction,
}

/// Finds a transaction of the active chain.
///
/// # Errors
/// 404 when there is none, 503 while the index does not know that yet; the store failed.
pub(crate) async fn find(state: &AppState, txid: HashHex) -> Result<Confirmed, ApiError> {
    let txid = Txid::from_bytes(txid.to_internal());
    let mut location = locate(state, txid).await?;
    if location.is_none() && is_index_behind(state).await? {
        // The index is brought up in the same turn of the chain thread as the tip.
        state
            .chain
            .look(|_, _| Ok(()))
            .await
            .map_err(error::unavailable)?;
        location = locate(state, txid).await?;
        if location.is_none() && is_index_behind(state).await? {
            return Err(index_behind());
        }
    }
    read(state, txid, location.ok_or_else(|| not_found(txid))?).await
}

async fn locate(state: &AppState, txid: Txid) -> Result<Option<TransactionLocation>, ApiError> {
    state
        .reader
        .transaction_location(txid)
        .await
        .map_err(error::store)
}

async fn is_index_behind(state: &AppState) -> Result<bool, ApiError> {
    let standing = state.reader.standing().await.map_err(error::store)?;
    Ok(standing.transactions_tip != standing.tip.map(|(_, hash)| hash))
}

async fn read(
    state: &AppState,
    txid: Txid,
    location: TransactionLocation,
) -> Result<Confirmed, ApiError> {
    let range = location.offset..location.offset.saturating_add(location.length);
    let kept = state.kept.raw_blocks.get(&location.block);
    let kept = kept.filter(|raw| raw.len() >= range.end as usize);
    let raw = match kept {
        Some(raw) => raw.slice(range.start as usize..range.end as usize),
        None => {
            let read = state.reader.block_range(location.block, range).await;
            let raw = read.map_err(error::store)?;
            match raw {
                Some(raw) => raw,
                None => return Err(load::absent(state, location.block).await),
            }
        }
    };
    let transaction = Transaction::decode(&raw).map_err(|error| damaged(txid, error))?;
    if transaction.txid() != txid {
        return Err(damaged(txid, "other bytes are where the index points to"));
    }
    Ok(Confirmed {
        location,
        transaction,
    })
}

/// Shows a transaction of the active chain.
///
/// # Errors
/// 503 when its block has just left the chain; the store failed or is damaged.
pub(super) async fn show(
    state: &AppState,
    confirmed: &Confirmed,
) -> Result<(TransactionBody, BlockHash), ApiError> {
    let Confirmed {
        location,
        transaction: found,
    } = confirmed;
    let placed = place::find(&state.reader, location.block)
        .await
        .map_err(error::store)?;
    let placed = placed.filter(|it| it.is_active).ok_or_else(index_behind)?;
    let index = load::spent(state, &placed).await?.0;
    let position = index.offsets.binary_search(&location.offset);
    let misplaced = |_| {
        damaged(
            found.txid(),
            "no transaction begins where the index points to",
        )
    };
    let position = position.map_err(misplaced)?;
    let spent = match position {
        0 => Spent::coins(found, &[]),
        _ => Spent::coins(found, spent(&index, position, found)?),
    };
    let is_final = is_final(&placed, finalized(&state.chain.view()).as_ref());
    let standing = standing(&placed, narrow(position as u64), is_final);
    Ok((transaction(found, spent, standing), placed.tip.1))
}

/// The coins that a transaction spent, which is not the first of its block.
fn spent<'i>(
    index: &'i BlockSpent,
    position: usize,
    transaction: &Transaction,
) -> Result<&'i [Coin], ApiError> {
    let skip = index
        .first_inputs
        .get(position)
        .copied()
        .unwrap_or_default() as usize;
    let coins = index.undo.coins();
    let coins = coins.get(skip..skip + transaction.inputs().len());
    coins.ok_or_else(|| damaged(transaction.txid(), "undo data is missing"))
}

fn damaged(txid: Txid, cause: impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("transaction {txid}: {cause}"))
}

fn not_found(txid: Txid) -> ApiError {
    let detail = format!("No transaction {txid} is in the mempool or on the active chain.");
    ApiError::new(StatusCode::NOT_FOUND, "transaction-not-found", detail)
}

/// Says that what the index would say now is not known to hold.
pub(crate) fn index_behind() -> ApiError {
    ApiError::unavailable("The index of transactions is behind the chain.")
}
