//! The Merkle root of a full block beside the same tree over `sha2`.

use std::hint::black_box;

use anyhow::{Result, ensure};
use sha2::{Digest as _, Sha256};
use synod_primitives::{merkle, sha256};

use super::rounds::Rounds;

/// Leaves of the tree.
const LEAVES: u64 = 2_500;

/// Measures both, round by round one after the other.
pub(crate) fn merkle(rounds: usize) -> Result<()> {
    let leaves: Vec<[u8; 32]> = (0..LEAVES).map(|it| sha256(&it.to_le_bytes())).collect();
    let (mut ours, mut theirs) = (Rounds::new(), Rounds::new());
    let mut all_equal = true;
    for _ in 0..rounds {
        let (mut root, mut reference) = ([0; 32], [0; 32]);
        ours.time(|| root = merkle::root(black_box(leaves.clone())).hash);
        theirs.time(|| reference = reference_root(black_box(leaves.clone())));
        all_equal &= root == reference;
    }
    ensure!(all_equal, "the roots differ");
    ours.tell("merkle root", 1);
    theirs.tell("merkle root over sha2", 1);
    println!(
        "ratio of the medians {:.2}",
        theirs.median() / ours.median()
    );
    Ok(())
}

fn reference_root(mut row: Vec<[u8; 32]>) -> [u8; 32] {
    while row.len() > 1 {
        let pairs = row.chunks(2).map(|pair| {
            let hasher = Sha256::new_with_prefix(pair[0]);
            let hash = hasher.chain_update(pair[pair.len() - 1]).finalize();
            Sha256::digest(hash).into()
        });
        row = pairs.collect();
    }
    row[0]
}
