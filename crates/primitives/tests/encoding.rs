//! Encoding of transactions and blocks, on handmade cases, random bytes and a real block.

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use synod_primitives::{
    Amount, Block, DecodeError, OutPoint, Script, Transaction, TxIn, TxOut, Txid, Witness, hex,
};

fn vectors() -> PathBuf {
    std::env::var_os("SYNOD_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
        PathBuf::from,
    )
}

fn input(witness: Witness) -> TxIn {
    TxIn {
        prevout: OutPoint::new(Txid::from_bytes([7; 32]), 1),
        script_sig: Script::default(),
        sequence: 0xffff_fffd,
        witness,
    }
}

fn output() -> TxOut {
    TxOut {
        value: Amount::from_sat(5000),
        script_pubkey: Script::new(vec![0x51]),
    }
}

#[test]
fn a_transaction_with_witness_reads_back_with_the_same_ids() {
    let witness = Witness::from_items(&[vec![1; 71], vec![], vec![2; 300]]);
    let made = Transaction::new(2, vec![input(witness)], vec![output()], 9);
    let read = Transaction::decode(made.raw()).expect("its encoding");
    assert_eq!(read.txid(), made.txid());
    assert_eq!(read.wtxid(), made.wtxid());
    assert_ne!(read.txid().to_bytes(), read.wtxid().to_bytes());
    assert_eq!(read.stripped_size(), read.encode_stripped().len());
    assert_eq!(read.inputs(), made.inputs());
    let items: Vec<usize> = read.inputs()[0].witness.iter().map(<[u8]>::len).collect();
    assert_eq!(items, [71, 0, 300]);
    assert_eq!(read.detach(), read);
}

#[test]
fn a_witness_marker_without_any_witness_is_refused() {
    let made = Transaction::new(2, vec![input(Witness::EMPTY)], vec![output()], 0);
    let mut bytes = made.raw().to_vec();
    bytes.splice(4..4, [0, 1]);
    let at = bytes.len() - 4;
    bytes.insert(at, 0);
    assert_eq!(
        Transaction::decode(&bytes.into()),
        Err(DecodeError::SuperfluousWitness)
    );
}

#[test]
fn an_unknown_flag_is_refused() {
    let made = Transaction::new(2, vec![input(Witness::EMPTY)], vec![output()], 0);
    let mut bytes = made.raw().to_vec();
    bytes.splice(4..4, [0, 2]);
    assert_eq!(
        Transaction::decode(&bytes.into()),
        Err(DecodeError::UnknownFlag)
    );
}

#[test]
fn a_transaction_cut_anywhere_or_followed_by_a_byte_is_refused() {
    let witness = Witness::from_items(&[vec![1; 71]]);
    let made = Transaction::new(2, vec![input(witness)], vec![output()], 9);
    for end in 0..made.size() {
        assert!(
            Transaction::decode(&made.raw().slice(..end)).is_err(),
            "cut at {end}"
        );
    }
    let mut long = made.raw().to_vec();
    long.push(0);
    assert_eq!(
        Transaction::decode(&long.into()),
        Err(DecodeError::TrailingBytes(1))
    );
}

#[test]
fn a_count_of_inputs_beyond_the_bytes_allocates_nothing() {
    let bytes = hex::decode("02000000feffffff01").expect("hex");
    assert_eq!(
        Transaction::decode(&bytes.into()),
        Err(DecodeError::Truncated)
    );
}

#[test]
fn a_real_block_decodes_to_its_own_roots() {
    let path = vectors().join("block413567.raw");
    let Ok(bytes) = std::fs::read(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let block = Block::decode(&bytes.into()).expect("a block of the main network");
    assert_eq!(block.transactions().len(), 1557);
    let root = block.merkle_root();
    assert!(!root.is_mutated);
    assert_eq!(&root.hash, block.header().merkle_root.as_bytes());
    let again = Block::new(*block.header(), block.transactions().to_vec());
    assert_eq!(again.raw(), block.raw());
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = Bytes::from(bytes);
        if let Ok(transaction) = Transaction::decode(&bytes) {
            let again = Transaction::new(
                transaction.version(),
                transaction.inputs().to_vec(),
                transaction.outputs().to_vec(),
                transaction.lock_time(),
            );
            prop_assert_eq!(again.txid(), transaction.txid());
        }
        let _ = Block::decode(&bytes);
    }
}
