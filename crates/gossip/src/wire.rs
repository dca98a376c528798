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
/// The bytes that a frame has before its item: the item's length.
pub const FRAME_HEAD_BYTES: usize = 4;
/// The most bytes that are set aside for a frame on the word of its length alone.
const MAX_RESERVED_BYTES: usize = 1 << 20;
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
    /// The bytes of an item are nothing that it can be.
    #[error("an item is malformed")]
    Malformed,
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

/// Writes the length of an item into the first bytes, which were left free before it.
///
/// # Panics
/// When there are none, or the item is longer than 4 GiB.
pub fn fill_frame_head(frame: &mut [u8]) {
    let (head, item) = frame
        .split_first_chunk_mut::<FRAME_HEAD_BYTES>()
        .expect("the caller has left room for it");
    let length = u32::try_from(item.len()).expect("items are far below 4 GiB");
    *head = length.to_le_bytes();
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
        if self.buffer.len() < FRAME_HEAD_BYTES + length {
            // Whatever the pieces, they are copied once.
            let missing = FRAME_HEAD_BYTES + length - self.buffer.len();
            self.buffer.reserve(missing.min(MAX_RESERVED_BYTES));
            return Ok(None);
        }
        self.buffer.advance(FRAME_HEAD_BYTES);
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
#[path = "wire_tests.rs"]
mod tests;
