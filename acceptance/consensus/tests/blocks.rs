//! Blocks, headers and targets as bytes and numbers.

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bytes::Bytes;
use synod_primitives::{
    Block, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    Witness,
};
use synod_referees::random::Random;
use synod_referees::signer::Signer;
use synod_referees::{rounds, spend};

/// The most payments of a block here.
const MAX_PAYMENTS: usize = 9;
/// How often each block is damaged.
const DAMAGES: usize = 8;

fn header(random: &mut Random) -> Header {
    Header {
        version: i32::from_le_bytes(random.array()[..4].try_into().expect("4 bytes")),
        previous_block_hash: BlockHash::from_bytes(random.array()),
        merkle_root: MerkleRoot::from_bytes(random.array()),
        time: random.bits() as u32,
        bits: CompactTarget(random.bits() as u32),
        nonce: random.bits() as u32,
    }
}

fn coinbase(random: &mut Random, payment: &Transaction) -> Transaction {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(random.bytes(9)),
        sequence: u32::MAX,
        witness: Witness::from_items(&[random.array()]),
    };
    Transaction::new(2, vec![input], payment.outputs().to_vec(), 0)
}

fn block(random: &mut Random, signer: &Signer) -> Block {
    let count = 1 + random.below(MAX_PAYMENTS);
    let payments: Vec<Transaction> = (0..count).map(|_| spend::make(random, signer).tx).collect();
    let mut transactions = vec![coinbase(random, &payments[0])];
    transactions.extend(payments);
    Block::new(header(random), transactions)
}

/// Compares everything that both sides say of a block.
fn compare(ours: &Block, theirs: &bitcoin::Block) {
    assert_eq!(*ours.raw(), serialize(theirs));
    assert_eq!(theirs.block_hash().to_byte_array(), ours.hash().to_bytes());
    assert_eq!(theirs.block_hash().to_string(), ours.hash().to_string());
    assert_eq!(theirs.weight().to_wu(), ours.weight().0);
    assert_eq!(theirs.total_size(), ours.size());
    let root = theirs.compute_merkle_root().map(|it| it.to_byte_array());
    assert_eq!(root.unwrap_or_default(), ours.merkle_root().hash);
    let root = theirs.witness_root().map(|it| it.to_byte_array());
    assert_eq!(root.unwrap_or_default(), ours.witness_root().hash);
    for (ours, theirs) in ours.transactions().iter().zip(&theirs.txdata) {
        assert_eq!(
            theirs.compute_txid().to_byte_array(),
            ours.txid().to_bytes()
        );
        assert_eq!(
            theirs.compute_wtxid().to_byte_array(),
            ours.wtxid().to_bytes()
        );
    }
}

#[test]
fn blocks_have_the_bytes_hashes_and_roots_of_rust_bitcoin() {
    let signer = Signer::default();
    let mut random = Random::new(60);
    let (mut whole, mut damaged, mut refused) = (0, 0, 0);
    for _ in 0..rounds(300) {
        let block = block(&mut random, &signer);
        compare(&block, &deserialize(block.raw()).expect("a block"));
        whole += 1;
        for _ in 0..DAMAGES {
            let mut bytes = block.raw().to_vec();
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.byte(),
                1 => bytes.truncate(at),
                2 => bytes.insert(at, random.byte()),
                _ => drop(bytes.remove(at)),
            }
            let ours = Block::decode(&Bytes::from(bytes.clone()));
            let theirs = deserialize::<bitcoin::Block>(&bytes);
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => {
                    compare(&ours, &theirs);
                    damaged += 1;
                }
                _ => refused += 1,
            }
        }
    }
    println!("blocks: {whole} whole and {damaged} damaged ones the same, {refused} refused");
    assert!(damaged > 100 && refused > 100);
}

#[test]
fn headers_and_targets_are_those_of_rust_bitcoin() {
    let mut random = Random::new(61);
    let mut targets = 0;
    let count = rounds(200_000);
    for _ in 0..count {
        let mut ours = header(&mut random);
        if random.once_in(2) {
            // Mostly sizes that mean something.
            let size = random.below(36) as u32;
            ours.bits = CompactTarget(size << 24 | random.bits() as u32 & 0x00ff_ffff);
        }
        let theirs: bitcoin::block::Header = deserialize(&ours.encode()).expect("80 bytes");
        assert_eq!(
            theirs.block_hash().to_byte_array(),
            ours.block_hash().to_bytes()
        );
        assert_eq!(serialize(&theirs), ours.encode());
        let Ok(target) = ours.bits.to_target() else {
            continue;
        };
        let their_target = bitcoin::Target::from_compact(theirs.bits);
        assert_eq!(their_target.to_be_bytes(), target.to_be_bytes());
        assert_eq!(
            their_target.to_compact_lossy().to_consensus(),
            target.to_compact().0
        );
        // Of the target 1, whose inverse they round up to the greatest number, Core says 2^255.
        if target.to_be_bytes()[..31] != [0; 31] || target.to_be_bytes()[31] > 1 {
            let their_work = their_target.to_work().to_be_bytes();
            assert_eq!(their_work, target.work().to_be_bytes());
        }
        let hash = BlockHash::from_bytes(random.array());
        let their_hash = bitcoin::BlockHash::from_byte_array(hash.to_bytes());
        assert_eq!(their_target.is_met_by(their_hash), target.is_met_by(hash));
        targets += 1;
    }
    println!("headers: {count} the same, {targets} of them with a target");
    assert!(targets > count / 10);
}
