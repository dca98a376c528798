//! Blocks that were changed on the way, come too early or are no blocks: none of them harms the
//! honest one.

use synod_mempool::Options;
use synod_node_core::{Durability, Node, Placement};
use synod_primitives::{Block, Transaction, Witness};

use crate::kit::*;

#[test]
fn a_block_from_the_future_is_welcome_when_its_time_has_come() {
    let mut node = open(&Disk::default());
    let early = search(&node.template(free(1), NOW + 7201));
    assert_eq!(submit(&mut node, &early), Err("time-too-new".to_owned()));
    let verdicts = node.submit_blocks(&[early.raw().clone()], NOW + 1, Durability::Synced);
    assert_eq!(
        verdicts.expect("storage works")[0]
            .as_ref()
            .map(|it| it.placement),
        Ok(Placement::Active)
    );
}

#[test]
fn bytes_that_are_no_block_change_nothing() {
    let disk = Disk::default();
    let mut node = open(&disk);
    let block = search(&node.template(free(1), NOW));
    for end in [0, 79, 80, 81, block.size() - 1] {
        let refused = submit_raw(&mut node, &block.raw().slice(..end));
        assert_eq!(refused, Err("block-malformed".to_owned()));
    }
    assert_eq!(node.view().height.0, 0);
    assert_eq!(submit(&mut node, &block).as_deref(), Ok("active"));
}

/// An honest block whose last two transactions can be doubled, on a chain that can take it.
fn honest_block(node: &mut Node) -> Block {
    let mined = mine_many(node, 1, 101);
    let draft = search(&node.template(free(1), NOW));
    let first = spend(&mined[0].transactions()[0]);
    let second = spend(&first);
    rebuilt(&draft, vec![plain_coinbase(&draft), first, second])
}

#[test]
fn c04_cve_2012_2459_a_thousand_doubled_blocks_do_not_keep_the_honest_one_out() {
    let mut node = open(&Disk::default());
    let honest = honest_block(&mut node);
    let mut transactions = honest.transactions().to_vec();
    transactions.push(transactions[2].clone());
    let doubled = Block::new(*honest.header(), transactions);
    assert_eq!(doubled.hash(), honest.hash());
    for _ in 0..1_000 {
        assert_eq!(
            submit(&mut node, &doubled),
            Err("bad-txns-duplicate".to_owned())
        );
    }
    assert_eq!(node.view().height.0, 101);
    assert_eq!(submit(&mut node, &honest).as_deref(), Ok("active"));
    assert_eq!(submit(&mut node, &doubled).as_deref(), Ok("duplicate"));
}

#[test]
fn c05_blocks_with_other_witnesses_do_not_keep_the_honest_one_out() {
    let mut node = open(&Disk::default());
    mine_many(&mut node, 1, 3);
    let honest = search(&node.template(free(1), NOW));
    let coinbase = &honest.transactions()[0];
    let with_witness = |items: &[Vec<u8>]| {
        let mut input = coinbase.inputs()[0].clone();
        input.witness = Witness::from_items(items);
        let outputs = coinbase.outputs().to_vec();
        let changed = Transaction::new(2, vec![input], outputs, coinbase.lock_time());
        let block = Block::new(*honest.header(), vec![changed]);
        assert_eq!(block.hash(), honest.hash());
        block
    };
    let cases = [
        (with_witness(&[]), "bad-witness-nonce-size"),
        (with_witness(&[vec![0; 31]]), "bad-witness-nonce-size"),
        (
            with_witness(&[vec![0; 32], vec![]]),
            "bad-witness-nonce-size",
        ),
        (with_witness(&[vec![1; 32]]), "bad-witness-merkle-match"),
    ];
    for _ in 0..3 {
        for (block, code) in &cases {
            assert_eq!(submit(&mut node, block), Err((*code).to_owned()));
        }
    }
    assert_eq!(submit(&mut node, &honest).as_deref(), Ok("active"));
}

#[test]
fn c06_cve_2018_17144_an_output_spent_twice_by_one_transaction_is_refused_everywhere() {
    let mut node = open(&Disk::default());
    let mined = mine_many(&mut node, 1, 101);
    let draft = search(&node.template(free(1), NOW));
    let honest = spend(&mined[0].transactions()[0]);
    let input = honest.inputs()[0].clone();
    let twice = Transaction::new(2, vec![input.clone(), input], honest.outputs().to_vec(), 0);
    let tested = node
        .test_transaction(&twice, Options::default(), NOW)
        .expect("storage works");
    let code = tested.expect_err("it is refused").code().to_owned();
    assert_eq!(code, "bad-txns-inputs-duplicate");
    let bad = rebuilt(&draft, vec![plain_coinbase(&draft), twice]);
    assert_eq!(
        submit(&mut node, &bad),
        Err("bad-txns-inputs-duplicate".to_owned())
    );
    let good = rebuilt(&draft, vec![plain_coinbase(&draft), honest]);
    assert_eq!(submit(&mut node, &good).as_deref(), Ok("active"));
}

#[test]
fn the_proof_of_work_is_judged_before_anything_inside_the_block() {
    let mut node = open(&Disk::default());
    let honest = mine_many(&mut node, 1, 2)[1].clone();
    let mut header = *honest.header();
    let target = header.bits.to_target().expect("a target");
    while target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    // Neither transactions nor a root that fits them.
    let unworked = Block::new(header, Vec::new());
    for _ in 0..2 {
        let verdict = submit(&mut node, &unworked).expect_err("no work was done");
        assert!(verdict.starts_with("high-hash"), "{verdict}");
    }
    while !target.is_met_by(header.block_hash()) {
        header.nonce += 1;
    }
    let worked = Block::new(header, Vec::new());
    assert_eq!(
        submit(&mut node, &worked),
        Err("bad-txnmrklroot".to_owned())
    );
    let raws = [unworked.raw().clone(), worked.raw().clone()];
    let verdicts = node.submit_blocks(&raws, NOW, Durability::Synced);
    let codes: Vec<String> = verdicts
        .expect("storage works")
        .into_iter()
        .map(|verdict| verdict.expect_err("refused").code)
        .collect();
    assert_eq!(codes, ["high-hash", "bad-txnmrklroot"]);
}
