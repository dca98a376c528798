//! The rules of contradiction, beside the papers that they are from.

use proptest::prelude::*;
use synod_primitives::Height;
use synod_seal::{
    CheckedSeal, Mode, Seal, VoteLink, contradicts_by_height, contradicts_by_slot,
    contradicts_votes,
};

use crate::kit::{CHAIN, Key, checkpoint};

/// A delegate's block by its three heights.
fn block(key: u8, height: u32, previously_sealed: u32, prevoted: u32, salt: u8) -> CheckedSeal {
    let key = Key::new(key);
    let seal = Seal {
        mode: Mode::Dpos,
        previously_sealed: Height(previously_sealed),
        prevoted: Height(prevoted),
        ..key.seal(u64::from(height))
    };
    key.sealed(height, &seal, salt)
        .check(&CHAIN)
        .expect("a seal")
}

#[test]
fn lip_0014_contradictions() {
    let contradicts = |a: (u32, u32, u32), b: (u32, u32, u32)| {
        let a = block(1, a.0, a.1, a.2, 0);
        let b = block(1, b.0, b.1, b.2, 1);
        assert_eq!(contradicts_by_height(&a, &b), contradicts_by_height(&b, &a));
        contradicts_by_height(&a, &b)
    };
    // (height, sealed before, prevoted): one after the other on one branch.
    assert!(!contradicts((100, 80, 50), (120, 100, 70)));
    // To another branch with more prevotes, lower.
    assert!(!contradicts((100, 80, 50), (90, 100, 60)));
    // To another branch that is higher with as many prevotes.
    assert!(!contradicts((100, 80, 50), (101, 100, 50)));
    // To one that is no better: the same height, or lower, with as many prevotes.
    assert!(contradicts((100, 80, 50), (100, 100, 50)));
    assert!(contradicts((100, 80, 50), (99, 100, 50)));
    // Hides what was sealed before.
    assert!(contradicts((100, 80, 50), (120, 99, 70)));
    assert!(contradicts((100, 80, 50), (120, 80, 70)));
    // To a branch with fewer prevotes.
    assert!(contradicts((100, 80, 50), (120, 100, 49)));
}

#[test]
fn blocks_of_two_keys_and_one_block_twice_never_contradict() {
    let a = block(1, 100, 80, 50, 0);
    assert!(!contradicts_by_height(&a, &block(2, 100, 80, 50, 0)));
    assert!(!contradicts_by_height(&a, &a));
    assert!(!contradicts_by_slot(&a, &a));
    assert!(contradicts_by_slot(&a, &block(1, 100, 80, 50, 1)));
    assert!(!contradicts_by_slot(&a, &block(2, 100, 80, 50, 1)));
}

#[test]
fn double_and_surrounding_votes_contradict() {
    let link = |source: u64, target: u64, salt: u8| VoteLink {
        source: checkpoint(source, 0),
        target: checkpoint(target, salt),
    };
    let both = |a: VoteLink, b: VoteLink| {
        assert_eq!(contradicts_votes(&a, &b), contradicts_votes(&b, &a));
        contradicts_votes(&a, &b)
    };
    assert!(
        both(link(1, 2, 0), link(1, 2, 1)),
        "one target epoch, two blocks"
    );
    assert!(
        both(link(0, 2, 0), link(1, 2, 0)),
        "one target, two sources"
    );
    assert!(both(link(1, 4, 0), link(2, 3, 0)), "surrounds");
    assert!(!both(link(1, 2, 0), link(1, 2, 0)), "the same vote");
    assert!(!both(link(1, 2, 0), link(2, 3, 0)), "one after the other");
    assert!(
        !both(link(1, 2, 0), link(1, 3, 0)),
        "one source, a later target"
    );
    assert!(
        !both(link(1, 3, 0), link(2, 4, 0)),
        "they cross, none surrounds"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever only moves to branches with more prevotes, or as many and a greater height, and
    /// states the greatest height sealed so far, can never be proven guilty.
    #[test]
    fn a_truthful_delegate_never_contradicts_itself(
        start in (1..50u32, 0..50u32),
        steps in prop::collection::vec((0..3u32, 1..40u32), 1..7),
    ) {
        let (mut height, mut prevoted) = (start.0 + 60, start.1);
        let mut sealed = 0;
        let mut made: Vec<CheckedSeal> = Vec::new();
        for (index, (gain, step)) in (0..).zip(steps) {
            made.push(block(1, height, sealed, prevoted, index));
            sealed = sealed.max(height);
            height = if gain == 0 { height + step } else { (height + step).saturating_sub(30).max(1) };
            prevoted += gain;
        }
        for a in &made {
            for b in &made {
                prop_assert!(!contradicts_by_height(a, b), "{a:?} {b:?}");
            }
        }
    }
}
