//! Readers beside the writer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sqlx::{Sqlite, SqlitePool, Transaction};
use synod_primitives::{BlockHash, Height, OutPoint, Txid};

use crate::batch::{BlockStatus, HeaderRecord, TransactionLocation};
use crate::blocks;
use crate::coin_reader::CoinReader;
use crate::coins::{coin_key, decode_coin_key, decode_coins, location};
use crate::directory::DataDirectory;
use crate::error::StoreError;
use crate::keyed::{COINS, TRANSACTIONS};
use crate::open::Options;
use crate::state::ChainState;
use crate::tally::ABOVE_ALL;
use crate::{chain, headers, meta};

/// Where the database stands after its last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The number of commits since the database was created.
    pub commits: u64,
    /// The number of headers.
    pub headers: u64,
    /// The active tip; `None` in a new database.
    pub tip: Option<(Height, BlockHash)>,
    /// The block that the coins table stands at.
    pub coins_tip: Option<BlockHash>,
    /// The number of coins in the table.
    pub coins: u64,
    /// The block that the transaction index stands at.
    pub transactions_tip: Option<BlockHash>,
    /// Blocks and undo data below this height may have been removed.
    pub pruned_below: Height,
}

/// A block on the active chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActiveBlock {
    /// Its height.
    pub height: Height,
    /// Its hash.
    pub hash: BlockHash,
    /// Its bytes.
    pub raw: Bytes,
}

/// Headers of the active chain, as of one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ActiveHeaders {
    /// The tip at that moment; `None` in a new database.
    pub tip: Option<(Height, BlockHash)>,
    /// The headers, lowest first; empty above the tip.
    pub records: Vec<HeaderRecord>,
}

/// Reads what is committed; clones share the connections.
///
/// Everything that is returned was checked against a hash or checksum of its row. Methods
/// that take a block's hash fail when the header is not there: a node knows its headers,
/// and one that is not found is damage, never an answer.
#[derive(Clone, Debug)]
pub struct Reader {
    pool: SqlitePool,
    directory: Arc<DataDirectory>,
    options: Options,
}

impl Reader {
    pub(crate) fn new(pool: SqlitePool, directory: Arc<DataDirectory>, options: Options) -> Self {
        Self {
            pool,
            directory,
            options,
        }
    }

    /// Opens a connection that reads coins on the calling thread.
    ///
    /// It is closed before [`Reader::close`], so that the database can be moved whole.
    ///
    /// # Errors
    /// The database cannot be opened once more.
    pub fn coin_reader(&self) -> Result<CoinReader, StoreError> {
        CoinReader::open(Arc::clone(&self.directory), &self.options)
    }

