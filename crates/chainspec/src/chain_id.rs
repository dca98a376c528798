//! The chain id: which network a message, seal or handshake belongs to.

use std::fmt;
use std::str::FromStr;

use synod_primitives::hex::{self, HexError};
use synod_primitives::sha256;

use crate::{Consensus, EngineSpec};

/// The SHA-256 of the consensus parameters in their canonical encoding.
///
/// Shown in hash order, not reversed: it is no block hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 32]);

/// What the encoding starts with; another layout gets another tag.
const ENCODING_TAG: &[u8] = b"synod/chainspec/1";

impl ChainId {
    /// Hashes the canonical encoding of the parameters.
    #[must_use]
    pub fn of(consensus: &Consensus) -> Self {
        Self(sha256(&encode(consensus)))
    }
}

/// Writes every parameter in one fixed order: numbers as 8 bytes little-endian, texts after
/// their length, optional parts after 0 or 1. A golden test freezes it.
pub(crate) fn encode(consensus: &Consensus) -> Vec<u8> {
    let mut out = ENCODING_TAG.to_vec();
    let mut number = |value: u64| out.extend_from_slice(&value.to_le_bytes());
    number(u64::from(consensus.is_core_regtest));
    number(consensus.subsidy.initial_sat);
    number(u64::from(consensus.subsidy.halving_interval));
    number(u64::from(consensus.coinbase_maturity));
    let activations = &consensus.activations;
    for height in [
        activations.bip34,
        activations.dersig,
        activations.cltv,
        activations.csv,
        activations.segwit,
    ] {
        number(u64::from(height.0));
    }
    match consensus.bootstrap {
        None => number(0),
        Some(bootstrap) => {
            number(1);
            number(u64::from(bootstrap.time));
            number(u64::from(bootstrap.blocks));
        }
    }
    let name = consensus.engine.name();
    number(name.len() as u64);
    out.extend_from_slice(name.as_bytes());
    let mut number = |value: u64| out.extend_from_slice(&value.to_le_bytes());
    match &consensus.engine {
        EngineSpec::Pow(pow) => {
            number(u64::from(pow.limit.0));
            number(u64::from(pow.retarget));
            number(u64::from(pow.interval));
            number(u64::from(pow.spacing_s));
            number(u64::from(pow.timewarp_rule));
            number(u64::from(pow.start_bits.0));
        }
        EngineSpec::Pos(pos) => pos.encode().into_iter().for_each(number),
        EngineSpec::Dpos(dpos) => dpos.encode().into_iter().for_each(number),
    }
    if let Some(seal) = &consensus.bootstrap_seal {
        seal.encode_into(&mut out);
    }
    out
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainId({self})")
    }
}

impl FromStr for ChainId {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::decode_array(text).map(Self)
    }
}
