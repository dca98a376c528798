//! Requests to one peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{
    Addresses, Announcement, BlockTransactionsRequest, BlocksRequest, CompactAnswer, Handshake,
    HeadersRequest, MAX_ADDRESSES, MAX_JSON_BYTES, Posted, SESSION_HEADER, TransactionsRequest,
    Wanted,
};
use synod_primitives::{BlockHash, Header, Wtxid};

use crate::inventory;
use crate::url::PeerUrl;
use crate::wire::{self, FrameReader, News, NewsReader, WireError};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may send nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of an answer with headers.
const MAX_HEADERS_BYTES: usize = wire::MAX_HEADERS * (Header::SIZE + 4) + (1 << 20);
/// The most bytes of an answer with transactions.
const MAX_TRANSACTIONS_BYTES: usize = 16 << 20;
/// How long a stream of announcements is read before it is opened anew.
const LISTENING_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The most bytes read of a refusal.
const MAX_PROBLEM_BYTES: usize = 16 << 10;
/// The kind of JSON bodies.
const JSON: &str = "application/json";
/// The kind of binary bodies.
const OCTETS: &str = "application/octet-stream";

/// A request that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The peer cannot be reached, or is too slow.
    #[error("the peer does not answer: {0}")]
    Unreachable(String),
    /// The peer refuses.
    #[error("the peer answered {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        detail: String,
    },
    /// The answer is longer than its limit.
    #[error("the peer's answer is past its limit")]
    TooLong,
    /// The answer is not what was asked for.
    #[error("the peer's answer makes no sense: {0}")]
    Malformed(String),
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url().to_string())
    }
}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// Bytes of bodies exchanged with a peer.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// Counts bytes that came in.
    pub fn receive(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes that went out.
    pub fn send(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the bytes that came in.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Returns the bytes that went out.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A peer's stream of announcements.
pub struct NewsStream {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    messages: NewsReader,
    traffic: Arc<Traffic>,
}

impl NewsStream {
    /// Waits for the next message; `None` at the end.
    ///
    /// # Errors
    /// The stream breaks off, is silent for too long, or makes no sense.
    pub async fn next(&mut self) -> Result<Option<News>, ClientError> {
        loop {
            if let Some(message) = self.messages.next_message()? {
                return Ok(Some(message));
            }
            let Some(chunk) = self.body.next().await else {
                return Ok(None);
            };
            let chunk = chunk?;
            self.traffic.receive(chunk.len());
            self.messages.push(&chunk);
        }
    }
}

/// Speaks to one peer.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: Client,
    url: PeerUrl,
    traffic: Arc<Traffic>,
    session: Option<NodeIdHex>,
}

/// What came of a stream of blocks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockStep {
    /// So many bytes of a block that is not whole yet.
    Bytes(usize),
    /// A whole block.
    Block(Bytes),
}

/// Blocks as they arrive.
pub struct BlockStream {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    frames: FrameReader,
    left: usize,
    traffic: Arc<Traffic>,
}

impl BlockStream {
    /// Waits for the next bytes; `None` at the end.
    ///
    /// # Errors
    /// The answer breaks off, is too slow, or holds more than was asked for.
    pub async fn next(&mut self) -> Result<Option<BlockStep>, ClientError> {
        if let Some(frame) = self.frames.next_frame()? {
            if self.left == 0 {
                return Err(ClientError::TooLong);
            }
            self.left -= 1;
            return Ok(Some(BlockStep::Block(frame)));
        }
        match self.body.next().await {
            Some(chunk) => {
                let chunk = chunk?;
                self.traffic.receive(chunk.len());
                self.frames.push(&chunk);
                Ok(Some(BlockStep::Bytes(chunk.len())))
            }
            None => {
                self.frames.finish()?;
                Ok(None)
            }
        }
    }
}

