//! The decisions of a node: which blocks it takes in, on which it stands, which
//! transactions wait, and what a miner should work on.
//!
//! Everything here is a function of what came in, in its order, and of the times that came
//! with it. Storage is a port ([`Storage`]); there is no IO, clock, randomness or async.
//! Scripts run on the threads of a pool, whose number and timing change no verdict.
//!
//! Depends on ledger, mempool, engine and what lies below them. Must never know of HTTP,
//! SQL, peers' addresses or configuration files.

mod ahead;
mod chain;
mod checks;
mod coins;
mod engine_memory;
mod engine_state;
mod event;
mod extend;
mod feed;
mod fork_warning;
mod header_sync;
mod memory;
mod node;
mod open;
mod orphans;
mod prepared;
mod proposal;
mod prune;
mod recent;
mod recheck;
mod refused;
mod row;
mod storage;
mod submit;
mod template;
mod transactions;
mod tree;
mod trust;
mod unknown_rules;
mod verdict;
mod waiting;

pub use chain::{Chain, ChainSettings, MAX_UNCOMMITTED_BYTES, TipChange};
pub use engine_state::STATE_INTERVAL;
pub use event::Event;
pub use feed::MAX_WAITING_OUTPUTS;
pub use fork_warning::{FORK_WARNING_BLOCKS, HeavierInvalid};
pub use header_sync::{
    COMMITMENT_PERIOD, HeaderSync, HeadersStep, MAX_HEADERS_WITHOUT_BLOCK,
    MAX_REDOWNLOAD_PROOF_BYTES, REDOWNLOAD_HEADERS,
};
pub use memory::MemoryStorage;
pub use node::{Node, Settings, SharedMempool};
pub use open::engine_of;
pub use prepared::PreparedBlock;
pub use proposal::Unsealed;
pub use prune::MIN_BLOCKS_KEPT;
pub use row::{Row, Verdicts};
pub use storage::{
    Batch, ChainChange, CoinsFlush, Durability, HeaderRecord, Status, Storage, StorageError, Stored,
};
pub use submit::{BLOCK_IS_FINAL, Submission, View};
pub use template::{
    BlockTemplate, Chosen, EXTRA_NONCE_BYTES, FoundWork, TemplateEntry, TemplateParts,
};
pub use transactions::{Admission, Offer};
pub use tree::{BlockTree, Entry, EntryId};
pub use trust::{NEEDS_TRUST, NeedsTrust};
pub use unknown_rules::{SIGNAL_BITS, SIGNAL_PERIOD, SIGNAL_THRESHOLD, UnknownRules};
pub use verdict::{Accepted, Blame, NodeError, Placement, Refusal};
pub use waiting::{CLIENTS, MAX_REFUSED_TRANSACTIONS, SharedWaiting, Waiting};
