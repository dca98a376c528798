//! Building payments: recipients, coin selection, change, replacement. The result is always a PSBT.

use bdk_wallet::{
    bitcoin::{Address, Amount, FeeRate, OutPoint, Psbt, Txid, absolute::LockTime},
    coin_selection::InsufficientFunds,
    error::{BuildFeeBumpError, CreateTxError},
};

use super::Wallet;
use crate::stake::StakeProgram;

/// Most recipients of one payment.
pub const MAX_RECIPIENTS: usize = 1000;

/// Why a payment could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The coins do not suffice.
    #[error("not enough coins: {needed_sat} sat are needed, {available_sat} sat can be spent")]
    InsufficientFunds {
        /// What is needed with the fee, in satoshis.
        needed_sat: u64,
        /// What can be spent, in satoshis.
        available_sat: u64,
    },
    /// Nothing can be spent.
    #[error("there is nothing to spend")]
    NothingToSpend,
    /// A recipient would get less than the network relays.
    #[error("recipient {0} would get less than the dust limit")]
    Dust(usize),
    /// No recipient, or too many.
    #[error("a payment has 1 to {MAX_RECIPIENTS} recipients")]
    Recipients,
    /// The transaction is not the wallet's, or unknown.
    #[error("transaction {0} is not known to this wallet")]
    UnknownTransaction(Txid),
    /// The transaction is confirmed already.
    #[error("transaction {0} is confirmed already")]
    Confirmed(Txid),
    /// The transaction does not signal that it may be replaced, or was not made by this wallet.
    #[error("transaction {0} cannot be replaced by this wallet")]
    NotReplaceable(Txid),
    /// The new fee rate is not above the old one.
    #[error("the fee must rise: at least {0} sat per 1000 virtual bytes")]
    FeeTooLow(u64),
    /// No stake output, too many, or of several delegates where one is moved.
    #[error("stake is moved in one to 100 outputs, and unbonded for one delegate at a time")]
    StakeCoins,
    /// A stake output that another key owns.
    #[error("stake output {0} belongs to another owner")]
    ForeignStake(OutPoint),
    /// A stake output that cannot be spent this way.
    #[error(
        "stake output {0} cannot be spent this way: bonds are unbonded and then withdrawn, votes \
         redelegated or withdrawn, registrations of candidates renewed"
    )]
    StakeWay(OutPoint),
    /// Less stake than the network counts.
    #[error("the network counts stake of this kind from {least_sat} sat on")]
    StakeTooSmall {
        /// The least amount, in satoshis.
        least_sat: u64,
    },
    /// The fee takes more of the stake than the network allows.
    #[error("the fee of {fee_sat} sat would come out of the stake, which may lose {cap_sat} sat")]
    StakeFee {
        /// The fee, in satoshis.
        fee_sat: u64,
        /// The most that stake may lose, in satoshis.
        cap_sat: u64,
    },
    /// The builder refused for another reason.
    #[error("the payment cannot be built: {0}")]
    Other(String),
}

impl BuildError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InsufficientFunds { .. } => "insufficient-funds",
            Self::NothingToSpend => "nothing-to-spend",
            Self::Dust(_) => "dust",
            Self::Recipients => "recipients",
            Self::UnknownTransaction(_) => "tx-unknown",
            Self::Confirmed(_) => "tx-confirmed",
            Self::NotReplaceable(_) => "tx-not-replaceable",
            Self::FeeTooLow(_) => "fee-too-low",
            Self::StakeCoins => "stake-coins",
            Self::ForeignStake(_) => "stake-foreign",
            Self::StakeWay(_) => "stake-way",
            Self::StakeTooSmall { .. } => "stake-too-small",
            Self::StakeFee { .. } => "stake-fee",
            Self::Other(_) => "payment-invalid",
        }
    }
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Whom to pay.
    pub address: Address,
    /// How much; `None` is everything that can be spent, less the fee (then it is the only recipient).
    pub amount: Option<Amount>,
}

/// A payment to build.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// The fee rate.
    pub fee_rate: FeeRate,
    /// Coins that must not be used (reserved by other payments).
    pub reserved: Vec<OutPoint>,
}

