//! Opcodes and their names.

use std::fmt;

/// One byte of a script that is no data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opcode(pub u8);

macro_rules! opcodes {
    ($($name:ident = $byte:literal;)*) => {
        impl Opcode {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Self = Self($byte);
            )*

            /// Returns Core's name with its `OP_` before it.
            ///
            /// The pushes of 1 to 75 bytes have the name `OP_PUSHBYTES`, what has no meaning yet
            /// is `OP_UNKNOWN`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    Self(1..=75) => "OP_PUSHBYTES",
                    _ => "OP_UNKNOWN",
                }
            }

            /// Returns the opcode of this name, with or without the `OP_` before it.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                let name = name.strip_prefix("OP_").unwrap_or(name);
                $(if stringify!($name)[3..] == *name { return Some(Self::$name); })*
                None
            }
        }
    };
}

opcodes! {
    OP_0 = 0x00; OP_PUSHDATA1 = 0x4c; OP_PUSHDATA2 = 0x4d; OP_PUSHDATA4 = 0x4e;
    OP_1NEGATE = 0x4f; OP_RESERVED = 0x50;
    OP_1 = 0x51; OP_2 = 0x52; OP_3 = 0x53; OP_4 = 0x54; OP_5 = 0x55; OP_6 = 0x56; OP_7 = 0x57;
    OP_8 = 0x58; OP_9 = 0x59; OP_10 = 0x5a; OP_11 = 0x5b; OP_12 = 0x5c; OP_13 = 0x5d;
    OP_14 = 0x5e; OP_15 = 0x5f; OP_16 = 0x60;
    OP_NOP = 0x61; OP_VER = 0x62; OP_IF = 0x63; OP_NOTIF = 0x64; OP_VERIF = 0x65;
    OP_VERNOTIF = 0x66; OP_ELSE = 0x67; OP_ENDIF = 0x68; OP_VERIFY = 0x69; OP_RETURN = 0x6a;
    OP_TOALTSTACK = 0x6b; OP_FROMALTSTACK = 0x6c; OP_2DROP = 0x6d; OP_2DUP = 0x6e;
    OP_3DUP = 0x6f; OP_2OVER = 0x70; OP_2ROT = 0x71; OP_2SWAP = 0x72; OP_IFDUP = 0x73;
    OP_DEPTH = 0x74; OP_DROP = 0x75; OP_DUP = 0x76; OP_NIP = 0x77; OP_OVER = 0x78;
    OP_PICK = 0x79; OP_ROLL = 0x7a; OP_ROT = 0x7b; OP_SWAP = 0x7c; OP_TUCK = 0x7d;
    OP_CAT = 0x7e; OP_SUBSTR = 0x7f; OP_LEFT = 0x80; OP_RIGHT = 0x81; OP_SIZE = 0x82;
    OP_INVERT = 0x83; OP_AND = 0x84; OP_OR = 0x85; OP_XOR = 0x86; OP_EQUAL = 0x87;
    OP_EQUALVERIFY = 0x88; OP_RESERVED1 = 0x89; OP_RESERVED2 = 0x8a;
    OP_1ADD = 0x8b; OP_1SUB = 0x8c; OP_2MUL = 0x8d; OP_2DIV = 0x8e; OP_NEGATE = 0x8f;
    OP_ABS = 0x90; OP_NOT = 0x91; OP_0NOTEQUAL = 0x92; OP_ADD = 0x93; OP_SUB = 0x94;
    OP_MUL = 0x95; OP_DIV = 0x96; OP_MOD = 0x97; OP_LSHIFT = 0x98; OP_RSHIFT = 0x99;
    OP_BOOLAND = 0x9a; OP_BOOLOR = 0x9b; OP_NUMEQUAL = 0x9c; OP_NUMEQUALVERIFY = 0x9d;
    OP_NUMNOTEQUAL = 0x9e; OP_LESSTHAN = 0x9f; OP_GREATERTHAN = 0xa0;
    OP_LESSTHANOREQUAL = 0xa1; OP_GREATERTHANOREQUAL = 0xa2; OP_MIN = 0xa3; OP_MAX = 0xa4;
    OP_WITHIN = 0xa5;
    OP_RIPEMD160 = 0xa6; OP_SHA1 = 0xa7; OP_SHA256 = 0xa8; OP_HASH160 = 0xa9; OP_HASH256 = 0xaa;
    OP_CODESEPARATOR = 0xab; OP_CHECKSIG = 0xac; OP_CHECKSIGVERIFY = 0xad;
    OP_CHECKMULTISIG = 0xae; OP_CHECKMULTISIGVERIFY = 0xaf;
    OP_NOP1 = 0xb0; OP_CHECKLOCKTIMEVERIFY = 0xb1; OP_CHECKSEQUENCEVERIFY = 0xb2;
    OP_NOP4 = 0xb3; OP_NOP5 = 0xb4; OP_NOP6 = 0xb5; OP_NOP7 = 0xb6; OP_NOP8 = 0xb7;
    OP_NOP9 = 0xb8; OP_NOP10 = 0xb9; OP_CHECKSIGADD = 0xba; OP_INVALIDOPCODE = 0xff;
}

impl Opcode {
    /// Says whether the opcode puts data or a small number on the stack, or is `OP_RESERVED`,
    /// which counts as a push.
    #[must_use]
    pub const fn is_push(self) -> bool {
        self.0 <= Self::OP_16.0
    }

    /// Says whether data follow in the script.
    #[must_use]
    pub const fn is_data_push(self) -> bool {
        self.0 <= Self::OP_PUSHDATA4.0
    }

    /// Returns the number that `OP_0`, `OP_1` to `OP_16` stand for.
    #[must_use]
    pub const fn small_number(self) -> Option<u8> {
        match self.0 {
            0 => Some(0),
            0x51..=0x60 => Some(self.0 - 0x50),
            _ => None,
        }
    }

    /// Says whether a script that holds the opcode fails, executed or not (CVE-2010-5137).
    #[must_use]
    pub const fn is_disabled(self) -> bool {
        matches!(self.0, 0x7e..=0x81 | 0x83..=0x86 | 0x8d | 0x8e | 0x95..=0x99)
    }

    /// Says whether a tapscript that holds the opcode succeeds at once (BIP342).
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.0, 80 | 98 | 126..=129 | 131..=134 | 137..=138 | 141..=142 | 149..=153 | 187..=254)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(0x{:02x})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let mut named = 0;
        for byte in 0..=255 {
            let opcode = Opcode(byte);
            if let Some(read) = Opcode::from_name(opcode.name()) {
                assert_eq!(read, opcode);
                assert_eq!(Opcode::from_name(&opcode.name()[3..]), Some(opcode));
                named += 1;
            }
        }
        assert_eq!(named, 256 - 75 - 68, "all but short pushes and 187 to 254");
    }

    #[test]
    fn success_opcodes_are_those_of_bip342() {
        let count = (0..=255).filter(|byte| Opcode(*byte).is_success()).count();
        assert_eq!(count, 87);
        assert!(!Opcode::OP_CHECKSIGADD.is_success());
        assert!(Opcode(0xbb).is_success());
        assert!(Opcode(0xfe).is_success());
        assert!(!Opcode::OP_INVALIDOPCODE.is_success());
    }

    #[test]
    fn fifteen_opcodes_are_disabled() {
        let count = (0..=255).filter(|byte| Opcode(*byte).is_disabled()).count();
        assert_eq!(count, 15);
    }
}
