//! Which network the index belongs to.

use synod_api::node::StakeTerms;

use crate::index::{IndexError, Indexer};
use crate::node::NodeChain;
use crate::store::{StoreError, Tip, Writer};

/// Why the index does not belong to the node.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The node is on another network than the index.
    #[error(
        "the index belongs to the network with chain id {ours}, the node at {node} to {theirs}; \
         choose another data directory or start with --reindex"
    )]
    OtherNetwork {
        /// The index's chain id.
        ours: String,
        /// The node's chain id.
        theirs: String,
        /// The node's address.
        node: String,
    },
    /// The node's chain has nothing but block 0 in common with the index, and less work.
    #[error(
        "the node at {node} was reset: its chain ends at height {theirs} and shares only block 0 \
         with this index, which ends at {ours}; start with --reindex to begin again"
    )]
    Reset {
        /// The index's height.
        ours: u32,
        /// The node's height.
        theirs: u32,
        /// The node's address.
        node: String,
    },
}

/// What people and programs see of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) chain_id: String,
    pub(crate) engine: String,
    pub(crate) stake: Option<StakeTerms>,
}

const CHAIN_ID: &str = "chain_id";

/// Compares the node's chain id with the one that the index was made for, or writes it down.
///
/// # Errors
/// Another chain id (the inner error), or the database failed.
pub(super) async fn check_network(
    writer: &mut Writer,
    chain: &NodeChain,
    node: &str,
) -> Result<Result<(), IdentityError>, StoreError> {
    let theirs = chain.status.chain_id.to_string();
    match writer.meta(CHAIN_ID).await? {
        None => {
            writer.set_meta(CHAIN_ID, &theirs).await?;
            Ok(Ok(()))
        }
        Some(ours) if ours == theirs => Ok(Ok(())),
        Some(ours) => Ok(Err(IdentityError::OtherNetwork {
            ours,
            theirs,
            node: node.to_owned(),
        })),
    }
}

/// Says whether a node was reset: at the start of the explorer its chain leaves ours at block 0
/// and has less work.
pub(super) fn check_reset(
    indexer: &Indexer,
    chain: &NodeChain,
    fork_height: u32,
    node: &str,
) -> Result<(), IdentityError> {
    let ours = indexer.tip().map_or(0, |tip: Tip| tip.height);
    if fork_height == 0 && ours > 0 && chain.work < indexer.work() {
        let theirs = chain.tip.height;
        return Err(IdentityError::Reset {
            ours,
            theirs,
            node: node.to_owned(),
        });
    }
    Ok(())
}

impl Network {
    /// Takes the network's facts from the node's answer.
    pub(crate) fn of(chain: &NodeChain) -> Self {
        Self {
            name: chain.status.network.clone(),
            chain_id: chain.status.chain_id.to_string(),
            engine: chain.status.engine.clone(),
            stake: chain.status.stake,
        }
    }
}

/// Why following stopped or paused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// The node gave no usable answer; trying again may help.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
    /// The index could not be written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The node is not the one that the index belongs to.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl From<StoreError> for FollowError {
    fn from(error: StoreError) -> Self {
        Self::Index(error.into())
    }
}
