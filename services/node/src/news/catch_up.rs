//! What happened between the last event that was written down and a crash.
//!
//! A block is durable before its event is written, so a crash between the two leaves a block
//! that no reader heard of. At a start the events of such blocks are told, before anything else
//! happens. Transactions of the mempool that readers know are remembered until the saved
//! mempool is back: those that come back are not told again, the others are told to be gone.

use std::collections::BTreeSet;

use synod_api::HashHex;
use synod_api::node::{Event as EventBody, EventKind};
use synod_node_core::Event;
use synod_primitives::{BlockHash, Height};
use synod_service::{EventLog, PastEvent};
use synod_store::{Reader, StoreError};

use super::{plain, publish, reorganized};

/// The most blocks whose events are told at a start; past it readers read all again.
const MAX_MISSED_BLOCKS: usize = 10_000;

/// Tells the events of the blocks that nobody was told of; returns the transactions that readers
/// take to be in the mempool.
///
/// # Errors
/// The store failed or is damaged.
pub(crate) async fn catch_up(
    log: &EventLog,
    past: &[PastEvent],
    reader: &Reader,
) -> Result<BTreeSet<HashHex>, StoreError> {
    let told = Told::of(past);
    let Some(last) = told.last_block else {
        return Ok(told.pending);
    };
    match missed(reader, last).await? {
        Some(missed) => tell(log, reader, &missed).await?,
        None => {
            log.forget();
            return Ok(BTreeSet::new());
        }
    }
    Ok(told.pending)
}

/// The last step of the active chain that readers were told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LastBlock {
    Connected(Height, BlockHash),
    Disconnected(BlockHash),
}

/// What readers know by the events that were told.
#[derive(Default)]
struct Told {
    last_block: Option<LastBlock>,
    pending: BTreeSet<HashHex>,
}

impl Told {
    fn of(past: &[PastEvent]) -> Self {
        let mut told = Self::default();
        let bodies = past
            .iter()
            .filter_map(|it| serde_json::from_str::<EventBody>(&it.json).ok());
        for body in bodies {
            match body.kind {
                EventKind::BlockConnected { hash, height, .. } => {
                    let hash = BlockHash::from_bytes(hash.to_internal());
                    told.last_block = Some(LastBlock::Connected(Height(height), hash));
                }
                EventKind::BlockDisconnected { hash, .. } => {
                    let hash = BlockHash::from_bytes(hash.to_internal());
                    told.last_block = Some(LastBlock::Disconnected(hash));
                }
                EventKind::Transaction { txid, .. } => {
                    told.pending.insert(txid);
                }
                EventKind::TransactionRemoved { txid, .. } => {
                    told.pending.remove(&txid);
                }
                _ => {}
            }
        }
        told
    }
}

/// The steps that nobody was told of.
#[derive(Default)]
struct Missed {
    fork: Height,
    disconnected: Vec<BlockHash>,
    connected: Vec<BlockHash>,
}

/// Finds the way from the block that readers stand at to the tip; none when they must read all
/// again: the block is not known, or the way is too long.
async fn missed(reader: &Reader, last: LastBlock) -> Result<Option<Missed>, StoreError> {
    let hash = match last {
        LastBlock::Connected(_, hash) => hash,
        LastBlock::Disconnected(hash) => match reader.find_header(hash).await? {
            Some(record) => record.header.previous_block_hash,
            None => return Ok(None),
        },
    };
    let Some(mut at) = reader.find_header(hash).await? else {
        return Ok(None);
    };
    let mut missed = Missed::default();
    while reader.active_hash(at.height).await? != Some(at.hash) {
        missed.disconnected.push(at.hash);
        if missed.disconnected.len() > MAX_MISSED_BLOCKS {
            return Ok(None);
        }
        at = reader.header(at.header.previous_block_hash).await?;
    }
    missed.fork = at.height;
    missed.connected = reader
        .active_chain(at.height.next(), MAX_MISSED_BLOCKS + 1)
        .await?;
    Ok((missed.connected.len() <= MAX_MISSED_BLOCKS).then_some(missed))
}

async fn tell(log: &EventLog, reader: &Reader, missed: &Missed) -> Result<(), StoreError> {
    let Missed {
        fork,
        disconnected,
        connected,
    } = missed;
    let mut told = Vec::new();
    let mut height = fork.0 + u32::try_from(disconnected.len()).unwrap_or(u32::MAX);
    for hash in disconnected {
        let hash = *hash;
        told.push(plain(&Event::BlockDisconnected {
            hash,
            height: Height(height),
        }));
        height -= 1;
    }
    for hash in connected {
        let record = reader.header(*hash).await?;
        told.push(plain(&Event::BlockConnected {
            hash: *hash,
            height: record.height,
            header: record.header,
            transaction_count: record.transaction_count,
        }));
    }
    if !disconnected.is_empty() {
        told.push(reorganized(*fork, disconnected, connected));
    }
    publish(log, told);
    if !(disconnected.is_empty() && connected.is_empty()) {
        tracing::info!(
            disconnected = disconnected.len(),
            connected = connected.len(),
            "events of the time before the start are told"
        );
    }
    Ok(())
}
