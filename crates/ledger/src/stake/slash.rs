//! Slashing: the penalty for a proven contradiction.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Transaction};
use synod_seal::{DelegateHash, Evidence, StakeProgram};

use super::error::StakeError;
use super::rules::StakeRules;
use super::spend::{made_stake, sum_by};

/// `OP_RETURN`: an output that starts with it is burned.
pub(super) const OP_RETURN: u8 = 0x6a;

/// Into what a slashed output is divided, in satoshis.
pub(super) struct Shares {
    /// Burned: the penalty without the reward.
    pub(super) burned: i128,
    /// What the reporter may keep.
    pub(super) reward: i128,
    /// What is left to the owner.
    pub(super) rest: i128,
}

/// Divides an output. The penalty is rounded up and the reward down, so that no satoshi appears.
pub(super) fn shares(amount: Amount, rules: &StakeRules) -> Shares {
    let whole = i128::from(amount.sat());
    let penalty = (whole * i128::from(rules.slash_percent) + 99) / 100;
    let reward = penalty / i128::from(rules.reporter_divisor.max(1));
    Shares {
        burned: penalty - reward,
        reward,
        rest: whole - penalty,
    }
}

/// What a slashing transaction has to pay, over all the stake that it spends.
#[derive(Default)]
pub(super) struct Slashing {
    /// What has to be burned at the least: the penalties without the rewards.
    burn: i128,
    /// What is kept for each owner, in the program that is left of the stake.
    rest: BTreeMap<StakeProgram, i128>,
}

impl Slashing {
    /// Takes in a stake output that is slashed.
    pub(super) fn add(
        &mut self,
        program: StakeProgram,
        amount: Amount,
        rules: &StakeRules,
    ) -> Result<(), StakeError> {
        if !amount.is_in_range() {
            return Err(StakeError::Range);
        }
        let shares = shares(amount, rules);
        self.burn += shares.burned;
        *self.rest.entry(program.slashed()).or_default() += shares.rest;
        Ok(())
    }

    /// Checks that the transaction burns and keeps what it has to; reward and fee are the
    /// remainder.
    pub(super) fn check_outputs(&self, transaction: &Transaction) -> Result<(), StakeError> {
        let burned = transaction
            .outputs()
            .iter()
            .filter(|output| output.script_pubkey.as_bytes().first() == Some(&OP_RETURN));
        let burned: i128 = burned.map(|output| i128::from(output.value.sat())).sum();
        if burned < self.burn {
            return Err(StakeError::Burn);
        }
        let kept = sum_by(made_stake(transaction))?;
        let is_kept = |(program, least): (&StakeProgram, &i128)| {
            let kept = kept
                .get(program)
                .map_or(0, |amount| i128::from(amount.sat()));
            kept >= *least
        };
        if self.rest.iter().all(is_kept) {
            Ok(())
        } else {
            Err(StakeError::Rest)
        }
    }

    /// Checks that two statements prove the delegate guilty.
    pub(super) fn check_evidence(
        statements: [&[u8]; 2],
        delegate: DelegateHash,
        chain_id: &[u8; 32],
    ) -> Result<(), StakeError> {
        let [first, second] = statements;
        let evidence = Evidence::decode(first, second)?;
        let key = evidence.check(chain_id)?;
        if key.delegate_hash() == delegate {
            Ok(())
        } else {
            Err(StakeError::EvidenceKey)
        }
    }
}
