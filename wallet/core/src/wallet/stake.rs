//! Building transactions that lock, move and release stake. The result is always a PSBT.
//!
//! What the network's rules ask of the order of outputs stands here: a registration's data is
//! output 0 and the stake that it registers output 1; votes are anywhere else.

use std::collections::BTreeSet;

use bdk_wallet::{
    KeychainKind, TxOrdering,
    bitcoin::{
        Amount, FeeRate, OutPoint, Psbt, PublicKey, ScriptBuf, Sequence, Transaction, Weight,
        psbt::Input,
    },
    tx_builder::{AddForeignUtxoError, TxBuilder},
};

use super::{BuildError, Wallet, build::create_error};
use crate::stake::{
    Delegate, Registration, StakeCoin, StakeKind, StakeOwner, StakeProgram, StakeTag, StakeTerms,
    WITNESS_WEIGHT, tag_field, terms_field,
};

/// Most stake outputs that one transaction spends.
pub const MAX_STAKE_INPUTS: usize = 100;

/// What is to be done with stake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StakeAction {
    /// Locks coins for a key and registers it as a validator or candidate.
    Bond {
        /// The key, its anchor, its name.
        registration: Registration,
        /// How much.
        amount: Amount,
    },
    /// Locks coins for a key that others have registered.
    Delegate {
        /// The key.
        delegate: Delegate,
        /// How much.
        amount: Amount,
    },
    /// Starts the unbonding of stake of one delegate; the fee comes out of the stake.
    Unbond(Vec<StakeCoin>),
    /// Moves votes to another delegate; the fee comes from the wallet.
    Redelegate {
        /// The votes.
        coins: Vec<StakeCoin>,
        /// The new delegate.
        delegate: Delegate,
    },
    /// Takes coins out: unbonded ones whose time is over, and votes; the fee comes out of them.
    Withdraw(Vec<StakeCoin>),
    /// Registers a candidate anew; the fee comes from the wallet.
    Renew {
        /// The registration that is spent.
        coin: StakeCoin,
        /// The new one, of the same key.
        registration: Registration,
    },
}

impl StakeAction {
    /// Returns the stake outputs that are spent.
    pub fn coins(&self) -> &[StakeCoin] {
        match self {
            Self::Bond { .. } | Self::Delegate { .. } => &[],
            Self::Unbond(coins) | Self::Withdraw(coins) | Self::Redelegate { coins, .. } => coins,
            Self::Renew { coin, .. } => std::slice::from_ref(coin),
        }
    }

    /// Returns how stake outputs are spent.
    pub fn tag(&self) -> Option<StakeTag> {
        match self {
            Self::Bond { .. } | Self::Delegate { .. } => None,
            Self::Unbond(_) => Some(StakeTag::Unbond),
            Self::Redelegate { .. } => Some(StakeTag::Redelegate),
            Self::Withdraw(_) => Some(StakeTag::Withdraw),
            Self::Renew { .. } => Some(StakeTag::Renew),
        }
    }
}

/// A stake transaction to build.
#[derive(Debug, Clone)]
pub struct StakePlan {
    /// What is done.
    pub action: StakeAction,
    /// The wallet's owner of stake.
    pub owner: StakeOwner,
    /// What the network says of its stake; it travels with the PSBT.
    pub terms: StakeTerms,
    /// The fee rate.
    pub fee_rate: FeeRate,
    /// Coins that must not be used (reserved by other payments).
    pub reserved: Vec<OutPoint>,
}

impl StakePlan {
    fn program(&self, kind: StakeKind, delegate: Delegate) -> StakeProgram {
        StakeProgram {
            kind,
            owner: self.owner.hash(),
            delegate,
        }
    }

    fn bonded(&self, delegate: Delegate) -> ScriptBuf {
        self.program(StakeKind::Bonded, delegate).script()
    }

