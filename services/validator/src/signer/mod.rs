//! Who signs: keys in this process with their protection, or a signer over REST.
//!
//! Only typed messages are signed. A signer gets the parts of a template or of a vote, computes
//! the digest itself, and so knows which slot or epochs it signs for.

mod error;
mod local;
mod remote;

pub use error::SignError;
pub(crate) use error::bad_part;
pub use local::LocalSigner;
pub use remote::RemoteSigner;
pub(crate) use remote::checkpoint;

use synod_api::validator::ValidatorKey;
use synod_primitives::{Block, Header, Transaction};
use synod_seal::{Seal, SealKey, SealedHeader, Signature, UnsealedHeader, Vote, VoteLink};

/// A template that is to be sealed.
#[derive(Clone, Debug)]
pub struct SealRequest {
    /// The template's header; root and nonce do not matter.
    pub header: Header,
    /// The template's coinbase.
    pub coinbase: Transaction,
    /// The hashes that lead from the coinbase to the root.
    pub branch: Vec<[u8; 32]>,
    /// The seal without signature; its reveal is what the next one has to hash to.
    pub seal: Seal,
}

/// What a signer puts into a seal.
#[derive(Clone, Copy, Debug)]
pub struct SealAnswer {
    /// The next reveal; zeros where the seal asked for none.
    pub reveal: [u8; 32],
    /// The signature.
    pub signature: Signature,
}

/// Who signs.
#[derive(Debug)]
pub enum Signer {
    /// This process.
    Local(LocalSigner),
    /// Another one.
    Remote(RemoteSigner),
}

impl Signer {
    /// Returns the keys with what they last signed.
    ///
    /// # Errors
    /// The signer does not answer, or its database fails.
    pub async fn keys(&self) -> Result<Vec<ValidatorKey>, SignError> {
        match self {
            Self::Local(signer) => signer.keys().await,
            Self::Remote(signer) => signer.keys().await,
        }
    }

    /// Returns the chain that is signed for.
    ///
    /// # Errors
    /// The remote signer does not answer.
    pub async fn chain_id(&self) -> Result<[u8; 32], SignError> {
        match self {
            Self::Local(signer) => Ok(*signer.chain_id()),
            Self::Remote(signer) => signer.chain_id().await,
        }
    }

    /// Says where the keys are.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Local(_) => "local".to_owned(),
            Self::Remote(signer) => signer.root().to_owned(),
        }
    }

    /// Seals a whole block.
    ///
    /// # Errors
    /// Sealing it could be slashed, it is no template, or the signer fails.
    pub async fn seal_block(
        &self,
        chain_id: &[u8; 32],
        block: &Block,
        seal: &Seal,
    ) -> Result<Block, SignError> {
        let sealed = SealedHeader::of_block(block).ok_or(SignError::Template)?;
        let request = SealRequest {
            header: sealed.header,
            coinbase: sealed.coinbase,
            branch: sealed.branch,
            seal: seal.clone(),
        };
        let answer = match self {
            Self::Local(signer) => signer.seal(chain_id, request).await?,
            Self::Remote(signer) => signer.seal(chain_id, &request).await?,
        };
        let seal = Seal {
            reveal: answer.reveal,
            ..seal.clone()
        };
        let unsealed = UnsealedHeader::of_block(block, &seal)?;
        let block = unsealed.seal_block(block, answer.signature)?;
        // A signature that is wrong (broken memory, a false signer) does no harm but is useless.
        let sealed = SealedHeader::of_block(&block).ok_or(SignError::Template)?;
        sealed.check(chain_id)?;
        Ok(block)
    }

    /// Signs a vote.
    ///
    /// # Errors
    /// Signing it could be slashed, or the signer fails.
    pub async fn vote(
        &self,
        chain_id: &[u8; 32],
        key: SealKey,
        link: VoteLink,
    ) -> Result<Vote, SignError> {
        let signature = match self {
            Self::Local(signer) => signer.vote(chain_id, key, link).await?,
            Self::Remote(signer) => signer.vote(chain_id, key, link).await?,
        };
        let vote = Vote {
            link,
            key,
            signature,
        };
        if vote.is_signed(chain_id) {
            Ok(vote)
        } else {
            Err(SignError::Signature)
        }
    }
}
