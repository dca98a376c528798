//! What a node asks of a peer and tells it, a method each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use synod_api::HashHex;
use synod_api::p2p::{
    Addresses, Announcement, BlockTransactionsRequest, BlocksRequest, CompactAnswer, Handshake,
    HeadersRequest, MAX_ADDRESSES, MAX_JSON_BYTES, MessagesTaken, Posted, TransactionsRequest,
    Wanted,
};
use synod_primitives::{BlockHash, Header, Txid, Wtxid};

use crate::answers::{BlockStream, NewsStream};
use crate::client::{JSON, OCTETS, PeerClient, parse_json};
use crate::client_error::ClientError;
use crate::hear::HeardTransactions;
use crate::inventory;
use crate::wire::{self, HeadersPage};

/// The most bytes of an answer with transactions.
const MAX_TRANSACTIONS_BYTES: usize = 16 << 20;
/// How long a stream of announcements is read before it is opened anew.
const LISTENING_TIME: Duration = Duration::from_secs(24 * 60 * 60);

impl PeerClient {
    /// Shakes hands: says who this node is and learns who the peer is.
    ///
    /// # Errors
    /// The peer does not answer, or refuses, as it does to a node of another chain.
    pub async fn handshake(&self, ours: &Handshake) -> Result<Handshake, ClientError> {
        let body = self
            .send(self.post("handshake", ours)?, JSON, MAX_JSON_BYTES)
            .await?;
        parse_json(&body)
    }

