//! Each rule on both sides, and against the predicates that evidence is judged by.

use super::*;

fn seal(mode: Mode, slot: u64, height: u32, digest: u8) -> SealRecord {
    SealRecord {
        mode,
        slot,
        round: 0,
        height,
        previously_sealed: 0,
        prevoted: 0,
        digest: [digest; 32],
    }
}

fn vote(source: u64, target: u64) -> VoteRecord {
    VoteRecord {
        source,
        target,
        digest: [7; 32],
    }
}

fn code(result: Result<Verdict, Refusal>) -> &'static str {
    match result {
        Ok(Verdict::Sign) => "sign",
        Ok(Verdict::Repeat(_)) => "repeat",
        Err(refusal) => refusal.code(),
    }
}

#[test]
fn a_slot_is_sealed_once_and_the_next_is_free() {
    let first = seal(Mode::Pos, 5, 3, 1);
    let marks = Marks::default().after_seal(&first);
    let signed = Signed {
        digest: first.digest,
        signature: [9; 64],
    };
    let ask = |slot, digest| {
        let at_place = (slot == 5).then_some(&signed);
        code(judge_seal(
            &marks,
            at_place,
            &seal(Mode::Pos, slot, 3, digest),
        ))
    };
    assert_eq!(ask(5, 1), "repeat");
    assert_eq!(ask(5, 2), "slashable-double-seal");
    assert_eq!(ask(4, 2), "slot-passed");
    assert_eq!(ask(6, 2), "sign");
    assert_eq!(ask(i64::MAX.unsigned_abs(), 2), "sign");
    assert_eq!(ask(i64::MAX.unsigned_abs() + 1, 2), "number-out-of-range");
}

#[test]
fn only_seals_of_slots_are_signed() {
    for mode in [Mode::Bootstrap, Mode::Bft, Mode::Raft, Mode::Paxos] {
        let asked = seal(mode, 5, 3, 1);
        assert_eq!(
            code(judge_seal(&Marks::default(), None, &asked)),
            "seal-mode"
        );
    }
}

#[test]
fn nothing_at_a_low_watermark_is_signed_and_one_above_is() {
    let marks = Marks {
        low_slot: Some(10),
        low_target: Some(4),
        ..Marks::default()
    };
    let at = |slot| code(judge_seal(&marks, None, &seal(Mode::Pos, slot, 1, 1)));
    assert_eq!(at(10), "slot-below-watermark");
    assert_eq!(at(11), "sign");
    let to = |target| code(judge_vote(&marks, None, None, &vote(1, target)));
    assert_eq!(to(4), "target-below-watermark");
    assert_eq!(to(5), "sign");
}

#[test]
fn a_delegate_never_forgets_a_height_it_sealed() {
    let first = SealRecord {
        previously_sealed: 4,
        prevoted: 2,
        ..seal(Mode::Dpos, 5, 9, 1)
    };
    let marks = Marks::default().after_seal(&first);
    assert_eq!(
        (marks.forged, marks.prevoted, marks.prevoted_height),
        (9, 2, 9)
    );
    let ask = |height, previously_sealed, prevoted| {
        let asked = SealRecord {
            previously_sealed,
            prevoted,
            ..seal(Mode::Dpos, 6, height, 2)
        };
        code(judge_seal(&marks, None, &asked))
    };
    assert_eq!(ask(10, 9, 2), "sign");
    assert_eq!(ask(10, 8, 2), "slashable-forgets-height");
    assert_eq!(ask(10, 9, 1), "slashable-prevotes-fall");
    assert_eq!(ask(9, 9, 2), "slashable-height-stays");
    // A branch with more prevotes may be lower: the fork choice goes there.
    assert_eq!(ask(5, 9, 3), "sign");
}

#[test]
fn votes_neither_double_nor_surround_nor_fall_back() {
    let marks = Marks::default().after_vote(&vote(2, 5));
    let signed = Signed {
        digest: [7; 32],
        signature: [1; 64],
    };
    assert_eq!(
        code(judge_vote(&marks, Some(&signed), None, &vote(2, 5))),
        "repeat"
    );
    let other = VoteRecord {
        digest: [8; 32],
        ..vote(2, 5)
    };
    assert_eq!(
        code(judge_vote(&marks, Some(&signed), None, &other)),
        "slashable-double-vote"
    );
    let around = Some((2, 5));
    assert_eq!(
        code(judge_vote(&marks, None, around, &vote(1, 6))),
        "slashable-surrounds"
    );
    assert_eq!(
        code(judge_vote(&marks, None, around, &vote(3, 4))),
        "slashable-surrounded"
    );
    // The same without history: the watermarks refuse both.
    assert_eq!(
        code(judge_vote(&marks, None, None, &vote(1, 6))),
        "source-passed"
    );
    assert_eq!(
        code(judge_vote(&marks, None, None, &vote(3, 4))),
        "target-passed"
    );
    assert_eq!(code(judge_vote(&marks, None, None, &vote(2, 6))), "sign");
    assert_eq!(
        code(judge_vote(&marks, None, None, &vote(6, 6))),
        "vote-order"
    );
}

/// Whatever is asked in whatever order: two seals that are signed never contradict each other
/// as LIP-0014 reads them, which is stated here once more, from the paper.
#[test]
fn no_two_delegate_seals_that_are_signed_contradict_each_other() {
    let contradicts = |a: &SealRecord, b: &SealRecord| {
        let order = |it: &SealRecord| (it.previously_sealed, it.prevoted, it.height);
        let (a, b) = if order(a) <= order(b) { (a, b) } else { (b, a) };
        (a.prevoted == b.prevoted && a.height >= b.height)
            || a.height > b.previously_sealed
            || a.prevoted > b.prevoted
    };
    let mut state = 11u64;
    let mut roll = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let small = |number: u64| u32::try_from(number).expect("small");
    let mut signed_in_all = 0;
    for _ in 0..2_000 {
        let (mut marks, mut signed) = (Marks::default(), Vec::<SealRecord>::new());
        for step in 0..40 {
            let asked = SealRecord {
                slot: step + roll(3),
                height: small(roll(12)),
                previously_sealed: small(roll(14)),
                prevoted: small(roll(5)),
                ..seal(Mode::Dpos, 0, 0, u8::try_from(step).expect("small"))
            };
            if judge_seal(&marks, None, &asked) == Ok(Verdict::Sign) {
                for before in &signed {
                    assert!(!contradicts(before, &asked), "{before:?} {asked:?}");
                    assert_ne!(before.slot, asked.slot);
                }
                marks = marks.after_seal(&asked);
                signed.push(asked);
            }
        }
        signed_in_all += signed.len();
    }
    assert!(signed_in_all > 4_000, "{signed_in_all}");
}

#[test]
fn no_two_votes_that_are_signed_contradict_each_other() {
    let nests = |a: &VoteRecord, b: &VoteRecord| a.source < b.source && b.target < a.target;
    let mut state = 5u64;
    let mut roll = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut signed_in_all = 0;
    for _ in 0..1_000 {
        let (mut marks, mut signed) = (Marks::default(), Vec::<VoteRecord>::new());
        for step in 0..40 {
            let asked = vote(roll(3 + step), roll(4 + step));
            if judge_vote(&marks, None, None, &asked) == Ok(Verdict::Sign) {
                for before in &signed {
                    assert_ne!(before.target, asked.target);
                    assert!(!nests(before, &asked) && !nests(&asked, before));
                }
                marks = marks.after_vote(&asked);
                signed.push(asked);
            }
        }
        signed_in_all += signed.len();
    }
    assert!(signed_in_all > 2_000, "{signed_in_all}");
}
