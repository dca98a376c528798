//! Stored formats: golden bytes, every value reads back, no bytes panic.

use proptest::prelude::*;
use synod_ledger::{BlockUndo, CodecError, Coin, CoinScript};
use synod_primitives::{Amount, BlockHash, Height, hex};

use crate::builders::{Form, Key, Payment, TestChain, sat};

fn coin(value: i64, script: &[u8], height: u32, is_coinbase: bool) -> Coin {
    Coin {
        value: sat(value),
        script_pubkey: CoinScript::new(script),
        height: Height(height),
        is_coinbase,
    }
}

#[test]
fn coins_are_written_in_version_1() {
    let hash = [0x11; 20];
    let key = [0x22; 32];
    let p2pkh = [&[0x76, 0xa9, 20][..], &hash, &[0x88, 0xac]].concat();
    let p2sh = [&[0xa9, 20][..], &hash, &[0x87]].concat();
    let golden = [
        (coin(0, &[], 0, false), "10000000".to_owned()),
        (
            coin(5_000_000_000, &[0x51], 1, true),
            "180180e497d0120151".to_owned(),
        ),
        (
            coin(1, &p2pkh, 128, false),
            format!("118001 01{}", "11".repeat(20)),
        ),
        (
            coin(127, &p2sh, 127, false),
            format!("127f7f{}", "11".repeat(20)),
        ),
        (
            coin(128, &[&[0, 20][..], &hash].concat(), 1, false),
            format!("13018001{}", "11".repeat(20)),
        ),
        (
            coin(2, &[&[0, 32][..], &key].concat(), 2, false),
            format!("140202{}", "22".repeat(32)),
        ),
        (
            coin(3, &[&[0x51, 32][..], &key].concat(), 3, true),
            format!("1d0303{}", "22".repeat(32)),
        ),
        (
            coin(Amount::MAX_MONEY.sat(), &[0x6a; 200], u32::MAX, false),
            format!("10ffffffff0f80809dd085bedd03c801{}", "6a".repeat(200)),
        ),
    ];
    for (coin, text) in golden {
        let text = text.replace(' ', "");
        assert_eq!(hex::encode(coin.encode()), text, "{coin:?}");
        assert_eq!(Coin::decode(&hex::decode(&text).expect("hex")), Ok(coin));
    }
}

#[test]
fn bytes_that_no_coin_is_written_as_are_refused() {
    let decode = |text: &str| Coin::decode(&hex::decode(text).expect("hex"));
    assert_eq!(decode(""), Err(CodecError::Truncated));
    assert_eq!(decode("20000000"), Err(CodecError::Version(2)));
    assert_eq!(decode("16000000"), Err(CodecError::OutOfRange));
    assert_eq!(decode("1000000000"), Err(CodecError::TrailingBytes));
    assert_eq!(decode("10800000"), Err(CodecError::NotCanonical));
    assert_eq!(decode("10ffffffff1f0000"), Err(CodecError::OutOfRange));
    // One satoshi more than there can be.
    assert_eq!(
        decode("100081809dd085bedd0300"),
        Err(CodecError::OutOfRange)
    );
    assert_eq!(
        decode("1000ffffffffffffffffff0100"),
        Err(CodecError::OutOfRange)
    );
    assert_eq!(
        decode("1000ffffffffffffffffff0200"),
        Err(CodecError::OutOfRange)
    );
    assert_eq!(
        decode("100000ffffffffffffffffff01"),
        Err(CodecError::Truncated)
    );
    // A P2WPKH script that was not written as one.
    let raw = format!("100000160014{}", "11".repeat(20));
    assert_eq!(decode(&raw), Err(CodecError::NotCanonical));
}

const HASH: BlockHash = BlockHash::from_bytes([0xab; 32]);

/// Undo data can only come from a block, so this one spends two coins.
fn undo() -> BlockUndo {
    let (mut chain, coins) = TestChain::with_mature_coins(2);
    let block = chain
        .next()
        .with_all(coins.iter().map(Payment::through))
        .build();
    chain.connect(&block).expect("valid").undo
}

#[test]
fn undo_data_is_written_in_version_1() {
    let bytes = undo().encode(HASH);
    let coins = "180180e497d0120151180280e497d0120151";
    assert_eq!(hex::encode(&bytes), format!("0102{coins}e8464fb7"));
    assert_eq!(BlockUndo::decode(&bytes, HASH), Ok(undo()));
    let empty = BlockUndo::default().encode(HASH);
    assert_eq!(BlockUndo::decode(&empty, HASH), Ok(BlockUndo::default()));
}

#[test]
fn undo_data_of_another_block_or_with_a_flipped_bit_is_refused() {
    let bytes = undo().encode(HASH);
    let other = BlockHash::from_bytes([0xac; 32]);
    assert_eq!(BlockUndo::decode(&bytes, other), Err(CodecError::Checksum));
    for position in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[position / 8] ^= 1 << (position % 8);
        assert!(BlockUndo::decode(&flipped, HASH).is_err());
    }
    for length in 0..bytes.len() {
        assert!(BlockUndo::decode(&bytes[..length], HASH).is_err());
    }
}

#[test]
fn undo_data_names_what_each_transaction_spent() {
    let (mut chain, coins) = TestChain::with_mature_coins(3);
    let first = Payment::new()
        .spend(&coins[0])
        .spend(&coins[1])
        .pay(5, crate::builders::free());
    let second = Payment::through(&coins[2]);
    let block = chain.next().with_all([first.build(), second]).build();
    let undo = chain.connect(&block).expect("valid").undo;
    let heights: Vec<Vec<u32>> = undo
        .spent_by(&block)
        .expect("its own undo data")
        .map(|(_, spent)| spent.iter().map(|coin| coin.height.0).collect())
        .collect();
    assert_eq!(heights, [vec![1, 2], vec![3]]);
    assert!(undo.spent_by(&chain.next().build()).is_none());
    assert!(BlockUndo::default().spent_by(&block).is_none());
}

fn any_script() -> impl Strategy<Value = Vec<u8>> {
    let formed = (any::<u64>(), prop::sample::select(Form::ALL.to_vec()))
        .prop_map(|(seed, form)| Key::from_seed(seed).script_pubkey(form).as_bytes().to_vec());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..60), formed]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn coins_read_back(
        value in 0..=Amount::MAX_MONEY.sat(),
        script in any_script(),
        height in any::<u32>(),
        is_coinbase in any::<bool>(),
    ) {
        let coin = coin(value, &script, height, is_coinbase);
        prop_assert_eq!(Coin::decode(&coin.encode()), Ok(coin));
    }

    #[test]
    fn what_decodes_is_what_would_be_written(
        mut bytes in prop::collection::vec(any::<u8>(), 0..60),
        head in 0x10u8..0x20,
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = head;
        }
        if let Ok(coin) = Coin::decode(&bytes) {
            prop_assert_eq!(coin.encode(), bytes.clone());
        }
        let _ = BlockUndo::decode(&bytes, HASH);
    }
}
