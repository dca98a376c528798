//! A permissioned network: members sign what they say, and nobody else is spoken to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use synod_api::hex::NodeIdHex;
use synod_api::p2p::{MEMBER_HEADER, MemberHello, SESSION_HEADER};
use synod_gossip::Members;
use synod_gossip::member::{Asked, Link};
use synod_node::member::own_key;
use tempfile::TempDir;

use crate::kit::{Starter, TestNode, UNREACHABLE, serve, start, start_with_peers, until, until_at};

/// Data directories with a key each, and the list of the keys.
fn keys(count: usize) -> (Vec<TempDir>, Vec<String>) {
    let folders: Vec<TempDir> = (0..count)
        .map(|_| tempfile::tempdir().expect("a directory"))
        .collect();
    let id = |it: &TempDir| own_key(it.path()).expect("a key").id().to_string();
    let list = folders.iter().map(id).collect();
    (folders, list)
}

async fn member(data: TempDir, list: &[String], peers: &[&str]) -> TestNode {
    member_at(None, data, list, peers).await
}

async fn member_at(
    announce: Option<String>,
    data: TempDir,
    list: &[String],
    peers: &[&str],
) -> TestNode {
    let starter = Starter {
        announce,
        peer: peers.iter().map(|it| (*it).to_owned()).collect(),
        member: list.to_vec(),
        data: Some(data),
        ..Starter::default()
    };
    starter.start().await
}

/// A member's side of a conversation, by hand.
struct Hand {
    members: Arc<Members>,
    link: Link,
    http: reqwest::Client,
    url: String,
}

impl Hand {
    /// Becomes the member whose key lies in a data directory.
    async fn of(data: &TempDir, list: &[String], node: &TestNode) -> Self {
        let key = own_key(data.path()).expect("a key");
        let known = list.iter().map(|it| it.parse().expect("a key")).collect();
        let chain = node.client.chain().await.expect("the chain").chain_id;
        let run = NodeIdHex::from_bytes([7; 16]);
        let members = Members::new(key, chain.to_bytes(), run, known).expect("a member");
        let nonce = members.nonce();
        let url = format!(
            "{}/p2p/v1/member?from={}&nonce={nonce}",
            node.url,
            members.id()
        );
        let hello = node.http.get(url).send().await.expect("an answer");
        let hello: MemberHello = hello.json().await.expect("a hello");
        let link = members.meet(&hello, nonce).expect("a member");
        Self {
            members: Arc::new(members),
            link,
            http: node.http.clone(),
            url: node.url.clone(),
        }
    }

    fn sign(&self, route: &str, session: &str, body: &str) -> String {
        let asked = Asked {
            method: "POST",
            target: &format!("/p2p/v1/{route}"),
            session,
            kind: "application/json",
            body: body.as_bytes(),
        };
        self.members.sign(&self.link, &asked).0
    }

    /// Posts with a header; returns the status and what stands in the answer's first piece.
    async fn post(
        &self,
        route: &str,
        session: &str,
        body: &str,
        header: Option<&str>,
    ) -> (u16, Value) {
        let mut request = self
            .http
            .post(format!("{}/p2p/v1/{route}", self.url))
            .header("content-type", "application/json");
        if !session.is_empty() {
            request = request.header(SESSION_HEADER, session);
        }
        if let Some(header) = header {
            request = request.header(MEMBER_HEADER, header);
        }
        let answer = request.body(body.to_owned()).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.expect("a body");
        let json = if status == 200 {
            let length = u32::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize;
            bytes.slice(4..4 + length)
        } else {
            bytes
        };
        (status, serde_json::from_slice(&json).expect("json"))
    }

