//! Why an explorer cannot run.

use synod_api::ClientError;
use synod_service::DataDirError;

use crate::follow::IdentityError;
use crate::index::IndexError;
use crate::store::StoreError;

/// Why an explorer cannot run, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ExplorerError {
    /// The data directory is in use or cannot be written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The index cannot be opened.
    #[error("{0}")]
    Index(String),
    /// The node's address is no address.
    #[error(transparent)]
    Node(#[from] ClientError),
    /// The node belongs to another network than the index, or was reset.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A listener failed.
    #[error("a listener failed: {0}")]
    Listener(#[from] std::io::Error),
    /// A task panicked.
    #[error("a task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl From<StoreError> for ExplorerError {
    fn from(error: StoreError) -> Self {
        Self::Index(error.to_string())
    }
}

impl From<IndexError> for ExplorerError {
    fn from(error: IndexError) -> Self {
        Self::Index(error.to_string())
    }
}
