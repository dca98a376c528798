//! Requests to one peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{
    Addresses, Announcement, BlockTransactionsRequest, BlocksRequest, CompactAnswer, Handshake,
    HeadersRequest, MAX_ADDRESSES, MAX_JSON_BYTES, MEMBER_HEADER, MemberHello, MessagesTaken,
    Posted, SESSION_HEADER, TransactionsRequest, Wanted,
};
use synod_primitives::{BlockHash, Header, Txid, Wtxid};

use crate::answers::{AnswerBody, BlockStream, NewsStream, plain, signed};
use crate::client_error::{ClientError, refused};
use crate::hear::HeardTransactions;
use crate::inventory;
use crate::member::{AnswerReader, Asked, Link, MemberId, Members};
use crate::traffic::Traffic;
use crate::url::PeerUrl;
use crate::wire::{self, HeadersPage};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may send nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
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

/// A request, and how its answer is read.
struct Question {
    request: RequestBuilder,
    reader: Option<AnswerReader>,
}

/// Speaks to one peer.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: Client,
    url: PeerUrl,
    traffic: Arc<Traffic>,
    session: Option<NodeIdHex>,
    member: Option<(Arc<Members>, Link)>,
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
            member: None,
        }
    }

    /// Learns which member the peer is; from now on everything is signed, both ways.
    ///
    /// # Errors
    /// The peer does not answer, or is no member.
    pub async fn meet(mut self, members: &Arc<Members>) -> Result<Self, ClientError> {
        let nonce = members.nonce();
        let url = format!(
            "{}/p2p/v1/member?from={}&nonce={nonce}",
            self.url,
            members.id()
        );
        let question = Question {
            request: self.http.get(url),
            reader: None,
        };
        let hello: MemberHello = parse_json(&self.send(question, JSON, MAX_JSON_BYTES).await?)?;
        let link = members.meet(&hello, nonce)?;
        self.member = Some((Arc::clone(members), link));
        Ok(self)
    }

    /// Names this node to the peer by a secret from its greeting.
    #[must_use]
    pub fn with_session(mut self, session: NodeIdHex) -> Self {
        self.session = Some(session);
        self
    }

    /// Returns which member the peer is, once it was met.
    #[must_use]
    pub fn member(&self) -> Option<MemberId> {
        self.member.as_ref().map(|(_, link)| link.to)
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
        let mut question = self.question(&Method::GET, "stream", "", Bytes::new());
        question.request = question.request.timeout(LISTENING_TIME);
        let body = self.answer(question, OCTETS).await?;
        Ok(NewsStream::new(body, Arc::clone(&self.traffic)))
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

    fn post<T: Serialize>(&self, route: &str, body: &T) -> Result<Question, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok(self.post_bytes(route, JSON, body.into()))
    }

    fn post_bytes(&self, route: &str, kind: &'static str, body: Bytes) -> Question {
        self.traffic.send(body.len());
        self.question(&Method::POST, route, kind, body)
    }

    /// Names this node by its session, and signs where members do.
    fn question(&self, method: &Method, route: &str, kind: &'static str, body: Bytes) -> Question {
        let target = format!("/p2p/v1/{route}");
        let session = self.session.map(|it| it.to_string()).unwrap_or_default();
        let url = format!("{}{target}", self.url);
        let mut request = self.http.request(method.clone(), url);
        let mut reader = None;
        if let Some((members, link)) = &self.member {
            let asked = Asked {
                method: method.as_str(),
                target: &target,
                session: &session,
                kind,
                body: &body,
            };
            let (header, digest) = members.sign(link, &asked);
            request = request.header(MEMBER_HEADER, header);
            reader = Some(members.read_answer(link, digest));
        }
        if !session.is_empty() {
            request = request.header(SESSION_HEADER, session);
        }
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        Question { request, reader }
    }

    /// Security: an answer of another kind than asked for is not read at all.
    async fn answer(&self, question: Question, kind: &str) -> Result<AnswerBody, ClientError> {
        let response = question.request.send().await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = self
                .read_body(plain(response), MAX_PROBLEM_BYTES)
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
        Ok(match question.reader {
            Some(reader) => signed(plain(response), reader),
            None => plain(response),
        })
    }

    async fn send(
        &self,
        question: Question,
        kind: &str,
        limit: usize,
    ) -> Result<Bytes, ClientError> {
        let body = self.answer(question, kind).await?;
        self.read_body(body, limit).await
    }

    async fn read_body(&self, mut stream: AnswerBody, limit: usize) -> Result<Bytes, ClientError> {
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

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed(error.to_string()))
}

fn from_hex(ids: &[HashHex]) -> Vec<Wtxid> {
    ids.iter()
        .map(|it| Wtxid::from_bytes(it.to_internal()))
        .collect()
}
