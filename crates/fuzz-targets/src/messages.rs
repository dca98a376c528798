//! What peers and clients send: lists of headers and frames, JSON bodies.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use synod_api::{Problem, miner, node, p2p, wallet};
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

/// A body that is read is written, and read again as the same.
pub(crate) fn json(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else {
        return;
    };
    match kind % 16 {
        0 => round_trip::<node::DevMine>(text),
        1 => round_trip::<node::DevTime>(text),
        2 => round_trip::<node::DevHash>(text),
        3 => round_trip::<node::AddPeer>(text),
        4 => round_trip::<node::SubmitWork>(text),
        5 => round_trip::<node::ChainStatus>(text),
        6 => round_trip::<node::Template>(text),
        7 => round_trip::<node::BlockBody>(text),
        8 => round_trip::<node::TransactionBody>(text),
        9 => round_trip::<node::Event>(text),
        10 => round_trip::<node::MempoolPage>(text),
        11 => round_trip::<p2p::Handshake>(text),
        12 => round_trip::<p2p::Announcement>(text),
        13 => round_trip::<miner::MinerStatus>(text),
        14 => round_trip::<wallet::BalanceBody>(text),
        _ => round_trip::<Problem>(text),
    }
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
