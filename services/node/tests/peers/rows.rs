//! Blocks of a peer are one row, in which the tip runs ahead of the scripts, and nobody can tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::routing::post;
use synod_api::HashHex;
use synod_api::p2p::BlocksRequest;
use synod_chainspec::ChainSpec;
use synod_gossip::wire;
use synod_mempool::Policy;
use synod_node::mining::mine_up_to;
use synod_node_core::{ChainSettings, MemoryStorage, Node, Settings, Status};
use synod_primitives::{Block, Header, MerkleRoot, Script, Transaction, TxIn, TxOut, Witness};

use crate::kit::{
    OCTETS, Starter, TestNode, boast, encode_headers, payout, serve, until, until_at,
};

/// When the first block was made.
const START: u32 = 1_700_000_000;
/// The height of the block with a payment.
const PAID: usize = 151;
/// The height of the last block.
const LAST: u32 = 400;

/// A chain without payments, lowest block first, the genesis block left out.
fn empty_chain() -> Vec<Block> {
    let spec = ChainSpec::preset("regtest").expect("a preset");
    let settings = Settings {
        chain: ChainSettings {
            coins_cache_bytes: 64 << 20,
            threads: 1,
            hash_key: (1, 2),
        },
        policy: Policy::default(),
    };
    let now = u64::from(START) + 1_000_000;
    let storage = Box::new(MemoryStorage::new());
    let mut node = Node::open(&spec, storage, settings, now).expect("storage works");
    let mined = mine_up_to(&mut node, &payout(), LAST, START, now);
    let raws = mined.expect("storage works").expect("valid blocks");
    let decode = |raw| Block::decode(raw).expect("a block");
    raws.iter().map(decode).collect()
}

/// The same chain with a payment without the witness that its coin asks for, and all above it
/// after that.
fn with_invalid_script(chain: &[Block]) -> Vec<Block> {
    let mut branch = chain[..PAID - 1].to_vec();
    for block in &chain[PAID - 1..] {
        let mut transactions = vec![plain_coinbase(block)];
        if branch.len() == PAID - 1 {
            transactions.push(unsigned_spend(&chain[0].transactions()[0]));
        }
        let previous_block_hash = branch[branch.len() - 1].hash();
        let draft = Block::new(*block.header(), transactions.clone());
        let mut header = Header {
            previous_block_hash,
            merkle_root: MerkleRoot::from_bytes(draft.merkle_root().hash),
            ..*block.header()
        };
        let target = header.bits.to_target().expect("a target");
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        branch.push(Block::new(header, transactions));
    }
    branch
}

/// A block's coinbase without witness and commitment, which a block without witnesses needs not.
fn plain_coinbase(block: &Block) -> Transaction {
    let coinbase = &block.transactions()[0];
    let mut input = coinbase.inputs()[0].clone();
    input.witness = Witness::EMPTY;
    Transaction::new(2, vec![input], coinbase.outputs()[..1].to_vec(), 0)
}

fn unsigned_spend(transaction: &Transaction) -> Transaction {
    let input = TxIn {
        prevout: transaction.outpoint(0),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: transaction.outputs()[0].value,
        script_pubkey: payout(),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

/// A peer with these blocks; the count is of those that it has sent.
async fn peer_with(blocks: &[Block]) -> (String, Arc<AtomicUsize>) {
    let headers: Vec<Header> = blocks.iter().map(|it| *it.header()).collect();
    let headers = encode_headers(&headers);
    let blocks: Arc<[Block]> = blocks.into();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let send_blocks = move |Json(request): Json<BlocksRequest>| async move {
        let mut body = Vec::new();
        for hash in &request.hashes {
            let is_it = |it: &&Block| it.hash().to_bytes() == hash.to_internal();
            let block = blocks.iter().find(is_it).expect("a block of the chain");
            wire::write_frame(&mut body, block.raw());
        }
        count.fetch_add(request.hashes.len(), Ordering::SeqCst);
        ([("content-type", OCTETS)], body)
    };
    let send_headers = || async { ([("content-type", OCTETS)], headers) };
    let router = axum::Router::new()
        .route("/p2p/v1/handshake", post(boast))
        .route("/p2p/v1/headers", post(send_headers))
        .route("/p2p/v1/blocks", post(send_blocks));
    (serve(router).await, sent)
}

fn place(blocks: &[Block], height: usize) -> (u32, HashHex) {
    let hash = blocks[height - 1].hash();
    let height = u32::try_from(height).expect("a low height");
    (height, HashHex::from_internal(hash.to_bytes()))
}

/// Asks the chain thread for its tip; it has to be a verified block that readers can read.
async fn look_at_tip(node: &TestNode) -> u32 {
    let looked = node.chain.look(|node, _| {
        let tree = node.chain().tree();
        let tip = &tree.entry(tree.tip()).record;
        Ok((tip.status.clone(), tip.height, tip.hash))
    });
    let (status, height, hash) = looked.await.expect("the chain thread lives");
    if height.0 > 0 {
        assert_eq!(status, Status::Valid, "{height:?}");
    }
    let hash = HashHex::from_internal(hash.to_bytes());
    assert!(node.client.block_raw(hash).await.is_ok(), "{height:?}");
    let shown = node.chain.view();
    let shown = HashHex::from_internal(shown.hash.to_bytes());
    assert!(node.client.block_raw(shown).await.is_ok());
    height.0
}

async fn start_at(peer: String, threads: usize) -> TestNode {
    Starter {
        peer: vec![peer],
        threads: Some(threads),
        ..Starter::default()
    }
    .start()
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_in_the_middle_of_a_row_meets_a_verified_tip() {
    let chain = empty_chain();
    for threads in [1, 2] {
        let (peer, _) = peer_with(&chain).await;
        let node = start_at(peer, threads).await;
        let mut heights = Vec::new();
        while heights.last() != Some(&LAST) {
            heights.push(look_at_tip(&node).await);
        }
        assert!(heights.is_sorted(), "{heights:?}");
        until_at(&node, place(&chain, LAST as usize)).await;
        // Nothing is left for later that a reader could miss.
        let coinbase = chain[LAST as usize - 1].transactions()[0].txid();
        let coinbase = HashHex::from_internal(coinbase.to_bytes());
        assert!(node.has_transaction(coinbase).await);
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_in_the_middle_of_a_row_takes_back_what_is_above_and_blames_the_peer() {
    let chain = empty_chain();
    let branch = with_invalid_script(&chain);
    for threads in [1, 2] {
        let (peer, sent) = peer_with(&branch).await;
        let node = start_at(peer, threads).await;
        until(async || {
            assert!(look_at_tip(&node).await < PAID as u32);
            // The operator named it, so it is kept.
            node.peers().await[0]["misbehavior"].as_u64() >= Some(100)
        })
        .await;
        until_at(&node, place(&branch, PAID - 1)).await;
        assert!(sent.load(Ordering::SeqCst) > PAID, "blocks above it came");
        for height in PAID + 1..=LAST as usize {
            let (_, hash) = place(&branch, height);
            assert!(node.client.block_raw(hash).await.is_err(), "{height}");
        }
        let best = node.client.state().await.expect("the state");

        // What was below is durable, and the honest chain is followed from there.
        let data = node.stop().await;
        let (peer, _) = peer_with(&chain).await;
        let again = Starter {
            peer: vec![peer],
            data: Some(data),
            threads: Some(threads),
            ..Starter::default()
        };
        let again = again.start().await;
        let stands = again.client.state().await.expect("the state");
        assert!(stands.height >= best.height);
        until_at(&again, place(&chain, LAST as usize)).await;
        again.stop().await;
    }
}
