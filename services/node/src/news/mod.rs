//! Passing on what happened: to readers of `/v1/events` and to peers.

mod catch_up;

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_api::node::{BlockRef, Event as EventBody, EventKind, RemovalReason};
use synod_api::{AmountSat, HashHex};
use synod_gossip::{CompactBlock, NewBlock};
use synod_node_core::Event;
use synod_primitives::{Block, BlockHash, Height, Txid, Wtxid};
use synod_service::EventLog;

use crate::chain::{News, NewsInbox};
use crate::state::{AppState, read};

pub(crate) use catch_up::catch_up;

/// More blocks than this in one batch of news are bulk work: only the last is announced.
const MAX_ANNOUNCED_TOGETHER: usize = 3;

/// Passes on news until the chain thread ends. `known` are transactions that readers take to be
/// in the mempool although the process has started anew.
pub(crate) async fn pass_on(
    mut inbox: NewsInbox,
    log: EventLog,
    state: AppState,
    mut known: BTreeSet<HashHex>,
) {
    while let Some(together) = inbox.next().await {
        for news in &together {
            announce_blocks(&state, news).await;
        }
        announce_transactions(&state, together.iter().flat_map(|news| &news.events));
        let events = together.into_iter().flat_map(|news| news.events);
        let events = events.flat_map(|event| told(event, &mut known));
        publish(&log, events.collect());
        inbox.rest().await;
    }
}

/// Announces new blocks to peers; of blocks that others follow at once, none.
async fn announce_blocks(state: &AppState, news: &News) {
    let blocks = news.events.iter().filter_map(|event| match event {
        Event::BlockConnected { hash, height, .. } if !news.is_passing => Some((*hash, *height)),
        _ => None,
    });
    let blocks: Vec<(BlockHash, Height)> = blocks.collect();
    for (hash, height) in &blocks[blocks.len().saturating_sub(MAX_ANNOUNCED_TOGETHER)..] {
        if let Some(block) = new_block(state, *hash, *height).await {
            state.peers.announce_block(&Arc::new(block));
        }
    }
}

/// Announces new transactions to peers.
fn announce_transactions<'e>(state: &AppState, events: impl Iterator<Item = &'e Event>) {
    let transactions = events.filter_map(|event| match event {
        Event::TransactionAdded { wtxid, .. } => Some(*wtxid),
        _ => None,
    });
    let transactions: Vec<Wtxid> = transactions.collect();
    if !transactions.is_empty() {
        state.peers.announce_transactions(&transactions);
    }
}

/// What readers are told of an event; `known` are transactions that they know already.
fn told(event: Event, known: &mut BTreeSet<HashHex>) -> Vec<EventKind> {
    match event {
        Event::TransactionAdded { txid: id, .. } if known.remove(&txid(id)) => Vec::new(),
        Event::MempoolRestored => {
            let gone = std::mem::take(known).into_iter();
            let reason = RemovalReason::Restart;
            gone.map(|txid| EventKind::TransactionRemoved { txid, reason })
                .collect()
        }
        Event::Reorganized {
            fork_height,
            disconnected,
            connected,
        } => vec![reorganized(fork_height, &disconnected, &connected)],
        other => vec![plain(&other)],
    }
}

/// Reads a block and tells it by short ids.
async fn new_block(state: &AppState, hash: BlockHash, height: Height) -> Option<NewBlock> {
    let proof = state.reader.header(hash).await.ok()?.proof;
    let raw = state.reader.block(hash).await.ok().flatten()?;
    let block = Block::decode(&raw).ok()?;
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).ok()?;
    let nonce = u64::from_le_bytes(nonce);
    let mempool = read(state.chain.mempool()).len();
    let compact = CompactBlock::of(&block, proof, nonce, mempool);
    Some(NewBlock {
        hash,
        header: *block.header(),
        height: height.0,
        compact: compact.encode().into(),
        nonce,
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
        Event::BlockConnected {
            hash,
            height,
            header,
            transaction_count,
        } => EventKind::BlockConnected {
            hash: wire(hash),
            height: height.0,
            previous_block_hash: wire(header.previous_block_hash),
            time: header.time,
            transaction_count,
        },
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
        Event::Reorganized { .. } | Event::MempoolRestored => {
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

fn publish(log: &EventLog, kinds: Vec<EventKind>) {
    let named = kinds.into_iter().filter_map(|kind| {
        let topic = kind.topic()?;
        Some((topic.name(), kind.name(), kind))
    });
    if let Err(error) = log.publish_all(named, |id, kind| EventBody { id, kind }) {
        tracing::error!(%error, "an event is not JSON");
    }
}