    fn check(&self) -> Result<(), BuildError> {
        let coins = self.action.coins();
        if self.action.tag().is_some() && (coins.is_empty() || coins.len() > MAX_STAKE_INPUTS) {
            return Err(BuildError::StakeCoins);
        }
        if let Some(foreign) = coins
            .iter()
            .find(|it| it.program.owner != self.owner.hash())
        {
            return Err(BuildError::ForeignStake(foreign.outpoint()));
        }
        let is_vote = |coin: &StakeCoin| {
            self.terms.has_liquid_votes()
                && coin.program.kind == StakeKind::Bonded
                && !coin.is_registration()
        };
        let fits = |coin: &StakeCoin| match self.action {
            StakeAction::Bond { .. } | StakeAction::Delegate { .. } => false,
            StakeAction::Unbond(_) => coin.program.kind == StakeKind::Bonded,
            StakeAction::Redelegate { .. } => is_vote(coin),
            StakeAction::Withdraw(_) => coin.program.kind == StakeKind::Unbonding || is_vote(coin),
            StakeAction::Renew { .. } => self.terms.has_liquid_votes() && coin.is_registration(),
        };
        match coins.iter().find(|coin| !fits(coin)) {
            None => self.check_amount(),
            Some(coin) => Err(BuildError::StakeWay(coin.outpoint())),
        }
    }

    /// Refuses stake that the network would take and not count.
    fn check_amount(&self) -> Result<(), BuildError> {
        let (amount, least) = match &self.action {
            StakeAction::Bond { amount, .. } => (*amount, self.terms.min_bond_sat),
            StakeAction::Delegate { amount, .. } => (*amount, self.terms.min_delegation_sat),
            _ => return Ok(()),
        };
        if amount.to_sat() < least {
            return Err(BuildError::StakeTooSmall { least_sat: least });
        }
        Ok(())
    }
}

impl Wallet {
    /// Builds a stake transaction.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build_stake(&mut self, plan: &StakePlan) -> Result<Psbt, BuildError> {
        plan.check()?;
        let mut psbt = match &plan.action {
            StakeAction::Unbond(coins) => {
                let program = one_program(coins)?.unbonding();
                self.build_moved(plan, program.script())?
            }
            StakeAction::Withdraw(_) => {
                let inner = self.inner_mut();
                let change = inner.next_unused_address(KeychainKind::Internal);
                self.build_moved(plan, change.address.script_pubkey())?
            }
            _ => self.build_locked(plan)?,
        };
        let (key, value) = terms_field(&plan.terms);
        psbt.proprietary.insert(key, value);
        Ok(psbt)
    }

    /// Moves all of some stake to one script; the fee comes out of it.
    fn build_moved(&mut self, plan: &StakePlan, to: ScriptBuf) -> Result<Psbt, BuildError> {
        let mut builder = self.inner_mut().build_tx();
        builder
            .manually_selected_only()
            .fee_rate(plan.fee_rate)
            .drain_to(to);
        spend_stake(&mut builder, plan)?;
        let psbt = builder.finish().map_err(create_error)?;
        let is_capped = plan.action.tag() == Some(StakeTag::Unbond);
        let fee = psbt.fee().map_err(|e| BuildError::Other(e.to_string()))?;
        if is_capped && fee.to_sat() > plan.terms.fee_cap_sat {
            return Err(BuildError::StakeFee {
                fee_sat: fee.to_sat(),
                cap_sat: plan.terms.fee_cap_sat,
            });
        }
        Ok(psbt)
    }

    /// Locks stake, new or moved; fee and new stake come from the wallet's coins.
    fn build_locked(&mut self, plan: &StakePlan) -> Result<Psbt, BuildError> {
        let mut excluded = self.unspendable_coins();
        excluded.extend(&plan.reserved);
        let mut builder = self.inner_mut().build_tx();
        builder
            .fee_rate(plan.fee_rate)
            .unspendable(excluded)
            .ordering(TxOrdering::Untouched);
        spend_stake(&mut builder, plan)?;
        match &plan.action {
            StakeAction::Bond {
                registration,
                amount,
            } => {
                builder
                    .add_recipient(registration.script(), Amount::ZERO)
                    .add_recipient(plan.bonded(registration.delegate()), *amount);
            }
            StakeAction::Delegate { delegate, amount } => {
                builder.add_recipient(plan.bonded(*delegate), *amount);
            }
            StakeAction::Redelegate { coins, delegate } => {
                builder.add_recipient(plan.bonded(*delegate), sum(coins)?);
            }
            StakeAction::Renew { coin, registration } => {
                let amount = sum(std::slice::from_ref(coin))?;
                builder
                    .add_recipient(registration.script(), Amount::ZERO)
                    .add_recipient(plan.bonded(registration.delegate()), amount);
            }
            StakeAction::Unbond(_) | StakeAction::Withdraw(_) => {}
        }
        builder.finish().map_err(create_error)
    }

    /// Returns the scripts of the owner's stake in the transactions that the wallet knows.
    pub fn stake_scripts(&self, owner: &StakeOwner) -> BTreeSet<ScriptBuf> {
        let known = self.inner().transactions();
        let transactions = known.map(|it| it.tx_node.tx);
        transactions
            .flat_map(|transaction| own_scripts(&transaction, owner))
            .collect()
    }

    /// Returns what blocks that were sealed or mined for this wallet paid it, in satoshis.
    pub fn earned_sat(&self) -> u64 {
        let known = self.inner().transactions();
        let coinbases = known.filter(|it| it.tx_node.tx.is_coinbase());
        coinbases
            .map(|it| self.inner().sent_and_received(&it.tx_node.tx).1.to_sat())
            .fold(0, u64::saturating_add)
    }
}

