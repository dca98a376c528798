//! How requests go to one peer, and answers come back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{MAX_JSON_BYTES, MEMBER_HEADER, MemberHello, SESSION_HEADER};

use crate::answers::{AnswerBody, plain, signed};
use crate::client_error::{ClientError, refused};
use crate::member::{AnswerReader, Asked, Link, MemberId, Members};
use crate::traffic::Traffic;
use crate::url::PeerUrl;
use crate::wire;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may send nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes read of a refusal.
const MAX_PROBLEM_BYTES: usize = 16 << 10;
/// The kind of JSON bodies.
pub(crate) const JSON: &str = "application/json";
/// The kind of binary bodies.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// A request, and how its answer is read.
pub(crate) struct Question {
    pub(crate) request: RequestBuilder,
    reader: Option<AnswerReader>,
}

/// Speaks to one peer.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: Client,
    url: PeerUrl,
    pub(crate) traffic: Arc<Traffic>,
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

    /// Returns the secret by which the peer knows this node.
    #[must_use]
    pub(crate) fn session(&self) -> Option<NodeIdHex> {
        self.session
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

    pub(crate) async fn ask<T: Serialize, A: DeserializeOwned>(
        &self,
        route: &str,
        body: &T,
    ) -> Result<A, ClientError> {
        let request = self.post(route, body)?;
        parse_json(&self.send(request, JSON, MAX_JSON_BYTES).await?)
    }

    pub(crate) async fn post_frames<A: DeserializeOwned>(
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

    pub(crate) fn post<T: Serialize>(
        &self,
        route: &str,
        body: &T,
    ) -> Result<Question, ClientError> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok(self.post_bytes(route, JSON, body.into()))
    }

    pub(crate) fn post_bytes(&self, route: &str, kind: &'static str, body: Bytes) -> Question {
        self.traffic.send(body.len());
        self.question(&Method::POST, route, kind, body)
    }

    /// Names this node by its session, and signs where members do.
    pub(crate) fn question(
        &self,
        method: &Method,
        route: &str,
        kind: &'static str,
        body: Bytes,
    ) -> Question {
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
    pub(crate) async fn answer(
        &self,
        question: Question,
        kind: &str,
    ) -> Result<AnswerBody, ClientError> {
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

    pub(crate) async fn send(
        &self,
        question: Question,
        kind: &str,
        limit: usize,
    ) -> Result<Bytes, ClientError> {
        let body = self.answer(question, kind).await?;
        self.read_body(body, limit).await
    }

    pub(crate) async fn read_body(
        &self,
        mut stream: AnswerBody,
        limit: usize,
    ) -> Result<Bytes, ClientError> {
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

pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Malformed(error.to_string()))
}
