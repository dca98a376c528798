//! Scripts: what fails, by whose rules, and what is remembered.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use synod_ledger::SignatureCache;
use synod_mempool::{Class, Options, Rejected};
use synod_primitives::{Amount, OutPoint, Script, Transaction, TxOut, Witness, sha256};
use synod_script::template::{p2pkh, p2sh, p2wpkh, p2wsh};
use synod_script::{Flags, ScriptError, SpendContext, hash160, segwit_v0_sighash};

use crate::kit::*;

/// Spends a coin behind a witness script with these items below it.
fn spend(chain: &mut Chain, script: &[u8], items: &[&[u8]]) -> Transaction {
    let output = p2wsh(&sha256(script));
    let coin = chain.fund_with(COIN, output.as_bytes(), false, chain.height());
    let mut draft = Draft::new(&[coin], &[COIN - 10_000]);
    let mut witness: Vec<&[u8]> = items.to_vec();
    witness.push(script);
    draft.inputs[0].witness = Witness::from_items(&witness);
    draft.build()
}

fn rejection(chain: &Chain, tx: &Transaction) -> Rejected {
    accept(&mut pool(), chain, tx).expect_err("its script fails")
}

#[test]
fn what_blocks_refuse_fails_a_mandatory_flag() {
    let mut chain = Chain::new();
    let tx = spend(&mut chain, &[0x00], &[]);
    let rejected = rejection(&chain, &tx);
    assert_eq!(rejected.code(), "mandatory-script-verify-flag-failed");
    assert_eq!(rejected.script_error(), Some(ScriptError::EvalFalse));
    assert_eq!(rejected.class(), Class::Consensus);
}

#[test]
fn what_only_policy_refuses_fails_no_mandatory_flag() {
    let mut chain = Chain::new();
    // NOP10 is kept for upgrades.
    let tx = spend(&mut chain, &[0xb9, 0x51], &[]);
    let rejected = rejection(&chain, &tx);
    assert_eq!(rejected.code(), "non-mandatory-script-verify-flag");
    assert_eq!(
        rejected.script_error(),
        Some(ScriptError::DiscourageUpgradableNops)
    );
    assert_eq!(rejected.class(), Class::Policy);
}

#[test]
fn the_error_is_that_of_policy_even_where_blocks_refuse_it_too() {
    let mut chain = Chain::new();
    let tx = spend(&mut chain, &[0xb9, 0x00], &[]);
    let rejected = rejection(&chain, &tx);
    assert_eq!(rejected.code(), "mandatory-script-verify-flag-failed");
    assert_eq!(
        rejected.script_error(),
        Some(ScriptError::DiscourageUpgradableNops)
    );
}

#[test]
fn the_first_input_that_fails_is_named() {
    let mut chain = Chain::new();
    let good = chain.fund();
    let bad = spend(&mut chain, &[0x00], &[]);
    let mut draft = Draft::new(&[good], &[1_000]);
    draft.inputs.extend_from_slice(bad.inputs());
    let rejected = rejection(&chain, &draft.build());
    assert!(matches!(rejected, Rejected::Script { input: 1, .. }));
}

#[test]
fn a_stripped_witness_is_told_apart() {
    let mut chain = Chain::new();
    let mut draft = Draft::new(&[chain.fund()], &[COIN - 1_000]);
    draft.inputs[0].witness = Witness::EMPTY;
    let rejected = rejection(&chain, &draft.build());
    assert_eq!(rejected.class(), Class::Witness);
    assert_eq!(
        rejected.script_error(),
        Some(ScriptError::WitnessProgramWitnessEmpty)
    );
}

#[test]
fn a_wrong_redeem_script_is_no_stripped_witness() {
    let mut chain = Chain::new();
    let output = p2sh(&hash160(&[0x52]));
    let coin = chain.fund_with(COIN, output.as_bytes(), false, chain.height());
    let mut draft = Draft::new(&[coin], &[COIN - 1_000]);
    draft.inputs[0].witness = Witness::EMPTY;
    draft.inputs[0].script_sig = Script::new(vec![1, 0x51]);
    let rejected = rejection(&chain, &draft.build());
    assert_eq!(rejected.class(), Class::Consensus);
}

#[test]
fn an_entry_is_verified_with_the_flags_of_the_next_block_only() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = pay(chain.fund(), COIN, 1_000);
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(!pool.is_verified(&tx.wtxid(), flags));
    admit(&mut pool, &chain, &tx);
    assert!(pool.is_verified(&tx.wtxid(), flags));
    assert!(!pool.is_verified(&tx.wtxid(), Flags::STANDARD));
    assert!(!pool.is_verified(&tx.wtxid(), Flags::P2SH));
    let block = chain.block(std::slice::from_ref(&tx));
    pool.remove_for_block(&block, NOW);
    assert!(pool.is_empty());
    assert!(
        pool.is_verified(&tx.wtxid(), flags),
        "another branch may hold it"
    );
}