/// Returns the scripts of the owner's stake that a transaction pays.
pub fn own_scripts(transaction: &Transaction, owner: &StakeOwner) -> BTreeSet<ScriptBuf> {
    let hash = owner.hash();
    let outputs = transaction
        .output
        .iter()
        .map(|output| &output.script_pubkey);
    outputs
        .filter(|script| StakeProgram::of_script(script).is_some_and(|it| it.owner == hash))
        .cloned()
        .collect()
}

fn one_program(coins: &[StakeCoin]) -> Result<StakeProgram, BuildError> {
    let mut programs = coins.iter().map(|coin| coin.program);
    let first = programs.next().ok_or(BuildError::StakeCoins)?;
    if programs.all(|program| program == first) {
        Ok(first)
    } else {
        Err(BuildError::StakeCoins)
    }
}

fn sum(coins: &[StakeCoin]) -> Result<Amount, BuildError> {
    let mut amounts = coins.iter().map(|coin| Amount::from_sat(coin.amount_sat));
    let sum = amounts.try_fold(Amount::ZERO, Amount::checked_add);
    sum.ok_or(BuildError::StakeCoins)
}

fn spend_stake<S>(builder: &mut TxBuilder<'_, S>, plan: &StakePlan) -> Result<(), BuildError> {
    let Some(tag) = plan.action.tag() else {
        return Ok(());
    };
    for coin in plan.action.coins() {
        let input = stake_input(coin, tag, plan);
        let weight = Weight::from_wu(WITNESS_WEIGHT);
        let sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
        builder
            .add_foreign_utxo_with_sequence(coin.outpoint(), input, weight, sequence)
            .map_err(|error: AddForeignUtxoError| BuildError::Other(error.to_string()))?;
    }
    Ok(())
}

fn stake_input(coin: &StakeCoin, tag: StakeTag, plan: &StakePlan) -> Input {
    let owner: PublicKey = plan.owner.key();
    let output = usize::try_from(coin.vout)
        .ok()
        .and_then(|vout| coin.previous.output.get(vout));
    Input {
        witness_utxo: output.cloned(),
        non_witness_utxo: Some(coin.previous.clone()),
        bip32_derivation: [(owner.inner, plan.owner.source().clone())].into(),
        proprietary: [tag_field(tag)].into(),
        ..Input::default()
    }
}