impl Wallet {
    /// Builds a payment. Change goes to a new change address; the transaction may be replaced
    /// (BIP125) and its lock time is the current height or a little less.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build_payment(&mut self, payment: &Payment) -> Result<Psbt, BuildError> {
        let everything = payment
            .recipients
            .iter()
            .any(|recipient| recipient.amount.is_none());
        let count = payment.recipients.len();
        if count == 0 || count > MAX_RECIPIENTS || (everything && count > 1) {
            return Err(BuildError::Recipients);
        }
        let mut excluded = self.unspendable_coins();
        excluded.extend(&payment.reserved);
        // Without randomness the lock is the current height, which is never wrong.
        let mut dice = [0xff; 2];
        let _ = getrandom::fill(&mut dice);
        let lock = LockTime::from_height(lock_height(self.height(), dice));
        let mut builder = self.inner_mut().build_tx();
        builder.fee_rate(payment.fee_rate).unspendable(excluded);
        if let Ok(lock) = lock {
            builder.nlocktime(lock);
        }
        for recipient in &payment.recipients {
            let script = recipient.address.script_pubkey();
            match recipient.amount {
                Some(amount) => builder.add_recipient(script, amount),
                None => builder.drain_wallet().drain_to(script),
            };
        }
        builder.finish().map_err(create_error)
    }

    /// Builds the replacement of an unconfirmed transaction of this wallet at a higher fee rate.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build_bump(
        &mut self,
        txid: Txid,
        fee_rate: FeeRate,
        reserved: &[OutPoint],
    ) -> Result<Psbt, BuildError> {
        let mut excluded = self.unspendable_coins();
        excluded.extend(reserved);
        let known = self
            .transaction(txid)
            .ok_or(BuildError::UnknownTransaction(txid))?;
        // Correctness: what stake is depends on the order of outputs, which a replacement changes.
        let has_stake = known
            .output
            .iter()
            .any(|output| StakeProgram::of_script(&output.script_pubkey).is_some());
        if has_stake || self.inner().sent_and_received(&known).0 == Amount::ZERO {
            return Err(BuildError::NotReplaceable(txid));
        }
        let own: Vec<OutPoint> = known
            .input
            .iter()
            .map(|input| input.previous_output)
            .collect();
        excluded.retain(|coin| !own.contains(coin));
        // Correctness: coins that the replaced transaction made vanish with it.
        excluded.extend(
            (0..known.output.len())
                .filter_map(|vout| Some(OutPoint::new(txid, u32::try_from(vout).ok()?))),
        );
        let mut builder = self.inner_mut().build_fee_bump(txid).map_err(bump_error)?;
        builder.fee_rate(fee_rate).unspendable(excluded);
        builder.finish().map_err(create_error)
    }
}

/// The most blocks that a lock time lies back.
const MAX_LOCKED_BACK: u32 = 100;

/// Returns the height that a payment is locked to (attack M11: a miner that goes back to take the
/// fees of blocks could not take this one with them). One in ten lies a little back, so that
/// those which really wait, for a signature or a node, do not stand out (Core 28:
/// `DiscourageFeeSniping`).
fn lock_height(tip: u32, dice: [u8; 2]) -> u32 {
    let [chance, back] = dice;
    if u32::from(chance) * 10 < 256 {
        tip.saturating_sub(u32::from(back) % MAX_LOCKED_BACK)
    } else {
        tip
    }
}

pub(super) fn create_error(error: CreateTxError) -> BuildError {
    match error {
        CreateTxError::CoinSelection(InsufficientFunds { needed, available }) => {
            BuildError::InsufficientFunds {
                needed_sat: needed.to_sat(),
                available_sat: available.to_sat(),
            }
        }
        CreateTxError::NoUtxosSelected => BuildError::NothingToSpend,
        CreateTxError::NoRecipients => BuildError::Recipients,
        CreateTxError::OutputBelowDustLimit(index) => BuildError::Dust(index),
        CreateTxError::FeeRateTooLow { required } => {
            BuildError::FeeTooLow(required.to_sat_per_kwu() * 4)
        }
        CreateTxError::FeeTooLow { required } => BuildError::Other(format!(
            "the fee must be at least {} sat",
            required.to_sat()
        )),
        other => BuildError::Other(other.to_string()),
    }
}

fn bump_error(error: BuildFeeBumpError) -> BuildError {
    match error {
        BuildFeeBumpError::TransactionNotFound(txid) => BuildError::UnknownTransaction(txid),
        BuildFeeBumpError::TransactionConfirmed(txid) => BuildError::Confirmed(txid),
        BuildFeeBumpError::IrreplaceableTransaction(txid) => BuildError::NotReplaceable(txid),
        other => BuildError::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m11_nine_of_ten_payments_are_locked_to_the_tip_and_none_above_it() {
        let mut back = 0;
        for chance in 0..=u8::MAX {
            let heights = (0..=u8::MAX).map(|it| lock_height(1000, [chance, it]));
            let heights: Vec<u32> = heights.collect();
            assert!(heights.iter().all(|it| (901..=1000).contains(it)));
            back += u32::from(heights.iter().any(|it| *it < 1000));
        }
        assert_eq!(back, 26, "of 256");
        assert_eq!(lock_height(5, [0, 99]), 0);
    }
}
