//! Which inputs and outputs are the wallet's own: derived here, never believed.

use bdk_wallet::{
    KeychainKind,
    bitcoin::{
        Address, Psbt, TxOut,
        bip32::KeySource,
        hex::DisplayHex,
        sighash::{EcdsaSighashType, TapSighashType},
    },
};

use super::{
    Finding,
    amounts::Coin,
    limits::MAX_INDEX_AHEAD,
    review::{Context, InputView, OutputView, Place, Role},
    stake::{OwnStake, registration, stake_of},
};
use crate::{NETWORK, descriptors::Descriptors, keys::ScriptKind, keystore::Revealed};

/// Finds the place in the wallet that a set of key claims names and whose script is the given one.
fn proven_place<'k>(
    claims: impl Iterator<Item = &'k KeySource>,
    output: &TxOut,
    descriptors: &Descriptors,
) -> (bool, Option<Place>) {
    let mut claimed = false;
    for source in claims {
        if source.0 == descriptors.fingerprint() {
            claimed = true;
        }
        let Some((keychain, index)) = descriptors.claimed_place(source) else {
            continue;
        };
        if descriptors
            .script_at(keychain, index)
            .is_ok_and(|script| script == output.script_pubkey)
        {
            return (true, Some(Place { keychain, index }));
        }
    }
    (claimed, None)
}