#[test]
fn a_refused_transaction_is_not_verified() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = spend(&mut chain, &[0xb9, 0x51], &[]);
    let _rejected = accept(&mut pool, &chain, &tx).expect_err("not standard");
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(!pool.is_verified(&tx.wtxid(), flags));
}

#[test]
fn the_three_steps_hold_over_changes_between_them() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let cheap = pay(coin, COIN, 1_000);
    let rich = pay(coin, COIN, 9_000);
    let prepare = |pool: &synod_mempool::Mempool, tx: &Transaction| {
        let prepared = pool.prepare(tx, &chain.context(), Options::default());
        prepared.and_then(synod_mempool::Prepared::verify)
    };
    let cheap_verified = prepare(&pool, &cheap).expect("valid");
    let rich_verified = prepare(&pool, &rich).expect("valid");
    let inserted = pool
        .insert(rich_verified, &chain.context())
        .expect("nothing is in its way");
    assert!(inserted.replaced.is_empty());
    let rejected = pool
        .insert(cheap_verified, &chain.context())
        .expect_err("it pays less");
    assert_eq!(rejected.code(), "insufficient fee");
    check(&pool, &chain);
}

#[test]
fn a_block_between_the_steps_is_seen() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let coin = chain.fund();
    let tx = pay(coin, COIN, 1_000);
    let verified = pool
        .prepare(&tx, &chain.context(), Options::default())
        .and_then(synod_mempool::Prepared::verify)
        .expect("valid");
    let block = chain.block(&[pay(coin, COIN, 2_000)]);
    chain.connect(&block);
    pool.remove_for_block(&block, chain.now);
    let rejected = pool
        .insert(verified, &chain.context())
        .expect_err("its coin is spent");
    assert_eq!(rejected.missing_parents(), Some(&[coin.txid][..]));
    assert!(pool.is_empty());
}

#[test]
fn other_flags_between_the_steps_are_verified() {
    let mut chain = Chain::new();
    let mut pool = pool();
    chain.rules.activations.segwit = chain.height().next().next();
    let tx = pay(chain.fund(), COIN, 1_000);
    let verified = pool
        .prepare(&tx, &chain.context(), Options::default())
        .and_then(synod_mempool::Prepared::verify)
        .expect("valid");
    let block = chain.block(&[]);
    chain.connect(&block);
    pool.remove_for_block(&block, chain.now);
    pool.insert(verified, &chain.context())
        .expect("it is valid under both");
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(flags.contains(Flags::NULLDUMMY));
    assert!(pool.is_verified(&tx.wtxid(), flags));
}

#[test]
fn unknown_outpoints_do_not_reach_scripts() {
    let chain = Chain::new();
    let tx = pay(
        OutPoint::new(synod_primitives::Txid::from_bytes([9; 32]), 0),
        COIN,
        1_000,
    );
    assert_eq!(
        rejection(&chain, &tx).code(),
        "bad-txns-inputs-missingorspent"
    );
}

/// Spends two coins of one key; the second signature can be spoilt.
fn signed(chain: &mut Chain, spoils: bool) -> Transaction {
    let key = SigningKey::from_slice(&[7; 32]).expect("a secret key");
    let public = key.verifying_key().to_sec1_point(true);
    let hash = hash160(public.as_bytes());
    let output = p2wpkh(&hash);
    let coins: Vec<OutPoint> = (0..2)
        .map(|_| chain.fund_with(COIN, output.as_bytes(), false, chain.height()))
        .collect();
    let mut draft = Draft::new(&coins, &[COIN]);
    let unsigned = draft.clone().build();
    let spent = vec![
        TxOut {
            value: Amount::from_sat(COIN),
            script_pubkey: output,
        };
        2
    ];
    let context = SpendContext::new(&unsigned, spent);
    for (index, input) in draft.inputs.iter_mut().enumerate() {
        let mut digest = segwit_v0_sighash(&context, index, p2pkh(&hash).as_bytes(), 1);
        if spoils && index == 1 {
            digest[0] ^= 1;
        }
        let signature: Signature = key.sign_prehash(&digest).expect("a digest");
        let mut der = signature.normalize_s().to_der().as_bytes().to_vec();
        der.push(1);
        input.witness = Witness::from_items(&[&der[..], public.as_bytes()]);
    }
    draft.build()
}

