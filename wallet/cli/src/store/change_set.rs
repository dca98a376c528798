//! BDK's change sets as rows.

use std::{collections::BTreeMap, sync::Arc};

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use synod_wallet_core::{
    NETWORK,
    bdk_wallet::chain::{BlockId, ConfirmationBlockTime, DescriptorId},
    bitcoin::{
        Amount, OutPoint, ScriptBuf, Transaction, TxOut, Txid,
        consensus::{deserialize, serialize},
        hashes::Hash,
    },
    descriptors::Descriptors,
    wallet::ChangeSet,
};

use super::{
    StoreError,
    row::{hash, signed, unsigned},
};

type Connection = SqliteConnection;

pub(super) async fn load(
    connection: &mut Connection,
    descriptors: &Descriptors,
) -> Result<Option<ChangeSet>, StoreError> {
    let mut changes = ChangeSet::default();
    load_blocks(connection, &mut changes).await?;
    if changes.local_chain.blocks.is_empty() {
        // The genesis block is stored with the first change set, so without it there is none.
        return Ok(None);
    }
    let broken = |what| StoreError::Broken {
        table: "wallet",
        what,
    };
    changes.network = Some(NETWORK);
    changes.descriptor = Some(
        descriptors
            .external()
            .parse()
            .map_err(|_| broken("external"))?,
    );
    changes.change_descriptor = Some(
        descriptors
            .internal()
            .parse()
            .map_err(|_| broken("internal"))?,
    );
    load_transactions(connection, &mut changes).await?;
    load_outputs(connection, &mut changes).await?;
    load_anchors(connection, &mut changes).await?;
    for row in rows(connection, "SELECT descriptor_id, last_index FROM revealed").await? {
        let id = DescriptorId(hash(
            "revealed",
            "descriptor_id",
            row.try_get("descriptor_id")?,
        )?);
        changes.indexer.last_revealed.insert(
            id,
            unsigned("revealed", "last_index", row.try_get("last_index")?)?,
        );
    }
    Ok(Some(changes))
}

async fn rows(
    connection: &mut Connection,
    query: &'static str,
) -> Result<Vec<SqliteRow>, StoreError> {
    Ok(sqlx::query(query).fetch_all(connection).await?)
}

async fn load_blocks(
    connection: &mut Connection,
    changes: &mut ChangeSet,
) -> Result<(), StoreError> {
    for row in rows(
        connection,
        "SELECT height, hash FROM blocks ORDER BY height",
    )
    .await?
    {
        let height = unsigned("blocks", "height", row.try_get("height")?)?;
        changes
            .local_chain
            .blocks
            .insert(height, Some(hash("blocks", "hash", row.try_get("hash")?)?));
    }
    Ok(())
}

async fn load_transactions(
    connection: &mut Connection,
    changes: &mut ChangeSet,
) -> Result<(), StoreError> {
    let query =
        "SELECT txid, raw, first_seen, last_seen, last_evicted FROM transactions ORDER BY txid";
    for row in rows(connection, query).await? {
        let txid: Txid = hash("transactions", "txid", row.try_get("txid")?)?;
        if let Some(raw) = row.try_get::<Option<&[u8]>, _>("raw")? {
            let broken = StoreError::Broken {
                table: "transactions",
                what: "raw",
            };
            let Ok(transaction) = deserialize::<Transaction>(raw) else {
                return Err(broken);
            };
            if transaction.compute_txid() != txid {
                return Err(broken);
            }
            changes.tx_graph.txs.insert(Arc::new(transaction));
        }
        let graph = &mut changes.tx_graph;
        for (column, times) in [
            ("first_seen", &mut graph.first_seen),
            ("last_seen", &mut graph.last_seen),
            ("last_evicted", &mut graph.last_evicted),
        ] {
            if let Some(time) = row.try_get::<Option<i64>, _>(column)? {
                times.insert(txid, unsigned("transactions", column, time)?);
            }
        }
    }
    Ok(())
}

async fn load_outputs(
    connection: &mut Connection,
    changes: &mut ChangeSet,
) -> Result<(), StoreError> {
    for row in rows(
        connection,
        "SELECT txid, vout, value_sat, script FROM outputs ORDER BY txid, vout",
    )
    .await?
    {
        let txid = hash("outputs", "txid", row.try_get("txid")?)?;
        let outpoint = OutPoint::new(txid, unsigned("outputs", "vout", row.try_get("vout")?)?);
        let value = Amount::from_sat(unsigned("outputs", "value_sat", row.try_get("value_sat")?)?);
        let script_pubkey = ScriptBuf::from_bytes(row.try_get("script")?);
        changes.tx_graph.txouts.insert(
            outpoint,
            TxOut {
                value,
                script_pubkey,
            },
        );
    }
    Ok(())
}

