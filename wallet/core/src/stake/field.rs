//! The proprietary fields that carry stake in a PSBT (BIP174, prefix `synod`).
//!
//! | where | subtype | key | value |
//! |---|---|---|---|
//! | input | 0 | | the tag: one byte, how the stake output is spent |
//! | global | 1 | | the network's terms of stake, JSON: a claim, never a proof |

use bdk_wallet::bitcoin::{
    Psbt,
    psbt::{Input, raw::ProprietaryKey},
};
use serde::Serialize;

use super::StakeTerms;

/// The prefix of the fields.
pub const PREFIX: &[u8] = b"synod";
const TAG_SUBTYPE: u8 = 0;
const TERMS_SUBTYPE: u8 = 1;
/// The longest JSON of terms that is read, in bytes.
const MAX_TERMS_BYTES: usize = 4096;

/// How a stake output is spent: the last item of the witness. What the owner signs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StakeTag {
    /// Starts the unbonding.
    Unbond,
    /// Moves a vote to another delegate.
    Redelegate,
    /// Takes the coins out.
    Withdraw,
    /// Registers a candidate anew.
    Renew,
}

impl StakeTag {
    const ALL: [Self; 4] = [Self::Unbond, Self::Redelegate, Self::Withdraw, Self::Renew];

    /// Returns the witness item. 2 is slashing, which no owner signs.
    pub fn byte(self) -> u8 {
        match self {
            Self::Unbond => 0,
            Self::Redelegate => 1,
            Self::Withdraw => 3,
            Self::Renew => 4,
        }
    }

    /// Returns the name of the command that makes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unbond => "unbond",
            Self::Redelegate => "redelegate",
            Self::Withdraw => "withdraw",
            Self::Renew => "renew",
        }
    }
}

fn key(subtype: u8) -> ProprietaryKey {
    ProprietaryKey {
        prefix: PREFIX.to_vec(),
        subtype,
        key: Vec::new(),
    }
}

/// Makes the field of an input.
pub fn tag_field(tag: StakeTag) -> (ProprietaryKey, Vec<u8>) {
    (key(TAG_SUBTYPE), vec![tag.byte()])
}

/// Finds how an input spends its stake; `None` without the field or with an unknown tag.
pub fn find_tag(input: &Input) -> Option<StakeTag> {
    let value = input.proprietary.get(&key(TAG_SUBTYPE))?;
    StakeTag::ALL
        .into_iter()
        .find(|tag| value.as_slice() == [tag.byte()])
}

/// Makes the global field.
pub fn terms_field(terms: &StakeTerms) -> (ProprietaryKey, Vec<u8>) {
    let json = serde_json::to_vec(terms).expect("terms are plain numbers and a text");
    (key(TERMS_SUBTYPE), json)
}

/// Finds what a PSBT claims of the network's terms.
pub fn find_terms(psbt: &Psbt) -> Option<StakeTerms> {
    let value = psbt.proprietary.get(&key(TERMS_SUBTYPE))?;
    if value.len() > MAX_TERMS_BYTES {
        return None;
    }
    serde_json::from_slice(value).ok()
}
