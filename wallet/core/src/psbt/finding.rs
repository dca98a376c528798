//! What speaks against signing a PSBT.

use bdk_wallet::bitcoin::Txid;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::limits::{
    MAX_FEE_RATE_SAT_PER_KVB, MAX_FEE_SAT, MAX_FEE_SHARE_PERCENT, WARN_FEE_SHARE_PERCENT,
};
use crate::{
    amount::{format_btc, format_rate},
    stake::Delegate,
};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be confirmed by a person or by `--yes`.
    Warning,
    /// Refused, unless the named flag is given.
    Refusal,
}

/// One thing that a review found; inputs and outputs are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// The PSBT says nothing about the coin that an input spends.
    #[error("input {0} does not say which coin it spends")]
    MissingUtxo(usize),
    /// The full previous transaction is needed to prove an amount and is missing.
    #[error(
        "input {0} lacks the whole transaction that made its coin, so its amount is not proven"
    )]
    MissingPreviousTransaction(usize),
    /// The previous transaction does not hash to the outpoint, or has no such output.
    #[error("the transaction that input {0} carries is not the one that made its coin")]
    WrongPreviousTransaction(usize),
    /// The two descriptions of one coin differ.
    #[error("input {0} describes its coin in two ways that differ")]
    ConflictingUtxo(usize),
    /// An amount or a sum is above 21 million bitcoin.
    #[error("an amount is above 21 million bitcoin")]
    AmountOutOfRange,
    /// The outputs are worth more than the inputs.
    #[error("the outputs are worth more than the inputs")]
    NegativeFee,
    /// No input belongs to this wallet.
    #[error("no input belongs to this wallet")]
    NothingToSign,
    /// An own input carries scripts or keys that are not its descriptor's.
    #[error("input {0} carries a script or key that is not this wallet's")]
    UnexpectedScript(usize),
    /// An own input asks for a hash type other than ALL or DEFAULT.
    #[error("input {0} asks for hash type {1}: the signature would not cover the whole payment")]
    UnusualSighash(usize, String),
    /// An own input asks for a hash type that does not exist.
    #[error("input {0} asks for the unknown hash type 0x{1:02x}")]
    UnknownSighash(usize, u32),
    /// An output claims to be this wallet's, but its script is not what the wallet derives there.
    #[error(
        "output {0} claims to be this wallet's own, but is not: it is a payment to someone else"
    )]
    FalseChange(usize),
    /// An output is this wallet's, but at an index where its coins would not be found again.
    #[error(
        "output {0} goes to this wallet's address {1}, so far ahead that it would not be found"
    )]
    FarIndex(usize, u32),
    /// An input claims this wallet's key, but its coin has another script.
    #[error("input {0} claims this wallet's key, but spends someone else's coin")]
    FalseInput(usize),
    /// Inputs of others are spent too.
    #[error("{0} inputs belong to others")]
    ForeignInputs(usize),
    /// The fee is above [`MAX_FEE_SAT`].
    #[error("the fee of {} is above {}", format_btc(*.0), format_btc(MAX_FEE_SAT))]
    FeeTooHigh(u64),
    /// The fee rate is above [`MAX_FEE_RATE_SAT_PER_KVB`].
    #[error("the fee rate of {} is above {}", format_rate(*.0), format_rate(MAX_FEE_RATE_SAT_PER_KVB))]
    FeeRateTooHigh(u64),
    /// The fee is more than [`MAX_FEE_SHARE_PERCENT`] of the sum sent: fee, sum.
    #[error(
        "the fee of {0} sat is more than {MAX_FEE_SHARE_PERCENT} % of the {1} sat that are sent"
    )]
    FeeShareTooHigh(u64, u64),
    /// The fee is more than [`WARN_FEE_SHARE_PERCENT`] of the sum sent: fee, sum.
    #[error(
        "the fee of {0} sat is more than {WARN_FEE_SHARE_PERCENT} % of the {1} sat that are sent"
    )]
    FeeShareNotable(u64, u64),
    /// A transaction that spends one of these coins was signed before.
    #[error("transaction {0}, which spends one of these coins, was signed before")]
    ConflictsWithSigned(Txid),
    /// Another transaction that pays the same recipients the same amounts was signed before.
    #[error(
        "transaction {0} makes the same payment from other coins and was signed before: both may be mined"
    )]
    SamePaymentSigned(Txid),
    /// An own stake input does not say how it is spent, or in a way that no owner signs.
    #[error("input {0} spends this wallet's stake and does not say how")]
    StakeTagMissing(usize),
    /// An own stake input asks for a hash type other than ALL.
    #[error("input {0} spends this wallet's stake, which is signed with the hash type ALL only")]
    StakeSighash(usize),
    /// Own stake inputs are spent in different ways.
    #[error("stake is spent in two ways by one transaction, which no network takes")]
    StakeMixed,
    /// An own stake input cannot be spent the way that it says.
    #[error("input {0} spends this wallet's stake in a way that its kind does not have")]
    StakeWay(usize),
    /// Stake that has to come back to its owner does not: satoshis.
    #[error("{} of stake do not come back to it", format_btc(*.0))]
    StakeNotReturned(u64),
    /// An output locks coins that another owner can take out.
    #[error("output {0} locks coins as stake that only somebody else can take out again")]
    ForeignStake(usize),
    /// An output bonds coins for nobody, which no network takes.
    #[error("output {0} bonds coins for nobody")]
    StakeForNobody(usize),
    /// A registration without its data at output 0, which no network takes.
    #[error("output {0} registers a key without its anchor")]
    RegistrationMissing(usize),
    /// Coins are locked and can be lost.
    #[error(
        "{} are locked for {delegate}: they come back only after the network's unbonding time, and \
         part or all of them is lost when that key signs two blocks or votes that contradict each \
         other",
        format_btc(*amount_sat)
    )]
    StakeAtRisk {
        /// Satoshis.
        amount_sat: u64,
        /// Whose key.
        delegate: Delegate,
    },
}

