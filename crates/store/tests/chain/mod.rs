//! Blocks to store: well-formed, with right parents, roots and hashes; no rule is kept.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;

use bytes::Bytes;
use synod_primitives::transaction::SEQUENCE_FINAL;
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxIn, TxOut, Txid, Witness, Work,
};
use synod_store::{
    Batch, BlockStatus, ChainChange, CoinsFlush, HeaderRecord, Identity, OpenError, Options, Store,
    TransactionLocation, TransactionsFlush,
};

pub(crate) fn identity() -> Identity {
    Identity {
        network: "testnet-of-tests".to_owned(),
        chain_id: [7; 32],
        genesis: block(BlockHash::ZERO, 0, 0, 1).hash(),
    }
}

pub(crate) async fn open(directory: &Path) -> Store {
    try_open(directory).await.expect("the store opens")
}

pub(crate) async fn try_open(directory: &Path) -> Result<Store, OpenError> {
    Store::open(directory, &identity(), &Options::default()).await
}

/// A block with `transactions` transactions; `branch` makes siblings differ.
pub(crate) fn block(parent: BlockHash, height: u32, branch: u8, transactions: usize) -> Block {
    let made = (0..transactions).map(|index| {
        let script: Vec<u8> = height
            .to_le_bytes()
            .into_iter()
            .chain([branch, 0, 0])
            .collect();
        let input = TxIn {
            prevout: OutPoint::new(Txid::from_bytes([branch; 32]), index as u32),
            script_sig: Script::new(script),
            sequence: SEQUENCE_FINAL,
            witness: Witness::from_items(&[vec![index as u8; 70]]),
        };
        let output = TxOut {
            value: Amount::from_sat(50),
            script_pubkey: Script::new(vec![index as u8; 22]),
        };
        Transaction::new(2, vec![input], vec![output.clone(), output], 0)
    });
    let made: Vec<Transaction> = made.collect();
    let ids = made.iter().map(|tx| tx.txid().to_bytes()).collect();
    let root = synod_primitives::merkle::root(ids).hash;
    let header = Header {
        version: 4,
        previous_block_hash: parent,
        merkle_root: MerkleRoot::from_bytes(root),
        time: 1_700_000_000 + height,
        bits: CompactTarget(0x207f_ffff),
        nonce: u32::from(branch),
    };
    Block::new(header, made)
}

/// A chain from height 0 to `tip`, `transactions` in each block.
pub(crate) fn blocks(tip: u32, transactions: usize) -> Vec<Block> {
    extend(Vec::new(), tip, 0, transactions)
}

/// Goes on from the last of `chain` up to height `tip`.
pub(crate) fn extend(
    mut chain: Vec<Block>,
    tip: u32,
    branch: u8,
    transactions: usize,
) -> Vec<Block> {
    for height in chain.len() as u32..=tip {
        let parent = chain.last().map_or(BlockHash::ZERO, Block::hash);
        chain.push(block(parent, height, branch, transactions));
    }
    chain
}

pub(crate) fn record(block: &Block, height: u32, status: BlockStatus) -> HeaderRecord {
    let mut work = [0; 32];
    work[28..].copy_from_slice(&(2 * (height + 1)).to_be_bytes());
    HeaderRecord {
        hash: block.hash(),
        header: *block.header(),
        proof: Bytes::from_static(b"proof"),
        height: Height(height),
        chainwork: Work::from_be_bytes(work),
        status,
        arrival: u64::from(height),
        transaction_count: block.transactions().len() as u32,
    }
}

pub(crate) fn undo(block: &Block) -> Bytes {
    Bytes::from(format!("undo of {}", block.hash()))
}

/// The coins that a block makes.
pub(crate) fn coins(block: &Block) -> Vec<(OutPoint, Bytes)> {
    let mut coins = Vec::new();
    for tx in block.transactions() {
        for vout in 0..tx.outputs().len() as u32 {
            let coin = format!("coin {vout} of {}", tx.txid());
            coins.push((
                tx.outpoint(vout),
                Bytes::from(coin.into_bytes()[..30].to_vec()),
            ));
        }
    }
    coins.sort_unstable_by_key(|(outpoint, _)| *outpoint);
    coins
}

pub(crate) fn locations(block: &Block) -> Vec<(Txid, TransactionLocation)> {
    let mut offset = 81;
    let mut found = Vec::new();
    for tx in block.transactions() {
        let length = tx.size() as u32;
        let location = TransactionLocation {
            block: block.hash(),
            offset,
            length,
        };
        found.push((tx.txid(), location));
        offset += length;
    }
    found.sort_unstable_by_key(|(txid, _)| *txid);
    found
}

/// Connects `chain[first..]`, with coins and index, onto what is stored.
pub(crate) fn connect(chain: &[Block], first: usize) -> Batch {
    let fork = first
        .checked_sub(1)
        .map(|at| (Height(at as u32), chain[at].hash()));
    let new = &chain[first..];
    let tip = chain[chain.len() - 1].hash();
    let mut inserts: Vec<_> = new.iter().flat_map(coins).collect();
    inserts.sort_unstable_by_key(|(outpoint, _)| *outpoint);
    let mut index: Vec<_> = new.iter().flat_map(locations).collect();
    index.sort_unstable_by_key(|(txid, _)| *txid);
    let heights = first as u32..;
    Batch {
        headers: heights
            .zip(new)
            .map(|(height, block)| record(block, height, BlockStatus::Valid))
            .collect(),
        blocks: new
            .iter()
            .map(|block| (block.hash(), block.raw().clone()))
            .collect(),
        undo: new
            .iter()
            .map(|block| (block.hash(), undo(block)))
            .collect(),
        chain: Some(ChainChange {
            fork,
            connected: new.iter().map(Block::hash).collect(),
        }),
        coins: Some(CoinsFlush {
            tip,
            inserts,
            deletes: Vec::new(),
        }),
        transactions: Some(TransactionsFlush {
            tip,
            inserts: index,
            deletes: Vec::new(),
        }),
        ..Batch::default()
    }
}
