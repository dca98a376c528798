//! Targets and Merkle trees.

use synod_primitives::{CompactTarget, merkle};

use crate::Input;

/// The most leaves of a tree here.
const MAX_LEAVES: usize = 64;

/// A compact target that is one keeps its value when it is written and read, and scaling stays
/// in range.
pub(crate) fn compact_target(bytes: &[u8]) {
    let mut input = Input(bytes);
    let compact = CompactTarget(u32::from_le_bytes(input.array()));
    let numerator = u32::from_le_bytes(input.array());
    let denominator = u32::from_le_bytes(input.array());
    let difficulty = compact.difficulty();
    assert!(difficulty >= 0.0 || difficulty.is_nan());
    let Ok(target) = compact.to_target() else {
        return;
    };
    assert_eq!(target.to_compact().to_target(), Ok(target));
    assert!(target.work().to_be_bytes() != [0; 32]);
    if denominator != 0 {
        let scaled = target.scale(numerator, denominator);
        assert!(numerator > denominator || scaled <= target);
        assert!(numerator < denominator || scaled >= target);
    }
}

/// Every leaf is proved by its branch at its position, and a tree with equal siblings is seen.
pub(crate) fn merkle(bytes: &[u8]) {
    let leaves: Vec<[u8; 32]> = bytes.iter().take(MAX_LEAVES).map(|it| [*it; 32]).collect();
    let root = merkle::root(leaves.clone());
    assert_eq!(root.is_mutated, has_equal_siblings(leaves.clone()));
    for (position, leaf) in leaves.iter().enumerate() {
        let branch = merkle::branch(leaves.clone(), position);
        assert_eq!(merkle::fold_branch(*leaf, position, &branch), root.hash);
        let count = leaves.len();
        if !root.is_mutated {
            assert!(merkle::is_in_tree(
                *leaf, position, &branch, count, &root.hash
            ));
        }
        assert!(!merkle::is_in_tree(
            *leaf,
            position + count,
            &branch,
            count,
            &root.hash
        ));
    }
    assert!(merkle::branch(leaves.clone(), leaves.len()).is_empty());
}

/// Says whether two hashes beside each other are equal, on any row.
fn has_equal_siblings(mut row: Vec<[u8; 32]>) -> bool {
    while row.len() > 1 {
        if row.chunks_exact(2).any(|pair| pair[0] == pair[1]) {
            return true;
        }
        row = row
            .chunks(2)
            .map(|pair| merkle::fold_branch(pair[0], 0, &pair[pair.len() - 1..]))
            .collect();
    }
    false
}
