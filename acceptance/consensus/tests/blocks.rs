//! Blocks, headers and targets as bytes and numbers; transactions by themselves.

use std::collections::BTreeMap;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bytes::Bytes;
use synod_ledger::{check_transaction, find_witness_commitment, witness_commitment_script};
use synod_primitives::{
    Amount, Block, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction,
    TxIn, TxOut, Witness,
};
use synod_referees::random::Random;
use synod_referees::signer::Signer;
use synod_referees::{core, rounds, spend};

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

/// What Core's code is asked for, as ours has it.
fn facts(block: &Block) -> core::BlockFacts {
    let root = block.merkle_root();
    let coinbase = block.transactions().first();
    let commitment = coinbase.and_then(find_witness_commitment).and_then(|hash| {
        let script = witness_commitment_script(&hash);
        let outputs = coinbase?.outputs();
        outputs
            .iter()
            .rposition(|it| it.script_pubkey.as_bytes().starts_with(script.as_bytes()))
    });
    core::BlockFacts {
        hash: block.hash().to_bytes(),
        root: root.hash,
        witness_root: block.witness_root().hash,
        weight: block.weight().0,
        is_mutated: root.is_mutated.into(),
        commitment: commitment.map_or(-1, |it| it.try_into().expect("few outputs")),
    }
}

#[test]
fn commitments_and_doubled_transactions_are_found_where_core_finds_them() {
    let signer = Signer::default();
    let mut random = Random::new(62);
    let (mut committed, mut mutated) = (0, 0);
    for _ in 0..rounds(300) {
        let block = block(&mut random, &signer);
        let mut transactions = block.transactions().to_vec();
        let mut outputs = transactions[0].outputs().to_vec();
        for _ in 0..random.below(4) {
            let mut script = witness_commitment_script(&random.array())
                .as_bytes()
                .to_vec();
            match random.below(4) {
                0 => script.push(random.byte()),
                1 => script.truncate(random.below(38)),
                2 => script[random.below(6)] ^= 1,
                _ => {}
            }
            outputs.push(TxOut {
                value: Amount::ZERO,
                script_pubkey: Script::new(script),
            });
        }
        let inputs = transactions[0].inputs().to_vec();
        transactions[0] = Transaction::new(2, inputs, outputs, 0);
        // Some of the last ones again, which leaves the root as it is for the right count.
        let again = random.below(transactions.len().min(4));
        transactions.extend_from_within(transactions.len() - again..);
        let block = Block::new(*block.header(), transactions);
        let facts = facts(&block);
        assert_eq!(core::block(block.raw()).as_ref(), Some(&facts));
        committed += u32::from(facts.commitment >= 0);
        mutated += facts.is_mutated;
    }
    println!("commitments: {committed} found and {mutated} mutations as by Core");
    assert!(committed > 50 && mutated > 20);
}

#[test]
fn transactions_by_themselves_have_cores_reject_reason() {
    let signer = Signer::default();
    let mut random = Random::new(63);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..rounds(3_000) {
        let tx = spend::make(&mut random, &signer).tx;
        let (mut inputs, mut outputs) = (tx.inputs().to_vec(), tx.outputs().to_vec());
        for _ in 0..random.below(3) {
            let at = random.below(inputs.len().max(1));
            match random.below(10) {
                0 => inputs.clear(),
                1 => outputs.clear(),
                2 => inputs.extend(inputs.first().cloned()),
                3 => inputs
                    .iter_mut()
                    .skip(at)
                    .for_each(|it| it.prevout = OutPoint::NULL),
                4 => inputs.truncate(1),
                5 => {
                    let length = random.pick(&[0, 1, 2, 100, 101]);
                    let script_sig = Script::new(random.bytes(length));
                    inputs
                        .iter_mut()
                        .for_each(|it| it.script_sig = script_sig.clone());
                }
                6 if random.once_in(20) => {
                    let script_pubkey = Script::new(vec![0; 1_000_000 - random.below(200)]);
                    let value = Amount::ZERO;
                    outputs.push(TxOut {
                        value,
                        script_pubkey,
                    });
                }
                _ => {
                    let most = Amount::MAX_MONEY.sat();
                    let edges = [-1, 0, 1, most - 1, most, most + 1, i64::MAX, i64::MIN];
                    let value = Amount::from_sat(random.pick(&edges));
                    outputs.iter_mut().skip(at).for_each(|it| it.value = value);
                }
            }
        }
        let tx = Transaction::new(tx.version(), inputs, outputs, tx.lock_time());
        if Transaction::decode(tx.raw()).is_err() {
            // Without inputs its encoding means something else.
            continue;
        }
        let ours = check_transaction(&tx)
            .err()
            .map_or("", |error| error.code());
        assert_eq!(ours, core::check_transaction(&tx), "{tx:?}");
        *reasons.entry(ours.to_owned()).or_default() += 1;
    }
    println!("reject reasons the same: {reasons:?}");
    assert!(reasons.len() > 8);
}

#[test]
fn bits_are_a_target_where_they_are_for_core() {
    let mut random = Random::new(64);
    let count = rounds(200_000);
    let mut targets = 0;
    for round in 0..count {
        let size = if round % 2 == 0 {
            random.below(40)
        } else {
            random.below(256)
        };
        let bits = (size as u32) << 24
            | random.bits() as u32 & random.pick(&[0x00ff_ffff, 0x0080_ffff, 0xff]);
        let ours = CompactTarget(bits).to_target().ok();
        let ours = ours.map(|target| (target.to_be_bytes(), target.to_compact().0));
        assert_eq!(ours, core::target(bits), "{bits:08x}");
        targets += usize::from(ours.is_some());
    }
    println!("bits: {count} the same, {targets} of them a target");
    assert!(targets > count / 10 && targets < count);
}

#[test]
fn blocks_have_the_bytes_hashes_and_roots_of_rust_bitcoin() {
    let signer = Signer::default();
    let mut random = Random::new(60);
    let (mut whole, mut damaged, mut refused) = (0, 0, 0);
    for _ in 0..rounds(300) {
        let block = block(&mut random, &signer);
        compare(&block, &deserialize(block.raw()).expect("a block"));
        assert_eq!(core::block(block.raw()), Some(facts(&block)));
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
            let ours = Block::decode(&Bytes::from(bytes.clone())).ok();
            assert_eq!(ours.as_ref().map(facts), core::block(&bytes));
            let theirs = deserialize::<bitcoin::Block>(&bytes);
            match (ours, theirs) {
                (Some(ours), Ok(theirs)) => {
                    compare(&ours, &theirs);
                    damaged += 1;
                }
                (Some(_), Err(_)) => damaged += 1,
                (None, _) => refused += 1,
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
