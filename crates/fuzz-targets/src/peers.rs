//! What goes between nodes beside headers and frames, and what is kept of peers.

use bytes::Bytes;
use synod_gossip::compact::{Rebuilt, Reconstruction};
use synod_gossip::member::Envelope;
use synod_gossip::wire::{News, NewsReader};
use synod_gossip::{AddressBook, CompactBlock, SavedBook};

/// A compact block is written back as it was read, asks for exactly what it did not bring, and
/// becomes a block only if that is the header's.
pub(crate) fn compact_block(bytes: &[u8]) {
    let Ok(compact) = CompactBlock::decode(Bytes::copy_from_slice(bytes)) else {
        return;
    };
    assert_eq!(compact.encode(), bytes);
    let mut block = Reconstruction::start(&compact, []);
    let missing = block.missing();
    assert_eq!(missing.len(), compact.ids.len());
    let filling: Vec<Bytes> = missing.iter().map(|_| Bytes::from_static(b"x")).collect();
    let is_whole = filling.is_empty();
    block.fill(filling).expect("as many as are missing");
    match block.finish() {
        Rebuilt::Whole(raw) => {
            assert!(is_whole, "a byte is no transaction");
            let read = synod_primitives::Block::decode(&raw).expect("it was put together");
            assert_eq!(read.hash(), compact.hash());
            let root = read.merkle_root();
            assert_eq!(root.hash, read.header().merkle_root.to_bytes());
        }
        Rebuilt::Collided => {}
        Rebuilt::Missing(_) => panic!("all was given"),
    }
}

/// Messages of a stream are the same however their bytes arrive, and are written back as they
/// were.
pub(crate) fn news(bytes: &[u8]) {
    let Some((step, body)) = bytes.split_first() else {
        return;
    };
    let read = |step: usize| {
        let mut reader = NewsReader::default();
        let mut messages = Vec::new();
        for piece in body.chunks(step) {
            reader.push(piece);
            loop {
                match reader.next_message() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(_) => return messages,
                }
            }
        }
        messages
    };
    let messages = read(usize::from(*step) + 1);
    assert_eq!(messages, read(body.len().max(1)));
    let again: Vec<u8> = messages.iter().flat_map(News::encode).collect();
    assert!(body.starts_with(&again));
}

/// The header of a signed request has one written form.
pub(crate) fn member_envelope(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(envelope) = Envelope::parse(text) {
        assert_eq!(envelope.to_string(), text);
    }
}

/// A book of addresses that is read and saved is read again as the same.
pub(crate) fn address_book(bytes: &[u8]) {
    let Ok(saved) = serde_json::from_slice::<SavedBook>(bytes) else {
        return;
    };
    let Some(book) = AddressBook::restore(&saved) else {
        return;
    };
    assert!(book.len() <= saved.addresses.len());
    let kept = book.save();
    let again = AddressBook::restore(&kept).expect("the version is this program's");
    assert_eq!(again.len(), book.len());
    assert_eq!(again.save().anchors, kept.anchors);
}
