//! The one writer.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use synod_primitives::{BlockHash, Height};

use crate::batch::{Batch, Durability};
use crate::directory::DataDirectory;
use crate::error::StoreError;
use crate::keyed::{COINS, TRANSACTIONS};
use crate::mark::MarkFile;
use crate::state::ChainState;
use crate::tally::Tallies;
use crate::{blocks, chain, coins, headers, meta};

/// What the writer knows of the database without asking.
#[derive(Clone, Debug)]
struct Known {
    state: ChainState,
    coins: Tallies,
    transactions: Tallies,
}

impl Known {
    async fn load(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        Ok(Self {
            state: ChainState::load(connection).await?,
            coins: COINS.tallies(connection).await?,
            transactions: TRANSACTIONS.tallies(connection).await?,
        })
    }
}

/// The only handle that writes.
#[derive(Debug)]
pub struct Writer {
    connection: SqliteConnection,
    options: SqliteConnectOptions,
    /// Whether a call failed on this connection.
    ///
    /// Correctness: when there is no room SQLite takes the transaction back by itself, of which
    /// sqlx does not hear; the next call starts on a new connection.
    has_failed: bool,
    mark: MarkFile,
    /// The setting of `PRAGMA synchronous`, once it is known.
    durability: Option<Durability>,
    /// Whether a commit was made that may not be on the disk yet.
    has_deferred: bool,
    /// `None` after a failure: what is in the file is then read again.
    ///
    /// Correctness: it is taken before a transaction starts and put back after it ended
    /// well, so a call that fails, or whose future is dropped, leaves nothing stale.
    known: Option<Known>,
    _directory: Arc<DataDirectory>,
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        mark: MarkFile,
        directory: Arc<DataDirectory>,
    ) -> Self {
        Self {
            connection,
            options,
            has_failed: false,
            mark,
            durability: None,
            has_deferred: false,
            known: None,
            _directory: directory,
        }
    }

    /// Writes a batch in one transaction.
    ///
    /// A batch without content and with [`Durability::Synced`] brings the deferred commits
    /// before it to the disk.
    ///
    /// # Errors
    /// Nothing of the batch is written then, unless the error came from the commit itself
    /// ([`StoreError::Io`]): after that the writer reads again where the database stands.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let is_sync = batch.durability == Durability::Synced && self.has_deferred;
        if batch.is_empty() && !is_sync {
            return Ok(());
        }
        self.renew().await?;
        let result = self.try_commit(batch).await;
        self.has_failed = result.is_err();
        result
    }

    async fn try_commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut known = self.take_known().await?;
        self.set_durability(batch.durability).await?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        write(&mut transaction, &mut known, batch).await?;
        transaction.commit().await?;
        self.acknowledge(known, batch.durability)
    }

    /// Removes the blocks and undo data of all branches below a height, at most `limit`
    /// heights in one transaction, and returns the height below which all is removed.
    ///
    /// Call it again until it returns `below`. Headers and the transaction index stay.
    ///
    /// # Errors
    /// The database failed; nothing is removed then.
    pub async fn prune_blocks(&mut self, below: Height, limit: u32) -> Result<Height, StoreError> {
        self.renew().await?;
        let result = self.try_prune(below, limit).await;
        self.has_failed = result.is_err();
        result
    }

    async fn try_prune(&mut self, below: Height, limit: u32) -> Result<Height, StoreError> {
        let mut known = self.take_known().await?;
        let from = known.state.pruned_below;
        let reached = Height(from.0.saturating_add(limit.max(1)).min(below.0));
        if reached <= from {
            self.known = Some(known);
            return Ok(from);
        }
        self.set_durability(Durability::Deferred).await?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for id in headers::ids_between(&mut transaction, from, reached).await? {
            blocks::delete(&mut transaction, id).await?;
        }
        known.state.pruned_below = reached;
        known.state.advance();
        known.state.store(&mut transaction).await?;
        transaction.commit().await?;
        self.acknowledge(known, Durability::Deferred)?;
        Ok(reached)
    }

    /// Closes the connection after bringing everything to the disk.
    ///
    /// # Errors
    /// The database failed.
    pub async fn close(mut self) -> Result<(), StoreError> {
        self.commit(&Batch::default()).await?;
        self.mark.sync()?;
        self.connection.close().await?;
        Ok(())
    }

    /// Replaces a connection on which a call failed.
    async fn renew(&mut self) -> Result<(), StoreError> {
        if !self.has_failed {
            return Ok(());
        }
        let connection = self.options.connect().await?;
        let failed = std::mem::replace(&mut self.connection, connection);
        self.durability = None;
        self.known = None;
        // It is of no use any more, however it ends.
        let _ = failed.close_hard().await;
        self.has_failed = false;
        Ok(())
    }

    async fn take_known(&mut self) -> Result<Known, StoreError> {
        match self.known.take() {
            Some(known) => Ok(known),
            None => Known::load(&mut self.connection).await,
        }
    }

    /// Sets how commits reach the disk. SQLite ignores the setting inside a transaction.
    async fn set_durability(&mut self, durability: Durability) -> Result<(), StoreError> {
        if self.durability == Some(durability) {
            return Ok(());
        }
        self.durability = None;
        sqlx::query(match durability {
            Durability::Synced => "PRAGMA synchronous = FULL",
            Durability::Deferred => "PRAGMA synchronous = NORMAL",
        })
        .execute(&mut self.connection)
        .await?;
        self.durability = Some(durability);
        Ok(())
    }

    fn acknowledge(&mut self, known: Known, durability: Durability) -> Result<(), StoreError> {
        self.has_deferred = durability == Durability::Deferred;
        let mark = known.state.mark();
        self.known = Some(known);
        if durability == Durability::Synced {
            self.mark.write(&mark)?;
        }
        Ok(())
    }
}

