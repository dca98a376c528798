//! Members whose answers somebody alters on their way to the node that asked: who used them would
//! take in new blocks, ask a stranger, or take a peer for greeted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_chainspec::ChainSpec;
use synod_gossip::member::{Asked, Signed};
use synod_gossip::wire::{write_frame, write_header};
use synod_gossip::{MemberId, MemberKey, Members};
use synod_node::member::own_key;
use synod_primitives::Block;

use crate::client::{JSON, OCTETS};
use crate::hostile::{Hostile, LED_TO};
use crate::hosts::{Answer, Hosts, Request, greeting, plain};

/// What is altered of each host's answers: a greeting of the first ones, later ones are greeted.
const ALTERED: [&str; LED_TO] = [
    "handshake",
    "handshake",
    "handshake",
    "addresses",
    "addresses",
    "headers",
    "headers",
    "headers",
];
/// How many of them are never greeted.
const UNHEARD: usize = 3;
/// The secret of the first host's key; the next ones follow.
const FIRST_SEED: u8 = 10;

/// What happens to an answer.
#[derive(Clone, Copy)]
enum Fate {
    Whole,
    Unsigned,
    /// One bit of the body is another.
    Altered,
    /// Another member signs it.
    ByAnother,
    /// It was signed as the answer to another request.
    ForAnother,
    /// Its end is missing.
    CutOff,
}

/// The fates of answers that are altered, in turn.
const FATES: [Fate; 5] = [
    Fate::Unsigned,
    Fate::Altered,
    Fate::ByAnother,
    Fate::ForAnother,
    Fate::CutOff,
];

/// Members, what they would tell, and how much of it was altered.
struct Between {
    hosts: Vec<Arc<Members>>,
    headers: Vec<u8>,
    /// The blocks by their hashes.
    bodies: BTreeMap<String, Bytes>,
    /// Where altered addresses lead.
    elsewhere: String,
    altered: Arc<AtomicUsize>,
}

/// The row, for the node of a data directory that lacks the blocks.
pub(crate) fn row(data: &Path, blocks: &[Block]) -> Result<Hostile> {
    let keys = (0..LED_TO).map(key).collect::<Result<Vec<_>>>()?;
    let ids = keys.iter().map(MemberKey::id);
    let known: BTreeSet<MemberId> = ids.chain([own_key(data)?.id()]).collect();
    let arguments = known
        .iter()
        .flat_map(|it| ["--member".to_owned(), it.to_string()])
        .collect();
    let chain = ChainSpec::preset("regtest").context("regtest")?.chain_id();
    let member = |key: &MemberKey| {
        let run = NodeIdHex::from_bytes([7; 16]);
        Members::new(key.clone(), chain.0, run, known.clone()).map(Arc::new)
    };
    let (mut headers, mut bodies) = (Vec::new(), BTreeMap::new());
    for block in blocks {
        write_header(&mut headers, block.header(), &[]);
        bodies.insert(block.hash().to_string(), block.raw().clone());
    }
    let trap = Hosts::start(1, "member", Box::new(plain))?;
    let altered = Arc::new(AtomicUsize::new(0));
    let between = Between {
        hosts: keys.iter().map(member).collect::<Result<_, _>>()?,
        headers,
        bodies,
        elsewhere: trap.urls[0].clone(),
        altered: Arc::clone(&altered),
    };
    let answer = move |request: &Request| {
        let refusal = || Answer::whole("401 Unauthorized", "", &[]);
        between.answer(request).unwrap_or_else(refusal)
    };
    let what = "P23 members: answers altered on their way";
    Ok(Hostile::on_all_routes(what, "handshake", answer)
        .counted_by(&altered)
        .with_arguments(arguments)
        .never_at(&trap)
        .unheard(UNHEARD))
}

fn key(host: usize) -> Result<MemberKey> {
    let seed = FIRST_SEED + u8::try_from(host)?;
    MemberKey::from_secret([seed; 32]).context("a key")
}

