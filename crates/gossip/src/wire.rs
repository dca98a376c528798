//! The binary bodies between nodes: headers with their proofs, and frames of blocks or
//! transactions.
//!
//! A header travels as its 80 bytes, then the length of the engine's proof as four bytes
//! little-endian, then the proof. A frame is a length as four bytes little-endian and so
//! many bytes. There is no count: the end of the body is the end of the list.

use bytes::{Buf, Bytes, BytesMut};
use synod_primitives::{Header, Wtxid};

use crate::message::MAX_MESSAGE_BYTES;

pub use synod_api::p2p::{MAX_HEADERS, MAX_PROOF_BYTES};

/// The most bytes of a frame: a block of greatest weight.
pub const MAX_FRAME_BYTES: usize = 4_000_000;
/// The bytes of blocks in one answer past which no further block is added.
pub const BLOCKS_ANSWER_BYTES: usize = 8 << 20;

/// The bytes of headers in one answer past which no further header is added. A page that has
/// as many, or [`MAX_HEADERS`] headers, is full: more may follow.
pub const HEADERS_ANSWER_BYTES: usize = 1 << 20;
/// The most bytes of an answer with headers.
pub const MAX_HEADERS_BYTES: usize = HEADERS_ANSWER_BYTES + Header::SIZE + 4 + MAX_PROOF_BYTES;

/// The most ids of transactions in one message of a stream.
pub const MAX_STREAMED_IDS: usize = 1000;

/// A message of the stream of announcements: a byte that names its kind, then a frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// Kind 0, an empty frame: the stream is open.
    Alive,
    /// Kind 1: a compact block.
    Block(Bytes),
    /// Kind 2: wtxids of 32 bytes each.
    Transactions(Vec<Wtxid>),
    /// Kind 3: a message of agreement.
    Message(Bytes),
}

impl News {
    /// Writes the message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Alive => {
                out.push(0);
                write_frame(&mut out, &[]);
            }
            Self::Block(compact) => {
                out.push(1);
                write_frame(&mut out, compact);
            }
            Self::Transactions(wtxids) => {
                out.push(2);
                let ids: Vec<u8> = wtxids.iter().flat_map(|it| it.to_bytes()).collect();
                write_frame(&mut out, &ids);
            }
            Self::Message(message) => {
                out.push(3);
                write_frame(&mut out, message);
            }
        }
        out
    }

    fn read(kind: u8, body: Bytes) -> Result<Self, WireError> {
        match kind {
            0 if body.is_empty() => Ok(Self::Alive),
            1 => Ok(Self::Block(body)),
            2 if body.len() > 32 * MAX_STREAMED_IDS => Err(WireError::TooLong),
            2 if body.len().is_multiple_of(32) => {
                let ids = body.as_chunks::<32>().0.iter();
                Ok(Self::Transactions(
                    ids.map(|id| Wtxid::from_bytes(*id)).collect(),
                ))
            }
            3 if body.len() > MAX_MESSAGE_BYTES => Err(WireError::TooLong),
            3 => Ok(Self::Message(body)),
            _ => Err(WireError::Truncated),
        }
    }
}

/// Splits a stream of announcements into messages as its bytes arrive.
#[derive(Debug, Default)]
pub struct NewsReader {
    kind: Option<u8>,
    frames: FrameReader,
}

impl NewsReader {
    /// Takes in more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.frames.push(bytes);
    }

    /// Takes the next whole message, `None` until it is there.
    ///
    /// # Errors
    /// A message past its limit or of an unknown kind.
    pub fn next_message(&mut self) -> Result<Option<News>, WireError> {
        let kind = match self.kind {
            Some(kind) => kind,
            None => match self.frames.next_byte() {
                Some(kind) if kind > 3 => return Err(WireError::Truncated),
                Some(kind) => kind,
                None => return Ok(None),
            },
        };
        self.kind = Some(kind);
        let Some(body) = self.frames.next_frame()? else {
            return Ok(None);
        };
        self.kind = None;
        News::read(kind, body).map(Some)
    }
}

