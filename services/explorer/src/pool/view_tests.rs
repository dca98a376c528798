use synod_primitives::{Amount, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness};

use super::*;

fn output(tag: u8, sat: i64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: Script::new(vec![0x51, tag]),
    }
}

fn spend(prevout: OutPoint, tag: u8) -> PoolEntry {
    let input = TxIn {
        prevout,
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let transaction = Transaction::new(2, vec![input], vec![output(tag, 900)], 0);
    PoolEntry::new(&transaction, vec![output(0, 1000)], 7)
}

fn coin(tag: u8) -> OutPoint {
    OutPoint::new(Txid::from_bytes([tag; 32]), 0)
}

#[test]
fn a_transaction_that_leaves_leaves_no_trace() {
    let mut view = PoolView::default();
    let entry = spend(coin(1), 1);
    let (txid, scripts) = (entry.transaction.txid(), entry.scripts.clone());
    view.insert(entry);
    assert_eq!((view.len(), view.fees_sat()), (1, 100));
    assert_eq!(scripts.len(), 2);
    assert!(
        scripts
            .iter()
            .all(|script| view.of_script(script).count() == 1)
    );
    assert!(view.remove(&txid) && !view.remove(&txid));
    assert_eq!((view.len(), view.fees_sat(), view.vsize()), (0, 0, 0));
    assert!(
        scripts
            .iter()
            .all(|script| view.of_script(script).count() == 0)
    );
    assert_eq!(view.spender(&coin(1)), None);
    assert_eq!(view.recent().count(), 0);
}

#[test]
fn a_replacement_takes_out_what_it_conflicts_with_and_its_descendants() {
    let mut view = PoolView::default();
    let parent = spend(coin(1), 1);
    let child = spend(parent.transaction.outpoint(0), 2);
    let other = spend(coin(1), 3);
    let ids = [&parent, &child, &other].map(|entry| entry.transaction.txid());
    view.insert(parent);
    view.insert(child);
    view.insert(other);
    assert_eq!(ids.map(|id| view.get(&id).is_some()), [false, false, true]);
    assert_eq!(view.spender(&coin(1)).map(|(txid, _)| txid), Some(ids[2]));
}

#[test]
fn a_confirmed_parent_leaves_its_child_in_the_mempool() {
    let mut view = PoolView::default();
    let parent = spend(coin(1), 1);
    let child = spend(parent.transaction.outpoint(0), 2);
    let (parent_tx, child_id) = (parent.transaction.clone(), child.transaction.txid());
    view.insert(parent);
    view.insert(child);
    view.confirm(&parent_tx);
    assert_eq!(view.len(), 1);
    assert!(view.get(&child_id).is_some());
}

#[test]
fn a_copy_is_not_changed_by_later_arrivals() {
    let mut view = PoolView::default();
    view.insert(spend(coin(1), 1));
    let copy = view.clone();
    view.insert(spend(coin(2), 2));
    assert_eq!((copy.len(), view.len()), (1, 2));
    assert!(copy.sequence < view.sequence);
}
