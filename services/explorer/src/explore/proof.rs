//! Proofs that a transaction is in a block.

use synod_primitives::encode::write_count;
use synod_primitives::{Header, Txid, merkle};

use super::{ExploreError, Place, TxView};
use crate::snapshot::Snapshot;
use crate::store::BlockRecord;

/// The hashes beside the way from a transaction to the Merkle root.
#[derive(Clone, Debug)]
pub(crate) struct BranchProof {
    pub(crate) height: u32,
    pub(crate) position: u32,
    /// From the leaf up, as ids are shown.
    pub(crate) branch: Vec<Txid>,
}

impl Snapshot {
    /// Proves where a confirmed transaction is; `None` for any other.
    pub(crate) async fn branch_proof(
        &mut self,
        view: &TxView,
    ) -> Result<Option<BranchProof>, ExploreError> {
        let Place::Confirmed { number, .. } = view.place else {
            return Ok(None);
        };
        let leaves = self.reader.block_txids(number.height()).await?;
        let leaves = leaves.into_iter().map(Txid::to_bytes).collect();
        let branch = merkle::branch(leaves, number.position() as usize);
        let branch = branch.into_iter().map(Txid::from_bytes).collect();
        Ok(Some(BranchProof {
            height: number.height(),
            position: number.position(),
            branch,
        }))
    }
}

/// Encodes the block's header and the part of its Merkle tree that leads to one transaction
/// (BIP37: `merkleblock`).
pub(crate) fn merkle_block(record: &BlockRecord, txids: &[Txid], position: usize) -> Vec<u8> {
    let mut tree = PartialTree {
        leaves: txids,
        position,
        bits: Vec::new(),
        hashes: Vec::new(),
    };
    let mut height = 0;
    while tree.width(height) > 1 {
        height += 1;
    }
    tree.descend(height, 0);
    encode(&record.header, txids.len(), &tree)
}

struct PartialTree<'t> {
    leaves: &'t [Txid],
    position: usize,
    bits: Vec<bool>,
    hashes: Vec<[u8; 32]>,
}

impl PartialTree<'_> {
    /// The number of nodes at a height above the leaves.
    fn width(&self, height: usize) -> usize {
        self.leaves.len().div_ceil(1 << height)
    }

    fn hash(&self, height: usize, index: usize) -> [u8; 32] {
        let from = index << height;
        let to = ((index + 1) << height).min(self.leaves.len());
        let mut row: Vec<[u8; 32]> = self.leaves[from..to]
            .iter()
            .map(|id| id.to_bytes())
            .collect();
        // A part of the tree has its own height even where its right half is missing.
        for _ in 0..height {
            if row.len() % 2 == 1 {
                row.push(row[row.len() - 1]);
            }
            row = row
                .chunks_exact(2)
                .map(|pair| merkle::root(pair.to_vec()).hash)
                .collect();
        }
        row[0]
    }

    fn descend(&mut self, height: usize, index: usize) {
        let is_on_way = self.position >> height == index;
        self.bits.push(is_on_way);
        if height == 0 || !is_on_way {
            self.hashes.push(self.hash(height, index));
            return;
        }
        self.descend(height - 1, index * 2);
        if index * 2 + 1 < self.width(height - 1) {
            self.descend(height - 1, index * 2 + 1);
        }
    }
}

fn encode(header: &Header, count: usize, tree: &PartialTree<'_>) -> Vec<u8> {
    let mut out = header.encode().to_vec();
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    write_count(&mut out, tree.hashes.len());
    for hash in &tree.hashes {
        out.extend_from_slice(hash);
    }
    write_count(&mut out, tree.bits.len().div_ceil(8));
    for byte in tree.bits.chunks(8) {
        out.push(
            byte.iter()
                .enumerate()
                .fold(0, |sum, (i, bit)| sum | u8::from(*bit) << i),
        );
    }
    out
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