impl Between {
    /// Answers as a member, and alters what is to be altered; `None` to whom no member answers.
    fn answer(&self, request: &Request) -> Option<Answer> {
        let members = &self.hosts[request.host];
        if let Some(query) = request.route.strip_prefix("member?") {
            return hello(members, query);
        }
        let signed = check(members, request)?;
        let (kind, body) = self.body(request);
        let is_altered = request.route == ALTERED[request.host];
        let fate = match is_altered {
            true => FATES[request.number % FATES.len()],
            false => Fate::Whole,
        };
        let another = &self.hosts[(request.host + 1) % LED_TO];
        let bytes = seal(members, another, &signed, &body, fate);
        if is_altered {
            self.altered.fetch_add(1, Ordering::Relaxed);
        }
        Some(match request.route.as_str() {
            "stream" => Answer::opened(&bytes),
            _ => Answer::whole("200 OK", &format!("content-type: {kind}\r\n"), &bytes),
        })
    }

    /// Returns what a member with other blocks would tell, and its kind.
    fn body(&self, request: &Request) -> (&'static str, Vec<u8>) {
        let json = |value: Value| (JSON, value.to_string().into_bytes());
        match request.route.as_str() {
            "handshake" => json(greeting(request)),
            "addresses" if ALTERED[request.host] == "addresses" => {
                json(json!({ "urls": [self.elsewhere] }))
            }
            "addresses" => json(json!({ "urls": [] })),
            "announce" => json(json!({ "send": [], "retry": [] })),
            "headers" => (OCTETS, self.headers.clone()),
            "blocks" => (OCTETS, self.blocks(&request.body)),
            // Kind 0, an empty frame: the stream is open.
            "stream" => (OCTETS, vec![0; 5]),
            _ => (OCTETS, Vec::new()),
        }
    }

    /// Returns the blocks that a request names.
    fn blocks(&self, request: &[u8]) -> Vec<u8> {
        let asked: Value = serde_json::from_slice(request).unwrap_or_default();
        let hashes = asked["hashes"].as_array().into_iter().flatten();
        let known = hashes.filter_map(|it| self.bodies.get(it.as_str()?));
        let mut frames = Vec::new();
        known.for_each(|it| write_frame(&mut frames, it));
        frames
    }
}

/// Says truly who a member is.
fn hello(members: &Members, query: &str) -> Option<Answer> {
    let value = |name: &str| query.split('&').find_map(|it| it.strip_prefix(name));
    let from = HashHex::parse(value("from=")?).ok()?;
    let nonce = value("nonce=")?.parse().ok()?;
    let hello = members.hello(from, nonce).ok()?;
    Some(Answer::json(&serde_json::to_value(hello).ok()?))
}

fn check(members: &Members, request: &Request) -> Option<Signed> {
    let asked = Asked {
        method: &request.method,
        target: &format!("/p2p/v1/{}", request.route),
        session: request.header("x-synod-session"),
        kind: request.header("content-type"),
        body: &request.body,
    };
    let header = request.header("x-synod-member");
    members.check(Some(header), &asked).ok()
}

/// Signs an answer as it is to arrive.
fn seal(
    members: &Arc<Members>,
    another: &Arc<Members>,
    signed: &Signed,
    body: &[u8],
    fate: Fate,
) -> Vec<u8> {
    let (by, answered) = match fate {
        Fate::Unsigned => return body.to_vec(),
        Fate::ByAnother => (another, *signed),
        Fate::ForAnother => {
            let digest = [0; 32];
            (members, Signed { digest, ..*signed })
        }
        Fate::Whole | Fate::Altered | Fate::CutOff => (members, *signed),
    };
    let mut sealer = by.seal_answer(&answered);
    let mut bytes = sealer.seal(body).to_vec();
    match fate {
        // The first byte after the length.
        Fate::Altered => bytes[4] ^= 1,
        Fate::CutOff => return bytes,
        _ => {}
    }
    bytes.extend_from_slice(&sealer.end());
    bytes
}
