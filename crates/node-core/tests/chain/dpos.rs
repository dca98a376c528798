//! A node of a chain with delegated proof of stake: blocks from templates, finality, restarts.

use synod_engine_dpos::FinalityProof;
use synod_node_core::Placement;
use synod_testkit::{Author, Bond, SealedSpec, Signer, submit};

use crate::kit::{Disk, open_spec};
use crate::pos::{bootstrapped, finalized, proposal};

/// One delegate for four seats, so that this node alone makes blocks final.
pub(crate) fn author() -> Author {
    let spec = SealedSpec {
        engine: "dpos",
        rules: String::new(),
        settings: "seats = 4".to_owned(),
        time: 1_800_000_000,
        blocks: 3,
        bonds: vec![Bond {
            seed: 1,
            amount_sat: 5_000_000_000,
        }],
    };
    Author::new(spec.spec(), &[1])
}

#[test]
fn the_bootstrap_is_final_and_so_is_every_block_but_the_last_of_a_sole_delegate() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    assert_eq!(finalized(&node).0, 3);
    for slot in 1..=10 {
        assert_eq!(author.run_slot(&mut node, slot).len(), 1);
        assert!(
            author.run_slot(&mut node, slot).is_empty(),
            "a slot is used once"
        );
        assert_eq!(
            node.view().height.0,
            3 + u32::try_from(slot).expect("small")
        );
        assert_eq!(finalized(&node).0, node.view().height.0 - 1);
    }
    let (block, proof) = node.chain().finality().expect("final");
    let proof = FinalityProof::decode(proof).expect("a proof");
    assert_eq!(proof.block, *block);
    assert_eq!(proof.shown_by.hash, node.view().hash);
    // An empty slot is no block and no time for one.
    author.run_slot(&mut node, 14);
    assert_eq!(node.view().height.0, 3 + 11);
}

#[test]
fn a_start_from_any_commit_knows_what_was_final_and_uses_no_slot_twice() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    for slot in 1..=9 {
        author.run_slot(&mut node, slot);
    }
    let (tip, last) = (node.view().hash, finalized(&node));
    drop(node);
    let history = disk
        .history
        .lock()
        .expect("no test panics while it writes")
        .clone();
    let mut heights = Vec::new();
    for storage in history {
        let node = open_spec(&author.spec, &Disk::of(storage));
        heights.push(node.view().finalized.map_or(0, |it| it.height.0));
    }
    assert!(heights.is_sorted(), "{heights:?}");
    let mut node = open_spec(&author.spec, &disk);
    assert_eq!((node.view().hash, finalized(&node)), (tip, last));
    assert_eq!(author.run_slot(&mut node, 9).len(), 0);
    assert_eq!(author.run_slot(&mut node, 10).len(), 1);
    assert_eq!(finalized(&node).0, last.0 + 1);
}

#[test]
fn a_second_block_for_a_slot_is_stored_beside_the_first_and_a_stranger_s_is_not() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    let now = author.slot_time(1);
    let proposal = proposal(&author, &mut node, 1);
    let first = author.build(&node, &proposal, now).expect("its key");
    let other = self::author().paying(2);
    let second = other.build(&node, &proposal, now).expect("its key");
    let stranger = {
        let mut seal = proposal.seal.clone();
        seal.key = Signer::new(9).public();
        let template = author.template(&node, Some(proposal.time), now);
        Signer::new(9).seal(&template, &seal, &author.spec.chain_id().0)
    };
    let refusal = submit(&mut node, &stranger, now).expect_err("it has no seat");
    assert_eq!(refusal.code, "bad-seal-proposer");
    assert_eq!(submit(&mut node, &first, now), Ok(Placement::Active));
    assert_eq!(submit(&mut node, &second, now), Ok(Placement::Side));
    assert_eq!(node.view().hash, first.hash());
}

#[test]
fn a_branch_below_the_final_block_is_refused_however_it_is_shown() {
    let (author, disk) = (author(), Disk::default());
    let mut node = bootstrapped(&author, &disk);
    let mut copy = open_spec(&author.spec, &Disk::of(disk.lock().clone()));
    let other = self::author().paying(2);
    let early: Vec<_> = (1..=6)
        .flat_map(|slot| other.run_slot(&mut copy, slot))
        .collect();
    for slot in 1..=4 {
        author.run_slot(&mut node, slot);
    }
    let (tip, headers) = (node.view().hash, node.chain().tree().len());
    let now = author.slot_time(6);
    let refusal = submit(&mut node, &early[0], now).expect_err("refused");
    assert_eq!(refusal.code, "bad-fork-prior-to-finalized");
    let engine = copy.chain().engine();
    let page: Vec<_> = early
        .iter()
        .map(|block| (*block.header(), engine.proof_of(block)))
        .collect();
    let judged = node.chain_mut().judge_headers(
        &mut synod_node_core::HeaderSync::default(),
        &page,
        false,
        now,
    );
    assert_eq!(
        judged.expect_err("refused").code,
        "bad-fork-prior-to-finalized"
    );
    assert_eq!(
        (node.view().hash, node.chain().tree().len()),
        (tip, headers)
    );
}
