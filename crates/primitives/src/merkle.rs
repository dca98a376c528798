//! Merkle trees over transaction ids, as Bitcoin builds them.

use crate::hash::sha256d;

/// A root together with the finding whether its tree is ambiguous.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Root {
    /// The root hash; zero for a tree without leaves.
    pub hash: [u8; 32],
    /// Two equal hashes are siblings, so another list of leaves has the same root.
    ///
    /// Security: CVE-2012-2459. A block with such a tree is refused, but its hash must
    /// not be remembered as invalid: the honest block may have the same one.
    pub is_mutated: bool,
}

fn hash_pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut pair = [0; 64];
    pair[..32].copy_from_slice(left);
    pair[32..].copy_from_slice(right);
    sha256d(&pair)
}

/// Computes the root; a row of odd length pairs its last hash with itself.
#[must_use]
pub fn root(mut row: Vec<[u8; 32]>) -> Root {
    let mut is_mutated = false;
    while row.len() > 1 {
        is_mutated |= row.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        let half = row.len().div_ceil(2);
        for i in 0..half {
            let right = row[(2 * i + 1).min(row.len() - 1)];
            row[i] = hash_pair(&row[2 * i], &right);
        }
        row.truncate(half);
    }
    Root {
        hash: row.first().copied().unwrap_or_default(),
        is_mutated,
    }
}

/// Returns the sibling hashes on the way from the leaf at `position` to the root.
///
/// Empty when `position` is past the leaves or the leaf is the root.
#[must_use]
pub fn branch(mut row: Vec<[u8; 32]>, mut position: usize) -> Vec<[u8; 32]> {
    let mut branch = Vec::new();
    if position >= row.len() {
        return branch;
    }
    while row.len() > 1 {
        branch.push(row[(position ^ 1).min(row.len() - 1)]);
        let half = row.len().div_ceil(2);
        for i in 0..half {
            let right = row[(2 * i + 1).min(row.len() - 1)];
            row[i] = hash_pair(&row[2 * i], &right);
        }
        row.truncate(half);
        position /= 2;
    }
    branch
}

/// Computes the root from a leaf, its position and its branch.
#[must_use]
pub fn fold_branch(leaf: [u8; 32], mut position: usize, branch: &[[u8; 32]]) -> [u8; 32] {
    branch.iter().fold(leaf, |hash, sibling| {
        let parent = if position.is_multiple_of(2) {
            hash_pair(&hash, sibling)
        } else {
            hash_pair(sibling, &hash)
        };
        position /= 2;
        parent
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<[u8; 32]> {
        (0..count).map(|i| [i + 1; 32]).collect()
    }

    #[test]
    fn every_branch_leads_to_the_root() {
        for count in 1..=17 {
            let root = root(leaves(count));
            assert!(!root.is_mutated);
            for position in 0..usize::from(count) {
                let branch = branch(leaves(count), position);
                let leaf = leaves(count)[position];
                assert_eq!(fold_branch(leaf, position, &branch), root.hash);
            }
        }
    }

    #[test]
    fn doubled_leaves_with_the_same_root_are_seen_as_mutated() {
        let honest = root(leaves(3));
        let mut doubled = leaves(3);
        doubled.push(doubled[2]);
        let forged = root(doubled);
        assert_eq!(forged.hash, honest.hash);
        assert!(forged.is_mutated && !honest.is_mutated);
    }

    #[test]
    fn a_single_leaf_is_its_own_root() {
        assert_eq!(root(leaves(1)).hash, [1; 32]);
        assert_eq!(root(Vec::new()).hash, [0; 32]);
    }
}
