use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Witness};

use super::*;
use crate::pool::PoolEntry;

fn entry(prevout: OutPoint, fee_sat: i64, padding: usize) -> PoolEntry {
    let output = |sat| TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: Script::new(vec![0x51; 1 + padding]),
    };
    let input = TxIn {
        prevout,
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let transaction = Transaction::new(2, vec![input], vec![output(1_000_000)], 0);
    PoolEntry::new(&transaction, vec![output(1_000_000 + fee_sat)], 0)
}

fn coin(tag: u16) -> OutPoint {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&tag.to_le_bytes());
    OutPoint::new(Txid::from_bytes(bytes), 0)
}

#[test]
fn an_empty_mempool_makes_no_block_and_recommends_the_least_rate() {
    let projection = Projection::of(&PoolView::default());
    assert!(projection.blocks.is_empty() && projection.histogram.is_empty());
    assert!((projection.estimate(1) - 1.0).abs() < f64::EPSILON);
    assert!((projection.recommended().fastest - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_child_that_pays_takes_its_parent_along() {
    let mut view = PoolView::default();
    let parent = entry(coin(1), 0, 0);
    let child = entry(parent.transaction.outpoint(0), 1000, 0);
    let middle = entry(coin(2), 200, 0);
    let ids = [&parent, &child, &middle].map(|entry| entry.transaction.txid());
    for entry in [middle, parent, child] {
        view.insert(entry);
    }
    let order: Vec<Txid> = order(&view).into_iter().map(|(txid, _)| txid).collect();
    assert_eq!(order, ids);
}

#[test]
fn a_child_whose_parent_was_taken_by_a_sibling_has_its_own_rate() {
    let mut view = PoolView::default();
    let parent = entry(coin(1), 900, 0);
    let child = entry(parent.transaction.outpoint(0), 10, 0);
    let other = entry(coin(2), 300, 0);
    let ids = [&parent, &other, &child].map(|entry| entry.transaction.txid());
    for entry in [other, parent, child] {
        view.insert(entry);
    }
    let order: Vec<Txid> = order(&view).into_iter().map(|(txid, _)| txid).collect();
    assert_eq!(order, ids);
}

#[test]
fn full_blocks_raise_the_estimate_of_their_place_only() {
    let mut view = PoolView::default();
    for tag in 0..25 {
        // 25 transactions of about 90,000 vbytes: two full blocks and a part of a third.
        view.insert(entry(coin(tag), 90_000 * i64::from(tag + 2), 90_000));
    }
    let projection = view.projection();
    assert_eq!(projection.blocks.len(), 3);
    assert!(projection.estimate(1) > projection.estimate(2));
    assert!(projection.estimate(2) > 1.0);
    assert!((projection.estimate(3) - 1.0).abs() < f64::EPSILON);
    let total: u64 = projection.histogram.iter().map(|(_, vsize)| vsize).sum();
    assert_eq!(total, view.vsize());
    assert!(projection.histogram.is_sorted_by(|a, b| a.0 > b.0));
    let places = view
        .entries()
        .map(|entry| projection.place(&entry.transaction.txid()));
    assert!(
        places
            .into_iter()
            .all(|place| place.is_some_and(|place| place < 3))
    );
}
