//! What speaks against signing a PSBT.

use std::fmt;

use bdk_wallet::bitcoin::Txid;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::limits::{
    MAX_FEE_RATE_SAT_PER_KVB, MAX_FEE_SAT, MAX_FEE_SHARE_PERCENT, WARN_FEE_SHARE_PERCENT,
};
use crate::amount::{format_btc, format_rate};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The PSBT says nothing about the coin that an input spends.
    MissingUtxo(usize),
    /// The full previous transaction is needed to prove an amount and is missing.
    MissingPreviousTransaction(usize),
    /// The previous transaction does not hash to the outpoint, or has no such output.
    WrongPreviousTransaction(usize),
    /// The two descriptions of one coin differ.
    ConflictingUtxo(usize),
    /// An amount or a sum is above 21 million bitcoin.
    AmountOutOfRange,
    /// The outputs are worth more than the inputs.
    NegativeFee,
    /// No input belongs to this wallet.
    NothingToSign,
    /// An own input carries scripts or keys that are not its descriptor's.
    UnexpectedScript(usize),
    /// An own input asks for a hash type other than ALL or DEFAULT.
    UnusualSighash(usize, String),
    /// An own input asks for a hash type that does not exist.
    UnknownSighash(usize, u32),
    /// An output claims to be this wallet's, but its script is not what the wallet derives there.
    FalseChange(usize),
    /// An output is this wallet's, but at an index where its coins would not be found again.
    FarIndex(usize, u32),
    /// An input claims this wallet's key, but its coin has another script.
    FalseInput(usize),
    /// Inputs of others are spent too.
    ForeignInputs(usize),
    /// The fee is above [`MAX_FEE_SAT`].
    FeeTooHigh(u64),
    /// The fee rate is above [`MAX_FEE_RATE_SAT_PER_KVB`].
    FeeRateTooHigh(u64),
    /// The fee is more than [`MAX_FEE_SHARE_PERCENT`] of the sum sent: fee, sum.
    FeeShareTooHigh(u64, u64),
    /// The fee is more than [`WARN_FEE_SHARE_PERCENT`] of the sum sent: fee, sum.
    FeeShareNotable(u64, u64),
    /// A transaction that spends one of these coins was signed before.
    ConflictsWithSigned(Txid),
    /// Another transaction that pays the same recipients the same amounts was signed before.
    SamePaymentSigned(Txid),
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
        }
    }

    /// Returns how much the finding weighs.
    pub fn severity(&self) -> Severity {
        match self {
            Self::FalseInput(_)
            | Self::ForeignInputs(_)
            | Self::FeeShareNotable(..)
            | Self::SamePaymentSigned(_) => Severity::Warning,
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

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingUtxo(i) => write!(f, "input {i} does not say which coin it spends"),
            Self::MissingPreviousTransaction(i) => {
                write!(
                    f,
                    "input {i} does not carry the whole transaction that made its coin, so its amount is not proven"
                )
            }
            Self::WrongPreviousTransaction(i) => {
                write!(
                    f,
                    "the transaction that input {i} carries is not the one that made its coin"
                )
            }
            Self::ConflictingUtxo(i) => {
                write!(f, "input {i} describes its coin in two ways that differ")
            }
            Self::AmountOutOfRange => f.write_str("an amount is above 21 million bitcoin"),
            Self::NegativeFee => f.write_str("the outputs are worth more than the inputs"),
            Self::NothingToSign => f.write_str("no input belongs to this wallet"),
            Self::UnexpectedScript(i) => write!(
                f,
                "input {i} carries a script or key that is not this wallet's"
            ),
            Self::UnusualSighash(i, name) => {
                write!(
                    f,
                    "input {i} asks for hash type {name}: the signature would not cover the whole payment"
                )
            }
            Self::UnknownSighash(i, value) => {
                write!(f, "input {i} asks for the unknown hash type 0x{value:02x}")
            }
            Self::FalseChange(i) => {
                write!(
                    f,
                    "output {i} claims to be this wallet's own, but is not: treat it as a payment to someone else"
                )
            }
            Self::FarIndex(i, index) => {
                write!(
                    f,
                    "output {i} goes to this wallet's address index {index}, so far ahead that it would not be found"
                )
            }
            Self::FalseInput(i) => write!(
                f,
                "input {i} claims this wallet's key, but spends someone else's coin"
            ),
            Self::ForeignInputs(count) => write!(f, "{count} inputs belong to others"),
            Self::FeeTooHigh(fee) => {
                write!(
                    f,
                    "the fee of {} is above {}",
                    format_btc(*fee),
                    format_btc(MAX_FEE_SAT)
                )
            }
            Self::FeeRateTooHigh(rate) => {
                write!(
                    f,
                    "the fee rate of {} is above {}",
                    format_rate(*rate),
                    format_rate(MAX_FEE_RATE_SAT_PER_KVB)
                )
            }
            Self::FeeShareTooHigh(fee, sum) => {
                write!(
                    f,
                    "the fee of {fee} sat is more than {MAX_FEE_SHARE_PERCENT} % of the {sum} sat that are sent"
                )
            }
            Self::FeeShareNotable(fee, sum) => {
                write!(
                    f,
                    "the fee of {fee} sat is more than {WARN_FEE_SHARE_PERCENT} % of the {sum} sat that are sent"
                )
            }
            Self::ConflictsWithSigned(txid) => {
                write!(
                    f,
                    "transaction {txid}, which spends one of these coins, was signed before"
                )
            }
            Self::SamePaymentSigned(txid) => {
                write!(
                    f,
                    "transaction {txid}, which makes the same payment from other coins, was signed before: both may be mined"
                )
            }
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
