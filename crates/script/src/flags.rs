//! Verification flags: which rules an input is judged by.

use std::fmt;
use std::ops::BitOr;

/// A set of verification flags, with the bits that Core gives them.
///
/// Each flag only ever makes the rules stricter. Two flags lean on others: [`Flags::WITNESS`]
/// expects [`Flags::P2SH`], and [`Flags::CLEANSTACK`] expects both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every flag with its name.
            pub const NAMED: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

flags! {
    /// Evaluates the redeem script of pay-to-script-hash outputs (BIP16).
    P2SH = 0;
    /// Demands defined hash types and key prefixes where a signature is checked.
    STRICTENC = 1;
    /// Demands strict DER (BIP66).
    DERSIG = 2;
    /// Demands that S lies in the lower half of the group order.
    LOW_S = 3;
    /// Demands that the extra argument of CHECKMULTISIG is empty (BIP147).
    NULLDUMMY = 4;
    /// Allows only pushes in unlocking scripts.
    SIGPUSHONLY = 5;
    /// Demands the shortest form of pushes and numbers.
    MINIMALDATA = 6;
    /// Refuses the NOPs that are kept for upgrades.
    DISCOURAGE_UPGRADABLE_NOPS = 7;
    /// Demands that exactly one item is left.
    CLEANSTACK = 8;
    /// Switches CHECKLOCKTIMEVERIFY on (BIP65).
    CHECKLOCKTIMEVERIFY = 9;
    /// Switches CHECKSEQUENCEVERIFY on (BIP112).
    CHECKSEQUENCEVERIFY = 10;
    /// Switches segregated witness on (BIP141).
    WITNESS = 11;
    /// Refuses witness programs of unknown versions.
    DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM = 12;
    /// Demands that the argument of IF and NOTIF is empty or 1 in version 0 witness scripts.
    MINIMALIF = 13;
    /// Demands that a signature that fails is empty.
    NULLFAIL = 14;
    /// Demands compressed keys in version 0 witness scripts.
    WITNESS_PUBKEYTYPE = 15;
    /// Refuses CODESEPARATOR and found signatures in scripts without witness.
    CONST_SCRIPTCODE = 16;
    /// Switches taproot and tapscript on (BIP341, BIP342).
    TAPROOT = 17;
    /// Refuses taproot leaves of unknown versions.
    DISCOURAGE_UPGRADABLE_TAPROOT_VERSION = 18;
    /// Refuses the opcodes that make a tapscript succeed at once.
    DISCOURAGE_OP_SUCCESS = 19;
    /// Refuses keys of unknown types in tapscript.
    DISCOURAGE_UPGRADABLE_PUBKEYTYPE = 20;
}

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// What every block has to obey (Core: `MANDATORY_SCRIPT_VERIFY_FLAGS`).
    pub const MANDATORY: Self = Self::P2SH
        .union(Self::DERSIG)
        .union(Self::NULLDUMMY)
        .union(Self::CHECKLOCKTIMEVERIFY)
        .union(Self::CHECKSEQUENCEVERIFY)
        .union(Self::WITNESS)
        .union(Self::TAPROOT);

    /// What relayed transactions have to obey (Core: `STANDARD_SCRIPT_VERIFY_FLAGS`).
    pub const STANDARD: Self = Self::MANDATORY
        .union(Self::STRICTENC)
        .union(Self::MINIMALDATA)
        .union(Self::DISCOURAGE_UPGRADABLE_NOPS)
        .union(Self::CLEANSTACK)
        .union(Self::MINIMALIF)
        .union(Self::NULLFAIL)
        .union(Self::LOW_S)
        .union(Self::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM)
        .union(Self::WITNESS_PUBKEYTYPE)
        .union(Self::CONST_SCRIPTCODE)
        .union(Self::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION)
        .union(Self::DISCOURAGE_OP_SUCCESS)
        .union(Self::DISCOURAGE_UPGRADABLE_PUBKEYTYPE);

    /// Every flag there is.
    pub const ALL: Self = Self((1 << 21) - 1);

    /// Takes Core's bits; bits without a meaning are dropped.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Returns Core's bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Says whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Says whether any flag of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the flags that `other` has not.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the flag of this name, as Core's test vectors write it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(known, _)| *known == name);
        named.map(|(_, flag)| *flag)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for Flags {
    /// Writes the names, parted by commas; `NONE` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parting = "";
        for (name, flag) in Self::NAMED {
            if self.contains(*flag) {
                write!(f, "{parting}{name}")?;
                parting = ",";
            }
        }
        if *self == Self::NONE {
            f.write_str("NONE")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_have_the_bits_of_core() {
        assert_eq!(Flags::MANDATORY.bits(), 0x20e15);
        assert_eq!(Flags::STANDARD.bits(), 0x1f_ffdf);
        assert_eq!(
            Flags::ALL.difference(Flags::STANDARD),
            Flags::SIGPUSHONLY,
            "the only flag that relay does not set"
        );
    }

    #[test]
    fn names_read_back() {
        for (name, flag) in Flags::NAMED {
            assert_eq!(Flags::from_name(name), Some(*flag));
            assert_eq!(flag.to_string(), *name);
        }
        assert_eq!((Flags::P2SH | Flags::WITNESS).to_string(), "P2SH,WITNESS");
        assert_eq!(Flags::NONE.to_string(), "NONE");
        assert_eq!(Flags::from_name("NONSENSE"), None);
    }
}
