//! Requests to one peer.

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
use synod_api::p2p::{
    Announcements, BlocksRequest, Handshake, HeadersRequest, MAX_JSON_BYTES, TransactionsRequest,
};
use synod_primitives::{BlockHash, Header, Wtxid};

use crate::url::PeerUrl;
use crate::wire::{self, FrameReader, WireError};

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
/// The most bytes read of a refusal.
const MAX_PROBLEM_BYTES: usize = 16 << 10;
/// The kind of JSON bodies.
const JSON: &str = "application/json";
/// The kind of an answer whose body says nothing.
const NOTHING: &str = "";
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

/// Speaks to one peer.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: Client,
    url: PeerUrl,
    traffic: Arc<Traffic>,
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
    /// Makes the HTTP client that all peers share.
    ///
    /// Security: redirects are not followed; a peer must not send a node elsewhere (P18).
    ///
    /// # Panics
    /// When the system's resolver cannot be set up.
    #[must_use]
    pub fn http() -> Client {
        Client::builder()
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
        Self { http, url, traffic }
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

    /// Announces blocks and transactions.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn announce(&self, news: &Announcements) -> Result<(), ClientError> {
        self.send(self.post("announce", news)?, NOTHING, MAX_JSON_BYTES)
            .await
            .map(drop)
    }

    fn post<T: Serialize>(&self, route: &str, body: &T) -> Result<RequestBuilder, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok(self.post_bytes(route, JSON, body.into()))
    }

    fn post_bytes(&self, route: &str, kind: &'static str, body: Bytes) -> RequestBuilder {
        self.traffic.send(body.len());
        self.http
            .post(format!("{}/p2p/v1/{route}", self.url))
            .header(CONTENT_TYPE, kind)
            .body(body)
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
        if kind != NOTHING && essence != kind {
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
