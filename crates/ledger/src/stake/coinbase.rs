//! What a block's coinbase must show where blocks are sealed, as far as no stake is needed.
//! Whether the key was entitled to the slot, and whether its signature holds, are the engine's
//! questions.

use synod_primitives::{Block, Height, Transaction};
use synod_seal::{Mode, SealedHeader, Slot, StakeProgram};

use super::error::SealRuleError;
use super::rules::StakeRules;

/// Checks seal, slot and bonds of a block's coinbase.
pub(crate) fn check_sealed_coinbase(
    block: &Block,
    height: Height,
    rules: &StakeRules,
) -> Result<(), SealRuleError> {
    let coinbase = &block.transactions()[0];
    check_bonds(coinbase, height, rules)?;
    let sealed = SealedHeader {
        header: *block.header(),
        coinbase: coinbase.clone(),
        // The root was checked over the whole block.
        branch: Vec::new(),
    };
    let (_, seal) = sealed.check_form()?;
    if height <= rules.bootstrap_height {
        let is_own = seal.mode == Mode::Bootstrap;
        let is_in_place = seal.slot == Slot(u64::from(height.0));
        return match (is_own, is_in_place) {
            (false, _) => Err(SealRuleError::Mode),
            (true, false) => Err(SealRuleError::Slot),
            (true, true) => Ok(()),
        };
    }
    if seal.mode != rules.mode {
        return Err(SealRuleError::Mode);
    }
    if seal.slot == Slot(0) || rules.slot_time(seal.slot) != Some(block.header().time) {
        return Err(SealRuleError::Slot);
    }
    Ok(())
}

/// Consensus: a coinbase bonds what the chain spec says and nothing else. Security: rewards
/// are mature before they count as stake, so that a private branch cannot grow on its own.
fn check_bonds(
    coinbase: &Transaction,
    height: Height,
    rules: &StakeRules,
) -> Result<(), SealRuleError> {
    let fixed = rules.bootstrap_outputs(height);
    let (start, rest) = coinbase
        .outputs()
        .split_at_checked(fixed.len())
        .ok_or(SealRuleError::CoinbaseBond)?;
    if start != fixed {
        return Err(SealRuleError::CoinbaseBond);
    }
    let has_stake = rest
        .iter()
        .any(|output| StakeProgram::of_script(output.script_pubkey.as_bytes()).is_some());
    if has_stake {
        return Err(SealRuleError::CoinbaseStake);
    }
    Ok(())
}
