//! The digest of all coins: MuHash3072, as Core's `gettxoutsetinfo muhash` gives it.
//!
//! It follows the blocks: each is taken in once, a while after the tip has come to rest or when
//! somebody asks, and never on the chain thread, so bulk work costs nothing. Where it stands is
//! saved as `coins.digest`, so that a start does not go through all coins again; the file is
//! derived and checked by its own checksum, and without it the coins table is read.

mod accumulator;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex as SyncMutex, MutexGuard, PoisonError};

use synod_ledger::BlockUndo;
use synod_primitives::{Block, BlockHash, Height};
use synod_store::{Reader, StoreError};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::replace::Replaced;
use accumulator::{Accumulator, ENCODED_SIZE};

/// The blocks below the tip whose digests are kept, so that nodes can be compared.
pub const MAX_KEPT_STATES: usize = 1_000;
/// The file's name in the data directory.
pub const DIGEST_FILE: &str = "coins.digest";
/// A coins table of at most so many coins is gone through before anybody asks.
const FEW_COINS: u64 = 10_000;

/// The state of all coins at a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateDigest {
    /// The block's height.
    pub height: Height,
    /// The block.
    pub hash: BlockHash,
    /// How many coins there are.
    pub coins: u64,
    /// Their sum in satoshis.
    pub total_sat: u64,
    /// The digest.
    pub muhash: [u8; 32],
}

/// Computes digests; remembers where it got to.
pub struct StateDigests {
    reader: Reader,
    file: Replaced,
    /// One at a time follows the chain.
    following: Mutex<Option<Accumulator>>,
    kept: SyncMutex<BTreeMap<Height, Kept>>,
}

/// The coins at a block of the active chain.
#[derive(Clone)]
struct Kept {
    at: Accumulator,
    /// The division costs milliseconds, and is made once.
    muhash: Option<[u8; 32]>,
}

impl Kept {
    fn digest(&self) -> Option<StateDigest> {
        self.muhash.map(|muhash| StateDigest {
            height: self.at.height,
            hash: self.at.hash,
            coins: self.at.coins,
            total_sat: self.at.total_sat,
            muhash,
        })
    }
}

impl StateDigests {
    /// Starts without having computed anything; `directory` is the node's own.
    #[must_use]
    pub fn new(reader: Reader, directory: &Path) -> Self {
        Self {
            reader,
            file: Replaced::new(directory, DIGEST_FILE),
            following: Mutex::new(None),
            kept: SyncMutex::default(),
        }
    }

    /// Returns the digest of the coins at the tip, which is `tip` unless it has moved on.
    ///
    /// # Errors
    /// The store failed or is damaged.
    pub async fn at_tip(&self, tip: (Height, BlockHash)) -> Result<StateDigest, StoreError> {
        if let Some(digest) = self.finished(tip).await? {
            return Ok(digest);
        }
        let reached = self.follow().await?;
        // The database may be ahead of what is shown; two answers for one tip must not differ.
        if let Some(digest) = self.finished(tip).await? {
            return Ok(digest);
        }
        let missing = || corrupt("state", &reached.1, &"the digest just computed is gone");
        self.finished(reached).await?.ok_or_else(missing)
    }

    /// Returns the digest of the coins at a block of the active chain, where it is kept: for the
    /// last [`MAX_KEPT_STATES`] blocks that this node followed.
    ///
    /// # Errors
    /// The store failed or is damaged.
    pub async fn at_height(
        &self,
        height: Height,
        tip: (Height, BlockHash),
    ) -> Result<Option<StateDigest>, StoreError> {
        self.at_tip(tip).await?;
        match self.reader.active_hash(height).await? {
            Some(hash) => self.finished((height, hash)).await,
            None => Ok(None),
        }
    }

    /// Follows the chain when that takes little: from where the last run left it, or when there
    /// are few coins.
    ///
    /// # Errors
    /// The store failed or is damaged.
    pub async fn follow_if_cheap(&self) -> Result<(), StoreError> {
        let mut following = self.following.lock().await;
        if following.is_none() {
            *following = self.load().await?;
        }
        if following.is_some() || self.reader.standing().await?.coins <= FEW_COINS {
            self.follow_from(&mut following).await?;
        }
        Ok(())
    }

