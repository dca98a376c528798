//! Signed answers: pieces, each with its signature, as a body goes out and comes in.
//!
//! A piece is its length as four bytes little-endian, so many bytes, and 64 bytes of signature.
//! The last piece is empty: an answer without it was cut off.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::Members;
use super::digest::{self, Route};
use super::key::MemberId;

/// The most bytes of a piece: what is held before it can be checked, and often enough to see
/// that a slow answer goes on.
pub const MAX_PIECE: usize = 64 << 10;
const LENGTH: usize = 4;
const SIGNATURE: usize = 64;

/// An answer that its giver did not sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// A signature is not that of its piece.
    #[error("the answer is not signed by the member that was asked")]
    Forged,
    /// A piece is past its limit, or bytes follow the last one.
    #[error("the signed answer is not of the form")]
    Malformed,
    /// The last piece is missing.
    #[error("the signed answer was cut off")]
    CutOff,
}

/// Signs an answer as it goes out.
#[derive(Debug)]
pub struct AnswerSealer {
    members: Arc<Members>,
    to: MemberId,
    asked: [u8; 32],
    index: u64,
}

impl AnswerSealer {
    pub(super) fn new(members: Arc<Members>, to: MemberId, asked: [u8; 32]) -> Self {
        Self {
            members,
            to,
            asked,
            index: 0,
        }
    }

    /// Signs the next bytes.
    #[must_use]
    pub fn seal(&mut self, bytes: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(bytes.len() + LENGTH + SIGNATURE);
        for piece in bytes.chunks(MAX_PIECE) {
            self.write(&mut out, piece, false);
        }
        out.into()
    }

    /// Ends the answer.
    #[must_use]
    pub fn end(mut self) -> Bytes {
        let mut out = Vec::new();
        self.write(&mut out, &[], true);
        out.into()
    }

    fn write(&mut self, out: &mut Vec<u8>, piece: &[u8], is_last: bool) {
        let route = Route {
            chain_id: &self.members.chain_id,
            from: self.members.id(),
            to: self.to,
        };
        let digest = digest::piece(&route, &self.asked, self.index, is_last, piece);
        self.index += 1;
        let length = u32::try_from(piece.len()).expect("a piece is 64 KiB at most");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(&self.members.key.sign(&digest));
    }
}

/// Checks an answer as it comes in.
#[derive(Debug)]
pub struct AnswerReader {
    chain_id: [u8; 32],
    from: MemberId,
    to: MemberId,
    asked: [u8; 32],
    index: u64,
    buffer: BytesMut,
    is_ended: bool,
}

impl AnswerReader {
    pub(super) fn new(chain_id: [u8; 32], from: MemberId, to: MemberId, asked: [u8; 32]) -> Self {
        Self {
            chain_id,
            from,
            to,
            asked,
            index: 0,
            buffer: BytesMut::new(),
            is_ended: false,
        }
    }

    /// Takes in bytes; returns those that are signed and whole.
    ///
    /// # Errors
    /// A piece is not signed, too long, or follows the last one.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Bytes, AnswerError> {
        self.buffer.extend_from_slice(bytes);
        let mut out = BytesMut::new();
        while let Some(length) = self.buffer.first_chunk::<LENGTH>() {
            if self.is_ended {
                return Err(AnswerError::Malformed);
            }
            let length = u32::from_le_bytes(*length) as usize;
            if length > MAX_PIECE {
                return Err(AnswerError::Malformed);
            }
            if self.buffer.len() < LENGTH + length + SIGNATURE {
                break;
            }
            self.buffer.advance(LENGTH);
            let piece = self.buffer.split_to(length);
            let signature = self.buffer.split_to(SIGNATURE);
            self.is_ended = length == 0;
            self.check(&piece, &signature)?;
            out.extend_from_slice(&piece);
        }
        Ok(out.freeze())
    }

    fn check(&mut self, piece: &[u8], signature: &[u8]) -> Result<(), AnswerError> {
        let route = Route {
            chain_id: &self.chain_id,
            from: self.from,
            to: self.to,
        };
        let digest = digest::piece(&route, &self.asked, self.index, self.is_ended, piece);
        self.index += 1;
        let signature = signature.first_chunk().ok_or(AnswerError::Malformed)?;
        if self.from.has_signed_bytes(&digest, signature) {
            Ok(())
        } else {
            Err(AnswerError::Forged)
        }
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// The last piece did not come.
    pub fn finish(&self) -> Result<(), AnswerError> {
        if self.is_ended && self.buffer.is_empty() {
            Ok(())
        } else {
            Err(AnswerError::CutOff)
        }
    }
}
