use synod_primitives::{BlockHash, CompactTarget, MerkleRoot};

use super::*;

fn header(nonce: u32) -> Header {
    Header {
        version: 1,
        previous_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::ZERO,
        time: 1,
        bits: CompactTarget(0x207f_ffff),
        nonce,
    }
}

#[test]
fn headers_read_back_and_a_cut_body_is_refused() {
    let mut body = Vec::new();
    write_header(&mut body, &header(1), &[]);
    write_header(&mut body, &header(2), b"proof");
    let body = Bytes::from(body);
    let page = read_headers(body.clone()).expect("two headers");
    assert!(!page.has_more);
    let headers = page.headers;
    assert_eq!(headers[0], (header(1), Bytes::new()));
    assert_eq!(headers[1], (header(2), Bytes::from_static(b"proof")));
    for end in (1..body.len()).filter(|end| *end != 84) {
        assert_eq!(
            read_headers(body.slice(..end)),
            Err(WireError::Truncated),
            "{end}"
        );
    }
}

#[test]
fn one_header_more_than_the_limit_is_refused() {
    let mut body = Vec::new();
    for nonce in 0..MAX_HEADERS as u32 {
        write_header(&mut body, &header(nonce), &[]);
    }
    assert_eq!(
        read_headers(body.clone().into()).map(|page| (page.headers.len(), page.has_more)),
        Ok((MAX_HEADERS, true))
    );
    write_header(&mut body, &header(0), &[]);
    assert_eq!(read_headers(body.into()), Err(WireError::TooLong));
}

#[test]
fn proofs_and_pages_are_held_to_their_limits() {
    let page_of = |count: u32, proof: usize| {
        let mut body = Vec::new();
        for nonce in 0..count {
            write_header(&mut body, &header(nonce), &vec![7; proof]);
        }
        read_headers(body.into())
    };
    assert!(page_of(1, MAX_PROOF_BYTES).is_ok());
    assert_eq!(page_of(1, MAX_PROOF_BYTES + 1), Err(WireError::TooLong));
    // So many that the last begins below the limit, and one fewer.
    let size = header_size(&[7; 1000]);
    let full = u32::try_from(HEADERS_ANSWER_BYTES.div_ceil(size)).expect("small");
    assert!(page_of(full, 1000).expect("a page").has_more);
    assert!(!page_of(full - 1, 1000).expect("a page").has_more);
    let most = MAX_HEADERS_BYTES / header_size(&[7; MAX_PROOF_BYTES]) + 1;
    let most = u32::try_from(most).expect("small");
    assert_eq!(page_of(most, MAX_PROOF_BYTES), Err(WireError::TooLong));
}

#[test]
fn frames_come_out_whole_however_the_bytes_arrive() {
    let mut body = Vec::new();
    write_frame(&mut body, b"first");
    write_frame(&mut body, b"");
    write_frame(&mut body, &[7; 300]);
    let mut reader = FrameReader::default();
    let mut frames = Vec::new();
    for byte in &body {
        reader.push(&[*byte]);
        while let Some(frame) = reader.next_frame().expect("short frames") {
            frames.push(frame);
        }
    }
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!(Ok(frames), read_frames(body.clone().into(), 3));
    assert_eq!(read_frames(body.into(), 2), Err(WireError::TooLong));
}

#[test]
fn messages_of_a_stream_come_out_whole_however_the_bytes_arrive() {
    let news = [
        News::Alive,
        News::Block(Bytes::from_static(b"compact")),
        News::Transactions(vec![Wtxid::from_bytes([1; 32]), Wtxid::from_bytes([2; 32])]),
        News::Transactions(Vec::new()),
        News::Message(Bytes::from_static(b"vote")),
    ];
    let mut reader = NewsReader::default();
    let mut read = Vec::new();
    for byte in news.iter().flat_map(News::encode) {
        reader.push(&[byte]);
        while let Some(message) = reader.next_message().expect("known kinds") {
            read.push(message);
        }
    }
    assert_eq!(read, news);
}

#[test]
fn messages_of_other_kinds_and_lengths_are_refused() {
    let refused = |bytes: &[u8]| {
        let mut reader = NewsReader::default();
        reader.push(bytes);
        reader.next_message()
    };
    assert_eq!(refused(&[4, 0, 0, 0, 0]), Err(WireError::Truncated));
    assert_eq!(refused(&[2, 1, 0, 0, 0, 9]), Err(WireError::Truncated));
    assert_eq!(refused(&[0, 1, 0, 0, 0, 9]), Err(WireError::Truncated));
    assert_eq!(
        refused(&[1, 0xff, 0xff, 0xff, 0x7f]),
        Err(WireError::TooLong)
    );
    let many = News::Transactions(vec![Wtxid::from_bytes([1; 32]); MAX_STREAMED_IDS + 1]);
    assert_eq!(refused(&many.encode()), Err(WireError::TooLong));
    let long = News::Message(vec![1; MAX_MESSAGE_BYTES + 1].into());
    assert_eq!(refused(&long.encode()), Err(WireError::TooLong));
}

#[test]
fn a_frame_past_the_limit_is_refused_before_its_bytes_arrive() {
    let mut reader = FrameReader::default();
    reader.push(&(MAX_FRAME_BYTES as u32 + 1).to_le_bytes());
    assert_eq!(reader.next_frame(), Err(WireError::TooLong));
    reader = FrameReader::default();
    reader.push(&[1, 0, 0]);
    assert_eq!(reader.next_frame(), Ok(None));
    assert_eq!(reader.finish(), Err(WireError::Truncated));
}
