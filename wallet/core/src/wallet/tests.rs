use std::sync::Arc;

use bdk_wallet::{
    bitcoin::{
        Amount, BlockHash, FeeRate, ScriptBuf, Sequence, TxIn, TxOut, absolute,
        constants::genesis_block, hashes::Hash, transaction::Version,
    },
    chain::{BlockId, CheckPoint, ConfirmationBlockTime, TxUpdate},
};

use super::*;
use crate::keys::{AccountKeys, ScriptKind};

pub(crate) fn keys(kind: ScriptKind) -> AccountKeys {
    AccountKeys::from_seed(&[0x42; 32], kind, 0).expect("keys")
}

pub(crate) fn foreign_address(n: u8) -> Address {
    let other = AccountKeys::from_seed(&[n; 32], ScriptKind::Wpkh, 0).expect("keys");
    other
        .descriptors()
        .address_at(KeychainKind::External, 0)
        .expect("address")
}

fn block(height: u32) -> BlockId {
    let hash = if height == 0 {
        genesis_block(NETWORK).block_hash()
    } else {
        BlockHash::hash(&height.to_le_bytes())
    };
    BlockId { height, hash }
}

/// A transaction from nowhere that pays these amounts to the script.
pub(crate) fn payment_to(script: &ScriptBuf, amounts: &[u64], salt: u32) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::new(Txid::hash(&salt.to_le_bytes()), 0),
        sequence: Sequence::MAX,
        ..TxIn::default()
    };
    let output = |sat: &u64| TxOut {
        value: Amount::from_sat(*sat),
        script_pubkey: script.clone(),
    };
    Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![input],
        output: amounts.iter().map(output).collect(),
    }
}

fn confirm(wallet: &mut Wallet, transactions: Vec<Transaction>, height: u32, tip: u32) {
    let mut update = TxUpdate::default();
    for transaction in transactions {
        let anchor = ConfirmationBlockTime {
            block_id: block(height),
            confirmation_time: 1_700_000_000,
        };
        update.anchors.insert((anchor, transaction.compute_txid()));
        update.txs.push(Arc::new(transaction));
    }
    let mut heights = vec![0, height, tip];
    heights.dedup();
    let chain = CheckPoint::from_block_ids(heights.into_iter().map(block)).expect("ascending");
    wallet
        .apply(Update {
            tx_update: update,
            chain: Some(chain),
            ..Update::default()
        })
        .expect("connects");
}

/// A wallet with one confirmed coin of each amount.
pub(crate) fn funded(kind: ScriptKind, amounts: &[u64]) -> Wallet {
    let mut wallet = Wallet::create(&keys(kind).descriptors()).expect("wallet");
    let script = wallet.new_address().address.script_pubkey();
    confirm(&mut wallet, vec![payment_to(&script, amounts, 1)], 10, 20);
    wallet
}

pub(crate) fn pay(wallet: &mut Wallet, sat: u64) -> Result<bdk_wallet::bitcoin::Psbt, BuildError> {
    wallet.build_payment(&Payment {
        recipients: vec![Recipient {
            address: foreign_address(9),
            amount: Some(Amount::from_sat(sat)),
        }],
        fee_rate: FeeRate::from_sat_per_vb_u32(2),
        reserved: Vec::new(),
    })
}

#[test]
fn a_wallet_survives_its_change_sets() {
    let descriptors = keys(ScriptKind::Wpkh).descriptors();
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000]);
    let stored = wallet.take_changes().expect("changes");
    assert!(wallet.take_changes().is_none(), "nothing is staged twice");
    let loaded = Wallet::load(&descriptors, stored).expect("loads");
    assert_eq!(loaded.balance(), wallet.balance());
    assert_eq!(loaded.balance().confirmed_sat, 50_000);
    assert_eq!(loaded.addresses(), wallet.addresses());
    assert_eq!(loaded.height(), 20);
}

#[test]
fn stored_state_of_other_descriptors_is_refused() {
    let stored = funded(ScriptKind::Wpkh, &[1000])
        .take_changes()
        .expect("changes");
    let error = Wallet::load(&keys(ScriptKind::Tr).descriptors(), stored)
        .map(|_| ())
        .expect_err("another wallet");
    assert_eq!(error.code(), "wallet-state-broken");
}

#[test]
fn unused_gives_one_address_until_it_is_used() {
    let mut wallet = Wallet::create(&keys(ScriptKind::Wpkh).descriptors()).expect("wallet");
    let first = wallet.unused_address();
    assert_eq!(wallet.unused_address(), first);
    confirm(
        &mut wallet,
        vec![payment_to(&first.address.script_pubkey(), &[1000], 1)],
        1,
        1,
    );
    assert_eq!(wallet.unused_address().index, first.index + 1);
    assert!(wallet.addresses()[0].is_used);
}

#[test]
fn a_reorganisation_takes_a_confirmation_back() {
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000]);
    let other = BlockId {
        height: 10,
        hash: BlockHash::hash(b"other branch"),
    };
    let chain = CheckPoint::from_block_ids([block(0), other]).expect("ascending");
    wallet
        .apply(Update {
            chain: Some(chain),
            ..Update::default()
        })
        .expect("connects");
    assert_eq!(wallet.balance().confirmed_sat, 0);
    assert_eq!(wallet.height(), 10);
}

