//! SHA-256 and double SHA-256 of many messages, two at a time where the processor has SHA extensions.
//!
//! One round instruction waits for the one before it for longer than it occupies its unit, so a
//! single message leaves the unit idle half of the time. Two messages whose rounds alternate fill
//! it. Messages of different lengths are kept in two lanes, each of which takes the next message
//! as soon as it has finished one.
//!
//! Without SHA extensions, and for single messages, `sha2` does the work.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod rounds;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};

use crate::hash::{Sha256d, sha256};

/// A message in pieces, which are hashed as if they stood one behind the other.
pub type Message<'a> = [&'a [u8]; 3];

/// Hashes each message twice with SHA-256 and hands its index and hash to `sink`, in any order.
pub fn sha256d_each<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    mut sink: impl FnMut(usize, [u8; 32]),
) {
    #[cfg(target_arch = "x86_64")]
    if rounds::is_available() {
        return lanes::hash_each(messages, true, sink);
    }
    portable_each(messages, true, &mut sink);
}

/// Hashes each message once with SHA-256 and hands its index and hash to `sink`, in any order.
pub fn sha256_each<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    mut sink: impl FnMut(usize, [u8; 32]),
) {
    #[cfg(target_arch = "x86_64")]
    if rounds::is_available() {
        return lanes::hash_each(messages, false, sink);
    }
    portable_each(messages, false, &mut sink);
}

fn portable_each<'a>(
    messages: impl Iterator<Item = Message<'a>>,
    is_double: bool,
    sink: &mut impl FnMut(usize, [u8; 32]),
) {
    for (index, pieces) in messages.enumerate() {
        let mut hasher = Sha256::new();
        pieces.iter().for_each(|piece| hasher.update(piece));
        let hash: [u8; 32] = hasher.finalize().into();
        sink(index, if is_double { sha256(&hash) } else { hash });
    }
}

/// Hashes the two halves of each pair together, twice with SHA-256: a row of a Merkle tree.
///
/// The hash of the pair at `2i` takes the place `i`. A last node without a partner is paired with
/// itself. Returns the number of hashes, which stand at the start of the row.
pub fn sha256d_pairs(row: &mut [[u8; 32]]) -> usize {
    let is_paired = row.len().is_multiple_of(2);
    let pairs = row.len() / 2;
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if rounds::is_available() {
        done = rounds::sha256d_pairs(row);
    }
    for index in done..pairs {
        row[index] = pair(&row[2 * index], &row[2 * index + 1]);
    }
    if !is_paired {
        row[pairs] = pair(&row[2 * pairs], &row[2 * pairs]);
    }
    pairs + usize::from(!is_paired)
}

fn pair(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256d::new();
    hasher.update(left);
    hasher.update(right);
    hasher.finalize()
}
