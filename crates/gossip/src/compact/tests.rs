use synod_primitives::{
    Amount, CompactTarget, MerkleRoot, OutPoint, Script, TxIn, TxOut, Txid, Witness,
};

use super::*;

fn spending(parent: OutPoint, n: u32) -> Transaction {
    let input = TxIn {
        prevout: parent,
        script_sig: Script::default(),
        sequence: u32::MAX,
        witness: Witness::from_items(&[n.to_le_bytes()]),
    };
    let output = TxOut {
        value: Amount::from_sat(1000),
        script_pubkey: Script::new(vec![0x51]),
    };
    Transaction::new(2, vec![input], vec![output], 0)
}

fn transaction(n: u32) -> Transaction {
    spending(OutPoint::new(Txid::from_bytes([7; 32]), n), n)
}

fn block_of(transactions: Vec<Transaction>) -> Block {
    let mut header = Header {
        version: 4,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time: 1,
        bits: CompactTarget(0x207f_ffff),
        nonce: 0,
    };
    let draft = Block::new(header, transactions.clone());
    header.merkle_root = MerkleRoot::from_bytes(draft.merkle_root().hash);
    Block::new(header, transactions)
}

/// A block in the usual order.
fn block(count: u32) -> Block {
    let others: Vec<Transaction> = (1..count).map(transaction).collect();
    let order = usual_order(&others.iter().collect::<Vec<_>>());
    let mut all = vec![transaction(0)];
    all.extend(order.iter().map(|at| others[*at as usize].clone()));
    block_of(all)
}

fn pool(transactions: &[Transaction]) -> Vec<(Wtxid, &Bytes)> {
    transactions
        .iter()
        .map(|it| (it.wtxid(), it.raw()))
        .collect()
}

fn start(compact: &CompactBlock, known: &[Transaction]) -> Reconstruction {
    Reconstruction::start(compact, pool(known))
}

