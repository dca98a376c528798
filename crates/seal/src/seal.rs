//! The seal: who made a block, for which slot.
//!
//! Encoded as, numbers little-endian:
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | [`SEAL_MAGIC`] |
//! | 1 | [`SEAL_VERSION`] |
//! | 1 | [`Mode`] |
//! | 8 | slot (term, ballot) |
//! | 4 | round |
//! | 4 | the greatest height that the key sealed before, on any branch |
//! | 4 | the greatest height with a quorum of prevotes below the block |
//! | 32 | reveal |
//! | 32 | X-only key |
//! | 64 | BIP340 signature |
//! | | [`Sections`] |

use synod_primitives::{Header, Height, MerkleRoot, Reader, tagged_hash};
use synod_sigcheck::{Check, verify};

use crate::error::SealError;
use crate::quantity::{SealKey, Slot};
use crate::section::{MAX_SECTIONS_SIZE, Sections};
use crate::wire::decode_with;

/// What a seal starts with; another than BIP325's, so that none is taken for signet's.
pub const SEAL_MAGIC: [u8; 4] = *b"SEAL";
/// The version of the format.
pub const SEAL_VERSION: u8 = 1;
/// The bytes of a seal before its sections.
const FIXED_SIZE: usize = 4 + 1 + 1 + 8 + 4 + 4 + 4 + 32 + 32 + 64;
/// The longest seal in bytes.
pub const MAX_SEAL_SIZE: usize = FIXED_SIZE + MAX_SECTIONS_SIZE;
/// The tag of the digest.
const TAG: &str = "synod/seal/1";

/// 64 bytes of a BIP340 signature.
pub type Signature = [u8; 64];

/// Under which rules a block was sealed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// By the chain spec's bootstrap key; the slot is the height.
    Bootstrap,
    /// By the leader of a slot, drawn by stake.
    Pos,
    /// By an elected delegate in its slot.
    Dpos,
    /// By the proposer of a height and round.
    Bft,
    /// By the leader of a term.
    Raft,
    /// By the leader of a ballot.
    Paxos,
}

impl Mode {
    const ALL: [Self; 6] = [
        Self::Bootstrap,
        Self::Pos,
        Self::Dpos,
        Self::Bft,
        Self::Raft,
        Self::Paxos,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::Bootstrap => 0,
            Self::Pos => 1,
            Self::Dpos => 2,
            Self::Bft => 3,
            Self::Raft => 4,
            Self::Paxos => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }
}

/// Who made a block, for which slot, and what its maker states beside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seal {
    /// Under which rules.
    pub mode: Mode,
    /// The slot, term or ballot; the height in bootstrap blocks.
    pub slot: Slot,
    /// The round within it; 0 where there is one only.
    pub round: u32,
    /// The greatest height that the key sealed before, on any branch.
    pub previously_sealed: Height,
    /// The greatest height with a quorum of prevotes below the block; zero where the engine
    /// has none.
    pub prevoted: Height,
    /// The next secret of the validator's hash chain; zeros where the engine asks for none.
    pub reveal: [u8; 32],
    /// The key that signs.
    pub key: SealKey,
    /// Its signature over [`seal_digest`]; zeros in a seal that is not signed yet.
    pub signature: Signature,
    /// What certifies other blocks.
    pub sections: Sections,
}

impl Seal {
    /// Encodes the seal.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_SIZE + 1);
        out.extend_from_slice(&SEAL_MAGIC);
        out.push(SEAL_VERSION);
        out.push(self.mode.code());
        out.extend_from_slice(&self.slot.0.to_le_bytes());
        out.extend_from_slice(&self.round.to_le_bytes());
        out.extend_from_slice(&self.previously_sealed.0.to_le_bytes());
        out.extend_from_slice(&self.prevoted.0.to_le_bytes());
        out.extend_from_slice(&self.reveal);
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.signature);
        self.sections.encode_into(&mut out);
        out
    }

    /// Decodes a seal.
    ///
    /// # Errors
    /// [`SealError::Format`] or [`SealError::Section`]: bytes that [`Seal::encode`] does not
    /// write.
    pub fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > MAX_SEAL_SIZE {
            return Err(SealError::Section);
        }
        decode_with(bytes, SealError::Section, Self::read)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SealError> {
        let short = |_| SealError::Format;
        let magic: [u8; 4] = reader.read_array().map_err(short)?;
        let version = reader.read_u8().map_err(short)?;
        let mode = Mode::from_code(reader.read_u8().map_err(short)?);
        let mode = mode
            .filter(|_| magic == SEAL_MAGIC && version == SEAL_VERSION)
            .ok_or(SealError::Format)?;
        Ok(Self {
            mode,
            slot: Slot(reader.read_u64().map_err(short)?),
            round: reader.read_u32().map_err(short)?,
            previously_sealed: Height(reader.read_u32().map_err(short)?),
            prevoted: Height(reader.read_u32().map_err(short)?),
            reveal: reader.read_array().map_err(short)?,
            key: SealKey(reader.read_array().map_err(short)?),
            signature: reader.read_array().map_err(short)?,
            sections: Sections::read(reader)?,
        })
    }

    /// Returns the same seal with another signature.
    #[must_use]
    pub fn with_signature(&self, signature: Signature) -> Self {
        Self {
            signature,
            ..self.clone()
        }
    }

    /// Says whether the signature is the key's over the digest.
    #[must_use]
    pub fn is_signed(&self, digest: [u8; 32]) -> bool {
        is_signature(&self.key, &self.signature, digest)
    }
}

/// Says whether a signature is the key's over the digest (BIP340).
pub(crate) fn is_signature(key: &SealKey, signature: &Signature, digest: [u8; 32]) -> bool {
    Check::schnorr(&key.0, signature, digest).is_some_and(|check| verify(&check))
}

/// Computes what a seal signs: everything of the header but its nonce, with `unsigned_root`,
/// the Merkle root while the signature is 64 zero bytes, and what the header does not hold.
pub(crate) fn seal_digest(
    chain_id: &[u8; 32],
    header: &Header,
    unsigned_root: &MerkleRoot,
    height: Height,
) -> [u8; 32] {
    tagged_hash(
        TAG,
        &[
            chain_id,
            &header.version.to_le_bytes(),
            header.previous_block_hash.as_bytes(),
            unsigned_root.as_bytes(),
            &header.time.to_le_bytes(),
            &header.bits.0.to_le_bytes(),
            &height.0.to_le_bytes(),
        ],
    )
}
