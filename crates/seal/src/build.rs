//! Sealing a template: template coinbase, unsigned seal, digest, signature, canonical nonce.

use synod_primitives::{Block, Header, Height, MerkleRoot, Transaction, merkle};

use crate::commitment::{has_seal_slot, put_seal};
use crate::error::SealError;
use crate::nonce::{SEALED_BITS, canonical_nonce};
use crate::seal::{Seal, Signature, seal_digest};
use crate::sealed_header::{
    MAX_COINBASE_SIZE, MAX_MERKLE_BRANCH, SealedHeader, coinbase_height, root_of,
};

/// A template that is being sealed.
///
/// ```text
/// let unsealed = UnsealedHeader::new(header, coinbase, branch, seal)?;
/// let signature = sign(unsealed.digest(&chain_id)); // the validator's key, zero auxiliary randomness
/// let (header, coinbase) = unsealed.seal(signature)?;
/// ```
#[derive(Clone, Debug)]
pub struct UnsealedHeader {
    header: Header,
    coinbase: Transaction,
    branch: Vec<[u8; 32]>,
    height: Height,
    seal: Seal,
}

impl UnsealedHeader {
    /// Takes the parts of a template and the seal that it is to have; the header's Merkle
    /// root and nonce, and the seal's signature, do not matter.
    ///
    /// # Errors
    /// The coinbase has no height, not exactly one empty place for a seal, or is too large
    /// with it; `bits` are not the limit.
    pub fn new(
        header: Header,
        coinbase: &Transaction,
        branch: Vec<[u8; 32]>,
        seal: &Seal,
    ) -> Result<Self, SealError> {
        if header.bits != SEALED_BITS {
            return Err(SealError::Bits);
        }
        if !has_seal_slot(coinbase) {
            return Err(SealError::Commitment);
        }
        let height = coinbase_height(coinbase).ok_or(SealError::Coinbase)?;
        let seal = seal.with_signature([0; 64]);
        let coinbase = put_seal(coinbase, &seal)?;
        if coinbase.stripped_size() > MAX_COINBASE_SIZE || branch.len() > MAX_MERKLE_BRANCH {
            return Err(SealError::Size);
        }
        let merkle_root = root_of(&coinbase, &branch);
        let header = Header {
            merkle_root,
            ..header
        };
        Ok(Self {
            header,
            coinbase,
            branch,
            height,
            seal,
        })
    }

    /// Takes a whole template block.
    ///
    /// # Errors
    /// As [`UnsealedHeader::new`]; also for a block without transactions.
    pub fn of_block(block: &Block, seal: &Seal) -> Result<Self, SealError> {
        let (coinbase, _) = block
            .transactions()
            .split_first()
            .ok_or(SealError::Coinbase)?;
        let branch = SealedHeader::branch_of(block);
        Self::new(*block.header(), coinbase, branch, seal)
    }

    /// Returns the height that the coinbase states.
    #[must_use]
    pub fn height(&self) -> Height {
        self.height
    }

    /// Computes what the seal's key has to sign.
    #[must_use]
    pub fn digest(&self, chain_id: &[u8; 32]) -> [u8; 32] {
        seal_digest(
            chain_id,
            &self.header,
            &self.header.merkle_root,
            self.height,
        )
    }

    /// Puts the signature in and finds the nonce; returns the block's header and coinbase.
    ///
    /// # Errors
    /// [`SealError::Nonce`] when no nonce is found, whose chance is 2^-256.
    pub fn seal(self, signature: Signature) -> Result<(Header, Transaction), SealError> {
        let coinbase = put_seal(&self.coinbase, &self.seal.with_signature(signature))?;
        let leaf = coinbase.txid().to_bytes();
        let root = merkle::fold_branch(leaf, 0, &self.branch);
        let mut header = Header {
            merkle_root: MerkleRoot::from_bytes(root),
            ..self.header
        };
        header.nonce = canonical_nonce(&header).ok_or(SealError::Nonce)?;
        Ok((header, coinbase))
    }

    /// As [`UnsealedHeader::seal`], with the other transactions of the template block.
    ///
    /// # Errors
    /// As [`UnsealedHeader::seal`].
    pub fn seal_block(self, template: &Block, signature: Signature) -> Result<Block, SealError> {
        let (header, coinbase) = self.seal(signature)?;
        let others = template.transactions().iter().skip(1).cloned();
        let transactions = std::iter::once(coinbase).chain(others).collect();
        Ok(Block::new(header, transactions))
    }
}
