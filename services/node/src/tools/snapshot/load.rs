//! `synod-node snapshot load`: a node that serves before it has checked the past.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use synod_chainspec::{ChainSpec, genesis_block};
use synod_ledger::{Coin, MuHash};
use synod_mempool::Policy;
use synod_node_core::{ChainSettings, MemoryStorage, Node, Settings};
use synod_primitives::{BlockHash, OutPoint};
use synod_store::{
    Batch, BlockStatus, ChainChange, CoinsFlush, DATABASE_FILE, Durability, HeaderRecord, Options,
    SNAPSHOT_DIRECTORY, Store, TransactionsFlush, install_rebuilt,
};

use super::format::{Head, Reader};
use super::record::Record;
use crate::app::identity_of;
use crate::config::NodeConfig;
use crate::state::clock;

/// Headers that are checked together.
const HEADERS_PER_STEP: usize = 2000;
/// Bytes of coins that are held in memory.
const COIN_BYTES_PER_BATCH: usize = 8 << 20;
/// After how many batches the log is moved into the database.
const BATCHES_PER_CHECKPOINT: u64 = 8;

/// Loads a snapshot that the chain spec trusts into a data directory without a database.
///
/// Reads the file once, with as little memory as a few megabytes and the headers. The database
/// is built beside its place and put there when the coins have proved to be the trusted ones.
///
/// # Errors
/// The spec trusts no such snapshot; the file is damaged or of another network; there is a
/// database already; the disk is full.
pub async fn run(config: &NodeConfig, file: &Path) -> Result<Head> {
    let spec = config.spec()?;
    let mut reader = Reader::open(file)?;
    let head = *reader.head();
    check_trust(&spec, &head)?;
    let database = config.data.join(DATABASE_FILE);
    if database.metadata().is_ok_and(|it| it.len() > 0) {
        bail!(
            "there is a database in {} already; a snapshot starts a new node",
            config.data.display()
        );
    }
    let built = config.data.join(SNAPSHOT_DIRECTORY);
    if built.exists() {
        // Half a snapshot is of no use: the file is read from its beginning.
        std::fs::remove_dir_all(&built).context("removing what was loaded before")?;
    }
    let records = check_headers(&spec, &mut reader)?;
    let loaded = load(&spec, &built, reader, records).await;
    if loaded.is_err() {
        let _ = std::fs::remove_dir_all(&built);
    }
    loaded?;
    install_rebuilt(&config.data, &built)?;
    Ok(head)
}

/// Finds the snapshot among those that the spec trusts.
fn check_trust(spec: &ChainSpec, head: &Head) -> Result<()> {
    ensure!(
        head.chain_id == spec.chain_id().0,
        "the snapshot is of another network than {}",
        spec.name
    );
    let claimed = head.to_trust();
    if !spec.trust.snapshots.contains(&claimed) {
        bail!(
            "the chain spec trusts no such snapshot; who does trust it adds:\n{}",
            claimed.to_toml()
        );
    }
    Ok(())
}

/// Checks the headers by the rules of headers; their work is what makes them dear to forge.
fn check_headers(spec: &ChainSpec, reader: &mut Reader) -> Result<Vec<HeaderRecord>> {
    let head = *reader.head();
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 1 << 20,
            threads: 1,
            hash_key: (0, 0),
        },
        policy: Policy::default(),
    };
    let mut node = Node::open(spec, Box::new(MemoryStorage::new()), settings, clock())?;
    let mut last = None;
    let mut left = head.height.0 as usize;
    while left > 0 {
        let count = left.min(HEADERS_PER_STEP);
        let mut step = Vec::with_capacity(count);
        for _ in 0..count {
            step.push((reader.header()?, Bytes::new()));
        }
        let inserted = node.chain_mut().insert_headers(&step, clock());
        last = inserted.map_err(|refusal| {
            anyhow::anyhow!("a header of the snapshot breaks a rule: {refusal}")
        })?;
        left -= count;
    }
    let tree = node.chain().tree();
    let found = last.filter(|id| tree.entry(*id).record.hash == head.hash);
    let end = found.context("the headers of the snapshot do not lead to its block")?;
    let path = tree.path(tree.tip(), end);
    let records = path.into_iter().map(|id| {
        let record = &tree.entry(id).record;
        HeaderRecord {
            hash: record.hash,
            header: record.header,
            proof: Bytes::new(),
            height: record.height,
            chainwork: record.chainwork,
            // Valid as far as the snapshot is: the past behind it is checked later.
            status: BlockStatus::Valid,
            arrival: record.height.0.into(),
            transaction_count: 0,
        }
    });
    Ok(records.collect())
}

