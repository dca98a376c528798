//! The order in which blocks are laid out that follows from their transactions alone.
//!
//! A rule of the house, not of consensus: whoever knows which transactions a block holds knows
//! their order too, so that a block can be told as a set (see the gossip crate).

use crate::hash::Txid;
use crate::transaction::Transaction;

/// Returns the usual order of these transactions, as their indexes: first those that spend
/// nothing of the others, then those that spend only of the first, and so on; among equals by
/// the bytes of the txid.
///
/// It does not depend on the order in which they come, costs `O(n log n)` in transactions and
/// inputs however long the chains are, and always has parents before children.
///
/// # Panics
/// With more than 2^32 transactions.
#[must_use]
pub fn usual_order(transactions: &[&Transaction]) -> Vec<u32> {
    let count = u32::try_from(transactions.len()).expect("a block holds fewer");
    let starts = transactions.iter().map(|it| start(&it.txid()));
    let mut by_txid: Vec<(u64, u32)> = starts.zip(0..count).collect();
    let txid = |index: u32| transactions[index as usize].txid();
    by_txid.sort_unstable_by(|(a, one), (b, other)| {
        let starts = a.cmp(b);
        starts.then_with(|| (txid(*one), one).cmp(&(txid(*other), other)))
    });
    let depths = depths(transactions, &by_txid);
    let mut order: Vec<u32> = by_txid.into_iter().map(|(_, index)| index).collect();
    if let Some(depths) = depths {
        order.sort_by_key(|index| depths[*index as usize]);
    }
    order
}

/// The first bytes of a txid, which order nearly all: they are compared without following a pointer.
fn start(txid: &Txid) -> u64 {
    let start = txid.as_bytes().first_chunk().expect("a txid has 32 bytes");
    u64::from_be_bytes(*start)
}

/// Finds a transaction among those in the order of their txids.
fn find(transactions: &[&Transaction], by_txid: &[(u64, u32)], txid: &Txid) -> Option<u32> {
    let wanted = start(txid);
    let from = by_txid.partition_point(|it| it.0 < wanted);
    let mut alike = by_txid[from..].iter().take_while(|it| it.0 == wanted);
    let found = alike.find(|it| transactions[it.1 as usize].txid() == *txid);
    found.map(|it| it.1)
}

/// Computes how many of the others lie before each one at the most; `None` when none spends of
/// another.
fn depths(transactions: &[&Transaction], by_txid: &[(u64, u32)]) -> Option<Vec<u32>> {
    let mut spends: Vec<(u32, u32)> = Vec::new();
    for (transaction, child) in transactions.iter().zip(0..) {
        for input in transaction.inputs() {
            let parent = find(transactions, by_txid, &input.prevout.txid);
            spends.extend(parent.map(|parent| (parent, child)));
        }
    }
    if spends.is_empty() {
        return None;
    }
    spends.sort_unstable();
    let mut open = vec![0_u32; transactions.len()];
    for (_, child) in &spends {
        open[*child as usize] += 1;
    }
    let mut depths = vec![0; transactions.len()];
    let mut ready: Vec<u32> = (0..)
        .zip(&open)
        .filter(|it| *it.1 == 0)
        .map(|it| it.0)
        .collect();
    while let Some(parent) = ready.pop() {
        let start = spends.partition_point(|it| it.0 < parent);
        for (_, child) in spends[start..].iter().take_while(|it| it.0 == parent) {
            let child = *child as usize;
            depths[child] = depths[child].max(depths[parent as usize] + 1);
            open[child] -= 1;
            if open[child] == 0 {
                ready.push(child as u32);
            }
        }
    }
    Some(depths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Amount;
    use crate::transaction::{OutPoint, Script, TxIn, TxOut, Witness};

    fn spending(parents: &[Txid], number: u32) -> Transaction {
        let input = |(txid, vout): (&Txid, u32)| TxIn {
            prevout: OutPoint::new(*txid, vout),
            script_sig: Script::default(),
            sequence: u32::MAX,
            witness: Witness::default(),
        };
        let output = TxOut {
            value: Amount::from_sat(1000),
            script_pubkey: Script::new(vec![0x51]),
        };
        let inputs = parents.iter().zip(0..).map(input).collect();
        Transaction::new(2, inputs, vec![output], number)
    }

    fn order(transactions: &[Transaction]) -> Vec<u32> {
        usual_order(&transactions.iter().collect::<Vec<_>>())
    }

    #[test]
    fn transactions_without_relatives_are_in_the_order_of_their_txids() {
        let foreign = Txid::from_bytes([7; 32]);
        let some: Vec<_> = (0..50).map(|number| spending(&[foreign], number)).collect();
        let txids: Vec<Txid> = order(&some)
            .iter()
            .map(|at| some[*at as usize].txid())
            .collect();
        assert!(txids.is_sorted_by(|a, b| a < b));
        assert_eq!(txids.len(), 50);
        assert_eq!(order(&[]), [0_u32; 0]);
    }

    #[test]
    fn parents_come_before_children_in_whatever_order_they_are_given() {
        let foreign = Txid::from_bytes([7; 32]);
        let mut family = vec![spending(&[foreign], 0), spending(&[foreign, foreign], 1)];
        for number in 2..40_u32 {
            let parents = [
                family[number as usize - 1].txid(),
                family[number as usize / 2].txid(),
                family[number as usize / 2].txid(),
                foreign,
            ];
            family.push(spending(&parents[..(number as usize % 4 + 1)], number));
        }
        let names = |list: &[Transaction]| -> Vec<Txid> {
            order(list)
                .iter()
                .map(|at| list[*at as usize].txid())
                .collect()
        };
        let expected = names(&family);
        for (place, txid) in expected.iter().enumerate() {
            let it = family
                .iter()
                .find(|it| it.txid() == *txid)
                .expect("one of them");
            for input in it.inputs() {
                let parent = expected
                    .iter()
                    .position(|other| *other == input.prevout.txid);
                assert!(parent.is_none_or(|parent| parent < place));
            }
        }
        family.reverse();
        assert_eq!(names(&family), expected);
        family.swap(3, 17);
        assert_eq!(names(&family), expected);
    }

    #[test]
    fn the_longest_way_decides_and_not_the_shortest() {
        let foreign = Txid::from_bytes([7; 32]);
        let first = spending(&[foreign], 0);
        let second = spending(&[first.txid()], 1);
        let third = spending(&[first.txid(), second.txid()], 2);
        assert_eq!(order(&[third, first, second]), [1, 2, 0]);
    }

    #[test]
    fn a_chain_of_a_whole_block_is_ordered_at_once() {
        let mut chain = vec![spending(&[Txid::from_bytes([7; 32])], 0)];
        for number in 1..16_665 {
            chain.push(spending(&[chain[number - 1].txid()], 0));
        }
        chain.reverse();
        let expected: Vec<u32> = (0..16_665).rev().collect();
        assert_eq!(order(&chain), expected);
    }
}