#[test]
fn a_full_block_of_known_transactions_is_whole_at_once_and_costs_four_kilobytes() {
    let block = block(2801);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 100);
    let bytes = compact.encode();
    let coinbase = block.transactions()[0].size();
    let ids = bytes.len() - (80 + 4 + 8 + 4 + coinbase + 4 + 1 + 4 + 4);
    assert!(ids * 8 < 2800 * 12, "{ids} bytes");
    let read = CompactBlock::decode(bytes.into()).expect("it reads back");
    assert_eq!(read, compact);
    let mut known = block.transactions()[1..].to_vec();
    known.reverse();
    known.push(transaction(5000));
    let rebuilt = start(&read, &known).finish();
    assert_eq!(rebuilt, Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn a_block_in_another_order_brings_its_places_along() {
    let usual = block(300);
    let mut transactions = usual.transactions().to_vec();
    transactions[1..].reverse();
    let block = block_of(transactions);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    assert!(compact.places.is_some());
    let bytes = compact.encode();
    let usual = CompactBlock::of(&usual, Bytes::new(), 77, 0).encode();
    // Nine bits a place.
    assert!(bytes.len().abs_diff(usual.len() + 299 * 9 / 8) < 20);
    let read = CompactBlock::decode(bytes.into()).expect("it reads back");
    assert_eq!(read, compact);
    let rebuilt = start(&read, &block.transactions()[1..]).finish();
    assert_eq!(rebuilt, Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn parents_and_children_need_no_places() {
    let mut family = vec![transaction(1)];
    for n in 2..60 {
        let parent = family[(n / 3) as usize].txid();
        family.push(spending(OutPoint::new(parent, n), n));
    }
    let order = usual_order(&family.iter().collect::<Vec<_>>());
    let mut all = vec![transaction(0)];
    all.extend(order.iter().map(|at| family[*at as usize].clone()));
    let block = block_of(all);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    assert_eq!(compact.places, None);
    let rebuilt = start(&compact, &family).finish();
    assert_eq!(rebuilt, Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn a_block_of_a_coinbase_alone_is_whole() {
    let block = block(1);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    let read = CompactBlock::decode(compact.encode().into()).expect("it reads back");
    let rebuilt = start(&read, &[transaction(4)]).finish();
    assert_eq!(rebuilt, Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn what_is_missing_is_named_by_its_rank_and_filled_in() {
    let block = block(6);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    let known = &block.transactions()[1..4];
    let missing = start(&compact, known).missing();
    assert_eq!(missing.len(), 2);
    let raws = transactions_of_ranks(&block, 77, &missing).expect("they are there");
    for raw in &raws {
        assert!(block.transactions()[4..].iter().any(|it| it.raw() == raw));
    }
    let mut rebuilt = start(&compact, known);
    assert_eq!(rebuilt.finish(), Rebuilt::Missing(missing.clone()));
    assert_eq!(rebuilt.fill(raws[..1].to_vec()), Err(WireError::Truncated));
    let mut rebuilt = start(&compact, known);
    let many = [&raws[..], &raws[..1]].concat();
    assert_eq!(rebuilt.fill(many), Err(WireError::TooLong));
    let mut rebuilt = start(&compact, known);
    assert_eq!(rebuilt.fill(raws), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
    assert_eq!(transactions_of_ranks(&block, 77, &[0, 5]), None);
    assert_eq!(transactions_of_ranks(&block, 77, &[u32::MAX]), None);
}

#[test]
fn p21_wrong_transactions_are_a_collision_and_nobodys_fault() {
    let block = block(4);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    let mut rebuilt = start(&compact, &[]);
    let other = transaction(900).raw().clone();
    assert_eq!(
        rebuilt.fill(vec![other.clone(), other.clone(), other]),
        Ok(())
    );
    assert_eq!(rebuilt.finish(), Rebuilt::Collided);
    let mut rebuilt = start(&compact, &[]);
    assert_eq!(rebuilt.fill(vec![Bytes::from_static(b"junk"); 3]), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Collided);
    let mut compact = compact;
    compact.coinbase = Bytes::from_static(b"junk");
    let rebuilt = start(&compact, block.transactions()).finish();
    assert_eq!(rebuilt, Rebuilt::Collided);
}

/// Transactions that are not of the block and are taken for one of it, as the compact form has it.
fn mistaken(compact: &CompactBlock, count: usize) -> Vec<Transaction> {
    let keys = ShortIds::new(&compact.header, compact.nonce);
    let id = |it: &Transaction| reduce(keys.hash(&it.wtxid()), compact.ids.len(), compact.rice);
    let strangers = (1_000_000..).map(transaction);
    strangers
        .filter(|it| compact.ids.binary_search(&id(it)).is_ok())
        .take(count)
        .collect()
}

#[test]
fn p21_a_few_short_ids_that_more_of_the_pool_have_are_told_apart_by_the_merkle_root() {
    let block = block(400);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    // Two at one id more than double the ways, three are eight at the most.
    let mut known = block.transactions()[1..].to_vec();
    known.extend(mistaken(&compact, 3));
    let mut rebuilt = start(&compact, &known);
    assert_eq!(rebuilt.missing(), [0_u32; 0]);
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn p21_many_short_ids_that_more_of_the_pool_have_are_asked_for() {
    let block = block(400);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    let mut known = block.transactions()[1..].to_vec();
    known.extend(mistaken(&compact, 40));
    let mut rebuilt = start(&compact, &known);
    let missing = rebuilt.missing();
    assert!((30..=40).contains(&missing.len()), "{}", missing.len());
    let raws = transactions_of_ranks(&block, 77, &missing).expect("they are there");
    assert_eq!(rebuilt.fill(raws), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn p21_what_no_choice_decides_is_asked_for() {
    let block = block(400);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    // One transaction of the block is not here, and two others have its short id.
    let keys = ShortIds::new(&compact.header, compact.nonce);
    let id = |it: &Transaction| reduce(keys.hash(&it.wtxid()), compact.ids.len(), compact.rice);
    let strangers = mistaken(&compact, 300);
    let twin = |it: &Transaction| {
        let mut same = strangers.iter().filter(|other| id(other) == id(it));
        same.next().cloned().zip(same.next().cloned())
    };
    let mut others = block.transactions()[1..].iter();
    let (lost, (one, two)) = others
        .find_map(|it| twin(it).map(|twins| (it, twins)))
        .expect("of so many some are alike");
    let mut known: Vec<Transaction> = block.transactions()[1..].to_vec();
    known.retain(|it| it != lost);
    known.extend([one.clone(), two]);
    let mut rebuilt = start(&compact, &known);
    let Rebuilt::Missing(missing) = rebuilt.finish() else {
        panic!("no choice gives the block");
    };
    let raws = transactions_of_ranks(&block, 77, &missing).expect("they are there");
    assert_eq!(raws, [lost.raw().clone()]);
    assert_eq!(rebuilt.fill(raws), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
    // With one of them alone nothing shows the mistake but the root.
    known.pop();
    assert_eq!(start(&compact, &known).finish(), Rebuilt::Collided);
}

#[test]
fn transactions_of_a_block_that_share_a_short_id_need_all_be_known() {
    let keys_of = |compact: &CompactBlock| compact.ids.windows(2).position(|it| it[0] == it[1]);
    let block = block(400);
    let told = |nonce| CompactBlock::of(&block, Bytes::new(), nonce, 0);
    let (compact, rank) = (0..)
        .map(told)
        .find_map(|it| keys_of(&it).map(|rank| (it, rank as u32)))
        .expect("among so many nonces one is unlucky");
    let bytes = Bytes::from(compact.encode());
    assert_eq!(CompactBlock::decode(bytes), Ok(compact.clone()));
    let known = &block.transactions()[1..];
    let rebuilt = start(&compact, known).finish();
    assert_eq!(rebuilt, Rebuilt::Whole(block.raw().clone()));
    let pair = transactions_of_ranks(&block, compact.nonce, &[rank, rank + 1]).expect("both");
    let but_one: Vec<_> = known
        .iter()
        .filter(|it| *it.raw() != pair[0])
        .cloned()
        .collect();
    assert_eq!(start(&compact, &but_one).missing(), [rank, rank + 1]);
}

#[test]
fn the_same_transaction_twice_is_no_doubt() {
    let block = block(3);
    let compact = CompactBlock::of(&block, Bytes::new(), 77, 0);
    let known = block.transactions();
    let mut twice = pool(known);
    twice.push((known[1].wtxid(), known[1].raw()));
    let mut rebuilt = Reconstruction::start(&compact, twice);
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn short_ids_depend_on_header_and_nonce_and_grow_with_the_mempool() {
    let block = block(30);
    let told = |nonce, mempool| CompactBlock::of(&block, Bytes::new(), nonce, mempool);
    assert_ne!(told(1, 0).ids, told(2, 0).ids);
    assert!(told(1, 0).ids.is_sorted());
    let rice = |mempool| told(1, mempool).rice;
    assert_eq!((rice(0), rice(255), rice(256)), (10, 10, 11));
    assert_eq!((rice(50_000), rice(usize::MAX)), (18, 32));
}

#[test]
fn cut_overlong_and_disordered_bodies_are_refused() {
    let block = block(4);
    let mut compact = CompactBlock::of(&block, Bytes::new(), 1, 0);
    compact.places = Some(vec![2, 0, 1]);
    let body = Bytes::from(compact.encode());
    assert_eq!(CompactBlock::decode(body.clone()), Ok(compact.clone()));
    for end in 0..body.len() {
        let cut = CompactBlock::decode(body.slice(..end));
        assert_eq!(cut, Err(WireError::Truncated), "{end}");
    }
    let mut longer = body.to_vec();
    longer.push(0);
    assert_eq!(CompactBlock::decode(longer.into()), Err(WireError::TooLong));

    let decode = |compact: &CompactBlock| CompactBlock::decode(compact.encode().into());
    for places in [vec![2, 0, 2], vec![2, 0, 3]] {
        compact.places = Some(places);
        assert_eq!(decode(&compact), Err(WireError::Malformed));
    }
    compact.places = None;
    compact.ids[2] = (3 << 10) - 1;
    assert_eq!(decode(&compact).as_ref(), Ok(&compact));
    compact.ids[2] = 3 << 10;
    assert_eq!(
        decode(&compact),
        Err(WireError::Malformed),
        "past its range"
    );
    compact.ids.clear();
    for rice in [9, 33] {
        compact.rice = rice;
        assert_eq!(decode(&compact), Err(WireError::TooLong));
    }

    let coinbase = block.transactions()[0].size();
    let mut huge = body[..80 + 4 + 8 + 4 + coinbase].to_vec();
    huge.extend_from_slice(&(MAX_BLOCK_TRANSACTIONS as u32).to_le_bytes());
    huge.push(10);
    let most = huge.len() - 5;
    assert_eq!(
        CompactBlock::decode(huge.clone().into()),
        Err(WireError::TooLong)
    );
    huge[most..most + 4].copy_from_slice(&(MAX_BLOCK_TRANSACTIONS as u32 - 1).to_le_bytes());
    assert_eq!(CompactBlock::decode(huge.into()), Err(WireError::Truncated));
}
