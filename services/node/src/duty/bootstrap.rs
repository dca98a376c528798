//! The first blocks of a network with a sealed engine, sealed by the bootstrap's key.

use bytes::Bytes;
use synod_node_core::{Durability, FoundWork, Node, Refusal, StorageError};
use synod_primitives::{Height, Script};
use synod_seal::{Mode, Seal, SealError, SealKey, Sections, Slot, UnsealedHeader};

/// Why the bootstrap was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The chain spec has no bootstrap that is sealed.
    #[error("the chain spec has no bootstrap that a key seals")]
    NoKey,
    /// The template takes no seal.
    #[error("a bootstrap block takes no seal: {0}")]
    Seal(#[from] SealError),
    /// The node refuses the block: the signature is not the bootstrap key's.
    #[error("the node refuses a bootstrap block: {0}")]
    Refused(Refusal),
}

/// Seals the blocks of the bootstrap that the chain lacks and takes them in; returns them, for
/// other nodes of the network.
///
/// Their coinbases pay `payout`, the first ones the bonds of the chain spec. `sign` signs a
/// digest with the bootstrap's key and zero auxiliary randomness (BIP340).
///
/// # Errors
/// Storage failed; what else went wrong is inside.
pub fn seal_bootstrap(
    node: &mut Node,
    key: SealKey,
    payout: &Script,
    sign: &mut dyn FnMut([u8; 32]) -> [u8; 64],
    now: u64,
) -> Result<Result<Vec<Bytes>, BootstrapError>, StorageError> {
    let Some(rules) = node.chain().rules().stake.clone() else {
        return Ok(Err(BootstrapError::NoKey));
    };
    let mut sealed = Vec::new();
    while node.view().height < rules.bootstrap_height {
        let template = node.template(payout.clone(), now);
        let work = FoundWork {
            extra_nonce: [0; 8],
            time: template.time,
            nonce: 0,
            version: None,
        };
        let block = template.assemble(&work);
        let seal = Seal {
            mode: Mode::Bootstrap,
            slot: Slot(template.height.0.into()),
            round: 0,
            previously_sealed: Height::GENESIS,
            prevoted: Height::GENESIS,
            reveal: [0; 32],
            key,
            signature: [0; 64],
            sections: Sections::default(),
        };
        let whole = UnsealedHeader::of_block(&block, &seal).and_then(|unsealed| {
            let signature = sign(unsealed.digest(&rules.chain_id));
            unsealed.seal_block(&block, signature)
        });
        let raw = match whole {
            Ok(block) => block.raw().clone(),
            Err(error) => return Ok(Err(error.into())),
        };
        let taken = node.submit_blocks(std::slice::from_ref(&raw), now, Durability::Deferred)?;
        if let Some(Err(refusal)) = taken.into_iter().next() {
            return Ok(Err(BootstrapError::Refused(refusal)));
        }
        sealed.push(raw);
    }
    node.sync()?;
    Ok(Ok(sealed))
}
