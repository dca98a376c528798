//! What is read from disks: block files, the saved mempool, coins, undo data and running hashes.

use bytes::Bytes;
use synod_blockfile::{MAGIC, Scanner, XorKey};
use synod_ledger::{BlockUndo, Coin, MuHash};
use synod_mempool::SavedMempool;
use synod_primitives::{BlockHash, sha256d};

/// The magic and the length before each block of a file.
const FRAME_HEADER_SIZE: u64 = 8;

/// Blocks are found where their frames are, in order, and every byte is accounted for once.
pub(crate) fn block_file(bytes: &[u8]) {
    let Some((key, content)) = bytes.split_first_chunk::<8>() else {
        return;
    };
    let key = XorKey::new(*key);
    let mut plain = content.to_vec();
    if let Some(key) = key {
        key.apply(0, &mut plain);
    }
    let mut scanner = Scanner::new(content, key);
    let mut end = 0;
    let mut found = 0;
    let mut framed = 0;
    while let Some((offset, raw)) = scanner.next_block().expect("memory can be read") {
        assert!(offset >= end, "frames do not overlap");
        let start = usize::try_from(offset).expect("inside the file");
        assert_eq!(plain[start..start + 4], MAGIC);
        let size = FRAME_HEADER_SIZE + raw.len() as u64;
        end = offset + size;
        framed += size;
        assert_eq!(&plain[start + 8..start + 8 + raw.len()], &raw[..]);
        found += 1;
    }
    let report = scanner.report();
    assert_eq!(report.blocks, found);
    let outside = report.padding_bytes + report.garbage_bytes;
    assert!(framed + outside <= content.len() as u64);
}

/// A saved mempool is read or refused. The checksum is set right first.
pub(crate) fn mempool_file(bytes: &[u8]) {
    let file = Bytes::from([bytes, &sha256d(bytes)].concat());
    if let Ok(saved) = SavedMempool::decode(&file) {
        for it in &saved.transactions {
            assert_eq!(it.transaction.detach(), *it.transaction);
        }
    }
    // As it came; hardly ever with the right checksum.
    let _ = SavedMempool::decode(&Bytes::copy_from_slice(bytes));
}

/// A coin is written back as it was read.
pub(crate) fn coin(bytes: &[u8]) {
    if let Ok(coin) = Coin::decode(bytes) {
        assert_eq!(coin.encode(), bytes);
    }
}

/// Undo data is written back as it was read. The checksum is set right first.
pub(crate) fn undo(bytes: &[u8]) {
    let block = BlockHash::ZERO;
    let checksum = sha256d(&[block.as_bytes(), bytes].concat());
    let file = [bytes, &checksum[..4]].concat();
    if let Ok(undo) = BlockUndo::decode(&file, block) {
        assert_eq!(undo.encode(block), file);
    }
    let _ = BlockUndo::decode(bytes, block);
}

/// A running hash is the same after it was written and read; parts past the modulus are reduced.
pub(crate) fn muhash(bytes: &[u8]) {
    if let Ok(hash) = MuHash::decode(bytes) {
        let written = hash.encode();
        let again = MuHash::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode(), written);
    }
}