impl PeerClient {
    /// Makes an HTTP client for one peer; a host that is a name is always the address that it
    /// was looked up as.
    ///
    /// Security: redirects are not followed; a peer must not send a node elsewhere (P18).
    ///
    /// # Panics
    /// When the system's resolver cannot be set up.
    #[must_use]
    pub fn http(pinned: Option<(String, SocketAddr)>) -> Client {
        let mut builder = Client::builder();
        if let Some((host, address)) = pinned {
            builder = builder.resolve(&host, address);
        }
        builder
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(STALL_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .expect("a client without TLS has nothing to load")
    }

    /// Speaks to the peer at `url`.
    #[must_use]
    pub fn new(http: Client, url: PeerUrl, traffic: Arc<Traffic>) -> Self {
        Self {
            http,
            url,
            traffic,
            session: None,
        }
    }

    /// Names this node to the peer by a secret from its greeting.
    #[must_use]
    pub fn with_session(mut self, session: NodeIdHex) -> Self {
        self.session = Some(session);
        self
    }

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
    pub async fn headers(
        &self,
        locator: &[BlockHash],
    ) -> Result<Vec<(Header, Bytes)>, ClientError> {
        let locator = locator
            .iter()
            .map(|hash| HashHex::from_internal(hash.to_bytes()));
        let request = HeadersRequest {
            locator: locator.collect(),
            stop: None,
        };
        let body = self
            .send(self.post("headers", &request)?, OCTETS, MAX_HEADERS_BYTES)
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
        let response = self.answer(self.post("blocks", &request)?, OCTETS).await?;
        Ok(BlockStream {
            body: response.bytes_stream().boxed(),
            frames: FrameReader::default(),
            left,
            traffic: Arc::clone(&self.traffic),
        })
    }

    /// Asks for transactions of the peer's mempool.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn transactions(&self, wtxids: &[Wtxid]) -> Result<Vec<Bytes>, ClientError> {
        let wtxids = wtxids
            .iter()
            .map(|id| HashHex::from_internal(id.to_bytes()));
        let request = TransactionsRequest {
            wtxids: wtxids.collect(),
        };
        let limit = request.wtxids.len();
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

    /// Posts transactions that the peer wants; returns those to announce again.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn send_transactions(&self, raws: &[Bytes]) -> Result<Vec<Wtxid>, ClientError> {
        let wanted: Wanted = self.post_frames("push/transactions", raws).await?;
        Ok(from_hex(&wanted.retry))
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

    /// Asks for transactions of a block by their places.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn block_transactions(
        &self,
        hash: BlockHash,
        places: &[u32],
    ) -> Result<Vec<Bytes>, ClientError> {
        let request = BlockTransactionsRequest {
            places: places.to_vec(),
        };
        let route = format!("blocks/{hash}/transactions");
        let body = self
            .send(self.post(&route, &request)?, OCTETS, MAX_TRANSACTIONS_BYTES)
            .await?;
        Ok(wire::read_frames(body, places.len())?)
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
        let request = self.http.get(format!("{}/p2p/v1/stream", self.url));
        let request = self.named(request).timeout(LISTENING_TIME);
        let response = self.answer(request, OCTETS).await?;
        Ok(NewsStream {
            body: response.bytes_stream().boxed(),
            messages: NewsReader::default(),
            traffic: Arc::clone(&self.traffic),
        })
    }

    async fn ask<T: Serialize, A: DeserializeOwned>(
        &self,
        route: &str,
        body: &T,
    ) -> Result<A, ClientError> {
        let request = self.post(route, body)?;
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    async fn post_frames<A: DeserializeOwned>(
        &self,
        route: &str,
        items: &[Bytes],
    ) -> Result<A, ClientError> {
        let mut body = Vec::with_capacity(items.iter().map(|it| it.len() + 4).sum());
        for item in items {
            wire::write_frame(&mut body, item);
        }
        let request = self.post_bytes(route, OCTETS, body.into());
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    fn post<T: Serialize>(&self, route: &str, body: &T) -> Result<RequestBuilder, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok(self.post_bytes(route, JSON, body.into()))
    }

    fn post_bytes(&self, route: &str, kind: &'static str, body: Bytes) -> RequestBuilder {
        self.traffic.send(body.len());
        let request = self.http.post(format!("{}/p2p/v1/{route}", self.url));
        self.named(request).header(CONTENT_TYPE, kind).body(body)
    }

    fn named(&self, request: RequestBuilder) -> RequestBuilder {
        match self.session {
            Some(session) => request.header(SESSION_HEADER, session.to_string()),
            None => request,
        }
    }

    /// Security: an answer of another kind than asked for is not read at all.
    async fn answer(&self, request: RequestBuilder, kind: &str) -> Result<Response, ClientError> {
        let response = request.send().await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = self
                .read_body(response, MAX_PROBLEM_BYTES)
                .await
                .unwrap_or_default();
            return Err(refused(status, &body));
        }
        let found = response.headers().get(CONTENT_TYPE);
        let found = found.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let essence = found.split(';').next().unwrap_or_default().trim();
        if essence != kind {
            return Err(ClientError::Malformed(format!("it is not {kind}")));
        }
        Ok(response)
    }

    async fn send(
        &self,
        request: RequestBuilder,
        kind: &str,
        limit: usize,
    ) -> Result<Bytes, ClientError> {
        let response = self.answer(request, kind).await?;
        self.read_body(response, limit).await
    }

    async fn read_body(&self, response: Response, limit: usize) -> Result<Bytes, ClientError> {
        let mut stream = response.bytes_stream();
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk?;
            self.traffic.receive(chunk.len());
            if body.len() + chunk.len() > limit {
                return Err(ClientError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// The most characters kept of what a peer says when it refuses.
const MAX_DETAIL: usize = 200;

fn refused(status: StatusCode, body: &[u8]) -> ClientError {
    let problem: Option<synod_api::Problem> = serde_json::from_slice(body).ok();
    let text = problem.map_or_else(String::new, |it| format!("{}: {}", it.code, it.detail));
    let detail = text
        .chars()
        .filter(|it| !it.is_control())
        .take(MAX_DETAIL)
        .collect();
    ClientError::Refused {
        status: status.as_u16(),
        detail,
    }
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed(error.to_string()))
}

fn from_hex(ids: &[HashHex]) -> Vec<Wtxid> {
    ids.iter()
        .map(|it| Wtxid::from_bytes(it.to_internal()))
        .collect()
}