async fn write(
    connection: &mut SqliteConnection,
    known: &mut Known,
    batch: &Batch,
) -> Result<(), StoreError> {
    let ids = write_headers(connection, &mut known.state, batch).await?;
    blocks::insert(connection, &batch.blocks, &ids).await?;
    blocks::insert_undo(connection, &batch.undo, &ids).await?;
    if let Some(change) = &batch.chain {
        chain::change(connection, &mut known.state, change, &ids).await?;
    }
    if let Some(flush) = &batch.coins {
        coins::flush(connection, flush, &mut known.coins).await?;
        known.state.coins_tip = Some(flush.tip);
    }
    if let Some(flush) = &batch.transactions {
        coins::flush_transactions(connection, flush, &ids, &mut known.transactions).await?;
        known.state.transactions_tip = Some(flush.tip);
    }
    meta::update(connection, &mut known.state, &batch.meta).await?;
    if let Some(height) = batch.pruned_below {
        known.state.pruned_below = height;
    }
    known.state.advance();
    known.state.store(connection).await
}

/// Inserts the headers and finds the ids of all blocks that the batch speaks of.
async fn write_headers(
    connection: &mut SqliteConnection,
    state: &mut ChainState,
    batch: &Batch,
) -> Result<HashMap<BlockHash, i64>, StoreError> {
    let mut ids = headers::insert(connection, &batch.headers).await?;
    let greatest = ids.values().copied().max().unwrap_or(0);
    state.headers = state.headers.max(greatest.cast_unsigned());
    let blocks = batch
        .blocks
        .iter()
        .chain(&batch.undo)
        .map(|(hash, _)| *hash);
    let connected = batch
        .chain
        .iter()
        .flat_map(|change| change.connected.iter().copied());
    let flush = batch.transactions.iter();
    let indexed = flush.flat_map(|flush| flush.inserts.iter().map(|(_, location)| location.block));
    let wanted = blocks.chain(connected).chain(indexed);
    headers::find_ids(connection, wanted, &mut ids).await?;
    Ok(ids)
}