    /// Asks for the headers that follow the first known hash of the locator.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn headers(&self, locator: &[BlockHash]) -> Result<HeadersPage, ClientError> {
        let locator = locator
            .iter()
            .map(|hash| HashHex::from_internal(hash.to_bytes()));
        let request = HeadersRequest {
            locator: locator.collect(),
            stop: None,
        };
        let body = self
            .send(
                self.post("headers", &request)?,
                OCTETS,
                wire::MAX_HEADERS_BYTES,
            )
            .await?;
        Ok(wire::read_headers(body)?)
    }

    /// Asks for blocks, which arrive one by one.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn blocks(&self, hashes: &[BlockHash]) -> Result<BlockStream, ClientError> {
        let hashes = hashes
            .iter()
            .map(|hash| HashHex::from_internal(hash.to_bytes()));
        let request = BlocksRequest {
            hashes: hashes.collect(),
        };
        let left = request.hashes.len();
        let body = self.answer(self.post("blocks", &request)?, OCTETS).await?;
        Ok(BlockStream::new(body, left, Arc::clone(&self.traffic)))
    }

    /// Asks for transactions of the peer's mempool.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn transactions(&self, wtxids: &[Wtxid]) -> Result<Vec<Bytes>, ClientError> {
        let wtxids = wtxids
            .iter()
            .map(|id| HashHex::from_internal(id.to_bytes()));
        self.mempool_transactions(TransactionsRequest {
            wtxids: wtxids.collect(),
            txids: Vec::new(),
        })
        .await
    }

    /// Asks for parents of transactions that the peer sent.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn parents(&self, txids: &[Txid]) -> Result<Vec<Bytes>, ClientError> {
        let txids = txids.iter().map(|id| HashHex::from_internal(id.to_bytes()));
        self.mempool_transactions(TransactionsRequest {
            wtxids: Vec::new(),
            txids: txids.collect(),
        })
        .await
    }

    async fn mempool_transactions(
        &self,
        request: TransactionsRequest,
    ) -> Result<Vec<Bytes>, ClientError> {
        let limit = request.wtxids.len() + request.txids.len();
        let body = self
            .send(
                self.post("transactions", &request)?,
                OCTETS,
                MAX_TRANSACTIONS_BYTES,
            )
            .await?;
        Ok(wire::read_frames(body, limit)?)
    }

    /// Announces transactions; returns what the peer wants.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn announce(&self, wtxids: &[Wtxid]) -> Result<inventory::Wanted, ClientError> {
        let transactions = wtxids
            .iter()
            .map(|id| HashHex::from_internal(id.to_bytes()));
        let news = Announcement {
            transactions: transactions.collect(),
        };
        let wanted: Wanted = self.ask("announce", &news).await?;
        Ok(inventory::Wanted {
            send: from_hex(&wanted.send),
            retry: from_hex(&wanted.retry),
        })
    }

    /// Posts transactions that the peer wants; returns those to announce again, and parents of
    /// them that it wants.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn send_transactions(
        &self,
        raws: &[Bytes],
    ) -> Result<HeardTransactions, ClientError> {
        let wanted: Wanted = self.post_frames("push/transactions", raws).await?;
        let parents = wanted.parents.iter();
        Ok(HeardTransactions {
            again: from_hex(&wanted.retry),
            parents: parents
                .map(|it| Txid::from_bytes(it.to_internal()))
                .collect(),
        })
    }

    /// Posts a compact block.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn compact(&self, body: Bytes) -> Result<CompactAnswer, ClientError> {
        let request = self.post_bytes("compact", OCTETS, body);
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    /// Posts the transactions that a compact block lacked.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn fill(
        &self,
        hash: BlockHash,
        raws: &[Bytes],
    ) -> Result<CompactAnswer, ClientError> {
        self.post_frames(&format!("compact/{hash}/fill"), raws)
            .await
    }

    /// Posts a whole block that the peer needs.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn whole(&self, hash: BlockHash, raw: Bytes) -> Result<CompactAnswer, ClientError> {
        let request = self.post_bytes(&format!("compact/{hash}/whole"), OCTETS, raw);
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    /// Posts messages of agreement; returns how many the peer could read.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn messages(&self, messages: &[Bytes]) -> Result<u32, ClientError> {
        let answer: MessagesTaken = self.post_frames("messages", messages).await?;
        Ok(answer.taken)
    }

    /// Asks for transactions of a block by their ranks under the nonce of a compact block.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn block_transactions(
        &self,
        hash: BlockHash,
        nonce: u64,
        ranks: &[u32],
    ) -> Result<Vec<Bytes>, ClientError> {
        let request = BlockTransactionsRequest {
            nonce: nonce.into(),
            ranks: ranks.to_vec(),
        };
        let route = format!("blocks/{hash}/transactions");
        let body = self
            .send(self.post(&route, &request)?, OCTETS, MAX_TRANSACTIONS_BYTES)
            .await?;
        Ok(wire::read_frames(body, ranks.len())?)
    }

    /// Posts headers of this node's chain.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn post_headers(&self, headers: &[(Header, Bytes)]) -> Result<Posted, ClientError> {
        let mut body = Vec::new();
        for (header, proof) in headers {
            wire::write_header(&mut body, header, proof);
        }
        let request = self.post_bytes("push/headers", OCTETS, body.into());
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    /// Posts blocks that the peer asked for.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn post_blocks(&self, raws: &[Bytes]) -> Result<Posted, ClientError> {
        self.post_frames("push/blocks", raws).await
    }

    /// Tells addresses and asks for some.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn addresses(&self, ours: &[String]) -> Result<Vec<String>, ClientError> {
        let urls = ours.to_vec();
        let theirs: Addresses = self.ask("addresses", &Addresses { urls }).await?;
        if theirs.urls.len() > MAX_ADDRESSES {
            return Err(ClientError::TooLong);
        }
        Ok(theirs.urls)
    }

    /// Opens the peer's stream of announcements.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn listen(&self) -> Result<NewsStream, ClientError> {
        let mut question = self.question(&Method::GET, "stream", "", Bytes::new());
        question.request = question.request.timeout(LISTENING_TIME);
        let body = self.answer(question, OCTETS).await?;
        Ok(NewsStream::new(body, Arc::clone(&self.traffic)))
    }
}

fn from_hex(ids: &[HashHex]) -> Vec<Wtxid> {
    ids.iter()
        .map(|it| Wtxid::from_bytes(it.to_internal()))
        .collect()
}
