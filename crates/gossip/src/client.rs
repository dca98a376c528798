//! Requests to one peer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use synod_api::HashHex;
use synod_api::p2p::{
    Announcements, BlocksRequest, Handshake, HeadersRequest, MAX_JSON_BYTES, TransactionsRequest,
};
use synod_primitives::{BlockHash, Header, Wtxid};

use crate::url::PeerUrl;
use crate::wire::{self, FrameReader, MAX_FRAME_BYTES, WireError};

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

/// Speaks to one peer.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: Client,
    url: PeerUrl,
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
    pub fn new(http: Client, url: PeerUrl) -> Self {
        Self { http, url }
    }

    /// Shakes hands: says who this node is and learns who the peer is.
    ///
    /// # Errors
    /// The peer does not answer, or refuses, as it does to a node of another chain.
    pub async fn handshake(&self, ours: &Handshake) -> Result<Handshake, ClientError> {
        let body = self
            .send(self.post("handshake").json(ours), MAX_JSON_BYTES)
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
            .send(self.post("headers").json(&request), MAX_HEADERS_BYTES)
            .await?;
        Ok(wire::read_headers(body)?)
    }

    /// Asks for blocks and hands each one on as it arrives; stops when `take` returns false.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn blocks(
        &self,
        hashes: &[BlockHash],
        mut take: impl FnMut(Bytes),
    ) -> Result<(), ClientError> {
        let hashes = hashes
            .iter()
            .map(|hash| HashHex::from_internal(hash.to_bytes()));
        let request = BlocksRequest {
            hashes: hashes.collect(),
        };
        let wanted = request.hashes.len();
        let response = self.answer(self.post("blocks").json(&request)).await?;
        let mut body = response.bytes_stream();
        let mut frames = FrameReader::default();
        let mut taken = 0;
        while let Some(chunk) = body.next().await {
            frames.push(&chunk?);
            while let Some(frame) = frames.next_frame()? {
                taken += 1;
                if taken > wanted {
                    return Err(ClientError::TooLong);
                }
                take(frame);
            }
        }
        Ok(frames.finish()?)
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
                self.post("transactions").json(&request),
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
        self.send(self.post("announce").json(news), MAX_JSON_BYTES)
            .await
            .map(drop)
    }

    fn post(&self, route: &str) -> RequestBuilder {
        self.http.post(format!("{}/p2p/v1/{route}", self.url))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = read_body(response, MAX_JSON_BYTES)
            .await
            .unwrap_or_default();
        Err(refused(status, &body))
    }

    async fn send(&self, request: RequestBuilder, limit: usize) -> Result<Bytes, ClientError> {
        read_body(self.answer(request).await?, limit).await
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

async fn read_body(response: Response, limit: usize) -> Result<Bytes, ClientError> {
    debug_assert!(
        limit <= 4 * MAX_FRAME_BYTES + (1 << 20),
        "answers fit memory"
    );
    let mut stream = response.bytes_stream();
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(ClientError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed(error.to_string()))
}