    /// Returns where the database stands.
    ///
    /// # Errors
    /// The database failed or is damaged.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let state = ChainState::load(&mut snapshot).await?;
        let coins = COINS.tallies(&mut snapshot).await?.total();
        Ok(Standing {
            commits: state.commits,
            headers: state.headers,
            tip: state.tip,
            coins_tip: state.coins_tip,
            coins,
            transactions_tip: state.transactions_tip,
            pruned_below: state.pruned_below,
        })
    }

    /// Reads all headers, in the order in which they were inserted: parents first.
    ///
    /// # Errors
    /// The database failed, a header is damaged or missing.
    pub async fn headers(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let count = ChainState::load(&mut snapshot).await?.headers;
        let mut records = Vec::new();
        headers::scan(&mut snapshot, count, |_, record| {
            records.push(record);
            Ok(())
        })
        .await?;
        Ok(records)
    }

    /// Reads all headers without their proofs, which make most of their bytes where an engine
    /// has them, in the order in which they were inserted.
    ///
    /// # Errors
    /// The database failed, a header is damaged or missing.
    pub async fn headers_without_proofs(&self) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let count = ChainState::load(&mut snapshot).await?.headers;
        let mut records = Vec::new();
        headers::scan(&mut snapshot, count, |_, record| {
            let proof = Bytes::new();
            records.push(HeaderRecord { proof, ..record });
            Ok(())
        })
        .await?;
        Ok(records)
    }

    /// Reads headers in the order asked for.
    ///
    /// # Errors
    /// The database failed, a header is damaged or not there.
    pub async fn headers_of(&self, hashes: &[BlockHash]) -> Result<Vec<HeaderRecord>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        headers::find_all(&mut connection, hashes).await
    }

    /// Reads a header.
    ///
    /// # Errors
    /// The database failed, the header is damaged or not there.
    pub async fn header(&self, hash: BlockHash) -> Result<HeaderRecord, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok(headers::find(&mut connection, hash).await?.1)
    }

    /// Finds a header that a stranger asks for; `None` when there is none.
    ///
    /// One damaged byte can hide a header, so nothing that lasts may be concluded from its
    /// absence.
    ///
    /// # Errors
    /// The database failed, or the header is damaged.
    pub async fn find_header(&self, hash: BlockHash) -> Result<Option<HeaderRecord>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        headers::find_optional(&mut connection, hash).await
    }

    /// Reads the headers of the active chain from a height on, at most `limit`, and the tip.
    ///
    /// # Errors
    /// The database failed, or a row is damaged or missing.
    pub async fn active_headers(
        &self,
        first: Height,
        limit: usize,
    ) -> Result<ActiveHeaders, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let tip = ChainState::load(&mut snapshot).await?.tip;
        let hashes = chain::load(&mut snapshot, tip, first, limit).await?;
        Ok(ActiveHeaders {
            tip,
            records: headers::find_all(&mut snapshot, &hashes).await?,
        })
    }

    /// Reads the hashes of the active chain from a height on, at most `limit`.
    ///
    /// # Errors
    /// The database failed, or a row is damaged or missing.
    pub async fn active_chain(
        &self,
        first: Height,
        limit: usize,
    ) -> Result<Vec<BlockHash>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let tip = ChainState::load(&mut snapshot).await?.tip;
        chain::load(&mut snapshot, tip, first, limit).await
    }

    /// Reads the hash of the active block at a height; `None` above the tip.
    ///
    /// # Errors
    /// The database failed, or the row is damaged or missing.
    pub async fn active_hash(&self, height: Height) -> Result<Option<BlockHash>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let tip = ChainState::load(&mut snapshot).await?.tip;
        chain::find(&mut snapshot, tip, height).await
    }

    /// Reads a raw block; `None` when only its header is there, or it was pruned.
    ///
    /// # Errors
    /// The database failed, the block is damaged or missing, or there is no such header.
    pub async fn block(&self, hash: BlockHash) -> Result<Option<Bytes>, StoreError> {
        Ok(self.block_after(hash, 0).await?.map(Bytes::from))
    }

    /// Reads a raw block as [`Reader::block`] does, after so many zeroes: whoever has to put
    /// something before it need not copy it.
    ///
    /// # Errors
    /// As in [`Reader::block`].
    pub async fn block_after(
        &self,
        hash: BlockHash,
        room: usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let found = blocks::load(&mut connection, hash, room).await?;
        drop(connection);
        match found {
            Some(raw) => Ok(Some(raw)),
            None => self.explain_absence("block_parts", hash, has_block).await,
        }
    }

    /// Reads some bytes of a raw block without reading the whole; `None` as in
    /// [`Reader::block`].
    ///
    /// # Errors
    /// As in [`Reader::block`]; also when the range ends after the block.
    pub async fn block_range(
        &self,
        hash: BlockHash,
        range: Range<u32>,
    ) -> Result<Option<Bytes>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let found = blocks::load_range(&mut connection, hash, range).await?;
        drop(connection);
        match found {
            Some(bytes) => Ok(Some(bytes)),
            None => self.explain_absence("block_parts", hash, has_block).await,
        }
    }

    /// Reads consecutive blocks of the active chain from a height on: at most `limit`, and
    /// none more once `max_bytes` were read. Empty above the tip and where they are pruned.
    ///
    /// # Errors
    /// The database failed, or a block is damaged or missing.
    pub async fn active_blocks(
        &self,
        first: Height,
        limit: u32,
        max_bytes: usize,
    ) -> Result<Vec<ActiveBlock>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let state = ChainState::load(&mut snapshot).await?;
        let Some((tip, _)) = state.tip else {
            return Ok(Vec::new());
        };
        if first < state.pruned_below || first > tip {
            return Ok(Vec::new());
        }
        let last = first.0.saturating_add(limit.saturating_sub(1)).min(tip.0);
        let found = blocks::load_active(&mut snapshot, first, Height(last), max_bytes).await?;
        let read: usize = found.iter().map(|block| block.raw.len()).sum();
        let wanted = (last - first.0) as usize + 1;
        if read < max_bytes && found.len() < wanted {
            let missing = first.0 as usize + found.len();
            return Err(StoreError::corrupt(
                "block_parts",
                missing,
                "a block is missing",
            ));
        }
        Ok(found)
    }

    /// Goes through all stored blocks of all branches after `after`, in the order in which
    /// their headers came, at most `limit`; the number to go on after is returned beside
    /// each. Damaged blocks are returned as errors in their place, so that everything else
    /// can be saved.
    ///
    /// # Errors
    /// The database failed.
    pub async fn stored_blocks(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Result<Bytes, StoreError>)>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        blocks::load_after(&mut connection, after, limit).await
    }

    /// Reads a block's undo data; `None` when the block was never connected, or is pruned.
    ///
    /// # Errors
    /// The database failed, undo data is damaged or missing, or there is no such header.
    pub async fn undo(&self, hash: BlockHash) -> Result<Option<Bytes>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let found = blocks::load_undo(&mut connection, hash).await?;
        drop(connection);
        match found {
            Some(undo) => Ok(Some(undo)),
            None => {
                let is_valid = |status: &BlockStatus| *status == BlockStatus::Valid;
                self.explain_absence("undo", hash, is_valid).await
            }
        }
    }

    /// Reads those of the coins that are found, sorted by outpoint.
    ///
    /// One damaged byte can hide a coin. Before anything is concluded from an absence that
    /// outlasts the call (a block's verdict), ask [`Reader::coins_proven`].
    ///
    /// # Errors
    /// The database failed, or a coin is damaged.
    pub async fn coins(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
        let keys: Vec<Vec<u8>> = outpoints.iter().map(coin_key).collect();
        let mut connection = self.pool.acquire().await?;
        decode_coins(COINS.find(&mut connection, &keys).await?)
    }

    /// Reads those of the coins that are there; the others are absent for certain.
    ///
    /// Costs the reading of 1/4096 of the table for each coin.
    ///
    /// # Errors
    /// The database failed, or coins are damaged or missing.
    pub async fn coins_proven(
        &self,
        outpoints: &[OutPoint],
    ) -> Result<Vec<(OutPoint, Bytes)>, StoreError> {
        let keys: Vec<Vec<u8>> = outpoints.iter().map(coin_key).collect();
        let mut snapshot = self.snapshot().await?;
        decode_coins(COINS.find_proven(&mut snapshot, &keys).await?)
    }

    /// Goes through all coins in the order of their outpoints, as of one moment, and
    /// returns the block that they stand at. The count is compared with what was written.
    ///
    /// The write-ahead log cannot be reset while this runs.
    ///
    /// # Errors
    /// The database failed, coins are damaged or missing, or `visit` fails.
    pub async fn scan_coins(
        &self,
        mut visit: impl FnMut(OutPoint, &[u8]) -> Result<(), StoreError>,
    ) -> Result<Option<BlockHash>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let state = ChainState::load(&mut snapshot).await?;
        let expected = COINS.tallies(&mut snapshot).await?.total();
        let mut count = 0;
        COINS
            .scan(&mut snapshot, &[], &ABOVE_ALL, |key, coin| {
                count += 1;
                visit(decode_coin_key(key)?, coin)
            })
            .await?;
        if count != expected {
            return Err(StoreError::corrupt(
                "coins",
                count,
                "rows are missing or were added",
            ));
        }
        Ok(state.coins_tip)
    }

    /// Finds where a transaction of the active chain lies; the index may stand behind the
    /// tip, see [`Standing::transactions_tip`].
    ///
    /// # Errors
    /// The database failed, or the row is damaged.
    pub async fn transaction_location(
        &self,
        txid: Txid,
    ) -> Result<Option<TransactionLocation>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let found = TRANSACTIONS
            .find(&mut snapshot, &[txid.as_bytes().to_vec()])
            .await?;
        match found.first() {
            Some((_, value)) => location(&mut snapshot, txid, value).await.map(Some),
            None => Ok(None),
        }
    }

    /// Finds where a transaction lies; `None` is certain.
    ///
    /// Costs the reading of 1/4096 of the index.
    ///
    /// # Errors
    /// The database failed, or rows are damaged or missing.
    pub async fn transaction_location_proven(
        &self,
        txid: Txid,
    ) -> Result<Option<TransactionLocation>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let keys = [txid.as_bytes().to_vec()];
        let found = TRANSACTIONS.find_proven(&mut snapshot, &keys).await?;
        match found.first() {
            Some((_, value)) => location(&mut snapshot, txid, value).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads a record by its name.
    ///
    /// # Errors
    /// The database failed, or a record is damaged or missing.
    pub async fn meta(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let state = ChainState::load(&mut snapshot).await?;
        meta::load(&mut snapshot, &state, name).await
    }

    /// Closes the connections; calls that wait for one fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin().await?)
    }

    /// Returns `None` when a block's data is rightly absent.
    async fn explain_absence<T>(
        &self,
        table: &'static str,
        hash: BlockHash,
        should_be_there: impl Fn(&BlockStatus) -> bool,
    ) -> Result<Option<T>, StoreError> {
        let mut snapshot = self.snapshot().await?;
        let state = ChainState::load(&mut snapshot).await?;
        let (id, record) = headers::find(&mut snapshot, hash).await?;
        let is_kept = record.height > Height::GENESIS && record.height >= state.pruned_below;
        if is_kept && should_be_there(&record.status) {
            return Err(StoreError::corrupt(table, id, "rows are missing"));
        }
        Ok(None)
    }
}

fn has_block(status: &BlockStatus) -> bool {
    matches!(status, BlockStatus::Stored | BlockStatus::Valid)
}
