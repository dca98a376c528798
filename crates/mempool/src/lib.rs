//! The mempool: transactions that wait for a block, admitted by Bitcoin Core 28's policy.
//!
//! * [`Mempool::accept`] admits a transaction; [`Mempool::prepare`], [`Prepared::verify`] and
//!   [`Mempool::insert`] are its three steps, of which the middle one, that takes nearly all
//!   the time, needs no access to the mempool and may run on any thread.
//! * [`Mempool::remove_for_block`] drops what a block confirmed and what it made impossible;
//!   [`Mempool::add_disconnected`] and [`Mempool::finish_reorg`] take back what a
//!   reorganisation dropped.
//! * [`Mempool::next_block`] chooses what to mine and keeps it, so that a change costs what comes
//!   after it; [`Mempool::projected_blocks`] is what the next blocks would hold, from which
//!   [`Mempool::fee_estimates`] follow.
//! * [`OrphanPool`] holds transactions whose parents are not here yet.
//!
//! Depends on primitives, sigcheck, script and ledger. Must never know of storage, services,
//! peers beyond a number, or agreement. There is no clock, randomness, IO or async: the time
//! comes in with each call, the key of the hash tables comes in at the start, and what goes
//! out is data. No result depends on the order of a hash table.

mod admission;
mod chain;
mod disconnected;
mod entry;
mod event;
mod fee_rate;
mod graph;
mod invariants;
mod limits;
mod orphans;
mod package;
mod policy;
mod pool;
mod rejected;
mod save;
mod template;
mod verified;

pub use admission::{Accepted, Context, Options, Prepared, Verified};
pub use disconnected::MAX_DISCONNECTED_BYTES;
pub use entry::{Aggregate, Arrival, ChainFacts, Cost, Entry};
pub use event::{Event, Events, MAX_PENDING_EVENTS, Removal};
pub use fee_rate::{FeeRate, Ratio};
pub use invariants::BrokenInvariant;
pub use limits::ROLLING_FEE_HALF_LIFE_S;
pub use orphans::{
    MAX_ORPHAN_ANNOUNCERS, MAX_ORPHAN_WEIGHT, ORPHAN_EXPIRY_S, OrphanLimits, OrphanPool, PeerId,
};
pub use package::{MemberResult, PackageError, PackageReplacementError, PackageResult};
pub use policy::{
    ChainLimits, EXTRA_DESCENDANT_VSIZE_LIMIT, MAX_P2SH_SIGOPS, MAX_PACKAGE_COUNT,
    MAX_PACKAGE_WEIGHT, MAX_REPLACEMENT_CANDIDATES, MAX_STANDARD_MULTISIG_KEYS,
    MAX_STANDARD_P2WSH_SCRIPT_SIZE, MAX_STANDARD_P2WSH_STACK_ITEM_SIZE,
    MAX_STANDARD_P2WSH_STACK_ITEMS, MAX_STANDARD_SCRIPT_SIG_SIZE,
    MAX_STANDARD_TAPSCRIPT_STACK_ITEM_SIZE, MAX_STANDARD_VERSION, Policy, TRUC_CHILD_MAX_VSIZE,
    TRUC_MAX_VSIZE, TRUC_VERSION,
};
pub use pool::{MAX_FEE_DELTAS, Mempool, Summary, TooManyFeeDeltas};
pub use rejected::{ChainLimit, Class, InsufficientFee, NotStandard, Rejected, TrucViolation};
pub use save::{Restored, SaveError, SavedMempool, SavedTransaction};
pub use template::{
    FeeEstimates, HistogramBin, MAX_PROJECTED_BLOCKS, ProjectedBlock, Template, TemplateLimits,
    TemplateTransaction,
};
pub use verified::MAX_REMEMBERED_VERIFIED;
