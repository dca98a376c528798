//! Chains of much more work that break a rule here.

use bytes::Bytes;
use synod_node_core::{FORK_WARNING_BLOCKS, Node};
use synod_primitives::{Amount, Block, BlockHash, Header, MerkleRoot, Transaction, TxOut};

use crate::kit::*;

/// The next block, whose coinbase takes one satoshi too many.
fn greedy(node: &Node) -> Block {
    let block = search(&node.template(free(2), NOW));
    let coinbase = plain_coinbase(&block);
    let output = &coinbase.outputs()[0];
    let more = TxOut {
        value: Amount::from_sat(output.value.sat() + 1),
        script_pubkey: output.script_pubkey.clone(),
    };
    let coinbase = Transaction::new(2, coinbase.inputs().to_vec(), vec![more], 0);
    rebuilt(&block, vec![coinbase])
}

/// Headers with proof of work on top of another.
fn headers_on(parent: &Header, count: u32) -> Vec<Header> {
    let mut last = *parent;
    let next = |_| {
        last = Header {
            previous_block_hash: last.block_hash(),
            merkle_root: MerkleRoot::ZERO,
            time: last.time + 1,
            nonce: 0,
            ..last
        };
        let target = last.bits.to_target().expect("a target");
        while !target.is_met_by(last.block_hash()) {
            last.nonce += 1;
        }
        last
    };
    (0..count).map(next).collect()
}

/// Shows the node the headers of a branch, then the block at its bottom, which fails.
fn show(node: &mut Node, bad: &Block, above: &[Header]) {
    let mut page = vec![(*bad.header(), Bytes::new())];
    page.extend(above.iter().map(|header| (*header, Bytes::new())));
    let inserted = node.chain_mut().insert_headers(&page, NOW);
    assert!(inserted.is_ok(), "the headers are those of any chain");
    assert_eq!(
        node.view().heavier_invalid,
        None,
        "nothing is known to fail"
    );
    assert_eq!(submit(node, bad), Err("bad-cb-amount".to_owned()));
}

fn warned_of(node: &Node) -> Option<(BlockHash, BlockHash, u32, String)> {
    let found = node.view().heavier_invalid?;
    Some((found.hash, found.at, found.height.0, found.code))
}

#[test]
fn an_invalid_chain_of_more_than_six_blocks_more_is_warned_of() {
    let disk = Disk::default();
    let mut node = open(&disk);
    mine_many(&mut node, 1, 10);
    let bad = greedy(&node);
    let above = headers_on(bad.header(), FORK_WARNING_BLOCKS);
    let end = above.last().expect("six").block_hash();
    // Seven blocks more than the tip; six without the last.
    show(&mut node, &bad, &above);
    let warning = (end, bad.hash(), 17, "bad-cb-amount".to_owned());
    assert_eq!(warned_of(&node), Some(warning.clone()));
    drop(node);
    let mut node = open(&disk);
    assert_eq!(warned_of(&node), Some(warning), "after a start");
    mine(&mut node, 1, NOW);
    assert_eq!(warned_of(&node), None, "the lead is six blocks again");
}

#[test]
fn an_invalid_chain_of_six_blocks_more_is_not_warned_of() {
    let mut node = open(&Disk::default());
    mine_many(&mut node, 1, 10);
    let bad = greedy(&node);
    let above = headers_on(bad.header(), FORK_WARNING_BLOCKS - 1);
    show(&mut node, &bad, &above);
    assert_eq!(warned_of(&node), None);
}

#[test]
fn what_an_operator_takes_back_is_warned_of_until_it_is_reconsidered() {
    let mut node = open(&Disk::default());
    let blocks = mine_many(&mut node, 1, 10);
    node.invalidate(blocks[4].hash(), NOW)
        .expect("storage works");
    assert_eq!((node.view().height.0, warned_of(&node)), (4, None));
    node.invalidate(blocks[3].hash(), NOW)
        .expect("storage works");
    assert_eq!(node.view().height.0, 3);
    let (end, cause) = (blocks[9].hash(), blocks[3].hash());
    let warning = (end, cause, 10, "invalidated".to_owned());
    assert_eq!(warned_of(&node), Some(warning));
    node.reconsider(blocks[3].hash(), NOW)
        .expect("storage works");
    assert_eq!((node.view().height.0, warned_of(&node)), (10, None));
}
