//! A node of a permissioned network, and those who are no members or say again what a member said.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use synod_api::HashHex;
use synod_api::hex::NodeIdHex;
use synod_gossip::member::{Asked, Link};
use synod_gossip::{MemberId, MemberKey, Members};
use synod_node::member::own_key;

use crate::client::{Connection, JSON, with};
use crate::measure::{Attack, Reader};
use crate::process::{Node, PORT};
use crate::strangers::greeting;

/// The route that all requests go to.
const ROUTE: &str = "/p2p/v1/handshake";

/// Somebody with a key.
struct Somebody {
    members: Members,
    link: Link,
}

impl Somebody {
    /// Learns of the node what a signature has to name; `known` are the members as it sees them.
    fn meet(node: &Node, seed: u8, known: BTreeSet<MemberId>, link: Option<Link>) -> Result<Self> {
        let mut connection = Connection::open(node.address)?;
        let (_, body) = connection.get("/v1/chain")?;
        let chain: Value = serde_json::from_slice(&body)?;
        let chain = HashHex::parse(chain["chain_id"].as_str().context("a chain id")?)?;
        let run = NodeIdHex::from_bytes([seed; 16]);
        let members = Members::new(key(seed)?, chain.to_bytes(), run, known)?;
        let link = match link {
            Some(link) => link,
            None => {
                let nonce = members.nonce();
                let path = format!("/p2p/v1/member?from={}&nonce={nonce}", members.id());
                let (status, body) = connection.get(&path)?;
                ensure!(
                    status == 200,
                    "{status}: {}",
                    String::from_utf8_lossy(&body)
                );
                members.meet(&serde_json::from_slice(&body)?, nonce)?
            }
        };
        Ok(Self { members, link })
    }

    /// Signs a greeting.
    fn sign(&self, body: &[u8]) -> String {
        let asked = Asked {
            method: "POST",
            target: ROUTE,
            session: "",
            kind: JSON,
            body,
        };
        format!(
            "x-synod-member: {}",
            self.members.sign(&self.link, &asked).0
        )
    }
}

fn key(seed: u8) -> Result<MemberKey> {
    MemberKey::from_secret([seed; 32]).context("a key")
}

/// Runs the rows of requests that are not signed, by a stranger, altered and repeated.
pub(crate) fn run(program: &Path, data: &Path, full_block: &Bytes, rows: &[String]) -> Result<()> {
    let known: BTreeSet<MemberId> = [own_key(data)?.id(), key(1)?.id()].into();
    let list: Vec<String> = known.iter().map(MemberId::to_string).collect();
    let arguments: Vec<&str> = list.iter().flat_map(|it| ["--member", it]).collect();
    let node = Node::start_with(program, data, PORT, &arguments)?;
    let reader = Reader::new(&node, full_block, rows)?;
    let connection = Connection::open(node.address)?;
    let body = greeting(&node)?.to_string();
    let altered = body.replace("load", "lead");
    let bare = connection.request("POST", ROUTE, JSON, body.as_bytes());
    let member = Somebody::meet(&node, 1, known, None)?;
    let theirs = [key(2)?.id(), member.link.to].into();
    let stranger = Somebody::meet(&node, 2, theirs, Some(member.link))?;
    let signed = with(&member.sign(body.as_bytes()), &bare);
    let other = connection.request("POST", ROUTE, JSON, altered.as_bytes());
    let (status, _) = Connection::open(node.address)?.send(&signed)?;
    ensure!(status == 200, "a member was answered {status}");
    for attack in [
        Attack::new("P23 members: nobody signs", vec![bare.clone()])
            .answered(401, "member-signature-missing"),
        Attack::new(
            "P23 members: a stranger signs",
            vec![with(&stranger.sign(body.as_bytes()), &bare)],
        )
        .answered(403, "member-unknown"),
        Attack::new(
            "P23 members: altered after signing",
            vec![with(&member.sign(body.as_bytes()), &other)],
        )
        .answered(401, "member-signature-invalid"),
        Attack::new("P23 members: said again", vec![signed]).answered(401, "member-replayed"),
    ] {
        reader.row(&node, &attack)?;
    }
    node.stop()
}
