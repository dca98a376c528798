//! Stake in a PSBT: what is this wallet's, whether the transaction does what it says with it, and
//! the signature of the owner.
//!
//! Security: the owner's signature covers all outputs but not the tag, which says how the stake is
//! spent. So the outputs have to be right for the tag before anything is signed: what is unbonded,
//! redelegated or renewed must come back to the same owner.

use std::collections::BTreeMap;

use bdk_wallet::bitcoin::{
    Psbt, PublicKey, ScriptBuf, TxOut, Witness, ecdsa,
    hashes::{Hash, hash160},
    key::Secp256k1,
    psbt::PsbtSighashType,
    secp256k1::Message,
    sighash::{EcdsaSighashType, SighashCache},
};
use serde::Serialize;

use super::{
    Finding, PsbtError,
    amounts::{Coin, coin},
    review::{Context, OutputView, Role},
};
use crate::stake::{
    Delegate, MAX_LOSS_SAT, REGISTRATION_INDEX, Registration, StakeKind, StakeProgram, StakeTag,
    find_tag,
};

/// The stake of an output or of a coin that is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StakeView {
    /// Whether it counts or is on its way out.
    pub kind: StakeKind,
    /// Whom it stands for; all zeros for what is left of slashed stake.
    pub delegate: Delegate,
    /// Whether it registers a validator or candidate.
    pub is_registration: bool,
    /// How it is spent, for an input that says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_by: Option<StakeTag>,
}

/// What a bond says beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationView {
    /// The key.
    pub delegate: Delegate,
    /// What the key's first reveal hashes to, in hex.
    pub anchor: String,
    /// The candidate's name.
    pub name: Option<String>,
}

/// A stake input of this wallet's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnStake {
    pub(super) program: StakeProgram,
    pub(super) amount_sat: u64,
    pub(super) is_registration: bool,
    pub(super) tag: Option<StakeTag>,
}

impl OwnStake {
    pub(super) fn view(&self) -> StakeView {
        StakeView {
            kind: self.program.kind,
            delegate: self.program.delegate,
            is_registration: self.is_registration,
            spent_by: self.tag,
        }
    }
}

/// Returns the registration that a transaction makes: its data at output 0, its stake at output 1.
pub(super) fn registration(psbt: &Psbt) -> Option<Registration> {
    let outputs = &psbt.unsigned_tx.output;
    let data = outputs.first()?;
    let registers = usize::try_from(REGISTRATION_INDEX).ok()?;
    let program = StakeProgram::of_script(&outputs.get(registers)?.script_pubkey)?;
    let found = Registration::of_script(&data.script_pubkey)?;
    let fits = data.value.to_sat() == 0
        && program.kind == StakeKind::Bonded
        && program.delegate == found.delegate();
    fits.then_some(found)
}

/// Returns the stake of an output.
pub(super) fn stake_of(output: &TxOut, index: usize) -> Option<(StakeProgram, StakeView)> {
    let program = StakeProgram::of_script(&output.script_pubkey)?;
    let view = StakeView {
        kind: program.kind,
        delegate: program.delegate,
        is_registration: is_registration(&program, index),
        spent_by: None,
    };
    Some((program, view))
}

fn is_registration(program: &StakeProgram, index: usize) -> bool {
    program.kind == StakeKind::Bonded && u32::try_from(index) == Ok(REGISTRATION_INDEX)
}

