//! Merkle trees over transaction ids, as Bitcoin builds them.

use crate::double_hash::sha256d_pairs;
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
        let half = sha256d_pairs(&mut row);
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
        let half = sha256d_pairs(&mut row);
        row.truncate(half);
        position /= 2;
    }
    branch
}

/// A tree whose rows are kept, so that another list of leaves costs what follows the first
/// difference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    /// The leaves, then each row above; the last has one hash. None without leaves.
    rows: Vec<Vec<[u8; 32]>>,
}

impl Tree {
    /// Puts other leaves in the place of all from `kept` on.
    pub fn replace_after(&mut self, kept: usize, leaves: impl Iterator<Item = [u8; 32]>) {
        if self.rows.is_empty() {
            self.rows.push(Vec::new());
        }
        let mut kept = kept.min(self.rows[0].len());
        self.rows[0].truncate(kept);
        self.rows[0].extend(leaves);
        let mut row = 0;
        while self.rows[row].len() > 1 {
            kept /= 2;
            let mut changed = self.rows[row][2 * kept..].to_vec();
            let half = sha256d_pairs(&mut changed);
            changed.truncate(half);
            row += 1;
            match self.rows.get_mut(row) {
                Some(above) => {
                    above.truncate(kept);
                    above.append(&mut changed);
                }
                None => self.rows.push(changed),
            }
        }
        self.rows.truncate(row + 1);
    }

    /// Returns the root; zero without leaves.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let top = self.rows.last().and_then(|row| row.first());
        top.copied().unwrap_or_default()
    }

    /// Returns the sibling hashes on the way from the leaf at `position` to the root, as
    /// [`branch`] does.
    #[must_use]
    pub fn branch(&self, position: usize) -> Vec<[u8; 32]> {
        let Some((_, below)) = self.rows.split_last() else {
            return Vec::new();
        };
        if position >= self.rows[0].len() {
            return Vec::new();
        }
        let rows = below.iter().enumerate();
        rows.map(|(height, row)| row[((position >> height) ^ 1).min(row.len() - 1)])
            .collect()
    }
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

/// Says whether a transaction id stands at `position` of a block of `count` transactions with
/// this root.
///
/// Security: CVE-2017-12842. Two hashes side by side can be read as a transaction of 64 bytes, so
/// a branch that is one step longer can lead from a forged transaction, below a true one, to the
/// root. A branch alone therefore proves nothing: `count` has to be known, which fixes its length.
/// It is known from the block itself, or from a proof of the coinbase: that proof is as long as
/// the tree is high, and to forge it takes 2^224 hashes, because a coinbase starts with zeros.
#[must_use]
pub fn is_in_tree(
    txid: [u8; 32],
    position: usize,
    branch: &[[u8; 32]],
    count: usize,
    root: &[u8; 32],
) -> bool {
    position < count
        && branch.len() == height(count)
        && has_one_position(txid, position, branch, count)
        && fold_branch(txid, position, branch) == *root
}

/// Returns the number of rows above the leaves.
fn height(count: usize) -> usize {
    (usize::BITS - count.saturating_sub(1).leading_zeros()) as usize
}

/// Security: CVE-2012-2459. Equal siblings show the same leaf at two positions; honest trees
/// have them only at the end of a row of odd length, where the last hash is its own sibling.
fn has_one_position(leaf: [u8; 32], position: usize, branch: &[[u8; 32]], count: usize) -> bool {
    let (mut hash, mut at, mut row) = (leaf, position, count);
    branch.iter().all(|sibling| {
        let is_alone = at + 1 == row && at.is_multiple_of(2);
        let is_honest = (hash == *sibling) == is_alone;
        hash = fold_branch(hash, at, std::slice::from_ref(sibling));
        at /= 2;
        row = row.div_ceil(2);
        is_honest
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
    fn a_tree_that_is_kept_is_the_tree_of_its_leaves_after_every_change() {
        let mut tree = Tree::default();
        assert_eq!((tree.root(), tree.branch(0)), ([0; 32], Vec::new()));
        let mut kept: Vec<[u8; 32]> = Vec::new();
        for step in 0..400u32 {
            // Lengths and first differences that have nothing to do with each other.
            let length = (step * 7 % 37) as usize;
            let from = (step * 11 % 41) as usize % (kept.len() + 1);
            kept.truncate(from);
            let mark = u8::try_from(step % 251).expect("small");
            let new: Vec<[u8; 32]> = (from..length.max(from))
                .map(|place| [mark.wrapping_add(u8::try_from(place).expect("small")); 32])
                .collect();
            kept.extend_from_slice(&new);
            tree.replace_after(from, new.into_iter());
            assert_eq!(tree.root(), root(kept.clone()).hash, "{step}");
            for position in [0, 1, kept.len() / 2, kept.len()] {
                assert_eq!(tree.branch(position), branch(kept.clone(), position));
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
    fn every_leaf_is_in_its_tree_at_its_position_alone() {
        for count in 1..=17u8 {
            let root = root(leaves(count)).hash;
            let count = usize::from(count);
            for position in 0..count {
                let row = leaves(u8::try_from(count).expect("small"));
                let branch = branch(row.clone(), position);
                let proves = |at, count| is_in_tree(row[position], at, &branch, count, &root);
                for at in 0..=count {
                    assert_eq!(proves(at, count), at == position, "{position} of {count}");
                }
                assert!(!proves(position, 2 * count), "a longer branch is asked for");
                let other = is_in_tree([99; 32], position, &branch, count, &root);
                assert!(!other);
            }
        }
    }

    #[test]
    fn c17_cve_2017_12842_an_inner_node_is_no_leaf_and_none_hangs_below_a_leaf() {
        let root = root(leaves(4)).hash;
        let inner = hash_pair(&[1; 32], &[2; 32]);
        let other = hash_pair(&[3; 32], &[4; 32]);
        assert_eq!(fold_branch(inner, 0, &[other]), root);
        assert!(!is_in_tree(inner, 0, &[other], 4, &root));
        // The honest transaction of 64 bytes at position 0 is two hashes to its forger.
        let forged = [5; 32];
        let honest = hash_pair(&forged, &[6; 32]);
        let row = vec![honest, [2; 32], [3; 32], [4; 32]];
        let root = super::root(row.clone()).hash;
        let mut longer = vec![[6; 32]];
        longer.extend(branch(row, 0));
        assert_eq!(fold_branch(forged, 0, &longer), root);
        assert!(!is_in_tree(forged, 0, &longer, 4, &root));
        assert!(is_in_tree(honest, 0, &longer[1..], 4, &root));
    }

    #[test]
    fn c17_a_doubled_leaf_proves_no_second_position() {
        let root = root(leaves(3)).hash;
        let branch = branch(leaves(3), 2);
        assert_eq!(fold_branch([3; 32], 3, &branch), root);
        assert!(is_in_tree([3; 32], 2, &branch, 3, &root));
        assert!(!is_in_tree([3; 32], 3, &branch, 4, &root));
        assert!(!is_in_tree([3; 32], 2, &branch, 4, &root));
    }

    #[test]
    fn a_single_leaf_is_its_own_root() {
        assert_eq!(root(leaves(1)).hash, [1; 32]);
        assert_eq!(root(Vec::new()).hash, [0; 32]);
    }
}
