//! The orphan pool: its limits, and who is pushed out at them.

use synod_primitives::{
    Amount, BlockHash, CompactTarget, Header, MerkleRoot, Script, TxIn, TxOut, Witness,
};

use super::*;

const NOW: u64 = 1_700_000_000;

fn orphan(parent: u64, size: usize) -> Transaction {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&parent.to_le_bytes());
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes(id), 3),
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::EMPTY,
    };
    let script_pubkey = Script::new(vec![7; size]);
    Transaction::new(
        2,
        vec![input],
        vec![TxOut {
            value: Amount::COIN,
            script_pubkey,
        }],
        0,
    )
}

fn pool() -> OrphanPool {
    OrphanPool::new(OrphanLimits::default())
}

fn check(pool: &OrphanPool) {
    let mut usage: BTreeMap<PeerId, (usize, usize)> = BTreeMap::new();
    for orphan in pool.orphans.values() {
        for peer in &orphan.peers {
            let sums = usage.entry(*peer).or_default();
            *sums = (sums.0 + 1, sums.1 + orphan.transaction.size());
        }
    }
    let noted = pool
        .usage
        .iter()
        .map(|(peer, usage)| (*peer, (usage.count, usage.bytes)));
    assert_eq!(noted.collect::<BTreeMap<_, _>>(), usage);
    assert_eq!(pool.by_age.len(), pool.orphans.len());
    assert!(
        pool.by_outpoint
            .values()
            .flatten()
            .all(|wtxid| pool.orphans.contains_key(wtxid))
    );
    assert!(pool.len() <= pool.limits.count);
}

#[test]
fn children_are_found_the_oldest_first() {
    let mut pool = pool();
    let (first, second, other) = (orphan(1, 30), orphan(1, 20), orphan(2, 20));
    for tx in [&first, &second, &other] {
        assert!(pool.add(tx, PeerId(1), NOW));
    }
    let children = pool.children_of(&first.inputs()[0].prevout.txid);
    let ids: Vec<_> = children
        .iter()
        .map(|(tx, peer)| (tx.wtxid(), *peer))
        .collect();
    assert_eq!(
        ids,
        vec![(first.wtxid(), PeerId(1)), (second.wtxid(), PeerId(1))]
    );
    for child in [&first, &second] {
        assert!(pool.remove(&child.wtxid()).is_some());
    }
    assert!(pool.children_of(&first.inputs()[0].prevout.txid).is_empty());
    assert!(pool.find_by_txid(&other.txid()).is_some());
    assert!(pool.find_by_txid(&first.txid()).is_none());
    check(&pool);
}

#[test]
fn m08_an_orphan_flood_from_one_peer_pushes_out_only_its_own() {
    let mut pool = pool();
    let honest = orphan(0, 20);
    assert!(pool.add(&honest, PeerId(0), NOW));
    for number in 1..10_000 {
        pool.add(&orphan(number, 20), PeerId(1), NOW);
    }
    assert_eq!(pool.len(), 100);
    assert!(pool.find(&honest.wtxid()).is_some());
    assert!(
        pool.find(&orphan(9_999, 20).wtxid()).is_some(),
        "the flood pushes out its oldest"
    );
    check(&pool);
}

#[test]
fn m08_an_orphan_flood_from_100_peers_pushes_out_no_honest_one() {
    let mut pool = pool();
    let honest = orphan(0, 20);
    assert!(pool.add(&honest, PeerId(0), NOW));
    for number in 1..20_000 {
        pool.add(&orphan(number, 20), PeerId(1 + number % 100), NOW);
    }
    assert_eq!(pool.len(), 100);
    assert!(pool.find(&honest.wtxid()).is_some());
    check(&pool);
}

#[test]
fn m08_a_peers_bytes_are_limited() {
    let mut pool = pool();
    let large = |number| orphan(number, 99_900);
    for number in 0..4 {
        assert!(pool.add(&large(number), PeerId(1), NOW), "{number}");
    }
    assert!(
        !pool.add(&large(4), PeerId(1), NOW),
        "a fifth of the largest is too much"
    );
    assert!(pool.add(&large(4), PeerId(2), NOW));
    check(&pool);
}

#[test]
fn m08_an_orphan_weighs_400_000_at_most() {
    let mut pool = pool();
    let fixed = orphan(1, 10_000).weight().0 - 40_000;
    let size = usize::try_from((400_000 - fixed) / 4).expect("small") - 2;
    let (fits, exceeds) = (orphan(1, size), orphan(1, size + 1));
    assert_eq!(fits.weight(), MAX_ORPHAN_WEIGHT);
    assert!(!pool.add(&exceeds, PeerId(1), NOW));
    assert!(pool.add(&fits, PeerId(1), NOW));
}

#[test]
fn m08_orphans_expire_after_20_minutes() {
    let mut pool = pool();
    let tx = orphan(1, 20);
    pool.add(&tx, PeerId(1), NOW);
    pool.expire(NOW + ORPHAN_EXPIRY_S - 1);
    assert_eq!(pool.len(), 1);
    pool.expire(NOW + ORPHAN_EXPIRY_S);
    assert!(pool.is_empty());
    check(&pool);
}

#[test]
fn an_orphan_that_two_peers_have_stays_when_one_leaves() {
    let mut pool = pool();
    let (shared, single) = (orphan(1, 20), orphan(2, 20));
    pool.add(&shared, PeerId(1), NOW);
    pool.add(&shared, PeerId(2), NOW);
    pool.add(&single, PeerId(1), NOW);
    check(&pool);
    pool.forget_peer(PeerId(1));
    assert!(pool.find(&shared.wtxid()).is_some());
    assert!(pool.find(&single.wtxid()).is_none());
    check(&pool);
    pool.forget_peer(PeerId(2));
    assert!(pool.is_empty());
    check(&pool);
}

#[test]
fn only_so_many_announcers_are_remembered() {
    let mut pool = pool();
    let tx = orphan(1, 20);
    for peer in 0..100 {
        assert!(pool.add(&tx, PeerId(peer), NOW));
    }
    assert_eq!(pool.orphans[&tx.wtxid()].peers.len(), MAX_ORPHAN_ANNOUNCERS);
    check(&pool);
}

#[test]
fn a_block_drops_what_it_holds_and_what_conflicts_with_it() {
    let mut pool = pool();
    let (held, conflicts, other) = (orphan(1, 20), orphan(1, 30), orphan(2, 20));
    for tx in [&held, &conflicts, &other] {
        pool.add(tx, PeerId(1), NOW);
    }
    let header = Header {
        version: 4,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time: 0,
        bits: CompactTarget(0x207f_ffff),
        nonce: 0,
    };
    pool.remove_for_block(&Block::new(header, vec![held]));
    assert_eq!(pool.len(), 1);
    assert!(pool.find(&other.wtxid()).is_some());
    check(&pool);
}
