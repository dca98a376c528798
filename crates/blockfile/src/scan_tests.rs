use std::io::Cursor;

use proptest::prelude::*;
use synod_primitives::{
    Amount, BlockHash, CompactTarget, Header, MerkleRoot, OutPoint, Script, Transaction, TxIn,
    TxOut, Witness,
};

use super::*;
use crate::BlockFileWriter;

fn block(nonce: u32, script_size: usize) -> Bytes {
    let input = TxIn {
        prevout: OutPoint::NULL,
        script_sig: Script::new(vec![1; 4]),
        sequence: 0,
        witness: Witness::EMPTY,
    };
    let output = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: Script::new(vec![0x51; script_size]),
    };
    let header = Header {
        version: 1,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time: 1,
        bits: CompactTarget(0x207f_ffff),
        nonce,
    };
    let tx = Transaction::new(1, vec![input], vec![output], 0);
    Block::new(header, vec![tx]).raw().clone()
}

fn frame(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    BlockFileWriter::new(&mut out, None)
        .write(raw)
        .expect("written");
    out
}

fn scan_in(chunk_size: usize, file: &[u8], key: Option<XorKey>) -> (Vec<(u64, Bytes)>, Report) {
    let mut scanner = Scanner::with_chunk_size(Cursor::new(file), key, chunk_size);
    let mut found = Vec::new();
    while let Some(block) = scanner.next_block().expect("readable") {
        found.push(block);
    }
    assert_eq!(
        scanner.next_block().expect("readable"),
        None,
        "the end stays the end"
    );
    (found, scanner.report())
}

fn scan(file: &[u8]) -> (Vec<Bytes>, Report) {
    let (found, report) = scan_in(64, file, None);
    let (large, large_report) = scan_in(CHUNK_SIZE, file, None);
    assert_eq!(
        (&found, report),
        (&large, large_report),
        "chunks must not matter"
    );
    for (offset, raw) in &found {
        let at = *offset as usize;
        assert_eq!(&file[at..at + 4], MAGIC);
        assert_eq!(&file[at + 8..at + 8 + raw.len()], &raw[..]);
    }
    (found.into_iter().map(|(_, raw)| raw).collect(), report)
}

#[test]
fn frames_in_a_row_are_read_and_nothing_else_is_counted() {
    let blocks = [block(1, 10), block(2, 5000), block(3, 0)];
    let file: Vec<u8> = blocks.iter().flat_map(|raw| frame(raw)).collect();
    let (found, report) = scan(&file);
    assert_eq!(found, blocks);
    assert_eq!(
        report,
        Report {
            blocks: 3,
            ..Report::default()
        }
    );
    assert_eq!(scan(&[]), (vec![], Report::default()));
}

#[test]
fn zeros_between_and_after_blocks_are_padding() {
    let mut file = frame(&block(1, 1));
    file.extend([0; 300]);
    file.extend(frame(&block(2, 1)));
    file.extend([0; 100_000]);
    let (found, report) = scan(&file);
    assert_eq!(found, [block(1, 1), block(2, 1)]);
    assert_eq!(
        (report.padding_bytes, report.garbage_bytes, report.torn),
        (100_300, 0, None)
    );
}

#[test]
fn a_torn_end_is_reported_and_blocks_before_it_are_kept() {
    let whole = frame(&block(1, 10));
    let torn = frame(&block(2, 1000));
    for present in 4..torn.len() {
        let mut file = whole.clone();
        file.extend_from_slice(&torn[..present]);
        let (found, report) = scan(&file);
        assert_eq!(found, [block(1, 10)]);
        let expected = TornEnd {
            offset: whole.len() as u64,
            present: present as u64,
        };
        assert_eq!(report.torn, Some(expected));
    }
}

#[test]
fn a_torn_frame_hides_no_block_that_was_written_after_it() {
    let torn = frame(&block(2, 1000));
    for present in [4, 7, 8, 20, 500] {
        let mut file = torn[..present].to_vec();
        file.extend(frame(&block(3, 3)));
        let (found, report) = scan(&file);
        assert_eq!(found, [block(3, 3)], "{present} bytes");
        assert_eq!((report.torn, report.garbage_bytes > 0), (None, true));
    }
}

#[test]
fn stale_bytes_that_look_like_a_frame_are_passed_over() {
    let next = frame(&block(5, 50));
    let mut file = MAGIC.to_vec();
    // A frame that would end in the middle of the next one.
    file.extend(200u32.to_le_bytes());
    file.extend([0xee; 150]);
    file.extend(&next);
    file.extend([0xcc; 77]);
    file.extend(&next);
    let (found, _) = scan(&file);
    assert_eq!(found, [block(5, 50), block(5, 50)]);
}

#[test]
fn a_block_before_garbage_counts_when_it_decodes() {
    let mut file = frame(&block(1, 1));
    file.extend([0xab; 1000]);
    let (found, report) = scan(&file);
    assert_eq!(found, [block(1, 1)]);
    assert_eq!(report.garbage_bytes, 1000);
}

#[test]
fn impossible_lengths_are_no_frames() {
    for length in [0, 80, MAX_BLOCK_SIZE as u32 + 1, u32::MAX] {
        let mut file = MAGIC.to_vec();
        file.extend(length.to_le_bytes());
        file.extend(frame(&block(1, 1)));
        assert_eq!(scan(&file).0, [block(1, 1)], "length {length}");
    }
}

#[test]
fn the_greatest_block_is_read_and_the_least() {
    let mut greatest = vec![7; MAX_BLOCK_SIZE];
    greatest[80] = 0;
    let least = vec![0x11; MIN_BLOCK_SIZE];
    let mut file = frame(&greatest);
    file.extend(frame(&least));
    let (found, _) = scan_in(CHUNK_SIZE, &file, None);
    let lengths: Vec<usize> = found.iter().map(|(_, raw)| raw.len()).collect();
    assert_eq!(lengths, [MAX_BLOCK_SIZE, MIN_BLOCK_SIZE]);
}

#[test]
fn a_magic_that_a_chunk_ends_within_is_found() {
    for padding in 0..140 {
        let mut file = vec![0; padding];
        file.extend(frame(&block(1, 1)));
        assert_eq!(scan(&file).0.len(), 1, "after {padding} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_between_whole_frames_leave_the_frames_found(
        gaps in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..6),
        key in any::<[u8; 8]>(),
    ) {
        let blocks: Vec<Bytes> = (0..gaps.len() as u32).map(|i| block(i, 20)).collect();
        let mut file = Vec::new();
        for (gap, raw) in gaps.iter().zip(&blocks) {
            file.extend(frame(raw));
            file.extend(gap);
        }
        let key = XorKey::new(key);
        if let Some(key) = key {
            key.apply(0, &mut file);
        }
        let (found, _) = scan_in(100, &file, key);
        let found: Vec<Bytes> = found.into_iter().map(|(_, raw)| raw).collect();
        prop_assert_eq!(found, blocks);
    }

    #[test]
    fn no_bytes_make_the_scanner_fail(mut file in prop::collection::vec(any::<u8>(), 0..2000), at in any::<prop::sample::Index>()) {
        if file.len() > 8 {
            let at = at.index(file.len() - 8);
            file[at..at + 4].copy_from_slice(&MAGIC);
            file[at + 6..at + 8].fill(0);
        }
        scan_in(64, &file, None);
    }
}
