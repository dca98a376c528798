//! Addresses: the text of locking scripts (Base58Check; BIP173 and BIP350).

mod network;

use std::fmt;

use base58ck::Base58CkString;
use bech32::{Fe32, segwit};
use synod_primitives::Script;

use crate::form::witness_program;
use crate::template::{self, Template, solve};

pub use network::Network;

/// The longest address in characters (BIP173).
pub const MAX_ADDRESS_LENGTH: usize = 90;
/// The size of a Base58Check address decoded: its prefix and a hash.
const BASE58_SIZE: usize = 21;
/// The longest witness program in bytes (BIP141).
const MAX_PROGRAM_SIZE: usize = 40;

/// What an address pays to, whatever the network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// The hash of a key.
    P2pkh([u8; 20]),
    /// The hash of a script.
    P2sh([u8; 20]),
    /// A witness program.
    Witness(WitnessAddress),
}

/// A witness version with its program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WitnessAddress {
    version: u8,
    length: u8,
    program: [u8; MAX_PROGRAM_SIZE],
}

impl WitnessAddress {
    /// Makes the address of a program; `None` unless it is one that can be paid to: version 0 to
    /// 16, 2 to 40 bytes, version 0 of 20 or 32 bytes.
    #[must_use]
    pub fn new(version: u8, program: &[u8]) -> Option<Self> {
        let is_payable = match version {
            0 => matches!(program.len(), 20 | 32),
            _ => version <= 16 && (2..=MAX_PROGRAM_SIZE).contains(&program.len()),
        };
        if !is_payable {
            return None;
        }
        let mut bytes = [0; MAX_PROGRAM_SIZE];
        bytes[..program.len()].copy_from_slice(program);
        Some(Self {
            version,
            length: u8::try_from(program.len()).ok()?,
            program: bytes,
        })
    }

    /// Returns the version, 0 to 16.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// Returns the program, 2 to 40 bytes.
    #[must_use]
    pub fn program(&self) -> &[u8] {
        &self.program[..usize::from(self.length)]
    }
}

impl fmt::Debug for WitnessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = synod_primitives::hex::encode(self.program());
        write!(f, "WitnessAddress({}, {program})", self.version)
    }
}

/// Text that is no address of the network.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AddressError {
    /// An address, but of another network.
    #[error("address of another network: {expected} expected")]
    OtherNetwork {
        /// The network asked for.
        expected: Network,
    },
    /// More characters than any address has.
    #[error("an address has at most {MAX_ADDRESS_LENGTH} characters")]
    TooLong,
    /// It begins like a witness address and is none.
    #[error("not a valid witness address: {0}")]
    Bech32(String),
    /// Neither form of address.
    #[error("not an address: {0}")]
    Base58(String),
    /// Base58Check of another number of bytes than an address has.
    #[error("an address holds {BASE58_SIZE} bytes, this holds {0}")]
    Length(usize),
    /// Base58Check with a prefix that stands for no kind of address.
    #[error("unknown address prefix {0}")]
    UnknownPrefix(u8),
}

impl Address {
    /// Reads an address of a network.
    ///
    /// # Errors
    /// Text that is no address, or one of another network. Networks that share their prefixes
    /// cannot be told apart.
    pub fn parse(text: &str, network: Network) -> Result<Self, AddressError> {
        if text.len() > MAX_ADDRESS_LENGTH {
            return Err(AddressError::TooLong);
        }
        let hrp = text
            .rsplit_once('1')
            .map(|(hrp, _)| hrp.to_ascii_lowercase());
        let known = |network: &Network| hrp.as_deref() == Some(network.hrp().as_str());
        if Network::ALL.iter().any(known) {
            return Self::parse_witness(text, network);
        }
        match base58ck::decode_check(text) {
            Ok(bytes) => Self::from_base58(&bytes, network),
            // Other ledgers' witness addresses have prefixes of their own.
            Err(_) if segwit::decode(text).is_ok() => {
                Err(AddressError::OtherNetwork { expected: network })
            }
            Err(error) => Err(AddressError::Base58(error.to_string())),
        }
    }

    fn parse_witness(text: &str, network: Network) -> Result<Self, AddressError> {
        let decoded = segwit::decode(text);
        let (hrp, version, program) =
            decoded.map_err(|error| AddressError::Bech32(error.to_string()))?;
        if hrp != network.hrp() {
            return Err(AddressError::OtherNetwork { expected: network });
        }
        let address = WitnessAddress::new(version.to_u8(), &program);
        let unpayable = || AddressError::Bech32("no such witness program".to_owned());
        address.map(Self::Witness).ok_or_else(unpayable)
    }

    fn from_base58(bytes: &[u8], network: Network) -> Result<Self, AddressError> {
        let [prefix, hash @ ..] = bytes else {
            return Err(AddressError::Length(0));
        };
        let Ok(hash) = <[u8; 20]>::try_from(hash) else {
            return Err(AddressError::Length(bytes.len()));
        };
        let is_known =
            |network: &Network| [network.p2pkh_prefix(), network.p2sh_prefix()].contains(prefix);
        match *prefix {
            prefix if prefix == network.p2pkh_prefix() => Ok(Self::P2pkh(hash)),
            prefix if prefix == network.p2sh_prefix() => Ok(Self::P2sh(hash)),
            _ if Network::ALL.iter().any(is_known) => {
                Err(AddressError::OtherNetwork { expected: network })
            }
            prefix => Err(AddressError::UnknownPrefix(prefix)),
        }
    }

    /// Returns the address of a locking script; `None` when it has none.
    #[must_use]
    pub fn from_script(script: &[u8]) -> Option<Self> {
        match solve(script) {
            Template::P2pkh(hash) => Some(Self::P2pkh(*hash)),
            Template::P2sh(hash) => Some(Self::P2sh(*hash)),
            _ => {
                let program = witness_program(script)?;
                WitnessAddress::new(program.version, program.program).map(Self::Witness)
            }
        }
    }

    /// Returns the locking script that pays to the address.
    #[must_use]
    pub fn script_pubkey(&self) -> Script {
        match self {
            Self::P2pkh(hash) => template::p2pkh(hash),
            Self::P2sh(hash) => template::p2sh(hash),
            Self::Witness(address) => template::witness_script(address.version, address.program())
                .expect("the program was checked when the address was made"),
        }
    }

    /// Writes the address for a network.
    #[must_use]
    pub fn format(&self, network: Network) -> String {
        match self {
            Self::P2pkh(hash) => format_base58(network.p2pkh_prefix(), hash),
            Self::P2sh(hash) => format_base58(network.p2sh_prefix(), hash),
            Self::Witness(address) => {
                let version = Fe32::try_from(address.version).expect("at most 16");
                segwit::encode(network.hrp(), version, address.program())
                    .expect("the program was checked when the address was made")
            }
        }
    }
}

fn format_base58(prefix: u8, hash: &[u8; 20]) -> String {
    let mut bytes = [prefix; BASE58_SIZE];
    bytes[1..].copy_from_slice(hash);
    Base58CkString::encode_unbounded(&bytes).to_string()
}

#[cfg(test)]
mod tests;