#[test]
fn real_signatures_are_verified() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let tx = signed(&mut chain, false);
    let accepted = admit(&mut pool, &chain, &tx);
    assert_eq!(accepted.fee.sat(), COIN);
    let flags = chain.rules.script_flags(chain.height().next());
    assert!(pool.is_verified(&tx.wtxid(), flags));
    let spoilt = signed(&mut chain, true);
    let rejected = rejection(&chain, &spoilt);
    assert_eq!(rejected.code(), "mandatory-script-verify-flag-failed");
    assert_eq!(rejected.script_error(), Some(ScriptError::SigNullFail));
    assert!(matches!(rejected, Rejected::Script { input: 1, .. }));
    let admitted = accept(&mut pool, &chain, &spoilt);
    assert!(admitted.is_err());
    assert!(!pool.is_verified(&spoilt.wtxid(), flags));
}

/// Spends a coin of one key of two by the second key's signature, so that a trial fails first.
fn by_the_second_key(chain: &mut Chain, spoils: bool) -> Transaction {
    let keys = [7, 9].map(|secret| SigningKey::from_slice(&[secret; 32]).expect("a secret key"));
    let public = keys
        .each_ref()
        .map(|key| key.verifying_key().to_sec1_point(true));
    let script = [
        &[0x51, 33][..],
        public[0].as_bytes(),
        &[33],
        public[1].as_bytes(),
        &[0x52, 0xae],
    ]
    .concat();
    let script_pubkey = p2wsh(&sha256(&script));
    let coin = chain.fund_with(COIN, script_pubkey.as_bytes(), false, chain.height());
    let mut draft = Draft::new(&[coin], &[COIN - 5_000]);
    let unsigned = draft.clone().build();
    let spent = TxOut {
        value: Amount::from_sat(COIN),
        script_pubkey,
    };
    let context = SpendContext::new(&unsigned, vec![spent]);
    let mut digest = segwit_v0_sighash(&context, 0, &script, 1);
    digest[0] ^= u8::from(spoils);
    let signature: Signature = keys[1].sign_prehash(&digest).expect("a digest");
    let mut der = signature.normalize_s().to_der().as_bytes().to_vec();
    der.push(1);
    draft.inputs[0].witness = Witness::from_items(&[&[], &der[..], &script]);
    draft.build()
}

#[test]
fn transactions_that_are_verified_together_get_the_verdicts_that_they_get_alone() {
    let mut chain = Chain::new();
    let flags = |chain: &Chain| chain.rules.script_flags(chain.height().next());
    let mut all = Vec::new();
    for number in 0..24 {
        let spoils = number % 5 == 1;
        all.push(match number % 4 {
            0 => signed(&mut chain, number % 8 == 4),
            1 => by_the_second_key(&mut chain, spoils),
            2 => spend(&mut chain, if spoils { &[0x00] } else { &[0x51] }, &[]),
            _ => signed(&mut chain, spoils),
        });
    }
    let pool = pool();
    let prepare = prepare_in(&pool, &chain);
    let alone: Vec<_> = all.iter().map(|tx| prepare(tx).verify()).collect();
    let failed = alone.iter().filter(|it| it.is_err()).count();
    assert!((4..20).contains(&failed), "{failed}");
    for length in [0, 1, 2, 7, all.len()] {
        let prepared = all[..length].iter().map(&prepare).collect();
        let together = synod_mempool::Prepared::verify_together(prepared);
        assert_eq!(together.len(), length);
        for (index, (one, other)) in together.iter().zip(&alone).enumerate() {
            let verdict =
                |it: &Result<synod_mempool::Verified, Rejected>| it.as_ref().err().cloned();
            assert_eq!(verdict(one), verdict(other), "{index} of {length}");
        }
    }
    drop(prepare);
    // What was verified with others counts for blocks as what was verified alone.
    let mut pool = pool;
    let prepared = all.iter().map(prepare_in(&pool, &chain)).collect();
    for verified in synod_mempool::Prepared::verify_together(prepared)
        .into_iter()
        .flatten()
    {
        let wtxid = verified.transaction().wtxid();
        pool.insert(verified, &chain.context())
            .expect("it is valid");
        assert!(pool.is_verified(&wtxid, flags(&chain)));
    }
    assert_eq!(pool.len(), all.len() - failed);
}

fn prepare_in<'p>(
    pool: &'p synod_mempool::Mempool,
    chain: &'p Chain,
) -> impl Fn(&Transaction) -> synod_mempool::Prepared + 'p {
    |tx| {
        let prepared = pool.prepare(tx, &chain.context(), Options::default());
        prepared.expect("only its scripts may fail")
    }
}