impl Finding {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingUtxo(_) => "missing-utxo",
            Self::MissingPreviousTransaction(_) => "missing-previous-transaction",
            Self::WrongPreviousTransaction(_) => "wrong-previous-transaction",
            Self::ConflictingUtxo(_) => "conflicting-utxo",
            Self::AmountOutOfRange => "amount-out-of-range",
            Self::NegativeFee => "negative-fee",
            Self::NothingToSign => "nothing-to-sign",
            Self::UnexpectedScript(_) => "unexpected-script",
            Self::UnusualSighash(..) => "unusual-sighash",
            Self::UnknownSighash(..) => "unknown-sighash",
            Self::FalseChange(_) => "false-change",
            Self::FarIndex(..) => "far-index",
            Self::FalseInput(_) => "false-input",
            Self::ForeignInputs(_) => "foreign-inputs",
            Self::FeeTooHigh(_) => "fee-too-high",
            Self::FeeRateTooHigh(_) => "fee-rate-too-high",
            Self::FeeShareTooHigh(..) => "fee-share-too-high",
            Self::FeeShareNotable(..) => "fee-share-notable",
            Self::ConflictsWithSigned(_) => "conflicts-with-signed",
            Self::SamePaymentSigned(_) => "same-payment-signed",
            Self::StakeTagMissing(_) => "stake-tag-missing",
            Self::StakeSighash(_) => "stake-sighash",
            Self::StakeMixed => "stake-mixed",
            Self::StakeWay(_) => "stake-way",
            Self::StakeNotReturned(_) => "stake-not-returned",
            Self::ForeignStake(_) => "foreign-stake",
            Self::StakeForNobody(_) => "stake-for-nobody",
            Self::RegistrationMissing(_) => "registration-missing",
            Self::StakeAtRisk { .. } => "stake-at-risk",
        }
    }

    /// Returns how much the finding weighs.
    pub fn severity(&self) -> Severity {
        match self {
            Self::FalseInput(_)
            | Self::ForeignInputs(_)
            | Self::FeeShareNotable(..)
            | Self::SamePaymentSigned(_)
            | Self::StakeAtRisk { .. } => Severity::Warning,
            _ => Severity::Refusal,
        }
    }

    /// Returns the name of the flag that allows a refused finding; `None` where nothing does.
    pub fn flag(&self) -> Option<&'static str> {
        match self {
            Self::UnusualSighash(..) => Some("--allow-sighash"),
            Self::FalseChange(_) | Self::FarIndex(..) => Some("--allow-unverified-change"),
            Self::FeeTooHigh(_) | Self::FeeRateTooHigh(_) | Self::FeeShareTooHigh(..) => {
                Some("--allow-high-fee")
            }
            Self::ConflictsWithSigned(_) => Some("--allow-replacement"),
            _ => None,
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Finding", 4)?;
        out.serialize_field("code", self.code())?;
        out.serialize_field("severity", &self.severity())?;
        out.serialize_field("message", &self.to_string())?;
        out.serialize_field("flag", &self.flag())?;
        out.end()
    }
}
