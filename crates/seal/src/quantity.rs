//! Quantities of stake: keys, their hashes, slots and epochs.

use std::fmt;

use ripemd::{Digest, Ripemd160};
use synod_primitives::{hex, sha256};

/// A span of time in which at most one block may be sealed; counted from 1, which is the
/// first after the bootstrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Slot(pub u64);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of slots with one set of validators; epoch 0 holds slots 1 to the epoch's length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The X-only public key (BIP340) that a validator seals and votes with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealKey(pub [u8; 32]);

impl SealKey {
    /// Returns the hash that stake outputs name the key by: HASH160 of `02 || key`.
    #[must_use]
    pub fn delegate_hash(&self) -> DelegateHash {
        let mut compressed = [2; 33];
        compressed[1..].copy_from_slice(&self.0);
        DelegateHash(hash160(&compressed))
    }
}

macro_rules! hash20 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 20]);

        impl $name {
            /// All bytes zero: nobody.
            pub const ZERO: Self = Self([0; 20]);
        }

        shown_as_hex!($name);
    };
}

macro_rules! shown_as_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

shown_as_hex!(SealKey);

hash20! {
    /// HASH160 of `02 ||` a sealing key: whom a stake output stands for.
    DelegateHash
}
hash20! {
    /// HASH160 of a compressed public key: who may unbond and withdraw a stake output.
    OwnerHash
}

impl OwnerHash {
    /// Hashes the 33 bytes of a compressed public key.
    #[must_use]
    pub fn of_key(compressed: &[u8; 33]) -> Self {
        Self(hash160(compressed))
    }
}

fn hash160(data: &[u8]) -> [u8; 20] {
    Ripemd160::digest(sha256(data)).into()
}
