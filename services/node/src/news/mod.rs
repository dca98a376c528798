//! Passing on what happened: to readers of `/v1/events` and to peers.

mod catch_up;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use synod_api::node::{BlockRef, Event as EventBody, EventKind, RemovalReason};
use synod_api::{AmountSat, HashHex};
use synod_gossip::{CompactBlock, NewBlock};
use synod_node_core::Event;
use synod_primitives::{Block, BlockHash, Height, Txid};
use synod_service::EventLog;
use synod_store::{HeaderRecord, Reader};
use tokio::sync::mpsc;

use crate::chain::News;
use crate::state::AppState;

pub(crate) use catch_up::catch_up;

/// More blocks than this in one batch of news are bulk work: only the last is announced.
const MAX_ANNOUNCED_TOGETHER: usize = 3;

/// Passes on news until the chain thread ends. `known` are transactions that readers take to be
/// in the mempool although the process has started anew.
pub(crate) async fn pass_on(
    mut inbox: mpsc::Receiver<News>,
    log: EventLog,
    state: AppState,
    mut known: BTreeSet<HashHex>,
) {
    let (peers, reader) = (&state.peers, &state.reader);
    while let Some(news) = inbox.recv().await {
        let blocks = news
            .iter()
            .filter(|it| matches!(it, Event::BlockConnected { .. }))
            .count();
        let mut left = blocks;
        for event in news {
            match event {
                Event::BlockConnected { hash, height } => {
                    let Ok(record) = reader.header(hash).await else {
                        continue;
                    };
                    left -= 1;
                    if left < MAX_ANNOUNCED_TOGETHER
                        && let Some(block) = new_block(reader, hash, height).await
                    {
                        peers.announce_block(&Arc::new(block));
                    }
                    publish(&log, connected(&record));
                }
                Event::TransactionAdded {
                    txid: id, wtxid, ..
                } => {
                    peers.announce_transactions(&[wtxid]);
                    if !known.remove(&txid(id)) {
                        publish(&log, plain(&event));
                    }
                }
                Event::MempoolRestored => {
                    for txid in std::mem::take(&mut known) {
                        let reason = RemovalReason::Restart;
                        publish(&log, EventKind::TransactionRemoved { txid, reason });
                    }
                }
                Event::Reorganized {
                    fork_height,
                    disconnected,
                    connected,
                } => {
                    publish(&log, reorganized(fork_height, &disconnected, &connected));
                }
                other => publish(&log, plain(&other)),
            }
        }
    }
}

fn connected(record: &HeaderRecord) -> EventKind {
    EventKind::BlockConnected {
        hash: wire(record.hash),
        height: record.height.0,
        previous_block_hash: wire(record.header.previous_block_hash),
        time: record.header.time,
        transaction_count: record.transaction_count,
    }
}

/// Reads a block and tells it by short ids.
async fn new_block(reader: &Reader, hash: BlockHash, height: Height) -> Option<NewBlock> {
    let raw = reader.block(hash).await.ok().flatten()?;
    let block = Block::decode(&raw).ok()?;
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).ok()?;
    let compact = CompactBlock::of(&block, Bytes::new(), u64::from_le_bytes(nonce));
    Some(NewBlock {
        hash,
        header: *block.header(),
        height: height.0,
        compact: compact.encode().into(),
        raw,
    })
}

fn wire(hash: BlockHash) -> HashHex {
    HashHex::from_internal(hash.to_bytes())
}

fn txid(txid: Txid) -> HashHex {
    HashHex::from_internal(txid.to_bytes())
}

fn reorganized(fork: Height, disconnected: &[BlockHash], connected: &[BlockHash]) -> EventKind {
    let top = fork.0 + u32::try_from(disconnected.len()).unwrap_or(u32::MAX);
    let down = disconnected.iter().zip((fork.0 + 1..=top).rev());
    let up = connected.iter().zip(fork.0 + 1..);
    let block = |(hash, height): (&BlockHash, u32)| BlockRef {
        height,
        hash: wire(*hash),
    };
    EventKind::Reorg {
        fork_height: fork.0,
        disconnected: down.map(block).collect(),
        connected: up.map(block).collect(),
    }
}

fn plain(event: &Event) -> EventKind {
    match *event {
        Event::BlockDisconnected { hash, height } => EventKind::BlockDisconnected {
            hash: wire(hash),
            height: height.0,
        },
        Event::Finalized { hash, height } => EventKind::Finalized {
            hash: wire(hash),
            height: height.0,
        },
        Event::TransactionAdded {
            txid: id,
            wtxid,
            fee_sat,
            vsize,
        } => EventKind::Transaction {
            txid: txid(id),
            wtxid: HashHex::from_internal(wtxid.to_bytes()),
            fee_sat: AmountSat::new(fee_sat).unwrap_or(AmountSat::MAX),
            vsize: u32::try_from(vsize).unwrap_or(u32::MAX),
        },
        Event::TransactionRemoved { txid: id, reason } => EventKind::TransactionRemoved {
            txid: txid(id),
            reason: removal(reason),
        },
        Event::BlockConnected { .. } | Event::Reorganized { .. } | Event::MempoolRestored => {
            unreachable!("these are translated where more is known of them")
        }
    }
}

fn removal(reason: &str) -> RemovalReason {
    match reason {
        "block" => RemovalReason::Mined,
        "conflict" => RemovalReason::Conflict,
        "replaced" => RemovalReason::Replaced,
        "expired" => RemovalReason::Expired,
        "evicted" => RemovalReason::SizeLimit,
        _ => RemovalReason::Reorg,
    }
}

fn publish(log: &EventLog, kind: EventKind) {
    let Some(topic) = kind.topic() else { return };
    let name = kind.name();
    if let Err(error) = log.publish(topic.name(), name, |id| EventBody { id, kind }) {
        tracing::error!(%error, "an event is not JSON");
    }
}
