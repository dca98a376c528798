//! The standard templates of locking scripts (Core: `Solver`).

use synod_primitives::Script;

use crate::MAX_KEYS_PER_MULTISIG;
use crate::builder::ScriptBuilder;
use crate::form::{WitnessProgram, is_push_only, script_hash, witness_program};
use crate::instruction::{Instruction, Instructions};
use crate::number::{MAX_NUMBER_SIZE, ScriptNum};
use crate::opcode::Opcode;

/// The program of a pay-to-anchor output, witness version 1.
pub const ANCHOR_PROGRAM: [u8; 2] = [0x4e, 0x73];

/// The template that a locking script follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ScriptType {
    /// Anything else.
    Nonstandard,
    /// A key and CHECKSIG.
    P2pk,
    /// The hash of a key.
    P2pkh,
    /// The hash of a script (BIP16).
    P2sh,
    /// Some of several keys and CHECKMULTISIG.
    Multisig,
    /// Data that can never be spent.
    OpReturn,
    /// The hash of a key, witness version 0.
    P2wpkh,
    /// The hash of a script, witness version 0.
    P2wsh,
    /// A taproot output key, witness version 1.
    P2tr,
    /// Anyone can spend it, to pay a higher fee.
    Anchor,
    /// A witness program of an unknown version or length.
    WitnessUnknown,
}

impl ScriptType {
    /// Returns the template of a locking script.
    #[must_use]
    pub fn of(script: &[u8]) -> Self {
        solve(script).script_type()
    }

    /// Returns the name of Core's RPC.
    #[must_use]
    pub const fn core_name(self) -> &'static str {
        match self {
            Self::Nonstandard => "nonstandard",
            Self::P2pk => "pubkey",
            Self::P2pkh => "pubkeyhash",
            Self::P2sh => "scripthash",
            Self::Multisig => "multisig",
            Self::OpReturn => "nulldata",
            Self::P2wpkh => "witness_v0_keyhash",
            Self::P2wsh => "witness_v0_scripthash",
            Self::P2tr => "witness_v1_taproot",
            Self::Anchor => "anchor",
            Self::WitnessUnknown => "witness_unknown",
        }
    }

    /// Returns Esplora's name; [`esplora_type`] also tells the empty script and looks at scripts
    /// exactly as Esplora does.
    #[must_use]
    pub const fn esplora_name(self) -> &'static str {
        match self {
            Self::P2pk => "p2pk",
            Self::P2pkh => "p2pkh",
            Self::P2sh => "p2sh",
            Self::OpReturn => "op_return",
            Self::P2wpkh => "v0_p2wpkh",
            Self::P2wsh => "v0_p2wsh",
            Self::P2tr => "v1_p2tr",
            Self::Nonstandard | Self::Multisig | Self::Anchor | Self::WitnessUnknown => "unknown",
        }
    }
}

/// Returns Esplora's name of a locking script's type.
///
/// Esplora looks less closely than Core: every script that begins with `OP_RETURN` is
/// `op_return`, a key need only have its length to make `p2pk`, and the empty script has a name.
#[must_use]
pub fn esplora_type(script: &[u8]) -> &'static str {
    match script {
        [] => "empty",
        [0x6a, ..] => "op_return",
        [33, key @ .., 0xac] if key.len() == 33 => "p2pk",
        [65, key @ .., 0xac] if key.len() == 65 => "p2pk",
        _ => ScriptType::of(script).esplora_name(),
    }
}

