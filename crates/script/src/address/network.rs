//! The networks and what their addresses begin with.

use std::fmt;

use bech32::{Hrp, hrp};

/// A network, as far as addresses tell one from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Network {
    /// Bitcoin's main network.
    Main,
    /// Bitcoin's test networks 3 and 4 and signets, which share their prefixes.
    Test,
    /// Regression tests, and every network of ours.
    Regtest,
}

impl Network {
    /// Every network.
    pub const ALL: [Self; 3] = [Self::Main, Self::Test, Self::Regtest];

    /// Returns the first byte of an address that pays to the hash of a key.
    #[must_use]
    pub const fn p2pkh_prefix(self) -> u8 {
        match self {
            Self::Main => 0x00,
            Self::Test | Self::Regtest => 0x6f,
        }
    }

    /// Returns the first byte of an address that pays to the hash of a script.
    #[must_use]
    pub const fn p2sh_prefix(self) -> u8 {
        match self {
            Self::Main => 0x05,
            Self::Test | Self::Regtest => 0xc4,
        }
    }

    /// Returns what witness addresses begin with (BIP173).
    #[must_use]
    pub const fn hrp(self) -> Hrp {
        match self {
            Self::Main => hrp::BC,
            Self::Test => hrp::TB,
            Self::Regtest => hrp::BCRT,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Main => "main",
            Self::Test => "test",
            Self::Regtest => "regtest",
        })
    }
}