    async fn greeting(&self, node: &TestNode) -> String {
        let chain = node.client.chain().await.expect("the chain");
        json!({
            "protocol_version": synod_api::p2p::PROTOCOL_VERSION,
            "chain_id": chain.chain_id,
            "network": "regtest",
            "agent": "hand/1",
            "node_id": "ab".repeat(16),
            "height": 0,
            "best_block_hash": crate::kit::genesis(),
            "chainwork": format!("{:064x}", 2),
            "time": 1_700_000_000_u64,
        })
        .to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_follow_one_another_and_are_named() {
    let (mut folders, list) = keys(2);
    let two = folders.pop().expect("two");
    let one = member(folders.pop().expect("one"), &list, &[]).await;
    one.mine(120).await;
    let two = member(two, &list, &[&one.url]).await;
    until_at(&two, one.tip().await).await;
    one.mine(2).await;
    until_at(&two, one.tip().await).await;
    two.mine(2).await;
    until_at(&one, two.tip().await).await;
    for (node, other) in [(&one, &list[1]), (&two, &list[0])] {
        let peers = node.peers().await;
        let named = peers.iter().any(|it| it["member"] == other.as_str());
        assert!(named, "{peers:?}");
    }
    let metrics = one.metrics().await;
    let refused = metrics
        .lines()
        .filter(|it| it.starts_with("synod_members_refused_total") && !it.ends_with(" 0"));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&str>::new());
    two.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_restarts_is_met_again() {
    let (mut folders, list) = keys(2);
    let two = folders.pop().expect("two");
    let one = member(folders.pop().expect("one"), &list, &[]).await;
    one.mine(3).await;
    let first = member(two, &list, &[&one.url]).await;
    until_at(&first, one.tip().await).await;
    let two = first.stop().await;
    one.mine(3).await;
    let second = member(two, &list, &[&one.url]).await;
    until_at(&second, one.tip().await).await;
    second.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_who_is_no_member_is_spoken_to_by_none() {
    let (mut folders, list) = keys(2);
    let node = member(folders.pop().expect("one"), &list, &[]).await;
    node.mine(3).await;
    // One that does not sign.
    let open = start_with_peers(&[&node.url]).await;
    let why = async || open.peers().await[0]["last_error"].clone();
    until(async || why().await.is_string()).await;
    let why = why().await.to_string();
    assert!(why.contains("member-signature-missing"), "{why}");
    assert_eq!(open.tip().await.0, 0);
    open.stop().await;
    // One that is not on the list.
    let (mut others, _) = keys(1);
    let stranger = others.pop().expect("a stranger");
    let own = own_key(stranger.path()).expect("a key").id().to_string();
    let longer = [&list[..], &[own]].concat();
    let stranger = member(stranger, &longer, &[&node.url]).await;
    let why = async || stranger.peers().await[0]["last_error"].clone();
    until(async || why().await.is_string()).await;
    let why = why().await.to_string();
    assert!(why.contains("member-unknown"), "{why}");
    stranger.stop().await;
    assert_eq!(node.peers().await.len(), 0);
    // A member asks nobody who does not sign.
    let open = start().await;
    open.mine(5).await;
    let alone = member(folders.pop().expect("two"), &list, &[&open.url]).await;
    let why = async || alone.peers().await[0]["last_error"].clone();
    until(async || why().await.is_string()).await;
    assert!(why().await.to_string().contains("404"));
    assert_eq!(alone.tip().await.0, 0);
    assert_eq!(open.peers().await.len(), 0, "not even greeted");
    alone.stop().await;
    open.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_replayed_reordered_and_foreign_requests_have_their_codes_and_are_counted() {
    let (mut folders, list) = keys(3);
    let node = member(folders.remove(0), &list, &[]).await;
    let hand = Hand::of(&folders[0], &list, &node).await;
    let greeting = hand.greeting(&node).await;
    let code = |(status, body): (u16, Value)| (status, body["code"].as_str().map(str::to_owned));
    let refused = |status: u16, code: &str| (status, Some(code.to_owned()));

    let bare = hand.post("handshake", "", &greeting, None).await;
    assert_eq!(code(bare), refused(401, "member-signature-missing"));
    let odd = hand.post("handshake", "", &greeting, Some("1 2 3")).await;
    assert_eq!(code(odd), refused(401, "member-signature-malformed"));
    let header = hand.sign("handshake", "", &greeting);
    let other_body = greeting.replace("hand/1", "hand/2");
    let changed = hand.post("handshake", "", &other_body, Some(&header)).await;
    assert_eq!(code(changed), refused(401, "member-signature-invalid"));
    let moved = hand.post("headers", "", &greeting, Some(&header)).await;
    assert_eq!(code(moved), refused(401, "member-signature-invalid"));
    let word = |at: usize, with: &str| {
        let mut words: Vec<&str> = header.split(' ').collect();
        words[at] = with;
        words.join(" ")
    };
    let zeros = "00".repeat(16);
    for (at, with, expected) in [
        (1, "11".repeat(32), refused(401, "member-other-chain")),
        (2, "11".repeat(32), refused(403, "member-unknown")),
        (2, list[2].clone(), refused(401, "member-signature-invalid")),
        (3, list[2].clone(), refused(401, "member-other-receiver")),
        (4, zeros, refused(401, "member-other-run")),
        (5, "9".to_owned(), refused(401, "member-signature-invalid")),
    ] {
        let forged = word(at, &with);
        let answer = hand.post("handshake", "", &greeting, Some(&forged)).await;
        assert_eq!(code(answer), expected, "{forged}");
    }
    assert_eq!(node.peers().await.len(), 0, "none of it was heard");

    // The honest request still passes, once.
    let (status, body) = hand.post("handshake", "", &greeting, Some(&header)).await;
    assert_eq!(status, 200, "{body}");
    let session = body["session"].as_str().expect("a session").to_owned();
    let again = hand.post("handshake", "", &greeting, Some(&header)).await;
    assert_eq!(code(again), refused(401, "member-replayed"));

    // What is told keeps its order within a conversation.
    let news = json!({ "transactions": [] }).to_string();
    let first = hand.sign("announce", &session, &news);
    let second = hand.sign("announce", &session, &news);
    let (status, _) = hand.post("announce", &session, &news, Some(&second)).await;
    assert_eq!(status, 200);
    let late = hand.post("announce", &session, &news, Some(&first)).await;
    assert_eq!(code(late), refused(401, "member-out-of-order"));

    // A session is its member's.
    let other = Hand::of(&folders[1], &list, &node).await;
    let stolen = other.sign("announce", &session, &news);
    let stolen = other.post("announce", &session, &news, Some(&stolen)).await;
    assert_eq!(code(stolen), refused(401, "member-other-session"));

    let metrics = node.metrics().await;
    for (code, count) in [
        ("member-signature-missing", 1),
        ("member-signature-malformed", 1),
        ("member-signature-invalid", 4),
        ("member-other-chain", 1),
        ("member-unknown", 1),
        ("member-other-receiver", 1),
        ("member-other-run", 1),
        ("member-replayed", 1),
        ("member-out-of-order", 1),
        ("member-other-session", 1),
    ] {
        let line = format!("synod_members_refused_total{{code=\"{code}\"}} {count}");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    node.stop().await;
}

/// Somebody between two nodes who changes the answers of one route: the byte at `at`.
async fn meddler(target: &TestNode, route: &'static str, at: usize) -> String {
    let (http, base) = (target.http.clone(), target.url.clone());
    let forward = move |request: Request| {
        let (http, base) = (http.clone(), base.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX)
                .await
                .expect("a body");
            let target = parts.uri.path_and_query().expect("a path").as_str();
            let mut asked = http.request(parts.method, format!("{base}{target}"));
            for (name, value) in &parts.headers {
                if name != "host" && name != "content-length" {
                    asked = asked.header(name, value);
                }
            }
            let answer = asked.body(body).send().await.expect("an answer");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let is_meddled = parts.uri.path().ends_with(route);
            let seen = Arc::new(AtomicUsize::new(0));
            let body = answer.bytes_stream().map(move |chunk| {
                let chunk = chunk.expect("bytes");
                let before = seen.fetch_add(chunk.len(), Ordering::SeqCst);
                let mut bytes = chunk.to_vec();
                if let Some(byte) = at.checked_sub(before).and_then(|it| bytes.get_mut(it))
                    && is_meddled
                {
                    *byte ^= 1;
                }
                Ok::<_, std::convert::Infallible>(Bytes::from(bytes))
            });
            let mut response: Response = Body::from_stream(body).into_response();
            *response.status_mut() = status;
            response
                .headers_mut()
                .insert("content-type", headers["content-type"].clone());
            response
        }
    };
    serve(axum::Router::new().fallback(forward)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_a_meddler_between_members_changes_nothing_unnoticed() {
    for (route, at, passes) in [("/headers", 10, false), ("/stream", 6, true)] {
        let (mut folders, list) = keys(2);
        let two = folders.pop().expect("two");
        // There is no other way between them.
        let hidden = || Some(UNREACHABLE.to_owned());
        let one = member_at(hidden(), folders.pop().expect("one"), &list, &[]).await;
        one.mine(5).await;
        let between = meddler(&one, route, at).await;
        let two = member_at(hidden(), two, &list, &[&between]).await;
        let why = async || {
            let peers = two.peers().await;
            let peer = peers.iter().find(|it| it["is_configured"] == true);
            let why = peer.map(|it| it["last_error"].clone()).unwrap_or_default();
            why.as_str().map(str::to_owned)
        };
        until(async || why().await.is_some()).await;
        let why = why().await.expect("a reason");
        if passes {
            assert!(why.contains("stream ended"), "{route}: {why}");
        } else {
            assert!(why.contains("not signed by the member"), "{route}: {why}");
            assert_eq!(two.tip().await.0, 0, "{route}");
        }
        two.stop().await;
        one.stop().await;
    }
}
