//! Slashing: the penalty for a proven contradiction.

use std::collections::BTreeMap;

use synod_primitives::{Amount, Transaction};
use synod_seal::{DelegateHash, Evidence, StakeProgram};

use super::error::StakeError;
use super::rules::StakeRules;
use super::spend::{made_stake, sum_by};

/// `OP_RETURN`: an output that starts with it is burned.
const OP_RETURN: u8 = 0x6a;

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
    ///
    /// The penalty is rounded up and the reward down, so that no satoshi appears.
    pub(super) fn add(
        &mut self,
        program: StakeProgram,
        amount: Amount,
        rules: &StakeRules,
    ) -> Result<(), StakeError> {
        let whole = i128::from(amount.sat());
        if !amount.is_in_range() {
            return Err(StakeError::Range);
        }
        let penalty = (whole * i128::from(rules.slash_percent) + 99) / 100;
        let reward = penalty / i128::from(rules.reporter_divisor.max(1));
        self.burn += penalty - reward;
        *self.rest.entry(program.slashed()).or_default() += whole - penalty;
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