    /// Saves where it stands; without that the next start reads all coins.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub async fn save(&self) -> std::io::Result<()> {
        let bytes = self
            .following
            .lock()
            .await
            .as_ref()
            .map(Accumulator::encode);
        let Some(bytes) = bytes else { return Ok(()) };
        let file = self.file.clone();
        let saving = spawn_blocking(move || file.write(&bytes));
        saving.await.unwrap_or_else(|error| Err(error.into()))
    }

    async fn follow(&self) -> Result<(Height, BlockHash), StoreError> {
        let mut following = self.following.lock().await;
        if following.is_none() {
            *following = self.load().await?;
        }
        self.follow_from(&mut following).await
    }

    /// Reads where the last run got to; nothing when that is no block with undo data any more.
    async fn load(&self) -> Result<Option<Accumulator>, StoreError> {
        let file = self.file.clone();
        let bytes = spawn_blocking(move || file.read(ENCODED_SIZE as u64)).await;
        let saved = match bytes {
            Ok(Ok(Some(bytes))) => Accumulator::decode(&bytes),
            _ => return Ok(None),
        };
        let Ok(saved) = saved else {
            tracing::warn!("{DIGEST_FILE} is damaged and not used");
            return Ok(None);
        };
        let header = self.reader.find_header(saved.hash).await?;
        Ok(header.filter(|it| it.height == saved.height).map(|_| saved))
    }

    /// Takes blocks off and on until it stands at the tip; returns where that is.
    ///
    /// Correctness: after an error nothing is left, and the next one starts anew.
    async fn follow_from(
        &self,
        following: &mut Option<Accumulator>,
    ) -> Result<(Height, BlockHash), StoreError> {
        // What lies between may be pruned; the coins table never stands below that.
        let pruned_below = self.reader.standing().await?.pruned_below;
        let known = following.take();
        let mut at = match known.filter(|at| at.height.next() >= pruned_below) {
            Some(at) => at,
            None => Accumulator::scan(&self.reader).await?,
        };
        self.keep(&at);
        loop {
            if self.reader.active_hash(at.height).await? != Some(at.hash) {
                let (block, undo) = self.load_block(at.hash).await?;
                self.kept().remove(&at.height);
                at = take(at, move |at| at.disconnect(&block, &undo)).await?;
                self.keep(&at);
                continue;
            }
            let Some(next) = self.reader.active_hash(at.height.next()).await? else {
                break;
            };
            let (block, undo) = self.load_block(next).await?;
            // A reorganisation may have come between the two reads.
            if block.header().previous_block_hash == at.hash {
                at = take(at, move |at| at.connect(&block, &undo)).await?;
                self.keep(&at);
            }
        }
        let reached = (at.height, at.hash);
        *following = Some(at);
        Ok(reached)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Height, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, at: &Accumulator) {
        let mut kept = self.kept();
        if kept.get(&at.height).is_some_and(|it| it.at.hash == at.hash) {
            return;
        }
        let entry = Kept {
            at: at.clone(),
            muhash: None,
        };
        kept.insert(at.height, entry);
        while kept.len() > MAX_KEPT_STATES {
            kept.pop_first();
        }
    }

    /// Returns the digest at a block, if it is kept; makes its division when it is the first to
    /// ask.
    async fn finished(
        &self,
        (height, hash): (Height, BlockHash),
    ) -> Result<Option<StateDigest>, StoreError> {
        let kept = self.kept().get(&height).cloned();
        let Some(mut kept) = kept.filter(|it| it.at.hash == hash) else {
            return Ok(None);
        };
        if kept.muhash.is_none() {
            let fraction = kept.at.muhash.clone();
            let dividing = spawn_blocking(move || fraction.finalize()).await;
            kept.muhash = Some(dividing.map_err(|error| corrupt("state", &hash, &error))?);
            if let Some(it) = self.kept().get_mut(&height)
                && it.at.hash == hash
            {
                it.muhash = kept.muhash;
            }
        }
        Ok(kept.digest())
    }

    async fn load_block(&self, hash: BlockHash) -> Result<(Block, BlockUndo), StoreError> {
        let missing = || corrupt("blocks", &hash, &"block or undo data is missing");
        let raw = self.reader.block(hash).await?.ok_or_else(missing)?;
        let undo = self.reader.undo(hash).await?.ok_or_else(missing)?;
        let block = Block::decode(&raw).map_err(|error| corrupt("blocks", &hash, &error))?;
        let undo =
            BlockUndo::decode(&undo, hash).map_err(|error| corrupt("undo", &hash, &error))?;
        Ok((block, undo))
    }
}

/// Changes the running digest beside the threads that answer requests: a full block takes tens
/// of milliseconds.
async fn take(
    mut at: Accumulator,
    change: impl FnOnce(&mut Accumulator) -> Result<(), StoreError> + Send + 'static,
) -> Result<Accumulator, StoreError> {
    let changing = spawn_blocking(move || change(&mut at).map(|()| at));
    changing
        .await
        .map_err(|error| corrupt("state", &"digest", &error))?
}

fn corrupt(table: &'static str, key: &dyn ToString, what: &dyn ToString) -> StoreError {
    StoreError::Corrupt {
        table,
        key: key.to_string(),
        what: what.to_string(),
    }
}
