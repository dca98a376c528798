//! Coins and the transaction index as rows of keyed tables.

use std::collections::HashMap;

use bytes::Bytes;
use sqlx::SqliteConnection;
use synod_primitives::{BlockHash, OutPoint, Txid};

use crate::batch::{CoinsFlush, TransactionLocation, TransactionsFlush};
use crate::error::StoreError;
use crate::headers;
use crate::keyed::{COINS, KeyedRow, TRANSACTIONS};
use crate::tally::Tallies;

/// Encodes the key of a coin: sorted as bytes, keys are in the order of outpoints.
pub(crate) fn coin_key(outpoint: &OutPoint) -> Vec<u8> {
    let mut key = Vec::with_capacity(36);
    key.extend_from_slice(outpoint.txid.as_bytes());
    key.extend_from_slice(&outpoint.vout.to_be_bytes());
    key
}

/// Decodes the key of a coin.
pub(crate) fn decode_coin_key(key: &[u8]) -> Result<OutPoint, StoreError> {
    let parts = key.split_first_chunk::<32>();
    let whole = parts.and_then(|(txid, vout)| Some((*txid, <[u8; 4]>::try_from(vout).ok()?)));
    let (txid, vout) = whole.ok_or_else(|| {
        StoreError::corrupt(
            "coins",
            synod_primitives::hex::encode(key),
            "not an outpoint",
        )
    })?;
    Ok(OutPoint::new(
        Txid::from_bytes(txid),
        u32::from_be_bytes(vout),
    ))
}

/// Makes coins of rows.
pub(crate) fn decode_coins(rows: Vec<KeyedRow>) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
    let mut coins = Vec::with_capacity(rows.len());
    for (key, value) in rows {
        coins.push((decode_coin_key(&key)?, Bytes::from(value)));
    }
    coins.sort_unstable_by_key(|(outpoint, _)| *outpoint);
    Ok(coins)
}

/// Writes a flush of coins.
pub(crate) async fn flush(
    connection: &mut SqliteConnection,
    flush: &CoinsFlush,
    tallies: &mut Tallies,
) -> Result<(), StoreError> {
    let deletes = sorted_keys(flush.deletes.iter().map(coin_key).collect());
    COINS.delete(connection, &deletes, tallies).await?;
    let inserts = flush.inserts.iter();
    let inserts = inserts.map(|(outpoint, coin)| (coin_key(outpoint), coin.to_vec()));
    COINS
        .insert(connection, &sorted_rows(inserts.collect()), tallies)
        .await?;
    tallies.store(connection).await
}

/// Writes a flush of the transaction index.
pub(crate) async fn flush_transactions(
    connection: &mut SqliteConnection,
    flush: &TransactionsFlush,
    ids: &HashMap<BlockHash, i64>,
    tallies: &mut Tallies,
) -> Result<(), StoreError> {
    let deletes = flush.deletes.iter().map(|txid| txid.as_bytes().to_vec());
    TRANSACTIONS
        .delete(connection, &sorted_keys(deletes.collect()), tallies)
        .await?;
    let inserts = flush.inserts.iter().map(|(txid, location)| {
        let id = ids
            .get(&location.block)
            .expect("the ids of all blocks were found");
        (txid.as_bytes().to_vec(), encode_location(*id, location))
    });
    TRANSACTIONS
        .insert(connection, &sorted_rows(inserts.collect()), tallies)
        .await?;
    tallies.store(connection).await
}

fn encode_location(id: i64, location: &TransactionLocation) -> Vec<u8> {
    let mut value = Vec::with_capacity(16);
    value.extend_from_slice(&id.to_le_bytes());
    value.extend_from_slice(&location.offset.to_le_bytes());
    value.extend_from_slice(&location.length.to_le_bytes());
    value
}

/// Splits a location into the header's id, offset and length.
pub(crate) fn decode_location(value: &[u8]) -> Option<(i64, u32, u32)> {
    let (id, rest) = value.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    let length = rest.try_into().ok()?;
    Some((
        i64::from_le_bytes(*id),
        u32::from_le_bytes(*offset),
        u32::from_le_bytes(length),
    ))
}

/// Makes the location of a transaction of the row that was found.
pub(crate) async fn location(
    connection: &mut SqliteConnection,
    txid: Txid,
    value: &[u8],
) -> Result<TransactionLocation, StoreError> {
    let (id, offset, length) = decode_location(value)
        .ok_or_else(|| StoreError::corrupt("transactions", txid, "not a location"))?;
    let header = headers::find_by_id(connection, id).await?;
    let header = header.ok_or_else(|| StoreError::corrupt("headers", id, "the row is missing"))?;
    Ok(TransactionLocation {
        block: header.hash,
        offset,
        length,
    })
}

/// Brings keys into order; a repeat of a key is one key.
fn sorted_keys(mut keys: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if !keys.is_sorted() {
        keys.sort_unstable();
    }
    keys.dedup();
    keys
}

/// Brings rows into the order of their keys; of a repeated key the last row counts.
fn sorted_rows(mut rows: Vec<KeyedRow>) -> Vec<KeyedRow> {
    let is_ascending = rows.is_sorted_by(|a, b| a.0 < b.0);
    if !is_ascending {
        rows.reverse();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|later, kept| later.0 == kept.0);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_like_outpoints() {
        let mut outpoints: Vec<OutPoint> = (0..600u32)
            .map(|i| {
                OutPoint::new(
                    Txid::from_bytes([(i % 3) as u8; 32]),
                    i.wrapping_mul(77_777),
                )
            })
            .collect();
        outpoints.sort_unstable();
        assert!(outpoints.iter().map(coin_key).is_sorted());
        for outpoint in outpoints {
            let back = decode_coin_key(&coin_key(&outpoint));
            assert_eq!(back.expect("a key"), outpoint);
        }
        assert!(decode_coin_key(&[0; 35]).is_err());
        assert!(decode_coin_key(&[0; 37]).is_err());
    }

    #[test]
    fn the_last_of_repeated_rows_counts() {
        let row = |key: u8, value: u8| (vec![key], vec![value]);
        let rows = sorted_rows(vec![row(2, 1), row(1, 1), row(2, 2), row(2, 3)]);
        assert_eq!(rows, vec![row(1, 1), row(2, 3)]);
    }
}
