//! Keys in this process, with their protection.

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_api::HashHex;
use synod_api::validator::ValidatorKey;
use synod_seal::{Seal, SealKey, Signature, UnsealedHeader, VoteLink};

use super::{SealAnswer, SealRequest, SignError};
use crate::keys::SealingKey;
use crate::protection::{Protection, ProtectionError, SealRecord, VoteRecord};

/// Keys and their protection database. Clones share both.
#[derive(Clone, Debug)]
pub struct LocalSigner {
    keys: Arc<BTreeMap<SealKey, Arc<SealingKey>>>,
    protection: Arc<Protection>,
}

impl LocalSigner {
    /// Puts keys under the protection of a database.
    ///
    /// # Errors
    /// A key is not in the database: its history is not known.
    pub async fn new(
        keys: Vec<SealingKey>,
        protection: Protection,
    ) -> Result<Self, ProtectionError> {
        for key in &keys {
            protection.marks(&key.public()).await?;
        }
        let keys = keys.into_iter().map(|key| (key.public(), Arc::new(key)));
        Ok(Self {
            keys: Arc::new(keys.collect()),
            protection: Arc::new(protection),
        })
    }

    /// Returns the chain that the protection belongs to.
    #[must_use]
    pub fn chain_id(&self) -> &[u8; 32] {
        self.protection.chain_id()
    }

    /// Returns the keys with what they last signed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keys(&self) -> Result<Vec<ValidatorKey>, SignError> {
        let mut found = Vec::with_capacity(self.keys.len());
        for (public, key) in self.keys.iter() {
            let marks = self.protection.marks(public).await?;
            found.push(ValidatorKey {
                last_slot: marks.sealed.map(|it| it.0),
                last_target: marks.voted.map(|it| it.1),
                ..key.describe()
            });
        }
        Ok(found)
    }

    fn key(&self, key: &SealKey) -> Result<&Arc<SealingKey>, SignError> {
        let found = self.keys.get(key);
        found.ok_or_else(|| SignError::UnknownKey(HashHex::from_bytes(key.0)))
    }

    fn check_chain(&self, chain_id: &[u8; 32]) -> Result<(), SignError> {
        if chain_id == self.chain_id() {
            return Ok(());
        }
        Err(SignError::OtherChain {
            found: HashHex::from_bytes(*chain_id),
            wanted: HashHex::from_bytes(*self.chain_id()),
        })
    }

    /// Seals a template.
    ///
    /// # Errors
    /// Sealing it could be slashed, it is of another chain or no template, or the disk fails.
    pub async fn seal(
        &self,
        chain_id: &[u8; 32],
        request: SealRequest,
    ) -> Result<SealAnswer, SignError> {
        self.check_chain(chain_id)?;
        let public = request.seal.key;
        let key = self.key(&public)?;
        let reveal = next_reveal(key, request.seal.reveal).await?;
        let seal = Seal {
            reveal,
            ..request.seal
        };
        let unsealed =
            UnsealedHeader::new(request.header, &request.coinbase, request.branch, &seal)?;
        let record = SealRecord {
            mode: seal.mode,
            slot: seal.slot.0,
            round: seal.round,
            height: unsealed.height().0,
            previously_sealed: seal.previously_sealed.0,
            prevoted: seal.prevoted.0,
            digest: unsealed.digest(chain_id),
        };
        let signing = self
            .protection
            .seal(&public, &record, |digest| key.sign(digest));
        Ok(SealAnswer {
            reveal,
            signature: signing.await?,
        })
    }

    /// Signs a vote.
    ///
    /// # Errors
    /// Signing it could be slashed, it is of another chain, or the disk fails.
    pub async fn vote(
        &self,
        chain_id: &[u8; 32],
        public: SealKey,
        link: VoteLink,
    ) -> Result<Signature, SignError> {
        self.check_chain(chain_id)?;
        let key = self.key(&public)?;
        let record = VoteRecord {
            source: link.source.epoch.0,
            target: link.target.epoch.0,
            digest: link.digest(chain_id),
        };
        let signing = self
            .protection
            .vote(&public, &record, |digest| key.sign(digest));
        Ok(signing.await?)
    }
}

/// Finds the reveal after `before`; zeros where the engine asks for none.
async fn next_reveal(key: &Arc<SealingKey>, before: [u8; 32]) -> Result<[u8; 32], SignError> {
    if before == [0; 32] {
        return Ok(before);
    }
    let key = Arc::clone(key);
    // The walk along the chain takes up to 2^20 hashes.
    let walk = tokio::task::spawn_blocking(move || key.reveal_after(&before));
    walk.await.ok().flatten().ok_or(SignError::Reveal)
}
