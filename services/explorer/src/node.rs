//! What the explorer asks of its node, in the ledger's own types.

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use synod_api::node::{
    ChainStatus, EvidencePage, FinalityStatus, PackageResult, Topic, ValidatorPage, ValidatorsQuery,
};
use synod_api::{ClientError, HashHex, NodeClient};
use synod_primitives::{Block, BlockHash, Transaction, Txid, Work};

use crate::store::Tip;

/// Requests for blocks or transactions on the way at once.
const PARALLEL: usize = 16;
/// Entries of the mempool in one page.
const MEMPOOL_PAGE: u32 = 1000;
/// Transactions of the mempool that are followed at most.
const MAX_MEMPOOL: usize = 500_000;

/// Why the node gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// The request failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A block or transaction is not what its name says.
    #[error("the node served bytes for {0} that are not it")]
    WrongBytes(HashHex),
}

/// The node's chain as the explorer needs it.
#[derive(Clone, Debug)]
pub(crate) struct NodeChain {
    pub(crate) status: ChainStatus,
    pub(crate) tip: Tip,
    pub(crate) work: Work,
}

/// The node that the explorer follows.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    client: NodeClient,
}

fn block_hash(hash: HashHex) -> BlockHash {
    BlockHash::from_bytes(hash.to_internal())
}

fn txid(hash: HashHex) -> Txid {
    Txid::from_bytes(hash.to_internal())
}

impl Node {
    /// Follows the node behind a client.
    pub(crate) fn new(client: NodeClient) -> Self {
        Self { client }
    }

    /// Where the node is, for messages.
    pub(crate) fn url(&self) -> &str {
        self.client.root()
    }

    /// Reads where the node's chain stands.
    pub(crate) async fn chain(&self) -> Result<NodeChain, NodeError> {
        let status = self.client.chain().await?;
        let tip = Tip {
            height: status.height,
            hash: block_hash(status.best_block_hash),
        };
        let work = Work::from_be_bytes(status.chainwork.to_bytes());
        Ok(NodeChain { status, tip, work })
    }

    /// Lists hashes of the node's active chain from a height on; the node may give fewer.
    pub(crate) async fn hashes(
        &self,
        from: u32,
        limit: u32,
    ) -> Result<Vec<(u32, BlockHash)>, NodeError> {
        let page = self.client.headers(from, limit).await?;
        Ok(page
            .items
            .iter()
            .map(|header| (header.height, block_hash(header.hash)))
            .collect())
    }

    /// Reads blocks, several at once, in the order asked for.
    pub(crate) async fn blocks(&self, hashes: &[BlockHash]) -> Result<Vec<Block>, NodeError> {
        let node = self.clone();
        stream::iter(hashes.to_vec())
            .map(move |hash| node.clone().block(hash))
            .buffered(PARALLEL)
            .try_collect()
            .await
    }

    async fn block(self, hash: BlockHash) -> Result<Block, NodeError> {
        let name = HashHex::from_internal(hash.to_bytes());
        let raw = self.client.block_raw(name).await?;
        let block = Block::decode(&raw)
            .ok()
            .filter(|block| block.hash() == hash);
        block.ok_or(NodeError::WrongBytes(name))
    }

    /// Reads the mempool's size: transactions, virtual bytes, fees in satoshis.
    pub(crate) async fn mempool_size(&self) -> Result<(u64, u64, u64), NodeError> {
        let status = self.client.mempool().await?;
        Ok((
            status.transactions,
            status.vsize,
            status.total_fee_sat.to_sat(),
        ))
    }

    /// Lists the ids of the mempool, parents before children.
    pub(crate) async fn mempool(&self) -> Result<Vec<Txid>, NodeError> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self
                .client
                .mempool_entries(cursor.as_deref(), MEMPOOL_PAGE)
                .await?;
            let new = page.items.iter();
            entries.extend(new.map(|entry| (entry.ancestor_count, entry.time, txid(entry.txid))));
            cursor = page.next_cursor;
            if cursor.is_none() || entries.len() >= MAX_MEMPOOL {
                break;
            }
        }
        entries.sort_unstable();
        Ok(entries.into_iter().map(|(_, _, txid)| txid).collect())
    }

    /// Reads transactions, several at once, in the order asked for; those that the node does not
    /// have any more are left out.
    pub(crate) async fn transactions(&self, txids: &[Txid]) -> Result<Vec<Transaction>, NodeError> {
        let node = self.clone();
        let found: Vec<Option<Transaction>> = stream::iter(txids.to_vec())
            .map(move |txid| node.clone().transaction(txid))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn transaction(self, id: Txid) -> Result<Option<Transaction>, NodeError> {
        let name = HashHex::from_internal(id.to_bytes());
        match self.client.transaction_raw(name).await {
            Ok(raw) => {
                let transaction = Transaction::decode(&raw).ok().filter(|tx| tx.txid() == id);
                transaction.map(Some).ok_or(NodeError::WrongBytes(name))
            }
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands a transaction to the node.
    pub(crate) async fn submit(&self, raw: Bytes) -> Result<Txid, ClientError> {
        let accepted = self.client.submit_transaction(raw).await?;
        Ok(txid(accepted.txid))
    }

    /// Asks the node whether it would take a transaction.
    pub(crate) async fn test(
        &self,
        raw: Bytes,
    ) -> Result<synod_api::node::TestTransaction, ClientError> {
        self.client.test_transaction(raw).await
    }

    /// Hands transactions that depend on each other to the node.
    pub(crate) async fn submit_package(
        &self,
        package: &[String],
    ) -> Result<PackageResult, ClientError> {
        self.client.submit_package(package).await
    }

    /// Reads a page of those who seal.
    pub(crate) async fn validators(
        &self,
        query: &ValidatorsQuery,
    ) -> Result<ValidatorPage, ClientError> {
        self.client.validators(query).await
    }

    /// Reads what is final.
    pub(crate) async fn finality(&self) -> Result<FinalityStatus, ClientError> {
        self.client.finality_status().await
    }

    /// Reads who has contradicted itself.
    pub(crate) async fn evidence(&self) -> Result<EvidencePage, ClientError> {
        self.client.evidence().await
    }

    /// Opens the node's events.
    pub(crate) fn events(&self) -> synod_api::client::EventStream {
        self.client
            .events(&[Topic::Blocks, Topic::Transactions, Topic::Finality], None)
    }
}

/// Takes a hash of the wire as a transaction's id.
pub(crate) fn event_txid(hash: HashHex) -> Txid {
    txid(hash)
}
