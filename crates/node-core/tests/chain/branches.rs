//! Which branch is followed, and what becomes of the others.

use synod_node_core::{Durability, Event};
use synod_primitives::{
    Amount, Block, Header, OutPoint, Script, Transaction, TxIn, TxOut, Witness,
};

use crate::kit::*;

#[test]
fn a_branch_with_more_work_takes_over_and_the_coins_are_its_own() {
    let (disk, other_disk) = (Disk::default(), Disk::default());
    let (mut node, mut other) = (open(&disk), open(&other_disk));
    let common = mine_many(&mut node, 1, 3);
    for block in &common {
        assert_eq!(submit(&mut other, block).as_deref(), Ok("active"));
    }
    let lost = mine_many(&mut node, 1, 2);
    let winning = mine_many(&mut other, 2, 3);
    drop(node.take_events());
    assert_eq!(submit(&mut node, &winning[0]).as_deref(), Ok("side"));
    assert_eq!(
        submit(&mut node, &winning[1]).as_deref(),
        Ok("side"),
        "equal work stays"
    );
    assert_eq!(submit(&mut node, &winning[2]).as_deref(), Ok("active"));
    assert_eq!(node.view(), other.view());
    assert_eq!(
        coins_after_flush(&mut node, &disk),
        coins_after_flush(&mut other, &other_disk)
    );
    let reorg = node
        .take_events()
        .into_iter()
        .find_map(|event| match event {
            Event::Reorganized {
                fork_height,
                disconnected,
                connected,
            } => Some((fork_height.0, disconnected, connected)),
            _ => None,
        });
    let hashes = |blocks: &[Block]| blocks.iter().map(Block::hash).collect::<Vec<_>>();
    let mut left = hashes(&lost);
    left.reverse();
    assert_eq!(reorg, Some((3, left, hashes(&winning))));
}

#[test]
fn blocks_before_their_parent_wait_and_join_with_it() {
    let mut source = open(&Disk::default());
    let blocks = mine_many(&mut source, 1, 4);
    let mut node = open(&Disk::default());
    for block in blocks[1..].iter().rev() {
        assert_eq!(submit(&mut node, block).as_deref(), Ok("orphan"));
    }
    assert_eq!(submit(&mut node, &blocks[0]).as_deref(), Ok("active"));
    assert_eq!(node.view(), source.view());
    assert_eq!(submit(&mut node, &blocks[2]).as_deref(), Ok("duplicate"));
}

#[test]
fn a_block_that_pays_too_much_is_refused_for_ever_with_all_that_build_on_it() {
    let mut node = open(&Disk::default());
    mine_many(&mut node, 1, 2);
    let honest = search(&node.template(free(1), NOW));
    let coinbase = &honest.transactions()[0];
    let mut outputs = coinbase.outputs().to_vec();
    outputs[0].value = Amount::from_sat(outputs[0].value.sat() + 1);
    let greedy = Transaction::new(2, coinbase.inputs().to_vec(), outputs, 0);
    let bad = rebuilt(&honest, vec![greedy]);
    assert_eq!(submit(&mut node, &bad), Err("bad-cb-amount".to_owned()));
    assert_eq!(
        submit(&mut node, &bad),
        Err("bad-cb-amount (known)".to_owned())
    );
    let mut header = Header {
        previous_block_hash: bad.hash(),
        ..*honest.header()
    };
    header.time += 1;
    let child = rebuilt(
        &Block::new(header, vec![coinbase.clone()]),
        vec![coinbase.clone()],
    );
    assert_eq!(submit(&mut node, &child), Err("bad-prevblk".to_owned()));
    assert_eq!(submit(&mut node, &honest).as_deref(), Ok("active"));
}

#[test]
fn an_invalid_block_inside_a_longer_branch_is_named_and_the_tip_stays() {
    let mut node = open(&Disk::default());
    let stay = mine_many(&mut node, 1, 2);
    let mut other = open(&Disk::default());
    let first = mine(&mut other, 2, NOW);
    // Spends a coin that does not exist: found only when it is connected.
    let second = search(&other.template(free(2), NOW));
    let input = TxIn {
        prevout: OutPoint::new(first.transactions()[0].txid(), 7),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: free(3),
    };
    let thief = Transaction::new(2, vec![input], vec![output], 0);
    let bad = rebuilt(&second, vec![plain_coinbase(&second), thief]);
    assert_eq!(submit(&mut node, &first).as_deref(), Ok("side"));
    assert_eq!(submit(&mut node, &bad).as_deref(), Ok("side"));
    // A block on top gives the branch more work.
    let mut header = Header {
        previous_block_hash: bad.hash(),
        ..*bad.header()
    };
    header.time += 1;
    let top = search_child(&node, &bad, header);
    let verdict = node.submit_blocks(&[top.raw().clone()], NOW, Durability::Synced);
    let refusal = verdict
        .expect("storage works")
        .remove(0)
        .expect_err("the branch is invalid");
    assert_eq!(refusal.code, "bad-txns-inputs-missingorspent");
    assert_eq!(refusal.at, Some(bad.hash()));
    assert_eq!(node.view().hash, stay[1].hash());
}

#[test]
fn an_operator_takes_a_block_out_and_in_again() {
    let mut node = open(&Disk::default());
    let blocks = mine_many(&mut node, 1, 4);
    let tip = node.view();
    node.invalidate(blocks[1].hash(), NOW)
        .expect("a known block");
    assert_eq!(node.view().hash, blocks[0].hash());
    assert_eq!(
        submit(&mut node, &blocks[1]),
        Err("invalidated (known)".to_owned())
    );
    node.reconsider(blocks[1].hash(), NOW)
        .expect("a known block");
    assert_eq!(node.view(), tip);
}
