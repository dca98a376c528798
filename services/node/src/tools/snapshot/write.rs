//! `synod-node snapshot write`: the coins at the tip, in a file.

use std::path::Path;

use anyhow::{Context, Result};
use synod_ledger::{Coin, MuHash};
use synod_node_core::StorageError;
use synod_primitives::Height;
use synod_store::StoreError;

use super::format::{Head, Writer};
use crate::app::open_node;
use crate::config::NodeConfig;

/// Headers that are read at once.
const HEADERS_PER_READ: usize = 2000;

/// Writes the snapshot of the tip of a node that does not run; returns what it says.
///
/// # Errors
/// The data directory cannot be used; the file is there or cannot be written.
pub async fn run(config: &NodeConfig, file: &Path) -> Result<Head> {
    let spec = config.spec()?;
    let (mut node, reader, maintenance) = open_node(config, &spec).await?;
    let mut writer = Writer::create(file)?;
    // All coins are in the table then, as of the tip.
    let flushed = tokio::task::spawn_blocking(move || {
        node.flush()?;
        node.sync()?;
        Ok::<_, StorageError>(node.view())
    });
    let view = flushed.await.context("writing the coins")??;
    let mut next = Height(1);
    while next <= view.height {
        let page = reader.active_headers(next, HEADERS_PER_READ).await?;
        for record in &page.records {
            writer.header(&record.header)?;
            next = next.next();
        }
    }
    let mut head = Head {
        chain_id: spec.chain_id().0,
        height: view.height,
        hash: view.hash,
        coins: 0,
        muhash: [0; 32],
    };
    let mut muhash = MuHash::new();
    reader
        .scan_coins(|outpoint, bytes| {
            let coin = Coin::decode(bytes).map_err(|error| StoreError::Corrupt {
                table: "coins",
                key: outpoint.to_string(),
                what: error.to_string(),
            })?;
            muhash.insert_coin(&outpoint, &coin);
            head.coins += 1;
            Ok(writer.coin(&outpoint, bytes)?)
        })
        .await?;
    head.muhash = muhash.finalize();
    writer.finish(&head)?;
    reader.close().await;
    maintenance.close().await?;
    Ok(head)
}