/// Finds the stake inputs that this wallet owns, and what speaks against spending each of them.
pub(super) fn own_stakes(
    psbt: &Psbt,
    coins: &[Option<Coin>],
    context: Context<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Option<OwnStake>> {
    let owner = context.descriptors.and_then(|it| it.stake_owner().ok());
    let Some(owner) = owner.map(|it| it.hash()) else {
        return vec![None; coins.len()];
    };
    let mut stakes = Vec::with_capacity(coins.len());
    for (index, coin) in coins.iter().enumerate() {
        let found = coin.as_ref().and_then(|coin| own_stake(psbt, index, coin));
        let own = found.filter(|stake| stake.program.owner == owner);
        if let Some(stake) = &own {
            findings.extend(check_input(psbt, index, stake));
        }
        stakes.push(own);
    }
    stakes
}

fn own_stake(psbt: &Psbt, index: usize, coin: &Coin) -> Option<OwnStake> {
    let program = StakeProgram::of_script(&coin.output.script_pubkey)?;
    let vout = psbt.unsigned_tx.input[index].previous_output.vout;
    Some(OwnStake {
        program,
        amount_sat: coin.output.value.to_sat(),
        is_registration: is_registration(&program, usize::try_from(vout).ok()?),
        tag: find_tag(&psbt.inputs[index]),
    })
}

fn check_input(psbt: &Psbt, index: usize, stake: &OwnStake) -> Option<Finding> {
    let input = &psbt.inputs[index];
    let wanted = input.sighash_type;
    let all = PsbtSighashType::from(EcdsaSighashType::All);
    if wanted.is_some_and(|wanted| wanted != all) {
        return Some(Finding::StakeSighash(index));
    }
    if input.redeem_script.is_some() || input.witness_script.is_some() {
        return Some(Finding::UnexpectedScript(index));
    }
    let is_bonded = stake.program.kind == StakeKind::Bonded;
    let fits = match stake.tag {
        None => return Some(Finding::StakeTagMissing(index)),
        Some(StakeTag::Unbond) => is_bonded,
        Some(StakeTag::Redelegate) => is_bonded && !stake.is_registration,
        // Votes are taken out as they are; a bond is not, and the network would refuse it.
        Some(StakeTag::Withdraw) => !stake.is_registration,
        Some(StakeTag::Renew) => stake.is_registration,
    };
    (!fits).then_some(Finding::StakeWay(index))
}

/// Checks that the transaction as a whole does with this wallet's stake what its inputs say.
pub(super) fn check_stake(
    stakes: &[Option<OwnStake>],
    outputs: &[OutputView],
    findings: &mut Vec<Finding>,
) {
    let own: Vec<&OwnStake> = stakes.iter().flatten().collect();
    let Some(first) = own.first() else {
        return;
    };
    if own.iter().any(|stake| stake.tag != first.tag) {
        findings.push(Finding::StakeMixed);
        return;
    }
    let lost = match first.tag {
        None | Some(StakeTag::Withdraw) => 0,
        Some(StakeTag::Unbond) => lost(&own, outputs, |program, at| {
            (program.kind == StakeKind::Unbonding).then_some((program.delegate, at))
        }),
        Some(StakeTag::Redelegate) => lost(&own, outputs, |program, _| {
            (program.kind == StakeKind::Bonded).then_some((Delegate::NOBODY, false))
        }),
        Some(StakeTag::Renew) => lost(&own, outputs, |program, at| {
            (program.kind == StakeKind::Bonded && at).then_some((program.delegate, true))
        }),
    };
    if lost > MAX_LOSS_SAT {
        findings.push(Finding::StakeNotReturned(lost));
    }
}

/// Adds up what the stake inputs give and do not get back, in satoshis. `place` says which outputs
/// count for which inputs: given an output's program and whether it registers, its group.
fn lost(
    own: &[&OwnStake],
    outputs: &[OutputView],
    place: impl Fn(&StakeProgram, bool) -> Option<(Delegate, bool)>,
) -> u64 {
    let mut groups: BTreeMap<(Delegate, bool), (u64, u64)> = BTreeMap::new();
    for stake in own {
        // Where the input would have to come back: what the output's group is then.
        let group = match stake.tag {
            Some(StakeTag::Unbond) => (stake.program.delegate, false),
            Some(StakeTag::Renew) => (stake.program.delegate, true),
            _ => (Delegate::NOBODY, false),
        };
        let sums = groups.entry(group).or_default();
        sums.0 = sums.0.saturating_add(stake.amount_sat);
    }
    for output in outputs.iter().filter(|output| output.role == Role::Stake) {
        let Some(stake) = output.stake else { continue };
        let program = StakeProgram {
            kind: stake.kind,
            owner: [0; 20],
            delegate: stake.delegate,
        };
        let group = place(&program, stake.is_registration);
        if let Some(sums) = group.and_then(|group| groups.get_mut(&group)) {
            sums.1 = sums.1.saturating_add(output.amount_sat);
        }
    }
    let missing = groups
        .values()
        .map(|(given, back)| given.saturating_sub(*back));
    missing.fold(0, u64::saturating_add)
}

/// Checks the stake outputs that a transaction makes.
pub(super) fn check_outputs(psbt: &Psbt, outputs: &[OutputView], findings: &mut Vec<Finding>) {
    for (index, output) in outputs.iter().enumerate() {
        let Some(stake) = output.stake else { continue };
        if output.role != Role::Stake {
            findings.push(Finding::ForeignStake(index));
            continue;
        }
        if stake.kind == StakeKind::Unbonding {
            continue;
        }
        if stake.delegate == Delegate::NOBODY {
            findings.push(Finding::StakeForNobody(index));
        } else if stake.is_registration && registration(psbt).is_none() {
            findings.push(Finding::RegistrationMissing(index));
        } else {
            findings.push(Finding::StakeAtRisk {
                amount_sat: output.amount_sat,
                delegate: stake.delegate,
            });
        }
    }
}

/// Computes what the owner of a stake output signs (BIP143 with P2PKH of the owner as script code).
pub(super) fn stake_message(
    psbt: &Psbt,
    index: usize,
    program: &StakeProgram,
    output: &TxOut,
) -> Result<Message, PsbtError> {
    let mut cache = SighashCache::new(&psbt.unsigned_tx);
    let script: ScriptBuf = program.signed_script();
    let hash_type = EcdsaSighashType::All;
    let hash = cache.p2wpkh_signature_hash(index, &script, output.value, hash_type);
    hash.map(Message::from).map_err(|e| PsbtError::Signing {
        input: index,
        reason: e.to_string(),
    })
}

/// Finalizes an input when it spends stake: `None` when it does not, `Some(false)` when its
/// signature, its key or its tag is missing or wrong.
pub(super) fn finalize_stake(psbt: &mut Psbt, index: usize) -> Option<bool> {
    let coin = coin(psbt, index).ok()?;
    let program = StakeProgram::of_script(&coin.output.script_pubkey)?;
    if psbt.inputs[index].final_script_witness.is_some() {
        return Some(true);
    }
    let witness = stake_witness(psbt, index, &program, &coin.output);
    let input = &mut psbt.inputs[index];
    let is_done = witness.is_some();
    if is_done {
        input.final_script_witness = witness;
        input.partial_sigs.clear();
        input.bip32_derivation.clear();
        input.sighash_type = None;
    }
    Some(is_done)
}

fn stake_witness(
    psbt: &Psbt,
    index: usize,
    program: &StakeProgram,
    output: &TxOut,
) -> Option<Witness> {
    let input = &psbt.inputs[index];
    let tag = find_tag(input)?;
    let is_owner = |key: &PublicKey| {
        key.compressed
            && hash160::Hash::hash(&key.inner.serialize()).to_byte_array() == program.owner
    };
    let (key, signature): (&PublicKey, &ecdsa::Signature) =
        input.partial_sigs.iter().find(|(key, _)| is_owner(key))?;
    let message = stake_message(psbt, index, program, output).ok()?;
    let is_all = signature.sighash_type == EcdsaSighashType::All;
    let secp = Secp256k1::verification_only();
    let verified = secp.verify_ecdsa(&message, &signature.signature, &key.inner);
    if !is_all || verified.is_err() {
        return None;
    }
    let mut witness = Witness::new();
    witness.push(signature.to_vec());
    witness.push(key.inner.serialize());
    witness.push([tag.byte()]);
    Some(witness)
}
