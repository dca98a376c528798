//! A header with what proves its seal: the coinbase without its witness and the branch that
//! leads from it to the Merkle root.
//!
//! The proof that travels beside a header is encoded as: the coinbase after its length, one
//! byte, the number of hashes of the branch, and those hashes.

use bytes::Bytes;
use synod_primitives::encode::{MAX_SIZE, write_var_bytes};
use synod_primitives::{Block, BlockHash, Header, Height, MerkleRoot, Transaction, merkle};

use crate::commitment::{find_seal, put_seal};
use crate::error::SealError;
use crate::nonce::{SEALED_BITS, canonical_nonce};
use crate::seal::{Seal, seal_digest};
use crate::wire::decode_with;

/// The most bytes of a sealed block's coinbase without its witness.
///
/// Security: a coinbase is part of evidence, and an item of a witness that carries evidence
/// has 20 kB at most. A coinbase that could not be shown could not be punished.
pub const MAX_COINBASE_SIZE: usize = 18_000;
/// The most hashes on the way from the coinbase to the root; a block of 4,000,000 weight
/// units has fewer than 2^15 transactions.
pub const MAX_MERKLE_BRANCH: usize = 15;
/// The most bytes of a proof.
pub const MAX_PROOF_SIZE: usize = 3 + MAX_COINBASE_SIZE + 1 + 32 * MAX_MERKLE_BRANCH;

/// A header with its coinbase and branch, none of it checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SealedHeader {
    /// The header.
    pub header: Header,
    /// The coinbase; its witness plays no part.
    pub coinbase: Transaction,
    /// The siblings of the coinbase on the way to the Merkle root.
    pub branch: Vec<[u8; 32]>,
}

/// A sealed header whose coinbase leads to its root, whose nonce is canonical and whose
/// signature is the key's: its hash was made by the holder of the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedSeal {
    hash: BlockHash,
    header: Header,
    height: Height,
    seal: Seal,
}

impl CheckedSeal {
    /// Returns the block's hash.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Borrows the header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the height that the coinbase states and the signature covers.
    #[must_use]
    pub fn height(&self) -> Height {
        self.height
    }

    /// Borrows the seal.
    #[must_use]
    pub fn seal(&self) -> &Seal {
        &self.seal
    }
}

impl SealedHeader {
    /// Takes header, coinbase and branch out of a block; `None` for one without transactions.
    #[must_use]
    pub fn of_block(block: &Block) -> Option<Self> {
        Some(Self {
            header: *block.header(),
            coinbase: block.transactions().first()?.clone(),
            branch: Self::branch_of(block),
        })
    }

    pub(crate) fn branch_of(block: &Block) -> Vec<[u8; 32]> {
        let ids = block.transactions().iter();
        merkle::branch(ids.map(|it| it.txid().to_bytes()).collect(), 0)
    }

    /// Encodes the proof that travels beside the header.
    #[must_use]
    pub fn encode_proof(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_var_bytes(&mut out, &self.coinbase.encode_stripped());
        out.push(u8::try_from(self.branch.len()).expect("a branch has fewer than 256 hashes"));
        for hash in &self.branch {
            out.extend_from_slice(hash);
        }
        out
    }

    /// Decodes a proof that came with a header.
    ///
    /// # Errors
    /// Bytes past a limit, or that [`SealedHeader::encode_proof`] does not write.
    pub fn decode_proof(header: Header, proof: &[u8]) -> Result<Self, SealError> {
        if proof.len() > MAX_PROOF_SIZE {
            return Err(SealError::Size);
        }
        decode_with(proof, SealError::Branch, |reader| {
            let bytes = reader.read_var_bytes().map_err(|_| SealError::Coinbase)?;
            let coinbase = decode_stripped(&bytes)?;
            let short = |_| SealError::Branch;
            let count = usize::from(reader.read_u8().map_err(short)?);
            if count > MAX_MERKLE_BRANCH {
                return Err(SealError::Size);
            }
            let branch = (0..count).map(|_| reader.read_array().map_err(short));
            Ok(Self {
                header,
                coinbase,
                branch: branch.collect::<Result<_, _>>()?,
            })
        })
    }

    /// Checks everything that holds wherever the block stands: sizes, root, seal, `bits`,
    /// canonical nonce and signature.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self, chain_id: &[u8; 32]) -> Result<CheckedSeal, SealError> {
        let (height, seal) = self.check_form()?;
        if root_of(&self.coinbase, &self.branch) != self.header.merkle_root {
            return Err(SealError::Branch);
        }
        let unsigned = put_seal(&self.coinbase, &seal.with_signature([0; 64]))?;
        let root = root_of(&unsigned, &self.branch);
        if !seal.is_signed(seal_digest(chain_id, &self.header, &root, height)) {
            return Err(SealError::Signature);
        }
        Ok(CheckedSeal {
            hash: self.header.block_hash(),
            header: self.header,
            height,
            seal,
        })
    }

    /// Checks what needs neither the root nor the signature: sizes, height, seal, `bits` and
    /// canonical nonce. Returns the height that the coinbase states, and the seal.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check_form(&self) -> Result<(Height, Seal), SealError> {
        let height = self.check_shape()?;
        let seal = find_seal(&self.coinbase)?;
        if self.header.bits != SEALED_BITS {
            return Err(SealError::Bits);
        }
        if canonical_nonce(&self.header) != Some(self.header.nonce) {
            return Err(SealError::Nonce);
        }
        Ok((height, seal))
    }

    fn check_shape(&self) -> Result<Height, SealError> {
        let is_small = self.coinbase.stripped_size() <= MAX_COINBASE_SIZE;
        if !is_small || self.branch.len() > MAX_MERKLE_BRANCH {
            return Err(SealError::Size);
        }
        Some(&self.coinbase)
            .filter(|it| it.is_coinbase())
            .and_then(coinbase_height)
            .ok_or(SealError::Coinbase)
    }
}

/// Decodes a transaction without witness whose encoding is canonical.
fn decode_stripped(bytes: &Bytes) -> Result<Transaction, SealError> {
    debug_assert!(bytes.len() as u64 <= MAX_SIZE);
    Transaction::decode(bytes)
        .ok()
        .filter(|it| it.is_coinbase() && !it.has_witness())
        .ok_or(SealError::Coinbase)
}

/// Computes the root that the coinbase leads to.
pub(crate) fn root_of(coinbase: &Transaction, branch: &[[u8; 32]]) -> MerkleRoot {
    MerkleRoot::from_bytes(merkle::fold_branch(coinbase.txid().to_bytes(), 0, branch))
}

/// Reads the height that a coinbase's script starts with (BIP34): the shortest push of a
/// script number.
pub(crate) fn coinbase_height(coinbase: &Transaction) -> Option<Height> {
    let script = coinbase.inputs().first()?.script_sig.as_bytes();
    let (opcode, rest) = script.split_first()?;
    match *opcode {
        code @ 0x51..=0x60 => Some(Height(u32::from(code - 0x50))),
        length @ 1..=5 => {
            let bytes = rest.get(..usize::from(length))?;
            let (last, before) = bytes.split_last()?;
            // A number is positive, and its last byte is there for a reason.
            let is_shortest = match before.last() {
                Some(before) => *last != 0 || before & 0x80 != 0,
                None => *last > 16,
            };
            if last & 0x80 != 0 || !is_shortest {
                return None;
            }
            let value = bytes.iter().rev();
            let value = value.fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            u32::try_from(value).ok().map(Height)
        }
        _ => None,
    }
}