async fn load_anchors(
    connection: &mut Connection,
    changes: &mut ChangeSet,
) -> Result<(), StoreError> {
    let query =
        "SELECT txid, block_hash, height, block_time FROM anchors ORDER BY txid, block_hash";
    for row in rows(connection, query).await? {
        let block_id = BlockId {
            height: unsigned("anchors", "height", row.try_get("height")?)?,
            hash: hash("anchors", "block_hash", row.try_get("block_hash")?)?,
        };
        let confirmation_time = unsigned("anchors", "block_time", row.try_get("block_time")?)?;
        let txid = hash("anchors", "txid", row.try_get("txid")?)?;
        changes.tx_graph.anchors.insert((
            ConfirmationBlockTime {
                block_id,
                confirmation_time,
            },
            txid,
        ));
    }
    Ok(())
}

pub(super) async fn save(
    connection: &mut Connection,
    changes: &ChangeSet,
) -> Result<(), StoreError> {
    save_blocks(connection, changes).await?;
    save_transactions(connection, changes).await?;
    save_outputs(connection, changes).await?;
    save_anchors(connection, changes).await?;
    for (id, index) in &changes.indexer.last_revealed {
        // Correctness: the number never falls, whoever writes last.
        let upsert = "INSERT INTO revealed (descriptor_id, last_index) VALUES (?, ?) \
             ON CONFLICT (descriptor_id) DO UPDATE SET last_index = max(last_index, excluded.last_index)";
        sqlx::query(upsert)
            .bind(id.0.to_byte_array().to_vec())
            .bind(*index)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn save_blocks(connection: &mut Connection, changes: &ChangeSet) -> Result<(), StoreError> {
    for (height, block) in &changes.local_chain.blocks {
        match block {
            Some(block) => {
                let upsert = "INSERT INTO blocks (height, hash) VALUES (?, ?) \
                     ON CONFLICT (height) DO UPDATE SET hash = excluded.hash";
                let bytes = block.to_byte_array().to_vec();
                sqlx::query(upsert)
                    .bind(*height)
                    .bind(bytes)
                    .execute(&mut *connection)
                    .await?;
            }
            None => {
                sqlx::query("DELETE FROM blocks WHERE height = ?")
                    .bind(*height)
                    .execute(&mut *connection)
                    .await?;
            }
        }
    }
    Ok(())
}

async fn save_transactions(
    connection: &mut Connection,
    changes: &ChangeSet,
) -> Result<(), StoreError> {
    for transaction in &changes.tx_graph.txs {
        let upsert = "INSERT INTO transactions (txid, raw) VALUES (?, ?) \
             ON CONFLICT (txid) DO UPDATE SET raw = excluded.raw";
        let txid = transaction.compute_txid().to_byte_array().to_vec();
        sqlx::query(upsert)
            .bind(txid)
            .bind(serialize(transaction.as_ref()))
            .execute(&mut *connection)
            .await?;
    }
    let graph = &changes.tx_graph;
    // Correctness: first sight is the least, the others the greatest of all that was seen (as BDK merges them).
    let first = "INSERT INTO transactions (txid, first_seen) VALUES (?, ?) ON CONFLICT (txid) DO UPDATE \
         SET first_seen = min(coalesce(first_seen, excluded.first_seen), excluded.first_seen)";
    let last = "INSERT INTO transactions (txid, last_seen) VALUES (?, ?) ON CONFLICT (txid) DO UPDATE \
         SET last_seen = max(coalesce(last_seen, 0), excluded.last_seen)";
    let evicted = "INSERT INTO transactions (txid, last_evicted) VALUES (?, ?) ON CONFLICT (txid) DO UPDATE \
         SET last_evicted = max(coalesce(last_evicted, 0), excluded.last_evicted)";
    save_times(connection, first, &graph.first_seen).await?;
    save_times(connection, last, &graph.last_seen).await?;
    save_times(connection, evicted, &graph.last_evicted).await
}

async fn save_times(
    connection: &mut Connection,
    upsert: &'static str,
    times: &BTreeMap<Txid, u64>,
) -> Result<(), StoreError> {
    for (txid, time) in times {
        let time = signed("transactions", "time", *time)?;
        sqlx::query(upsert)
            .bind(txid.to_byte_array().to_vec())
            .bind(time)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn save_outputs(connection: &mut Connection, changes: &ChangeSet) -> Result<(), StoreError> {
    for (outpoint, output) in &changes.tx_graph.txouts {
        let upsert = "INSERT INTO outputs (txid, vout, value_sat, script) VALUES (?, ?, ?, ?) \
             ON CONFLICT (txid, vout) DO NOTHING";
        sqlx::query(upsert)
            .bind(outpoint.txid.to_byte_array().to_vec())
            .bind(outpoint.vout)
            .bind(signed("outputs", "value_sat", output.value.to_sat())?)
            .bind(output.script_pubkey.to_bytes())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn save_anchors(connection: &mut Connection, changes: &ChangeSet) -> Result<(), StoreError> {
    for (anchor, txid) in &changes.tx_graph.anchors {
        let upsert = "INSERT INTO anchors (txid, block_hash, height, block_time) VALUES (?, ?, ?, ?) \
             ON CONFLICT (txid, block_hash) DO NOTHING";
        sqlx::query(upsert)
            .bind(txid.to_byte_array().to_vec())
            .bind(anchor.block_id.hash.to_byte_array().to_vec())
            .bind(anchor.block_id.height)
            .bind(signed("anchors", "block_time", anchor.confirmation_time)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
