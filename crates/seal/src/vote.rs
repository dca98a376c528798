//! Checkpoint votes: signed links from a justified checkpoint to a later one (Casper FFG,
//! arXiv:1710.09437).

use synod_primitives::{BlockHash, Reader, tagged_hash};

use crate::error::SealError;
use crate::quantity::{Epoch, SealKey};
use crate::seal::{Signature, is_signature};
use crate::wire::decode_with;

/// The tag of the digest.
const TAG: &str = "synod/vote/1";

/// The last block before the first slot of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Checkpoint {
    /// The epoch.
    pub epoch: Epoch,
    /// The block.
    pub hash: BlockHash,
}

impl Checkpoint {
    /// The encoded size in bytes.
    pub const SIZE: usize = 40;

    /// Encodes the epoch, little-endian, and the hash.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..8].copy_from_slice(&self.epoch.0.to_le_bytes());
        out[8..].copy_from_slice(self.hash.as_bytes());
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, SealError> {
        let short = |_| SealError::Section;
        Ok(Self {
            epoch: Epoch(reader.read_u64().map_err(short)?),
            hash: BlockHash::from_bytes(reader.read_array().map_err(short)?),
        })
    }
}

/// What is voted for: that `target` follows `source`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VoteLink {
    /// A checkpoint that the voter holds for justified.
    pub source: Checkpoint,
    /// A later checkpoint.
    pub target: Checkpoint,
}

impl VoteLink {
    /// The encoded size in bytes.
    pub const SIZE: usize = 2 * Checkpoint::SIZE;

    /// Encodes source and target.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..Checkpoint::SIZE].copy_from_slice(&self.source.encode());
        out[Checkpoint::SIZE..].copy_from_slice(&self.target.encode());
        out
    }

    /// Reads a link whose target lies after its source.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, SealError> {
        let link = Self {
            source: Checkpoint::read(reader)?,
            target: Checkpoint::read(reader)?,
        };
        if link.source.epoch < link.target.epoch {
            Ok(link)
        } else {
            Err(SealError::Section)
        }
    }

    /// Computes what voters sign.
    #[must_use]
    pub fn digest(&self, chain_id: &[u8; 32]) -> [u8; 32] {
        tagged_hash(TAG, &[chain_id, &self.encode()])
    }
}

/// A link that a key has signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vote {
    /// What is voted for.
    pub link: VoteLink,
    /// Who votes.
    pub key: SealKey,
    /// The key's signature over the link's digest.
    pub signature: Signature,
}

impl Vote {
    /// The encoded size in bytes.
    pub const SIZE: usize = VoteLink::SIZE + 32 + 64;

    /// Encodes link, key and signature.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE);
        out.extend_from_slice(&self.link.encode());
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.signature);
        out
    }

    /// Decodes exactly one vote.
    ///
    /// # Errors
    /// [`SealError::Section`]: another length, or a target that is not after its source.
    pub fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        decode_with(bytes, SealError::Section, |reader| {
            let short = |_| SealError::Section;
            Ok(Self {
                link: VoteLink::read(reader)?,
                key: SealKey(reader.read_array().map_err(short)?),
                signature: reader.read_array().map_err(short)?,
            })
        })
    }

    /// Says whether the signature is the key's.
    #[must_use]
    pub fn is_signed(&self, chain_id: &[u8; 32]) -> bool {
        is_signature(&self.key, &self.signature, self.link.digest(chain_id))
    }
}
