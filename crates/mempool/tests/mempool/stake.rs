//! Spending stake, on a chain that has it and on one that has not.

use k256::ecdsa::signature::hazmat::PrehashSigner;
use k256::ecdsa::{Signature, SigningKey};
use synod_chainspec::ChainSpec;
use synod_ledger::{Rules, StakeTag};
use synod_primitives::{Height, OutPoint, Transaction, TxOut, Witness};
use synod_script::{SpendContext, hash160, segwit_v0_sighash, template};
use synod_seal::{DelegateHash, OwnerHash, StakeKind, StakeProgram};

use crate::kit::*;

const BOND: i64 = 5_000_000_000;
/// The preset's blocks of unbonding.
const UNBONDING: u32 = 256;

fn sealed() -> Chain {
    let spec = ChainSpec::preset("sealed").expect("a preset");
    let mut chain = Chain::new();
    chain.rules = Rules::from(&spec);
    chain
}

fn owner() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).expect("a valid secret")
}

fn public_key() -> Vec<u8> {
    owner()
        .verifying_key()
        .to_sec1_point(true)
        .as_bytes()
        .to_vec()
}

fn program(kind: StakeKind) -> StakeProgram {
    StakeProgram {
        kind,
        owner: OwnerHash(hash160(&public_key())),
        delegate: DelegateHash([2; 20]),
    }
}

/// Spends a stake output of [`BOND`] to one output.
fn spend(from: OutPoint, kind: StakeKind, output: &TxOut, tag: StakeTag) -> Transaction {
    let draft = |witness: Witness| {
        let mut draft = Draft::new(&[from], &[]);
        draft.inputs[0].witness = witness;
        draft.outputs.push(output.clone());
        draft.build()
    };
    let unsigned = draft(Witness::EMPTY);
    let spent = TxOut {
        value: synod_primitives::Amount::from_sat(BOND),
        script_pubkey: program(kind).script(),
    };
    let context = SpendContext::new(&unsigned, vec![spent]);
    let code = template::p2pkh(&hash160(&public_key()));
    let digest = segwit_v0_sighash(&context, 0, code.as_bytes(), 1);
    let signature: Signature = owner().sign_prehash(&digest).expect("signs");
    let mut signature = signature.normalize_s().to_der().as_bytes().to_vec();
    signature.push(1);
    draft(Witness::from_items(&[
        signature,
        public_key(),
        vec![tag.byte()],
    ]))
}

fn fund(chain: &mut Chain, kind: StakeKind, height: Height) -> OutPoint {
    chain.fund_with(BOND, program(kind).script().as_bytes(), false, height)
}

fn unbond(chain: &mut Chain, fee: i64) -> Transaction {
    let bond = fund(chain, StakeKind::Bonded, Height(START - 500));
    let output = TxOut {
        value: synod_primitives::Amount::from_sat(BOND - fee),
        script_pubkey: program(StakeKind::Unbonding).script(),
    };
    spend(bond, StakeKind::Bonded, &output, StakeTag::Unbond)
}

fn withdraw(chain: &mut Chain, made: u32) -> Transaction {
    let unbonding = fund(chain, StakeKind::Unbonding, Height(made));
    let tag = StakeTag::Withdraw;
    spend(unbonding, StakeKind::Unbonding, &output(BOND - 1_000), tag)
}

#[test]
fn stake_unbonds_through_the_mempool_within_the_fee_cap() {
    let mut chain = sealed();
    let mut pool = pool();
    let good = unbond(&mut chain, 10_000);
    admit(&mut pool, &chain, &good);
    let drained = unbond(&mut chain, 10_001);
    assert_eq!(refuse(&mut pool, &chain, &drained), "bad-stake-value");
    let mut forged = unbond(&mut chain, 1_000);
    let input = forged.inputs()[0].clone();
    let other = unbond(&mut chain, 1_000).inputs()[0].witness.clone();
    let input = synod_primitives::TxIn {
        witness: other,
        ..input
    };
    forged = Transaction::new(2, vec![input], forged.outputs().to_vec(), 0);
    assert_eq!(refuse(&mut pool, &chain, &forged), "bad-stake-signature");
}

#[test]
fn a_chain_without_stake_does_not_relay_what_spends_it() {
    let mut chain = Chain::new();
    let mut pool = pool();
    let unbond = unbond(&mut chain, 1_000);
    assert_eq!(
        refuse(&mut pool, &chain, &unbond),
        "bad-txns-nonstandard-inputs"
    );
}

#[test]
fn other_unknown_witness_programs_stay_nonstandard_where_there_is_stake() {
    let mut chain = sealed();
    let mut pool = pool();
    let script = [&[0x54, 40][..], &[1; 40]].concat();
    let coin = chain.fund_with(COIN, &script, false, Height(START - 500));
    let spends = pay(coin, COIN, 1_000);
    assert_eq!(
        refuse(&mut pool, &chain, &spends),
        "bad-txns-nonstandard-inputs"
    );
}

#[test]
fn a_registration_without_its_anchor_is_refused() {
    let mut chain = sealed();
    let mut pool = pool();
    let coin = chain.fund();
    let registration = Draft::new(&[coin], &[1_000])
        .output(1_000, program(StakeKind::Bonded).script().as_bytes())
        .build();
    assert_eq!(
        refuse(&mut pool, &chain, &registration),
        "bad-stake-registration"
    );
}

#[test]
fn a_withdrawal_waits_for_its_height_and_leaves_when_a_reorganisation_takes_it_back() {
    let mut chain = sealed();
    let mut pool = pool();
    // The next block is START + 1.
    let early = withdraw(&mut chain, START + 2 - UNBONDING);
    assert_eq!(refuse(&mut pool, &chain, &early), "bad-stake-locked");
    let due = withdraw(&mut chain, START + 1 - UNBONDING);
    admit(&mut pool, &chain, &due);
    let block = chain.block(&[]);
    chain.connect(&block);
    pool.remove_for_block(&block, chain.now);
    admit(&mut pool, &chain, &early);
    let block = chain.disconnect();
    pool.add_disconnected(&block);
    let fork = chain.height();
    pool.finish_reorg(&chain.context(), fork);
    assert_eq!(txids(&pool), vec![due.txid()]);
    check(&pool, &chain);
}