async fn load(
    spec: &ChainSpec,
    built: &Path,
    mut reader: Reader,
    records: Vec<HeaderRecord>,
) -> Result<()> {
    let head = *reader.head();
    let mut store = Store::open(built, &identity_of(spec), &Options::default()).await?;
    store.writer.commit(&genesis(spec)?).await?;
    let hashes: Vec<BlockHash> = records.iter().map(|it| it.hash).collect();
    for step in records.chunks(HEADERS_PER_STEP) {
        let batch = Batch {
            headers: step.to_vec(),
            durability: Durability::Deferred,
            ..Batch::default()
        };
        store.writer.commit(&batch).await?;
    }
    let muhash = load_coins(&mut store, &mut reader).await?;
    ensure!(
        muhash == head.muhash,
        "the coins of the snapshot are not those that the chain spec trusts"
    );
    let batch = Batch {
        chain: Some(ChainChange {
            fork: Some((0.into(), genesis_block().hash())),
            connected: hashes,
        }),
        coins: Some(CoinsFlush {
            tip: head.hash,
            inserts: Vec::new(),
            deletes: Vec::new(),
        }),
        // Of the blocks below nothing is there to point to.
        transactions: Some(TransactionsFlush {
            tip: head.hash,
            inserts: Vec::new(),
            deletes: Vec::new(),
        }),
        pruned_below: Some(head.height.next()),
        meta: vec![(Record::NAME, Some(Record::of(&head).encode()))],
        durability: Durability::Synced,
        ..Batch::default()
    };
    store.writer.commit(&batch).await?;
    store.close().await?;
    Ok(())
}

/// The first commit of every node.
fn genesis(spec: &ChainSpec) -> Result<Batch> {
    let block = genesis_block();
    let hash = block.hash();
    let engine = synod_node_core::engine_of(spec)?;
    let tree = synod_node_core::BlockTree::new(block.header(), &*engine);
    let record = &tree.entry(tree.tip()).record;
    Ok(Batch {
        headers: vec![HeaderRecord {
            hash,
            header: *block.header(),
            proof: Bytes::new(),
            height: record.height,
            chainwork: record.chainwork,
            status: BlockStatus::Valid,
            arrival: record.arrival,
            transaction_count: record.transaction_count,
        }],
        blocks: vec![(hash, block.raw().clone())],
        chain: Some(ChainChange {
            fork: None,
            connected: vec![hash],
        }),
        coins: Some(CoinsFlush {
            tip: hash,
            inserts: Vec::new(),
            deletes: Vec::new(),
        }),
        durability: Durability::Deferred,
        ..Batch::default()
    })
}

/// Writes the coins as they are read; returns their MuHash.
async fn load_coins(store: &mut Store, reader: &mut Reader) -> Result<[u8; 32]> {
    let tip = genesis_block().hash();
    let mut muhash = MuHash::new();
    let mut inserts: Vec<(OutPoint, Bytes)> = Vec::new();
    let mut bytes = 0;
    for batch in 1u64.. {
        let mut is_end = true;
        while let Some((outpoint, raw)) = reader.coin()? {
            let coin = Coin::decode(&raw)
                .map_err(|error| anyhow::anyhow!("coin {outpoint} of the snapshot: {error}"))?;
            muhash.insert_coin(&outpoint, &coin);
            bytes += raw.len() + size_of::<(OutPoint, Bytes)>();
            inserts.push((outpoint, raw.into()));
            if bytes >= COIN_BYTES_PER_BATCH {
                is_end = false;
                break;
            }
        }
        // Until the last commit the table stands nowhere: a database like that is not kept.
        let flush = CoinsFlush {
            tip,
            inserts: std::mem::take(&mut inserts),
            deletes: Vec::new(),
        };
        bytes = 0;
        let batch_of_coins = Batch {
            coins: Some(flush),
            durability: Durability::Deferred,
            ..Batch::default()
        };
        store.writer.commit(&batch_of_coins).await?;
        if batch % BATCHES_PER_CHECKPOINT == 0 {
            store.maintenance.checkpoint().await?;
        }
        if is_end {
            break;
        }
    }
    Ok(muhash.finalize())
}