/// A locking script's template with its parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Template<'s> {
    /// Anything else.
    Nonstandard,
    /// The key, 33 or 65 bytes.
    P2pk(&'s [u8]),
    /// The hash of the key.
    P2pkh(&'s [u8; 20]),
    /// The hash of the script.
    P2sh(&'s [u8; 20]),
    /// The number of signatures and the keys.
    Multisig {
        /// Signatures needed.
        required: u8,
        /// The keys, 1 to 20.
        keys: Vec<&'s [u8]>,
    },
    /// Data, after `OP_RETURN`.
    OpReturn,
    /// The hash of the key.
    P2wpkh(&'s [u8; 20]),
    /// The hash of the script.
    P2wsh(&'s [u8; 32]),
    /// The output key.
    P2tr(&'s [u8; 32]),
    /// Pay-to-anchor.
    Anchor,
    /// The version and the program.
    WitnessUnknown(WitnessProgram<'s>),
}

impl Template<'_> {
    /// Returns the template without its parameters.
    #[must_use]
    pub const fn script_type(&self) -> ScriptType {
        match self {
            Self::Nonstandard => ScriptType::Nonstandard,
            Self::P2pk(_) => ScriptType::P2pk,
            Self::P2pkh(_) => ScriptType::P2pkh,
            Self::P2sh(_) => ScriptType::P2sh,
            Self::Multisig { .. } => ScriptType::Multisig,
            Self::OpReturn => ScriptType::OpReturn,
            Self::P2wpkh(_) => ScriptType::P2wpkh,
            Self::P2wsh(_) => ScriptType::P2wsh,
            Self::P2tr(_) => ScriptType::P2tr,
            Self::Anchor => ScriptType::Anchor,
            Self::WitnessUnknown(_) => ScriptType::WitnessUnknown,
        }
    }
}

/// Recognises the template of a locking script.
#[must_use]
pub fn solve(script: &[u8]) -> Template<'_> {
    if let Some(hash) = script_hash(script) {
        return Template::P2sh(hash);
    }
    if let Some(program) = witness_program(script) {
        return solve_witness(program);
    }
    match script {
        [0x6a, data @ ..] if is_push_only(data) => Template::OpReturn,
        [length, key @ .., 0xac] if key.len() == usize::from(*length) && is_key_size_valid(key) => {
            Template::P2pk(key)
        }
        [0x76, 0xa9, 0x14, hash @ .., 0x88, 0xac] if hash.len() == 20 => {
            Template::P2pkh(hash.try_into().expect("20 bytes"))
        }
        _ => solve_multisig(script).unwrap_or(Template::Nonstandard),
    }
}

fn solve_witness(program: WitnessProgram<'_>) -> Template<'_> {
    let WitnessProgram { version, program } = program;
    match (version, program.len()) {
        (0, 20) => Template::P2wpkh(program.try_into().expect("20 bytes")),
        (0, 32) => Template::P2wsh(program.try_into().expect("32 bytes")),
        (0, _) => Template::Nonstandard,
        (1, 32) => Template::P2tr(program.try_into().expect("32 bytes")),
        (1, _) if program == ANCHOR_PROGRAM => Template::Anchor,
        _ => Template::WitnessUnknown(WitnessProgram { version, program }),
    }
}

fn solve_multisig(script: &[u8]) -> Option<Template<'_>> {
    let [body @ .., 0xae] = script else {
        return None;
    };
    let mut instructions = Instructions::new(body).map(Result::ok);
    let required = read_count(&instructions.next()??)?;
    let mut keys = Vec::new();
    let total = loop {
        let read = instructions.next()??;
        if !is_key_size_valid(read.data) {
            break read_count(&read)?;
        }
        keys.push(read.data);
    };
    let is_whole = instructions.next().is_none();
    let is_match = is_whole && required <= total && keys.len() == usize::from(total);
    is_match.then_some(Template::Multisig { required, keys })
}

/// Reads a number of keys or signatures, 1 to 20, in its shortest form.
fn read_count(instruction: &Instruction<'_>) -> Option<u8> {
    let number = match instruction.opcode.small_number() {
        Some(number) => i64::from(number),
        None if instruction.opcode.is_data_push() && instruction.is_minimal_push() => {
            ScriptNum::decode(instruction.data, true, MAX_NUMBER_SIZE)
                .ok()?
                .0
        }
        None => return None,
    };
    let limit = i64::from(MAX_KEYS_PER_MULTISIG);
    (1..=limit)
        .contains(&number)
        .then(|| u8::try_from(number).expect("at most 20"))
}

/// Says whether the bytes have the length that their first byte announces for a key.
#[must_use]
pub(crate) fn is_key_size_valid(key: &[u8]) -> bool {
    match key.first() {
        Some(2 | 3) => key.len() == 33,
        Some(4 | 6 | 7) => key.len() == 65,
        _ => false,
    }
}

/// Makes the script that pays to a key.
#[must_use]
pub fn p2pk(key: &[u8]) -> Script {
    let builder = ScriptBuilder::new().push_verbatim(key);
    builder.opcode(Opcode::OP_CHECKSIG).into_script()
}

/// Makes the script that pays to the hash of a key.
#[must_use]
pub fn p2pkh(hash: &[u8; 20]) -> Script {
    Script::new(p2pkh_bytes(hash).to_vec())
}

/// The bytes of [`p2pkh`], which are also the script code of P2WPKH (BIP143).
pub(crate) fn p2pkh_bytes(hash: &[u8; 20]) -> [u8; 25] {
    let mut script = [0; 25];
    script[..3].copy_from_slice(&[0x76, 0xa9, 0x14]);
    script[3..23].copy_from_slice(hash);
    script[23..].copy_from_slice(&[0x88, 0xac]);
    script
}

/// Makes the script that pays to the hash of a script.
#[must_use]
pub fn p2sh(hash: &[u8; 20]) -> Script {
    ScriptBuilder::new()
        .opcode(Opcode::OP_HASH160)
        .push_verbatim(hash)
        .opcode(Opcode::OP_EQUAL)
        .into_script()
}

/// Makes the script of a witness program; `None` unless the version is at most 16 and the program
/// has 2 to 40 bytes.
#[must_use]
pub fn witness_script(version: u8, program: &[u8]) -> Option<Script> {
    let is_program = version <= 16 && (2..=40).contains(&program.len());
    let builder = ScriptBuilder::new().push_number(i64::from(version));
    is_program.then(|| builder.push_verbatim(program).into_script())
}

/// Makes the script that pays to the hash of a compressed key, witness version 0.
#[must_use]
pub fn p2wpkh(hash: &[u8; 20]) -> Script {
    witness_script(0, hash).expect("20 bytes make a program")
}

/// Makes the script that pays to the SHA-256 of a script, witness version 0.
#[must_use]
pub fn p2wsh(hash: &[u8; 32]) -> Script {
    witness_script(0, hash).expect("32 bytes make a program")
}

/// Makes the script that pays to a taproot output key.
#[must_use]
pub fn p2tr(output_key: &[u8; 32]) -> Script {
    witness_script(1, output_key).expect("32 bytes make a program")
}

/// Makes the script that carries data and can never be spent.
#[must_use]
pub fn op_return(data: &[u8]) -> Script {
    let builder = ScriptBuilder::new().opcode(Opcode::OP_RETURN);
    builder.push(data).into_script()
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
