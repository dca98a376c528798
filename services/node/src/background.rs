//! Checking the past behind a snapshot: a second chain from the genesis block on, beside the one
//! that serves.
//!
//! It takes the blocks from peers that have them, checks everything, and at the snapshot's block
//! compares its coins with the snapshot's. Then the state is validated and the second chain is
//! removed; or the past disagrees, and the node stops, since what it served was wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use synod_gossip::{BlockStep, ClientError, PeerClient, PeerState};
use synod_node_core::{Blame, Durability, Node};
use synod_primitives::{BlockHash, Header, Height};
use synod_service::Shutdown;
use synod_store::{Maintenance, Reader};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::app::open_node;
use crate::config::NodeConfig;
use crate::digest::StateDigests;
use crate::state::{AppState, clock};
use crate::tools::snapshot::Record;

/// Where the second chain lies, inside of the data directory.
const DIRECTORY: &str = "background";
/// Blocks that are asked for at once.
const BLOCKS_PER_REQUEST: usize = 64;
/// Bytes of one answer past which no further block is read.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// After how many answers the second chain's log is moved into its database.
const ANSWERS_PER_CHECKPOINT: u64 = 16;
/// How long to wait when no peer has the next blocks.
const PAUSE: Duration = Duration::from_millis(500);
/// The part of the memory for coins that the second chain gets.
const CACHE_PART: usize = 4;

/// The snapshot that a node started from, as it is shown.
#[derive(Debug)]
pub struct SnapshotState {
    /// Which one.
    pub record: Record,
    /// How far the past behind it was checked.
    pub checked: AtomicU32,
}

/// Shares what is known of the snapshot with the routes.
pub type SharedSnapshot = Arc<ArcSwapOption<SnapshotState>>;

/// Reads the snapshot that the node started from; none for others.
///
/// # Errors
/// The store failed, or the record is damaged.
pub async fn load(reader: &Reader) -> Result<SharedSnapshot> {
    let shared = SharedSnapshot::default();
    if let Some(bytes) = reader.meta(Record::NAME).await? {
        let record = Record::decode(&bytes).context("the record of the snapshot is damaged")?;
        shared.store(Some(Arc::new(state_of(record, 0))));
    }
    Ok(shared)
}

fn state_of(record: Record, checked: u32) -> SnapshotState {
    SnapshotState {
        record,
        checked: AtomicU32::new(checked),
    }
}

/// Checks the past until it is done, the service stops, or the past disagrees.
///
/// # Errors
/// The past disagrees, or the second chain's storage failed.
pub(crate) async fn run(config: NodeConfig, state: AppState, shutdown: Shutdown) -> Result<()> {
    let Some(snapshot) = state.snapshot.load_full() else {
        return Ok(());
    };
    if snapshot.record.is_validated {
        return Ok(());
    }
    let directory = config.data.join(DIRECTORY);
    let done = check(config, &state, &snapshot, &shutdown).await;
    match done {
        Ok(false) => Ok(()),
        Ok(true) => finish(&state, snapshot.record, &directory).await,
        Err(error) => {
            tracing::error!("{error:#}");
            shutdown.begin();
            Err(error)
        }
    }
}

async fn finish(state: &AppState, record: Record, directory: &Path) -> Result<()> {
    let record = Record {
        is_validated: true,
        ..record
    };
    let value = record.encode();
    state
        .chain
        .run(move |node, _| node.set_record(Record::NAME, value))
        .await
        .context("noting that the past is checked")?;
    state
        .snapshot
        .store(Some(Arc::new(state_of(record, record.height.0))));
    std::fs::remove_dir_all(directory).context("removing the second chain")?;
    tracing::info!(
        height = record.height.0,
        "the past behind the snapshot is checked"
    );
    Ok(())
}