/// Bytes from a peer that are no list of headers or frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// The body ends inside an item.
    #[error("the body ends inside an item")]
    Truncated,
    /// An item, or the list, is longer than the limit.
    #[error("an item or the list is past its limit")]
    TooLong,
}

/// Appends a header and its proof.
///
/// # Panics
/// When the proof is longer than 4 GiB.
pub fn write_header(out: &mut Vec<u8>, header: &Header, proof: &[u8]) {
    out.extend_from_slice(&header.encode());
    write_frame(out, proof);
}

/// Returns how many bytes a header with its proof takes.
#[must_use]
pub fn header_size(proof: &[u8]) -> usize {
    Header::SIZE + 4 + proof.len()
}

/// Headers with their proofs, lowest first, as one message brings them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeadersPage {
    /// The headers.
    pub headers: Vec<(Header, Bytes)>,
    /// The page is full: the sender may have more.
    pub has_more: bool,
}

/// Appends a frame.
///
/// # Panics
/// When the item is longer than 4 GiB.
pub fn write_frame(out: &mut Vec<u8>, item: &[u8]) {
    let length = u32::try_from(item.len()).expect("items are far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(item);
}

/// Reads all headers of a body.
///
/// # Errors
/// A body that ends inside an item, a proof or a list past its limit.
pub fn read_headers(mut body: Bytes) -> Result<HeadersPage, WireError> {
    let mut headers = Vec::new();
    let is_long = body.len() >= HEADERS_ANSWER_BYTES;
    if body.len() > MAX_HEADERS_BYTES {
        return Err(WireError::TooLong);
    }
    while !body.is_empty() {
        if headers.len() == MAX_HEADERS {
            return Err(WireError::TooLong);
        }
        let bytes = body.get(..Header::SIZE).ok_or(WireError::Truncated)?;
        let header = Header::decode(bytes.try_into().map_err(|_| WireError::Truncated)?);
        body.advance(Header::SIZE);
        let proof = take_frame(&mut body, MAX_PROOF_BYTES)?.ok_or(WireError::Truncated)?;
        headers.push((header, proof));
    }
    let has_more = is_long || headers.len() == MAX_HEADERS;
    Ok(HeadersPage { headers, has_more })
}

/// Splits a body into frames as its bytes arrive.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// Takes in more bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next whole frame, `None` until it is there.
    ///
    /// # Errors
    /// A frame past its limit.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, WireError> {
        let Some(length) = frame_length(&self.buffer, MAX_FRAME_BYTES)? else {
            return Ok(None);
        };
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.buffer.first().copied()?;
        self.buffer.advance(1);
        Some(byte)
    }

    /// Ends the body.
    ///
    /// # Errors
    /// Bytes of an unfinished frame are left.
    pub fn finish(&self) -> Result<(), WireError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(WireError::Truncated)
        }
    }
}

/// Reads all frames of a body, at most `limit`.
///
/// # Errors
/// A body that ends inside a frame, a frame or a list past its limit.
pub fn read_frames(mut body: Bytes, limit: usize) -> Result<Vec<Bytes>, WireError> {
    let mut frames = Vec::new();
    while !body.is_empty() {
        if frames.len() == limit {
            return Err(WireError::TooLong);
        }
        frames.push(take_frame(&mut body, MAX_FRAME_BYTES)?.ok_or(WireError::Truncated)?);
    }
    Ok(frames)
}

fn frame_length(bytes: &[u8], limit: usize) -> Result<Option<usize>, WireError> {
    let Some(length) = bytes.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > limit {
        Err(WireError::TooLong)
    } else {
        Ok(Some(length))
    }
}

pub(crate) fn take_frame(body: &mut Bytes, limit: usize) -> Result<Option<Bytes>, WireError> {
    let Some(length) = frame_length(body, limit)? else {
        return Ok(None);
    };
    if body.len() < 4 + length {
        return Ok(None);
    }
    body.advance(4);
    Ok(Some(body.split_to(length)))
}

#[cfg(test)]
mod tests {
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
}
