//! Scripts: what they mean, whether an input may spend its output, what signatures commit to, and
//! how outputs are addressed.
//!
//! [`verify_input`] judges an input exactly as Bitcoin Core 28 does, for every combination of
//! [`Flags`], and names what is wrong as Core does. Signature checks are values that the caller
//! may have judged at once ([`Immediate`]) or collect ([`Deferred`]).
//!
//! May depend on: `synod-primitives`, `synod-sigcheck`, hash and text encoding crates.
//! Must never know: blocks, coins, the mempool, policy beyond its flags, secret keys, IO, time.

pub mod address;
mod asm;
mod builder;
mod checks;
mod digest;
mod error;
mod flags;
mod form;
mod instruction;
mod interpreter;
mod number;
mod opcode;
pub mod sighash;
mod sigops;
pub mod template;

pub use address::{Address, AddressError, Network};
pub use asm::Asm;
pub use builder::ScriptBuilder;
pub use checks::{Deferred, Immediate, SignatureChecks};
pub use digest::{hash160, ripemd160, sha1};
pub use error::ScriptError;
pub use flags::Flags;
pub use form::{
    WitnessProgram, is_p2sh, is_push_only, is_unspendable, redeem_script, witness_program,
};
pub use instruction::{Instruction, Instructions, TruncatedPush};
pub use interpreter::{
    LEAF_VERSION_TAPSCRIPT, MAX_ITEM_SIZE, MAX_KEYS_PER_MULTISIG, MAX_OPS_PER_SCRIPT,
    MAX_SCRIPT_SIZE, MAX_STACK_SIZE, is_canonical_signature, tap_branch_hash, tap_leaf_hash,
    tap_tweak_hash, verify_input,
};
pub use number::{MAX_LOCK_TIME_NUMBER_SIZE, MAX_NUMBER_SIZE, ScriptNum};
pub use opcode::Opcode;
pub use sighash::{
    LeafPosition, SharedHashes, Sharing, SpendContext, SpentOutputs, TaprootSpend, legacy_sighash,
    segwit_v0_sighash, share_hashes, taproot_sighash,
};
pub use sigops::{
    WITNESS_SCALE_FACTOR, count_sigops, p2sh_sigops, transaction_sigop_cost, witness_sigops,
};
pub use template::{ScriptType, Template, esplora_type, solve};
