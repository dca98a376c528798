//! When two signed statements of one key cannot both be an honest validator's.

use crate::sealed_header::CheckedSeal;
use crate::vote::VoteLink;

/// Says whether two blocks of one key contradict each other where a slot has one block
/// (proof of stake): the same slot and round, another block.
#[must_use]
pub fn contradicts_by_slot(a: &CheckedSeal, b: &CheckedSeal) -> bool {
    let place = |it: &CheckedSeal| {
        (
            it.seal().mode,
            it.seal().slot,
            it.seal().round,
            it.seal().key,
        )
    };
    place(a) == place(b) && a.hash() != b.hash()
}

/// Says whether two blocks of one key contradict each other under Lisk-BFT (LIP-0014, "Block
/// header contradiction"): they cannot have been made one after the other by somebody who
/// follows the fork choice and states truthfully what was sealed before.
#[must_use]
pub fn contradicts_by_height(a: &CheckedSeal, b: &CheckedSeal) -> bool {
    if a.seal().mode != b.seal().mode || a.seal().key != b.seal().key || a.hash() == b.hash() {
        return false;
    }
    // The one that states less was made first.
    let order = |it: &CheckedSeal| {
        let seal = it.seal();
        (seal.previously_sealed, seal.prevoted, it.height())
    };
    let (earlier, later) = if order(a) <= order(b) { (a, b) } else { (b, a) };
    let stays =
        earlier.seal().prevoted == later.seal().prevoted && earlier.height() >= later.height();
    let forgets = earlier.height() > later.seal().previously_sealed;
    let steps_back = earlier.seal().prevoted > later.seal().prevoted;
    stays || forgets || steps_back
}

/// Says whether two votes of one key contradict each other (Casper FFG, section 2.2): two
/// votes for one target epoch, or one that surrounds the other.
#[must_use]
pub fn contradicts_votes(a: &VoteLink, b: &VoteLink) -> bool {
    let surrounds = |outer: &VoteLink, inner: &VoteLink| {
        outer.source.epoch < inner.source.epoch && inner.target.epoch < outer.target.epoch
    };
    let is_double = a != b && a.target.epoch == b.target.epoch;
    is_double || surrounds(a, b) || surrounds(b, a)
}
