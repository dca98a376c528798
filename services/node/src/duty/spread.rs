//! Messages between nodes about agreement: the engine's own, and evidence.
//!
//! The first byte of a message says what it is: 1, bytes of the engine; 2, evidence: the first
//! statement after its length in 4 bytes little-endian, then the second to the end.

use std::sync::Arc;

use bytes::Bytes;
use synod_gossip::PeerTable;
use synod_seal::Evidence;
use synod_service::Shutdown;
use tokio::sync::mpsc;

use crate::port::ChainPort;

const KIND_ENGINE: u8 = 1;
const KIND_EVIDENCE: u8 = 2;

/// Something for peers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Outgoing {
    /// To one.
    Send {
        /// By its number.
        to: u64,
        /// What.
        message: Bytes,
    },
    /// To all.
    Broadcast(Bytes),
    /// One has sent what no honest peer sends.
    Punish(u64),
}

/// A message of a peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// For the engine.
    Engine(Bytes),
    /// Evidence, not checked yet.
    Evidence(Box<Evidence>),
}

pub(crate) fn encode_engine(bytes: &[u8]) -> Bytes {
    [&[KIND_ENGINE], bytes].concat().into()
}

pub(crate) fn encode_evidence(evidence: &Evidence) -> Bytes {
    let (first, second) = (evidence.first.encode(), evidence.second.encode());
    let length = u32::try_from(first.len()).unwrap_or(u32::MAX);
    [&[KIND_EVIDENCE], &length.to_le_bytes()[..], &first, &second]
        .concat()
        .into()
}

/// Reads a message; `None` for one that is none.
#[must_use]
pub fn decode_message(message: &Bytes) -> Option<Incoming> {
    let (kind, body) = message.split_first()?;
    match *kind {
        KIND_ENGINE => Some(Incoming::Engine(message.slice(1..))),
        KIND_EVIDENCE => {
            let (length, rest) = body.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (first, second) = rest.split_at_checked(length)?;
            let evidence = Evidence::decode(first, second).ok()?;
            Some(Incoming::Evidence(Box::new(evidence)))
        }
        _ => None,
    }
}

/// Hands messages to gossip until the service stops.
pub(crate) async fn spread(
    mut outgoing: mpsc::Receiver<Outgoing>,
    peers: Arc<PeerTable<ChainPort>>,
    shutdown: Shutdown,
) {
    loop {
        let next = tokio::select! {
            () = shutdown.stopping() => return,
            next = outgoing.recv() => next,
        };
        let Some(it) = next else { return };
        match it {
            Outgoing::Send { to, message } => peers.send_message(to, &message),
            Outgoing::Broadcast(message) => peers.announce_message(&message),
            Outgoing::Punish(peer) => peers.punish(peer),
        }
    }
}
