//! How much room a pruned node takes.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use synod_chainspec::genesis_block;
use synod_ledger::{Rules, height_script};
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, Height, MerkleRoot, OutPoint, Script,
    Transaction, TxIn, TxOut, Witness,
};

use crate::harness::{Data, Process};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The bytes of an output that nobody can spend, so that it is no coin.
const BALLAST: usize = 30_000;

/// A block whose size is that of its ballast.
fn heavy(parent: BlockHash, time: u32, height: u32) -> Block {
    let mut script = height_script(Height(height)).as_bytes().to_vec();
    script.push(0);
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(script),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = |value, script| TxOut {
        value,
        script_pubkey: Script::new(script),
    };
    let ballast = [vec![0x6a], vec![0; BALLAST]].concat();
    let outputs = vec![
        output(Rules::regtest().subsidy(Height(height)), vec![0x51]),
        output(Amount::ZERO, ballast),
    ];
    let coinbase = Transaction::new(2, vec![input], outputs, 0);
    let mut header = Header {
        version: 4,
        previous_block_hash: parent,
        merkle_root: MerkleRoot::from_bytes(coinbase.txid().to_bytes()),
        time,
        bits: CompactTarget(0x207f_ffff),
        nonce: 0,
    };
    let target = header.bits.to_target().expect("a target");
    while !target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    Block::new(header, vec![coinbase])
}

/// A chain of so many heavy blocks.
fn chain(count: u32) -> Vec<Bytes> {
    let (mut parent, mut time) = (genesis_block().hash(), genesis_block().header().time);
    let next = |height| {
        time += 600;
        let block = heavy(parent, time, height);
        parent = block.hash();
        block.raw().clone()
    };
    (1..=count).map(next).collect()
}

#[tokio::test]
async fn the_disk_stops_growing_at_the_size_that_is_set() {
    let data = Data::new();
    // 12 MB hold 400 of these blocks; unpruned, 1,000 of them take 30 MB.
    let node = Process::start_with(&data.path(), &["--prune", "12"], |_| ());
    let blocks = chain(1_000);
    let size = || {
        let database = std::fs::metadata(data.path().join("node.sqlite"));
        database.expect("a database").len()
    };
    let pruned_below = async || {
        let chain = node.client.chain().await.expect("the chain");
        chain.prune_height.unwrap_or_default()
    };
    let mut largest = 0;
    for part in blocks.chunks(100) {
        for raw in part {
            let answer = node.post("/v1/blocks", raw.clone()).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        }
        // It looks every 50 blocks, and forgets 200 at a time.
        while pruned_below().await + 600 < node.height().await {
            tokio::time::sleep(LOOK).await;
        }
        largest = largest.max(size());
    }
    let pruned_below = pruned_below().await;
    // It keeps more than it has to, as there is room.
    assert!((400..712).contains(&pruned_below), "{pruned_below}");
    assert!(largest < 22_000_000, "{largest}");
    assert_eq!(node.height().await, 1_000);
    node.stop();
}
