//! Evidence: two signed statements of one key that contradict each other.
//!
//! It needs no index and no chain: whoever has the bytes can judge them. A statement is
//! encoded as one byte, its kind, and its body: 1, a header of 80 bytes and its proof
//! ([`SealedHeader::encode_proof`]); 2, a [`Vote`].

use synod_primitives::Header;

use crate::contradiction::{contradicts_by_height, contradicts_by_slot, contradicts_votes};
use crate::error::EvidenceError;
use crate::quantity::SealKey;
use crate::seal::Mode;
use crate::sealed_header::{MAX_PROOF_SIZE, SealedHeader};
use crate::vote::Vote;

/// The longest statement in bytes; it fits a witness item of 20 kB.
pub const MAX_STATEMENT_SIZE: usize = 1 + Header::SIZE + MAX_PROOF_SIZE;

const KIND_BLOCK: u8 = 1;
const KIND_VOTE: u8 = 2;

/// Something that a validator has signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// A block's header, coinbase and branch.
    Block(Box<SealedHeader>),
    /// A checkpoint vote.
    Vote(Box<Vote>),
}

impl Statement {
    /// Encodes the statement.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Block(sealed) => {
                let mut out = vec![KIND_BLOCK];
                out.extend_from_slice(&sealed.header.encode());
                out.extend_from_slice(&sealed.encode_proof());
                out
            }
            Self::Vote(vote) => {
                let mut out = vec![KIND_VOTE];
                out.extend_from_slice(&vote.encode());
                out
            }
        }
    }

    /// Decodes a statement.
    ///
    /// # Errors
    /// [`EvidenceError::Format`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let malformed = |_| EvidenceError::Format;
        match bytes.split_first() {
            _ if bytes.len() > MAX_STATEMENT_SIZE => Err(EvidenceError::Format),
            Some((&KIND_BLOCK, body)) => {
                let (header, proof) = body
                    .split_first_chunk::<{ Header::SIZE }>()
                    .ok_or(EvidenceError::Format)?;
                SealedHeader::decode_proof(Header::decode(header), proof)
                    .map(|it| Self::Block(Box::new(it)))
                    .map_err(malformed)
            }
            Some((&KIND_VOTE, body)) => Vote::decode(body)
                .map(|it| Self::Vote(Box::new(it)))
                .map_err(malformed),
            _ => Err(EvidenceError::Format),
        }
    }
}

/// Two statements of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The one.
    pub first: Statement,
    /// The other.
    pub second: Statement,
}

impl Evidence {
    /// Decodes both statements.
    ///
    /// # Errors
    /// [`EvidenceError::Format`].
    pub fn decode(first: &[u8], second: &[u8]) -> Result<Self, EvidenceError> {
        Ok(Self {
            first: Statement::decode(first)?,
            second: Statement::decode(second)?,
        })
    }

    /// Checks the signatures and the contradiction; returns the key that is guilty.
    ///
    /// Bootstrap blocks prove nothing: their key stands in the chain spec.
    ///
    /// # Errors
    /// What is missing for a proof.
    pub fn check(&self, chain_id: &[u8; 32]) -> Result<SealKey, EvidenceError> {
        match (&self.first, &self.second) {
            (Statement::Block(a), Statement::Block(b)) => check_blocks(a, b, chain_id),
            (Statement::Vote(a), Statement::Vote(b)) => check_votes(a, b, chain_id),
            _ => Err(EvidenceError::NoContradiction),
        }
    }
}

fn check_blocks(
    a: &SealedHeader,
    b: &SealedHeader,
    chain_id: &[u8; 32],
) -> Result<SealKey, EvidenceError> {
    let a = a.check(chain_id).map_err(EvidenceError::Statement)?;
    let b = b.check(chain_id).map_err(EvidenceError::Statement)?;
    let key = a.seal().key;
    if key != b.seal().key {
        return Err(EvidenceError::Keys);
    }
    let contradicts = match a.seal().mode {
        Mode::Bootstrap | Mode::Raft | Mode::Paxos => false,
        Mode::Pos | Mode::Bft => contradicts_by_slot(&a, &b),
        Mode::Dpos => contradicts_by_slot(&a, &b) || contradicts_by_height(&a, &b),
    };
    contradicts
        .then_some(key)
        .ok_or(EvidenceError::NoContradiction)
}

fn check_votes(a: &Vote, b: &Vote, chain_id: &[u8; 32]) -> Result<SealKey, EvidenceError> {
    if a.key != b.key {
        return Err(EvidenceError::Keys);
    }
    if !contradicts_votes(&a.link, &b.link) {
        return Err(EvidenceError::NoContradiction);
    }
    let is_signed = a.is_signed(chain_id) && b.is_signed(chain_id);
    let unsigned = EvidenceError::Statement(crate::error::SealError::Signature);
    is_signed.then_some(a.key).ok_or(unsigned)
}
