//! What a node keeps in files of its own: snapshots of the coins, and the journal of events.

use synod_node::tools::snapshot::Reader;
use synod_service::PastEvent;

/// The most items of a snapshot that are read here.
const MAX_ITEMS: usize = 1_000;

/// A snapshot is read to its end or refused; its coins come in order.
pub(crate) fn snapshot(bytes: &[u8]) {
    let Ok(mut reader) = Reader::start(bytes) else {
        return;
    };
    let headers = reader.head().height.0;
    for _ in 0..headers {
        if reader.header().is_err() {
            return;
        }
    }
    let mut last = None;
    for _ in 0..MAX_ITEMS {
        let Ok(Some((outpoint, coin))) = reader.coin() else {
            return;
        };
        assert!(last.is_none_or(|last| last < outpoint));
        assert!(coin.len() < bytes.len());
        last = Some(outpoint);
    }
}

/// Events come in the order of their ids, and a line that was torn off changes none before it.
pub(crate) fn event_journal(bytes: &[u8]) {
    let events = PastEvent::read_all(bytes);
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
    let torn = [bytes, b"0123456789abcdef 1 blocks"].concat();
    if bytes.last().is_none_or(|last| *last == b'\n') {
        assert_eq!(PastEvent::read_all(&torn), events);
    }
    // With the checksum set right, a line is an event.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let line = text.lines().next().unwrap_or_default();
        let checksum = twox_hash::XxHash3_64::oneshot(line.as_bytes());
        let read = PastEvent::read_all(format!("{checksum:016x} {line}\n").as_bytes());
        assert!(read.iter().all(|event| line.ends_with(&event.json)));
    }
}