#[test]
fn reserved_coins_are_not_used() {
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000, 60_000]);
    let largest = wallet
        .coins()
        .into_iter()
        .find(|coin| coin.amount_sat == 60_000)
        .expect("coin")
        .outpoint;
    let mut payment = Payment {
        recipients: vec![Recipient {
            address: foreign_address(9),
            amount: Some(Amount::from_sat(40_000)),
        }],
        fee_rate: FeeRate::from_sat_per_vb_u32(1),
        reserved: vec![largest],
    };
    let psbt = wallet
        .build_payment(&payment)
        .expect("the other coin suffices");
    assert!(
        psbt.unsigned_tx
            .input
            .iter()
            .all(|input| input.previous_output != largest)
    );
    payment.recipients[0].amount = Some(Amount::from_sat(55_000));
    assert_eq!(
        wallet
            .build_payment(&payment)
            .map(|_| ())
            .map_err(|e| e.code()),
        Err("insufficient-funds")
    );
}

#[test]
fn unconfirmed_payments_of_others_are_not_spent() {
    let mut wallet = Wallet::create(&keys(ScriptKind::Wpkh).descriptors()).expect("wallet");
    let script = wallet.new_address().address.script_pubkey();
    wallet.apply_unconfirmed(payment_to(&script, &[50_000], 1), 1);
    assert_eq!(wallet.balance().pending_sat, 50_000);
    assert_eq!(wallet.balance().spendable_sat, 0);
    assert_eq!(
        pay(&mut wallet, 10_000).map(|_| ()).map_err(|e| e.code()),
        Err("insufficient-funds")
    );
}

#[test]
fn a_coinbase_is_spendable_from_its_hundredth_confirmation_on() {
    for (tip, spendable) in [(108, false), (109, true)] {
        let mut wallet = Wallet::create(&keys(ScriptKind::Wpkh).descriptors()).expect("wallet");
        let script = wallet.new_address().address.script_pubkey();
        let mut coinbase = payment_to(&script, &[50_000], 1);
        coinbase.input[0].previous_output = OutPoint::null();
        confirm(&mut wallet, vec![coinbase], 10, tip);
        assert_eq!(wallet.coins()[0].is_spendable, spendable, "tip {tip}");
        assert_eq!(
            wallet.balance().immature_sat,
            if spendable { 0 } else { 50_000 }
        );
        assert_eq!(pay(&mut wallet, 10_000).is_ok(), spendable);
    }
}

#[test]
fn everything_can_be_sent_without_change() {
    let mut wallet = funded(ScriptKind::Tr, &[50_000, 60_000]);
    let payment = Payment {
        recipients: vec![Recipient {
            address: foreign_address(9),
            amount: None,
        }],
        fee_rate: FeeRate::from_sat_per_vb_u32(1),
        reserved: Vec::new(),
    };
    let psbt = wallet.build_payment(&payment).expect("built");
    assert_eq!(
        (psbt.unsigned_tx.input.len(), psbt.unsigned_tx.output.len()),
        (2, 1)
    );
}

#[test]
fn refusals_to_build_have_codes() {
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000]);
    assert_eq!(
        pay(&mut wallet, 293).map(|_| ()).map_err(|e| e.code()),
        Err("dust")
    );
    assert!(pay(&mut wallet, 294).is_ok());
    let code = wallet.build_payment(&Payment {
        recipients: Vec::new(),
        fee_rate: FeeRate::BROADCAST_MIN,
        reserved: Vec::new(),
    });
    assert_eq!(code.map(|_| ()).map_err(|e| e.code()), Err("recipients"));
}

#[test]
fn a_replacement_pays_more_and_spends_the_same_coin() {
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000, 60_000]);
    let psbt = pay(&mut wallet, 10_000).expect("built");
    let signed = crate::psbt::tests::sign_with(&psbt, &keys(ScriptKind::Wpkh));
    let first = crate::psbt::finalize(signed).expect("complete").1;
    let txid = first.compute_txid();
    wallet.apply_unconfirmed(first.clone(), 100);
    let rate = FeeRate::from_sat_per_vb_u32(10);
    let bumped = wallet.build_bump(txid, rate, &[]).expect("built");
    assert!(
        bumped
            .unsigned_tx
            .input
            .iter()
            .any(|input| input.previous_output == first.input[0].previous_output)
    );
    assert!(bumped.fee().expect("fee") > psbt.fee().expect("fee"));
    assert!(
        bumped
            .unsigned_tx
            .input
            .iter()
            .all(|input| input.previous_output.txid != txid)
    );
    let low = wallet
        .build_bump(txid, FeeRate::from_sat_per_vb_u32(1), &[])
        .map(|_| ());
    assert_eq!(low.map_err(|e| e.code()), Err("fee-too-low"));
    let unknown = wallet.build_bump(Txid::all_zeros(), rate, &[]).map(|_| ());
    assert_eq!(unknown.map_err(|e| e.code()), Err("tx-unknown"));
}

#[test]
fn m11_a_payment_is_locked_to_the_tip_or_a_little_below() {
    let mut wallet = funded(ScriptKind::Wpkh, &[50_000]);
    for _ in 0..20 {
        let psbt = pay(&mut wallet, 10_000).expect("a payment");
        let lock = psbt.unsigned_tx.lock_time;
        assert!(lock.is_block_height());
        assert!(lock.to_consensus_u32() <= wallet.height(), "{lock}");
        // A lock only counts where a sequence number is not final.
        assert!(psbt.unsigned_tx.is_lock_time_enabled());
    }
}
