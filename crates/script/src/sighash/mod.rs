//! Signature hashes: what a signature commits to.

mod context;
mod legacy;
mod many;
mod segwit_v0;
mod spent;
mod taproot;

pub use context::{SharedHashes, SpendContext};
pub use legacy::legacy_sighash;
pub use many::{Sharing, share_hashes};
pub use segwit_v0::segwit_v0_sighash;
pub use spent::SpentOutputs;
pub use taproot::{LeafPosition, TaprootSpend, annex_hash, taproot_sighash};

/// Commits to all outputs.
pub const SIGHASH_ALL: u32 = 1;
/// Commits to no output.
pub const SIGHASH_NONE: u32 = 2;
/// Commits to the output at the input's own index.
pub const SIGHASH_SINGLE: u32 = 3;
/// Commits to no input but its own; added to one of the others.
pub const SIGHASH_ANYONECANPAY: u32 = 0x80;
/// Taproot's default, which is like [`SIGHASH_ALL`] and takes no byte.
pub const SIGHASH_DEFAULT: u8 = 0;

/// The bits that choose the outputs in ECDSA hash types.
const OUTPUT_MASK: u32 = 0x1f;

/// How an ECDSA hash type reads.
#[derive(Clone, Copy)]
struct HashType {
    is_single: bool,
    is_none: bool,
    is_anyone_can_pay: bool,
}

impl HashType {
    const fn of(hash_type: u32) -> Self {
        Self {
            is_single: hash_type & OUTPUT_MASK == SIGHASH_SINGLE,
            is_none: hash_type & OUTPUT_MASK == SIGHASH_NONE,
            is_anyone_can_pay: hash_type & SIGHASH_ANYONECANPAY != 0,
        }
    }

    const fn commits_to_all_outputs(self) -> bool {
        !self.is_single && !self.is_none
    }
}