/// Says whether all was checked; false when the service stops before.
async fn check(
    config: NodeConfig,
    state: &AppState,
    snapshot: &SnapshotState,
    shutdown: &Shutdown,
) -> Result<bool> {
    let mut past = Past::open(config, state).await?;
    let record = snapshot.record;
    let mut answers = 0u64;
    let is_done = loop {
        let height = past.height();
        snapshot.checked.store(height.0, Ordering::Release);
        if height >= record.height {
            break true;
        }
        if shutdown.is_stopping() {
            break false;
        }
        let left = (record.height.0 - height.0) as usize;
        let wanted = state
            .reader
            .active_chain(height.next(), left.min(BLOCKS_PER_REQUEST))
            .await?;
        let blocks = fetch(state, &wanted, height, answers).await;
        answers += 1;
        if !past.take(blocks).await? {
            tokio::select! {
                () = shutdown.stopping() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        if answers.is_multiple_of(ANSWERS_PER_CHECKPOINT) {
            past.maintenance.checkpoint().await?;
        }
    };
    past.close(is_done.then_some(record)).await?;
    Ok(is_done)
}

/// Asks one of the peers that have the blocks; each time another one.
async fn fetch(state: &AppState, wanted: &[BlockHash], at: Height, turn: u64) -> Vec<Bytes> {
    let has_blocks = |peer: &PeerState| {
        let lowest = peer.handshake.as_ref().and_then(|it| it.prune_height);
        peer.is_connected && !peer.is_inbound() && lowest.is_none_or(|lowest| lowest <= at.next().0)
    };
    let mut peers = state.peers.list();
    peers.retain(has_blocks);
    let index = turn.checked_rem(peers.len() as u64).unwrap_or(0);
    let chosen = usize::try_from(index).unwrap_or(0);
    let Some(peer) = peers.get(chosen) else {
        return Vec::new();
    };
    let Some(client) = state.peers.client(peer.id) else {
        return Vec::new();
    };
    let mut blocks = Vec::new();
    if let Err(error) = receive(&client, wanted, &mut blocks).await {
        tracing::debug!(%error, "no more blocks of the past");
    }
    blocks
}

async fn receive(
    client: &PeerClient,
    wanted: &[BlockHash],
    blocks: &mut Vec<Bytes>,
) -> Result<(), ClientError> {
    let mut stream = client.blocks(wanted).await?;
    let mut expected = wanted.iter();
    let mut bytes = 0;
    while let Some(step) = stream.next().await? {
        let BlockStep::Block(block) = step else {
            continue;
        };
        // Security: a bad block stops the node, so only the chain's own blocks are looked at.
        if !is_block(&block, expected.next()) {
            let what = "a block that was not asked for";
            return Err(ClientError::Malformed(what.to_owned()));
        }
        bytes += block.len();
        blocks.push(block);
        if bytes > MAX_ANSWER_BYTES {
            break;
        }
    }
    Ok(())
}

/// Says whether the bytes begin with the header of the block that was asked for.
fn is_block(raw: &[u8], asked: Option<&BlockHash>) -> bool {
    let header = raw.first_chunk::<{ Header::SIZE }>().map(Header::decode);
    header.is_some_and(|it| Some(&it.block_hash()) == asked)
}

/// The second chain.
struct Past {
    directory: PathBuf,
    node: Option<Node>,
    reader: Reader,
    maintenance: Maintenance,
}

impl Past {
    async fn open(config: NodeConfig, state: &AppState) -> Result<Self> {
        let inner = NodeConfig {
            data: PathBuf::from(&config.data).join(DIRECTORY),
            coins_cache_bytes: config.coins_cache_bytes / CACHE_PART,
            accept_older: false,
            ..config
        };
        let directory = inner.data.clone();
        let (runtime, spec) = (Handle::current(), state.spec.clone());
        let opened = spawn_blocking(move || runtime.block_on(open_node(&inner, &spec)));
        let (node, reader, maintenance) = opened.await?.context("opening the chain of the past")?;
        Ok(Self {
            directory,
            node: Some(node),
            reader,
            maintenance,
        })
    }

    fn height(&self) -> Height {
        self.node
            .as_ref()
            .map_or(Height::GENESIS, |it| it.view().height)
    }

    /// Takes in blocks; says whether the chain got longer.
    ///
    /// # Errors
    /// A block with the right hash breaks a rule; storage failed.
    async fn take(&mut self, blocks: Vec<Bytes>) -> Result<bool> {
        let before = self.height();
        let Some(mut node) = self.node.take() else {
            bail!("the chain of the past is closed");
        };
        let taken = spawn_blocking(move || {
            let verdicts = node.submit_blocks(&blocks, clock(), Durability::Deferred);
            drop(node.take_events());
            (node, verdicts)
        });
        let (node, verdicts) = taken.await.context("checking the past")?;
        self.node = Some(node);
        for refusal in verdicts?.into_iter().filter_map(Result::err) {
            // Other bytes under the same hash are the peer's fault; another peer has the right
            // ones.
            if refusal.blame == Blame::Invalid {
                bail!(
                    "the past disagrees with the snapshot: a block below it breaks a rule \
                     ({refusal}); remove the data directory and do not trust that snapshot"
                );
            }
        }
        Ok(self.height() > before)
    }

    /// Closes the chain; at the snapshot's block compares the coins first.
    async fn close(mut self, record: Option<Record>) -> Result<()> {
        if let Some(mut node) = self.node.take() {
            let flushed = spawn_blocking(move || {
                node.flush()?;
                node.sync()
            });
            flushed.await.context("writing the past")??;
        }
        let compared = match record {
            Some(record) => compare(&self.reader, &self.directory, &record).await,
            None => Ok(()),
        };
        self.reader.close().await;
        self.maintenance.close().await?;
        compared
    }
}

async fn compare(reader: &Reader, directory: &Path, record: &Record) -> Result<()> {
    let digests = StateDigests::new(reader.clone(), directory);
    let digest = digests.at_tip((record.height, record.hash)).await?;
    if (digest.hash, digest.muhash) != (record.hash, record.muhash) {
        bail!(
            "the past disagrees with the snapshot: at block {} (height {}) the coins are others \
             than the snapshot's; remove the data directory and do not trust that snapshot",
            record.hash,
            record.height
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use synod_primitives::{BlockHash, Header};

    use super::is_block;

    #[test]
    fn only_the_block_that_was_asked_for_is_looked_at() {
        let raw = [0; Header::SIZE + 1];
        let hash = Header::decode(&[0; Header::SIZE]).block_hash();
        assert!(is_block(&raw, Some(&hash)));
        assert!(is_block(&raw[..Header::SIZE], Some(&hash)));
        assert!(!is_block(&raw[..Header::SIZE - 1], Some(&hash)));
        assert!(!is_block(&raw, Some(&BlockHash::from_bytes([1; 32]))));
        assert!(!is_block(&raw, None));
    }
}
