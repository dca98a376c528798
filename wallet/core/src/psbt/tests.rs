//! Attacks on a signer, K07 to K12 of the project's catalogue, and the honest way through.

use bdk_wallet::{
    KeychainKind,
    bitcoin::{
        Amount, OutPoint, Psbt, ScriptBuf, TxIn, TxOut, Txid,
        bip32::{DerivationPath, Fingerprint},
        hashes::Hash,
        hex::DisplayHex,
        psbt::PsbtSighashType,
    },
};

use super::*;
use crate::{
    keys::{AccountKeys, ScriptKind},
    keystore::{Revealed, SignedRecord},
    wallet::tests::{foreign_address, funded, keys, pay, payment_to},
};

fn payment(kind: ScriptKind) -> Psbt {
    pay(&mut funded(kind, &[1_000_000, 2_000_000]), 300_000).expect("built")
}

fn reviewed(psbt: &Psbt, kind: ScriptKind, signed: &[SignedRecord]) -> Review {
    let descriptors = keys(kind).descriptors();
    review(
        psbt.clone(),
        Context {
            descriptors: Some(&descriptors),
            signed,
            revealed: Revealed::default(),
        },
    )
}

pub(crate) fn sign_with(psbt: &Psbt, keys: &AccountKeys) -> Psbt {
    let permitted = reviewed(psbt, keys.kind(), &[])
        .permit(Overrides::default())
        .expect("permitted");
    permitted.sign(keys).expect("signed").psbt
}

/// The codes that refuse this PSBT when nothing is allowed.
fn refusals(psbt: &Psbt, kind: ScriptKind) -> Vec<&'static str> {
    match reviewed(psbt, kind, &[]).permit(Overrides::default()) {
        Ok(_) => Vec::new(),
        Err(PsbtError::Refused(findings)) => findings.iter().map(Finding::code).collect(),
        Err(other) => panic!("another error: {other}"),
    }
}

