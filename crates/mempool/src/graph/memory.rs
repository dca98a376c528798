//! What entries occupy in memory.
//!
//! The figures follow the layout of the types and of the standard library's tables and trees,
//! with the filling that they have on average; what an allocator adds is taken as 16 bytes.

use std::mem::size_of;

use synod_primitives::{OutPoint, Transaction, TxIn, TxOut, Txid};

use super::{Slot, order};
use crate::entry::{Arrival, Entry};
use crate::template::PackageKey;

/// What an allocation costs beyond what was asked for.
const ALLOCATION_BYTES: usize = 16;
/// What an `Arc` keeps beside its content.
const ARC_BYTES: usize = 2 * size_of::<usize>() + ALLOCATION_BYTES;
/// What a shared buffer keeps beside its content.
const BUFFER_BYTES: usize = 4 * size_of::<usize>() + 2 * ALLOCATION_BYTES;
/// A link between parent and child: an element of either's list, and what the lists keep free.
pub(crate) const LINK_BYTES: usize = 2 * (2 * size_of::<Slot>() + ALLOCATION_BYTES / 2);

/// A slot of a hash table of which 4 of 7 are filled on average.
const fn table_bytes(content: usize) -> usize {
    (content + 1) * 7 / 4
}

/// An element of a tree whose nodes are filled by two thirds on average.
const fn tree_bytes(content: usize) -> usize {
    content * 3 / 2 + 2
}

/// What every entry occupies, whatever its transaction.
const FIXED_BYTES: usize = size_of::<Entry>()
    + ALLOCATION_BYTES
    + size_of::<Option<Box<Entry>>>() * 3 / 2
    + 2 * table_bytes(size_of::<(Txid, Slot)>())
    + tree_bytes(size_of::<order::MiningKey>())
    + tree_bytes(size_of::<order::EvictionKey>())
    + tree_bytes(size_of::<(Arrival, Slot)>())
    + tree_bytes(size_of::<(PackageKey, Box<[Slot]>)>())
    + size_of::<Slot>()
    + ALLOCATION_BYTES
    + size_of::<Option<PackageKey>>() * 3 / 2
    + size_of::<Transaction>()
    + ARC_BYTES
    + BUFFER_BYTES
    + 2 * ALLOCATION_BYTES;

/// What each input occupies, its bytes apart.
const INPUT_BYTES: usize = size_of::<TxIn>() + table_bytes(size_of::<(OutPoint, Slot)>());
/// What each output occupies, its bytes apart.
const OUTPUT_BYTES: usize = size_of::<TxOut>();

/// Returns what an entry occupies, with the links to its parents.
pub(super) fn entry_bytes(entry: &Entry) -> usize {
    transaction_bytes(entry.transaction()) + entry.parents.len() * LINK_BYTES
}

fn transaction_bytes(transaction: &Transaction) -> usize {
    FIXED_BYTES
        + transaction.size()
        + transaction.inputs().len() * INPUT_BYTES
        + transaction.outputs().len() * OUTPUT_BYTES
}
