//! Bitcoin Core's code.

#![expect(unsafe_code, reason = "calls into the shim")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong};
use std::ptr::NonNull;

use synod_primitives::{Transaction, TxOut};
use synod_script::Flags;

#[repr(C)]
struct RefereeSpend {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn referee_spend_new(
        tx: *const u8,
        tx_length: usize,
        spent: *const u8,
        spent_length: usize,
    ) -> *mut RefereeSpend;
    fn referee_spend_free(spend: *mut RefereeSpend);
    fn referee_spend_verify(
        spend: *const RefereeSpend,
        input: c_uint,
        flags: c_uint,
    ) -> *const c_char;
    fn referee_spend_sigop_cost(spend: *const RefereeSpend, flags: c_uint) -> c_ulonglong;
    fn referee_decode(bytes: *const u8, length: usize, txid: *mut u8, wtxid: *mut u8) -> c_int;
    fn referee_sigops(bytes: *const u8, length: usize, accurate: c_int) -> c_uint;
    fn referee_form(bytes: *const u8, length: usize) -> c_uint;
    fn referee_check_transaction(bytes: *const u8, length: usize) -> *const c_char;
    fn referee_block(bytes: *const u8, length: usize, out: *mut BlockFacts) -> c_int;
    fn referee_target(bits: c_uint, target: *mut u8, again: *mut c_uint) -> c_int;
}

/// What Core finds out about a block by itself; hashes in hash order.
#[repr(C)]
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BlockFacts {
    /// The block's hash.
    pub hash: [u8; 32],
    /// The Merkle root of its transactions.
    pub root: [u8; 32],
    /// The root of their ids with witness.
    pub witness_root: [u8; 32],
    /// The weight.
    pub weight: c_ulonglong,
    /// Whether two equal hashes are siblings: 0 or 1.
    pub is_mutated: c_int,
    /// The coinbase's output that commits to the witnesses, or -1.
    pub commitment: c_int,
}

/// Asks for the reject reason of a transaction by itself (`CheckTransaction`), nothing for a good
/// one.
#[must_use]
pub fn check_transaction(tx: &Transaction) -> String {
    assert!(bitcoinconsensus::version() > 0);
    let raw = tx.raw();
    // SAFETY: the range is valid for the call; the text is copied before the next one.
    let text = unsafe { CStr::from_ptr(referee_check_transaction(raw.as_ptr(), raw.len())) };
    text.to_str().expect("ASCII").to_owned()
}

/// Asks what there is to say about bytes that are a block.
#[must_use]
pub fn block(bytes: &[u8]) -> Option<BlockFacts> {
    assert!(bitcoinconsensus::version() > 0);
    let mut facts = BlockFacts::default();
    // SAFETY: the range is valid for the call, which writes one value of this layout.
    let is_block = unsafe { referee_block(bytes.as_ptr(), bytes.len(), &raw mut facts) };
    (is_block == 1).then_some(facts)
}

/// Asks for the target of compact bits, big-endian, and for its bits; `None` when they are none.
#[must_use]
pub fn target(bits: u32) -> Option<([u8; 32], u32)> {
    assert!(bitcoinconsensus::version() > 0);
    let (mut target, mut again) = ([0; 32], 0);
    // SAFETY: both places are valid for the call, which writes 32 bytes and one number.
    let is_target = unsafe { referee_target(bits, target.as_mut_ptr(), &raw mut again) };
    target.reverse();
    (is_target == 1).then_some((target, again))
}

/// What Core says to a valid input.
pub const VALID: &str = "No error";

/// A transaction as Core read it, with the outputs that it spends.
pub struct Spend(NonNull<RefereeSpend>);

impl Spend {
    /// Hands a transaction to Core.
    ///
    /// # Panics
    /// When Core cannot read it, or there are not as many outputs as inputs.
    #[must_use]
    pub fn new(tx: &Transaction, spent: &[TxOut]) -> Self {
        // The package is linked only where something of it is used.
        assert!(bitcoinconsensus::version() > 0);
        let mut outputs = Vec::new();
        for output in spent {
            output.encode_into(&mut outputs);
        }
        let raw = tx.raw();
        // SAFETY: both ranges are valid for the call, which copies what it needs.
        let spend =
            unsafe { referee_spend_new(raw.as_ptr(), raw.len(), outputs.as_ptr(), outputs.len()) };
        Self(NonNull::new(spend).expect("Core reads what we write"))
    }