#[test]
fn payments_of_every_kind_are_signed_and_finalized() {
    for kind in ScriptKind::ALL {
        let psbt = payment(kind);
        assert_eq!(refusals(&psbt, kind), [""; 0], "{kind}");
        let signed = sign_with(&psbt, &keys(kind));
        let (_, transaction) = finalize(signed.clone()).expect("complete");
        let estimated = reviewed(&psbt, kind, &[]).size_vb;
        let actual = transaction.vsize() as u64;
        assert!(
            estimated >= actual && estimated <= actual + 3,
            "{kind}: {estimated} for {actual}"
        );
        let comparison = compare(&signed, &psbt);
        assert!(comparison.is_faithful() && comparison.is_complete);
        assert_eq!(
            comparison.newly_signed,
            (0..psbt.inputs.len()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_review_tells_recipients_change_and_fee_apart() {
    let psbt = payment(ScriptKind::Wpkh);
    let review = reviewed(&psbt, ScriptKind::Wpkh, &[]);
    assert_eq!(review.sent_sat, 300_000);
    assert_eq!(review.fee_sat, Some(psbt.fee().expect("fee").to_sat()));
    let paid: Vec<_> = review
        .outputs
        .iter()
        .filter(|output| output.role == Role::Payment)
        .collect();
    assert_eq!(paid.len(), 1);
    assert_eq!(
        paid[0].address.as_deref(),
        Some(foreign_address(9).to_string().as_str())
    );
    assert!(
        review
            .outputs
            .iter()
            .any(|output| output.role == Role::Change { index: 0 })
    );
}

#[test]
fn unsigned_psbts_are_not_finalized() {
    let error = finalize(payment(ScriptKind::Wpkh))
        .map(|_| ())
        .expect_err("unsigned");
    assert!(matches!(error, PsbtError::Incomplete(inputs) if inputs == [0]));
}

#[test]
fn all_three_encodings_are_read() {
    let psbt = payment(ScriptKind::Tr);
    let binary = encode_binary(&psbt);
    let base64 = encode_base64(&psbt);
    let wrapped = base64
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned());
    for bytes in [
        binary.clone(),
        base64.clone().into_bytes(),
        (wrapped.collect::<Vec<_>>().join("\r\n") + "\n").into_bytes(),
        binary.to_lower_hex_string().into_bytes(),
        (binary.to_upper_hex_string() + "\n").into_bytes(),
    ] {
        assert_eq!(decode(&bytes).expect("readable"), psbt);
    }
}

#[test]
fn what_is_no_psbt_is_refused_by_name() {
    let binary = encode_binary(&payment(ScriptKind::Wpkh));
    let code = |bytes: &[u8]| decode(bytes).map(|_| ()).map_err(|e| e.code());
    assert_eq!(code(b""), Err("psbt-no-magic"));
    assert_eq!(code(b"hello"), Err("psbt-no-magic"));
    assert_eq!(code(b"psbt\xff"), Err("psbt-malformed"));
    assert_eq!(code(b"cHNidP8!!!"), Err("psbt-encoding"));
    assert_eq!(code(b"70736274ff0"), Err("psbt-encoding"));
    assert_eq!(code(&vec![0; MAX_PSBT_BYTES]), Err("psbt-no-magic"));
    assert_eq!(code(&vec![0; MAX_PSBT_BYTES + 1]), Err("psbt-too-large"));
    for length in 5..binary.len() {
        assert_eq!(
            code(&binary[..length]),
            Err("psbt-malformed"),
            "cut at {length}"
        );
    }
}

#[test]
fn psbts_of_version_two_are_refused() {
    // Global map: version 2, then the end of the map.
    let bytes = [b"psbt\xff".as_slice(), &[1, 0xfb, 4, 2, 0, 0, 0, 0]].concat();
    assert_eq!(
        decode(&bytes).map(|_| ()).map_err(|e| e.code()),
        Err("psbt-malformed")
    );
}

/// K07: two PSBTs with the same inputs and different claimed amounts (CVE-2020-14199).
#[test]
fn a_lying_amount_is_never_signed() {
    for kind in [ScriptKind::Wpkh, ScriptKind::ShWpkh] {
        let mut psbt = payment(kind);
        let coin = psbt.inputs[0].witness_utxo.as_mut().expect("short form");
        coin.value += Amount::from_sat(1);
        assert!(
            refusals(&psbt, kind).contains(&"conflicting-utxo"),
            "{kind}"
        );
        psbt.inputs[0].non_witness_utxo = None;
        assert_eq!(
            refusals(&psbt, kind),
            ["missing-previous-transaction"],
            "{kind}"
        );
    }
}

/// K07 for taproot: the amount needs no proof, because the signature covers it and is void when it lies.
#[test]
fn a_lying_taproot_amount_makes_the_signature_worthless() {
    let honest = payment(ScriptKind::Tr);
    let mut lying = honest.clone();
    lying.inputs[0].non_witness_utxo = None;
    lying.inputs[0]
        .witness_utxo
        .as_mut()
        .expect("short form")
        .value += Amount::from_sat(5_000);
    let mut signed = sign_with(&lying, &keys(ScriptKind::Tr));
    signed.inputs[0].witness_utxo = honest.inputs[0].witness_utxo.clone();
    assert!(finalize(signed).is_err());
}

/// K08: previous transactions that are not the coin's.
#[test]
fn previous_transactions_are_hashed_against_the_outpoint() {
    for kind in ScriptKind::ALL {
        let mut psbt = payment(kind);
        let script = psbt.inputs[0]
            .non_witness_utxo
            .as_ref()
            .map(|tx| tx.output[0].script_pubkey.clone());
        let Some(script) = script else { continue };
        psbt.inputs[0].witness_utxo = None;
        psbt.inputs[0].non_witness_utxo = Some(payment_to(&script, &[1_000_000, 2_000_000], 77));
        assert!(
            refusals(&psbt, kind).contains(&"wrong-previous-transaction"),
            "{kind}"
        );
    }
    let mut psbt = payment(ScriptKind::Pkh);
    psbt.inputs[0].non_witness_utxo = None;
    psbt.inputs[0].witness_utxo = None;
    assert!(refusals(&psbt, ScriptKind::Pkh).contains(&"missing-utxo"));
}

/// K08: scripts beside the descriptor's own.
#[test]
fn foreign_scripts_on_own_inputs_are_refused() {
    let mut psbt = payment(ScriptKind::Wpkh);
    psbt.inputs[0].witness_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    assert_eq!(refusals(&psbt, ScriptKind::Wpkh), ["unexpected-script"]);
    let mut psbt = payment(ScriptKind::ShWpkh);
    psbt.inputs[0].redeem_script = Some(ScriptBuf::from_bytes(vec![0x51]));
    assert_eq!(refusals(&psbt, ScriptKind::ShWpkh), ["unexpected-script"]);
    let mut psbt = payment(ScriptKind::Tr);
    psbt.inputs[0].tap_internal_key = Some(
        keys(ScriptKind::Wpkh)
            .keypair(KeychainKind::External, 5)
            .expect("key")
            .x_only_public_key()
            .0,
    );
    assert_eq!(refusals(&psbt, ScriptKind::Tr), ["unexpected-script"]);
}

/// K09: outputs that are marked as change and are not.
#[test]
fn false_change_is_shown_as_a_payment_and_refused() {
    for kind in ScriptKind::ALL {
        let mut psbt = payment(kind);
        let change = psbt
            .outputs
            .iter()
            .position(|o| !o.bip32_derivation.is_empty() || !o.tap_key_origins.is_empty());
        let change = change.expect("change");
        psbt.unsigned_tx.output[change].script_pubkey = foreign_address(66).script_pubkey();
        assert_eq!(refusals(&psbt, kind), ["false-change"], "{kind}");
        let review = reviewed(&psbt, kind, &[]);
        assert_eq!(review.outputs[change].role, Role::Payment);
        assert_eq!(
            review.outputs[change].address,
            Some(foreign_address(66).to_string())
        );
        let allowed = Overrides {
            unverified_change: true,
            ..Overrides::default()
        };
        assert!(
            reviewed(&psbt, kind, &[]).permit(allowed).is_ok(),
            "only the named flag lets it pass"
        );
    }
}

/// K09: wrong fingerprints, paths of other accounts and hardened indices prove nothing.
#[test]
fn change_claims_outside_the_account_count_as_payments() {
    let descriptors = keys(ScriptKind::Wpkh).descriptors();
    for (fingerprint, path) in [
        (Fingerprint::default(), "84'/1'/0'/1/0"),
        (descriptors.fingerprint(), "84'/1'/1'/1/0"),
        (descriptors.fingerprint(), "84'/1'/0'/1/0'"),
        (descriptors.fingerprint(), "84'/1'/0'/1/2147483647'"),
        (descriptors.fingerprint(), "m"),
    ] {
        let mut psbt = payment(ScriptKind::Wpkh);
        let change = psbt
            .outputs
            .iter()
            .position(|o| !o.bip32_derivation.is_empty())
            .expect("change");
        let path: DerivationPath = path.parse().expect("path");
        for source in psbt.outputs[change].bip32_derivation.values_mut() {
            *source = (fingerprint, path.clone());
        }
        let review = reviewed(&psbt, ScriptKind::Wpkh, &[]);
        assert_eq!(
            review.outputs[change].role,
            Role::Payment,
            "{fingerprint}/{path}"
        );
        assert_eq!(review.returned_sat, 0);
    }
}

/// K09: change at an index that no scan would reach.
#[test]
fn far_change_is_refused_one_past_the_limit() {
    let descriptors = keys(ScriptKind::Wpkh).descriptors();
    for (index, refused) in [
        (MAX_INDEX_AHEAD - 1, false),
        (MAX_INDEX_AHEAD, true),
        ((1 << 31) - 1, true),
    ] {
        let mut psbt = payment(ScriptKind::Wpkh);
        let change = psbt
            .outputs
            .iter()
            .position(|o| !o.bip32_derivation.is_empty())
            .expect("change");
        psbt.unsigned_tx.output[change].script_pubkey = descriptors
            .script_at(KeychainKind::Internal, index)
            .expect("script");
        let path: DerivationPath = format!("84'/1'/0'/1/{index}").parse().expect("path");
        for source in psbt.outputs[change].bip32_derivation.values_mut() {
            source.1 = path.clone();
        }
        let expected: &[&str] = if refused { &["far-index"] } else { &[] };
        assert_eq!(refusals(&psbt, ScriptKind::Wpkh), expected, "{index}");
    }
}

/// Moves satoshis from the change output to the fee.
fn raise_fee_to(psbt: &mut Psbt, fee_sat: u64) {
    let more = Amount::from_sat(fee_sat) - psbt.fee().expect("fee");
    let change = psbt
        .outputs
        .iter()
        .position(|o| !o.bip32_derivation.is_empty())
        .expect("change");
    psbt.unsigned_tx.output[change].value -= more;
}

/// K10: ransom by fee; at the limit and one past it.
#[test]
fn fees_are_refused_one_past_their_share() {
    for (fee, expected) in [
        (15_000, None),
        (15_001, Some(Severity::Warning)),
        (30_000, Some(Severity::Warning)),
        (30_001, Some(Severity::Refusal)),
    ] {
        let mut psbt = payment(ScriptKind::Wpkh);
        raise_fee_to(&mut psbt, fee);
        let review = reviewed(&psbt, ScriptKind::Wpkh, &[]);
        assert_eq!(review.fee_sat, Some(fee));
        assert_eq!(
            review.findings.first().map(Finding::severity),
            expected,
            "{fee}"
        );
    }
    let mut psbt = payment(ScriptKind::Wpkh);
    raise_fee_to(&mut psbt, 30_001);
    assert_eq!(refusals(&psbt, ScriptKind::Wpkh), ["fee-share-too-high"]);
    let allowed = Overrides {
        high_fee: true,
        ..Overrides::default()
    };
    assert!(
        reviewed(&psbt, ScriptKind::Wpkh, &[])
            .permit(allowed)
            .is_ok()
    );
}

#[test]
fn fees_above_a_tenth_of_a_bitcoin_are_refused() {
    for (fee, refused) in [(MAX_FEE_SAT, false), (MAX_FEE_SAT + 1, true)] {
        let mut psbt =
            pay(&mut funded(ScriptKind::Wpkh, &[1_000_000_000]), 900_000_000).expect("built");
        raise_fee_to(&mut psbt, fee);
        assert_eq!(
            refusals(&psbt, ScriptKind::Wpkh).contains(&"fee-too-high"),
            refused,
            "{fee}"
        );
        assert!(refusals(&psbt, ScriptKind::Wpkh).contains(&"fee-rate-too-high"));
    }
}

#[test]
fn outputs_worth_more_than_the_inputs_are_refused() {
    let mut psbt = payment(ScriptKind::Wpkh);
    psbt.unsigned_tx.output[0].value += Amount::ONE_BTC;
    assert_eq!(refusals(&psbt, ScriptKind::Wpkh), ["negative-fee"]);
    psbt.unsigned_tx.output[0].value = Amount::from_sat(u64::MAX);
    assert!(refusals(&psbt, ScriptKind::Wpkh).contains(&"amount-out-of-range"));
}

/// K11: hash types that leave parts of the payment open.
#[test]
fn unusual_hash_types_need_their_flag_and_unknown_ones_are_always_refused() {
    let flag = Overrides {
        sighash: true,
        ..Overrides::default()
    };
    for kind in [ScriptKind::Wpkh, ScriptKind::Tr] {
        for wanted in [0x02u32, 0x03, 0x81, 0x82, 0x83] {
            let mut psbt = payment(kind);
            psbt.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(wanted));
            assert_eq!(
                refusals(&psbt, kind),
                ["unusual-sighash"],
                "{kind} {wanted:x}"
            );
            let signed = reviewed(&psbt, kind, &[])
                .permit(flag)
                .expect("allowed")
                .sign(&keys(kind))
                .expect("signed");
            assert!(finalize(signed.psbt).is_ok(), "{kind} {wanted:x}");
        }
        let mut psbt = payment(kind);
        psbt.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(0x42));
        assert_eq!(refusals(&psbt, kind), ["unknown-sighash"]);
        assert!(reviewed(&psbt, kind, &[]).permit(flag).is_err());
        psbt.inputs[0].sighash_type = Some(PsbtSighashType::from_u32(0x01));
        assert_eq!(refusals(&psbt, kind), [""; 0], "ALL is fine");
    }
}

/// K12: text that only looks like an address of this network.
#[test]
fn look_alike_addresses_are_refused() {
    use std::str::FromStr;

    use bdk_wallet::bitcoin::{Address, address::NetworkUnchecked};
    let good = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
    let parse = |text: &str| {
        let address = Address::<NetworkUnchecked>::from_str(text).ok()?;
        address.require_network(crate::NETWORK).ok()
    };
    assert!(parse(good).is_some());
    assert!(parse(&good.to_uppercase()).is_some());
    for bad in [
        "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppK",
        "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppl",
        "bcrt1q6rz28mcfаxtmd6v789l9rrlrusdprr9pz3cppk",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "",
    ] {
        assert!(parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn foreign_inputs_are_never_signed() {
    let mut psbt = payment(ScriptKind::Wpkh);
    let script = foreign_address(50).script_pubkey();
    let previous = payment_to(&script, &[10_000], 5);
    psbt.unsigned_tx.input.push(TxIn {
        previous_output: OutPoint::new(previous.compute_txid(), 0),
        ..TxIn::default()
    });
    let mut input = psbt.inputs[0].clone();
    input.witness_utxo = Some(previous.output[0].clone());
    input.non_witness_utxo = Some(previous);
    psbt.inputs.push(input);
    let review = reviewed(&psbt, ScriptKind::Wpkh, &[]);
    let codes: Vec<_> = review.warnings().iter().map(Finding::code).collect();
    assert_eq!(
        codes,
        ["false-input", "foreign-inputs"],
        "the copied key claim is seen through"
    );
    let signed = review
        .permit(Overrides::default())
        .expect("permitted")
        .sign(&keys(ScriptKind::Wpkh))
        .expect("signed");
    assert_eq!(signed.inputs, [0]);
    assert!(signed.psbt.inputs[1].partial_sigs.is_empty());
}

#[test]
fn a_wallet_without_a_coin_in_it_signs_nothing() {
    let psbt = payment(ScriptKind::Wpkh);
    let other = AccountKeys::from_seed(&[1; 32], ScriptKind::Wpkh, 0)
        .expect("keys")
        .descriptors();
    let context = Context {
        descriptors: Some(&other),
        ..Context::default()
    };
    let error = review(psbt, context)
        .permit(Overrides::default())
        .map(|_| ())
        .expect_err("nothing to sign");
    assert_eq!(error.code(), "nothing-to-sign");
}

#[test]
fn a_second_version_of_a_signed_payment_is_flagged() {
    let psbt = payment(ScriptKind::Wpkh);
    let kind = ScriptKind::Wpkh;
    let record = reviewed(&psbt, kind, &[])
        .permit(Overrides::default())
        .expect("permitted")
        .record()
        .clone();
    let history = [record];
    assert!(
        reviewed(&psbt, kind, &history).findings.is_empty(),
        "the same transaction may be signed again"
    );
    let mut other = psbt.clone();
    raise_fee_to(&mut other, 9_000);
    let review = reviewed(&other, kind, &history);
    assert_eq!(
        review
            .findings
            .iter()
            .map(Finding::code)
            .collect::<Vec<_>>(),
        ["conflicts-with-signed"]
    );
    let allowed = Overrides {
        replacement: true,
        ..Overrides::default()
    };
    assert!(review.permit(allowed).is_ok());
    let elsewhere = [SignedRecord {
        inputs: vec![OutPoint::new(Txid::all_zeros(), 3)],
        ..history[0].clone()
    }];
    let review = reviewed(&other, kind, &elsewhere);
    assert_eq!(
        review
            .findings
            .iter()
            .map(Finding::code)
            .collect::<Vec<_>>(),
        ["same-payment-signed"]
    );
    assert!(review.refusals(Overrides::default()).is_empty());
}

#[test]
fn a_changed_transaction_is_noticed_on_return() {
    let psbt = payment(ScriptKind::Wpkh);
    let mut signed = sign_with(&psbt, &keys(ScriptKind::Wpkh));
    signed.unsigned_tx.output.push(TxOut {
        value: Amount::from_sat(1000),
        script_pubkey: ScriptBuf::new(),
    });
    signed.outputs.push(psbt.outputs[0].clone());
    let comparison = compare(&signed, &psbt);
    assert!(!comparison.is_faithful() && !comparison.is_complete);
    assert!(matches!(
        combine(psbt, [signed]),
        Err(PsbtError::DifferentTransactions)
    ));
}

#[test]
fn a_signature_that_does_not_verify_is_not_complete() {
    let psbt = payment(ScriptKind::Wpkh);
    let mut signed = sign_with(&psbt, &keys(ScriptKind::Wpkh));
    let other = sign_with(
        &pay(
            &mut funded(ScriptKind::Wpkh, &[1_000_000, 2_000_000]),
            300_001,
        )
        .expect("built"),
        &keys(ScriptKind::Wpkh),
    );
    let foreign = *other.inputs[0]
        .partial_sigs
        .values()
        .next()
        .expect("signature");
    for signature in signed.inputs[0].partial_sigs.values_mut() {
        *signature = foreign;
    }
    assert!(!compare(&signed, &psbt).is_complete);
}

#[test]
fn signatures_of_several_copies_are_joined() {
    let psbt = payment(ScriptKind::Wpkh);
    let signed = sign_with(&psbt, &keys(ScriptKind::Wpkh));
    let joined = combine(psbt.clone(), [psbt, signed]).expect("same transaction");
    assert!(finalize(joined).is_ok());
}
