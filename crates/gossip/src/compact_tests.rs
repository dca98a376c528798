use synod_primitives::{
    Amount, CompactTarget, MerkleRoot, OutPoint, Script, TxIn, TxOut, Txid, Witness,
};

use super::*;

fn transaction(n: u32) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::new(Txid::from_bytes([7; 32]), n),
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

fn block(count: u32) -> Block {
    let transactions: Vec<Transaction> = (0..count).map(transaction).collect();
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

fn pool(transactions: &[Transaction]) -> Vec<(Wtxid, &Bytes)> {
    transactions
        .iter()
        .map(|it| (it.wtxid(), it.raw()))
        .collect()
}

#[test]
fn a_block_of_known_transactions_is_whole_at_once_and_costs_six_bytes_each() {
    let block = block(2801);
    let compact = CompactBlock::of(&block, Bytes::new(), 77);
    let bytes = compact.encode();
    let coinbase = block.transactions()[0].size();
    assert_eq!(bytes.len(), 80 + 4 + 8 + 4 + 2800 * 6 + 4 + 8 + coinbase);
    let read = CompactBlock::decode(bytes.into()).expect("it reads back");
    assert_eq!(read, compact);
    let mut known = block.transactions()[1..].to_vec();
    known.reverse();
    known.push(transaction(5000));
    let rebuilt = Reconstruction::start(&read, pool(&known)).expect("no collision");
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn what_is_missing_is_named_and_filled_in() {
    let block = block(6);
    let compact = CompactBlock::of(&block, Bytes::new(), 77);
    let known = &block.transactions()[1..4];
    let mut rebuilt = Reconstruction::start(&compact, pool(known)).expect("no collision");
    assert_eq!(rebuilt.finish(), Rebuilt::Missing(vec![4, 5]));
    let raw = |at: usize| block.transactions()[at].raw().clone();
    assert_eq!(rebuilt.fill(vec![raw(4)]), Err(WireError::Truncated));
    let mut rebuilt = Reconstruction::start(&compact, pool(known)).expect("no collision");
    let many = vec![raw(4), raw(5), raw(1)];
    assert_eq!(rebuilt.fill(many), Err(WireError::TooLong));
    let mut rebuilt = Reconstruction::start(&compact, pool(known)).expect("no collision");
    assert_eq!(rebuilt.fill(vec![raw(4), raw(5)]), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Whole(block.raw().clone()));
}

#[test]
fn p21_wrong_transactions_are_a_collision_and_nobodys_fault() {
    let block = block(4);
    let compact = CompactBlock::of(&block, Bytes::new(), 77);
    let mut rebuilt = Reconstruction::start(&compact, []).expect("no collision");
    let other = transaction(900).raw().clone();
    assert_eq!(
        rebuilt.fill(vec![other.clone(), other.clone(), other]),
        Ok(())
    );
    assert_eq!(rebuilt.finish(), Rebuilt::Collided);
    let mut rebuilt = Reconstruction::start(&compact, []).expect("no collision");
    assert_eq!(rebuilt.fill(vec![Bytes::from_static(b"junk"); 3]), Ok(()));
    assert_eq!(rebuilt.finish(), Rebuilt::Collided);
}

#[test]
fn p21_two_transactions_of_a_block_with_one_short_id_ask_for_the_whole_block() {
    let mut compact = CompactBlock::of(&block(4), Bytes::new(), 77);
    compact.ids[2] = compact.ids[0];
    assert!(Reconstruction::start(&compact, []).is_none());
}

#[test]
fn p21_a_short_id_that_two_of_the_pool_have_is_asked_for() {
    let block = block(3);
    let compact = CompactBlock::of(&block, Bytes::new(), 77);
    // Two ids of the pool stand for one place only if both have its short id; here the second
    // one is the same bytes under another name.
    let known = block.transactions();
    let mut twin = pool(known);
    twin.push((known[1].wtxid(), known[1].raw()));
    let rebuilt = Reconstruction::start(&compact, twin).expect("no collision");
    assert_eq!(
        rebuilt.missing(),
        [0_u32; 0],
        "the same one twice is no doubt"
    );
}

#[test]
fn short_ids_depend_on_header_and_nonce() {
    let block = block(3);
    let one = CompactBlock::of(&block, Bytes::new(), 1);
    let two = CompactBlock::of(&block, Bytes::new(), 2);
    assert_ne!(one.ids, two.ids);
    assert!(one.ids.iter().all(|id| id >> 48 == 0));
}

#[test]
fn cut_overlong_and_disordered_bodies_are_refused() {
    let block = block(4);
    let mut compact = CompactBlock::of(&block, Bytes::new(), 1);
    let body = Bytes::from(compact.encode());
    for end in 0..body.len() {
        let cut = CompactBlock::decode(body.slice(..end));
        assert_eq!(cut, Err(WireError::Truncated), "{end}");
    }
    let mut longer = body.to_vec();
    longer.push(0);
    assert_eq!(CompactBlock::decode(longer.into()), Err(WireError::TooLong));

    let raw = block.transactions()[1].raw().clone();
    compact.prefilled.push((4, raw.clone()));
    assert!(CompactBlock::decode(compact.encode().into()).is_ok());
    compact.prefilled[1].0 = 5;
    assert!(
        CompactBlock::decode(compact.encode().into()).is_err(),
        "outside"
    );
    compact.prefilled[1].0 = 0;
    assert!(
        CompactBlock::decode(compact.encode().into()).is_err(),
        "twice"
    );
    compact.ids.clear();
    compact.prefilled.clear();
    assert!(
        CompactBlock::decode(compact.encode().into()).is_err(),
        "empty"
    );

    let mut huge = body[..92].to_vec();
    huge.extend_from_slice(&(MAX_BLOCK_TRANSACTIONS as u32 + 1).to_le_bytes());
    assert_eq!(CompactBlock::decode(huge.into()), Err(WireError::TooLong));
}
