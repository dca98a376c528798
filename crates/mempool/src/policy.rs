//! The numbers that a node's own policy consists of, with Bitcoin Core 28's defaults.

use crate::fee_rate::FeeRate;

/// The highest transaction version that is standard.
pub const MAX_STANDARD_VERSION: u32 = 3;
/// The longest unlocking script of a standard transaction, in bytes.
pub const MAX_STANDARD_SCRIPT_SIG_SIZE: usize = 1_650;
/// The most keys of a standard bare multisig output.
pub const MAX_STANDARD_MULTISIG_KEYS: usize = 3;
/// The most signature operations of a standard redeem script.
pub const MAX_P2SH_SIGOPS: u64 = 15;
/// The longest standard witness script, version 0, in bytes.
pub const MAX_STANDARD_P2WSH_SCRIPT_SIZE: usize = 3_600;
/// The most items below a standard witness script.
pub const MAX_STANDARD_P2WSH_STACK_ITEMS: usize = 100;
/// The longest item below a standard witness script, in bytes.
pub const MAX_STANDARD_P2WSH_STACK_ITEM_SIZE: usize = 80;
/// The longest item below a standard tapscript, in bytes.
pub const MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE: usize = 80;
/// The most entries that one replacement may remove (BIP125 rule 5).
pub const MAX_REPLACEMENT_CANDIDATES: u64 = 100;
/// The largest child that may exceed its parent's descendant limits by one, in vbytes.
pub const EXTRA_DESCENDANT_VSIZE_LIMIT: u64 = 10_000;
/// The version that opts in to topologically restricted relay (BIP431).
pub const TRUC_VERSION: i32 = 3;
/// The largest transaction of that version, in vbytes.
pub const TRUC_MAX_VSIZE: u64 = 10_000;
/// The largest transaction of that version that spends an unconfirmed one, in vbytes.
pub const TRUC_CHILD_MAX_VSIZE: u64 = 1_000;
/// The most transactions of a package.
pub const MAX_PACKAGE_COUNT: usize = 25;
/// The greatest weight of a package of more than one transaction.
pub const MAX_PACKAGE_WEIGHT: u64 = 404_000;

/// What a node admits to its mempool, beyond what the ledger's rules demand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Refuses transactions that are not standard.
    pub require_standard: bool,
    /// The least fee rate of any transaction by itself.
    pub min_relay_fee: FeeRate,
    /// What a replacement pays on top for its own relay, and what the minimum rises above an
    /// evicted package.
    pub incremental_relay_fee: FeeRate,
    /// The rate at which an output that costs more to spend than it is worth is dust.
    pub dust_relay_fee: FeeRate,
    /// The memory that the mempool may occupy, in bytes.
    pub max_bytes: usize,
    /// Seconds after which an entry that was not confirmed is dropped.
    pub expiry_s: u64,
    /// How many unconfirmed transactions may hang together.
    pub chain_limits: ChainLimits,
    /// The longest standard `OP_RETURN` script in bytes; `None` refuses all of them.
    pub max_data_carrier_bytes: Option<usize>,
    /// Takes outputs of bare multisig.
    pub permit_bare_multisig: bool,
    /// Lets every entry be replaced by a higher fee, also those that do not signal it (BIP125).
    pub full_rbf: bool,
    /// Vbytes that a unit of signature operation cost counts for at least, times four.
    pub bytes_per_sigop: u64,
    /// The greatest weight of a standard transaction.
    pub max_standard_weight: u64,
    /// The fewest bytes of a standard transaction without its witness (CVE-2017-12842).
    pub min_standard_stripped_size: usize,
    /// The greatest cost of a standard transaction's signature operations.
    pub max_standard_sigop_cost: u64,
}

impl Default for Policy {
    /// Returns Bitcoin Core 28's defaults.
    fn default() -> Self {
        Self {
            require_standard: true,
            min_relay_fee: FeeRate::from_sat_per_kvb(1_000),
            incremental_relay_fee: FeeRate::from_sat_per_kvb(1_000),
            dust_relay_fee: FeeRate::from_sat_per_kvb(3_000),
            max_bytes: 300_000_000,
            expiry_s: 336 * 60 * 60,
            chain_limits: ChainLimits::default(),
            max_data_carrier_bytes: Some(83),
            permit_bare_multisig: true,
            full_rbf: true,
            bytes_per_sigop: 20,
            max_standard_weight: 400_000,
            min_standard_stripped_size: 65,
            max_standard_sigop_cost: 16_000,
        }
    }
}

/// How many unconfirmed transactions may hang together; each counts itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChainLimits {
    /// Ancestors of an entry.
    pub ancestor_count: u64,
    /// Vbytes of an entry with its ancestors.
    pub ancestor_vsize: u64,
    /// Descendants of an entry.
    pub descendant_count: u64,
    /// Vbytes of an entry with its descendants.
    pub descendant_vsize: u64,
}

impl Default for ChainLimits {
    /// Returns Bitcoin Core 28's defaults.
    fn default() -> Self {
        Self {
            ancestor_count: 25,
            ancestor_vsize: 101_000,
            descendant_count: 25,
            descendant_vsize: 101_000,
        }
    }
}
