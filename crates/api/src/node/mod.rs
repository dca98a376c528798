//! The node's bodies, one module per resource.

pub mod block;
pub mod chain;
pub mod dev;
pub mod duty;
pub mod event;
pub mod evidence;
pub mod finality;
pub mod mempool;
pub mod mining;
pub mod output;
pub mod peer;
pub mod transaction;
pub mod validator;

pub use block::{
    BlockBody, BlockTransactions, FinalityProof, HeaderBody, SubmitBlock, SubmitStatus,
};
pub use chain::{
    BlockRef, ChainStatus, ChainTip, ChainTips, Finalized, HeaderPage, SnapshotStatus, StakeTerms,
    StateDigest, TipStatus,
};
pub use dev::{DevHash, DevMine, DevMined, DevTime};
pub use duty::{CheckpointBody, Duties, DutiesQuery, SealDuty, SignedVote, VoteDuty};
pub use event::{Event, EventKind, RemovalReason, Topic};
pub use evidence::{
    Contradiction, EvidenceBody, EvidencePage, EvidenceStatus, SubmitEvidence, SubmittedEvidence,
};
pub use finality::{CheckpointPlace, EpochVotes, FinalityStatus, PublishedLag};
pub use mempool::{FeeEstimates, MempoolEntry, MempoolPage, MempoolStatus, Prioritise, Priority};
pub use mining::{SubmitWork, Template, TemplateQuery, TemplateTransaction};
pub use output::{OutputBody, OutputRef, OutputStatus, SpenderBody};
pub use peer::{AddPeer, PeerBody, PeerDirection};
pub use transaction::{
    InputBody, PackageResult, PackageTransaction, PrevoutBody, SubmitTransaction, TestTransaction,
    TransactionBlock, TransactionBody, TransactionOutputBody,
};
pub use validator::{
    StakeTotals, Turn, ValidatorBody, ValidatorPage, ValidatorStanding, ValidatorsQuery,
};

/// The most items of any page of a list.
pub const MAX_PAGE: u32 = 1000;
/// The items of a page when the request does not say.
pub const DEFAULT_PAGE: u32 = 50;
/// The most headers of one `GET /v1/chain/headers`.
pub const MAX_HEADERS: u32 = 2000;
/// The largest block that `POST /v1/blocks` takes, in bytes (raw form).
pub const MAX_BLOCK_BYTES: usize = 4_000_000;
/// The largest transaction that `POST /v1/transactions` takes, in bytes (raw form).
pub const MAX_TRANSACTION_BYTES: usize = 4_000_000;
/// The most transactions of one package (Core's `MAX_PACKAGE_COUNT`).
pub const MAX_PACKAGE: usize = 25;