pub(super) fn input_places(
    psbt: &Psbt,
    (coins, stakes): (&[Option<Coin>], &[Option<OwnStake>]),
    context: Context<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Option<Place>> {
    let Some(descriptors) = context.descriptors else {
        return vec![None; coins.len()];
    };
    let mut places = Vec::with_capacity(coins.len());
    for (index, (input, coin)) in psbt.inputs.iter().zip(coins).enumerate() {
        let claims = input
            .bip32_derivation
            .values()
            .chain(input.tap_key_origins.values().map(|(_, source)| source));
        let (claimed, place) = match coin {
            Some(coin) => proven_place(claims, &coin.output, descriptors),
            None => (false, None),
        };
        if claimed && place.is_none() && stakes[index].is_none() {
            findings.push(Finding::FalseInput(index));
        }
        places.push(place);
    }
    let whose = places.iter().zip(stakes);
    let foreign = whose
        .filter(|(place, stake)| place.is_none() && stake.is_none())
        .count();
    if foreign > 0 && foreign < places.len() {
        findings.push(Finding::ForeignInputs(foreign));
    }
    places
}

pub(super) fn check_inputs(
    psbt: &Psbt,
    (coins, stakes): (&[Option<Coin>], &[Option<OwnStake>]),
    places: &[Option<Place>],
    context: Context<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(descriptors) = context.descriptors else {
        return;
    };
    // Security: a taproot signature covers every input's amount (BIP341), so amounts need no proof
    // only where nothing but taproot is signed. The signature of a stake output covers its own only.
    let has_stake = stakes.iter().any(Option::is_some);
    let needs_proof = has_stake || descriptors.kind() != ScriptKind::Tr;
    for (index, coin) in coins.iter().enumerate() {
        if needs_proof && coin.as_ref().is_some_and(|coin| !coin.is_proven) {
            findings.push(Finding::MissingPreviousTransaction(index));
        }
        let Some(place) = places[index] else { continue };
        if !has_expected_scripts(psbt, index, place, descriptors) {
            findings.push(Finding::UnexpectedScript(index));
        }
        findings.extend(sighash_finding(psbt, index, descriptors.kind()));
    }
}

fn has_expected_scripts(
    psbt: &Psbt,
    index: usize,
    place: Place,
    descriptors: &Descriptors,
) -> bool {
    let input = &psbt.inputs[index];
    let Ok(derived) = descriptors.at(place.keychain, place.index) else {
        return false;
    };
    let key = descriptors.x_only_key_at(place.keychain, place.index).ok();
    let redeem_expected = match descriptors.kind() {
        ScriptKind::ShWpkh => derived.explicit_script().ok(),
        _ => None,
    };
    let redeem_fits = input.redeem_script.is_none() || input.redeem_script == redeem_expected;
    let taproot_fits = input.tap_scripts.is_empty()
        && input.tap_merkle_root.is_none()
        && (input.tap_internal_key.is_none() || input.tap_internal_key == key);
    redeem_fits && taproot_fits && input.witness_script.is_none()
}

fn sighash_finding(psbt: &Psbt, index: usize, kind: ScriptKind) -> Option<Finding> {
    let wanted = psbt.inputs[index].sighash_type?;
    if kind == ScriptKind::Tr {
        return match wanted.taproot_hash_ty() {
            Ok(TapSighashType::Default | TapSighashType::All) => None,
            Ok(other) => Some(Finding::UnusualSighash(index, other.to_string())),
            Err(_) => Some(Finding::UnknownSighash(index, wanted.to_u32())),
        };
    }
    match wanted.ecdsa_hash_ty() {
        Ok(EcdsaSighashType::All) => None,
        Ok(other) => Some(Finding::UnusualSighash(index, other.to_string())),
        Err(_) => Some(Finding::UnknownSighash(index, wanted.to_u32())),
    }
}

pub(super) fn output_views(
    psbt: &Psbt,
    context: Context<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<OutputView> {
    let owner = context.descriptors.and_then(|it| it.stake_owner().ok());
    let owner = owner.map(|it| it.hash());
    let has_registration = registration(psbt).is_some();
    let mut views = Vec::with_capacity(psbt.outputs.len());
    for (index, (output, hints)) in psbt
        .unsigned_tx
        .output
        .iter()
        .zip(&psbt.outputs)
        .enumerate()
    {
        let claims = hints
            .bip32_derivation
            .values()
            .chain(hints.tap_key_origins.values().map(|(_, source)| source));
        let (claimed, place) = match context.descriptors {
            Some(descriptors) => proven_place(claims, output, descriptors),
            None => (false, None),
        };
        let stake = stake_of(output, index);
        let role = match place {
            Some(place) if is_far(place, context.revealed) => {
                findings.push(Finding::FarIndex(index, place.index));
                Role::Payment
            }
            Some(Place {
                keychain: KeychainKind::Internal,
                index,
            }) => Role::Change { index },
            Some(Place {
                keychain: KeychainKind::External,
                index,
            }) => Role::Own { index },
            None => {
                if claimed {
                    findings.push(Finding::FalseChange(index));
                }
                match stake {
                    Some((program, _)) if Some(program.owner) == owner => Role::Stake,
                    None if index == 0 && has_registration => Role::Registration,
                    _ => Role::Payment,
                }
            }
        };
        views.push(OutputView {
            address: address_of(output),
            script: output.script_pubkey.as_bytes().to_lower_hex_string(),
            amount_sat: output.value.to_sat(),
            role,
            stake: stake.map(|(_, view)| view),
        });
    }
    views
}

/// Security: change at an index that no scan reaches is money held to ransom.
fn is_far(place: Place, revealed: Revealed) -> bool {
    let known = match place.keychain {
        KeychainKind::External => revealed.external,
        KeychainKind::Internal => revealed.internal,
    };
    place.index >= known.saturating_add(MAX_INDEX_AHEAD)
}

pub(super) fn input_views(
    psbt: &Psbt,
    (coins, stakes): (&[Option<Coin>], &[Option<OwnStake>]),
    places: &[Option<Place>],
) -> Vec<InputView> {
    let inputs = psbt.unsigned_tx.input.iter().zip(&psbt.inputs);
    let views = inputs.zip(coins.iter().zip(stakes).zip(places)).map(
        |((txin, input), ((coin, stake), place))| InputView {
            outpoint: txin.previous_output,
            address: coin.as_ref().and_then(|coin| address_of(&coin.output)),
            amount_sat: coin.as_ref().map(|coin| coin.output.value.to_sat()),
            is_proven: coin.as_ref().is_some_and(|coin| coin.is_proven),
            is_own: place.is_some() || stake.is_some(),
            signatures: input.partial_sigs.len()
                + usize::from(input.tap_key_sig.is_some())
                + input.tap_script_sigs.len(),
            is_final: input.final_script_sig.is_some() || input.final_script_witness.is_some(),
            stake: stake.as_ref().map(OwnStake::view),
        },
    );
    views.collect()
}

fn address_of(output: &TxOut) -> Option<String> {
    Address::from_script(&output.script_pubkey, NETWORK)
        .ok()
        .map(|address| address.to_string())
}
