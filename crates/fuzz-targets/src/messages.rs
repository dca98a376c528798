//! What peers and clients send: lists of headers and frames, JSON bodies.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use synod_api::{Problem, miner, node, p2p, validator, wallet};
use synod_gossip::wire::{self, FrameReader};

/// A list of headers is written back as it was read.
pub(crate) fn headers(bytes: &[u8]) {
    if let Ok(page) = wire::read_headers(Bytes::copy_from_slice(bytes)) {
        let mut again = Vec::new();
        for (header, proof) in &page.headers {
            wire::write_header(&mut again, header, proof);
        }
        assert_eq!(again, bytes);
    }
}

/// Frames are the same read at once and as they arrive, and are written back as they were.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((step, body)) = bytes.split_first() else {
        return;
    };
    let at_once = wire::read_frames(Bytes::copy_from_slice(body), usize::MAX);
    let mut reader = FrameReader::default();
    let mut arrived = Vec::new();
    let mut failed = false;
    for piece in body.chunks(usize::from(*step) + 1) {
        reader.push(piece);
        while let (false, next) = (failed, reader.next_frame()) {
            match next {
                Ok(Some(frame)) => arrived.push(frame),
                Ok(None) => break,
                Err(_) => failed = true,
            }
        }
    }
    let arrived = (!failed && reader.finish().is_ok()).then_some(arrived);
    assert_eq!(at_once.ok(), arrived);
    let mut again = Vec::new();
    for frame in arrived.iter().flatten() {
        wire::write_frame(&mut again, frame);
    }
    assert!(arrived.is_none() || again == body);
}

/// Bodies by their first byte; new ones are added at the end, so that seeds keep their meaning.
const BODIES: &[fn(&[u8])] = &[
    round_trip::<node::DevMine>,
    round_trip::<node::DevTime>,
    round_trip::<node::DevHash>,
    round_trip::<node::AddPeer>,
    round_trip::<node::SubmitWork>,
    round_trip::<node::ChainStatus>,
    round_trip::<node::Template>,
    round_trip::<node::BlockBody>,
    round_trip::<node::TransactionBody>,
    round_trip::<node::Event>,
    round_trip::<node::MempoolPage>,
    round_trip::<p2p::Handshake>,
    round_trip::<p2p::Announcement>,
    round_trip::<miner::MinerStatus>,
    round_trip::<wallet::BalanceBody>,
    round_trip::<Problem>,
    round_trip::<p2p::Wanted>,
    round_trip::<p2p::CompactAnswer>,
    round_trip::<p2p::Posted>,
    round_trip::<p2p::Addresses>,
    round_trip::<p2p::BlockTransactionsRequest>,
    round_trip::<p2p::HeadersRequest>,
    round_trip::<p2p::BlocksRequest>,
    round_trip::<p2p::TransactionsRequest>,
    round_trip::<node::SignedVote>,
    round_trip::<node::SubmitEvidence>,
    round_trip::<node::Duties>,
    round_trip::<node::Prioritise>,
    round_trip::<validator::SignSeal>,
    round_trip::<validator::SignVote>,
    round_trip::<validator::SignatureBody>,
    round_trip::<miner::SetPolicy>,
    round_trip::<miner::SetPayout>,
    round_trip::<wallet::CreateWallet>,
    round_trip::<wallet::CreatePsbt>,
    round_trip::<wallet::CreatePayment>,
];

/// A body that is read is written, and read again as the same.
pub(crate) fn json(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else {
        return;
    };
    BODIES[usize::from(*kind) % BODIES.len()](text);
}

fn round_trip<T: Serialize + DeserializeOwned>(text: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(text) else {
        return;
    };
    let written = serde_json::to_value(&read).expect("what was read can be written");
    let text = written.to_string();
    let again: T = serde_json::from_str(&text).expect("what was written can be read");
    let rewritten = serde_json::to_value(&again).expect("what was read can be written");
    assert_eq!(without_fractions(written), without_fractions(rewritten));
}

/// Fractions may lose their last binary digit on the way; all that counts is whole numbers.
fn without_fractions(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => Value::Null,
        Value::Array(items) => items.into_iter().map(without_fractions).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, without_fractions(value)))
            .collect(),
        other => other,
    }
}