    /// Asks for the verdict on an input: Core's sentence.
    ///
    /// # Panics
    /// When Core would stop on the flags: some lean on others.
    #[must_use]
    pub fn verify(&self, input: usize, flags: Flags) -> String {
        assert_eq!(complete(flags), flags, "flags that Core takes");
        let input = c_uint::try_from(input).expect("few inputs");
        // SAFETY: the spend lives as long as self; the text is copied before the next call.
        let text =
            unsafe { CStr::from_ptr(referee_spend_verify(self.0.as_ptr(), input, flags.bits())) };
        text.to_str().expect("ASCII").to_owned()
    }

    /// Asks what the signature operations cost.
    #[must_use]
    pub fn sigop_cost(&self, flags: Flags) -> u64 {
        // SAFETY: the spend lives as long as self.
        unsafe { referee_spend_sigop_cost(self.0.as_ptr(), flags.bits()) }
    }
}

impl Drop for Spend {
    fn drop(&mut self) {
        // SAFETY: it was made by the shim and is freed once.
        unsafe { referee_spend_free(self.0.as_ptr()) }
    }
}

/// Adds the flags that others lean on, without which Core stops.
#[must_use]
pub fn complete(mut flags: Flags) -> Flags {
    if flags.contains(Flags::CLEANSTACK) {
        flags = flags | Flags::WITNESS;
    }
    if flags.contains(Flags::WITNESS) {
        flags = flags | Flags::P2SH;
    }
    flags
}

/// Asks libbitcoinconsensus' own function whether an input is valid; only its flags are taken.
#[must_use]
pub fn is_valid(tx: &Transaction, spent: &[TxOut], input: usize, flags: Flags) -> bool {
    let utxos: Vec<_> = spent
        .iter()
        .map(|output| bitcoinconsensus::Utxo {
            script_pubkey: output.script_pubkey.as_bytes().as_ptr(),
            script_pubkey_len: output.script_pubkey.len() as u32,
            value: output.value.sat(),
        })
        .collect();
    let own = &spent[input];
    let verdict = bitcoinconsensus::verify_with_flags(
        own.script_pubkey.as_bytes(),
        own.value.sat().cast_unsigned(),
        tx.raw(),
        Some(&utxos),
        input,
        flags.bits(),
    );
    match verdict {
        Ok(()) => true,
        Err(bitcoinconsensus::Error::ERR_SCRIPT) => false,
        Err(other) => panic!("the question was wrong: {other}"),
    }
}

/// Asks whether bytes are a transaction; answers its ids in hash order.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (mut txid, mut wtxid) = ([0; 32], [0; 32]);
    // SAFETY: the range is valid for the call, both targets hold 32 bytes.
    let is_transaction = unsafe {
        referee_decode(
            bytes.as_ptr(),
            bytes.len(),
            txid.as_mut_ptr(),
            wtxid.as_mut_ptr(),
        )
    };
    (is_transaction == 1).then_some((txid, wtxid))
}

/// Asks for the number of signature operations in a script.
#[must_use]
pub fn sigops(script: &[u8], accurate: bool) -> u64 {
    // SAFETY: the range is valid for the call.
    u64::from(unsafe { referee_sigops(script.as_ptr(), script.len(), c_int::from(accurate)) })
}

/// What a script is at first sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// It only pushes.
    pub is_push_only: bool,
    /// It can never be spent.
    pub is_unspendable: bool,
    /// It pays to the hash of a script.
    pub is_p2sh: bool,
    /// The version of the witness program that it is.
    pub witness_version: Option<u8>,
}

/// Asks what a script is at first sight.
#[must_use]
pub fn form(script: &[u8]) -> Form {
    // SAFETY: the range is valid for the call.
    let bits = unsafe { referee_form(script.as_ptr(), script.len()) };
    Form {
        is_push_only: bits & 1 != 0,
        is_unspendable: bits & 2 != 0,
        is_p2sh: bits & 4 != 0,
        witness_version: (bits & 8 != 0).then_some((bits >> 4) as u8),
    }
}
